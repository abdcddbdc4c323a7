"""Means over pairs of models and their jackknife over models.

A mean over pairs is a U-statistic of degree two (Hoeffding 1948): pairs that share a model
are not independent, so the models are the units. Leaving out one model at a time gives the
standard error (Arvesen 1969); with t(m - 1) the interval covers about 95% for 5 to 20 models. An
interval that treats pairs as independent covers 62 to 39%.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from manymasks.arrays import Floats
from manymasks.statistics.intervals import Interval, joined


@dataclass(frozen=True)
class ModelEstimate:
    """An estimate, its standard error over models (NaN if unknown) and degrees of freedom."""

    estimate: float
    standard_error: float
    degrees: int

    def interval(
        self, document_se: float, confidence: float, at_least: float | None = None
    ) -> Interval:
        """Interval over models and documents: see `joined`."""
        return joined(
            self.estimate, self.standard_error, document_se, self.degrees, confidence, at_least
        )


def jackknife_error(left_out: Floats) -> float:
    """Delete-one standard error from the m estimates without one model each, (m,). Tukey's sqrt((m
    - 1) / m * sum of squared deviations from their mean). NaN for m < 2 or if an estimate is
    NaN."""
    m = left_out.size
    if m < 2:
        return float("nan")
    return float(np.sqrt((m - 1) / m * np.sum((left_out - left_out.mean()) ** 2)))


def welch_degrees(errors: Sequence[float], degrees: Sequence[float]) -> float:
    """Degrees of freedom of a sum of independent estimates (Satterthwaite 1946, Welch 1947).
    `errors` are their standard errors, with `degrees` each. The result lies between the smallest
    and the sum of `degrees`; it is the smallest if all errors are 0 or one is NaN."""
    variances = np.square(np.asarray(errors, dtype=np.float64))
    total = float(variances.sum())
    if not total > 0 or min(degrees) < 1:
        return min(degrees)
    # Shares of the total, because squares of small variances underflow.
    return 1 / float(np.sum((variances / total) ** 2 / np.asarray(degrees)))


def pair_means_without(distances: Floats) -> Floats:
    """Mean over pairs without each model in turn, (m,), of symmetric distances (m, m). The diagonal
    is not read. NaN for m < 3."""
    m = distances.shape[0]
    if m < 3:
        return np.full(m, np.nan)
    to_others = _off_diagonal(distances).sum(axis=1)
    return np.asarray((to_others.sum() - 2 * to_others) / ((m - 1) * (m - 2)))


def pair_mean(distances: Floats) -> ModelEstimate:
    """Mean over pairs i < j of symmetric distances (m, m), with its jackknife over models. NaN for
    m < 2; the standard error is NaN for m < 3. Degrees are m - 1."""
    m = distances.shape[0]
    if m < 2:
        return ModelEstimate(float("nan"), float("nan"), m - 1)
    estimate = float(_off_diagonal(distances).sum() / (m * (m - 1)))
    return ModelEstimate(estimate, jackknife_error(pair_means_without(distances)), m - 1)


def cross_mean(distances: Floats) -> ModelEstimate:
    """Mean of (m, n) distances over pairs of a model of one group and one of a disjoint group. A
    two-sample U-statistic: the variances of the jackknives over the two groups add up; degrees are
    min(m, n) - 1. The standard error is NaN if a group has fewer than 2 models."""
    m, n = distances.shape
    if not m or not n:
        return ModelEstimate(float("nan"), float("nan"), -1)
    total = float(distances.sum())
    error = float("nan")
    if min(m, n) > 1:
        rows = (total - distances.sum(axis=1)) / ((m - 1) * n)
        columns = (total - distances.sum(axis=0)) / (m * (n - 1))
        error = float(np.hypot(jackknife_error(rows), jackknife_error(columns)))
    return ModelEstimate(total / (m * n), error, min(m, n) - 1)


def _off_diagonal(distances: Floats) -> Floats:
    return np.where(np.eye(distances.shape[0], dtype=bool), 0.0, distances)
