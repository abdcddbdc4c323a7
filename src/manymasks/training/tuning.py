"""Which learning rate of a grid is best: one for each arm, so that none lives on another's.

Each rate is tried with the same pairs of seeds, none of them a seed of the study, and scored on
the select split.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np

from manymasks.statistics.intervals import Interval
from manymasks.statistics.paired import paired_mean

CONFIDENCE = 0.95
"""Of the interval of the difference to the runner-up."""

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

    `edge` says whether it is the lowest or highest of the grid: then a better one may lie
    beyond. `lead` is the mean over seeds of the runner-up's loss less that of the best one, in
    nats per token; it and `runner_up` are None where no other rate came through.
    """

    rate: float
    nats: float
    edge: Edge | None
    runner_up: float | None
    lead: Interval | None


def choose(trials: Sequence[Trial]) -> Choice | None:
    """The rate whose mean loss over the seeds is lowest; the lower rate where two are equal.

    A rate with a trial that failed loses to every rate without; where no rate is without,
    there is nothing to choose and the answer is None. The interval of the lead is Student's t
    over the pairs of seeds. It makes nothing good for the best having been picked by the same
    losses, so it is too favourable to it: what it can say is that two rates are alike.

    Args:
        trials: of each rate those of the same pairs of seeds, in any order.

    Raises:
        ValueError: if the rates were not tried with the same seeds, each once.
    """
    losses: dict[float, dict[tuple[int, int], float | None]] = {}
    for trial in trials:
        losses.setdefault(trial.rate, {})[trial.seed_init, trial.seed_order] = trial.nats
    seeds = sorted(next(iter(losses.values()), {}))
    alike = all(sorted(each) == seeds for each in losses.values())
    if not alike or len(trials) != len(losses) * len(seeds):
        raise ValueError("rates must be tried with the same pairs of seeds, each once")
    whole = {
        rate: np.array([nats for pair in seeds if (nats := each[pair]) is not None])
        for rate, each in losses.items()
        if None not in each.values()
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
