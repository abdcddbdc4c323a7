"""What was predicted of steering before the run, and what answers it."""

from collections.abc import Mapping, Sequence

import numpy as np

from manymasks.arrays import Floats
from manymasks.corpora.processes.steer import SteerLaw
from manymasks.statistics.intervals import NO_ERROR, Interval
from manymasks.statistics.paired import paired_mean
from manymasks.statistics.predictions import Prediction
from manymasks.statistics.seed_design import Seeds
from manymasks.steering.drift import Drift
from manymasks.steering.slopes import slope_sd, steering_reading
from manymasks.steering.steering_tables import TRAINED, ArmResult, arm_row

_PROOF = "a proof"
_EARLIER = "two members, before this study"
_TABLE = "the exact dynamics of a table; two members, before this study, had 8"

STEER = (
    Prediction("slope of trained members", -0.03, 0.03, _EARLIER),
    Prediction("slope after more documents of the law", -0.03, 0.03, _EARLIER),
    Prediction("change by own choices, AdamW", 0, 0, "a proof for SGD"),
    Prediction("change by own choices, SGD, in standard errors", -2, 2, _PROOF),
    Prediction("spread by own choices, SGD, over its closed form", 0.85, 1.15, _EARLIER),
    Prediction("change by a return, times beta", 0.95, 1.05, _EARLIER),
    Prediction("residual after a return at beta 2", None, 0.1, _EARLIER),
    Prediction("change by the path through the choice", -0.02, 0.02, _EARLIER),
    Prediction("slope of the mixture over the exact one", 0.9, 1.1, "a closed form"),
    Prediction("probability of the easiest choice, greedy", 0.95, None, "a closed form"),
    Prediction("cues on the easiest choice, total", 6, 6, _TABLE),
)
EARLIER_BETA = 2.0
"""Of the members before this study."""
MYOPIC = Prediction("change by a return, myopic minus causal", -0.03, 0.03, _PROOF)
"""For classes beside a causal one of their size."""
RARE = Prediction("slope of rare cues in standard deviations", -2, 2, "a proof for frequencies")
_GUESS = "a guess: shared weights pull"
EASY = Prediction("slope of the rarest cue", 0, None, _GUESS)
"""Where authors choose by ease."""
HARD = Prediction("slope of the rarest cue", None, 0, _GUESS)
"""Where they choose by difficulty."""


def predictions_of(law: SteerLaw, *, has_causal: bool) -> tuple[Prediction, ...]:
    """The predictions for a class on a process. `has_causal`: whether it is compared with one."""
    if not law.has_rare_cues:
        return (*STEER, MYOPIC) if has_causal else STEER
    if not law.ease:
        return (RARE,)
    return (RARE, EASY if law.ease > 0 else HARD)


def steer_quantities(
    results: Sequence[Sequence[ArmResult]],
    drifts: Sequence[Drift | None],
    law: SteerLaw,
    seeds: Sequence[Seeds],
    causal: Mapping[Seeds, float],
    confidence: float,
) -> tuple[dict[str, Interval], dict[Seeds, float]]:
    """What came of a class of members on `steer`, and the change by a return of each, times beta.
    `results`: of each member. `causal`: the latter for causal members."""
    rows = [
        [arm_row(result, law, drift) for result in mine]
        for mine, drift in zip(results, drifts, strict=True)
    ]

    def mean(values: list[float]) -> Interval:
        return paired_mean(np.array(values), seeds, NO_ERROR, confidence)

    def column(arm: str, name: str, optimizer: str | None = "adamw") -> list[float]:
        """Means over the runs of an arm, a value a member."""
        return [
            float(
                np.mean([r[name] for r in mine if (r["arm"], r["optimizer"]) == (arm, optimizer)])
            )
            for mine in rows
        ]

    def change(arm: str, optimizer: str = "adamw") -> list[float]:
        after, before = column(arm, "slope", optimizer), column(arm, "start_slope", optimizer)
        return [a - b for a, b in zip(after, before, strict=True)]

    returns = [[row for row in mine if row["arm"] == "return"] for mine in rows]
    dosed = [
        float(np.mean([(row["slope"] - row["start_slope"]) * row["dose"] for row in mine]))
        for mine in returns
    ]
    left = [[row["residual"] for row in mine if row["dose"] == EARLIER_BETA] for mine in returns]
    exact = column("mixed", "exact_slope")
    seen = {
        "slope of trained members": mean(column(TRAINED, "slope", None)),
        "slope after more documents of the law": mean(column("offline", "slope")),
        "change by own choices, AdamW": mean(change("self")),
        "change by a return, times beta": mean(dosed),
        "change by the path through the choice": mean(change("pathwise")),
        "slope of the mixture over the exact one": mean(
            [a / b for a, b in zip(column("mixed", "slope"), exact, strict=True)]
        ),
        "probability of the easiest choice, greedy": mean(column("greedy", "easiest")),
        "cues on the easiest choice, total": mean(column("total", "cues_on_easiest")),
    }
    if all(left):
        seen["residual after a return at beta 2"] = mean([values[0] for values in left])
    walks = [row for mine in rows for row in mine if row["slope_sd"] is not None]
    if walks:
        moved = np.array([row["slope"] - row["start_slope"] for row in walks])
        error = np.sqrt(np.sum([row["slope_sd"] ** 2 for row in walks]))
        seen["change by own choices, SGD, in standard errors"] = _one(moved.sum() / error)
        seen["spread by own choices, SGD, over its closed form"] = _one(
            np.sqrt(
                np.sum([row["log_change"] ** 2 for row in walks])
                / np.sum([row["log_sd"] ** 2 for row in walks])
            )
        )
    mine = dict(zip(seeds, dosed, strict=True))
    shared = [pair for pair in seeds if pair in causal]
    if shared:
        gaps = np.array([mine[pair] - causal[pair] for pair in shared])
        seen[MYOPIC.quantity] = paired_mean(gaps, shared, NO_ERROR, confidence)
    return seen, mine


def rare_quantities(
    laws: Sequence[Floats],
    law: SteerLaw,
    documents: Floats,
    seeds: Sequence[Seeds],
    confidence: float,
) -> dict[str, Interval]:
    """What came of a class of members with laws (cues, choices) where cues are rare. `documents`:
    of each cue, (cues,), which all of them were trained on."""
    slopes = np.stack([steering_reading(one, law.choices).slopes for one in laws])
    spread = slope_sd(law.choices, np.maximum(documents, 1))
    rare = (slopes / spread)[:, law.common :]
    # A mean of standard scores has the variance of one over their number.
    scores = rare.sum(1) / np.sqrt(rare.shape[1])
    return {
        RARE.quantity: paired_mean(scores, seeds, NO_ERROR, confidence),
        "slope of the rarest cue": paired_mean(slopes[:, -1], seeds, NO_ERROR, confidence),
    }


def _one(value: float) -> Interval:
    """A value of all members together."""
    return Interval(float(value), float("nan"), float("nan"), None, 0.0)
