"""Means over pairs of members of a class, or of two, with their errors over models and documents.

What is averaged is a function of counts that are added up over pairs and documents (nats and
tokens; differences and texts by step), so a jackknife takes a model's pairs out of the sums.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import combinations

import numpy as np
import numpy.typing as npt

from manymasks.statistics.documents import FloatArray, standard_error
from manymasks.statistics.intervals import Interval, joined
from manymasks.statistics.members import IndexArray, Member, classes, paired_by_seeds
from manymasks.statistics.models import jackknife_error

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
    units: tuple[npt.NDArray[np.bool_], ...]
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
    """Pairs within every class of at least two, and across every two classes.

    Both directions of each. Across variants of one size without the pairs that share both seeds,
    which start from the same weights and see the same data as no two of one class do: the units
    are the shared seeds then, and a member without a partner is left out.
    """
    pools = classes(members)
    found = []
    for label, pool in pools.items():
        if pool.size > 1:
            k, j = np.nonzero(~np.eye(pool.size, dtype=bool))
            found.append(Pairs(label, label, pool[k], pool[j], (_of(pool.size, k, j),), pool))
    for (label, pool), (other_label, other) in combinations(pools.items(), 2):
        one, two = paired_by_seeds(members, pool, other)
        if members[pool[0]].size == members[other[0]].size and one.size > 1:
            k, j = np.nonzero(~np.eye(one.size, dtype=bool))
            pool, other = one, two
            units: tuple[npt.NDArray[np.bool_], ...] = (_of(one.size, *_both(k, j)),)
        else:
            k, j = (each.ravel() for each in np.indices((pool.size, other.size)))
            units = tuple(
                _of(group.size, *_both(place, place)) for group, place in ((pool, k), (other, j))
            )
        a, b = _both(pool[k], other[j])
        used = np.concatenate([pool, other])
        found.append(Pairs(label, other_label, a, b, units, used))
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


def _of(models: int, a: IndexArray, b: IndexArray) -> npt.NDArray[np.bool_]:
    """(models, P) which pairs have a model on either side."""
    each = np.arange(models)[:, None]
    return np.asarray((each == a) | (each == b))
