"""Comparison of the spreads of two classes of models.

A spread is the mean over pairs of a distance between models, such as the mean KL: see `jackknife`.
"""

import math
from collections.abc import Sequence

import numpy as np

from manymasks.arrays import Floats
from manymasks.statistics.bootstrap import standard_error
from manymasks.statistics.intervals import Interval, joined
from manymasks.statistics.jackknife import pair_mean, pair_means_without
from manymasks.statistics.seed_design import Seeds, seed_error, share_nothing


def log_ratio_of_spreads(
    square_a: Floats,
    square_b: Floats,
    seeds: Sequence[Seeds],
    resamples_a: Floats,
    resamples_b: Floats,
    documents: Floats,
    confidence: float,
) -> Interval:
    """log(spread of a / spread of b) for two classes with the same seeds; the null of p is a ratio
    of 1.

    The logarithm of a spread is closer to normal than the spread. A seed is left out of both
    classes at once, so what it does to both cancels. NaN if a spread is not positive. `square_a`,
    `square_b`: symmetric distances (m, m). `resamples_a`, `resamples_b`: spreads in the same
    document resamples (B,), of `documents` with these sizes (D,).
    """
    spreads = [pair_mean(square, seeds).estimate for square in (square_a, square_b)]
    if not min(spreads) > 0:
        return Interval(math.nan, math.nan, math.nan, None, len(seeds) - 1)
    apart = share_nothing(seeds)
    with np.errstate(invalid="ignore", divide="ignore"):
        without = np.log(pair_means_without(square_a, apart) / pair_means_without(square_b, apart))
        resamples = np.log(resamples_a) - np.log(resamples_b)
    return joined(
        math.log(spreads[0] / spreads[1]),
        seed_error(without, seeds),
        standard_error(resamples, documents),
        confidence,
    )
