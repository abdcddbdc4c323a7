"""The behaviour ANOVA: an exact split of the differences between members by factor.

The factors are crossed: size, variant and seed, or both seeds where these are crossed too. Where a
corpus has attention and recurrent members of equal width and depth, the mixer is a factor before
the size. Pretrained members may have further factors, such as a training step, in the place of the
variant that is named after them. For a set S of factors, members with the same levels of S are a
group, and

    U(S) = F(all members) - mean over groups of F(group)

measures how much S determines the next token. `information`: F is the entropy of the mean law, so
U(S) = I(Y; S | x), and all factors together give I(Y; model | x) = H(mean p) - mean H(p).
`variance`: F is -ln Z of the geometric centroid, Z = sum_v exp(mean_i ln p_i(v)), 1 for a single
member; all factors together give -ln Z, the mean KL of the centroid from the members, and the mean
loss of the members is that of their centroid + (-ln Z) for every true token (Heskes 1998, Pfau
2013). Adding factors one by one splits both exactly: by the chain rule of information, and because
ln Z adds up over groups of equal size. Groups have equal size because the crossing is full.

U(S) is not a component of variance: the mean laws of groups differ even if members differ only by
independent noise, more so for small groups. `chance_shares` gives the share expected from noise.
"""

import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations, product
from types import MappingProxyType
from typing import Any

import numpy as np
import torch
from torch import Tensor

from manymasks.arrays import Floats, Indices, Rows
from manymasks.config.analyses import Statistics
from manymasks.divergence.blocks import BLOCK_ELEMENTS, TINY, blocks
from manymasks.statistics.bootstrap import (
    document_columns,
    document_weights,
    percentile_interval,
    ratio,
    ratio_resamples,
)
from manymasks.statistics.intervals import finite, finite_columns
from manymasks.statistics.model_classes import Member, Members
from manymasks.statistics.seed_design import is_crossed

ARMS = ("size", "variant")
Labels = Mapping[str, Mapping[str, Any]]
"""Further factors of members, by key: name -> level."""
ARMS_OF_MIXERS = ("mixer", "shape", "variant")
"""Where sizes are pairs of a mixer and a shape."""
Levels = tuple[list[Any], ...]
"""Remaining levels of each factor."""
KINDS = ("information", "variance")
TOTAL, INTERACTIONS = "total", "interactions"

SCALE = 2.0**60
"""Factor that keeps products of probabilities from `TINY` to 1 in the range of float32."""


@dataclass(frozen=True)
class Crossing:
    """Members in a full crossing of factors. `members`: positions of members, one axis for each
    factor. `factors`: those with more than one level: mixer, size, variant or what it is named
    after, then the seed, or `seed_init` and `seed_order` where these are crossed."""

    members: Indices
    factors: tuple[str, ...]

    @property
    def size(self) -> int:
        """Number of members."""
        return int(self.members.size)


@dataclass(frozen=True)
class AnovaSums:
    """Sums over the scored positions of each unit (a window or a document), float64. For `n` units:
    `tokens` (n,), `entropy` (n,) of the mean law, and `information` and `variance` (n, 2^k), U of
    each set of the k factors; set s contains factor j if bit j of s is 1."""

    tokens: Floats
    entropy: Floats
    information: Floats
    variance: Floats


