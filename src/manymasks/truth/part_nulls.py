"""Predictors beside members in a decomposition into parts: windows, and exact laws with errors.

Two members whose weights of the parts agree have not shown that they share anything: noise of
their size agrees through the same estimator. So exact laws with errors as large as those of a
member go through it too. *Independent* errors are log-normal, drawn for each probability.
*Exchanged* errors are the member's own, ln(member / exact), each taken from another prompt of equal
length and with the same last letter: they keep how errors hang together over continuations and
states, and lose what they have to do with the rest of the prompt. Both are scaled so that the mean
divergence from the exact law over prompts of a length is that of the member.
"""

from collections.abc import Sequence

import numpy as np

from manymasks.arrays import Floats, Ints
from manymasks.corpora.processes import masks
from manymasks.truth.continuation_laws import NextLaws


def window_laws(kept: int) -> NextLaws:
    """The exact law of the next token given the last `kept` letters of a text of `masks`. The
    premise is seen as long as all letters are (`masks.forget`)."""

    def laws(texts: Ints) -> Floats:
        premise, letters = masks.split_document(texts)
        slides = letters.shape[1] > kept
        prior = masks.UNIFORM_PRIOR[None] if slides else masks.PRIOR[premise]
        # Short windows recur, and are computed once.
        seen, number = np.unique(letters[:, -kept:], axis=0, return_inverse=True)
        *_, (law, evidence) = masks.by_mask(seen)
        weights = masks.posterior(evidence[number], prior)
        return masks.mixed(law[number], weights)

    return laws


def exchanged_errors(laws: Floats, exact: Floats, last: Ints, rng: np.random.Generator) -> Floats:
    """ln(laws / exact), (documents, prompts, values), each from another document at the same prompt
    with the same last token (documents, prompts); in place where there is no other."""
    errors = np.log(laws) - np.log(exact)
    exchanged = errors.copy()
    for prompt, tokens in enumerate(last.T):
        for token in np.unique(tokens):
            rows = rng.permutation(np.flatnonzero(tokens == token))
            # A cycle through all of them leaves none in place.
            exchanged[np.roll(rows, 1), prompt] = errors[rows, prompt]
    return exchanged


def last_tokens_of_prompts(tokens: Ints, ends: Sequence[int]) -> Ints:
    """The last token of each prompt, (documents, prompts)."""
    return tokens[:, np.array(ends) - 1]
