"""Means over pairs of members of a class, or of two, with their errors over models and documents.

What is averaged is a function of counts that are added up over pairs and documents (nats and
tokens; differences and texts by step), so a jackknife takes a model's pairs out of the sums.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from manymasks.arrays import BoolArray, FloatArray, IndexArray
from manymasks.statistics.bootstrap import standard_error
from manymasks.statistics.intervals import Interval, joined
from manymasks.statistics.jackknife import jackknife_error
from manymasks.statistics.model_classes import Member
from manymasks.statistics.pools import pools_of

Counts = Callable[[IndexArray, IndexArray], FloatArray]
"""Places a and b (P,) of ordered pairs to what they add up to, (documents, K)."""
Statistic = Callable[[FloatArray], FloatArray]
"""Sums (..., K) over pairs and documents to values (..., Q)."""


@dataclass(frozen=True)
class Pairs:
    """Ordered pairs (a[k], b[k]) of a pool, or of two.

    `units`: groups of independent models, of each (models, P) which pairs are theirs: the
    variances of the jackknives over them add up. `used`: places of all members in it.
    """

    pool: str
    other: str
    a: IndexArray
    b: IndexArray
    units: tuple[BoolArray, ...]
    used: IndexArray

    @property
    def alone(self) -> "Pairs":
        """Every member with itself: for what is a member's own, and for the noise floor."""
        own = np.eye(self.used.size, dtype=bool)
        return Pairs(self.pool, self.other, self.used, self.used, (own,), self.used)

    @property
    def degrees(self) -> int:
        """Degrees of freedom of the error over models."""
        return min(len(each) for each in self.units) - 1


def pairs_of(members: Sequence[Member]) -> list[Pairs]:
    """Pairs of every pool of the members, both directions of each."""
    found = []
    for pool in pools_of(members):
        k, j = pool.directed
        a, b = _both(pool.a[k], pool.b[j])
        if pool.is_within:
            a, b = pool.a[k], pool.a[j]
            units: tuple[BoolArray, ...] = (_of(pool.a.size, k, j),)
        elif pool.is_matched:
            units = (_of(pool.a.size, *_both(k, j)),)
        else:
            units = _of(pool.a.size, *_both(k, k)), _of(pool.b.size, *_both(j, j))
        found.append(Pairs(pool.label, pool.other, a, b, units, pool.members))
    return found


def intervals(
    pairs: Pairs,
    counts: Counts,
    statistic: Statistic,
    weights: FloatArray,
    confidence: float,
) -> list[Interval]:
    """Q intervals over models and documents, of values that are 0 at least.

    Args:
        pairs: of which members.
        counts: what pairs add up to, by document.
        statistic: of sums over pairs and documents.
        weights: (B, documents) how often a document is in each resample.
        confidence: the coverage aimed at.
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
    found = []
    for q, value in enumerate(values):
        model_error = float(np.hypot.reduce([jackknife_error(each[:, q]) for each in left_out]))
        error = standard_error(resamples[:, q])
        found.append(
            joined(float(value), model_error, error, pairs.degrees, confidence, at_least=0)
        )
    return found


def _both(a: IndexArray, b: IndexArray) -> tuple[IndexArray, IndexArray]:
    """Pairs in both directions."""
    return np.concatenate([a, b]), np.concatenate([b, a])


def _of(models: int, a: IndexArray, b: IndexArray) -> BoolArray:
    """(models, P) which pairs have a model on either side."""
    each = np.arange(models)[:, None]
    return np.asarray((each == a) | (each == b))