def crossing(members: Members, labels: Labels = MappingProxyType({})) -> Crossing | None:
    """A large full crossing of the members; None if it has fewer than two.

    Missing members, such as failed trainings, remove levels. Sizes and variants are removed one by
    one, each time the one whose removal keeps the most members; in each step seeds that are not
    complete are removed. The result has the most members; of equals, the most sizes and variants.
    """
    has_crossed_seeds = is_crossed([member.seeds for member in members])
    arms = _arms(members, labels)

    def level_of(member: Member, factor: str) -> Any:
        return labels.get(member.model, {}).get(factor, getattr(member, factor, None))

    factors = (*arms, "seed_init", "seed_order") if has_crossed_seeds else (*arms, "seed")
    position = {
        (*(level_of(member, factor) for factor in arms), member.seeds): i
        for i, member in enumerate(members)
    }
    levels: Levels = ([],) * len(factors)
    remaining = list(members)
    while remaining:
        crossed = _levels(position, remaining, arms, level_of, has_crossed_seeds)
        if _cells(crossed) > _cells(levels):
            levels = crossed
        smaller = [
            [member for member in remaining if level_of(member, factor) != level]
            for factor in arms
            for level in dict.fromkeys(level_of(member, factor) for member in remaining)
        ]
        remaining = max(
            smaller,
            key=lambda kept: (
                _cells(_levels(position, kept, arms, level_of, has_crossed_seeds)),
                len(kept),
            ),
        )
    shape = [len(factor_levels) for factor_levels in levels]
    if math.prod(shape) < 2:
        return None
    cells = [
        position[*cell[: len(arms)], cell[len(arms) :] if has_crossed_seeds else cell[-1]]
        for cell in product(*levels)
    ]
    positions = np.array(cells, dtype=np.intp).reshape(shape)
    named = ("size" if factor == "shape" else factor for factor in factors)
    varying = [factor for factor, count in zip(named, shape, strict=True) if count > 1]
    return Crossing(positions.squeeze(), tuple(varying))


def anova_sums(logp: Tensor, crossing: Crossing) -> AnovaSums:
    """Sums for each window, over its positions and the full vocabulary.

    `logp` (m, w, s, V): float32 log-probabilities of all members. Means over members and vocabulary
    are in float32, relative to the mean log-probability of the members, which reduces rounding
    errors; means over groups and sums over positions are in float64. A mean over a coarser group is
    a mean of means over finer ones, so all 2^k sets cost about prod(1 + levels) members, not 2^k
    times m.
    """
    members, windows, scored, vocabulary = logp.shape
    flat = logp.reshape(members, windows * scored, vocabulary)
    selected = torch.as_tensor(crossing.members.ravel(), device=logp.device)
    levels, whole = crossing.members.shape, (1 << len(crossing.factors)) - 1
    double: dict[str, Any] = {"dtype": torch.float64, "device": logp.device}
    relative, log_z = (torch.empty(whole + 1, flat.shape[1], **double) for _ in range(2))
    entropy = torch.empty(flat.shape[1], **double)
    for block in blocks(flat, BLOCK_ELEMENTS):
        log = flat[selected, block]
        centre, p = log.mean(0), log.exp().clamp_min_(TINY)
        # Groups of one member: logarithms and masses are already computed. The Z of a member is its
        # mass, 1 up to rounding, and the Z of groups has the same rounding error.
        relative[whole, block] = _group_mean((log - centre).mul_(p).sum(-1))
        log_z[whole, block] = _group_mean(p.sum(-1).double().log())
        crossed = p.view(*levels, *p.shape[1:])
        for kept, laws in _grouped(crossed, _arithmetic):
            relative[kept, block] = _group_mean(laws.log().sub_(centre).mul_(laws).sum(-1))
            if not kept:
                mean_law = laws.flatten(0, -3)[0]
                entropy[block] = -relative[0, block] - (mean_law * centre).sum(-1)
        for kept, masses in _grouped(crossed * SCALE, _geometric):
            log_z[kept, block] = _group_mean((masses.sum(-1).double() / SCALE).log())
    parts = (entropy[None], relative - relative[0], log_z - log_z[0])
    by_window = [part.view(-1, windows, scored).sum(-1).T.cpu().numpy() for part in parts]
    if not all(np.isfinite(sums).all() for sums in by_window):
        raise ValueError("log-probabilities must be finite, found NaN or infinity")
    tokens = np.full(windows, float(scored))
    return AnovaSums(tokens, by_window[0][:, 0], by_window[1], by_window[2])


