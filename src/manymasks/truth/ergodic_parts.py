"""Ergodic parts of a predictor, from its laws of the next letters alone.

A process that is a mixture has one decomposition into ergodic parts: the extreme points of the
simplex of stationary laws. The weights of the parts after a prompt are martingales: their mean over
the next letter is their value before it. States within a part are not, so what tells parts from
states is time, and no knowledge of the process is needed.

With P (prompts x m^n) the laws of the next n of m letters, and Q those of the letters 2 to n + 1,
both from one law of n + 1 letters, V the leading right singular vectors of P and S = P V, the
operator of one letter is A = argmin |S A - Q V| (an observable operator summed over letters: Jaeger
2000; Hsu, Kakade & Zhang 2009). If A r = r, the coordinate S r of a prompt is a martingale. So the
eigenvalue 1 occurs once for each part; the others are those of the mixing within parts, and an
eigenvalue x forgets at the rate of x^t over t letters. The coordinates of all prompts lie in a
simplex whose corners are the parts. Long prompts reach the corners, which successive projection
finds (Gillis & Vavasis 2014); weights are barycentric.

A predictor with errors in its laws has eigenvalues below 1: errors in S draw the least-squares fit
to 0. So a memory is compared with that of noise of equal size, and means nothing by itself.
"""

from dataclasses import dataclass

import numpy as np
from scipy.linalg import schur
from scipy.optimize import linear_sum_assignment

from manymasks.arrays import Floats, Ints
from manymasks.config.decomposition import Decomposition
from manymasks.statistics.jackknife import jackknife_error


@dataclass(frozen=True)
class LetterOperator:
    """The operator of one letter that a predictor implies."""

    singular: Floats
    """(m^n,) singular values of the laws of n letters, falling."""
    coordinates: Floats
    """(documents, prompts, rank): S."""
    shifted: Floats
    """(documents, prompts, rank): Q V."""
    matrix: Floats
    """(rank, rank): A."""

    @property
    def eigenvalues(self) -> Floats:
        """Real and imaginary parts (rank, 2), by falling real part."""
        return ordered_eigenvalues(self.matrix)


@dataclass(frozen=True)
class Parts:
    """The parts of a predictor, and their weights after prompts."""

    operator: LetterOperator
    count: int
    """Eigenvalues whose coordinate is kept for `memory` letters."""
    clocks: int
    """Eigenvalues kept as long that rotate: real part below those of parts, modulus not."""
    weights: Floats
    """(documents, prompts, parts), which sum to 1."""


