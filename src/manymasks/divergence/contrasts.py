"""Contrasts of divergence: the effect of a variant beyond seeds, and the effect of size."""

import math
from dataclasses import replace
from itertools import combinations

import numpy as np

from manymasks.arrays import Indices, Rows
from manymasks.config.analyses import Statistics
from manymasks.divergence.pair_metrics import Measured
from manymasks.statistics.bootstrap import standard_error
from manymasks.statistics.comparisons import Comparison, contrast_row
from manymasks.statistics.intervals import Interval
from manymasks.statistics.jackknife import pair_mean
from manymasks.statistics.model_classes import Members, classes, paired_by_seeds
from manymasks.statistics.spread_ratio import log_ratio_of_spreads


def contrast_rows(
    measured: Measured, members: Members, probe: str, severity: int, statistics: Statistics
) -> Rows:
    """Rows of `contrast` for every two classes that differ only in variant or only in size. Pairs
    of classes with too few members for an estimate have no row."""
    rows = []
    for pool, other in combinations(classes(members).values(), 2):
        first, second = members[pool[0]], members[other[0]]
        if first.size == second.size:
            pool, other = paired_by_seeds(members, pool, other)
            interval = beyond_seeds(measured, pool, other, statistics)
            comparison = Comparison(
                "beyond_seeds", first.corpus, second.variant, first.variant, first.size
            )
        elif first.variant == second.variant:
            interval = log_ratio(measured, pool, other, statistics)
            # In the order of the study's sizes, the smaller first, as a primary claim names them.
            comparison = Comparison("spread", first.corpus, second.size, first.size, first.variant)
        else:
            continue
        if interval is not None:
            comparison = replace(comparison, probe=probe, severity=severity)
            models = pool.size + other.size
            rows.append(contrast_row(comparison, interval, models, measured.documents))
    return rows


def beyond_seeds(
    measured: Measured, pool: Indices, other: Indices, statistics: Statistics
) -> Interval | None:
    """Mean KL across two classes minus the mean of their means within; None below 2 seeds.

    `pool[k]` and `other[k]` share both seeds. Such a pair starts from the same weights and sees the
    same data, unlike any pair within a class, so it is left out: without an effect of the variant
    the expectation is then 0. This is a U-statistic over the shared seeds k < l with kernel (K(a_k,
    b_l) + K(a_l, b_k)) / 2 - (K(a_k, a_l) + K(b_k, b_l)) / 2, so the jackknife is over seeds.
    Without an effect the kernel is degenerate and the interval too wide.
    """
    if pool.size < 2:
        return None
    kl = measured.means["kl"]
    across = kl[np.ix_(pool, other)]
    within = kl[np.ix_(pool, pool)] + kl[np.ix_(other, other)]
    estimate = pair_mean((across + across.T - within) / 2)
    k, j = np.nonzero(~np.eye(pool.size, dtype=bool))
    resamples = (
        measured.between_pairs("kl", pool[k], other[j])
        - (measured.within("kl", pool) + measured.within("kl", other)) / 2
    )
    return estimate.interval(standard_error(resamples), statistics.confidence)


def log_ratio(
    measured: Measured, pool: Indices, other: Indices, statistics: Statistics
) -> Interval | None:
    """log(mean KL within `other` / mean KL within `pool`); None if one is not positive. See
    `log_ratio_of_spreads` for its interval."""
    kl = measured.means["kl"]
    if min(pool.size, other.size) < 2:
        return None
    interval = log_ratio_of_spreads(
        kl[np.ix_(other, other)],
        kl[np.ix_(pool, pool)],
        measured.within("kl", other),
        measured.within("kl", pool),
        statistics.confidence,
    )
    return interval if math.isfinite(interval.estimate) else None