def orderings(factors: Sequence[str]) -> dict[str, dict[str, Floats]]:
    """Ordering -> component -> its coefficients of U, (2^k,), which sum to U of all factors. Two
    sequential orderings, forwards and backwards (equal for one factor), in which each factor is
    conditioned on those before it; and interactions, the Moebius inversion of U over subsets."""
    k = len(factors)
    whole = (1 << k) - 1
    result = {}
    for order in (range(k), range(k - 1, -1, -1)):
        before = 0
        components = {}
        for j in order:
            components[factors[j]] = _unit(before | 1 << j, k) - _unit(before, k)
            before |= 1 << j
        result[" > ".join(components)] = components
    joint = {}
    for count in range(1, k + 1):
        for chosen in combinations(range(k), count):
            subsets = [s for s in range(1 << k) if not s & ~sum(1 << j for j in chosen)]
            joint[" x ".join(factors[j] for j in chosen)] = sum(
                ((-1.0) ** (count - s.bit_count()) * _unit(s, k) for s in subsets), np.zeros(1 << k)
            )
    result[INTERACTIONS] = joint
    return {
        ordering: {**components, TOTAL: _unit(whole, k)} for ordering, components in result.items()
    }


def chance_shares(crossing: Crossing) -> Floats:
    """Expected U of each set as a share of the total for independent noise, (2^k,). (groups - 1) /
    (members - 1), to second order in the noise."""
    levels = crossing.members.shape
    groups = [
        math.prod(count for j, count in enumerate(levels) if s >> j & 1)
        for s in range(1 << len(levels))
    ]
    return (np.array(groups, dtype=np.float64) - 1) / (crossing.size - 1)


def component_rows(
    sums: AnovaSums, crossing: Crossing, kl_floor: float | None, statistics: Statistics
) -> Rows:
    """Rows of the table `behaviour_component`, without probe and severity, from sums by document.

    `kl_floor`: noise floor, the mean KL of these members from themselves in another computation. m
    noisy copies of one law with this mean KL of pairs have a total of (m - 1) / (2 m) times it, of
    either kind, to second order in the noise.
    """
    weights = document_weights(sums.tokens.size, statistics.resamples, statistics.seed)
    entropy = float(ratio(sums.entropy, sums.tokens))
    floor = None if kl_floor is None else kl_floor * (crossing.size - 1) / (2 * crossing.size)
    chance = chance_shares(crossing)
    rows = []
    for kind in KINDS:
        set_sums: Floats = getattr(sums, kind).T
        value = ratio(set_sums, sums.tokens)
        resamples = ratio_resamples(set_sums, sums.tokens, weights)
        for ordering, components in orderings(crossing.factors).items():
            for component, coefficients in components.items():
                estimate = float(coefficients @ value)
                low, high = percentile_interval(
                    coefficients @ resamples, statistics.confidence, sums.tokens
                )
                rows.append(
                    {"kind": kind, "ordering": ordering, "component": component}
                    | finite_columns(value=estimate, low=low, high=high)
                    | {
                        "floor": finite(floor) if component == TOTAL else None,
                        "entropy_share": finite(estimate / entropy) if entropy else None,
                        "chance_share": float(coefficients @ chance),
                        "models": crossing.size,
                        **document_columns(sums.tokens),
                    }
                )
    return rows


def _arms(members: Members, labels: Labels) -> tuple[str, ...]:
    """What distinguishes the members apart from seeds: size and variant; or mixer, shape and
    variant, if there are several mixers and each has one size of a shape; or size and the labels
    that all of them have, if each combination of these has one variant."""
    names = [tuple(labels.get(member.model, ())) for member in members]
    if names and names[0] and len(set(names)) == 1:
        pairs = {
            (member.variant, *(labels[member.model][name] for name in names[0]))
            for member in members
        }
        if len(pairs) == len({pair[0] for pair in pairs}) == len({pair[1:] for pair in pairs}):
            return ("size", *names[0])
    sizes = {member.size: (member.mixer, member.shape) for member in members}
    is_unique = len(set(sizes.values())) == len(sizes)
    return ARMS_OF_MIXERS if is_unique and len({m for m, _ in sizes.values()}) > 1 else ARMS


