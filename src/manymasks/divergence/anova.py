"""The behaviour ANOVA: what sets members apart, split exactly into size, variant and seeds.

Members cross factors. For a set S of factors, members with the same levels of S are a group, and

    U(S) = F(all members) - mean over groups of F(group)

is what is known of the next token by knowing S. `information`: F is the entropy of the mean law, so
U(S) = I(Y; S | x), and all factors together give I(Y; model | x) = H(mean p) - mean H(p).
`variance`: F is -ln Z of the geometric centroid, Z = sum_v exp(mean_i ln p_i(v)), 1 for a single
member; all factors together give -ln Z, the mean KL of the centroid from the members, and the mean
loss of the members is that of their centroid + (-ln Z) for every true token (Heskes 1998, Pfau
2013). Taking factors one after another splits either exactly: by the chain rule of information, and
as ln Z adds up over groups of one size. Groups are of one size because the crossing is full.

U(S) is no component of variance: members that differ by noise alone, each by its own, are apart
in groups too, the more so the fewer are in each. `chance_shares` says what they would give.
"""

import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations, product
from typing import Any

import numpy as np
import torch
from torch import Tensor

from manymasks.arrays import FloatArray, IndexArray, Rows
from manymasks.config.analyses import Statistics
from manymasks.divergence.blocks import BLOCK_ELEMENTS, TINY, blocks
from manymasks.statistics.bootstrap import (
    document_weights,
    percentile_interval,
    ratio,
    ratio_resamples,
)
from manymasks.statistics.intervals import finite
from manymasks.statistics.model_classes import Member

FACTORS = ("size", "variant", "seed_init", "seed_order")
Levels = tuple[list[str], list[str], list[int], list[int]]
"""Of each factor, those that stay."""
KINDS = ("information", "variance")
TOTAL, INTERACTIONS = "total", "interactions"

SCALE = 2.0**60
"""Probabilities times this have products that neither vanish nor overflow, from `TINY` to 1."""


@dataclass(frozen=True)
class Crossing:
    """Members that make up a full crossing of factors.

    `members`: positions of the members, an axis for each factor. `factors`: those with more than
    one level, in the order of `FACTORS`.
    """

    members: IndexArray
    factors: tuple[str, ...]

    @property
    def size(self) -> int:
        """Members that enter."""
        return int(self.members.size)


@dataclass(frozen=True)
class AnovaSums:
    """Sums over the scored positions of each unit (a window or a document), float64.

    Of `n` units: `tokens` (n,), `entropy` (n,) of the mean law, and `information` and `variance`
    (n, 2^k), U of each set of the k factors; factor j is in set s where bit j of s is 1.
    """

    tokens: FloatArray
    entropy: FloatArray
    information: FloatArray
    variance: FloatArray


def crossing(members: Sequence[Member]) -> Crossing | None:
    """A large full crossing of the members; None where it has fewer than two.

    What is missing, such as members that failed in training, takes levels with it. Sizes and
    variants go one by one, each time the one without which most stays, down to one of each; on each
    step seeds go that are not everywhere. Of the crossings on that way it is the one with the most
    members, and of equals the first, which has the most sizes and variants.
    """
    place = {(m.size, m.variant, m.seed_init, m.seed_order): i for i, m in enumerate(members)}
    levels: Levels = ([], [], [], [])
    left = list(members)
    while left:
        found = _levels(place, left)
        if _cells(found) > _cells(levels):
            levels = found
        fewer = [
            [member for member in left if getattr(member, factor) != level]
            for factor in FACTORS[:2]
            for level in dict.fromkeys(getattr(member, factor) for member in left)
        ]
        left = max(fewer, key=lambda some: (_cells(_levels(place, some)), len(some)))
    shape = [len(each) for each in levels]
    if math.prod(shape) < 2:
        return None
    positions = np.array([place[each] for each in product(*levels)], dtype=np.intp).reshape(shape)
    factors = [factor for factor, count in zip(FACTORS, shape, strict=True) if count > 1]
    return Crossing(positions.squeeze(), tuple(factors))


