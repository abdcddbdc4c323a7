"""Survival with censored observations (Kaplan & Meier 1958)."""

import numpy as np

from manymasks.arrays import Floats


def product_limit(events: Floats, endings: Floats) -> Floats:
    """Share that survives steps 0 to T, (..., T + 1), from counts at steps 1 to T, (..., T).

    The product-limit estimate. Counts may be weighted, so one call handles all resamples of a
    bootstrap; `scipy.stats.ecdf`, the reference in the tests, takes one sample without weights.
    Constant after the last unit at risk; NaN without any unit.

    `events`: units with the event at each step. `endings`: units last seen at each step, with the
    event or censored.
    """
    at_risk = np.flip(np.cumsum(np.flip(endings, -1), axis=-1), -1)
    share = np.divide(events, at_risk, out=np.zeros_like(at_risk), where=at_risk > 0)
    steps = np.cumprod(1 - share, axis=-1)
    start = np.where(at_risk[..., :1] > 0, 1.0, np.nan)
    return np.concatenate([start, start * steps], axis=-1)


def restricted_mean(survival: Floats) -> Floats:
    """Mean number of steps survived up to T, (...), from the survival (..., T + 1)."""
    return np.asarray(survival[..., 1:].sum(axis=-1))
