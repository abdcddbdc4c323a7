"""Made-up tables of the stage `fine_tuning`."""

import itertools
from typing import Any

Rows = list[dict[str, Any]]
MASKS = ("sticky", "clockwise", "anticlockwise", "jitter")
ARMS = ("one mask", "prior", "one premise", "new mask", "revived", "fresh")
REWARD_ARMS = ("letter reward", "letter optimum", "mask reward", "mask optimum")
STEPS, LETTERS = (0, 12, 40), (0, 16, 56)


def fine_tuning(models: Rows, arm: str) -> dict[str, Rows]:
    """Tables of the stage, for members of an arm and the exact law."""
    tables: dict[str, Rows] = {
        name: []
        for name in (
            "tuned_law", "tuned_reading", "tuned_shift", "tuned_profile", "tuned_wake",
            "tuned_premise",
        )
    }  # fmt: skip
    is_fresh = arm == "fresh"
    states = [(model["model"], step) for model in models for step in STEPS if step or not is_fresh]
    for number, (model, step) in enumerate([*states, ("bayes", None)]):
        labels = {"model": model, "step": step, "arm": arm}
        moved = (step or 100) / 40 + 0.01 * number
        for letters in LETTERS:
            kl = None if is_fresh else 0.4 * moved if step != 0 else 0.0
            row = {"letters": letters, "kl": kl, "documents": 120}
            row |= {"kl_one": kl and kl * 0.04, "kl_free": kl and kl * 0.02}
            row |= {"goal_kl": kl and 0.5, "goal_kl_one": kl and 0.1}
            row |= {"residual": 0.012, "base_residual": None if is_fresh else 0.008}
            row |= {"floor": 0.5 if arm == "new mask" else 0.0}
            row |= {"from_changed": 0.02, "from_original": 0.4}
            tables["tuned_law"].append({**labels, **row})
        is_told = step != 40
        row = {"reference": "sticky", "alpha": 0.9 - 0.4 * moved, "alpha_low": 0.2}
        row |= {"alpha_high": 0.95 if is_told else None, "is_identified": is_told}
        row |= {"gamma": 0.5, "shift": -4 * moved, "left_over": 0.03, "documents": 120}
        tables["tuned_reading"].append({**labels, **row})
        for alpha in (0.0, 0.5, 1.0):
            tables["tuned_profile"].append({**labels, "alpha": alpha, "left_over": 0.03 + alpha})
        for place, mask in enumerate(MASKS):
            row = {"mask": mask, "shift": -float(place), "one_shift": None if is_fresh else -1.0}
            tables["tuned_shift"].append({**labels, **row})
        for mask, letters in itertools.product(MASKS, LETTERS):
            row = {"mask": mask, "is_reference": mask == "sticky", "letters": letters}
            row |= {"weight": 0.1 if is_fresh else 0.2 + 0.01 * letters}
            row |= {"base_weight": None if is_fresh else 0.3 + 0.01 * letters}
            row |= {"bayes": 0.02 + 0.015 * letters, "bayes_before": 0.25 + 0.013 * letters}
            tables["tuned_wake"].append({**labels, **row})
        for place in range(5):
            row = {"premise": f"P{place}", "is_changed": arm != "one premise" or place == 4}
            row |= {"letters": 0, "weight": 0.9, "base_weight": None if is_fresh else 0.2}
            row |= {"bayes": 1.0 if place == 4 else 0.1}
            tables["tuned_premise"].append({**labels, **row})
    return tables


def rewarded(models: Rows) -> dict[str, Rows]:
    """Tables of members that are fine-tuned by rewards, in all arms."""
    tables: dict[str, Rows] = {}
    for arm in REWARD_ARMS:
        for name, rows in fine_tuning(models, arm).items():
            tables.setdefault(name, []).extend(rows)
    return tables


def by_variant(models: Rows, arms: dict[str, str]) -> dict[str, Rows]:
    """Tables of several arms, each of the members of a variant; the exact law is that of the
    first."""
    tables: dict[str, Rows] = {}
    for number, (variant, arm) in enumerate(arms.items()):
        mine = [model for model in models if model["variant"] == variant]
        for name, rows in fine_tuning(mine, arm).items():
            kept = [row for row in rows if not number or row["model"] != "bayes"]
            tables.setdefault(name, []).extend(kept)
    return tables
