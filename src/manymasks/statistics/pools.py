"""What a mean over pairs of members is over: those of a class, or those across two classes."""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import combinations

import numpy as np

from manymasks.arrays import FloatArray, IndexArray
from manymasks.statistics.jackknife import ModelEstimate, cross_mean, pair_mean
from manymasks.statistics.model_classes import Member, classes, paired_by_seeds


@dataclass(frozen=True)
class Pool:
    """The members of a class, or of two.

    `label`, `other`: labels of the classes, the same for one. `a`, `b`: places of the members of
    each; the same array for one class.

    Two variants of one size with at least two pairs of seeds in common are matched: `a[k]` and
    `b[k]` share both seeds, and members without a partner are left out. Members that share both
    start from the same weights and see the same data, as no two of one class do: without those
    pairs, across and within differ by the variant alone. The units are the shared seeds then.
    """

    label: str
    other: str
    a: IndexArray
    b: IndexArray
    is_matched: bool

    @property
    def is_within(self) -> bool:
        """Whether it is one class."""
        return self.label == self.other

    @property
    def members(self) -> IndexArray:
        """Places of all members in it."""
        return self.a if self.is_within else np.concatenate([self.a, self.b])

    @property
    def directed(self) -> tuple[IndexArray, IndexArray]:
        """Places in `a` and in `b` of each pair; both directions within a class."""
        if self.is_within or self.is_matched:
            k, j = np.nonzero(~np.eye(self.a.size, dtype=bool))
        else:
            k, j = (each.ravel() for each in np.indices((self.a.size, self.b.size)))
        return k, j

    @property
    def pairs(self) -> tuple[IndexArray, IndexArray]:
        """The two members of each pair, (P,) places each; within a class every pair once."""
        k, j = np.triu_indices(self.a.size, 1) if self.is_within else self.directed
        return self.a[k], self.b[j]


def pools_of(members: Sequence[Member]) -> list[Pool]:
    """Every class of at least two, then every two classes, in order of appearance."""
    groups = classes(members)
    found = [
        Pool(label, label, group, group, False) for label, group in groups.items() if group.size > 1
    ]
    for (label, group), (other_label, other) in combinations(groups.items(), 2):
        one, two = paired_by_seeds(members, group, other)
        if members[group[0]].size == members[other[0]].size and one.size > 1:
            found.append(Pool(label, other_label, one, two, True))
        else:
            found.append(Pool(label, other_label, group, other, False))
    return found


def pool_mean(square: FloatArray, pool: Pool) -> ModelEstimate:
    """Mean over the pairs of a pool, with its jackknife over models, or over shared seeds.

    `square`: symmetric distances (members, members) of all; the diagonal is not read.
    """
    distances = square[np.ix_(pool.a, pool.b)]
    if pool.is_within:
        return pair_mean(distances)
    if pool.is_matched:
        return pair_mean((distances + distances.T) / 2)
    return cross_mean(distances)
