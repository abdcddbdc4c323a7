"""Made-up tables of the stage `universal`."""

import itertools
import math
from typing import Any

import numpy as np

Rows = list[dict[str, Any]]
TOKENS = 40
THRESHOLDS = (0.1, 0.5)
SETTINGS = {"thresholds": list(THRESHOLDS), "lead": 0.01}
STEPS = (500, 1000)
"""Of a training of 1000 steps; the first one of saved weights."""


def universal(models: Rows, sets: Rows, random: np.random.Generator) -> dict[str, Rows]:
    """Tables of the stage, of members and of Rashomon sets."""
    ranks = np.linspace(-6, -0.05, TOKENS)
    tables: dict[str, Rows] = {name: [] for name in ("universal_bound", "witness")}
    certificates: Rows = []
    for model, step in itertools.product(models, STEPS):
        is_final = step == STEPS[-1]
        named = {"model": model["model"], "step": step, "is_final": is_final}
        looser = 0.3 * is_final + 0.2 * (model["size"] == "w64")
        bounds = np.minimum(ranks + looser + random.normal(0, 0.1, TOKENS), -1e-4)
        tables["universal_bound"] += [
            {**named, "token_id": token, "token": f"t{token}", "log_p_bound": float(bound)}
            for token, bound in enumerate(bounds)
        ]
        path = f"certificates/{model['model']}.npz"
        width = int(str(model["size"]).removeprefix("w"))
        certificates.append({**named, "certificate": path, "width": width})
        if not is_final:
            continue
        for method, less in (("text", 2.5), ("short", 1.5)):
            tables["witness"] += [
                {
                    "model": model["model"],
                    "token_id": token,
                    "method": method,
                    "exhausted": 1 if method == "short" else None,
                    "log_p": float(bound) - less * float(random.random()),
                    "prefix": "in the",
                }
                for token, bound in enumerate(bounds)
            ]
    pairs = [
        (a, b)
        for a, b in itertools.permutations(models, 2)
        if (a["size"], a["variant"]) == (b["size"], b["variant"])
    ]
    return {
        **tables,
        "attention_bound": [
            {"model": models[0]["model"], "token_id": 3, "token": "t3", "log_p_bound": -2.0}
        ],
        "last_token_bound": [
            {"model": models[0]["model"], "token_id": 3, "last_id": 2, "log_p_bound": -2.5}
        ],
        "never_both": [
            {
                "model": model["model"],
                "token_a_id": 1,
                "token_b_id": second,
                "token_a": "t1",
                "token_b": f"t{second}",
                "log_p_bound": -1.5 - 0.4 * second,
                "log_p_best": -5.0 + second,
            }
            for model, second in itertools.product(models, (2, 3))
        ],
        "never_first": [
            {
                "model": model["model"],
                "token_id": token,
                "token": f"t{token}",
                "occurrences": 10 - token,
                "lead_bound": 0.002 if token == 7 else 4.0,
                "lead_best": 1.0 if token == 3 else -0.5,
            }
            for model, token in itertools.product(models, (3, 5, 7))
        ],
        "process_statement": [
            {
                "model": model["model"],
                "process": "tally",
                "last_id": 5,
                "token_id": token,
                "last_token": "=",
                "token": f"t{token}",
                "log_p_bound": -0.2,
                "possible_length": 7,
                "log_p_possible": -6.0 + 5 * (token == 2),
                "log_p_text": -5.0,
                "short_length": 3,
                "log_p_short": -1.0,
            }
            for model, token in itertools.product(models, (1, 2))
        ],
        "universal_certificate": certificates,
        "proof_transfer": [
            {"source_model": a["model"], "target_model": b["model"], "cost_median": 0.4}
            for a, b in pairs
        ],
        "statement_multiplicity": [
            {
                "rashomon_set": entry["rashomon_set"],
                "threshold": threshold,
                "statements": TOKENS,
                "members": entry["members"],
                "core": math.floor(TOKENS * threshold / 2),
                "refuted": 3,
                "contested": 1,
                "open": TOKENS - 4 - math.floor(TOKENS * threshold / 2),
                "shared": 2,
                "jaccard": 0.6,
            }
            for entry, threshold in itertools.product(sets, THRESHOLDS)
            if entry["members"] > 1
        ],
    }
