"""The distribution over other tokens that bounds the lead of a token best.

The lead over all others is at most R times the distance of the token's row from the convex hull of
all other rows, and this is its maximum over the ball (von Neumann's minimax theorem). The nearest
point of the hull follows from non-negative least squares (Lawson & Hanson 1974): with a row of
equal numbers for the sum of the weights, the solution is the nearest point up to a factor.

Offsets add a linear term to R times the distance. R |x| is the least of R (|x|^2 / s + s) / 2 over
s, so that for each s the distance is squared, and another coordinate, large and almost equal for
all tokens, adds the linear term to the squares. A few s are tried; the best mixture is taken.
"""

import numpy as np

from manymasks.arrays import Floats, Ints
from manymasks.universal.certificate import OutputLayer
from manymasks.universal.never_both import lead_bounds
from manymasks.universal.nonnegative import nonnegative_weights

LEAST = 1e-12
"""Weight, relative to the sum, below which another token is left out."""
SCALES = (0.0, 0.01, 0.03, 0.1, 0.3, 1.0)
"""Distances s that are tried, relative to that of the most distant row."""
MANY = 4096
"""Vocabulary above which others are added as they are needed, `ADDED` at a time in `ROUNDS`."""
ADDED = 256
ROUNDS = 20


def nearest_mixtures(layer: OutputLayer, tokens: Ints) -> tuple[Ints, Floats]:
    """For each of `tokens` (n,) the other tokens, (n, k), and their weights, (n, k), whose mean row
    is nearest to that of the token. Lines are padded with another token of weight 0."""
    nearest = [_best(layer, token) for token in tokens.tolist()]
    most = max((len(others) for others, _ in nearest), default=1)
    others = np.empty((len(nearest), most), np.int64)
    weights = np.zeros((len(nearest), most))
    for line, (chosen, shares) in enumerate(nearest):
        others[line] = chosen[0]
        others[line, : len(chosen)], weights[line, : len(chosen)] = chosen, shares
    return others, weights


def _best(layer: OutputLayer, token: int) -> tuple[Ints, Floats]:
    """Others of a token with their shares."""
    others = np.delete(np.arange(len(layer.rows)), token)
    if len(others) <= MANY:
        return _among(layer, token, others)
    # From tokens that are far along its own direction.
    along = layer.logits((layer.rows[token] - layer.rows.mean(axis=0))[None])[0]
    active = others[np.argsort(-along[others], kind="stable")[: 2 * ADDED]]
    for _ in range(ROUNDS):
        chosen, shares = _among(layer, token, active)
        logits = layer.logits(_separating(layer, token, chosen, shares)[None])[0]
        rivals = np.setdiff1d(others[logits[others] > logits[active].max()], active)
        if not rivals.size:
            break
        active = np.union1d(active, rivals[np.argsort(-logits[rivals], kind="stable")[:ADDED]])
    return chosen, shares


def _among(layer: OutputLayer, token: int, others: Ints) -> tuple[Ints, Floats]:
    """The best mixture of some others."""
    if layer.offsets is None:
        return _nearest(layer.rows, token, others)
    rises = layer.offsets[token] - layer.offsets[others]
    furthest = float(np.linalg.norm(layer.rows[others] - layer.rows[token], axis=1).max())
    tried = [
        _nearest(layer.rows, token, others, rises * scale * furthest / layer.radius)
        for scale in SCALES
    ]
    return min(tried, key=lambda mixture: _bound(layer, token, *mixture))


def _bound(layer: OutputLayer, token: int, others: Ints, shares: Floats) -> float:
    return float(lead_bounds(layer, np.array([token]), others[None], shares[None])[0])


def _nearest(
    rows: Floats, token: int, others: Ints, costs: Floats | None = None
) -> tuple[Ints, Floats]:
    """The mixture of others with the least squared distance to a token, plus twice its mean cost.
    `costs` (others,): in squares of rows."""
    differences = rows[others] - rows[token]
    scale = float(np.linalg.norm(differences, axis=1).max()) or 1.0
    parts = [differences.T / scale]
    if costs is not None and costs.any():
        level = 10 * float(np.sqrt(np.abs(costs).max())) / scale
        parts.append((level + costs / (scale**2 * level))[None])
    matrix = np.vstack([*parts, np.ones((1, len(others)))])
    target = np.append(np.zeros(len(matrix) - 1), 1.0)
    weights = nonnegative_weights(matrix, target)
    kept = np.flatnonzero(weights > LEAST * weights.sum())
    return others[kept], weights[kept] / weights[kept].sum()


def _separating(layer: OutputLayer, token: int, others: Ints, shares: Floats) -> Floats:
    """The point (width,) of the ball that separates a token from the mean row of its others."""
    away = layer.rows[token] - shares @ layer.rows[others]
    point: Floats = layer.radius * away / max(float(np.linalg.norm(away)), 1e-300)
    return point


def attained_leads(layer: OutputLayer, tokens: Ints, others: Ints, weights: Floats) -> Floats:
    """Leads of tokens (n,) at the point of the ball that separates each from the mean row of its
    others, (n,): no bound of the lead over the ball can be lower. At least that of the centre.
    """
    leads = np.empty(len(tokens))
    for line, token in enumerate(tokens.tolist()):
        point = _separating(layer, token, others[line], weights[line])
        leads[line] = max(_lead(layer, token, point), _lead(layer, token, np.zeros_like(point)))
    return leads


def _lead(layer: OutputLayer, token: int, point: Floats) -> float:
    """The logit of a token minus the largest of all others, at a point (width,)."""
    logits = layer.rows @ point
    if layer.offsets is not None:
        logits = logits + layer.offsets
    return float(logits[token] - np.delete(logits, token).max())
