"""Survival of what may be cut off before it ends (Kaplan & Meier 1958)."""

import numpy as np

from manymasks.arrays import FloatArray


def product_limit(events: FloatArray, endings: FloatArray) -> FloatArray:
    """Share that survives steps 0 to T, (..., T + 1), from counts at steps 1 to T, (..., T).

    The product-limit estimate over counts, which may be weighted, so that all resamples of a
    bootstrap are made at once; `scipy.stats.ecdf`, which it is tested against, takes one sample
    without weights. Where nobody is left it stays where it was; NaN where nobody was there.

    Args:
        events: how many it happened to.
        endings: how many were last seen, those it happened to and those that were cut off.
    """
    at_risk = np.flip(np.cumsum(np.flip(endings, -1), axis=-1), -1)
    share = np.divide(events, at_risk, out=np.zeros_like(at_risk), where=at_risk > 0)
    steps = np.cumprod(1 - share, axis=-1)
    start = np.where(at_risk[..., :1] > 0, 1.0, np.nan)
    return np.concatenate([start, start * steps], axis=-1)


def restricted_mean(survival: FloatArray) -> FloatArray:
    """Mean steps survived, T at most, (...), from the survival of steps 0 to T, (..., T + 1)."""
    return np.asarray(survival[..., 1:].sum(axis=-1))
