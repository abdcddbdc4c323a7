"""Laws of classes of tokens, before and after a member's own next token.

Text has too many tokens to read all continuations of a few: V^3 for three of a vocabulary of V. So
one token is read, which has many values where a letter has few, and next tokens are drawn from the
member itself. Laws before the token are exact; those after it are unbiased means over draws.
"""

from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor

from manymasks.arrays import Floats, Ints
from manymasks.models.text_reader import text_reader
from manymasks.models.transformer import Transformer


def token_classes(counts: Ints, classes: int) -> Ints:
    """The class of every token, (vocabulary,), by its count in text: the most frequent ones are
    classes of their own, from 0, the most frequent first, and all others are the last class."""
    order = np.argsort(-counts, kind="stable")
    of_token = np.empty(len(counts), dtype=np.int64)
    of_token[order] = np.minimum(np.arange(len(counts)), classes - 1)
    return of_token


@torch.no_grad()
def class_laws(
    model: Transformer,
    tokens: Ints,
    ends: Sequence[int],
    classes: Ints,
    uniform: Floats,
    draws: int,
    batch: int,
) -> tuple[Floats, Floats]:
    """Laws of the class of the next token after the first `ends` tokens of windows, and the mean of
    the laws one token later over `draws` next tokens, (windows, prompts, classes) each.

    `model`: a stack of one member, on its device. `tokens` (windows, length). `ends` rise.
    `classes`: of every token. `uniform` (windows, prompts) in [0, 1): the draws at each prompt.
    """
    device = model.W_E.device
    count = int(classes.max()) + 1
    of_token = torch.from_numpy(classes).to(device)
    before = np.empty((len(tokens), len(ends), count))
    after = np.empty(before.shape)
    for begin in range(0, len(tokens), batch):
        rows = slice(begin, begin + batch)
        part = torch.from_numpy(tokens[rows]).to(device)
        starts = torch.from_numpy(uniform[rows]).to(device)
        reader = text_reader(model, len(part), ends[-1] + 1)
        start = 0
        for prompt, end in enumerate(ends):
            law = torch.softmax(reader.read(part[:, start:end]).double(), -1)
            start = end
            drawn = systematic_draws(law, starts[:, prompt], draws)
            later = reader.repeated(draws).read(drawn.reshape(-1, 1))
            mean = torch.softmax(later.double(), -1).view(len(part), draws, -1).mean(1)
            before[rows, prompt] = _by_class(law, of_token, count).cpu().numpy()
            after[rows, prompt] = _by_class(mean, of_token, count).cpu().numpy()
    return before, after


def systematic_draws(law: Tensor, uniform: Tensor, draws: int) -> Tensor:
    """Tokens (texts, draws) from laws (texts, vocabulary), at equal steps of the distribution
    function from a uniform start (texts,): each token is drawn its expected number of times, up to
    less than one."""
    steps = torch.arange(draws, device=law.device, dtype=law.dtype)
    points = (steps + uniform[:, None]) / draws
    cumulative = law.cumsum(-1)
    drawn = torch.searchsorted(cumulative, points * cumulative[:, -1:], right=True)
    return drawn.clamp(max=law.shape[-1] - 1)


def _by_class(law: Tensor, of_token: Tensor, count: int) -> Tensor:
    return law.new_zeros((len(law), count)).index_add_(1, of_token, law)
