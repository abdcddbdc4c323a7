"""Stratified documents of `masks`, and the predictor that is given the mask."""

import numpy as np

from manymasks.arrays import Floats, Ints
from manymasks.corpora.processes.masks import (
    BOS,
    FIRST_PREMISE,
    LENGTH,
    MASKS,
    OPENING,
    PRIOR,
    draw_letters,
    mixture_laws,
    split_document,
)


def balanced(times: int, rng: np.random.Generator, length: int = LENGTH) -> tuple[Ints, Ints]:
    """Documents stratified by premise and mask: each pair occurs exactly as often as expected.

    Means over them are unbiased and vary less than over independent documents, because most of the
    variance of the entropy of a document is due to its mask.

    Returns:
        tokens: (100 * times, length).
        mask: (100 * times,).
    """
    tokens, masks_drawn = [], []
    for premise, prior in enumerate(PRIOR):
        for mask, share in enumerate(prior):
            stratum = np.full(round(20 * share) * times, mask)
            opening = np.tile([BOS, FIRST_PREMISE + premise], (len(stratum), 1))
            tokens.append(np.hstack([opening, draw_letters(stratum, length - OPENING, rng)]))
            masks_drawn.append(stratum)
    return np.concatenate(tokens), np.concatenate(masks_drawn)


def mask_known(tokens: Ints, mask: Ints) -> Floats:
    """The oracle, which is given the mask, (documents,), and filters the state alone.

    Its loss is below the optimum: over a document it gains I(mask; letters | premise) = 1.021 nats.
    """
    _, letters = split_document(tokens)
    return mixture_laws(letters, lambda evidence: np.eye(len(MASKS))[mask])
