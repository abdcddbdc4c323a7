"""Corrections of p for multiple tests.

Holm (1979) controls the probability of any false claim, for the few named before the run. Benjamini
and Yekutieli (2001) control the expected share of false discoveries among the many exploratory ones
under any dependence. The weaker correction of Benjamini and Hochberg (1995) needs independent or
positively dependent tests: exploratory contrasts are two-sided and share members, and the sign of
one says little about the sign of another.
"""

from collections.abc import Callable
from functools import partial

import numpy as np
from scipy.stats import false_discovery_control

from manymasks.arrays import Floats


def holm(p: Floats) -> Floats:
    """Corrected p, (n,). NaN stays NaN and does not count as a test."""
    return _corrected(p, _stepped_down)


def benjamini_yekutieli(p: Floats) -> Floats:
    """Corrected p, (n,). NaN stays NaN and does not count as a test."""
    return _corrected(p, partial(false_discovery_control, method="by"))


def _stepped_down(p: Floats) -> Floats:
    """The k-th smallest of n times n - k + 1, never falling and at most 1."""
    order = np.argsort(p)
    rising = np.maximum.accumulate(p[order] * np.arange(p.size, 0, -1))
    corrected = np.empty_like(p)
    corrected[order] = np.minimum(rising, 1)
    return corrected


def _corrected(p: Floats, method: Callable[[Floats], Floats]) -> Floats:
    corrected = np.full(p.shape, np.nan)
    tested = np.isfinite(p)
    if tested.any():
        corrected[tested] = method(p[tested])
    return corrected
