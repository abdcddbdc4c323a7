"""Multinomial logistic maps: the law of a class, told by features linearly in its logits."""

from dataclasses import dataclass

import numpy as np
from scipy import optimize, special

from manymasks.corpora.processes.machine import Floats, Ints

STEPS = 200
"""Most steps of the search for a map."""


@dataclass(frozen=True)
class LogisticMap:
    """(rows, width) -> ln of the law of a class, (rows, classes)."""

    centre: Floats
    weights: Floats
    offset: Floats

    def __call__(self, features: Floats) -> Floats:
        logits = (features - self.centre) @ self.weights + self.offset
        return np.asarray(logits - special.logsumexp(logits, axis=1, keepdims=True))


def frequencies(classes: Ints, count: int) -> Floats:
    """The law of a class (count,), from classes (rows,).

    Each has half a row more than were seen, so that what is seen first in the test is not held to
    be impossible.
    """
    rows = np.bincount(classes, minlength=count) + 0.5
    return np.asarray(rows / rows.sum())


def logistic_map(features: Floats, classes: Ints, count: int, ridge: float) -> LogisticMap:
    """Softmax regression of classes (rows,) of 0 .. count - 1 from features (rows, width).

    The least of the mean loss in nats and of half the squared weights times `ridge` times the mean
    variance of the features. What is added to the log-frequencies without features is penalised by
    `ridge` alone. So the unit of the features does not matter.

    The search (L-BFGS, Liu & Nocedal 1989) takes place along the principal axes, each scaled to a
    like curvature: this changes how fast the least is found, not where it is.
    """
    rows, width = features.shape
    centre = features.mean(0)
    x = features - centre
    variance, axes = np.linalg.eigh(x.T @ x / rows)
    penalty = ridge * float(variance.mean())
    penalty = penalty if penalty > 0 else 1.0
    scale = 1 / np.sqrt(np.maximum(variance, 0) + penalty)
    # Rows lie along the last axis, where sums over classes are fast. The last feature is the same
    # in all of them.
    z = np.vstack([(axes * scale).T @ x.T, np.ones((1, rows))])
    pull = np.append(penalty * scale**2, ridge)
    start = np.log(frequencies(classes, count))
    every = np.arange(rows)

    def objective(flat: Floats) -> tuple[float, Floats]:
        weights = flat.reshape(count, width + 1)
        logits = weights @ z
        logits += start[:, None]
        logits -= logits.max(0)
        said = logits[classes, every]
        law = np.exp(logits, out=logits)
        total = law.sum(0)
        loss = (np.log(total) - said).mean() + (pull * weights**2).sum() / 2
        law /= total
        law[classes, every] -= 1
        return float(loss), (law @ z.T / rows + pull * weights).ravel()

    found = optimize.minimize(
        objective,
        np.zeros(count * (width + 1)),
        jac=True,
        method="L-BFGS-B",
        options={"maxiter": STEPS, "gtol": 1e-5, "ftol": 1e-8},
    ).x.reshape(count, width + 1)
    weights = (axes * scale) @ found[:, :-1].T
    return LogisticMap(centre, weights, start + found[:, -1])
