"""Splices: one mask says the first letters of a document, and then another one takes over.

Bayes needs about as many letters to change its mind as it had to make it up. With a premise that
says nothing (P4), after 31 letters of one mask it takes 31 letters of another one for that one to
be the likelier, and after 16 it takes 16 or 17 (medians). The premise of the first mask, which
these documents have, adds four or five letters: 35 and 21. After 31 letters a document has no room
for that, so those numbers are of longer texts, and the splice comes earlier by default. A
predictor that needs more letters than Bayes has inertia, and one that needs fewer lives in the
present.
"""

import dataclasses
import itertools
import math
from typing import Any

import numpy as np

from manymasks.arrays import FloatArray, IntArray
from manymasks.config.analyses import Statistics
from manymasks.corpora.processes.masks import BOS, FIRST_PREMISE, LENGTH, MASKS, OPENING, spoken
from manymasks.statistics.bootstrap import document_weights
from manymasks.statistics.intervals import finite
from manymasks.truth.spectroscopy import LAST

EVERY_LETTER = 4
"""Letters after the splice of which each is looked at; from there on, every second one."""


@dataclasses.dataclass(frozen=True)
class Spliced:
    """Documents of two masks."""

    tokens: IntArray
    """(documents, LENGTH)."""
    first: IntArray
    """(documents,) the mask of the first letters; the premise is its own."""
    second: IntArray
    """(documents,) the mask of the others."""


def spliced(documents: int, before: int, rng: np.random.Generator) -> Spliced:
    """Documents whose first `before` letters are of one mask and the others of another one.

    Each two of the masks, in each order, come as often as the others, in random order. The second
    mask starts in a uniform state, so its first letter says nothing.
    """
    pairs = np.array(list(itertools.permutations(range(len(MASKS)), 2)))
    rounds = math.ceil(documents / len(pairs))
    order = np.concatenate([rng.permutation(len(pairs)) for _ in range(rounds)])[:documents]
    first, second = pairs[order].T
    opening = np.stack([np.full(documents, BOS), FIRST_PREMISE + first], 1)
    letters = LENGTH - OPENING - before
    said = [spoken(first, before, rng), spoken(second, letters, rng)]
    return Spliced(np.hstack([opening, *said]), first, second)


def after_splice(before: int) -> tuple[int, ...]:
    """After how many letters beyond the splice predictors are looked at.

    Raises:
        ValueError: where fewer than two such places are left in the document.
    """
    most = LAST - before
    if most < 1:
        raise ValueError(f"a splice comes after at most {LAST - 1} letters, found {before}")
    return tuple(each for each in range(most + 1) if each <= EVERY_LETTER or each % 2 == 0)


def changes(
    weights: FloatArray, first: IntArray, second: IntArray, after: tuple[int, ...]
) -> FloatArray:
    """Letters until the second mask outweighs the first, (documents,); infinite where never.

    It must do so at the next place too, so the last place does not count.

    Args:
        weights: (documents, places, masks).
        first, second: (documents,).
        after: the places.
    """
    document = np.arange(len(weights))
    leads = weights[document, :, second] > weights[document, :, first]
    stays = leads[:, :-1] & leads[:, 1:]
    return np.where(stays.any(1), np.array(after)[stays.argmax(1)], np.inf)


def inertia_row(letters: FloatArray, before: int, statistics: Statistics) -> dict[str, Any]:
    """The median of `changes` with a bootstrap over documents.

    A document without a change counts as one that changes later than all others, so the median
    is known where more than half of them change. An end of the interval that lies beyond is None.
    """
    resamples = document_weights(len(letters), statistics.resamples, statistics.seed)
    tail = (1 - statistics.confidence) / 2
    # Resamples are taken whole, also those whose median is beyond the document's end.
    low, high = np.quantile(medians(letters, resamples), [tail, 1 - tail], method="nearest")
    return {
        "before": before,
        "median": finite(float(medians(letters, np.ones((1, len(letters))))[0])),
        "median_low": finite(float(low)),
        "median_high": finite(float(high)),
        "changed": float(np.isfinite(letters).mean()),
        "documents": len(letters),
    }


def medians(values: FloatArray, counts: FloatArray) -> FloatArray:
    """Medians (resamples,) of values (n,) that occur as often as counts (resamples, n) say."""
    order = np.argsort(values)
    ends = counts[:, order].cumsum(1)
    half = ends[:, -1:] / 2
    # The middle value, or the mean of the two of them.
    lower, upper = (ends >= half).argmax(1), (ends > half).argmax(1)
    return np.asarray((values[order][lower] + values[order][upper]) / 2)
