"""Statistics of sums over pairs of members of one class or two, with intervals.

A statistic is a function of counts that add up over pairs and documents (nats and tokens; first
differences and texts by step), so the jackknife subtracts the pairs of a model from the sums.
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from manymasks.arrays import Bools, Floats, Indices
from manymasks.statistics.bootstrap import standard_error
from manymasks.statistics.intervals import Interval, joined
from manymasks.statistics.jackknife import jackknife_error
from manymasks.statistics.model_classes import Members
from manymasks.statistics.pools import pools_of

Counts = Callable[[Indices, Indices], Floats]
"""Positions a and b (P,) of ordered pairs to their sums, (documents, K)."""
Statistic = Callable[[Floats], Floats]
"""Sums (..., K) over pairs and documents to values (..., Q)."""


@dataclass(frozen=True)
class OrderedPairs:
    """Ordered pairs (a[k], b[k]) of a pool, or of two. `units`: groups of independent models, with
    a mask (models, P) of the pairs of each model: the variances of the jackknives over the groups
    add up. `used`: positions of all members."""

    pool: str
    other: str
    a: Indices
    b: Indices
    units: tuple[Bools, ...]
    used: Indices

    @property
    def alone(self) -> "OrderedPairs":
        """Every member with itself: for statistics of single members, and for the noise floor."""
        identity = np.eye(self.used.size, dtype=bool)
        return OrderedPairs(self.pool, self.other, self.used, self.used, (identity,), self.used)

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
        if pool.is_within:
            a, b = pool.a[k], pool.a[j]
            units: tuple[Bools, ...] = (_pairs_of_each(pool.a.size, k, j),)
        elif pool.is_matched:
            units = (_pairs_of_each(pool.a.size, *_both(k, j)),)
        else:
            units = (
                _pairs_of_each(pool.a.size, *_both(k, k)),
                _pairs_of_each(pool.b.size, *_both(j, j)),
            )
        pairs.append(OrderedPairs(pool.label, pool.other, a, b, units, pool.members))
    return pairs


def intervals(
    pairs: OrderedPairs, counts: Counts, statistic: Statistic, weights: Floats, confidence: float
) -> list[Interval]:
    """Q intervals over models and documents, of values that are at least 0. `pairs`: of the
    members. `counts`: sums over pairs, by document. `statistic`: of sums over pairs and documents.
    `weights` (B, documents) document resamples. `confidence`: nominal coverage."""
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
        error = standard_error(resamples[:, q])
        result.append(
            joined(float(value), model_error, error, pairs.degrees, confidence, at_least=0)
        )
    return result


def _both(a: Indices, b: Indices) -> tuple[Indices, Indices]:
    """Pairs in both directions."""
    return np.concatenate([a, b]), np.concatenate([b, a])


def _pairs_of_each(models: int, a: Indices, b: Indices) -> Bools:
    """Mask (models, P) of the pairs that contain each model."""
    model = np.arange(models)[:, None]
    return np.asarray((model == a) | (model == b))
