"""A null for mask spectroscopy: predictors with the exact masks and random errors.

Random errors shift the fitted weights, because the closest mixture also follows errors that have
nothing to do with masks. So even between two predictors that weigh the masks as Bayes does, part of
the divergence is attributed to masks, and slopes differ from 1: weights below `RESOLVED` cannot
fall but can rise. The null measures by how much. The exact law of three letters after each prompt
is multiplied by log-normal noise, independent for each of its 27 probabilities, each prompt and
each predictor, and renormalised. The noise is as large as the errors of the class: for each length
of prompt, its mean residual over documents equals that of the members. The noisy laws go through
the same fit and the same sums.

What exceeds the null is systematic: members differ in their weights of the masks by more than
random errors of the same size would cause. The null does not model errors that are correlated
between similar continuations or prompts, as those of a network are, nor errors that members share;
it is a yardstick, not a test.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from manymasks.arrays import Floats, Row, Rows
from manymasks.config.analyses import Statistics
from manymasks.statistics.bootstrap import document_weights, ratio, ratio_resamples, standard_error
from manymasks.statistics.intervals import Interval, finite, joined
from manymasks.statistics.jackknife import pair_means_without
from manymasks.statistics.paired import mean_over_seeds
from manymasks.statistics.seed_design import Seeds, seed_error, share_nothing
from manymasks.truth.mixtures import mixed
from manymasks.truth.spectroscopy import (
    MaskFit,
    MaskPrompts,
    PairDivergences,
    bayes_sums,
    fit_masks,
    residuals,
    symmetric_kl,
)

DRAWS = 32
"""Noisy predictors; consecutive ones form pairs."""
NO_RESIDUAL = 1e-9
"""Residuals in nats up to which there is no noise: rounding and the fit leave this much of an exact
law."""
TOLERANCE = 1e-3
"""Relative difference allowed between the mean residual of the noise and that of the members."""
STEPS = 30


@dataclass(frozen=True)
class NoisyPredictors:
    """Predictors with the exact masks and random errors."""

    scale: Floats
    """(prompts,) standard deviation of the logarithm of the noise."""
    residual: Floats
    """(prompts,) mean residual over predictors and documents, nats."""
    fits: tuple[MaskFit, ...]
    """The fits of the `DRAWS` predictors."""


def noisy_predictors(prompts: MaskPrompts, residual: Floats, seed: int) -> NoisyPredictors:
    """Predictors with noise that gives these mean residuals, (prompts,) nats. To leading order a
    residual is proportional to the squared scale, so each step multiplies the scale by the square
    root of the missing factor. Two or three steps are enough."""
    wanted = np.where(residual <= NO_RESIDUAL, 0.0, residual)
    draws = np.random.default_rng(seed).normal(size=(DRAWS, *prompts.exact.shape))
    scale = np.sqrt(2 * wanted)
    for _ in range(STEPS):
        fits = tuple(fit_masks(prompts, with_noise(prompts, scale, draw)) for draw in draws)
        reached = np.mean([residuals(prompts, fit).mean(0) for fit in fits], 0)
        off = np.abs(reached - wanted) > TOLERANCE * wanted
        off &= wanted > 0
        if not off.any():
            break
        scale = scale * np.sqrt(np.divide(wanted, reached, out=np.ones_like(scale), where=off))
    return NoisyPredictors(scale, reached, fits)


def with_noise(prompts: MaskPrompts, scale: Floats, draws: Floats) -> Floats:
    """Exact laws with log-normal noise, renormalised, (documents, prompts, 27).
    `scale` (prompts,). `draws`: standard normal, (documents, prompts, 27)."""
    raw = prompts.exact * np.exp(scale[:, None] * draws)
    return np.asarray(raw / raw.sum(-1, keepdims=True))


def class_rows(
    prompts: MaskPrompts,
    fits: Sequence[MaskFit],
    seeds: Sequence[Seeds],
    pairs: PairDivergences,
    statistics: Statistics,
) -> Rows:
    """One row for each length of prompt: the members of a class, and the null beside them.

    The masks' share of the divergence is a ratio of means over pairs of members; its error over
    members is a jackknife of the ratio, combined with the bootstrap over documents. Means over
    members of `bayes_sums` have t intervals, combined with the same. The null is given by its mean
    and extremes over draws (over pairs of draws for the share).
    """
    target = np.mean([residuals(prompts, fit).mean(0) for fit in fits], 0)
    null = noisy_predictors(prompts, target, statistics.seed)
    documents = len(prompts.tokens)
    resamples = document_weights(documents, statistics.resamples, statistics.seed)
    null_shares = _null_shares(prompts, null)
    sums, null_sums = _stacked_sums(prompts, fits), _stacked_sums(prompts, null.fits)
    rows = []
    for length, letters in enumerate(prompts.letters):
        kl, mask = pairs.kl[..., length], pairs.mask[..., length]
        share = mask_share(kl, mask, seeds, resamples, statistics.confidence)
        row: Row = {"letters": letters}
        row |= _columns("share", share, *(values[length] for values in null_shares))
        for name, (above, below) in sums.items():
            interval = mean_over_seeds(
                above[..., length], seeds, below[:, length], resamples, statistics.confidence
            )
            draws = ratio(null_sums[name][0][..., length], below[:, length])
            row |= _columns(name, interval, draws.mean(), draws.min(), draws.max())
        row |= {"residual": finite(target[length]), "residual_null": finite(null.residual[length])}
        row |= {"noise": finite(null.scale[length]), "draws": DRAWS}
        rows.append({**row, "models": len(fits), "documents": documents})
    return rows


def mask_share(
    kl: Floats, mask: Floats, seeds: Sequence[Seeds], resamples: Floats, confidence: float
) -> Interval:
    """The masks' share of the divergence, over pairs of members and documents, from
    `PairDivergences` of one prompt. NaN where no two members differ; without ends below 3
    members."""
    apart = share_nothing(seeds)
    with np.errstate(invalid="ignore", divide="ignore"):
        without = pair_means_without(mask.mean(-1), apart) / pair_means_without(kl.mean(-1), apart)
    above, below = mask[apart].sum(0), kl[apart].sum(0)
    document_error = standard_error(ratio_resamples(above, below, resamples), below)
    estimate = float(ratio(above, below))
    return joined(estimate, seed_error(without, seeds), document_error, confidence, 0.0)


def _null_shares(prompts: MaskPrompts, null: NoisyPredictors) -> tuple[Floats, Floats, Floats]:
    """The share over all pairs of draws, and its minimum and maximum of a pair, (prompts,) each."""
    laws = np.stack([fit.laws for fit in null.fits])
    mixtures = np.stack([mixed(fit.weights, prompts.masks) for fit in null.fits])
    kl, mask = (symmetric_kl(values[::2], values[1::2]).mean(1) for values in (laws, mixtures))
    with np.errstate(invalid="ignore", divide="ignore"):
        shares = mask / kl
        return mask.sum(0) / kl.sum(0), shares.min(0), shares.max(0)


def _stacked_sums(
    prompts: MaskPrompts, fits: Sequence[MaskFit]
) -> dict[str, tuple[Floats, Floats]]:
    """`bayes_sums` of several fits: numerators stacked, and the denominator that they share."""
    sums = [bayes_sums(prompts, fit.weights) for fit in fits]
    return {
        name: (np.stack([fit_sums[name][0] for fit_sums in sums]), below)
        for name, (_, below) in sums[0].items()
    }


def _columns(name: str, interval: Interval, null: float, lowest: float, highest: float) -> Row:
    return {
        name: finite(interval.estimate),
        f"{name}_low": finite(interval.low),
        f"{name}_high": finite(interval.high),
        f"{name}_null": finite(null),
        f"{name}_null_lowest": finite(lowest),
        f"{name}_null_highest": finite(highest),
    }
