"""Multinomial logistic regression, with a penalty that does not depend on the features' unit."""

from dataclasses import dataclass

import numpy as np
from scipy import optimize, special

from manymasks.arrays import Floats, Ints

STEPS = 200
"""Maximum number of steps of the optimiser."""
TOLERANCE = 1e-7
"""The optimiser ends where a step reduces the loss by a smaller share. On the tokens of `tally` a
fit is then within 3e-4 nats of the best one, where there are 0.5 to gain."""


@dataclass(frozen=True)
class LogisticFit:
    """(rows, width) -> log-probabilities of the classes, (rows, classes)."""

    centre: Floats
    weights: Floats
    offset: Floats

    def __call__(self, features: Floats) -> Floats:
        logits = (features - self.centre) @ self.weights + self.offset
        return np.asarray(logits - special.logsumexp(logits, axis=1, keepdims=True))


def frequencies(classes: Ints, count: int) -> Floats:
    """The law of a class, (count,), from classes (rows,), with half a row added to each class. A
    class that first appears in the test then has a finite loss."""
    rows = np.bincount(classes, minlength=count) + 0.5
    return np.asarray(rows / rows.sum())


def fit_logistic(features: Floats, classes: Ints, count: int, ridge: float) -> LogisticFit:
    """Softmax regression of classes (rows,) of 0 .. count - 1 from features (rows, width).

    Minimises the mean loss in nats plus half the squared weights times `ridge` times the mean
    variance of the features. The offset starts at the log-frequencies, and its deviation from them
    is penalised by `ridge` alone. So the unit of the features does not matter. The optimiser
    (L-BFGS, Liu & Nocedal 1989) works along the principal axes, scaled to similar curvature, which
    is faster and leaves the minimum where it is. Softmax is computed in float32, in half the time;
    sums over the classes of rows are float64.
    """
    rows, width = features.shape
    centre = features.mean(0)
    x = features - centre
    variance, axes = np.linalg.eigh(x.T @ x / rows)
    penalty = ridge * float(variance.mean())
    penalty = penalty if penalty > 0 else 1.0
    scale = 1 / np.sqrt(np.maximum(variance, 0) + penalty)
    # Rows lie along the last axis, where sums over classes are fast. The last feature is constant.
    scaled = np.vstack([(axes * scale).T @ x.T, np.ones((1, rows))])
    z = scaled.astype(np.float32)
    # The part of the loss that depends on the classes is linear in the weights.
    class_means = np.stack([scaled[:, classes == label].sum(1) for label in range(count)]) / rows
    penalties = np.append(penalty * scale**2, ridge)
    start = np.log(frequencies(classes, count))
    start_column = start.astype(np.float32)[:, None]

    def objective(flat: Floats) -> tuple[float, Floats]:
        weights = flat.reshape(count, width + 1)
        law = weights.astype(np.float32) @ z
        law += start_column
        top = law.max(0)
        law -= top
        np.exp(law, out=law)
        total = law.sum(0)
        law /= total
        loss = np.mean(np.log(total) + top, dtype=np.float64) - (weights * class_means).sum()
        loss += (penalties * weights**2).sum() / 2
        return float(loss), ((law @ z.T) / rows - class_means + penalties * weights).ravel()

    minimum = optimize.minimize(
        objective,
        np.zeros(count * (width + 1)),
        jac=True,
        method="L-BFGS-B",
        options={"maxiter": STEPS, "gtol": 1e-5, "ftol": TOLERANCE},
    ).x.reshape(count, width + 1)
    weights = (axes * scale) @ minimum[:, :-1].T
    return LogisticFit(centre, weights, start + minimum[:, -1])
