"""Estimates with their intervals, joined over models and documents."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import SupportsFloat

from scipy.special import stdtr, stdtrit

from manymasks.arrays import Row


@dataclass(frozen=True)
class StandardError:
    """A standard error with its degrees of freedom. `error` is NaN if unknown."""

    error: float
    degrees: float


UNKNOWN_ERROR = StandardError(math.nan, 0.0)
"""The error of too few models or documents to estimate one."""
NO_ERROR = StandardError(0.0, math.inf)
"""The error over documents of what is compared on the same documents, given these."""


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
    standard_error: float = math.nan
    """NaN for an interval that is not built from one, such as that of a share."""

    def detectable(self, level: float = 0.05, power: float = 0.8) -> float:
        """The true effect whose interval excludes 0 in a share `power` of studies like this one:
        the sum of two quantiles of Student's t (Cohen 1988) in standard errors."""
        quantiles = stdtrit(self.degrees, level / 2) + stdtrit(self.degrees, 1 - power)
        return -float(quantiles) * self.standard_error


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
    models: StandardError,
    documents: StandardError,
    confidence: float,
    at_least: float | None = None,
) -> Interval:
    """Interval over models and documents, from the sum of their independent variances.

    The quantile is Student's t with Satterthwaite's degrees of freedom (`satterthwaite`), between
    those of the two errors: those of the models without an error over documents. `p` is two-sided,
    with the null 0, and below 1 - confidence exactly if the interval excludes 0. `at_least` cuts
    the interval at the smallest possible value, which does not change its coverage. An error of
    exactly 0 gives an interval of zero width and p = 0, or p = 1 for an estimate of 0.

    The coverage is measured in `docs/concepts/intervals.md`. Its limits: (1) models are treated as
    independent draws: members that share seeds are fewer units; (2) coverage falls for heavy-tailed
    populations of models: with log-normal outlyingness (sigma 0.5) a nominal 95% for a mean over
    pairs covered 81, 83, 87 and 93% with 5, 10, 20 and 40 models; (3) the interaction of models
    and documents is in both errors and counted twice: alone, it gives a coverage of 99%.
    """
    error = math.hypot(models.error, documents.error)
    if models.degrees < 1 or not math.isfinite(error) or not math.isfinite(estimate):
        return Interval(estimate, math.nan, math.nan, None, models.degrees)
    degrees = satterthwaite([models, documents])
    # The lower tail, because 1 - outside loses a small p; functions without the checks of
    # scipy.stats, because there are thousands of intervals.
    half = -float(stdtrit(degrees, (1 - confidence) / 2)) * error
    low, high = estimate - half, estimate + half
    if at_least is not None:
        low, high = max(low, at_least), max(high, at_least)
    p = 2 * float(stdtr(degrees, -abs(estimate) / error)) if error else float(not estimate)
    return Interval(estimate, low, high, p, degrees, error)


def satterthwaite(errors: Sequence[StandardError]) -> float:
    """Degrees of freedom of a sum of independent estimates (Satterthwaite 1946, Welch 1947), from
    their standard errors. The result lies between the smallest and the sum of their degrees; it is
    the smallest if all errors are 0, one is NaN or has 0 degrees."""
    smallest = min(one.degrees for one in errors)
    total = math.fsum(one.error**2 for one in errors)
    if not total > 0 or smallest <= 0:
        return smallest
    # Shares of the total, because squares of small variances underflow.
    return 1 / math.fsum((one.error**2 / total) ** 2 / one.degrees for one in errors)


def summed(errors: Sequence[StandardError]) -> StandardError:
    """The standard error of a sum of independent estimates."""
    return StandardError(math.hypot(*(one.error for one in errors)), satterthwaite(errors))
