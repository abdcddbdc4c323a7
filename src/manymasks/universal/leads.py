"""The distribution over other tokens that bounds the lead of a token best.

The lead over all others is at most R times the distance of the token's row from the convex hull of
all other rows, and this is its maximum over the ball (von Neumann's minimax theorem). The nearest
point of the hull follows from non-negative least squares (Lawson & Hanson 1974): with a row of
equal numbers for the sum of the weights, the solution is the nearest point up to a factor.
"""

import numpy as np
from scipy.optimize import nnls

from manymasks.arrays import Floats, Ints
from manymasks.universal.certificate import OutputLayer

LEAST = 1e-12
"""Weight, relative to the sum, below which another token is left out."""


def nearest_mixtures(layer: OutputLayer, tokens: Ints) -> tuple[Ints, Floats]:
    """For each of `tokens` (n,) the other tokens, (n, k), and their weights, (n, k), whose mean row
    is nearest to that of the token. Lines are padded with another token of weight 0."""
    nearest = [_nearest(layer.rows, token) for token in tokens.tolist()]
    most = max((len(others) for others, _ in nearest), default=1)
    others = np.empty((len(nearest), most), np.int64)
    weights = np.zeros((len(nearest), most))
    for line, (chosen, shares) in enumerate(nearest):
        others[line] = chosen[0]
        others[line, : len(chosen)], weights[line, : len(chosen)] = chosen, shares
    return others, weights


def _nearest(rows: Floats, token: int) -> tuple[Ints, Floats]:
    others = np.delete(np.arange(len(rows)), token)
    differences = rows[others] - rows[token]
    scale = float(np.linalg.norm(differences, axis=1).max()) or 1.0
    matrix = np.vstack([differences.T / scale, np.ones(len(others))])
    target = np.append(np.zeros(rows.shape[1]), 1.0)
    weights, _ = nnls(matrix, target, maxiter=30 * len(others))
    kept = np.flatnonzero(weights > LEAST * weights.sum())
    return others[kept], weights[kept] / weights[kept].sum()


def attained_leads(layer: OutputLayer, tokens: Ints, others: Ints, weights: Floats) -> Floats:
    """Leads of tokens (n,) at the point of the ball that separates each from the mean row of its
    others, (n,): no bound of the lead over the ball can be lower. At least 0, that of the centre.
    """
    leads = np.empty(len(tokens))
    for line, token in enumerate(tokens.tolist()):
        away = layer.rows[token] - weights[line] @ layer.rows[others[line]]
        logits = layer.rows @ (layer.radius * away / max(float(np.linalg.norm(away)), 1e-300))
        rest = np.delete(logits, token).max()
        leads[line] = max(logits[token] - rest, 0.0)
    return leads
