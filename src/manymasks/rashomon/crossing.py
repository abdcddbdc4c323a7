"""Where a loss that rises with a scale crosses a level: few evaluations, many at once."""

from collections.abc import Callable

import numpy as np

from manymasks.arrays import FloatArray

WIDEST = 16.0
"""The largest factor by which a scale changes between two evaluations."""


def crossings(
    excess: Callable[[FloatArray], FloatArray],
    level: float,
    first: FloatArray,
    *,
    most: float = np.inf,
    power: float = 2.0,
    tolerance: float = 0.05,
    evaluations: int = 12,
) -> FloatArray:
    """The scale at which each of k excess losses is `level`, as near as it was found.

    Near a minimum a loss rises as a power of the scale, so the secant is taken in logarithms:
    the first steps with `power`, the next ones with the slope of the last two points. A scale
    known to be too small and one known to be too large bracket the crossing; a step that leaves
    the bracket is replaced by its geometric middle (Dekker 1969). An excess that is not positive
    is too small and one that is not finite too large, whatever the slope says.

    Args:
        excess: (k,) positive scales to (k,) losses in excess of the level 0, in nats. All are
            evaluated each time, also those that are done.
        level: above 0, nats.
        first: (k,) scales to begin with.
        most: the largest scale there is.
        power: with which the excess rises at first.
        tolerance: relative, of the excess: from there the last step is made unseen.
        evaluations: calls of `excess` at the most.

    Returns:
        (k,) scales: `most` where even that does not lose as much, and where the tolerance was not
        reached the one evaluated whose excess is nearest to the level in logarithms. Where
        nothing finite and positive was found, the upper end of the bracket.

    Raises:
        ValueError: for a level or a first scale that is not positive.
    """
    if not level > 0 or not (first > 0).all():
        raise ValueError("the level and the first scales must be positive")
    scale = np.minimum(first, most).astype(np.float64)
    low, high = np.zeros_like(scale), np.full_like(scale, np.inf)
    best, miss, left = scale.copy(), np.full_like(scale, np.inf), np.zeros_like(scale)
    last_x = last_y = np.full_like(scale, np.nan)
    for _ in range(evaluations):
        found = np.asarray(excess(scale), dtype=np.float64)
        with np.errstate(invalid="ignore", divide="ignore"):
            y = np.log(found / level)
        x = np.log(scale)
        with np.errstate(invalid="ignore", divide="ignore"):
            slope = (y - last_y) / (x - last_x)
        slope = np.where(np.isfinite(slope) & (slope > 0.1), slope, power)
        nearer = np.abs(y) < miss
        best, miss = np.where(nearer, scale, best), np.where(nearer, np.abs(y), miss)
        left = np.where(nearer, -y / slope, left)
        is_small = found < level
        low = np.where(is_small, np.maximum(low, scale), low)
        high = np.where(is_small, high, np.minimum(high, scale))
        at_end = is_small & (scale >= most)
        best, miss, left = (
            np.where(at_end, end, each) for end, each in ((most, best), (0.0, miss), (0.0, left))
        )
        if (miss <= tolerance).all():
            break
        known = np.isfinite(y)
        step = np.where(known, -y / slope, np.where(is_small, np.log(4), -np.log(4)))
        wanted = scale * np.exp(np.clip(step, -np.log(WIDEST), np.log(WIDEST)))
        last_x, last_y = np.where(known, x, np.nan), np.where(known, y, np.nan)
        outside = (low > 0) & np.isfinite(high) & ((wanted <= low) | (wanted >= high))
        wanted[outside] = np.sqrt(low[outside] * high[outside])
        scale = np.where(miss <= tolerance, scale, np.minimum(wanted, most))
    # The step that is left would be the next one: within the tolerance it is as good as made.
    best = np.minimum(np.where(miss <= tolerance, best * np.exp(left), best), most)
    return np.where(np.isfinite(miss), best, np.where(np.isfinite(high), high, low))
