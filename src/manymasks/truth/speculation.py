"""What of later tokens a linear map reads off the residual stream, beside what could be known.

A stream at a place t may hold more than the next token needs. From it a multinomial logistic map
foretells the token at t + tau (Pal et al. 2023, arXiv:2311.04897, probe hidden states like this).
The law of that token given the tokens up to t is exact, so the gain of the map over plain
frequencies has a greatest possible value, and their ratio is the map's efficiency.

In `tally` there is a question with a plain answer: at the second digit of a pair, or one token
later, does the stream say that the pair counts? The tokens that come next do not depend on it, only
an answer later on does. So a member has to do this work ahead, and may do it at either place.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from manymasks.arrays import BoolArray, FloatArray, IntArray, Rows
from manymasks.config.analyses import Statistics
from manymasks.corpora.processes.process import Process
from manymasks.statistics.bootstrap import (
    percentile_interval,
    ratio_resamples,
)
from manymasks.statistics.intervals import finite
from manymasks.truth.belief import Stream, bootstrap, first_half
from manymasks.truth.logistic import frequencies, logistic_map

MOST = 8000
"""TokenRows that a map is fitted on, and rows that it is tested on: enough, and still fast."""
LEAST_GAIN = 1e-4
"""Nats by which the exact law must beat the frequencies for a share of them to mean anything."""


# --------------------------------------------------------------------------- tokens to come


@dataclass(frozen=True)
class TokenRows:
    """Some places of some documents, with the class of each."""

    first: int
    """The first document that rows may be of."""
    document: IntArray
    place: IntArray
    classes: IntArray

    def of(self, stream: Stream) -> FloatArray:
        """What a stream is there, (rows, width)."""
        return np.asarray(stream[self.document, self.place], dtype=np.float64)


@dataclass(frozen=True)
class Question:
    """Which token comes so many tokens later, at some places: the same for all members."""

    ahead: int
    fit: TokenRows
    test: TokenRows
    marginal: FloatArray
    """Loss of the frequencies in each row of the test, in nats."""
    exact: FloatArray
    """The same of the exact law."""
    count: int
    """How many tokens there may be; classes are their places among these."""


def questions(known: Process, tokens: IntArray, ahead: Sequence[int], seed: int) -> list[Question]:
    """One question for each number of steps, with the rows it is fitted and tested on.

    Args:
        known: the process; the token to come must be one that it calls predictable.
        tokens: (documents, length).
        ahead: steps; one that leads out of every document is left out.
        seed: of the choice of rows where there are more than `MOST`.
    """
    length = tokens.shape[1]
    predictable = known.strata(tokens)[known.predictable] >= 0
    found = []
    for steps in ahead:
        if steps >= length:
            continue
        allowed = np.zeros(tokens.shape, dtype=bool)
        allowed[:, : length - steps] = predictable[:, steps:]
        if not (allowed[: first_half(len(tokens))].any() and allowed.any()):
            continue
        law = known.ahead(tokens, steps)
        # Tokens that the law rules out everywhere are no answer.
        possible = np.flatnonzero((law[allowed] > 0).any(0))
        coming = np.full(tokens.shape, -1)
        coming[:, : length - steps] = np.searchsorted(possible, tokens[:, steps:])
        fit, test = halves(allowed, coming, [seed, steps])
        said = law[test.document, test.place, possible[test.classes]]
        with np.errstate(divide="ignore"):
            exact = -np.log(said)
        marginal = -np.log(frequencies(fit.classes, len(possible)))[test.classes]
        found.append(Question(steps, fit, test, marginal, exact, len(possible)))
    return found


def halves(
    allowed: BoolArray, classes: IntArray, seed: Sequence[int]
) -> tuple[TokenRows, TokenRows]:
    """The rows of the fit and of the test among those allowed, (documents, length).

    Of more than `MOST` a random part is taken. The documents of the test come after those of the
    fit and keep their numbers.
    """
    rng = np.random.default_rng(seed)
    half = first_half(len(allowed))
    is_fit = np.arange(len(allowed))[:, None] < half
    parts = []
    for first, part in ((0, allowed & is_fit), (half, allowed & ~is_fit)):
        document, place = np.nonzero(part)
        if len(document) > MOST:
            chosen = np.sort(rng.choice(len(document), MOST, replace=False))
            document, place = document[chosen], place[chosen]
        parts.append(TokenRows(first, document, place, classes[document, place]))
    return parts[0], parts[1]


def speculation_rows(
    streams: Sequence[Stream],
    asked: Sequence[Question],
    control: str,
    ridge: float,
    statistics: Statistics,
) -> Rows:
    """Loss and efficiency of a map for each level and each question.

    The loss is that of a map that had to be found: with few rows and small gains the efficiency
    falls short of what the stream holds, and may be below 0.

    Args:
        streams: by level, from the embedding on, (documents, length, width) each.
        asked: of `questions`.
        control: what the rows are called by.
        ridge: as in `logistic_map`.
    """
    weights = bootstrap(len(streams[0]), statistics)
    rows = []
    for layer, stream in enumerate(streams):
        for each in asked:
            fitted = logistic_map(each.fit.of(stream), each.fit.classes, each.count, ridge)
            nats = -fitted(each.test.of(stream))[np.arange(len(each.exact)), each.test.classes]
            found = efficiency(nats, each, weights, statistics.confidence)
            rows.append({"layer": layer, "ahead": each.ahead, "control": control, **found})
    return rows


def efficiency(
    nats: FloatArray, asked: Question, weights: FloatArray, confidence: float
) -> dict[str, Any]:
    """Losses and the share of the possible gain, with its bootstrap over documents.

    Args:
        nats: loss of the map in each row of the test.
        weights: (resamples, documents of the test), of `bootstrap`.
    """
    row: dict[str, Any] = {
        "nats": finite(float(nats.mean())),
        "marginal": finite(float(asked.marginal.mean())),
        "exact": finite(float(asked.exact.mean())),
        "efficiency": None,
        "efficiency_low": None,
        "efficiency_high": None,
        "documents": len(np.unique(asked.test.document)),
    }
    possible = asked.marginal - asked.exact
    if not possible.mean() >= LEAST_GAIN:
        return row
    row["efficiency"] = finite(float((asked.marginal - nats).sum() / possible.sum()))
    # Of a single document no resample could differ.
    if row["documents"] > 1:
        own = asked.test.document - asked.test.first
        size = weights.shape[1]
        gained, could = (
            np.bincount(own, each, minlength=size).astype(np.float64)
            for each in (asked.marginal - nats, possible)
        )
        resamples = ratio_resamples(gained, could, weights)
        low, high = percentile_interval(resamples, confidence)
        row |= {
            "efficiency_low": finite(float(low)),
            "efficiency_high": finite(float(high)),
        }
    return row


# ------------------------------------------------------------------------- pairs that count


@dataclass(frozen=True)
class Pairs:
    """A place for each of some pairs; the class is 1 where the pair counts."""

    fit: TokenRows
    test: TokenRows


def labelled_pairs(known: Process, tokens: IntArray, seed: int) -> dict[str, Pairs]:
    """The pairs of documents, by position: `Process.pair_labels`.

    Args:
        known: the process.
        tokens: (documents, length).
        seed: of the choice of pairs where there are more than `MOST`.
    """
    return {
        position: Pairs(*halves(labels >= 0, labels, [seed]))
        for position, labels in known.pair_labels(tokens).items()
    }


def auc_rows(
    streams: Sequence[Stream],
    pairs: Mapping[str, Pairs],
    control: str,
    ridge: float,
    statistics: Statistics,
) -> Rows:
    """How well a map tells pairs that count from others, at each level and place.

    Args:
        streams, control, ridge: as in `speculation_rows`.
        pairs: of `labelled_pairs`; a place without pairs in both halves has no rows.
    """
    weights = bootstrap(len(streams[0]), statistics)
    rows = []
    for layer, stream in enumerate(streams):
        for place, each in pairs.items():
            if not (each.fit.classes.size and each.test.classes.size):
                continue
            fitted = logistic_map(each.fit.of(stream), each.fit.classes, 2, ridge)
            law = fitted(each.test.of(stream))
            document, counts = each.test.document - each.test.first, each.test.classes == 1
            scores = law[:, 1] - law[:, 0]
            rows.append(
                {
                    "layer": layer,
                    "site": place,
                    "control": control,
                    **auc(scores, counts, document, weights, statistics.confidence),
                    "pairs": len(scores),
                    "documents": len(np.unique(document)),
                }
            )
    return rows


def auc(
    scores: FloatArray,
    counts: BoolArray,
    document: IntArray,
    weights: FloatArray,
    confidence: float,
) -> dict[str, float | None]:
    """The chance that a row that counts has the higher score than one that does not; ties half.

    This is the area under the curve (Mann & Whitney 1947), with its bootstrap over documents: in a
    resample each comparison counts as often as both of its documents do.

    Args:
        scores: (rows,).
        counts: (rows,).
        document: (rows,), from 0.
        weights: (resamples, documents).
    """
    of_document = weights.shape[1]
    above = np.zeros((of_document, of_document))
    yes, no = (np.bincount(document[of], minlength=of_document) for of in (counts, ~counts))
    for other, wins in compared(scores, counts, document):
        above[:, other] = np.bincount(document[counts], wins, minlength=of_document)
    if not (yes.any() and no.any()):
        return {"auc": None, "auc_low": None, "auc_high": None}
    found: dict[str, float | None] = {"auc": float(above.sum() / (yes.sum() * no.sum()))}
    found |= {"auc_low": None, "auc_high": None}
    if len(np.unique(document)) > 1:
        comparisons = (weights @ yes) * (weights @ no)
        wins = ((weights @ above) * weights).sum(1)
        resamples = wins / np.where(comparisons > 0, comparisons, np.nan)
        low, high = percentile_interval(resamples, confidence)
        found |= {"auc_low": finite(float(low)), "auc_high": finite(float(high))}
    return found


def compared(
    scores: FloatArray, counts: BoolArray, document: IntArray
) -> Iterator[tuple[int, FloatArray]]:
    """Documents with rows that do not count: how many of these each row that counts is above."""
    own = scores[counts]
    for other in np.unique(document[~counts]):
        rivals = np.sort(scores[~counts & (document == other)])
        below = np.searchsorted(rivals, own, "left") + np.searchsorted(rivals, own, "right")
        yield int(other), np.asarray(below / 2)