def letter_operator(laws: Floats, letters: int, least: float) -> LetterOperator:
    """The operator of laws of n + 1 of `letters` letters, (documents, prompts, letters^(n + 1)), on
    the directions with a singular value above `least` of the first."""
    joint = laws.reshape(len(laws), -1, laws.shape[-1] // letters, letters)
    before = joint.sum(-1)
    after = laws.reshape(*joint.shape[:2], letters, -1).sum(2)
    return fitted_operator(before, after, least)


def fitted_operator(
    before: Floats, after: Floats, least: float = 0.0, most: int | None = None
) -> LetterOperator:
    """The operator that takes laws (documents, prompts, values) to their means one letter later,
    of equal shape, on the directions with a singular value above `least` of the first, `most` of
    them."""
    flat = before.reshape(-1, before.shape[-1])
    _, singular, directions = np.linalg.svd(flat, full_matrices=False)
    rank = int((singular > least * singular[0])[:most].sum())
    kept = directions[:rank].T
    coordinates, shifted = before @ kept, after @ kept
    matrix, *_ = np.linalg.lstsq(
        coordinates.reshape(-1, rank), shifted.reshape(-1, rank), rcond=None
    )
    return LetterOperator(singular, coordinates, shifted, matrix)


def ordered_eigenvalues(matrix: Floats) -> Floats:
    """Real and imaginary parts (n, 2) of the eigenvalues, by falling real part, then by rising
    imaginary part."""
    values = np.linalg.eigvals(matrix)
    # Rounded, so that the two of a conjugate pair keep their order.
    order = np.lexsort((values.imag, -values.real.round(12)))
    return np.stack([values.real[order], values.imag[order]], 1)


def eigenvalue_errors(operator: LetterOperator, documents: Ints | None = None) -> Floats:
    """Standard errors over documents of the real parts of `eigenvalues`, (rank,): delete-one
    jackknife with fixed directions. `documents`: of each row, from 0; by default rows are
    documents. NaN for a single document."""
    grams = operator.coordinates.mT @ operator.coordinates
    crossed = operator.coordinates.mT @ operator.shifted
    if documents is not None:
        grams, crossed = (_summed_by(values, documents) for values in (grams, crossed))
    total, total_crossed = grams.sum(0), crossed.sum(0)
    without = [
        ordered_eigenvalues(np.linalg.lstsq(total - gram, total_crossed - cross, rcond=None)[0])
        for gram, cross in zip(grams, crossed, strict=True)
    ]
    return np.array([jackknife_error(column) for column in np.stack(without)[..., 0].T])


def _summed_by(values: Floats, groups: Ints) -> Floats:
    summed = np.zeros((int(groups.max()) + 1, *values.shape[1:]))
    np.add.at(summed, groups, values)
    return summed


def memory_letters(eigenvalue: float) -> float:
    """Letters over which a coordinate with this real eigenvalue falls to 1/e; infinite from 1 on,
    0 where it is not positive."""
    if eigenvalue <= 0:
        return 0.0
    return float(np.inf) if eigenvalue >= 1 else float(-1 / np.log(eigenvalue))


def ergodic_parts(laws: Floats, letters: int, settings: Decomposition) -> Parts:
    """The parts of a predictor from laws as in `letter_operator`."""
    operator = letter_operator(laws, letters, settings.least_singular)
    least = float(np.exp(-1 / settings.memory))
    # Their real invariant subspace is stable where single eigenvectors of equal eigenvalues are
    # not, and has an orthonormal basis.
    _, basis, count = schur(operator.matrix, sort=lambda re, im: re >= least)
    real, imaginary = operator.eigenvalues.T
    clocks = int(((np.hypot(real, imaginary) >= least) & (real < least)).sum())
    coordinates = operator.coordinates @ basis[:, :count]
    flat = coordinates.reshape(-1, count)
    weights = barycentric(flat, corners(flat, settings.nearest))
    return Parts(operator, int(count), clocks, weights.reshape(coordinates.shape))


def corners(points: Floats, nearest: int) -> Floats:
    """Corners (k, k) of the simplex that points (n, k) lie in, by successive projection: the point
    of the largest norm, again and again, on what is orthogonal to those before. Each is the mean of
    the `nearest` points around it."""
    rest, chosen = points.copy(), []
    for _ in range(points.shape[1]):
        farthest = int((rest**2).sum(1).argmax())
        chosen.append(farthest)
        direction = rest[farthest] / max(float(np.linalg.norm(rest[farthest])), 1e-300)
        rest = rest - (rest @ direction)[:, None] * direction
    means = []
    for corner in chosen:
        distance = ((points - points[corner]) ** 2).sum(1)
        means.append(points[np.argsort(distance, kind="stable")[:nearest]].mean(0))
    return np.stack(means)


def barycentric(points: Floats, simplex: Floats) -> Floats:
    """Weights (n, k) of corners (k, k) that give points (n, k), clipped at 0 and normalised."""
    weights, *_ = np.linalg.lstsq(simplex.T, points.T, rcond=None)
    clipped = np.maximum(weights.T, 0)
    total = clipped.sum(1, keepdims=True)
    return np.asarray(clipped / np.where(total > 0, total, 1.0))


def aligned(weights: Floats, reference: Floats) -> tuple[Floats, Floats]:
    """Weights (..., parts) with their parts in the order of those of a reference (..., others), by
    the assignment with the least squared difference (Kuhn 1955), and the reference. Whichever has
    fewer parts gets parts of weight 0."""
    ours, theirs = weights.shape[-1], reference.shape[-1]
    whole = max(ours, theirs)
    both = [
        np.concatenate([values, np.zeros((*values.shape[:-1], whole - values.shape[-1]))], -1)
        for values in (weights, reference)
    ]
    flat, other = (values.reshape(-1, whole) for values in both)
    cost = (flat**2).sum(0)[:, None] + (other**2).sum(0) - 2 * flat.T @ other
    rows, columns = linear_sum_assignment(cost)
    return both[0][..., rows[np.argsort(columns)]], both[1]
