"""Pearson's correlation; of ranks, it is Spearman's."""

import numpy as np

from manymasks.arrays import Floats


def correlation(x: Floats, y: Floats) -> Floats:
    """Correlation of x (..., n) with y (..., n) over the last axis, (...), in [-1, 1]. NaN if one
    of the two is constant."""
    centred_x = x - x.mean(axis=-1, keepdims=True)
    centred_y = y - y.mean(axis=-1, keepdims=True)
    scale = np.sqrt(np.sum(centred_x**2, axis=-1) * np.sum(centred_y**2, axis=-1))
    r = np.sum(centred_x * centred_y, axis=-1) / np.where(scale > 0, scale, np.nan)
    return np.asarray(np.clip(r, -1, 1), dtype=np.float64)
