"""Estimates with their intervals, joined over models and documents."""

import math
from dataclasses import dataclass
from typing import SupportsFloat

from scipy.special import ndtr, ndtri, stdtr, stdtrit

from manymasks.arrays import Row

SMALLEST_P = 1e-200
"""Below it quantiles are lost to rounding."""


@dataclass(frozen=True)
class Interval:
    """An estimate with its interval.

    `low` and `high` are NaN and `p` is None with too few models or documents to estimate an
    error: fewer than 2 models for a mean, 3 for a mean over pairs, 2 documents. `degrees` are the
    degrees of freedom of the t quantile, fractional for several groups.
    """

    estimate: float
    low: float
    high: float
    p: float | None
    degrees: float


def finite(value: SupportsFloat | None) -> float | None:
    """The value for a table: NaN and infinities become None."""
    return float(value) if value is not None and math.isfinite(value) else None


def finite_columns(**values: SupportsFloat | None) -> Row:
    """Columns of a row, with values by `finite`."""
    return {name: finite(value) for name, value in values.items()}


def interval_columns(interval: Interval, value: str, ends: str = "") -> Row:
    """Columns of an interval: its estimate as `value`, its ends as `<ends>low` and `<ends>high`."""
    numbers = {value: interval.estimate, f"{ends}low": interval.low, f"{ends}high": interval.high}
    return finite_columns(**numbers)


def joined(
    estimate: float,
    model_se: float,
    document_se: float,
    degrees: float,
    confidence: float,
    at_least: float | None = None,
) -> Interval:
    """Interval over models and documents, from the sum of their independent variances.

    The error over models has few `degrees`, that over documents many. The quantile is the mean of
    the t quantile of the models and the normal quantile of the documents, weighted by their
    variances (Cochran 1964): never wider than t, and equal to t without an error over documents.
    In a simulation with 3 to 20 models a nominal 95% covered 95 to 97%, whichever error is larger;
    t alone covered 95 to 100%. `p` is two-sided, with the null 0, and below 1 - confidence exactly
    if the interval excludes 0. `at_least` cuts the interval at the smallest possible value, which
    does not change its coverage. An error of exactly 0 gives an interval of zero width and p = 0,
    or p = 1 for an estimate of 0.

    Limits of the coverage. (1) Models are treated as independent draws, but members of a class are
    crossed (initial weights x data order) and share seeds: with a strong effect of one seed, its
    values are the independent units, and they are fewer. (2) Coverage falls for heavy-tailed
    populations of models: with log-normal outlyingness (sigma 0.5) a nominal 95% for a mean over
    pairs covered 81, 83, 87 and 93% with 5, 10, 20 and 40 models. (3) The interaction of models
    and documents is in both errors and counted twice: alone, it gives a coverage of 99%. (4) With
    fewer than about 20 documents their error is underestimated.
    """
    error = math.hypot(model_se, document_se)
    if degrees < 1 or not math.isfinite(error) or not math.isfinite(estimate):
        return Interval(estimate, math.nan, math.nan, None, degrees)
    share = (model_se / error) ** 2 if error else 1.0
    half = _quantile(1 - confidence, share, degrees) * error
    low, high = estimate - half, estimate + half
    if at_least is not None:
        low, high = max(low, at_least), max(high, at_least)
    p = _two_sided(abs(estimate) / error, share, degrees) if error else float(not estimate)
    return Interval(estimate, low, high, p, degrees)


def _quantile(outside: float, share: float, degrees: float) -> float:
    """The factor of the error for `outside` in both tails; `share`: of the variance, of models."""
    # The lower tail, because 1 - outside loses a small p; functions without the checks of
    # scipy.stats, because there are thousands of intervals.
    t, normal = stdtrit(degrees, outside / 2), ndtri(outside / 2)
    return -float(share * t + (1 - share) * normal)


def _two_sided(distance: float, share: float, degrees: float) -> float:
    """The p whose quantile is this distance in errors: between those of the normal and of t."""
    least, most = 2 * float(ndtr(-distance)), 2 * float(stdtr(degrees, -distance))
    least = max(least, SMALLEST_P)
    # The root lies between the ends, up to rounding.
    if share == 1 or most <= least or _quantile(most, share, degrees) >= distance:
        return most
    if _quantile(least, share, degrees) <= distance:
        return least
    # Imported late: the import takes longer than many jobs that never need it.
    from scipy.optimize import brentq

    return math.exp(
        brentq(
            lambda log_p: _quantile(math.exp(log_p), share, degrees) - distance,
            math.log(least),
            math.log(most),
        )
    )
