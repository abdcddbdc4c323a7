"""Search for the scales at which losses cross a level: few evaluations, many scales at once."""

from collections.abc import Callable

import numpy as np

from manymasks.arrays import Floats

WIDEST = 16.0
"""The largest factor by which a scale changes between two evaluations."""


def crossings(
    excess: Callable[[Floats], Floats],
    level: float,
    first: Floats,
    *,
    largest: float = np.inf,
    power: float = 2.0,
    tolerance: float = 0.05,
    evaluations: int = 12,
) -> Floats:
    """The scale at which each of k excess losses equals `level` (nats), approximately.

    Near a minimum a loss rises as a power of the scale, so the secant method works on logarithms:
    the first step assumes `power`, later ones use the slope of the last two points. The largest
    scale known to be too small and the smallest known to be too large bracket the crossing; a step
    out of the bracket is replaced by its geometric mean (Dekker 1969). An excess that is not
    positive means a scale too small, one that is not finite a scale too large. `excess` maps all k
    positive scales to their losses at every call, at most `evaluations` times, from scales `first`
    up to `largest`. Within the relative `tolerance` of the excess, the last step is not evaluated.

    Returns `largest` if the excess stays below the level there. If the tolerance was not reached,
    the evaluated scale with the excess closest to the level in logarithms; without any finite and
    positive excess, the upper end of the bracket.
    """
    if not level > 0 or not (first > 0).all():
        raise ValueError("the level and the first scales must be positive")
    scale = np.minimum(first, largest).astype(np.float64)
    low, high = np.zeros_like(scale), np.full_like(scale, np.inf)
    best, miss, last_step = scale.copy(), np.full_like(scale, np.inf), np.zeros_like(scale)
    last_x = last_y = np.full_like(scale, np.nan)
    for _ in range(evaluations):
        nats = np.asarray(excess(scale), dtype=np.float64)
        with np.errstate(invalid="ignore", divide="ignore"):
            y = np.log(nats / level)
        x = np.log(scale)
        with np.errstate(invalid="ignore", divide="ignore"):
            slope = (y - last_y) / (x - last_x)
        slope = np.where(np.isfinite(slope) & (slope > 0.1), slope, power)
        nearer = np.abs(y) < miss
        best, miss = np.where(nearer, scale, best), np.where(nearer, np.abs(y), miss)
        last_step = np.where(nearer, -y / slope, last_step)
        is_small = nats < level
        low = np.where(is_small, np.maximum(low, scale), low)
        high = np.where(is_small, high, np.minimum(high, scale))
        at_end = is_small & (scale >= largest)
        best = np.where(at_end, largest, best)
        miss = np.where(at_end, 0.0, miss)
        last_step = np.where(at_end, 0.0, last_step)
        if (miss <= tolerance).all():
            break
        is_finite = np.isfinite(y)
        step = np.where(is_finite, -y / slope, np.where(is_small, np.log(4), -np.log(4)))
        proposed = scale * np.exp(np.clip(step, -np.log(WIDEST), np.log(WIDEST)))
        last_x, last_y = np.where(is_finite, x, np.nan), np.where(is_finite, y, np.nan)
        outside = (low > 0) & np.isfinite(high) & ((proposed <= low) | (proposed >= high))
        proposed[outside] = np.sqrt(low[outside] * high[outside])
        scale = np.where(miss <= tolerance, scale, np.minimum(proposed, largest))
    # Within the tolerance the last step is taken without evaluating it.
    best = np.minimum(np.where(miss <= tolerance, best * np.exp(last_step), best), largest)
    return np.where(np.isfinite(miss), best, np.where(np.isfinite(high), high, low))
