"""The gain of averaging the members of a size, compared with the headroom to the next size.

The mean law of k members has a lower loss than they have on average; the difference is the
ensemble gain (Jensen), the value of their disagreement. The headroom is the members' mean loss
minus the loss of the best model of the next size. If the mean law is no better than that model,
the gain cannot exceed the headroom: relevant disagreement requires loss that can still be reduced.
This is the anchoring argument of Eaton et al. (2026) for the logarithmic loss.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise
from typing import Any

import numpy as np
import numpy.typing as npt

from manymasks.arrays import Floats, Indices, Rows
from manymasks.config.analyses import Statistics
from manymasks.statistics.bootstrap import (
    document_columns,
    document_weights,
    ratio,
    ratio_resamples,
    standard_error,
)
from manymasks.statistics.comparisons import Comparison, contrast_row
from manymasks.statistics.intervals import UNKNOWN_ERROR, Interval, finite, interval_columns, joined
from manymasks.statistics.model_classes import Members
from manymasks.statistics.seed_design import Seeds, seed_error


@dataclass(frozen=True)
class LossSums:
    """Losses of k members, of their mean law, and of the next size, in nats summed by document.

    `members` (k, D): of each member. `ensemble` (D,): of the mean of their laws. `without` (k, D):
    of the mean without each member in turn. `next_best` (D,): of the member of the next size that
    is best on select. `tokens` (D,). `seeds`: of the k members.
    """

    members: Floats
    ensemble: Floats
    without: Floats
    next_best: Floats
    tokens: Floats
    seeds: Sequence[Seeds]


def loss_sums(
    log_p: npt.NDArray[np.floating[Any]],
    next_log_p: npt.NDArray[np.floating[Any]],
    owners: npt.NDArray[np.integer[Any]],
    documents: int,
    seeds: Sequence[Seeds],
) -> LossSums:
    """Sums by document from log-probabilities of the true tokens: of each member at each position
    (k, n), and of the best member of the next size (n,). `owners` (n,): documents."""
    members = log_p.astype(np.float64)
    k, n = members.shape
    ensemble = np.logaddexp.reduce(members, axis=0) - np.log(k)
    without = np.full((k, n), np.nan)
    if k > 1:
        # Sums over the members before and after each: a difference of totals would cancel where
        # one member dominates.
        empty = np.full((1, n), -np.inf)
        before = np.concatenate([empty, np.logaddexp.accumulate(members[:-1], axis=0)])
        after = np.concatenate([np.logaddexp.accumulate(members[:0:-1], axis=0)[::-1], empty])
        without = np.logaddexp(before, after) - np.log(k - 1)

    def by_document(values: Floats) -> Floats:
        rows = np.atleast_2d(values)
        sums = np.stack([np.bincount(owners, row, minlength=documents) for row in rows])
        return np.negative(sums, dtype=np.float64).reshape(*values.shape[:-1], documents)

    return LossSums(
        members=by_document(members),
        ensemble=by_document(ensemble),
        without=by_document(without),
        next_best=by_document(next_log_p.astype(np.float64)),
        tokens=np.bincount(owners, minlength=documents).astype(np.float64),
        seeds=seeds,
    )


def headroom_rows(
    sums: LossSums, corpus: str, variant: str, size: str, next_size: str, statistics: Statistics
) -> dict[str, Rows]:
    """Rows of headroom and contrast for the members of one size and the next one. `p` in headroom
    is one-sided, with the null that the gain does not exceed the headroom; that in contrast, the
    gain minus the headroom, is two-sided."""
    gain, headroom, remaining = headroom_of(sums, statistics)
    negated = replace(
        remaining, estimate=-remaining.estimate, low=-remaining.high, high=-remaining.low
    )
    comparison = Comparison("headroom", corpus, next_size, size, variant)
    return {
        "headroom": [
            {
                "model_class": f"{corpus}/{size}/{variant}",
                "next_class": f"{corpus}/{next_size}/{variant}",
            }
            | interval_columns(gain, "ensemble_gain", "gain_")
            | interval_columns(headroom, "headroom", "headroom_")
            | interval_columns(remaining, "remaining", "remaining_")
            | {"p": finite(below_zero(remaining)), "models": len(sums.members)}
            | document_columns(sums.tokens)
        ],
        "contrast": [contrast_row(comparison, negated, sums.seeds, sums.tokens)],
    }


def headroom_between_sizes(
    classes: Sequence[tuple[Members, Floats]],
    select: Mapping[str, float],
    owners: Indices,
    documents: int,
    statistics: Statistics,
) -> dict[str, Rows]:
    """Rows of headroom and contrast for each class and that of the next size, within a variant.
    `classes`: from small to large, members and log-probabilities of the true tokens (members,
    positions). `select`: mean loss on select, by model. `owners`: document of each position."""
    tables: dict[str, Rows] = {"headroom": [], "contrast": []}
    by_variant: dict[str, list[tuple[Members, Floats]]] = {}
    for members, log_p in classes:
        by_variant.setdefault(members[0].variant, []).append((members, log_p))
    for variant, sizes in by_variant.items():
        for (members, log_p), (larger, next_log_p) in pairwise(sizes):
            best = min(range(len(larger)), key=lambda i: select[larger[i].model])
            seeds = [member.seeds for member in members]
            sums = loss_sums(log_p, next_log_p[best], owners, documents, seeds)
            rows = headroom_rows(
                sums, members[0].corpus, variant, members[0].size, larger[0].size, statistics
            )
            for name, table in tables.items():
                table += rows[name]
    return tables


def headroom_of(sums: LossSums, statistics: Statistics) -> tuple[Interval, Interval, Interval]:
    """Ensemble gain, headroom, and headroom minus gain, in nats per token.

    The difference is the loss of the members' mean law minus that of the model of the next size.
    Errors join a jackknife over the members with the bootstrap over documents; an interval needs 3
    members, because the gain without one member needs 2.

    Two caveats. The gain grows with k, by about 1 / k of its value: compare classes at equal k. The
    model of the next size is the best of few, so the headroom is a lower bound, and a larger gain
    shows that these models of the next size are no better than the mean law, not that none could
    be.
    """
    k = len(sums.members)
    weights = document_weights(sums.tokens.size, statistics.resamples, statistics.seed)
    loss = ratio(sums.members, sums.tokens)
    # Mean loss without each member in turn.
    others = (loss.sum() - loss) / (k - 1) if k > 1 else np.full(k, np.nan)
    without = ratio(sums.without, sums.tokens)
    next_best = float(ratio(sums.next_best, sums.tokens))
    mean = sums.members.mean(axis=0)

    def interval(values: Floats, left_out: Floats, at_least: float | None) -> Interval:
        models = seed_error(left_out, sums.seeds) if k > 2 else UNKNOWN_ERROR
        over_documents = ratio_resamples(values, sums.tokens, weights)
        documents = standard_error(over_documents, sums.tokens)
        estimate = float(ratio(values, sums.tokens))
        return joined(estimate, models, documents, statistics.confidence, at_least)

    return (
        interval(mean - sums.ensemble, others - without, 0),
        interval(mean - sums.next_best, others - next_best, None),
        interval(sums.ensemble - sums.next_best, without - next_best, None),
    )


def below_zero(interval: Interval) -> float | None:
    """One-sided p from the two-sided one: small if the value is below 0."""
    if interval.p is None:
        return None
    return interval.p / 2 if interval.estimate < 0 else 1 - interval.p / 2
