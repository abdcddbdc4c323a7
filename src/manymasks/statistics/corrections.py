"""Corrections of p for multiple tests.

Holm (1979) controls the probability of any false claim, for the few named before the run.
Benjamini and Hochberg (1995) control the expected share of false discoveries among the many
exploratory ones, if tests are independent or positively dependent.
"""

import numpy as np
from statsmodels.stats.multitest import multipletests

from manymasks.arrays import Floats


def holm(p: Floats) -> Floats:
    """Corrected p, (n,). NaN stays NaN and does not count as a test."""
    return _corrected(p, "holm")


def benjamini_hochberg(p: Floats) -> Floats:
    """Corrected p, (n,). NaN stays NaN and does not count as a test."""
    return _corrected(p, "fdr_bh")


def _corrected(p: Floats, method: str) -> Floats:
    corrected = np.full(p.shape, np.nan)
    tested = np.isfinite(p)
    if tested.any():
        corrected[tested] = multipletests(p[tested], method=method)[1]
    return corrected
