"""Laws of a member of `masks` of the next three letters after prompts."""

from collections.abc import Sequence

import numpy as np

from manymasks.arrays import Floats, Ints
from manymasks.corpora.processes.masks import FIRST_LETTER, LETTERS, OPENING
from manymasks.models.transformer import Transformer
from manymasks.truth.continuation_laws import laws_of_member
from manymasks.truth.spectroscopy import AHEAD

LETTER_TOKENS = FIRST_LETTER + np.arange(len(LETTERS))


def member_laws(
    model: Transformer, tokens: Ints, letters: Sequence[int], batch: int
) -> tuple[Floats, Floats]:
    """A member's laws, (documents, prompts, 27), and the probability of other tokens than letters,
    (documents, prompts), after so many letters of documents (documents, length)."""
    ends = [OPENING + count for count in letters]
    return laws_of_member(model, tokens, ends, LETTER_TOKENS, AHEAD, batch)
