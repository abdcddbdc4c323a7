"""Two one-sided tests: evidence that a difference is small, which a large p is not."""

import math

from scipy import stats

from manymasks.statistics.intervals import Interval


def equivalence(
    estimate: float, standard_error: float, degrees: float, margin: float, alpha: float = 0.05
) -> Interval:
    """TOST (Schuirmann 1987) of |value| >= margin; a small p says that the value is within.

    p is the larger of the two one-sided ones. The interval covers 1 - 2 alpha, and lies within
    +-margin exactly where p < alpha. Its ends are NaN and p is None where the error is unknown.
    The margin, in units of the estimate, is to be named before the run: a margin that is chosen
    to fit proves nothing.

    Raises ValueError for a margin that is not above 0 or an alpha outside (0, 1/2).
    """
    if not margin > 0:
        raise ValueError(f"a margin of equivalence must be above 0, found {margin}")
    if not 0 < alpha < 0.5:
        raise ValueError(f"alpha must be between 0 and 1/2, found {alpha}")
    if degrees < 1 or not math.isfinite(standard_error) or not math.isfinite(estimate):
        return Interval(estimate, math.nan, math.nan, None, degrees)
    half = float(stats.t.ppf(1 - alpha, degrees)) * standard_error
    # How far the estimate is inside of the nearer end.
    inside = margin - abs(estimate)
    if standard_error:
        p = float(stats.t.sf(inside / standard_error, degrees))
    else:
        p = float(inside <= 0)
    return Interval(estimate, estimate - half, estimate + half, p, degrees)