def anova_sums(logp: Tensor, crossing: Crossing) -> AnovaSums:
    """Sums for each window, over its positions and the full vocabulary.

    `logp` (m, w, s, V): float32 log-probabilities of all members, those of the crossing among them,
    at the scored positions of windows. Means over members and vocabulary are in float32, relative
    to the mean log-probability of the members, so that what they have in common does not round;
    means over groups and sums over positions are in float64. A mean over a coarser group is a mean
    of means over finer ones, so all 2^k sets cost about prod(1 + levels) members, not 2^k times m.
    Memory is that of a few blocks of `BLOCK_ELEMENTS`.
    """
    members, windows, scored, vocabulary = logp.shape
    flat = logp.reshape(members, windows * scored, vocabulary)
    of_crossing = torch.as_tensor(crossing.members.ravel(), device=logp.device)
    levels, whole = crossing.members.shape, (1 << len(crossing.factors)) - 1
    double: dict[str, Any] = {"dtype": torch.float64, "device": logp.device}
    relative, log_z = (torch.empty(whole + 1, flat.shape[1], **double) for _ in range(2))
    entropy = torch.empty(flat.shape[1], **double)
    for block in blocks(flat, BLOCK_ELEMENTS):
        log = flat[of_crossing, block]
        centre, p = log.mean(0), log.exp().clamp_min_(TINY)
        # Members are their own groups: their logarithms and masses are there already. A single
        # member's Z is its mass, 1 but for rounding, which the Z of groups share.
        relative[whole, block] = _mean((log - centre).mul_(p).sum(-1))
        log_z[whole, block] = _mean(p.sum(-1).double().log())
        crossed = p.view(*levels, *p.shape[1:])
        for kept, laws in _grouped(crossed, _arithmetic):
            relative[kept, block] = _mean(laws.log().sub_(centre).mul_(laws).sum(-1))
            if not kept:
                of_all = laws.flatten(0, -3)[0]
                entropy[block] = -relative[0, block] - (of_all * centre).sum(-1)
        for kept, masses in _grouped(crossed * SCALE, _geometric):
            log_z[kept, block] = _mean((masses.sum(-1).double() / SCALE).log())
    parts = (entropy[None], relative - relative[0], log_z - log_z[0])
    by_window = [part.view(-1, windows, scored).sum(-1).T.cpu().numpy() for part in parts]
    if not all(np.isfinite(each).all() for each in by_window):
        raise ValueError("log-probabilities must be finite, found NaN or infinity")
    tokens = np.full(windows, float(scored))
    return AnovaSums(tokens, by_window[0][:, 0], by_window[1], by_window[2])


def orderings(factors: Sequence[str]) -> dict[str, dict[str, FloatArray]]:
    """Ordering -> component -> how it adds up from U, (2^k,) coefficients.

    Both orders of the factors, each given those before it, which are one where there is one factor;
    and the Moebius inversion of U over the subsets of each set. In all three the components sum to
    U of all factors, the total.
    """
    k = len(factors)
    whole = (1 << k) - 1
    found = {}
    for order in (range(k), range(k - 1, -1, -1)):
        before = 0
        components = {}
        for j in order:
            components[factors[j]] = _unit(before | 1 << j, k) - _unit(before, k)
            before |= 1 << j
        found[" > ".join(components)] = components
    joint = {}
    for count in range(1, k + 1):
        for some in combinations(range(k), count):
            inside = [s for s in range(1 << k) if not s & ~sum(1 << j for j in some)]
            joint[" x ".join(factors[j] for j in some)] = sum(
                ((-1.0) ** (count - s.bit_count()) * _unit(s, k) for s in inside), np.zeros(1 << k)
            )
    found[INTERACTIONS] = joint
    return {
        ordering: {**components, TOTAL: _unit(whole, k)} for ordering, components in found.items()
    }


def chance_shares(crossing: Crossing) -> FloatArray:
    """U of each set as a share of the total, of members that differ by independent noise, (2^k,).

    (groups - 1) / (members - 1), to second order in the noise: each group's mean law has its share
    of what sets the members apart, and so do all.
    """
    levels = crossing.members.shape
    groups = [
        math.prod(count for j, count in enumerate(levels) if s >> j & 1)
        for s in range(1 << len(levels))
    ]
    return (np.array(groups, dtype=np.float64) - 1) / (crossing.size - 1)


