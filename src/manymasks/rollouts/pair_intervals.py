"""Statistics of sums over pairs of members of one class or two, with intervals.

A statistic is a function of counts that add up over pairs and documents (nats and tokens; first
differences and texts by step), so the jackknife subtracts the pairs of a model from the sums.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import numpy as np

from manymasks.arrays import Bools, Floats, Indices
from manymasks.statistics.bootstrap import effective_documents, standard_error
from manymasks.statistics.intervals import Interval, StandardError, joined, summed
from manymasks.statistics.jackknife import jackknife_error
from manymasks.statistics.model_classes import Members, seeds_of
from manymasks.statistics.pools import pools_of
from manymasks.statistics.proportions import share_interval
from manymasks.statistics.seed_design import Seeds, seed_factors

Counts = Callable[[Indices, Indices], Floats]
"""Positions a and b (P,) of ordered pairs to their sums, (documents, K)."""
Statistic = Callable[[Floats], Floats]
"""Sums (..., K) over pairs and documents to values (..., Q)."""


@dataclass(frozen=True)
class OrderedPairs:
    """Ordered pairs (a[k], b[k]) of a pool, or of two. `units`: a mask (groups, P) for each factor
    of the seeds, of the pairs that a group takes part in: the variances of the jackknives over the
    factors add up. `used`: positions of all members, with their `seeds`."""

    pool: str
    other: str
    a: Indices
    b: Indices
    units: tuple[Bools, ...]
    used: Indices
    seeds: Sequence[Seeds]

    @property
    def alone(self) -> "OrderedPairs":
        """Every member with itself: for statistics of single members, and for the noise floor."""
        units = tuple(_pairs_of_each(label, label) for label in seed_factors(self.seeds))
        return replace(self, a=self.used, b=self.used, units=units)

    @property
    def degrees(self) -> int:
        """Degrees of freedom of the error over models."""
        return min(len(mask) for mask in self.units) - 1


def pairs_of(members: Members) -> list[OrderedPairs]:
    """Pairs of every pool of the members, in both directions."""
    pairs = []
    for pool in pools_of(members):
        k, j = pool.directed
        a, b = _both(pool.a[k], pool.b[j])
        factors = seed_factors(pool.seeds)
        if pool.is_within:
            a, b = pool.a[k], pool.a[j]
            units = tuple(_pairs_of_each(label[k], label[j]) for label in factors)
        elif pool.is_matched:
            units = tuple(_pairs_of_each(*_both(label[k], label[j])) for label in factors)
        else:
            units = _pairs_of_each(*_both(k, k)), _pairs_of_each(*_both(j, j))
        seeds = seeds_of(members, pool.members)
        pairs.append(OrderedPairs(pool.label, pool.other, a, b, units, pool.members, seeds))
    return pairs


def intervals(
    pairs: OrderedPairs,
    counts: Counts,
    statistic: Statistic,
    weights: Floats,
    sizes: Floats,
    confidence: float,
    is_share: Sequence[bool] = (),
) -> list[Interval]:
    """Q intervals over models and documents, of values that are at least 0.

    Values marked in `is_share` are also at most 1 and have those of `share_interval`. `pairs`: of
    the members. `counts`: sums over pairs, by document. `statistic`: of sums over pairs and
    documents. `weights` (B, documents): document resamples; `sizes` (documents,): their prompts;
    `confidence`: nominal coverage.
    """
    by_document = counts(pairs.a, pairs.b)
    values = statistic(by_document.sum(axis=0))
    resamples = statistic(weights @ by_document)
    left_out = [
        statistic(
            by_document.sum(axis=0)
            - np.array([counts(pairs.a[has], pairs.b[has]).sum(axis=0) for has in unit])
        )
        for unit in pairs.units
    ]
    result = []
    for q, value in enumerate(values):
        model_error = float(
            np.hypot.reduce([jackknife_error(without[:, q]) for without in left_out])
        )
        models = StandardError(model_error, pairs.degrees)
        documents = standard_error(resamples[:, q], sizes)
        if q < len(is_share) and is_share[q]:
            both, units = summed([models, documents]), float(effective_documents(sizes))
            result.append(share_interval(float(value), both, units, confidence))
        else:
            result.append(joined(float(value), models, documents, confidence, at_least=0))
    return result


def _both(a: Indices, b: Indices) -> tuple[Indices, Indices]:
    """Pairs in both directions."""
    return np.concatenate([a, b]), np.concatenate([b, a])


def _pairs_of_each(a: Indices, b: Indices) -> Bools:
    """Mask (groups, P) of the pairs with a member of each group, from the labels of both."""
    group = np.arange(max(a.max(initial=-1), b.max(initial=-1)) + 1)[:, None]
    return np.asarray((group == a) | (group == b))
