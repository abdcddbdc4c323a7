"""Made-up tables of the stage `decomposition`."""

import itertools
from typing import Any

Rows = list[dict[str, Any]]
VALUES = {
    ("member", "operators"): (0.94, 0.97, 0.82),
    ("independent", "operators"): (0.92, 0.94, 0.78),
    ("exchanged", "operators"): (0.8, 0.86, 0.85),
    ("member", "masks"): (0.95, 0.98, 0.78),
    ("independent", "masks"): (0.99, 0.99, 0.11),
    ("exchanged", "masks"): (0.98, 0.97, 0.15),
}
"""By predictor and way of reading: R squared to the posterior, between two, correlation."""


def interval(name: str, value: float) -> dict[str, float]:
    return {name: value, f"{name}_low": value - 0.02, f"{name}_high": min(value + 0.02, 1)}


def decomposition(corpus: str, models: Rows) -> dict[str, Rows]:
    """Tables of the stage."""
    names = ("operator_spectrum", "decomposition", "part_weight", "decomposition_pair",
             "decomposition_class", "prediction")  # fmt: skip
    tables: dict[str, Rows] = {name: [] for name in names}
    predictors = [("bayes", None, 1.0), ("window 8", None, 0.95)]
    for model in models:
        key = model["model"]
        kinds = (("member", 0.98), ("independent", 0.97), ("exchanged", 0.97), ("untrained", 0.1))
        predictors += [(kind, key, slow) for kind, slow in kinds]
    for predictor, model, slow in predictors:
        mine = {"predictor": predictor, "model": model}
        for number, (re, im) in enumerate(((1.0, 0.0), (slow, 0.0), (-0.4, 0.7), (-0.4, -0.7))):
            row = {"number": number + 1, "re": re, "im": im, "re_error": 0.001}
            memory = None if re >= 1 or re <= 0 else 20.0
            tables["operator_spectrum"].append(
                {**mine, **row, "memory": memory, "singular_value": 0.5**number}
            )
        counts = {"parts": 2, "clocks": 0, "directions": 12, "kl": 0.02}
        tables["decomposition"].append({**mine, **counts, "slowest": slow, "next_slowest": 0.85})
        for reading, letters in itertools.product(("operators", "masks"), (4, 56, None)):
            row = {"reading": reading, "letters": letters, "r2": 0.9, "agree": 0.95}
            tables["part_weight"].append({**mine, **row, "documents": 40})
    classes: dict[tuple[str, str], list[str]] = {}
    for model in models:
        classes.setdefault((model["size"], model["variant"]), []).append(model["model"])
    for (size, variant), keys in classes.items():
        labels = {"corpus": corpus, "size": size, "variant": variant}
        for (predictor, reading), (r2, between, correlation) in VALUES.items():
            named = {"predictor": predictor, "reading": reading}
            for a, b in itertools.combinations(sorted(keys), 2):
                pair = {"model_a": a, "model_b": b, "r2": between}
                tables["decomposition_pair"].append(
                    {**named, **pair, "error_correlation": correlation}
                )
            row = {**interval("r2", r2), **interval("between", between)}
            row |= interval("error_correlation", correlation)
            tables["decomposition_class"].append(
                {**labels, **named, **row, "models": len(keys), "documents": 40}
            )
        for quantity, low, high, seen in (
            ("parts of member", 4, 4, 2), ("r2 of member by masks", 0.9, None, 0.95),
            ("at most", None, 0.5, None),
        ):  # fmt: skip
            row = {"measurement": "decomposition", "quantity": quantity, "source": "a guess"}
            row |= {"predicted_low": low, "predicted_high": high}
            row |= dict.fromkeys(("seen", "seen_low", "seen_high"), seen)
            tables["prediction"].append({**labels, **row})
    return tables