def component_rows(
    sums: AnovaSums, crossing: Crossing, kl_floor: float | None, statistics: Statistics
) -> Rows:
    """Rows of the table `behaviour_component`, without probe and severity.

    Args:
        sums: by document.
        crossing: the members they are of.
        kl_floor: mean KL of these members from themselves computed another way; m noisy copies of
            one law whose pairs differ by it on average have a total of (m - 1) / (2 m) of it, of
            either kind, to second order in the noise.
        statistics: of the bootstrap over documents; members are given.
    """
    weights = document_weights(sums.tokens.size, statistics.resamples, statistics.seed)
    entropy = float(ratio(sums.entropy, sums.tokens))
    floor = None if kl_floor is None else kl_floor * (crossing.size - 1) / (2 * crossing.size)
    by_chance = chance_shares(crossing)
    rows = []
    for kind in KINDS:
        of_sets: FloatArray = getattr(sums, kind).T
        value = ratio(of_sets, sums.tokens)
        drawn = ratio_resamples(of_sets, sums.tokens, weights)
        for ordering, components in orderings(crossing.factors).items():
            for component, coefficients in components.items():
                estimate = float(coefficients @ value)
                low, high = percentile_interval(coefficients @ drawn, statistics.confidence)
                rows.append(
                    {
                        "kind": kind,
                        "ordering": ordering,
                        "component": component,
                        "value": finite(estimate),
                        "low": finite(float(low)),
                        "high": finite(float(high)),
                        "floor": finite(floor) if component == TOTAL else None,
                        "entropy_share": finite(estimate / entropy) if entropy else None,
                        "chance_share": float(coefficients @ by_chance),
                        "models": crossing.size,
                        "documents": int(sums.tokens.size),
                    }
                )
    return rows


def _levels(place: Mapping[tuple[str, str, int, int], int], members: Sequence[Member]) -> Levels:
    """Their sizes and variants, and of the seeds of all such members those that are crossed.

    `place`: the members there are, by size, variant and seeds.
    """
    sizes = list(dict.fromkeys(member.size for member in members))
    variants = list(dict.fromkeys(member.variant for member in members))
    everywhere = [
        pair
        for pair in sorted({member.seeds for member in members})
        if all((size, variant, *pair) in place for size in sizes for variant in variants)
    ]
    return sizes, variants, *_full(everywhere)


def _cells(levels: Levels) -> int:
    """Members of a full crossing."""
    return math.prod(len(each) for each in levels)


def _full(pairs: Sequence[tuple[int, int]]) -> tuple[list[int], list[int]]:
    """Rows and columns all of whose pairs are there, by dropping what has the most holes."""
    there = set(pairs)
    rows, columns = (
        (list(dict.fromkeys(each)) for each in zip(*pairs, strict=True)) if pairs else ([], [])
    )
    while True:
        table = np.array([[(r, c) in there for c in columns] for r in rows], dtype=bool)
        if table.all():
            return rows, columns
        by_row, by_column = table.mean(1), table.mean(0)
        of_row, of_column = (by_row.min(), len(columns)), (by_column.min(), len(rows))
        if of_row <= of_column:
            del rows[int(by_row.argmin())]
        else:
            del columns[int(by_column.argmin())]


def _grouped(
    laws: Tensor,
    middle: Callable[[Sequence[Tensor]], Tensor],
    last: int | None = None,
    kept: int | None = None,
) -> Iterator[tuple[int, Tensor]]:
    """Means of laws (*levels, c, V) over the members of each group, for sets of some factors.

    Gives each set but that of all factors, as a number, and the means (*levels of a group or 1, c,
    V), `middle` of several tensors being their mean of some kind.
    """
    factors = laws.ndim - 2
    kept = (1 << factors) - 1 if kept is None else kept
    # Only factors before the one that was last averaged over: each set comes once.
    for j in range(factors if last is None else last):
        means, without = middle(laws.unbind(j)).unsqueeze(j), kept & ~(1 << j)
        yield without, means
        yield from _grouped(means, middle, j, without)


def _arithmetic(laws: Sequence[Tensor]) -> Tensor:
    """Their mean; sums of whole slices are twice as fast as a mean over an axis."""
    total = laws[0] + laws[1]
    for law in laws[2:]:
        total += law
    return total.div_(len(laws))


def _geometric(laws: Sequence[Tensor]) -> Tensor:
    """Their geometric mean: of two, the root of the product, a third of the cost of exp and log."""
    if len(laws) % 2:
        return _arithmetic([law.log() for law in laws]).exp_()
    pairs = [(a * b).sqrt_() for a, b in zip(laws[::2], laws[1::2], strict=True)]
    return pairs[0] if len(pairs) == 1 else _geometric(pairs)


def _mean(values: Tensor) -> Tensor:
    """Mean over groups of (*groups, c), (c,), float64."""
    return values.double().flatten(0, -2).mean(0)


def _unit(place: int, factors: int) -> FloatArray:
    """1 for this set and 0 for the others; nothing for the empty set, whose U is 0."""
    found = np.zeros(1 << factors)
    found[place] = float(place > 0)
    return found
