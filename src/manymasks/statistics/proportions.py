"""Intervals of shares: of independent trials, and of dependent ones with a standard error."""

import math

from scipy.special import ndtri, stdtrit

from manymasks.statistics.intervals import Interval, StandardError


def wilson(successes: int, trials: int, confidence: float) -> tuple[float, float]:
    """Lower and upper end of Wilson's score interval (1927); NaN without trials."""
    if not trials:
        return float("nan"), float("nan")
    return _score_interval(successes / trials, trials, -float(ndtri((1 - confidence) / 2)))


def share_interval(share: float, error: StandardError, units: float, confidence: float) -> Interval:
    """Interval of a share that is estimated with an error over models and documents: Wilson's, with
    the number of independent trials that have the same error and the quantile of t (Franco et al.
    2019).

    A share of 0 or 1 has no error: it counts as that of `units` trials, such as the effective
    number of documents. So no interval is a point, and none reaches beyond 0 or 1. NaN without a
    share or an error.
    """
    low = high = float("nan")
    if math.isfinite(share) and math.isfinite(error.error) and error.degrees >= 1:
        variance = share * (1 - share)
        trials = variance / error.error**2 if variance > 0 and error.error > 0 else units
        t = -float(stdtrit(error.degrees, (1 - confidence) / 2))
        low, high = _score_interval(share, trials, t)
    return Interval(share, low, high, None, error.degrees)


def _score_interval(share: float, trials: float, quantile: float) -> tuple[float, float]:
    """Shares at which the score test does not reject this one (Wilson 1927)."""
    square = quantile**2 / trials
    middle = (share + square / 2) / (1 + square)
    half = math.sqrt(share * (1 - share) * square + square**2 / 4) / (1 + square)
    return max(middle - half, 0.0), min(middle + half, 1.0)
