"""Pearson's correlation, which of ranks is Spearman's."""

import numpy as np

from manymasks.arrays import FloatArray


def correlation(x: FloatArray, y: FloatArray) -> FloatArray:
    """Correlation of x (..., n) with y (..., n) over the last axis, (...), in [-1, 1].

    NaN where one of the two is constant.
    """
    around_x = x - x.mean(axis=-1, keepdims=True)
    around_y = y - y.mean(axis=-1, keepdims=True)
    scale = np.sqrt(np.sum(around_x**2, axis=-1) * np.sum(around_y**2, axis=-1))
    found = np.sum(around_x * around_y, axis=-1) / np.where(scale > 0, scale, np.nan)
    return np.asarray(np.clip(found, -1, 1), dtype=np.float64)
