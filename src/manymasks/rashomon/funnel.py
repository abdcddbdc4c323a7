"""The constraint funnel: how many models survive as constraints are added, and how they differ.

A constraint is a threshold on the loss on some text, or a property. The first k of c constraints in
random order are a random subset, so the mean number of survivors is a mean over subsets, in closed
form; only ranges and divergences need the orders. The baseline is independence: each constraint
removes its share of the remaining members.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import permutations
from typing import Literal

import numpy as np

from manymasks.arrays import Bools, Floats, Indices, Row, Rows
from manymasks.config.analyses import Contrast
from manymasks.config.rashomon import Funnel
from manymasks.rashomon.rarefaction import expected_patterns
from manymasks.statistics.bootstrap import central_range, ratio
from manymasks.statistics.intervals import finite_columns
from manymasks.statistics.model_classes import Members, classes, one_corpus
from manymasks.statistics.proportions import wilson

Kind = Literal["split", "probe", "variant"]


@dataclass(frozen=True)
class Constraint:
    """A loss that must be low, or a property that a member must have. `column` (m,): nats per
    token, NaN if the loss is unknown or infinite; or booleans for a property."""

    name: str
    kind: Kind
    column: Floats | Bools


@dataclass(frozen=True)
class Passed:
    """Members that pass a constraint, (m,); best loss and threshold, NaN for a property."""

    passes: Bools
    best: float
    threshold: float


@dataclass(frozen=True)
class FunnelPool:
    """Members that go through the funnel together."""

    label: str
    positions: Indices
    required_variants: tuple[str, ...] = ()
    """One more constraint: to be of one of these."""


def funnel_rows(
    constraints: Sequence[Constraint],
    kl: Floats | None,
    members: Members,
    contrasts: Sequence[Contrast],
    settings: Funnel,
    confidence: float,
) -> dict[str, Rows]:
    """Rows of funnel_constraint, funnel_step and pattern, for every pool of at least two.

    `constraints`: columns over `members`, all of one corpus, else ValueError. `kl`: symmetric mean
    divergence of pairs on held-out text (m, m). `contrasts`: see `funnel_pools`. `confidence`: of
    Wilson intervals, and the share of orders that a range holds.
    """
    one_corpus(members)
    tables: dict[str, Rows] = {"funnel_constraint": [], "funnel_step": [], "pattern": []}
    for pool in funnel_pools(members, contrasts):
        required = [
            Constraint(one.name, one.kind, one.column[pool.positions]) for one in constraints
        ]
        if pool.required_variants:
            has_variant = [members[i].variant in pool.required_variants for i in pool.positions]
            name = f"variant = {' or '.join(pool.required_variants)}"
            required.append(Constraint(name, "variant", np.array(has_variant)))
        if not required:
            continue
        results = [passed(one.column, settings.seed_sd) for one in required]
        passes = np.stack([result.passes for result in results], axis=1)
        pool_kl = None if kl is None else kl[np.ix_(pool.positions, pool.positions)]
        pool_rows = {
            "funnel_constraint": [
                _constraint_row(one, result, confidence)
                for one, result in zip(required, results, strict=True)
            ],
            "funnel_step": step_rows(passes, pool_kl, settings, confidence),
            "pattern": pattern_rows(passes[:, [one.kind == "probe" for one in required]]),
        }
        for name, rows in pool_rows.items():
            tables[name] += [{"pool": pool.label, **row} for row in rows]
    return tables


def funnel_pools(members: Members, contrasts: Sequence[Contrast]) -> list[FunnelPool]:
    """Each class, and each size with all its variants together, of at least two members.

    The latter have one more constraint: to be of a variant that a contrast compares with a
    baseline. It asks whether a model trained under a restriction can be as good as the rest.
    Several such variants are one constraint, as a model has one variant.
    """
    corpus = members[0].corpus
    pools = [FunnelPool(label, positions) for label, positions in classes(members).items()]
    for size in dict.fromkeys(member.size for member in members):
        positions = [i for i, member in enumerate(members) if member.size == size]
        variants = {members[i].variant for i in positions}
        if len(variants) > 1:
            required = {
                contrast.variant
                for contrast in contrasts
                if variants >= {contrast.baseline, contrast.variant}
            }
            indices = np.array(positions, dtype=np.intp)
            pools.append(FunnelPool(f"{corpus}/{size}", indices, tuple(sorted(required))))
    return [pool for pool in pools if pool.positions.size > 1]


def split_constraints(nats: Floats, tokens: Floats, splits: int) -> list[Constraint]:
    """A constraint for each part of the measure split, where it has tokens: the loss per token on
    documents i modulo `splits`, from sums (m, D) and tokens (D,) of the documents."""
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


def loss_rows(constraints: Sequence[Constraint], models: Sequence[str]) -> Rows:
    """The losses that constraints put thresholds on, by model; none where a member has no loss."""
    return [
        {"constraint_name": one.name, "kind": one.kind, "model": model, "nats": float(nats)}
        for one in constraints
        for model, nats in zip(models, one.column, strict=True)
        if np.isfinite(nats)
    ]


def passed(column: Floats | Bools, seed_sd: float) -> Passed:
    """Members that have the property, or a loss of at most best + `seed_sd` standard deviations.
    Best and deviation (divisor m - 1) are over the members of the pool with a known loss; the
    others fail. If only one loss is known, its member passes."""
    if column.dtype == np.bool_:
        return Passed(column.astype(np.bool_), math.nan, math.nan)
    known = column[np.isfinite(column)]
    if not known.size:
        return Passed(np.zeros(column.size, dtype=np.bool_), math.nan, math.nan)
    deviation = float(known.std(ddof=1)) if known.size > 1 else 0.0
    threshold = float(known.min()) + seed_sd * deviation
    # Comparisons with NaN are false.
    return Passed(column <= threshold, float(known.min()), threshold)


def step_rows(passes: Bools, kl: Floats | None, settings: Funnel, confidence: float) -> Rows:
    """Rows of funnel_step without their pool, after k = 0 .. c constraints, from passes (m, c).

    Survivors and shares are exact means over all orders; ranges, and the divergence of the
    surviving pairs, are over the orders from `orders_of`. An order with fewer than two survivors
    has no divergence. The Wilson interval is that of the share that passes all constraints.
    """
    m, c = passes.shape
    shares = subset_means(passes.astype(np.float64)).mean(axis=0)
    independent = subset_means(passes.mean(axis=0))
    orders = orders_of(c, settings.orders, settings.seed)
    survived = survivors(passes, orders)
    counts = survived.sum(axis=-1).astype(np.float64)
    low, high = central_range(counts.T, (1 - confidence) / 2)
    spread = np.full(counts.shape, np.nan) if kl is None else spread_of(survived, kl)
    kl_low, kl_high = central_range(spread.T, (1 - confidence) / 2)
    rows = []
    for k in range(c + 1):
        known = spread[np.isfinite(spread[:, k]), k]
        share, expected = float(shares[k]), float(independent[k])
        ends = wilson(int(counts[0, c]), m, confidence) if k == c else (math.nan, math.nan)
        rows.append(
            {"constraints": k, "survivors": share * m, "share": share, "models": m}
            | finite_columns(survivors_lower_quantile=low[k], survivors_upper_quantile=high[k])
            | finite_columns(share_low=ends[0], share_high=ends[1])
            | finite_columns(kl_lower_quantile=kl_low[k], kl_upper_quantile=kl_high[k])
            | {
                "independent_share": expected,
                "log_ratio": math.log(share / expected) if share and expected else None,
                "kl": float(known.mean()) if known.size else None,
                "orders": len(orders),
            }
        )
    return rows


def pattern_rows(passes: Bools) -> Rows:
    """Rows of pattern without their pool, if there are probes: mean number of distinct rows of
    passes (m, c) among k of m members. It grows with k: compare pools at equal k."""
    m, c = passes.shape
    return [
        {
            "members_used": k,
            "patterns": float(expected_patterns(passes, k)),
            "models": m,
            "probes": c,
        }
        for k in range(1, m + 1)
        if c
    ]


def subset_means(values: Floats) -> Floats:
    """Mean product over all subsets of k = 0 .. c of the last axis, (..., c) -> (..., c + 1).
    Elementary symmetric polynomials divided by binomials. Among the subsets of k of j values a
    share of k / j contains the last one."""
    c = values.shape[-1]
    means = np.zeros((*values.shape[:-1], c + 1))
    means[..., 0] = 1.0
    for j in range(1, c + 1):
        with_last = np.arange(1, j + 1) / j
        means[..., 1 : j + 1] = (1 - with_last) * means[..., 1 : j + 1] + (
            with_last * values[..., j - 1, None] * means[..., :j]
        )
    return means


def orders_of(constraints: int, orders: int, seed: int) -> Indices:
    """Orders of constraints (orders, c): all of them if there are at most `orders`, else random."""
    if math.factorial(constraints) <= orders:
        return np.array(list(permutations(range(constraints))), dtype=np.intp)
    generator = np.random.default_rng(seed)
    unpermuted = np.tile(np.arange(constraints), (orders, 1))
    return np.asarray(generator.permuted(unpermuted, axis=1), dtype=np.intp)


def survivors(passes: Bools, orders: Indices) -> Bools:
    """Members that survive k = 0 .. c constraints of each order, (orders, c + 1, m)."""
    m = passes.shape[0]
    first = np.ones((len(orders), 1, m), dtype=np.bool_)
    ordered = passes.T[orders]
    return np.logical_and.accumulate(np.concatenate([first, ordered], axis=1), axis=1)


def spread_of(survived: Bools, kl: Floats) -> Floats:
    """Mean of kl (m, m) over pairs of survivors (..., m), (...). NaN with fewer than two survivors,
    or if the divergence of one of the pairs is unknown."""
    off_diagonal = ~np.eye(kl.shape[0], dtype=bool)
    known = off_diagonal & np.isfinite(kl)
    weights = survived.astype(np.float64)
    counts = weights.sum(axis=-1)
    pairs = counts * (counts - 1)
    total = np.einsum("...i,...i->...", weights @ np.where(known, kl, 0.0), weights)
    unknown = np.einsum("...i,...i->...", weights @ (off_diagonal & ~known), weights)
    return np.where((pairs > 0) & (unknown == 0), total / np.maximum(pairs, 1), np.nan)


def _constraint_row(constraint: Constraint, result: Passed, confidence: float) -> Row:
    m, passing = result.passes.size, int(result.passes.sum())
    low, high = wilson(passing, m, confidence)
    row = {"constraint_name": constraint.name, "kind": constraint.kind, "models": m}
    nats = finite_columns(nats_best=result.best, threshold_nats=result.threshold)
    share = {"passing": passing, "share": passing / m}
    return row | nats | share | finite_columns(share_low=low, share_high=high)
