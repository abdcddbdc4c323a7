"""Non-negative least squares that end."""

import numpy as np
import pytest
from scipy.optimize import nnls

from manymasks.arrays import Floats
from manymasks.universal import nonnegative
from manymasks.universal.nonnegative import nonnegative_weights


def nearly_dependent(seed: int) -> tuple[Floats, Floats]:
    """Columns around one direction, with a row of ones, as for the nearest point of a hull."""
    rng = np.random.default_rng(seed)
    matrix = 1000 * rng.normal(size=(64, 1)) + rng.normal(size=(64, 48))
    rows = np.vstack([matrix - matrix.mean(1, keepdims=True), np.full(48, 10.0)])
    return rows, np.append(np.zeros(64), 10.0)


def is_least(matrix: Floats, target: Floats, weights: Floats) -> None:
    """The conditions of Karush, Kuhn and Tucker, which are enough: the problem is convex."""
    slope = matrix.T @ (matrix @ weights - target)
    scale = np.linalg.norm(matrix, axis=0).max() * np.linalg.norm(target)
    assert weights.min() >= 0
    assert slope.min() > -1e-8 * scale
    assert abs(slope @ weights) < 1e-8 * scale * weights.sum()


@pytest.mark.parametrize("seed", range(5))
def test_weights_are_least(seed: int) -> None:
    matrix, target = nearly_dependent(seed)
    is_least(matrix, target, nonnegative_weights(matrix, target))


def test_weights_are_least_where_active_sets_do_not_end(monkeypatch: pytest.MonkeyPatch) -> None:
    matrix, target = nearly_dependent(0)
    with pytest.raises(RuntimeError, match="Maximum number of iterations"):
        nnls(matrix, target, maxiter=10)
    monkeypatch.setattr(nonnegative, "nnls", lambda *problem, maxiter: nnls(*problem, maxiter=10))
    is_least(matrix, target, nonnegative_weights(matrix, target))
