"""Survival with censored observations (Kaplan & Meier 1958)."""

import numpy as np

from manymasks.arrays import Floats


def product_limit(events: Floats, endings: Floats) -> Floats:
    """Share that survives steps 0 to T, (..., T + 1), from counts at steps 1 to T, (..., T), of
    units with the event and of units last seen (with the event or censored).

    The product-limit estimate; weighted counts handle all resamples of a bootstrap at once, unlike
    `scipy.stats.ecdf`. Constant after the last unit at risk; NaN without any unit.
    """
    at_risk = np.flip(np.cumsum(np.flip(endings, -1), axis=-1), -1)
    share = np.divide(events, at_risk, out=np.zeros_like(at_risk), where=at_risk > 0)
    steps = np.cumprod(1 - share, axis=-1)
    start = np.where(at_risk[..., :1] > 0, 1.0, np.nan)
    return np.concatenate([start, start * steps], axis=-1)


def restricted_mean(survival: Floats) -> Floats:
    """Mean number of steps survived up to T, (...), from the survival (..., T + 1)."""
    return np.asarray(survival[..., 1:].sum(axis=-1))
