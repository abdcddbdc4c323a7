"""Windows of unchanged text, and the text around them in their documents.

A window is `context + 1` tokens of one document, including the end of text before its first token.
Columns up to the last `scored` are its context; column 0 is predicted by nothing.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from manymasks.errors import UserError
from manymasks.tokens.tokenizer import Tokenizer

Tokens = npt.NDArray[np.int64]


@dataclass(frozen=True)
class Windows:
    """Windows chosen from documents, in the order of the text."""

    tokens: Tokens
    """(windows, context + 1) token ids."""
    documents: tuple[str, ...]
    """(windows,) id of the document."""
    before: tuple[Tokens, ...]
    """(windows,) the text before each window in its document, at most `context` tokens."""
    ends: tuple[Tokens, ...]
    """(windows,) the last tokens of the document of each window before its end of text, at most
    `context`."""


@dataclass(frozen=True)
class ProbeSource:
    """Everything a family may make contexts from."""

    windows: Windows
    scored: int
    """Tokens at the end of each window that are scored."""
    end_of_text: int
    counts: Tokens | None = None
    """(vocabulary,) counts of the train split."""
    tokenizer: Tokenizer | None = None
    other: npt.NDArray[np.integer] | None = None
    """(tokens,) text of another corpus in the tokens of this one."""

    @property
    def context(self) -> Tokens:
        """(windows, context + 1 - scored) the tokens before the scored ones."""
        tokens = self.windows.tokens
        return tokens[:, : tokens.shape[1] - self.scored]

    @property
    def train_counts(self) -> Tokens:
        """(vocabulary,) counts of the train split, 0 for the end of text. A change never inserts an
        end of text, which would declare everything before it another document."""
        if self.counts is None:
            raise ValueError("this family needs the counts of the train split")
        counts = self.counts.copy()
        counts[self.end_of_text] = 0
        return counts

    @property
    def words(self) -> Tokens:
        """(vocabulary - 1,) all tokens except the end of text."""
        return np.delete(np.arange(len(self.train_counts)), self.end_of_text)

    @property
    def text(self) -> Tokenizer:
        """The tokenizer."""
        if self.tokenizer is None:
            raise ValueError("this family needs the tokenizer")
        return self.tokenizer

    @property
    def elsewhere(self) -> npt.NDArray[np.integer]:
        """Text of another corpus. Raises UserError if it is shorter than a context."""
        if self.other is None:
            raise ValueError("this family needs text of another corpus")
        if len(self.other) < self.context.shape[1]:
            raise UserError(
                f"the measure split of the other corpus has {len(self.other)} tokens, and the "
                f"contexts of the probe have {self.context.shape[1]}: take a larger corpus, or "
                "raise the probe's scored"
            )
        return self.other

    def from_the_right(self, edited: Sequence[Tokens]) -> Tokens:
        """Contexts that end with the edited tokens, (windows, context + 1 - scored). The edited
        tokens replace columns 1 on. Longer ones are cut at the left; shorter ones are preceded by
        earlier text of the same document, then by ends of text."""
        clean = self.context
        out = np.full_like(clean, self.end_of_text)
        for row, (before, tokens) in enumerate(zip(self.windows.before, edited, strict=True)):
            whole = np.concatenate([before, clean[row, :1], tokens])[-clean.shape[1] :]
            out[row, clean.shape[1] - len(whole) :] = whole
        return out


def choose_windows(
    documents: Sequence[tuple[str, Tokens]],
    count: int,
    *,
    context: int,
    end_of_text: int,
    seed: int,
    purpose: str,
    windows_setting: str,
    length_setting: str = "training.context",
) -> Windows:
    """At most `count` random windows, of `context` tokens before the last target, that share no
    target, stratified over documents.

    Documents get a window in turn, in random order, until `count` are dealt or their text is used
    up: a long document has as few as any other, so the effective number of documents is as large as
    the number of windows allows. The documents (id, token ids) are read one at a time, twice, so a
    large split can be read from disk. `purpose` and the settings of number and length are for the
    message of the UserError that windows from fewer than two documents raise.
    """
    # With the end of text before it, a document of n tokens has n + 1.
    windows_of = np.array([len(tokens) // context for _, tokens in documents], dtype=np.int64)
    first = np.concatenate(([0], np.cumsum(windows_of)))
    chosen = dealt(windows_of, count, np.random.default_rng([seed, 0]))
    owners = np.searchsorted(first, chosen, side="right") - 1
    if len(set(owners.tolist())) < 2:
        raise UserError(
            f"the {len(chosen)} windows of {purpose} come from {len(set(owners.tolist()))} "
            f"documents of their split, and at least 2 are needed with {context} tokens or more: "
            f"lower {length_setting}, raise {windows_setting}, or give the split more documents"
        )
    rows, names, before, ends = [], [], [], []
    for owner in np.unique(owners):
        name, tokens = documents[owner]
        with_start = np.concatenate(([end_of_text], tokens))
        # A document that is cut has no end of text.
        text = np.asarray(tokens[:-1] if tokens[-1] == end_of_text else tokens)
        for index in chosen[owners == owner] - first[owner]:
            begin = int(index) * context
            rows.append(with_start[begin : begin + context + 1])
            before.append(with_start[max(begin - context, 0) : begin])
            ends.append(text[-context:])
            names.append(name)
    return Windows(np.array(rows, dtype=np.int64), tuple(names), tuple(before), tuple(ends))


def dealt(windows_of: Tokens, count: int, generator: np.random.Generator) -> Tokens:
    """At most `count` windows, rising, of documents that have `windows_of` (documents,) each and
    follow one another. Every document has a window before any has two, and so on; which windows and
    which documents are first is random."""
    owners = np.repeat(np.arange(windows_of.size), windows_of)
    first = np.cumsum(windows_of) - windows_of
    turn = np.empty(owners.size, dtype=np.int64)
    shuffled = np.lexsort((generator.random(owners.size), owners))
    turn[shuffled] = np.arange(owners.size) - first[owners]
    in_turn = np.lexsort((generator.random(owners.size), turn))
    return np.sort(in_turn[:count])
