"""Corrections of p for how many claims were tested at once.

Claims that were named before the run are few: Holm (1979) keeps the probability of any false one
below the level. Of the many that are explored, Benjamini and Hochberg (1995) keep the expected
share of false ones among those found below it, where tests are independent or positively
dependent.
"""

import numpy as np
from statsmodels.stats.multitest import multipletests

from manymasks.arrays import FloatArray


def holm(p: FloatArray) -> FloatArray:
    """Corrected p, (n,). NaN stay NaN and do not count as tests."""
    return _corrected(p, "holm")


def benjamini_hochberg(p: FloatArray) -> FloatArray:
    """Corrected p, (n,). NaN stay NaN and do not count as tests."""
    return _corrected(p, "fdr_bh")


def _corrected(p: FloatArray, method: str) -> FloatArray:
    corrected = np.full(p.shape, np.nan)
    tested = np.isfinite(p)
    if tested.any():
        corrected[tested] = multipletests(p[tested], method=method)[1]
    return corrected
