"""A class beside predictors that know the masks exactly and err without direction.

Whoever errs a little seems to weigh the masks a little otherwise, because the closest mixture also
follows errors that have nothing to do with masks. So of two predictors that weigh the masks as
Bayes does a part of the divergence is their masks' all the same, and slopes are not 1: weights
below `RESOLVED` cannot fall and do rise. How much is found by doing it. The exact law of three
letters after each prompt is multiplied by log-normal noise, independent for each of its 27
probabilities, each prompt and each predictor, and made to add up to 1. The noise is as large as
the class's own errors: on average over documents it leaves as much that no mask explains as the
members do, for each length of prompt. Then it goes through the same fit and the same sums.

What is above this has a direction: members differ in how they weigh the masks by more than errors
of their size bring about by themselves. The null says nothing of errors that are alike in
neighbouring continuations or after similar prompts, as a network's are, nor of errors that members
share; it is a yardstick and no test.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from manymasks.arrays import FloatArray, Rows
from manymasks.config.analyses import Statistics
from manymasks.statistics.bootstrap import (
    document_weights,
    ratio,
    ratio_resamples,
    standard_error,
)
from manymasks.statistics.intervals import Interval, finite, joined
from manymasks.statistics.jackknife import jackknife_error, pair_means_without
from manymasks.statistics.paired import mean_over_seeds
from manymasks.truth.mixtures import mixed
from manymasks.truth.spectroscopy import (
    Apart,
    Explained,
    Prompts,
    beside_bayes,
    both_ways,
    explained,
    residuals,
)

DRAWS = 32
"""Predictors with noise; each two that follow each other are a pair."""
NOTHING = 1e-9
"""Residuals in nats up to which there is no noise: what rounding and the fit leave of an exact
law."""
CLOSE = 1e-3
"""By what share the mean residual of the noise may miss that of the members."""
STEPS = 30


@dataclass(frozen=True)
class Noise:
    """Predictors that know the masks and err without direction."""

    scale: FloatArray
    """(prompts,) standard deviation of the logarithm of the noise."""
    residual: FloatArray
    """(prompts,) nats that no mask explains, mean over predictors and documents."""
    of: tuple[Explained, ...]
    """The `DRAWS` predictors."""


def noise(prompts: Prompts, residual: FloatArray, seed: int) -> Noise:
    """Predictors whose noise leaves these mean residuals, (prompts,) nats.

    To leading order a residual goes with the square of the scale, so each step corrects the scale
    by the root of what is missing; the draws stay the same. Two or three steps arrive.
    """
    wanted = np.where(residual <= NOTHING, 0.0, residual)
    draws = np.random.default_rng(seed).normal(size=(DRAWS, *prompts.exact.shape))
    scale = np.sqrt(2 * wanted)
    for _ in range(STEPS):
        of = tuple(explained(prompts, blurred(prompts, scale, each)) for each in draws)
        reached = np.mean([residuals(prompts, each).mean(0) for each in of], 0)
        off = np.abs(reached - wanted) > CLOSE * wanted
        off &= wanted > 0
        if not off.any():
            break
        scale = scale * np.sqrt(np.divide(wanted, reached, out=np.ones_like(scale), where=off))
    return Noise(scale, reached, of)


def blurred(prompts: Prompts, scale: FloatArray, draws: FloatArray) -> FloatArray:
    """ln of exact laws times log-normal noise, (documents, prompts, 27).

    Args:
        scale: (prompts,).
        draws: standard normal, (documents, prompts, 27).
    """
    raw = np.log(prompts.exact) + scale[:, None] * draws
    return np.asarray(raw - np.logaddexp.reduce(raw, -1, keepdims=True))


def class_rows(
    prompts: Prompts, of: Sequence[Explained], pairs: Apart, statistics: Statistics
) -> Rows:
    """One row for each length of prompt: the members of a class, and the null beside them.

    The share of the divergence that is the masks' is that of means over pairs of members; its
    error over members is a jackknife of the ratio, joined with the bootstrap over documents. Means
    over members of `beside_bayes` have t over members, joined with the same. What is given of the
    null is its mean, and the least and the most of a draw (of a pair of draws for the share).
    """
    target = np.mean([residuals(prompts, each).mean(0) for each in of], 0)
    null = noise(prompts, target, statistics.seed)
    documents = len(prompts.tokens)
    resamples = document_weights(documents, statistics.resamples, statistics.seed)
    null_shares = _null_shares(prompts, null)
    ours, theirs = _sums(prompts, of), _sums(prompts, null.of)
    rows = []
    for place, letters in enumerate(prompts.letters):
        kl, mask = pairs.kl[..., place], pairs.mask[..., place]
        share = mask_share(kl, mask, resamples, statistics.confidence)
        row: dict[str, Any] = {"letters": letters}
        row |= _beside("share", share, *(each[place] for each in null_shares))
        for name, (above, below) in ours.items():
            mine, under = above[..., place], below[:, place]
            found = mean_over_seeds(mine, under, resamples, statistics.confidence)
            draws = ratio(theirs[name][0][..., place], under)
            row |= _beside(name, found, draws.mean(), draws.min(), draws.max())
        row |= {"residual": finite(target[place]), "residual_null": finite(null.residual[place])}
        row |= {"noise": finite(null.scale[place]), "draws": DRAWS}
        rows.append({**row, "models": len(of), "documents": documents})
    return rows


def mask_share(
    kl: FloatArray, mask: FloatArray, resamples: FloatArray, confidence: float
) -> Interval:
    """The masks' share of the divergence, over pairs of members and documents.

    Args:
        kl, mask: (members, members, documents), as in `Apart`.
        resamples: (resamples, documents) weights.

    Returns:
        Its interval, NaN where no two members differ; without ends below 3 members.
    """
    with np.errstate(invalid="ignore", divide="ignore"):
        without = pair_means_without(mask.mean(-1)) / pair_means_without(kl.mean(-1))
    above, below = mask.sum((0, 1)), kl.sum((0, 1))
    document_error = standard_error(ratio_resamples(above, below, resamples))
    estimate = float(ratio(above, below))
    degrees = len(kl) - 1
    return joined(estimate, jackknife_error(without), document_error, degrees, confidence, 0.0)


def _null_shares(prompts: Prompts, null: Noise) -> tuple[FloatArray, FloatArray, FloatArray]:
    """The share over all pairs of draws, and the least and most of a pair, (prompts,) each."""
    laws = np.stack([np.exp(each.log_laws) for each in null.of])
    mixtures = np.stack([mixed(each.weights, prompts.masks) for each in null.of])
    kl, mask = (both_ways(each[::2], each[1::2]).mean(1) for each in (laws, mixtures))
    with np.errstate(invalid="ignore", divide="ignore"):
        shares = mask / kl
        return mask.sum(0) / kl.sum(0), shares.min(0), shares.max(0)


def _sums(prompts: Prompts, of: Sequence[Explained]) -> dict[str, tuple[FloatArray, FloatArray]]:
    """`beside_bayes` of several: above for each of them, below the same for all."""
    each = [beside_bayes(prompts, one.weights) for one in of]
    return {
        name: (np.stack([one[name][0] for one in each]), below)
        for name, (_, below) in each[0].items()
    }


def _beside(name: str, found: Interval, null: float, least: float, most: float) -> dict[str, Any]:
    return {
        name: finite(found.estimate),
        f"{name}_low": finite(found.low),
        f"{name}_high": finite(found.high),
        f"{name}_null": finite(null),
        f"{name}_null_lowest": finite(least),
        f"{name}_null_highest": finite(most),
    }
