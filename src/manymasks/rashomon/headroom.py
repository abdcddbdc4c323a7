"""What averaging the members of a size gains, held against what the next size has over them.

The mean law of k members loses less than they do on average, by the ensemble gain (Jensen); it is
what their differences are worth. If that mean law were no better than the best model of the next
size, the gain could not exceed the headroom, the members' mean loss less that model's: members
that differ in ways that matter then need loss that is left to be won. It is the form for a
logarithmic loss of the anchoring argument of Eaton et al. (2026).
"""

from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import numpy.typing as npt

from manymasks.arrays import FloatArray, Rows
from manymasks.config.analyses import Statistics
from manymasks.statistics.bootstrap import document_weights, ratio, ratio_resamples, standard_error
from manymasks.statistics.claims import Comparison, contrast_row
from manymasks.statistics.intervals import Interval, finite, joined
from manymasks.statistics.jackknife import jackknife_error


@dataclass(frozen=True)
class LossSums:
    """Losses of k members, of their mean law, and of the next size, in nats summed by document.

    `own` (k, D): of each member. `ensemble` (D,): of the mean of their laws. `without` (k, D): of
    the mean without each in turn. `next_best` (D,): of the member of the next size that is best
    on select. `tokens` (D,).
    """

    own: FloatArray
    ensemble: FloatArray
    without: FloatArray
    next_best: FloatArray
    tokens: FloatArray


def loss_sums(
    log_p: npt.NDArray[np.floating[Any]],
    next_log_p: npt.NDArray[np.floating[Any]],
    owners: npt.NDArray[np.integer[Any]],
    documents: int,
) -> LossSums:
    """Sums by document from log-probabilities of the true tokens.

    Args:
        log_p: of each member at each position (k, n).
        next_log_p: of the best of the next size (n,).
        owners: document of each position (n,), from 0.
        documents: how many there are.
    """
    own = log_p.astype(np.float64)
    k, n = own.shape
    ensemble = np.logaddexp.reduce(own, axis=0) - np.log(k)
    without = np.full((k, n), np.nan)
    if k > 1:
        # Sums over those before and after each: a difference would cancel where one dominates.
        nobody = np.full((1, n), -np.inf)
        before = np.concatenate([nobody, np.logaddexp.accumulate(own[:-1], axis=0)])
        after = np.concatenate([np.logaddexp.accumulate(own[:0:-1], axis=0)[::-1], nobody])
        without = np.logaddexp(before, after) - np.log(k - 1)

    def by_document(values: FloatArray) -> FloatArray:
        rows = np.atleast_2d(values)
        sums = np.stack([np.bincount(owners, row, minlength=documents) for row in rows])
        return np.negative(sums, dtype=np.float64).reshape(*values.shape[:-1], documents)

    return LossSums(
        own=by_document(own),
        ensemble=by_document(ensemble),
        without=by_document(without),
        next_best=by_document(next_log_p.astype(np.float64)),
        tokens=np.bincount(owners, minlength=documents).astype(np.float64),
    )


def headroom_rows(
    sums: LossSums, corpus: str, variant: str, size: str, next_size: str, statistics: Statistics
) -> dict[str, Rows]:
    """Rows of headroom and contrast for the members of one size and the next one.

    The p of the table is one-sided, small where the gain exceeds the headroom; that of the
    contrast, which is the gain less the headroom, is two-sided.
    """
    gain, headroom, remaining = headroom_of(sums, statistics)
    models, documents = len(sums.own), int((sums.tokens > 0).sum())
    negated = replace(
        remaining, estimate=-remaining.estimate, low=-remaining.high, high=-remaining.low
    )
    comparison = Comparison("headroom", corpus, next_size, size, variant)
    return {
        "headroom": [
            {
                "model_class": f"{corpus}/{size}/{variant}",
                "next_class": f"{corpus}/{next_size}/{variant}",
                "ensemble_gain": finite(gain.estimate),
                "gain_low": finite(gain.low),
                "gain_high": finite(gain.high),
                "headroom": finite(headroom.estimate),
                "headroom_low": finite(headroom.low),
                "headroom_high": finite(headroom.high),
                "remaining": finite(remaining.estimate),
                "remaining_low": finite(remaining.low),
                "remaining_high": finite(remaining.high),
                "p": finite(below_zero(remaining)),
                "models": models,
                "documents": documents,
            }
        ],
        "contrast": [contrast_row(comparison, negated, models + 1, documents)],
    }


def headroom_of(sums: LossSums, statistics: Statistics) -> tuple[Interval, Interval, Interval]:
    """Ensemble gain, headroom, and headroom less gain, in nats per token.

    The last one is the loss of the members' mean law less that of the next size's model, of which
    the mean loss is no part. Errors are a jackknife over the members joined with the bootstrap
    over documents; all three need 3 members for an interval, as a gain without one member does.

    Two caveats. The gain grows with k, by about 1 / k of itself, so classes are compared at equal
    k. And the model of the next size is taken as given: it is the best of few, the best there is
    may be better, so headroom is a lower bound and a gain beyond it shows that these models of
    the next size are no better than the mean law, not that none could be.
    """
    k = len(sums.own)
    weights = document_weights(sums.tokens.size, statistics.resamples, statistics.seed)
    loss = ratio(sums.own, sums.tokens)
    # Of the mean loss without each member in turn.
    others = (loss.sum() - loss) / (k - 1) if k > 1 else np.full(k, np.nan)
    without = ratio(sums.without, sums.tokens)
    next_best = float(ratio(sums.next_best, sums.tokens))
    mean = sums.own.mean(axis=0)

    def interval(values: FloatArray, left_out: FloatArray, at_least: float | None) -> Interval:
        errors = (
            jackknife_error(left_out) if k > 2 else float("nan"),
            standard_error(ratio_resamples(values, sums.tokens, weights)),
        )
        estimate = float(ratio(values, sums.tokens))
        return joined(estimate, *errors, k - 1, statistics.confidence, at_least)

    return (
        interval(mean - sums.ensemble, others - without, 0),
        interval(mean - sums.next_best, others - next_best, None),
        interval(sums.ensemble - sums.next_best, without - next_best, None),
    )


def below_zero(interval: Interval) -> float | None:
    """One-sided p from the two-sided one: small where the value is below 0."""
    if interval.p is None:
        return None
    return interval.p / 2 if interval.estimate < 0 else 1 - interval.p / 2
