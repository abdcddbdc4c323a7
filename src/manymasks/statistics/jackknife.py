"""Means over pairs of models and their jackknife over models.

A mean over pairs is a U-statistic of degree two (Hoeffding 1948): pairs that share a model
are not independent, so the models are the units. Leaving out one model at a time gives the
standard error (Arvesen 1969); with t(m - 1) the interval covers about 95% for 5 to 20 models. An
interval that treats pairs as independent covers 62 to 39%.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from manymasks.arrays import Bools, Floats
from manymasks.statistics.intervals import Interval, StandardError, joined
from manymasks.statistics.seed_design import Seeds, seed_error, share_nothing


@dataclass(frozen=True)
class ModelEstimate:
    """An estimate, its standard error over models (NaN if unknown) and degrees of freedom."""

    estimate: float
    standard_error: float
    degrees: float

    def interval(
        self, documents: StandardError, confidence: float, at_least: float | None = None
    ) -> Interval:
        """Interval over models and documents: see `joined`."""
        models = StandardError(self.standard_error, self.degrees)
        return joined(self.estimate, models, documents, confidence, at_least)


def pair_means_without(distances: Floats, allowed: Bools) -> Floats:
    """Mean over the allowed pairs without each model in turn, (m,), of symmetric distances (m, m).
    `allowed` (m, m) is symmetric, without the diagonal. NaN where no pair is left."""
    values = np.where(allowed, distances, 0.0)
    total, count = values.sum() - 2 * values.sum(axis=1), allowed.sum() - 2 * allowed.sum(axis=1)
    return np.asarray(total / np.where(count > 0, count, np.nan))


def pair_mean(
    distances: Floats, seeds: Sequence[Seeds], allowed: Bools | None = None
) -> ModelEstimate:
    """Mean over pairs i < j of symmetric distances (m, m) between models with these seeds.

    Only pairs that share no seed count, unless `allowed` (m, m) says otherwise: pairs that share a
    data order are closer, so a mean over both kinds would depend on the grid of seeds. The error is
    `seed_error`. NaN without such pairs; the standard error is NaN for m < 3.
    """
    apart = share_nothing(seeds) if allowed is None else allowed
    count = apart.sum()
    estimate = float(distances[apart].sum() / count) if count else float("nan")
    models = seed_error(pair_means_without(distances, apart), seeds)
    return ModelEstimate(estimate, models.error, models.degrees)


def cross_mean(distances: Floats) -> ModelEstimate:
    """Mean of (m, n) distances over pairs of a model of one group and one of a disjoint group of
    independent models. A two-sample U-statistic: the variances of the jackknives over the two
    groups add up; degrees are min(m, n) - 1. The standard error is NaN if a group has fewer than 2
    models."""
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


def jackknife_error(left_out: Floats) -> float:
    """Delete-one standard error from the m estimates without one independent model each, (m,).
    Tukey's sqrt((m - 1) / m * sum of squared deviations from their mean). NaN for m < 2 or if an
    estimate is NaN. For members with seeds see `seed_error`."""
    m = left_out.size
    if m < 2:
        return float("nan")
    return float(np.sqrt((m - 1) / m * np.sum((left_out - left_out.mean()) ** 2)))
