"""The steering slope: how much likelier a choice is, relative to a reference, the less it costs.

After a cue, s_c = ln p(c) - ln reference(c), centred over choices, is regressed on the ease
x_c = mean cost - cost_c. The slope, sum(s x) / sum(x^2), is in 1/nat: a law weighted by
exp(-cost / beta) has the slope 1 / beta whatever the reference.
"""

from dataclasses import dataclass

import numpy as np

from manymasks.arrays import Floats, Ints
from manymasks.corpora.processes.steer import COSTS, CUES, FIRST_CHOICE, FIRST_CUE, OPTIONS


@dataclass(frozen=True)
class SteeringReading:
    """Slopes after cues, and what a slope does not explain."""

    slopes: Floats
    """(cues,), 1/nat."""
    residual: float
    """Root mean square of s - slope x over cues and choices."""

    @property
    def slope(self) -> float:
        """Mean over cues."""
        return float(self.slopes.mean())


def slope_weights(costs: Floats = COSTS) -> Floats:
    """The weights (choices,) of ln p in a slope; they sum to 0."""
    ease = costs.mean() - costs
    return np.asarray(ease / (ease**2).sum())


def steering_reading(laws: Floats, reference: Floats, costs: Floats = COSTS) -> SteeringReading:
    """The slopes of laws (cues, choices) relative to a reference of that shape, all positive."""
    change = np.log(laws) - np.log(reference)
    change -= change.mean(-1, keepdims=True)
    slopes = change @ slope_weights(costs)
    left = change - slopes[:, None] * (costs.mean() - costs)
    return SteeringReading(slopes, float(np.sqrt((left**2).mean())))


def slope_sd(law: Floats, documents: Floats, costs: Floats = COSTS) -> Floats:
    """Standard deviation of the slope of the frequencies of choices in so many documents (cues,),
    drawn from a law (cues, choices), to first order: cov(ln p) = (diag(1/law) - 11') / documents,
    and the weights of a slope sum to 0. Infinite without documents."""
    with np.errstate(divide="ignore"):
        return np.asarray(np.sqrt((slope_weights(costs) ** 2 / law).sum(-1) / documents))


def choice_counts(documents: Ints) -> Ints:
    """Documents (n, length) by cue and choice, (cues, choices)."""
    cues, choices = documents[:, 1] - FIRST_CUE, documents[:, 2] - FIRST_CHOICE
    counts = np.bincount(cues * OPTIONS + choices, minlength=CUES * OPTIONS)
    return counts.reshape(CUES, OPTIONS)
