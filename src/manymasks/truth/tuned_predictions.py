"""What was predicted of fine-tuned members before they were trained, and what answers it.

What came of a class is the value of the member furthest from the prediction: a single one refutes
it.
"""

from collections.abc import Mapping, Sequence

import numpy as np

from manymasks.arrays import Row, Rows
from manymasks.statistics.intervals import Interval
from manymasks.statistics.predictions import Prediction

_EARLIER = "one member and one fine-tuning, before this study"
_OPTIMUM = "the exact optimum"
_WITHIN = Prediction("growth of the residual over the change", None, 0.1, _EARLIER)

PREDICTIONS: Mapping[str, tuple[Prediction, ...]] = {
    "one mask": (
        _WITHIN,
        Prediction("share of one shift in the end", 0.9, None, _EARLIER),
        Prediction("identified alphas of 0.8 with a shift below -3", 0, 0, _EARLIER),
    ),
    "prior": (_WITHIN, Prediction("alpha in the end", 0.8, None, _EARLIER)),
    "one premise": (_WITHIN, Prediction("leak in the end", 0.5, None, _EARLIER)),
    "new mask": (Prediction("residual over the floor in the end", 0.8, 1.2, _EARLIER),),
    "revived": (
        Prediction("weight lost on the longest prompts", None, 0.05, _EARLIER),
        Prediction("lead over fresh members on the longest prompts", 0.2, None, "a guess"),
    ),
    "fresh": (),
    **{
        f"letter {way}": (
            Prediction(f"share of one shift in the end, letter {way}", None, 0.59, _OPTIMUM),
            Prediction(
                f"share of one shift beside the optimum's, letter {way}", -0.1, 0.1, "a guess"
            ),
            Prediction(f"KL from the optimum over that at the start, letter {way}", None, 0.5,
                "a guess"),
        )
        for way in ("reward", "optimum")
    },
    **{
        f"mask {way}": (
            Prediction(f"share of one shift in the end, mask {way}", 0.9, None, _OPTIMUM),
            Prediction(
                f"growth of the residual over the change, mask {way}", None, 0.1, _EARLIER
            ),
            Prediction(f"KL from the optimum over that at the start, mask {way}", None, 0.5,
                "a guess"),
        )
        for way in ("reward", "optimum")
    },
}  # fmt: skip
"""By arm. Members of one class have several arms with rewards, so these quantities name theirs."""
REWARD_ARMS = tuple(arm for arm in PREDICTIONS if arm.split()[-1] in ("reward", "optimum"))
CHANGED = 0.05
"""Nats of change from which its share is taken."""
UNREAD = -3.0
"""Nats of shift."""


def quantities(
    tables: Mapping[str, Rows], arm: str, models: Sequence[str], fresh: Sequence[str]
) -> dict[str, Interval]:
    """What came of each quantity predicted of an arm, for a class with these keys. `fresh`: keys of
    the members from drawn weights that it is compared with."""
    seen: dict[str, list[float]] = {}
    for model in models:
        for name, value in _of_member(tables, model, arm, fresh).items():
            named = f"{name}, {arm}" if arm in REWARD_ARMS else name
            seen.setdefault(named, []).append(value)
    furthest = {}
    for prediction in PREDICTIONS[arm]:
        if prediction.quantity in seen:
            value = _furthest(prediction, seen[prediction.quantity])
            furthest[prediction.quantity] = Interval(value, value, value, None, 0.0)
    return furthest


def _furthest(prediction: Prediction, values: Sequence[float]) -> float:
    """The value furthest beyond an end of the range, or nearest to one from within."""
    low = -np.inf if prediction.low is None else prediction.low
    high = np.inf if prediction.high is None else prediction.high
    return max(values, key=lambda value: max(low - value, value - high))


def _of_member(
    tables: Mapping[str, Rows], model: str, arm: str, fresh: Sequence[str]
) -> dict[str, float]:
    mine = {
        name: [row for row in rows if (row["model"], row["arm"]) == (model, arm)]
        for name, rows in tables.items()
        if name != "prediction"
    }
    last = max(row["step"] for row in mine["tuned_law"])
    states = [_state(mine["tuned_law"], step) for step in {r["step"] for r in mine["tuned_law"]}]
    end = _state(mine["tuned_law"], last)
    identified = [
        row["is_identified"] and row["alpha"] >= 0.8 and row["shift"] < UNREAD
        for row in mine["tuned_reading"]
    ]
    (alpha,) = (row["alpha"] for row in mine["tuned_reading"] if row["step"] == last)
    values = {
        "identified alphas of 0.8 with a shift below -3": float(sum(identified)),
        "alpha in the end": alpha,
    }
    if end["kl"] is None:
        return values
    growth = [
        (state["residual"] - state["base_residual"]) / state["kl"]
        for state in states
        if state["kl"] > CHANGED
    ]
    if growth:
        values["growth of the residual over the change"] = max(growth)
    exact = [r for r in tables["tuned_law"] if (r["model"], r["arm"]) == ("bayes", arm)]
    if end["kl"] > CHANGED:
        share = values["share of one shift in the end"] = 1 - end["kl_one"] / end["kl"]
        if exact:
            best = _state(exact, None)
            values["share of one shift beside the optimum's"] = share - (
                1 - best["kl_one"] / best["kl"]
            )
    begun = [row for row in mine["tuned_law"] if row["step"] == 0]
    if begun:
        values["KL from the optimum over that at the start"] = (
            end["from_changed"] / _state(begun, 0)["from_changed"]
        )
    if end["floor"] > CHANGED:
        values["residual over the floor in the end"] = end["residual"] / end["floor"]
    leak = _leak([row for row in mine["tuned_premise"] if row["step"] == last])
    if leak is not None:
        values["leak in the end"] = leak
    weight, base = _longest(mine["tuned_wake"])
    values["weight lost on the longest prompts"] = base - weight
    if fresh:
        others = [_longest([r for r in tables["tuned_wake"] if r["model"] == m])[0] for m in fresh]
        values["lead over fresh members on the longest prompts"] = weight - float(np.mean(others))
    return values


def _state(rows: Rows, step: int | None) -> Row:
    """Means over prompts of a member after some steps; None for what a fresh one has not."""
    columns = ("kl", "kl_one", "residual", "base_residual", "floor", "from_changed")
    mine = [row for row in rows if row["step"] == step]
    return {
        name: None if mine[0][name] is None else float(np.mean([row[name] for row in mine]))
        for name in columns
    }


def _longest(rows: Rows) -> tuple[float, float]:
    """The weight of the mask of the longest prompts in the end, and where it started (NaN for
    fresh members), over the masks that the documents do not favour."""
    last = max((row["step"], row["letters"]) for row in rows)
    mine = [r for r in rows if (r["step"], r["letters"]) == last and not r["is_reference"]]
    base = [np.nan if row["base_weight"] is None else row["base_weight"] for row in mine]
    return float(np.mean([row["weight"] for row in mine])), float(np.mean(base))


def _leak(rows: Rows) -> float | None:
    """How far the weight moved under premises that the documents do not have, relative to the one
    that they have; None where they change all premises or none."""
    moved: dict[bool, list[float]] = {True: [], False: []}
    for row in rows:
        moved[row["is_changed"]].append(row["weight"] - row["base_weight"])
    if not moved[True] or not moved[False]:
        return None
    return float(np.mean(moved[False]) / np.mean(moved[True]))
