"""Estimates with their intervals, joined over models and documents."""

import math
from dataclasses import dataclass

from scipy import stats


@dataclass(frozen=True)
class Interval:
    """An estimate with its interval.

    `low` and `high` are NaN and `p` is None where there are too few models or documents to
    know an error: fewer than 2 models for a mean, 3 for a mean over pairs, 2 documents.
    `degrees` are the degrees of freedom of the t quantile.
    """

    estimate: float
    low: float
    high: float
    p: float | None
    degrees: int


def finite(value: float | None) -> float | None:
    """The value as a table holds it: NaN and infinities become None."""
    return float(value) if value is not None and math.isfinite(value) else None


def joined(
    estimate: float,
    model_se: float,
    document_se: float,
    degrees: int,
    confidence: float,
    at_least: float | None = None,
) -> Interval:
    """Interval over models and documents: variances added, t quantile of the models' degrees.

    `p` is two-sided, of the value 0. `at_least` cuts the interval at the smallest possible
    value, which leaves its coverage as it is. An error of exactly 0 gives an interval of no
    width and p of 0, or of 1 for an estimate of 0.

    Two caveats. The t quantile takes models as independent draws, but members of a class are
    crossed (initial weights x data order) and share seeds: with a strong effect of one seed
    the independent units are its values, which are fewer. And with heavy-tailed populations
    of models coverage falls: in a simulation with log-normal outlyingness a nominal 95% for a
    mean over pairs covered 81, 83, 88 and 93% with 5, 10, 20 and 40 models.
    """
    error = math.hypot(model_se, document_se)
    if degrees < 1 or not math.isfinite(error) or not math.isfinite(estimate):
        return Interval(estimate, math.nan, math.nan, None, degrees)
    half = float(stats.t.ppf((1 + confidence) / 2, degrees)) * error
    low, high = estimate - half, estimate + half
    if at_least is not None:
        low, high = max(low, at_least), max(high, at_least)
    p = 2 * float(stats.t.sf(abs(estimate) / error, degrees)) if error else float(not estimate)
    return Interval(estimate, low, high, p, degrees)
