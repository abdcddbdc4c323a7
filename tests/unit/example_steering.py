"""Made-up tables of the stage `steering`."""

import itertools
from typing import Any

Rows = list[dict[str, Any]]
ARMS = (
    ("trained", None, None, 0.0),
    ("offline", "adamw", None, 0.0),
    ("return", "adamw", 1.0, 1.0),
    ("return", "adamw", 2.0, 0.5),
    ("pathwise", "adamw", 1.0, 0.0),
    ("greedy", "adamw", None, None),
    ("self", "sgd", None, 0.0),
)


LEAN = {"steer-rare": 0.0, "steer-easy": 0.2, "steer-hard": -0.2}
"""What authors of a process carry over to the slope of a cue."""


def steering(models: Rows, process: str) -> dict[str, Rows]:
    """Tables of the stage, near their exact values."""
    names = ("steering", "steering_cue", "steering_path", "prediction")
    tables: dict[str, Rows] = {name: [] for name in names}
    for number, model in enumerate(models):
        mine = {"model": model["model"]}
        off = 0.01 * (number % 3 - 1)
        for arm, optimizer, dose, exact in ARMS:
            is_walk = optimizer == "sgd"
            for run in range(2 if is_walk else 1):
                labels = {**mine, "arm": arm, "optimizer": optimizer, "dose": dose, "run": run}
                row = {"steps": 10, "slope": 3.0 if exact is None else exact + off}
                row |= {"start_slope": 0.0, "exact_slope": exact, "residual": 0.05}
                row |= {"slope_sd": 0.02 if is_walk else None, "log_change": 0.1}
                row |= {"log_sd": 0.1 if is_walk else None, "easiest": 0.3, "cues_on_easiest": 2}
                tables["steering"].append({**labels, **row, "later_excess": 0.01})
        for cue in (3, 7):
            labels = {**mine, "arm": "trained", "optimizer": None, "dose": None, "run": 0}
            row = {"process": process, "cue": cue, "is_rare": cue == 7, "documents": 7000 // cue**3}
            row |= {
                "slope": LEAN[process] + off,
                "counted_slope": None,
                "slope_sd": 0.02 * cue,
                "likeliest": 0,
            }
            tables["steering_cue"].append({**labels, **row, "easiest": 0.25})
        for run, step in itertools.product((0, 1), (5, 10)):
            row = {"run": run, "step": step, "change": off * step, "change_sd": 0.01 * step**0.5}
            tables["steering_path"].append({**mine, **row})
    for corpus, size, variant in dict.fromkeys(
        (model["corpus"], model["size"], model["variant"]) for model in models
    ):
        row = {"measurement": "steering", "quantity": "slope", "source": "a proof"}
        row |= {"predicted_low": -0.1, "predicted_high": 0.1, "seen": 0.0}
        labels = {"corpus": corpus, "size": size, "variant": variant}
        tables["prediction"].append({**labels, **row, "seen_low": -0.01, "seen_high": 0.01})
    return tables
