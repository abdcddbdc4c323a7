"""Non-negative least squares that end."""

import numpy as np
from scipy.optimize import lsq_linear, nnls

from manymasks.arrays import Floats

STEPS = 30
"""Steps of the active-set method per column. Scipy's three are too few where dozens of columns
are nearly dependent, as generators of one cone are."""


def nonnegative_weights(matrix: Floats, target: Floats) -> Floats:
    """Weights (n,) >= 0 with the least |matrix @ weights - target|. `matrix`: (m, n); `target`:
    (m,). By Lawson and Hanson's active sets, which rounding can keep from an end; then by trust
    regions (Branch, Coleman and Li 1999), to their tolerance."""
    try:
        weights, _ = nnls(matrix, target, maxiter=STEPS * matrix.shape[1])
    except RuntimeError:
        weights = lsq_linear(matrix, target, bounds=(0, np.inf)).x
    return np.asarray(weights, np.float64)
