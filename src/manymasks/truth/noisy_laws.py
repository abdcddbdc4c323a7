"""Laws with errors of a given size, beside which those of members are read."""

import numpy as np
from scipy.special import rel_entr

from manymasks.arrays import Floats

TOLERANCE = 1e-4
"""Relative difference allowed between the mean divergence of the noise and that of the member."""
STEPS = 60


def independent_errors(shape: tuple[int, ...], rng: np.random.Generator) -> Floats:
    """Standard normal errors of logarithms of laws."""
    return rng.normal(size=shape)


def with_errors(exact: Floats, errors: Floats, target: Floats) -> Floats:
    """Exact laws (documents, prompts, values) times exp(s errors), renormalised, with the scale s
    at which the mean divergence over documents, KL(exact || result), is `target` (prompts,) nats.
    To leading order a divergence is proportional to s^2, so each step multiplies the scale by the
    square root of the missing factor."""
    logs = np.log(exact)
    scale = np.ones(len(target))
    for _ in range(STEPS):
        raw = logs + scale[:, None] * errors
        laws = np.exp(raw - np.logaddexp.reduce(raw, -1, keepdims=True))
        reached = mean_divergence(exact, laws)
        off = np.abs(reached - target) > TOLERANCE * target
        if not off.any():
            break
        factor = np.divide(target, reached, out=np.ones_like(scale), where=off & (reached > 0))
        scale = scale * np.sqrt(factor)
    return np.asarray(laws)


def mean_divergence(exact: Floats, laws: Floats) -> Floats:
    """KL(exact || laws), mean over documents, (prompts,) nats."""
    return np.asarray(rel_entr(exact, laws).sum(-1).mean(0))