def _levels(
    position: Mapping[tuple[Any, ...], int],
    members: Members,
    arms: tuple[str, ...],
    level_of: Callable[[Member, str], Any],
    has_crossed_seeds: bool,
) -> Levels:
    """Levels of the arms of the members, and the seeds that all of them have: pairs, or a full
    crossing. `position`: existing members, by arm and seeds."""
    levels = [list(dict.fromkeys(level_of(m, factor) for m in members)) for factor in arms]
    complete = [
        pair
        for pair in sorted({member.seeds for member in members})
        if all((*arm, pair) in position for arm in product(*levels))
    ]
    return *levels, *(_full(complete) if has_crossed_seeds else (complete,))


def _cells(levels: Levels) -> int:
    """Number of members of a full crossing."""
    return math.prod(len(factor_levels) for factor_levels in levels)


def _full(pairs: Sequence[tuple[int, int]]) -> tuple[list[int], list[int]]:
    """Rows and columns with all pairs present, by dropping those with the most missing pairs."""
    present = set(pairs)
    rows, columns = (
        (list(dict.fromkeys(seeds)) for seeds in zip(*pairs, strict=True)) if pairs else ([], [])
    )
    while True:
        table = np.array([[(r, c) in present for c in columns] for r in rows], dtype=bool)
        if table.all():
            return rows, columns
        by_row, by_column = table.mean(1), table.mean(0)
        if (by_row.min(), len(columns)) <= (by_column.min(), len(rows)):
            del rows[int(by_row.argmin())]
        else:
            del columns[int(by_column.argmin())]


def _grouped(
    laws: Tensor,
    mean: Callable[[Sequence[Tensor]], Tensor],
    last: int | None = None,
    kept: int | None = None,
) -> Iterator[tuple[int, Tensor]]:
    """Means of laws (*levels, c, V) over the members of each group, for every set of factors.
    Yields each set except that of all factors, as a bit mask, with the means (*levels of the groups
    or 1, c, V). `mean` averages several tensors."""
    factors = laws.ndim - 2
    kept = (1 << factors) - 1 if kept is None else kept
    # Only factors before the one averaged over last, so that each set occurs once.
    for j in range(factors if last is None else last):
        means, without = mean(laws.unbind(j)).unsqueeze(j), kept & ~(1 << j)
        yield without, means
        yield from _grouped(means, mean, j, without)


def _arithmetic(laws: Sequence[Tensor]) -> Tensor:
    """Arithmetic mean; sums of whole slices are twice as fast as a mean over an axis."""
    total = laws[0] + laws[1]
    for law in laws[2:]:
        total += law
    return total.div_(len(laws))


def _geometric(laws: Sequence[Tensor]) -> Tensor:
    """Geometric mean; for two, the root of the product costs a third of exp and log."""
    if len(laws) % 2:
        return _arithmetic([law.log() for law in laws]).exp_()
    pairs = [(a * b).sqrt_() for a, b in zip(laws[::2], laws[1::2], strict=True)]
    return pairs[0] if len(pairs) == 1 else _geometric(pairs)


def _group_mean(values: Tensor) -> Tensor:
    """Mean over groups of (*groups, c), (c,), float64."""
    return values.double().flatten(0, -2).mean(0)


def _unit(factor_set: int, factors: int) -> Floats:
    """1 for this set and 0 for the others; all 0 for the empty set, whose U is 0."""
    coefficients = np.zeros(1 << factors)
    coefficients[factor_set] = float(factor_set > 0)
    return coefficients
