"""Ratios of sums over documents (nats / tokens) and their bootstrap over documents.

Documents are the units: tokens of one document are not independent, so a resample takes or
leaves whole documents.
"""

import numpy as np

from manymasks.arrays import FloatArray


def document_weights(documents: int, resamples: int, seed: int) -> FloatArray:
    """How often each document occurs in each resample, (resamples, documents).

    Multinomial: each row sums to `documents`. One array serves all quantities on the same
    documents, so that their differences are resampled in pairs. Raises ValueError without
    documents.
    """
    if documents < 1:
        raise ValueError("a bootstrap over documents needs at least one document, found 0")
    generator = np.random.default_rng(seed)
    counts = generator.multinomial(documents, np.full(documents, 1 / documents), size=resamples)
    return counts.astype(np.float64)


def ratio(numerators: FloatArray, denominators: FloatArray) -> FloatArray:
    """Sum of numerators (..., D) over sum of denominators (D,), (...); NaN where that is 0."""
    total = float(denominators.sum())
    return np.asarray(numerators.sum(axis=-1) / (total if total else np.nan), dtype=np.float64)


def ratio_resamples(
    numerators: FloatArray, denominators: FloatArray, weights: FloatArray
) -> FloatArray:
    """The ratio of sums in every resample, (..., B).

    `numerators` (..., D), `denominators` (D,), `weights` (B, D). A resample whose documents
    have denominators of 0 only is NaN. All is NaN for a single document, whose resamples
    would show no variation and say nothing of it.
    """
    if denominators.size < 2:
        return np.full((*numerators.shape[:-1], weights.shape[0]), np.nan)
    totals = weights @ denominators
    totals = np.where(totals > 0, totals, np.nan)
    return np.asarray((numerators @ weights.T) / totals, dtype=np.float64)


def standard_error(resamples: FloatArray) -> float:
    """Standard deviation over resamples (B,), NaN ones left out; NaN with fewer than 2."""
    known = resamples[np.isfinite(resamples)]
    return float(known.std(ddof=1)) if known.size > 1 else float("nan")


def percentile_interval(resamples: FloatArray, confidence: float) -> tuple[FloatArray, FloatArray]:
    """Lower and upper percentiles over the last axis of resamples (..., B), each (...).

    Resamples that are NaN are left out; NaN where all are.
    """
    if not resamples.size:
        nothing = np.full(resamples.shape[:-1], np.nan)
        return nothing, nothing
    tail = (1 - confidence) / 2
    empty = np.asarray(~np.isfinite(resamples).any(axis=-1, keepdims=True))
    filled = np.where(empty, 0.0, resamples)
    low, high = np.nanquantile(filled, [tail, 1 - tail], axis=-1)
    unknown = empty[..., 0]
    return np.where(unknown, np.nan, low), np.where(unknown, np.nan, high)


def ratio_interval(
    sums: FloatArray, sizes: FloatArray, weights: FloatArray, confidence: float
) -> tuple[float, float, float]:
    """Ratio of sums (D,) to sizes (D,) over documents, with the ends of its percentile interval.

    `weights` (B, D) are document resamples. The value is NaN where sizes are 0, the ends are for a
    single document too.
    """
    low, high = percentile_interval(ratio_resamples(sums, sizes, weights), confidence)
    return float(ratio(sums, sizes)), float(low), float(high)
