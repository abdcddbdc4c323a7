"""Ratios of sums over documents (nats / tokens) and their bootstrap over documents.

Documents are the units, because tokens of one document are not independent.
"""

import numpy as np

from manymasks.arrays import Floats, Row
from manymasks.statistics.intervals import finite


def document_weights(documents: int, resamples: int, seed: int) -> Floats:
    """Count of each document in each resample, (resamples, documents). Multinomial: each row sums
    to `documents`. Use one array for all quantities on the same documents, which pairs the
    resamples of their differences. Raises ValueError without documents."""
    if documents < 1:
        raise ValueError("a bootstrap over documents needs at least one document, found 0")
    generator = np.random.default_rng(seed)
    counts = generator.multinomial(documents, np.full(documents, 1 / documents), size=resamples)
    return counts.astype(np.float64)


def ratio(numerators: Floats, denominators: Floats) -> Floats:
    """Sum of numerators (..., D) over sum of denominators (D,), (...); NaN if that is 0."""
    total = float(denominators.sum())
    return np.asarray(numerators.sum(axis=-1) / (total if total else np.nan), dtype=np.float64)


def ratio_resamples(numerators: Floats, denominators: Floats, weights: Floats) -> Floats:
    """The ratio of sums in every resample, (..., B). `numerators` (..., D), `denominators` (D,),
    `weights` (B, D). NaN in resamples whose denominators are all 0, and everywhere for a single
    document, whose resamples do not vary."""
    if denominators.size < 2:
        return np.full((*numerators.shape[:-1], weights.shape[0]), np.nan)
    totals = weights @ denominators
    totals = np.where(totals > 0, totals, np.nan)
    return np.asarray((numerators @ weights.T) / totals, dtype=np.float64)


def standard_error(resamples: Floats) -> float:
    """Standard deviation over the finite resamples (B,); NaN with fewer than 2."""
    finite = resamples[np.isfinite(resamples)]
    return float(finite.std(ddof=1)) if finite.size > 1 else float("nan")


def percentile_interval(resamples: Floats, confidence: float) -> tuple[Floats, Floats]:
    """Lower and upper percentiles over the last axis of resamples (..., B), each (...). Resamples
    that are NaN are ignored; NaN if all are."""
    if not resamples.size:
        unknown = np.full(resamples.shape[:-1], np.nan)
        return unknown, unknown
    tail = (1 - confidence) / 2
    empty = np.asarray(~np.isfinite(resamples).any(axis=-1, keepdims=True))
    filled = np.where(empty, 0.0, resamples)
    low, high = np.nanquantile(filled, [tail, 1 - tail], axis=-1)
    is_unknown = empty[..., 0]
    return np.where(is_unknown, np.nan, low), np.where(is_unknown, np.nan, high)


def interval_over_documents(
    name: str, value: float, resamples: Floats, documents: int, confidence: float
) -> Row:
    """Columns `name`, `<name>_low` and `<name>_high`: a value with its percentile interval, which
    is None below two documents, as resamples of a single document are all equal."""
    row: Row = {name: finite(value), f"{name}_low": None, f"{name}_high": None}
    if documents > 1:
        low, high = percentile_interval(resamples, confidence)
        row |= {f"{name}_low": finite(float(low)), f"{name}_high": finite(float(high))}
    return row


def ratio_interval(
    sums: Floats, sizes: Floats, weights: Floats, confidence: float
) -> tuple[float, float, float]:
    """Ratio of sums (D,) to sizes (D,) over documents, with the ends of its percentile interval.
    `weights` (B, D) are document resamples. The ratio is NaN if all sizes are 0; the ends also for
    a single document."""
    low, high = percentile_interval(ratio_resamples(sums, sizes, weights), confidence)
    return float(ratio(sums, sizes)), float(low), float(high)
