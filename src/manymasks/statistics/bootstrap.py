"""Ratios of sums over documents (nats / tokens) and their bootstrap over documents.

Documents are the units, because tokens of one document are not independent. Few documents, or
documents of unequal length, make resamples vary too little and their tails too short: errors and
percentiles are widened for the effective number of documents (`effective_documents`). The page
`docs/concepts/intervals.md` has the coverage, measured by simulation.
"""

import numpy as np
from scipy.special import ndtr, stdtrit

from manymasks.arrays import Floats, Row
from manymasks.statistics.intervals import UNKNOWN_ERROR, StandardError, finite


def effective_documents(sizes: Floats) -> Floats:
    """Kish's (1965) effective number of documents, (sum n)^2 / sum n^2, (...), of sizes (..., D):
    the number of equally long documents whose mean varies as much. NaN if all sizes are 0."""
    total, squares = sizes.sum(axis=-1), np.square(sizes).sum(axis=-1)
    return np.asarray(np.square(total) / np.where(squares > 0, squares, np.nan))


def document_columns(sizes: Floats) -> Row:
    """Columns `documents`, those with a size above 0, and `effective_documents`, from sizes
    (D,)."""
    return {
        "documents": int((sizes > 0).sum()),
        "effective_documents": finite(float(effective_documents(sizes))),
    }


ONE_DOCUMENT = 1 + 1e-9
"""The effective number of one document, with rounding."""


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


def standard_error(resamples: Floats, sizes: Floats) -> StandardError:
    """Standard error over documents, from the finite resamples (B,) of a statistic of documents
    with these sizes (D,).

    With n effective documents resamples have n - 1 / n of the variance, so their standard deviation
    is multiplied by sqrt(n / (n - 1)); degrees of freedom are n - 1. NaN with fewer than 2
    resamples or documents.
    """
    known = resamples[np.isfinite(resamples)]
    effective = float(effective_documents(sizes))
    if known.size < 2 or not effective > ONE_DOCUMENT:
        return UNKNOWN_ERROR
    widened = np.sqrt(effective / (effective - 1))
    return StandardError(float(known.std(ddof=1) * widened), effective - 1)


def percentile_interval(
    resamples: Floats, confidence: float, sizes: Floats
) -> tuple[Floats, Floats]:
    """Ends (...) of the expanded percentile interval from resamples (..., B) of statistics of
    documents with these sizes (D,) or (..., D). Resamples that are NaN are ignored; NaN if all are,
    or with a single document."""
    return central_range(resamples, expanded_tail(sizes, confidence))


def expanded_tail(sizes: Floats, confidence: float) -> Floats:
    """Share of the resamples beyond either end of the expanded percentile interval (Hesterberg
    2015), (...), of units with these sizes (..., D).

    Instead of (1 - confidence) / 2 it is that of the standard normal beyond sqrt(n / (n - 1)) t(n -
    1), with n effective units. Below 5 of them the ends are nearly the extremes of 1,000 resamples.
    NaN for a single unit.
    """
    effective = effective_documents(sizes)
    known = np.where(effective > ONE_DOCUMENT, effective, np.nan)
    t = stdtrit(known - 1, (1 - confidence) / 2)
    return np.asarray(ndtr(np.sqrt(known / (known - 1)) * t))


def central_range(draws: Floats, tail: float | Floats) -> tuple[Floats, Floats]:
    """Quantiles `tail` and 1 - `tail` over the last axis of draws (..., B), each (...). `tail`: one
    or (...). Draws that are NaN are ignored; NaN if all are, or for a tail of NaN."""
    shape = draws.shape[:-1]
    ordered = np.sort(draws, axis=-1)
    last = np.isfinite(draws).sum(axis=-1) - 1
    tails = np.broadcast_to(np.asarray(tail, dtype=np.float64), shape)
    is_unknown = (last < 0) | np.isnan(tails)
    if not draws.shape[-1] or is_unknown.all():
        return np.full(shape, np.nan), np.full(shape, np.nan)
    ends = []
    for level in (tails, 1 - tails):
        rank = np.where(is_unknown, 0.0, level) * np.maximum(last, 0)
        below = np.floor(rank).astype(np.intp)
        above = np.minimum(below + 1, np.maximum(last, 0))
        low, high = (
            np.take_along_axis(ordered, index[..., None], axis=-1)[..., 0]
            for index in (below, above)
        )
        ends.append(np.where(is_unknown, np.nan, low + (rank - below) * (high - low)))
    return ends[0], ends[1]


def interval_over_documents(
    name: str, value: float, resamples: Floats, sizes: Floats, confidence: float
) -> Row:
    """Columns `name`, `<name>_low` and `<name>_high`: a value with its percentile interval, which
    is None below two documents. `sizes` (D,) of documents, 0 for those that do not count."""
    low, high = percentile_interval(resamples, confidence, sizes)
    return {
        name: finite(value),
        f"{name}_low": finite(float(low)),
        f"{name}_high": finite(float(high)),
    }


def ratio_interval(
    sums: Floats, sizes: Floats, weights: Floats, confidence: float
) -> tuple[float, float, float]:
    """Ratio of sums (D,) to sizes (D,) over documents, with the ends of its percentile interval.
    `weights` (B, D) are document resamples. The ratio is NaN if all sizes are 0; the ends also for
    a single document."""
    low, high = percentile_interval(ratio_resamples(sums, sizes, weights), confidence, sizes)
    return float(ratio(sums, sizes)), float(low), float(high)
