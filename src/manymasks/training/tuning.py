"""Choice of the best learning rate of a grid, separately for each arm.

Every rate is tried with the same pairs of seeds, disjoint from those of the study, and scored on
the select split.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np

from manymasks.statistics.intervals import Interval
from manymasks.statistics.paired import paired_mean

CONFIDENCE = 0.95
"""Of the interval of the lead over the runner-up."""

Edge = Literal["lowest", "highest"]


@dataclass(frozen=True)
class Trial:
    """A training with one rate and pair of seeds; `nats` is None if it failed."""

    rate: float
    seed_init: int
    seed_order: int
    nats: float | None


@dataclass(frozen=True)
class Choice:
    """The best rate of a grid.

    `edge`: whether it is the lowest or highest of the grid, so that a better one may lie outside.
    `lead`: mean over seeds of the runner-up's loss minus that of the best one, nats per token; it
    and `runner_up` are None if no other rate succeeded.
    """

    rate: float
    nats: float
    edge: Edge | None
    runner_up: float | None
    lead: Interval | None


def choose(trials: Sequence[Trial]) -> Choice | None:
    """The rate with the lowest mean loss over the seeds; of equals the lower rate.

    Rates with a failed trial are excluded; None if none is left. The interval of the lead is
    Student's t over the pairs of seeds. The best rate is picked by the same losses, so the lead is
    biased upwards: the interval can only show that two rates are equally good.

    Args:
        trials: for every rate, those of the same pairs of seeds, in any order.

    Raises:
        ValueError: if the rates were not tried with the same seeds, each once.
    """
    losses: dict[float, dict[tuple[int, int], float | None]] = {}
    for trial in trials:
        losses.setdefault(trial.rate, {})[trial.seed_init, trial.seed_order] = trial.nats
    seeds = sorted(next(iter(losses.values()), {}))
    same_seeds = all(sorted(by_seeds) == seeds for by_seeds in losses.values())
    if not same_seeds or len(trials) != len(losses) * len(seeds):
        raise ValueError("rates must be tried with the same pairs of seeds, each once")
    whole = {
        rate: np.array([nats for pair in seeds if (nats := by_seeds[pair]) is not None])
        for rate, by_seeds in losses.items()
        if None not in by_seeds.values()
    }
    ranked = sorted(whole, key=lambda rate: (float(whole[rate].mean()), rate))
    if not ranked:
        return None
    best, others = ranked[0], ranked[1:]
    edges: dict[float, Edge] = {min(losses): "lowest", max(losses): "highest"}
    lead = paired_mean(whole[others[0]] - whole[best], 0.0, CONFIDENCE) if others else None
    return Choice(
        rate=best,
        nats=float(whole[best].mean()),
        edge=edges.get(best),
        runner_up=others[0] if others else None,
        lead=lead,
    )
