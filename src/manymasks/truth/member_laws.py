"""Laws of a member of `masks` of the next three letters after prompts."""

from collections.abc import Sequence

import numpy as np

from manymasks.arrays import Floats, Ints
from manymasks.evaluation.forward import log_probabilities
from manymasks.models.transformer import Transformer
from manymasks.truth.spectroscopy import AHEAD, triple_laws, with_continuations


def member_laws(
    model: Transformer, tokens: Ints, letters: Sequence[int], batch: int
) -> tuple[Floats, Floats]:
    """Logarithms of a member's laws, (documents, prompts, 27), and the probability of other tokens
    than letters, (documents, prompts), after so many letters of documents (documents, length). One
    pass for each length of prompt, over all documents and continuations."""
    laws, other = [], []
    for count in letters:
        sequences = with_continuations(tokens, count)
        law, off = triple_laws(log_probabilities(model, sequences, batch, AHEAD))
        laws.append(law)
        other.append(off)
    return np.stack(laws, 1), np.stack(other, 1)
