"""Laws of the next few letters after prompts: of members, and of predictors given as functions.

Letters are the tokens that can follow. The law of n letters of an alphabet of m has m^n
probabilities, of which the last letter varies fastest. It takes 1 + m + m^2 + ... laws of the next
letter, one for each continuation: what they share of a prompt is read once.
"""

from collections.abc import Callable, Sequence

import numpy as np
import torch
from torch import Tensor

from manymasks.arrays import Floats, Ints
from manymasks.models.text_reader import TextReader, text_reader
from manymasks.models.transformer import Transformer

NextLaws = Callable[[Ints], Floats]
"""Beginnings (texts, length) -> the law of the next token, (texts, vocabulary)."""


def laws_of_predictor(
    next_laws: NextLaws, tokens: Ints, ends: Sequence[int], letters: Ints, ahead: int
) -> Floats:
    """Laws of the next `ahead` letters after the first `ends` tokens of documents, (documents,
    prompts, letters^ahead), not renormalised. `tokens` (documents, length). `letters`: token ids of
    the alphabet."""
    count = len(letters)
    by_prompt = []
    for end in ends:
        texts, law = tokens[:, :end], np.ones((len(tokens), 1))
        for depth in range(ahead):
            if depth:
                last = np.tile(letters, len(texts))[:, None]
                texts = np.hstack([np.repeat(texts, count, 0), last])
            step = next_laws(texts)[:, letters]
            law = (law.reshape(-1, 1) * step).reshape(len(tokens), -1)
        by_prompt.append(law)
    return np.stack(by_prompt, 1)


@torch.no_grad()
def laws_of_member(
    model: Transformer,
    tokens: Ints,
    ends: Sequence[int],
    letters: Ints,
    ahead: int,
    batch: int,
) -> tuple[Floats, Floats]:
    """As `laws_of_predictor` for a member, each next-letter law renormalised over the letters; and
    the probability that one of the tokens is not a letter, (documents, prompts).

    `model`: a stack of one member, on its device. `ends` rise. `batch`: documents read at once.
    """
    device = model.W_E.device
    alphabet = torch.from_numpy(letters).to(device)
    laws = np.empty((len(tokens), len(ends), len(letters) ** ahead))
    other = np.empty(laws.shape[:2])
    for begin in range(0, len(tokens), batch):
        rows = slice(begin, begin + batch)
        part = torch.from_numpy(tokens[rows]).to(device)
        reader = text_reader(model, len(part), ends[-1] + ahead - 1)
        start = 0
        for prompt, end in enumerate(ends):
            logits = reader.read(part[:, start:end])
            start = end
            law, total = _continued(reader, logits, alphabet, ahead)
            laws[rows, prompt] = law.cpu().numpy()
            other[rows, prompt] = 1 - total.cpu().numpy()
    return laws, np.maximum(other, 0)


def _continued(
    reader: TextReader, logits: Tensor, alphabet: Tensor, ahead: int
) -> tuple[Tensor, Tensor]:
    """Laws (texts, letters^ahead) from the logits (texts, vocabulary) after what was read, and the
    probability that all tokens are letters, (texts,)."""
    texts, count = len(logits), len(alphabet)
    law = logits.new_ones((texts, 1), dtype=torch.float64)
    total = law
    for depth in range(ahead):
        if depth:
            reader = reader.repeated(count)
            logits = reader.read(alphabet.repeat(law.numel() // count)[:, None])
        step = torch.softmax(logits.double(), -1)[:, alphabet]
        share = step.sum(1, keepdim=True)
        law = (law.reshape(-1, 1) * step / share).reshape(texts, -1)
        total = (total.reshape(-1, 1) * step).reshape(texts, -1)
    return law, total.sum(1)
