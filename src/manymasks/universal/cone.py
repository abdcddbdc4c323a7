"""The best bound over prefixes that end in a token: projections on a cone, by column generation.

The cone of C_s has a generator for every combination of one choice by head. A projection adds the
generator along which the residual points most, and solves non-negative least squares (Lawson &
Hanson 1974) over those so far; the residual is then in the polar cone, up to a tolerance. ln P is
maximised over cone and ball by accelerated projected gradient.
"""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from manymasks.arrays import Floats
from manymasks.callbacks import OnProgress, ignore_progress
from manymasks.universal.certificate import OutputLayer, softmax_with_entropy
from manymasks.universal.cone_certificate import Reach, cone_bound
from manymasks.universal.nonnegative import nonnegative_weights

PRECISION = 1e-7
"""Relative tolerance of a projection."""
MOST_GENERATORS = 400


@dataclass(frozen=True)
class ConeMaximum:
    """The bound of a token over prefixes of any length, and what attains it."""

    bound: float
    """Certified, nats: the largest over last tokens."""
    attained: float
    """ln P at a point of cone and ball."""
    last: int
    """Last token of the point that attains it."""
    mixture: Floats
    """(heads, choices) weights of the choices of each head that attain it."""
    proofs: "list[ConeProof]"
    """One for every last token."""


@dataclass(frozen=True)
class ConeProof:
    """What proves the bound for a last token."""

    point: Floats
    polar: Floats
    separator: Floats
    bound: float


class Cone:
    """The cone of C_s for a last token, with the generators that projections have used."""

    def __init__(self, reach: Reach, last: int) -> None:
        self._reach, self.last = reach, last
        self.separator = self._nearest()

    def project(self, target: Floats) -> tuple[Floats, list[tuple[npt.NDArray[np.intp], float]]]:
        """The nearest point of the cone, and the generators that it is made of, each as a choice by
        head, with weights."""
        chosen: list[npt.NDArray[np.intp]] = []
        matrix = np.empty((target.size, 0))
        weights = np.empty(0)
        residual = target
        scale = float(np.linalg.norm(target))
        for _ in range(MOST_GENERATORS):
            choice, generator = self._reach.along(self.last, residual)
            if residual @ generator <= PRECISION * scale * np.linalg.norm(generator):
                break
            chosen.append(choice)
            matrix = np.column_stack([matrix, generator])
            weights = nonnegative_weights(matrix, target)
            kept = weights > 0
            chosen = [one for one, is_kept in zip(chosen, kept, strict=True) if is_kept]
            matrix, weights = matrix[:, kept], weights[kept]
            residual = target - matrix @ weights
        used = list(zip(chosen, weights.tolist(), strict=True))
        return target - residual, used

    def _nearest(self) -> Floats:
        """The point of C_s nearest to the origin, which separates the two; zeros if it is there."""
        fixed = self._reach.fixed[self.last]
        weight = float(np.linalg.norm(fixed)) + 1e-12
        _, first = self._reach.along(self.last, -fixed)
        matrix, point = first[:, None], first
        for _ in range(MOST_GENERATORS):
            _, generator = self._reach.along(self.last, -point)
            if point @ generator >= 0.9 * float(point @ point):
                return point
            matrix = np.column_stack([matrix, generator])
            # A row of ones makes the weights add up to about 1.
            rows = np.vstack([matrix, np.full(matrix.shape[1], 10 * weight)])
            shares = nonnegative_weights(rows, np.append(np.zeros(len(point)), 10 * weight))
            matrix = matrix[:, shares > 0]
            shares = shares[shares > 0] / shares.sum()
            point = matrix @ shares
            if np.linalg.norm(point) < 1e-6 * weight:
                break
        return np.zeros_like(fixed)


