"""Multinomial logistic maps: the law of a class, told by features linearly in its logits."""

from dataclasses import dataclass

import numpy as np
from scipy import optimize, special

from manymasks.arrays import FloatArray, IntArray

STEPS = 200
"""Most steps of the search for a map."""
LEAST = 1e-7
"""The search ends where a step gains a smaller share of the loss. On the tokens of `tally` a map is
then within 3e-4 nats of the best one, where there are 0.5 to gain."""


@dataclass(frozen=True)
class LogisticMap:
    """(rows, width) -> ln of the law of a class, (rows, classes)."""

    centre: FloatArray
    weights: FloatArray
    offset: FloatArray

    def __call__(self, features: FloatArray) -> FloatArray:
        logits = (features - self.centre) @ self.weights + self.offset
        return np.asarray(logits - special.logsumexp(logits, axis=1, keepdims=True))


def frequencies(classes: IntArray, count: int) -> FloatArray:
    """The law of a class (count,), from classes (rows,).

    Each has half a row more than were seen, so that what is seen first in the test is not held to
    be impossible.
    """
    rows = np.bincount(classes, minlength=count) + 0.5
    return np.asarray(rows / rows.sum())


def logistic_map(features: FloatArray, classes: IntArray, count: int, ridge: float) -> LogisticMap:
    """Softmax regression of classes (rows,) of 0 .. count - 1 from features (rows, width).

    The least of the mean loss in nats and of half the squared weights times `ridge` times the mean
    variance of the features. What is added to the log-frequencies without features is penalised by
    `ridge` alone. So the unit of the features does not matter.

    The search (L-BFGS, Liu & Nocedal 1989) takes place along the principal axes, each scaled to a
    like curvature: this changes how fast the least is found, not where it is. Each row's law is
    made in float32, which takes half the time; sums over rows of what was said are float64.
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
    whole = np.vstack([(axes * scale).T @ x.T, np.ones((1, rows))])
    z = whole.astype(np.float32)
    # What the classes that came add to the loss is linear in the weights.
    came = np.stack([whole[:, classes == each].sum(1) for each in range(count)]) / rows
    pull = np.append(penalty * scale**2, ridge)
    start = np.log(frequencies(classes, count))
    of_start = start.astype(np.float32)[:, None]

    def objective(flat: FloatArray) -> tuple[float, FloatArray]:
        weights = flat.reshape(count, width + 1)
        law = weights.astype(np.float32) @ z
        law += of_start
        top = law.max(0)
        law -= top
        np.exp(law, out=law)
        total = law.sum(0)
        law /= total
        loss = np.mean(np.log(total) + top, dtype=np.float64) - (weights * came).sum()
        loss += (pull * weights**2).sum() / 2
        return float(loss), ((law @ z.T) / rows - came + pull * weights).ravel()

    found = optimize.minimize(
        objective,
        np.zeros(count * (width + 1)),
        jac=True,
        method="L-BFGS-B",
        options={"maxiter": STEPS, "gtol": 1e-5, "ftol": LEAST},
    ).x.reshape(count, width + 1)
    weights = (axes * scale) @ found[:, :-1].T
    return LogisticMap(centre, weights, start + found[:, -1])
