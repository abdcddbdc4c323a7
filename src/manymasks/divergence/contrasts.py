"""Contrasts of divergence: the effect of a variant beyond seeds, and the effect of size."""

import math
from collections.abc import Sequence
from dataclasses import replace
from functools import partial
from itertools import combinations

import numpy as np

from manymasks.arrays import Indices, Rows
from manymasks.config.analyses import Statistics
from manymasks.divergence.pair_metrics import Measured
from manymasks.statistics.bootstrap import standard_error
from manymasks.statistics.comparisons import Comparison, contrast_row
from manymasks.statistics.intervals import Interval
from manymasks.statistics.jackknife import pair_mean
from manymasks.statistics.model_classes import Members, classes, paired_by_seeds, seeds_of
from manymasks.statistics.seed_design import Seeds, share_nothing
from manymasks.statistics.spread_ratio import log_ratio_of_spreads


def contrast_rows(
    measured: Measured, members: Members, probe: str, severity: int, statistics: Statistics
) -> Rows:
    """Rows of `contrast` for every two classes that differ only in variant or only in size. Pairs
    of classes with too few members for an estimate have no row."""
    rows = []
    for pool, other in combinations(classes(members).values(), 2):
        first, second = members[pool[0]], members[other[0]]
        pool, other = paired_by_seeds(members, pool, other)
        seeds = seeds_of(members, pool)
        if first.size == second.size:
            interval = beyond_seeds(measured, pool, other, seeds, statistics)
            comparison = Comparison(
                "beyond_seeds", first.corpus, second.variant, first.variant, first.size
            )
        elif first.variant == second.variant:
            interval = log_ratio(measured, pool, other, seeds, statistics)
            # In the order of the study's sizes, the smaller first, as a primary claim names them.
            comparison = Comparison("spread", first.corpus, second.size, first.size, first.variant)
        else:
            continue
        if interval is not None:
            comparison = replace(comparison, probe=probe, severity=severity)
            rows.append(contrast_row(comparison, interval, seeds, measured.sums.tokens))
    return rows


def beyond_seeds(
    measured: Measured,
    pool: Indices,
    other: Indices,
    seeds: Sequence[Seeds],
    statistics: Statistics,
) -> Interval | None:
    """Mean KL across two classes minus the mean of their means within; None below 2 seeds.

    `pool[k]` and `other[k]` have the same seeds. Only pairs that share no seed count, so without an
    effect of the variant the expectation is 0. This is a U-statistic over the shared seeds k < l
    with kernel (K(a_k, b_l) + K(a_l, b_k)) / 2 - (K(a_k, a_l) + K(b_k, b_l)) / 2, so the jackknife
    is over seeds. Without an effect the kernel is degenerate and the interval too wide.
    """
    if pool.size < 2:
        return None
    kl = measured.means["kl"]
    across = kl[np.ix_(pool, other)]
    within = kl[np.ix_(pool, pool)] + kl[np.ix_(other, other)]
    estimate = pair_mean((across + across.T - within) / 2, seeds)
    k, j = np.nonzero(share_nothing(seeds))
    if not k.size:
        return None
    between = partial(measured.between_pairs, "kl")
    inside = (between(pool[k], pool[j]) + between(other[k], other[j])) / 2
    resamples = between(pool[k], other[j]) - inside
    return estimate.interval(standard_error(resamples, measured.sums.tokens), statistics.confidence)


def log_ratio(
    measured: Measured,
    pool: Indices,
    other: Indices,
    seeds: Sequence[Seeds],
    statistics: Statistics,
) -> Interval | None:
    """log(mean KL within `other` / mean KL within `pool`), members with the same seeds; None if one
    is not positive. See `log_ratio_of_spreads` for its interval."""
    kl = measured.means["kl"]
    k, j = np.nonzero(share_nothing(seeds))
    if not k.size:
        return None
    interval = log_ratio_of_spreads(
        kl[np.ix_(other, other)],
        kl[np.ix_(pool, pool)],
        seeds,
        measured.between_pairs("kl", other[k], other[j]),
        measured.between_pairs("kl", pool[k], pool[j]),
        measured.sums.tokens,
        statistics.confidence,
    )
    return interval if math.isfinite(interval.estimate) else None
