"""Families that change the tokens of a context; what is scored after it stays.

Each takes what there is, a severity and a generator, and returns contexts (windows, context + 1 -
scored). Column 0 is not changed where the rest keeps its place: in a document's first window it is
the end of text. The numbers drawn do not depend on the severity, so what one severity changes the
next one changes too.
"""

import numpy as np

from manymasks.probes.windows import Source, Tokens

RAREST = 50
"""One token of this many counts as rare."""


def shuffle(source: Source, block: float, generator: np.random.Generator) -> Tokens:
    """Permute tokens within blocks that end where the context ends; the first may be shorter."""
    clean = source.context
    changed = clean.copy()
    for begin, end in _blocks(clean.shape[1], int(block)):
        changed[:, begin:end] = generator.permuted(clean[:, begin:end], axis=1)
    return changed


def reversal(source: Source, length: float, generator: np.random.Generator) -> Tokens:
    """Reverse spans of this length, the last of which ends where the context ends."""
    changed = source.context.copy()
    for begin, end in _blocks(changed.shape[1], int(length)):
        changed[:, begin:end] = changed[:, begin:end][:, ::-1].copy()
    return changed


def unigram_noise(source: Source, share: float, generator: np.random.Generator) -> Tokens:
    """Replace a share of tokens by draws from how often tokens are in the train split."""
    upto = np.cumsum(source.train_counts)
    drawn = generator.integers(upto[-1], size=source.context.shape)
    return _replaced(source, share, np.searchsorted(upto, drawn, side="right"), generator)


def uniform_noise(source: Source, share: float, generator: np.random.Generator) -> Tokens:
    """Replace a share of tokens by any, all as likely."""
    drawn = generator.choice(source.words, size=source.context.shape)
    return _replaced(source, share, drawn, generator)


def rare(source: Source, share: float, generator: np.random.Generator) -> Tokens:
    """Replace a share of tokens by the rarest of the train split, never seen ones among them."""
    words = source.words
    order = words[np.argsort(source.train_counts[words], kind="stable")]
    rarest = order[: max(len(order) // RAREST, 2)]
    drawn = generator.choice(rarest, size=source.context.shape)
    return _replaced(source, share, drawn, generator)


def deletion(source: Source, share: float, generator: np.random.Generator) -> Tokens:
    """Drop a share of tokens; earlier text of the document takes their room, from the left."""
    clean = source.context
    kept = generator.random(clean.shape) >= share
    rows = zip(clean[:, 1:], kept[:, 1:], strict=True)
    return source.from_the_right([tokens[keep] for tokens, keep in rows])


def repetition(source: Source, times: float, generator: np.random.Generator) -> Tokens:
    """Fill the context with its last tokens, this many times over."""
    changed = source.context.copy()
    room = changed.shape[1] - 1
    span = -(-room // int(times))
    # Counted from the right, so that the last copy is whole and stands where it stood.
    column = changed.shape[1] - 1 - np.arange(room)[::-1] % span
    changed[:, 1:] = source.context[:, column]
    return changed


def splice(source: Source, share: float, generator: np.random.Generator) -> Tokens:
    """Take the first share of the context from a window of another document."""
    changed = source.context.copy()
    taken = 1 + round(share * (changed.shape[1] - 1))
    donors = _others(source, generator)
    changed[:, 1:taken] = source.context[donors, 1:taken]
    return changed


def other_corpus(source: Source, share: float, generator: np.random.Generator) -> Tokens:
    """Take the first share of the context from anywhere in the text of another corpus.

    Its documents follow each other there with an end of text between, as in training.
    """
    changed = source.context.copy()
    taken = 1 + round(share * (changed.shape[1] - 1))
    places = generator.integers(len(source.elsewhere) - changed.shape[1] + 1, size=len(changed))
    changed[:, 1:taken] = source.elsewhere[places[:, None] + np.arange(1, taken)]
    return changed


def offset(source: Source, share: float, generator: np.random.Generator) -> Tokens:
    """Let the text begin later: before it stands the end of another document.

    The last token of the share is an end of text, as between two documents in training.
    """
    changed = source.context.copy()
    room = changed.shape[1] - 1
    taken = max(round(share * room), 1)
    for row, donor in enumerate(_others(source, generator)):
        end = source.windows.ends[donor][-taken:]
        changed[row, : 1 + taken] = source.end_of_text
        changed[row, 1 + taken - len(end) : taken] = end[:-1]
    return changed


def _blocks(width: int, length: int) -> list[tuple[int, int]]:
    """Columns from and to of blocks from the right, without column 0."""
    return [(max(end - length, 1), end) for end in range(width, 1, -length)]


def _replaced(source: Source, share: float, by: Tokens, generator: np.random.Generator) -> Tokens:
    replaced = generator.random(by.shape) < share
    replaced[:, 0] = False
    return np.where(replaced, by, source.context)


def _others(source: Source, generator: np.random.Generator) -> Tokens:
    """For each window one of another document, (windows,)."""
    _, owners = np.unique(source.windows.documents, return_inverse=True)
    order = np.argsort(owners, kind="stable")
    first = np.searchsorted(owners[order], owners, side="left")
    same = np.bincount(owners)[owners]
    # A place among the windows in that order, with those of its document left out.
    place = generator.integers(len(owners) - same)
    return np.asarray(order[np.where(place >= first, place + same, place)])
