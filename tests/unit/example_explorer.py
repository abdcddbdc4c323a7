"""Made-up tables of the stage `explorer`: contexts whose tokens a page has to show with care."""

import itertools
from typing import Any

Rows = list[dict[str, Any]]

TOKENS = ("The", " cat", "</script><b>", " &amp;", "\n", "\x1b[31m", "\u202e", " sat", " on", "")
SCORED = 5
WINDOWS = 2
BEGIN = len(TOKENS) - SCORED


def explored(probe: str, severities: int, models: Rows) -> dict[str, Rows]:
    """Members with an even seed of initial weights say what the text has, the others another token,
    at severity 0 only at the third scored token."""
    tables: dict[str, Rows] = {
        "explored_token": [],
        "explored_prediction": [],
        "explored_continuation": [],
        "explored_pair": [],
    }
    for severity, item in itertools.product(range(severities), range(WINDOWS)):
        key = {"probe": probe, "severity": severity, "item": item}
        tables["explored_token"] += _tokens(key, len(models))
        for model, at in itertools.product(models, range(SCORED)):
            tables["explored_prediction"] += _predictions(key, model, at)
        if severities == 1:
            tables["explored_continuation"] += _continuations(key, models)
        tables["explored_pair"] += _pairs(key, models, is_written=severities == 1)
    return tables


def _tokens(key: dict[str, Any], models: int) -> Rows:
    rows = []
    for position, token in enumerate(TOKENS):
        is_scored = position >= BEGIN
        value = 0.1 * (position - BEGIN + 1) if is_scored else None
        rows.append(
            {
                **key,
                "position": position,
                "document": f"d{key['item']}",
                "token": token,
                "information": value,
                "within_information": None if value is None else value / 2,
                "nats": None if value is None else 2 + value,
                "distinct_top1": 2 if is_scored else None,
                "models": models,
            }
        )
    return rows


def differs(model: dict[str, Any], severity: int, at: int) -> bool:
    """Whether a member says another token than the text."""
    return bool(model["seed_init"] % 2 and (severity or at == 2))


def _predictions(key: dict[str, Any], model: dict[str, Any], at: int) -> Rows:
    truth = TOKENS[BEGIN + at]
    others = [f" o{rank}" for rank in range(1, 6)]
    is_first = not differs(model, key["severity"], at)
    said = [truth, *others[:4]] if is_first else others
    row = {**key, "position": BEGIN + at, "model": model["model"]}
    rows = [
        {**row, "rank": rank, "token": token, "p": 0.6 / rank, "is_true": token == truth}
        for rank, token in enumerate(said, 1)
    ]
    if not is_first:
        rows.append({**row, "rank": 9, "token": truth, "p": 0.0123, "is_true": True})
    return rows


def _continuations(key: dict[str, Any], models: Rows) -> Rows:
    return [
        {
            **key,
            "model": model["model"],
            "position": BEGIN + at,
            "token": f" w{at}" + ("!" if differs(model, 0, at) else ""),
            "p": 0.5,
        }
        for model, at in itertools.product(models, range(SCORED))
    ]


def _pairs(key: dict[str, Any], models: Rows, *, is_written: bool) -> Rows:
    rows = []
    ordered = sorted(models, key=lambda model: str(model["model"]))
    for a, b in itertools.combinations(ordered, 2):
        if (a["size"], a["variant"]) != (b["size"], b["variant"]):
            continue
        for at in range(SCORED):
            is_apart = differs(a, key["severity"], at) != differs(b, key["severity"], at)
            row = {**key, "position": BEGIN + at, "model_a": a["model"], "model_b": b["model"]}
            kl = 1.5 + 0.1 * at if is_apart else 0.25
            rows.append({**row, "path": "text", "kl": kl})
            parted = a["seed_init"] % 2 != b["seed_init"] % 2
            if is_written and (at <= 2 or not parted):
                rows.append({**row, "path": "greedy", "kl": kl})
    return rows
