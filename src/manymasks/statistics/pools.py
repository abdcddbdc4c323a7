"""Pools of members for means over pairs: pairs within a class, or across two classes."""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import combinations

import numpy as np

from manymasks.arrays import Floats, Indices
from manymasks.statistics.jackknife import ModelEstimate, cross_mean, pair_mean
from manymasks.statistics.model_classes import Members, classes, paired_by_seeds, seeds_of
from manymasks.statistics.seed_design import Seeds, share_nothing


@dataclass(frozen=True)
class Pool:
    """The members of one class, `label` and positions `a`, or of two, with `other` and `b`.

    Two classes with at least two pairs of seeds in common are matched: `a[k]` and `b[k]` share both
    seeds, and members without a partner are left out. Only pairs that share no seed count, as
    within a class, so across and within differ only by the class. The shared seeds are then the
    units.
    """

    label: str
    other: str
    a: Indices
    b: Indices
    seeds: Sequence[Seeds]
    """Of `a`, and of `b` if they are matched."""
    is_matched: bool

    @property
    def is_within(self) -> bool:
        """Whether it is one class."""
        return self.label == self.other

    @property
    def members(self) -> Indices:
        """Positions of all its members."""
        return self.a if self.is_within else np.concatenate([self.a, self.b])

    @property
    def directed(self) -> tuple[Indices, Indices]:
        """Indices into `a` and `b` of each pair; within a class in both directions."""
        if self.is_within or self.is_matched:
            k, j = np.nonzero(share_nothing(self.seeds))
        else:
            k, j = (indices.ravel() for indices in np.indices((self.a.size, self.b.size)))
        return k, j

    @property
    def pairs(self) -> tuple[Indices, Indices]:
        """Positions of the two members of each pair, (P,) each; within a class every pair once."""
        k, j = self.directed
        once = k < j if self.is_within else np.ones(k.size, dtype=bool)
        return self.a[k[once]], self.b[j[once]]


def pools_of(members: Members) -> list[Pool]:
    """Every class of at least two members, then every two classes, in order of appearance."""
    groups = classes(members)
    pools = [
        Pool(label, label, group, group, seeds_of(members, group), False)
        for label, group in groups.items()
        if group.size > 1
    ]
    for (label, group), (other_label, other) in combinations(groups.items(), 2):
        a, b = paired_by_seeds(members, group, other)
        if a.size > 1:
            pools.append(Pool(label, other_label, a, b, seeds_of(members, a), True))
        else:
            seeds = seeds_of(members, group)
            pools.append(Pool(label, other_label, group, other, seeds, False))
    return pools


def pool_mean(square: Floats, pool: Pool) -> ModelEstimate:
    """Mean over the pairs of a pool, with its jackknife over models, or over shared seeds.
    `square`: symmetric distances (m, m) of all members; the diagonal is not read."""
    distances = square[np.ix_(pool.a, pool.b)]
    if pool.is_within:
        return pair_mean(distances, pool.seeds)
    if pool.is_matched:
        return pair_mean((distances + distances.T) / 2, pool.seeds)
    return cross_mean(distances)
