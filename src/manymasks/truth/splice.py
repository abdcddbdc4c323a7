"""Splices: documents that one mask begins and another one continues.

Bayes needs about as many letters of the second mask as it has seen of the first. With an
uninformative premise (P4), after 31 letters of one mask it takes 31 letters of another until that
one is likelier, and after 16 it takes 16 or 17 (medians). The premise of the first mask, which
spliced documents have, adds four or five letters: 35 and 21. After 31 letters a document has no
room for that, so those numbers come from longer texts, and the splice is earlier by default. A
predictor that needs more letters than Bayes has inertia; one that needs fewer neglects its past.
"""

import dataclasses
import itertools
import math

import numpy as np

from manymasks.arrays import Floats, Ints, Row
from manymasks.config.analyses import Statistics
from manymasks.corpora.processes import masks
from manymasks.statistics.bootstrap import document_weights, expanded_tail
from manymasks.statistics.intervals import finite
from manymasks.truth.spectroscopy import LONGEST_PROMPT

EVERY_LETTER = 4
"""Prompts end after each of this many letters beyond the splice, then after every second one."""


@dataclasses.dataclass(frozen=True)
class SplicedDocuments:
    """Documents of two masks."""

    tokens: Ints
    """(documents, LENGTH)."""
    first: Ints
    """(documents,) the mask of the first letters; the premise is that of this mask."""
    second: Ints
    """(documents,) the mask of the other letters."""


def spliced_documents(documents: int, before: int, rng: np.random.Generator) -> SplicedDocuments:
    """Documents with `before` letters of one mask, then letters of another one. Ordered pairs of
    masks are equally frequent, in random order. The second mask starts in a uniform state, so its
    first letter tells nothing about it."""
    pairs = np.array(list(itertools.permutations(range(len(masks.MASKS)), 2)))
    rounds = math.ceil(documents / len(pairs))
    order = np.concatenate([rng.permutation(len(pairs)) for _ in range(rounds)])[:documents]
    first, second = pairs[order].T
    opening = np.stack([np.full(documents, masks.BOS), masks.FIRST_PREMISE + first], 1)
    letters = [
        masks.draw_letters(first, before, rng),
        masks.draw_letters(second, masks.LENGTH - masks.OPENING - before, rng),
    ]
    return SplicedDocuments(np.hstack([opening, *letters]), first, second)


def letters_after_splice(before: int) -> tuple[int, ...]:
    """Lengths of the prompts, in letters beyond the splice. Raises ValueError where fewer than two
    such prompts fit in the document."""
    most = LONGEST_PROMPT - before
    if most < 1:
        raise ValueError(
            f"a splice comes after at most {LONGEST_PROMPT - 1} letters, found {before}"
        )
    return tuple(
        letters for letters in range(most + 1) if letters <= EVERY_LETTER or letters % 2 == 0
    )


def letters_until_change(
    weights: Floats, first: Ints, second: Ints, after: tuple[int, ...]
) -> Floats:
    """Letters until the second mask outweighs the first at this prompt and the next one,
    (documents,); infinite where never. `weights` (documents, prompts, masks). `after`: length of
    each prompt in letters beyond the splice."""
    document = np.arange(len(weights))
    leads = weights[document, :, second] > weights[document, :, first]
    stays = leads[:, :-1] & leads[:, 1:]
    return np.where(stays.any(1), np.array(after)[stays.argmax(1)], np.inf)


def inertia_row(letters: Floats, before: int, statistics: Statistics) -> Row:
    """The median of `letters_until_change` with a bootstrap over documents. A document without a
    change counts as later than all others; an infinite median or end is None."""
    resamples = document_weights(len(letters), statistics.resamples, statistics.seed)
    tail = float(expanded_tail(np.ones(len(letters)), statistics.confidence))
    # Resamples with an infinite median are included.
    low, high = np.quantile(medians(letters, resamples), [tail, 1 - tail], method="nearest")
    return {
        "before": before,
        "median": finite(float(medians(letters, np.ones((1, len(letters))))[0])),
        "median_low": finite(float(low)),
        "median_high": finite(float(high)),
        "changed": float(np.isfinite(letters).mean()),
        "documents": len(letters),
    }


def medians(values: Floats, counts: Floats) -> Floats:
    """Medians (resamples,) of values (n,) with multiplicities counts (resamples, n)."""
    order = np.argsort(values)
    ends = counts[:, order].cumsum(1)
    half = ends[:, -1:] / 2
    # The middle value, or the mean of the two middle values.
    lower, upper = (ends >= half).argmax(1), (ends > half).argmax(1)
    return np.asarray((values[order][lower] + values[order][upper]) / 2)
