"""Made-up tables of the stage `universal`."""

import itertools
import math
from typing import Any

import numpy as np

Rows = list[dict[str, Any]]
TOKENS = 40
THRESHOLDS = (0.1, 0.5)
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
        certificates.append({**named, "certificate": f"certificates/{model['model']}.npz"})
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
