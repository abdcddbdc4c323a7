"""Windows of the measure split, and what each family does to their context.

A window is `context + 1` tokens of one document. The last `scored` of them are never changed:
whatever stands before them, the question asked of a member stays the same.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from manymasks.config.analyses import Probe
from manymasks.errors import UserError

Tokens = npt.NDArray[np.int64]


@dataclass(frozen=True)
class Contexts:
    """One probe at all its severities."""

    tokens: Tokens
    """(severities, windows, context + 1) token ids; severity 0 is the text itself."""
    documents: tuple[str, ...]
    """(windows,) the document of each window."""
    scored: int
    """Tokens scored at the end of each window."""
    descriptions: tuple[str, ...]
    """(severities,) what each severity does."""

    def changed(self) -> npt.NDArray[np.float64]:
        """(severities,) share of context tokens that differ from severity 0."""
        before = self.tokens[:, :, : self.tokens.shape[2] - self.scored]
        share: npt.NDArray[np.float64] = (before != before[0]).mean((1, 2))
        return share


def contexts(
    settings: Probe,
    documents: Sequence[tuple[str, Tokens]],
    *,
    context: int,
    end_of_text: int,
) -> Contexts:
    """Choose windows and change their contexts; a pure function of its arguments.

    Args:
        settings: family, severities, numbers and seed.
        documents: (id, token ids) of the measure split.
        context: tokens of a window before its last target.
        end_of_text: what stands before a document's first token.

    Raises:
        UserError: if the windows chosen are of fewer than two documents.
    """
    windows, owners = _cut(documents, context, end_of_text)
    generator = np.random.default_rng([settings.seed, 0])
    chosen = np.sort(generator.permutation(len(windows))[: settings.windows])
    documents_chosen = {owners[i] for i in chosen}
    if len(documents_chosen) < 2:
        raise UserError(
            f"the {len(chosen)} windows of the probe come from {len(documents_chosen)} documents "
            f"of the measure split, and a probe needs at least 2 with {context} tokens or more: "
            "lower training.context, raise the probe's windows, or give measure more documents"
        )
    clean = windows[chosen]
    scored = settings.scored or context
    levels, descriptions = [clean], ["text as it is"]
    for severity, block in enumerate(settings.severities, 1):
        generator = np.random.default_rng([settings.seed, severity])
        levels.append(_shuffled(clean, context + 1 - scored, block, generator))
        descriptions.append(f"context tokens permuted within blocks of {block}")
    return Contexts(np.stack(levels), tuple(owners[i] for i in chosen), scored, tuple(descriptions))


def _cut(
    documents: Sequence[tuple[str, Tokens]], context: int, end_of_text: int
) -> tuple[Tokens, list[str]]:
    """All whole windows that do not overlap in what they predict, with their documents."""
    windows, owners = [], []
    for name, tokens in documents:
        with_start = np.concatenate(([end_of_text], tokens))
        for begin in range(0, len(with_start) - context, context):
            windows.append(with_start[begin : begin + context + 1])
            owners.append(name)
    return np.array(windows, dtype=np.int64).reshape(-1, context + 1), owners


def _shuffled(windows: Tokens, context: int, block: int, generator: np.random.Generator) -> Tokens:
    """Permute tokens 1 to `context` within blocks that end where the context ends.

    The first token stays: in a document's first window it is the end of text, and moved it
    would say that all before it is another document.
    """
    changed = windows.copy()
    for end in range(context, 1, -block):
        begin = max(end - block, 1)
        changed[:, begin:end] = generator.permuted(windows[:, begin:end], axis=1)
    return changed
