"""Families that change the tokens of a context; the scored tokens after it stay.

Each takes a source, a severity and a generator, and returns contexts (windows, context + 1 -
scored). Column 0 is not changed if the other tokens keep their positions: in the first window of a
document it is the end of text. The random numbers do not depend on the severity, so the changes of
a severity are among those of the next.
"""

import numpy as np

from manymasks.probes.windows import ProbeSource, Tokens

RAREST = 50
"""One token in this many counts as rare."""


def shuffle(source: ProbeSource, block: float, generator: np.random.Generator) -> Tokens:
    """Permute tokens within blocks that end with the context; the first may be shorter."""
    clean = source.context
    changed = clean.copy()
    for begin, end in _blocks(clean.shape[1], int(block)):
        changed[:, begin:end] = generator.permuted(clean[:, begin:end], axis=1)
    return changed


def reversal(source: ProbeSource, length: float, generator: np.random.Generator) -> Tokens:
    """Reverse spans of this length, aligned with the end of the context."""
    changed = source.context.copy()
    for begin, end in _blocks(changed.shape[1], int(length)):
        changed[:, begin:end] = changed[:, begin:end][:, ::-1].copy()
    return changed


def unigram_noise(source: ProbeSource, share: float, generator: np.random.Generator) -> Tokens:
    """Replace a share of tokens by draws from the token frequencies of the train split."""
    cumulative = np.cumsum(source.train_counts)
    drawn = generator.integers(cumulative[-1], size=source.context.shape)
    return _replaced(source, share, np.searchsorted(cumulative, drawn, side="right"), generator)


def uniform_noise(source: ProbeSource, share: float, generator: np.random.Generator) -> Tokens:
    """Replace a share of tokens by uniform draws."""
    drawn = generator.choice(source.words, size=source.context.shape)
    return _replaced(source, share, drawn, generator)


def rare(source: ProbeSource, share: float, generator: np.random.Generator) -> Tokens:
    """Replace a share of tokens by the rarest of the train split, unseen ones included."""
    words = source.words
    order = words[np.argsort(source.train_counts[words], kind="stable")]
    rarest = order[: max(len(order) // RAREST, 2)]
    drawn = generator.choice(rarest, size=source.context.shape)
    return _replaced(source, share, drawn, generator)


def deletion(source: ProbeSource, share: float, generator: np.random.Generator) -> Tokens:
    """Drop a share of tokens; earlier text of the document fills the context from the left."""
    clean = source.context
    kept = generator.random(clean.shape) >= share
    rows = zip(clean[:, 1:], kept[:, 1:], strict=True)
    return source.from_the_right([tokens[keep] for tokens, keep in rows])


def repetition(source: ProbeSource, times: float, generator: np.random.Generator) -> Tokens:
    """Fill the context with this many copies of its last tokens."""
    changed = source.context.copy()
    room = changed.shape[1] - 1
    span = -(-room // int(times))
    # Counted from the right: the last copy is complete and keeps its position.
    column = changed.shape[1] - 1 - np.arange(room)[::-1] % span
    changed[:, 1:] = source.context[:, column]
    return changed


def splice(source: ProbeSource, share: float, generator: np.random.Generator) -> Tokens:
    """Take the first share of the context from a window of another document."""
    changed = source.context.copy()
    taken = 1 + round(share * (changed.shape[1] - 1))
    donors = _others(source, generator)
    changed[:, 1:taken] = source.context[donors, 1:taken]
    return changed


def other_corpus(source: ProbeSource, share: float, generator: np.random.Generator) -> Tokens:
    """Take the first share of the context from anywhere in the text of another corpus. Its
    documents are separated by ends of text, as in training."""
    changed = source.context.copy()
    taken = 1 + round(share * (changed.shape[1] - 1))
    text = source.elsewhere
    starts = generator.integers(len(text) - changed.shape[1] + 1, size=len(changed))
    changed[:, 1:taken] = text[starts[:, None] + np.arange(1, taken)]
    return changed


def offset(source: ProbeSource, share: float, generator: np.random.Generator) -> Tokens:
    """Replace the first share of the context by the end of another document. The last token of the
    share is an end of text, as between two documents in training, so the text begins later."""
    changed = source.context.copy()
    room = changed.shape[1] - 1
    taken = max(round(share * room), 1)
    for row, donor in enumerate(_others(source, generator)):
        text = source.windows.ends[donor]
        end = text[len(text) - min(taken - 1, len(text)) :]
        changed[row, : 1 + taken] = source.end_of_text
        changed[row, taken - len(end) : taken] = end
    return changed


def _blocks(width: int, length: int) -> list[tuple[int, int]]:
    """First and end column of blocks, from the right, without column 0."""
    return [(max(end - length, 1), end) for end in range(width, 1, -length)]


def _replaced(
    source: ProbeSource, share: float, by: Tokens, generator: np.random.Generator
) -> Tokens:
    replaced = generator.random(by.shape) < share
    replaced[:, 0] = False
    return np.where(replaced, by, source.context)


def _others(source: ProbeSource, generator: np.random.Generator) -> Tokens:
    """For each window the index of one of another document, (windows,)."""
    _, owners = np.unique(source.windows.documents, return_inverse=True)
    order = np.argsort(owners, kind="stable")
    first = np.searchsorted(owners[order], owners, side="left")
    size = np.bincount(owners)[owners]
    # An index among the windows in that order, without those of the same document.
    index = generator.integers(len(owners) - size)
    return np.asarray(order[np.where(index >= first, index + size, index)])
