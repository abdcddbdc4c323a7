"""Choice of the best learning rate of a grid, separately for each arm.

Every rate is tried with the same pairs of seeds, disjoint from those of the study, and scored on
the select split.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np

from manymasks.arrays import Rows
from manymasks.statistics.intervals import NO_ERROR, Interval
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

    `trials`: for every rate, those of the same pairs of seeds, in any order. Raises ValueError if
    the rates were not tried with the same seeds, each once.
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
    lead = None
    if others:
        lead = paired_mean(whole[others[0]] - whole[best], seeds, NO_ERROR, CONFIDENCE)
    return Choice(
        rate=best,
        nats=float(whole[best].mean()),
        edge=edges.get(best),
        runner_up=others[0] if others else None,
        lead=lead,
    )


def trial_rows(trials: Sequence[Trial], choice: Choice) -> Rows:
    """A row of the table `tuning` for each trial, without its arm."""
    return [
        {
            "learning_rate": trial.rate,
            "seed_init": trial.seed_init,
            "seed_order": trial.seed_order,
            "select_nats": trial.nats,
            "status": "failed" if trial.nats is None else "trained",
            "is_chosen": trial.rate == choice.rate,
        }
        for trial in trials
    ]


def messages(choice: Choice, rates: Sequence[float]) -> Iterator[str]:
    """What a user is told of a choice, with a warning where it is at the edge of the grid."""
    grid = ", ".join(f"{rate:g}" for rate in rates)
    text = f"the best learning rate of {grid} is {choice.rate:g}, {choice.nats:.4f} nats a token"
    if choice.lead is not None:
        text += f", {choice.lead.estimate:.4f}"
        if choice.lead.p is not None:
            text += f" ({choice.lead.low:.4f} to {choice.lead.high:.4f})"
        text += f" less than {choice.runner_up:g}"
    yield text
    if choice.edge is not None:
        beyond = "lower" if choice.edge == "lowest" else "higher"
        yield (
            f"warning: the best learning rate, {choice.rate:g}, is the {choice.edge} of the grid: "
            f"add {beyond} ones to tune.rates"
        )
