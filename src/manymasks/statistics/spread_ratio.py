"""Comparison of the spreads of two groups of models.

A spread is the mean over pairs of a distance between models, such as the mean KL: see `jackknife`.
"""

import math

import numpy as np

from manymasks.arrays import Floats
from manymasks.statistics.bootstrap import standard_error
from manymasks.statistics.intervals import Interval, joined
from manymasks.statistics.jackknife import (
    jackknife_error,
    pair_mean,
    pair_means_without,
    welch_degrees,
)


def log_ratio_of_spreads(
    square_a: Floats, square_b: Floats, resamples_a: Floats, resamples_b: Floats, confidence: float
) -> Interval:
    """log(spread of a / spread of b) for disjoint groups of models; the null of p is a ratio of 1.

    The logarithm of a spread is closer to normal than the spread. The jackknife variances of both
    logarithms add up, with the degrees of Welch (1947) and Satterthwaite (1946). Groups that share
    seeds are positively correlated, which makes this conservative. NaN if a spread is not positive.
    `square_a`, `square_b`: symmetric distances. `resamples_a`, `resamples_b`: spreads in the same
    document resamples (B,).
    """
    spreads = [pair_mean(square).estimate for square in (square_a, square_b)]
    sizes = [len(square_a), len(square_b)]
    if not min(spreads) > 0:
        return Interval(math.nan, math.nan, math.nan, None, min(sizes) - 1)
    with np.errstate(invalid="ignore", divide="ignore"):
        errors = [
            jackknife_error(np.log(pair_means_without(square))) for square in (square_a, square_b)
        ]
        resamples = np.log(resamples_a) - np.log(resamples_b)
    return joined(
        math.log(spreads[0] / spreads[1]),
        math.hypot(*errors),
        standard_error(resamples),
        welch_degrees(errors, [size - 1 for size in sizes]),
        confidence,
    )
