"""Test of unimodality of scores over seeds.

Mean and deviation hide that a score is bimodal over seeds (Zhao et al. 2025, Random scaling of
emergent capabilities).
"""

from dataclasses import dataclass

import numpy as np
from diptest import diptest

from manymasks.arrays import Floats

FEWEST_SCORES = 4
"""With fewer, no dip is significant."""


@dataclass(frozen=True)
class Dip:
    """Result of the dip test."""

    statistic: float
    """Largest distance of the empirical distribution function to the nearest unimodal one; at
    most 1/4."""
    p: float
    """Null: one mode. 0 below the smallest value of the tables."""


def dip(scores: Floats) -> Dip | None:
    """Dip test (Hartigan and Hartigan 1985) of the finite scores over seeds (m,); None below 4. The
    null is the uniform distribution, which has the largest dips of all unimodal ones, so p is
    conservative: 10 seeds reveal only modes far apart. If all scores are equal, p is 1."""
    known = np.asarray(scores[np.isfinite(scores)], dtype=np.float64)
    if known.size < FEWEST_SCORES:
        return None
    statistic, p = diptest(known)
    return Dip(float(statistic), float(p))