def cone_maximum(
    layer: OutputLayer,
    reach: Reach,
    cones: list[Cone],
    token: int,
    start: Floats,
    *,
    tolerance: float,
    limit: int,
    report: OnProgress = ignore_progress,
) -> ConeMaximum:
    """The bound of a token over prefixes of any length, certified to `tolerance` nats of what the
    cones attain, where `limit` refinements of last tokens are enough. `start` (width,): a point for
    the first q, such as the maximiser over the ball."""
    proofs = [_proof(layer, reach, cone, token, start) for cone in cones]
    best, best_last, best_point = -np.inf, 0, start
    for refined in range(limit):
        worst = int(np.argmax([proof.bound for proof in proofs]))
        if proofs[worst].bound <= best + tolerance:
            break
        point, value = _ascend(layer, cones[worst], token, proofs[worst].point, tolerance / 4)
        if value > best:
            best, best_last, best_point = value, worst, point
        improved = _proof(layer, reach, cones[worst], token, point)
        is_stuck = improved.bound >= proofs[worst].bound
        if not is_stuck:
            proofs[worst] = improved
        # The new q usually serves other last tokens better than their own.
        for last, proof in enumerate(proofs):
            if last != worst and proof.bound > best + tolerance and refined < 3:
                other = _proof(layer, reach, cones[last], token, point)
                proofs[last] = other if other.bound < proof.bound else proof
        report(refined + 1, limit)
        if is_stuck:
            break
    mixture = np.zeros(reach.choices)
    _, used = cones[best_last].project(best_point)
    total = sum(weight for _, weight in used)
    for choice, weight in used:
        mixture[np.arange(len(choice)), choice] += weight / total
    bound = max(proof.bound for proof in proofs)
    return ConeMaximum(bound, float(best), best_last, mixture, proofs)


def _proof(layer: OutputLayer, reach: Reach, cone: Cone, token: int, point: Floats) -> ConeProof:
    """The bound by the q of a point, with the best polar direction for it."""
    q, _ = softmax_with_entropy(point[None] @ layer.rows.T)
    gradient = layer.rows[token] - q[0] @ layer.rows
    polar = np.zeros_like(gradient)
    if cone.separator.any():
        polar = gradient - cone.project(gradient)[0]
    bound = cone_bound(layer, reach, token, cone.last, point, polar, cone.separator)
    return ConeProof(point, polar, cone.separator, bound)


def _ascend(
    layer: OutputLayer, cone: Cone, token: int, start: Floats, tolerance: float
) -> tuple[Floats, float]:
    """A point of cone and ball, ln P there, which is within the tolerance of its maximum."""

    def inside(point: Floats) -> Floats:
        if cone.separator.any():
            point = cone.project(point)[0]
        return point * min(1.0, layer.radius / max(float(np.linalg.norm(point)), 1e-300))

    def value_and_gradient(point: Floats) -> tuple[float, Floats]:
        logits = layer.rows @ point
        peak = float(logits.max())
        weights = np.exp(logits - peak)
        total = float(weights.sum())
        value = float(logits[token]) - peak - np.log(total)
        return value, layer.rows[token] - (weights / total) @ layer.rows

    point = inside(start)
    value, gradient = value_and_gradient(point)
    step = 1.0 / max(float(layer.longest_row) ** 2, 1e-300)
    ahead, momentum = point, 1.0
    ahead_value, ahead_gradient = value, gradient
    for iteration in range(300):
        moved = inside(ahead + step * ahead_gradient)
        change = moved - ahead
        moved_value, moved_gradient = value_and_gradient(moved)
        promised = float(ahead_gradient @ change) - float(change @ change) / (2 * step)
        if moved_value < ahead_value + promised - 1e-12:
            step /= 2
            if step < 1e-12:
                break
            continue
        step *= 1.5
        is_worse = moved_value < value
        following = (1 + np.sqrt(1 + 4 * momentum**2)) / 2
        weight = 0.0 if is_worse else (momentum - 1) / following
        momentum = 1.0 if is_worse else following
        previous = point
        if not is_worse:
            point, value, gradient = moved, moved_value, moved_gradient
        ahead = point + weight * (point - previous)
        ahead_value, ahead_gradient = value_and_gradient(ahead)
        if iteration % 5 == 4:
            along = gradient
            if cone.separator.any():
                along = cone.project(gradient)[0]
            if layer.radius * float(np.linalg.norm(along)) - float(gradient @ point) < tolerance:
                break
    return point, value
