"""Laws of all members on contexts, and what each member writes after them."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import torch

from manymasks.arrays import Ints
from manymasks.config.analyses import Explorer
from manymasks.evaluation.forward import log_probabilities
from manymasks.models.member_model import MemberModel
from manymasks.models.text_reader import text_reader

Laws = npt.NDArray[np.float32]
"""Log-probabilities in nats; the last axis is the vocabulary."""

COPIES = 6
"""Laws in float32, and their logarithms and probabilities in float64 (twice as large each), with a
temporary."""


@dataclass(frozen=True)
class Context:
    """A window of a probe at a severity. `tokens` (length + 1,): the last ones are scored."""

    severity: int
    item: int
    document: str
    tokens: Ints


@dataclass(frozen=True)
class Continuations:
    """What m members write greedily after n contexts: `tokens` (m, n, L), and `laws` (m, n, L, V),
    the law that each token is the first-ranked one of."""

    tokens: Ints
    laws: Laws


def chosen_items(windows: int, severities: int, settings: Explorer) -> Ints:
    """Windows that are shown, the same at every severity, rising: as many at one severity as make
    `contexts` over all of them, and one at least."""
    count = min(windows, max(1, settings.contexts // severities))
    chosen = np.random.default_rng(settings.seed).permutation(windows)[:count]
    return np.sort(chosen)


def parts(
    contexts: Sequence[Context], members: int, scored: int, vocabulary: int, settings: Explorer
) -> Iterator[list[Context]]:
    """Contexts of one length each whose laws fit the memory together, in order."""
    elements = COPIES * members * scored * vocabulary
    at_once = max(1, min(settings.batch, (settings.memory_mb << 20) // (4 * elements)))
    for length in sorted({len(context.tokens) for context in contexts}):
        equal = [context for context in contexts if len(context.tokens) == length]
        for begin in range(0, len(equal), at_once):
            yield equal[begin : begin + at_once]


def text_laws(models: Sequence[MemberModel], contexts: Sequence[Context], scored: int) -> Laws:
    """(m, n, scored, V): laws of the scored tokens of contexts of one length."""
    tokens = np.stack([context.tokens for context in contexts])[:, :-1]
    return np.stack(
        [
            log_probabilities(model, tokens, len(tokens), scored).astype(np.float32)
            for model in models
        ]
    )


@torch.no_grad()
def continuations(
    models: Sequence[MemberModel], contexts: Sequence[Context], length: int
) -> Continuations:
    """Greedy continuations of contexts of one length, from the token before their last `length`
    ones. Ties go to the lowest id."""
    device = models[0].W_U.device
    tokens = np.stack([context.tokens for context in contexts])[:, :-length]
    prompts = torch.from_numpy(tokens).to(device)
    shape = len(models), len(contexts), length
    written = np.empty(shape, np.int64)
    laws = np.empty((*shape, models[0].W_U.shape[1]), np.float32)
    for member, model in enumerate(models):
        # The last token is written, not read.
        reader = text_reader(model, len(contexts), tokens.shape[1] + length - 1)
        new = prompts
        for step in range(length):
            log = reader.read(new).float().log_softmax(-1)
            new = log.argmax(-1, keepdim=True)
            laws[member, :, step] = log.cpu().numpy()
            written[member, :, step] = new[:, 0].cpu().numpy()
    return Continuations(written, laws)
