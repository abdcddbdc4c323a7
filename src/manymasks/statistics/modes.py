"""Whether scores over seeds come in more than one heap.

Over seeds a score can be bimodal where a mean and a deviation show nothing of it (Zhao et al.
2025, Random scaling of emergent capabilities).
"""

from dataclasses import dataclass

import numpy as np
from diptest import diptest

from manymasks.arrays import FloatArray

FEWEST_SCORES = 4
"""No three scores or fewer speak against one mode."""


@dataclass(frozen=True)
class Dip:
    """`statistic`: the largest distance of the empirical distribution function to the nearest
    unimodal one, at most 1/4; `p`: of one mode, 0 where it is smaller than the tables go."""

    statistic: float
    p: float


def dip(scores: FloatArray) -> Dip | None:
    """Dip test (Hartigan and Hartigan 1985) of scores over seeds (m,); None below 4.

    p is against the uniform law, the unimodal one whose dips are largest, so it is cautious: with
    10 seeds only heaps far apart are found. Scores that are not finite are left out. Equal scores
    are one heap: p is 1.
    """
    known = np.asarray(scores[np.isfinite(scores)], dtype=np.float64)
    if known.size < FEWEST_SCORES:
        return None
    statistic, p = diptest(known)
    return Dip(float(statistic), float(p))
