"""How many models are left as constraints are added, and how differently those behave.

A constraint is a loss on some text that a member must come near, or a property that it must have.
After k of c constraints in a random order the first k are a random subset, so what is left on
average is a mean over subsets, in closed form; only ranges and divergences need the orders. Held
against it is what would be left if each constraint took its share of whatever is there: the mean
over all ways of dealing the passes of each constraint to members at random.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import permutations
from typing import Any, Literal

import numpy as np

from manymasks.arrays import BoolArray, FloatArray, IndexArray, Rows
from manymasks.config.analyses import Contrast
from manymasks.config.rashomon import Funnel
from manymasks.rashomon.rarefaction import expected_patterns
from manymasks.statistics.bootstrap import percentile_interval, ratio
from manymasks.statistics.intervals import finite
from manymasks.statistics.model_classes import Member, classes, one_corpus
from manymasks.statistics.proportions import wilson

Kind = Literal["split", "probe", "variant"]


@dataclass(frozen=True)
class Constraint:
    """What a member must do, or be.

    `column` (m,): nats per token, NaN where the loss is not known or infinite; or booleans,
    whether each member has the property.
    """

    name: str
    kind: Kind
    column: FloatArray | BoolArray


@dataclass(frozen=True)
class Passed:
    """Who of a pool passes a constraint, (m,); best loss and threshold, NaN for a property."""

    inside: BoolArray
    best: float
    threshold: float


@dataclass(frozen=True)
class Pool:
    """Members that are tried together; `demanded` are variants, of one of which they must be."""

    label: str
    positions: IndexArray
    demanded: tuple[str, ...] = ()


def funnel_rows(
    constraints: Sequence[Constraint],
    kl: FloatArray | None,
    members: Sequence[Member],
    contrasts: Sequence[Contrast],
    settings: Funnel,
    confidence: float,
) -> dict[str, Rows]:
    """Rows of funnel_constraint, funnel_step and pattern, for every pool of at least two.

    Args:
        constraints: columns over `members`, all of one corpus.
        kl: symmetric mean divergence of pairs on held-out text (m, m); the diagonal is not read.
        contrasts: which variants are held against which: see `pools`.
        confidence: of Wilson intervals, and the share of orders that a range holds.

    Raises:
        ValueError: for members of several corpora.
    """
    one_corpus(members)
    tables: dict[str, Rows] = {"funnel_constraint": [], "funnel_step": [], "pattern": []}
    for pool in pools(members, contrasts):
        tried = [
            Constraint(each.name, each.kind, each.column[pool.positions]) for each in constraints
        ]
        if pool.demanded:
            is_it = np.array([members[i].variant in pool.demanded for i in pool.positions])
            name = f"variant = {' or '.join(pool.demanded)}"
            tried.append(Constraint(name, "variant", is_it))
        if not tried:
            continue
        found = [passed(each.column, settings.seed_sd) for each in tried]
        inside = np.stack([each.inside for each in found], axis=1)
        apart = None if kl is None else kl[np.ix_(pool.positions, pool.positions)]
        of_pool = {
            "funnel_constraint": [
                _constraint_row(each, of, confidence) for each, of in zip(tried, found, strict=True)
            ],
            "funnel_step": step_rows(inside, apart, settings, confidence),
            "pattern": pattern_rows(inside[:, [each.kind == "probe" for each in tried]]),
        }
        for name, rows in of_pool.items():
            tables[name] += [{"pool": pool.label, **row} for row in rows]
    return tables


def pools(members: Sequence[Member], contrasts: Sequence[Contrast]) -> list[Pool]:
    """Each class, and each size with all its variants together.

    In the latter the members are asked to be of a variant that a contrast holds against its
    baseline, as one more constraint: whether a model that was trained under a restriction can be
    as good as the rest. Several such variants are one constraint, since no model is of two. Pools
    of one member are left out.
    """
    corpus = members[0].corpus
    found = [Pool(label, positions) for label, positions in classes(members).items()]
    for size in dict.fromkeys(member.size for member in members):
        positions = [i for i, member in enumerate(members) if member.size == size]
        there = {members[i].variant for i in positions}
        if len(there) > 1:
            demanded = {
                each.variant for each in contrasts if there >= {each.baseline, each.variant}
            }
            together = np.array(positions, dtype=np.intp)
            found.append(Pool(f"{corpus}/{size}", together, tuple(sorted(demanded))))
    return [pool for pool in found if pool.positions.size > 1]


def split_constraints(nats: FloatArray, tokens: FloatArray, splits: int) -> list[Constraint]:
    """A constraint for each part of the measure split: the loss per token on its documents.

    Document i is of part i modulo `splits`; parts without tokens are left out.

    Args:
        nats: sums over the tokens of each document (m, D).
        tokens: tokens of each document (D,).
    """
    part = np.arange(tokens.size) % splits
    return [
        Constraint(
            f"measure part {k + 1} of {splits}",
            "split",
            ratio(nats[:, part == k], tokens[part == k]),
        )
        for k in range(splits)
        if tokens[part == k].sum() > 0
    ]


def passed(column: FloatArray | BoolArray, seed_sd: float) -> Passed:
    """Who passes: those that have the property, or lose at most best + seed_sd deviations.

    Best and deviation (divisor m - 1) are over the members of the pool whose loss is known; the
    others do not pass. With fewer than two of them there is no deviation: the best one passes.
    """
    if column.dtype == np.bool_:
        return Passed(column.astype(np.bool_), math.nan, math.nan)
    known = column[np.isfinite(column)]
    if not known.size:
        return Passed(np.zeros(column.size, dtype=np.bool_), math.nan, math.nan)
    deviation = float(known.std(ddof=1)) if known.size > 1 else 0.0
    threshold = float(known.min()) + seed_sd * deviation
    # A comparison with NaN is false.
    return Passed(column <= threshold, float(known.min()), threshold)


def step_rows(
    inside: BoolArray, kl: FloatArray | None, settings: Funnel, confidence: float
) -> Rows:
    """Rows of funnel_step without their pool, after k = 0 .. c constraints.

    `inside` (m, c) says who passes what. Survivors and shares are exact means over all orders;
    the ranges, and the divergence of the pairs that are left, are over the orders that are tried:
    all of them where these are few. An order that leaves fewer than two has no divergence. The
    Wilson interval is of the share that passes everything, where orders no longer matter.
    """
    m, c = inside.shape
    shares = subset_means(inside.astype(np.float64)).mean(axis=0)
    alone = subset_means(inside.mean(axis=0))
    orders = orders_of(c, settings.orders, settings.seed)
    left = survivors(inside, orders)
    counts = left.sum(axis=-1).astype(np.float64)
    low, high = percentile_interval(counts.T, confidence)
    apart = np.full(counts.shape, np.nan) if kl is None else spread_of(left, kl)
    kl_low, kl_high = percentile_interval(apart.T, confidence)
    rows = []
    for k in range(c + 1):
        known = apart[np.isfinite(apart[:, k]), k]
        share, independent = float(shares[k]), float(alone[k])
        ends = wilson(int(counts[0, c]), m, confidence) if k == c else (math.nan, math.nan)
        rows.append(
            {
                "constraints": k,
                "survivors": share * m,
                "survivors_low": finite(float(low[k])),
                "survivors_high": finite(float(high[k])),
                "share": share,
                "share_low": finite(ends[0]),
                "share_high": finite(ends[1]),
                "independent_share": independent,
                "log_ratio": math.log(share / independent) if share and independent else None,
                "kl": float(known.mean()) if known.size else None,
                "kl_low": finite(float(kl_low[k])),
                "kl_high": finite(float(kl_high[k])),
                "models": m,
                "orders": len(orders),
            }
        )
    return rows


def pattern_rows(inside: BoolArray) -> Rows:
    """Rows of pattern without their pool: distinct rows that k of m members show, on average.

    `inside` (m, c) says who passes which probe; without probes there are no rows. The number
    grows with k, so pools are compared at equal k.
    """
    m, c = inside.shape
    return [
        {
            "members_used": k,
            "patterns": float(expected_patterns(inside, k)),
            "models": m,
            "probes": c,
        }
        for k in range(1, m + 1)
        if c
    ]


def subset_means(values: FloatArray) -> FloatArray:
    """Mean over all subsets of k of the c last values of their product, (..., c) -> (..., c + 1).

    Elementary symmetric polynomials over binomials, for k = 0 .. c. Of the subsets of k among j
    values a share of k / j have the last one. For passes of zero and one with f ones it is
    C(f, k) / C(c, k).
    """
    c = values.shape[-1]
    means = np.zeros((*values.shape[:-1], c + 1))
    means[..., 0] = 1.0
    for j in range(1, c + 1):
        with_last = np.arange(1, j + 1) / j
        means[..., 1 : j + 1] = (1 - with_last) * means[..., 1 : j + 1] + (
            with_last * values[..., j - 1, None] * means[..., :j]
        )
    return means


def orders_of(constraints: int, orders: int, seed: int) -> IndexArray:
    """Orders of constraints (orders, c): all of them if they are no more than `orders`."""
    if math.factorial(constraints) <= orders:
        return np.array(list(permutations(range(constraints))), dtype=np.intp)
    generator = np.random.default_rng(seed)
    same = np.tile(np.arange(constraints), (orders, 1))
    return np.asarray(generator.permuted(same, axis=1), dtype=np.intp)


def survivors(inside: BoolArray, orders: IndexArray) -> BoolArray:
    """Who of m is left after k = 0 .. c constraints of each order, (orders, c + 1, m)."""
    m = inside.shape[0]
    first = np.ones((len(orders), 1, m), dtype=np.bool_)
    dealt = inside.T[orders]
    return np.logical_and.accumulate(np.concatenate([first, dealt], axis=1), axis=1)


def spread_of(left: BoolArray, kl: FloatArray) -> FloatArray:
    """Mean of kl (m, m) over pairs of those left (..., m), (...); NaN below two of them.

    NaN too where the divergence of one of these pairs is not known.
    """
    away = ~np.eye(kl.shape[0], dtype=bool)
    known = away & np.isfinite(kl)
    here = left.astype(np.float64)
    counted = here.sum(axis=-1)
    pairs = counted * (counted - 1)
    total = np.einsum("...i,...i->...", here @ np.where(known, kl, 0.0), here)
    unknown = np.einsum("...i,...i->...", here @ (away & ~known), here)
    return np.where((pairs > 0) & (unknown == 0), total / np.maximum(pairs, 1), np.nan)


def _constraint_row(constraint: Constraint, of: Passed, confidence: float) -> dict[str, Any]:
    m, passing = of.inside.size, int(of.inside.sum())
    low, high = wilson(passing, m, confidence)
    return {
        "constraint_name": constraint.name,
        "kind": constraint.kind,
        "nats_best": finite(of.best),
        "threshold_nats": finite(of.threshold),
        "passing": passing,
        "share": passing / m,
        "share_low": finite(low),
        "share_high": finite(high),
        "models": m,
    }
