"""Later tokens in the residual stream: logistic fits, compared with the exact law.

A stream at a position may hold more than the next token needs. From it a multinomial logistic
regression predicts the token some steps later (Pal et al. 2023, arXiv:2311.04897, fit hidden states
like this). The exact law of that token given the prefix bounds the gain of the fit over plain
frequencies; the ratio of the two gains is the efficiency of the fit.

In `tally` there is a question with a yes-or-no answer: at the second digit of a pair, or one token
later, does the stream tell that the pair counts? Only a later answer depends on it, so a member
that answers right has to do this work in advance, at either position.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from manymasks.arrays import Bools, Floats, Ints, Row, Rows
from manymasks.config.analyses import Statistics
from manymasks.corpora.processes.process import Process
from manymasks.statistics.bootstrap import (
    document_columns,
    interval_over_documents,
    ratio_resamples,
)
from manymasks.statistics.intervals import finite_columns
from manymasks.truth.belief import Stream, first_half, held_out_weights
from manymasks.truth.logistic import fit_logistic, frequencies

MOST_ROWS = 8000
"""Positions that are used for a fit, and positions that are tested: enough, and still fast."""
LEAST_GAIN = 1e-4
"""Nats by which the exact law must beat the frequencies for an efficiency to be given."""


@dataclass(frozen=True)
class LabelledPositions:
    """Some positions of some documents, each with a class."""

    first: int
    """The first document of the half that they are from."""
    document: Ints
    position: Ints
    classes: Ints

    def features(self, stream: Stream) -> Floats:
        """A stream at these positions, (rows, width)."""
        return np.asarray(stream[self.document, self.position], dtype=np.float64)


@dataclass(frozen=True)
class Halves:
    """Positions in the documents of the fit, and in the held-out ones."""

    fit: LabelledPositions
    test: LabelledPositions


# ----------------------------------------------------------------------------- later tokens


@dataclass(frozen=True)
class FutureToken:
    """The token some steps later as a class, at some positions; the same for all members."""

    ahead: int
    halves: Halves
    marginal: Floats
    """Loss of the frequencies in each row of the test, in nats."""
    exact: Floats
    """Loss of the exact law in each row of the test, in nats."""
    count: int
    """Number of possible tokens; classes are indices into them."""


def future_tokens(
    process: Process, tokens: Ints, ahead: Sequence[int], seed: int
) -> list[FutureToken]:
    """The token each number of steps `ahead`, with the rows of the fit and of the test. The token
    must be in the process's stratum of predictable tokens. Numbers of steps that lead out of every
    document are left out. `seed`: of the choice among more than `MOST_ROWS` rows."""
    length = tokens.shape[1]
    predictable = process.strata(tokens)[process.predictable] >= 0
    targets = []
    for steps in ahead:
        if steps >= length:
            continue
        allowed = np.zeros(tokens.shape, dtype=bool)
        allowed[:, : length - steps] = predictable[:, steps:]
        if not (allowed[: first_half(len(tokens))].any() and allowed.any()):
            continue
        law = process.ahead(tokens, steps)
        # A token that the law excludes at every position is not a class.
        possible = np.flatnonzero((law[allowed] > 0).any(0))
        classes = np.full(tokens.shape, -1)
        classes[:, : length - steps] = np.searchsorted(possible, tokens[:, steps:])
        halves = split_halves(allowed, classes, [seed, steps])
        test = halves.test
        probability = law[test.document, test.position, possible[test.classes]]
        with np.errstate(divide="ignore"):
            exact = -np.log(probability)
        marginal = -np.log(frequencies(halves.fit.classes, len(possible)))[test.classes]
        targets.append(FutureToken(steps, halves, marginal, exact, len(possible)))
    return targets


def split_halves(allowed: Bools, classes: Ints, seed: Sequence[int]) -> Halves:
    """The rows of the fit and of the test among the allowed positions, (documents, length), at most
    `MOST_ROWS` each. Held-out documents keep their numbers, which follow those of the fit."""
    rng = np.random.default_rng(seed)
    half = first_half(len(allowed))
    is_fit = np.arange(len(allowed))[:, None] < half
    parts = []
    for first, part in ((0, allowed & is_fit), (half, allowed & ~is_fit)):
        document, position = np.nonzero(part)
        if len(document) > MOST_ROWS:
            chosen = np.sort(rng.choice(len(document), MOST_ROWS, replace=False))
            document, position = document[chosen], position[chosen]
        parts.append(LabelledPositions(first, document, position, classes[document, position]))
    return Halves(*parts)


def speculation_rows(
    streams: Sequence[Stream],
    targets: Sequence[FutureToken],
    control: str,
    ridge: float,
    statistics: Statistics,
) -> Rows:
    """Loss and efficiency of a fit at each level of a stream for each number of steps. The loss
    includes the error of estimating the fit: with few rows and small gains the efficiency
    underestimates what the stream holds, and may be negative."""
    weights = held_out_weights(len(streams[0]), statistics)
    rows = []
    for layer, stream in enumerate(streams):
        for target in targets:
            fit, test = target.halves.fit, target.halves.test
            fitted = fit_logistic(fit.features(stream), fit.classes, target.count, ridge)
            nats = -fitted(test.features(stream))[np.arange(len(target.exact)), test.classes]
            columns = efficiency_columns(nats, target, weights, statistics.confidence)
            rows.append({"layer": layer, "ahead": target.ahead, "control": control, **columns})
    return rows


def efficiency_columns(
    nats: Floats, target: FutureToken, weights: Floats, confidence: float
) -> Row:
    """Losses and the share of the possible gain, with its bootstrap over documents. `nats`: loss of
    the fit in each row of the test. `weights`: of `held_out_weights`."""
    test = target.halves.test
    size = weights.shape[1]
    gain, possible = target.marginal - nats, target.marginal - target.exact
    is_possible = bool(possible.mean() >= LEAST_GAIN)
    efficiency = float(gain.sum() / possible.sum()) if is_possible else float("nan")
    gain_sums, possible_sums = (
        np.bincount(test.document - test.first, values, minlength=size).astype(np.float64)
        for values in (gain, possible)
    )
    resamples = ratio_resamples(gain_sums, possible_sums, weights)
    rows = np.bincount(test.document - test.first, minlength=size).astype(np.float64)
    sizes = rows if is_possible else np.zeros(size)
    return {
        **finite_columns(
            nats=nats.mean(), marginal=target.marginal.mean(), exact=target.exact.mean()
        ),
        **interval_over_documents("efficiency", efficiency, resamples, sizes, confidence),
        **document_columns(rows),
    }


# ------------------------------------------------------------------------- pairs that count


def labelled_pairs(process: Process, tokens: Ints, seed: int) -> dict[str, Halves]:
    """By site, as `Process.pair_labels` names them, the positions of pairs of tokens, class 1 where
    the pair counts; at most `MOST_ROWS`, chosen by the seed."""
    return {
        site: split_halves(labels >= 0, labels, [seed])
        for site, labels in process.pair_labels(tokens).items()
    }


def auc_rows(
    streams: Sequence[Stream],
    pairs: Mapping[str, Halves],
    control: str,
    ridge: float,
    statistics: Statistics,
) -> Rows:
    """How well a fit separates pairs that count from others, at each level and site. A site without
    pairs in both halves has no rows."""
    weights = held_out_weights(len(streams[0]), statistics)
    rows = []
    for layer, stream in enumerate(streams):
        for site, halves in pairs.items():
            fit, test = halves.fit, halves.test
            if not (fit.classes.size and test.classes.size):
                continue
            law = fit_logistic(fit.features(stream), fit.classes, 2, ridge)(test.features(stream))
            document, counts = test.document - test.first, test.classes == 1
            scores = law[:, 1] - law[:, 0]
            rows.append(
                {
                    "layer": layer,
                    "site": site,
                    "control": control,
                    **auc_columns(scores, counts, document, weights, statistics.confidence),
                    "pairs": len(scores),
                    **document_columns(np.bincount(document).astype(np.float64)),
                }
            )
    return rows


def auc_columns(
    scores: Floats, counts: Bools, document: Ints, weights: Floats, confidence: float
) -> Row:
    """The area under the ROC curve of scores (rows,), with its bootstrap over documents.

    This is the probability that a positive row (`counts`) scores higher than a negative one, where
    a tie is half (Mann & Whitney 1947). In a resample a comparison has the product of the weights
    (resamples, documents) of its two documents.
    """
    documents = weights.shape[1]
    wins = np.zeros((documents, documents))
    positive, negative = (
        np.bincount(document[rows], minlength=documents) for rows in (counts, ~counts)
    )
    for other, row_wins in wins_by_document(scores, counts, document):
        wins[:, other] = np.bincount(document[counts], row_wins, minlength=documents)
    pairs = positive.sum() * negative.sum()
    auc = float(wins.sum() / pairs) if pairs else float("nan")
    comparisons = (weights @ positive) * (weights @ negative)
    weighted_wins = ((weights @ wins) * weights).sum(1)
    resamples = weighted_wins / np.where(comparisons > 0, comparisons, np.nan)
    sizes = np.bincount(document, minlength=documents).astype(np.float64)
    return interval_over_documents("auc", auc, resamples, sizes, confidence)


def wins_by_document(scores: Floats, counts: Bools, document: Ints) -> Iterator[tuple[int, Floats]]:
    """For each document with negative rows: how many of them each positive row scores above."""
    positive = scores[counts]
    for other in np.unique(document[~counts]):
        negative = np.sort(scores[~counts & (document == other)])
        below = np.searchsorted(negative, positive, "left")
        not_above = np.searchsorted(negative, positive, "right")
        yield int(other), np.asarray((below + not_above) / 2)
