"""Tokens of many texts at once, by their words: each distinct word is encoded once.

Texts stay the bytes of an Arrow array. Their words begin where the pattern of byte-level BPE
(GPT-2's) ends a match in any case, so the tokens are those of the whole texts: where
`tokens.boundaries` lets a text be cut, and between letters, digits and other characters of ASCII.
Only an apostrophe may belong to the letters after it (`'s`).
"""

import itertools
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from manymasks.arrays import Ints
from manymasks.tokens.boundaries import LONGEST_WORD, SPACES

Bytes = npt.NDArray[np.uint8]
Ids = npt.NDArray[np.uint32]
MOST_WORDS = 2**18
"""Words whose tokens are kept."""
LONGEST_KEPT = 64
"""Bytes of the longest of them."""
IS_CUT = np.zeros(256, dtype=bool)
IS_CUT[[ord(character) for character in SPACES]] = True
APOSTROPHE = ord("'")
LETTER, DIGIT, OTHER = 1, 2, 3
KIND = np.zeros(256, dtype=np.uint8)
"""Kind of each printable character of ASCII; 0 for space and all other bytes."""
KIND[0x21:0x7F] = OTHER
KIND[[code for code in range(128) if chr(code).isalpha()]] = LETTER
KIND[[code for code in range(128) if chr(code).isdigit()]] = DIGIT
IS_SPACE = np.zeros(256, dtype=bool)
IS_SPACE[[code for code in range(128) if chr(code).isspace()]] = True


@dataclass(frozen=True)
class Ragged:
    """Rows of tokens, one after the other: row i is values[offsets[i]:offsets[i + 1]]."""

    values: Ids
    offsets: Ints

    @classmethod
    def join(cls, rows: Sequence[Sequence[int]]) -> "Ragged":
        """Rows of any lengths."""
        sizes = np.fromiter(map(len, rows), dtype=np.int64, count=len(rows))
        values = np.fromiter((item for row in rows for item in row), dtype=np.uint32)
        return cls(values, np.concatenate([np.zeros(1, np.int64), np.cumsum(sizes)]))

    @classmethod
    def stack(cls, rows: Sequence[Ids]) -> "Ragged":
        """Rows that are arrays, in order."""
        sizes = np.fromiter((row.size for row in rows), dtype=np.int64, count=len(rows))
        values = np.concatenate([np.zeros(0, np.uint32), *rows])
        return cls(values, np.concatenate([np.zeros(1, np.int64), np.cumsum(sizes)]))

    def rows(self) -> list[Ids]:
        """Each row, without a copy."""
        bounds = self.offsets.tolist()
        return [self.values[a:b] for a, b in itertools.pairwise(bounds)]

    @property
    def sizes(self) -> Ints:
        """Length of each row."""
        return np.diff(self.offsets)

    def take(self, rows: Ints) -> "Ragged":
        """Rows by their numbers, any number of times."""
        sizes = self.sizes[rows]
        offsets = np.concatenate([np.zeros(1, np.int64), np.cumsum(sizes)])
        shifts = np.repeat(self.offsets[rows] - offsets[:-1], sizes)
        return Ragged(self.values[shifts + np.arange(offsets[-1])], offsets)

    def followed_by(self, other: "Ragged") -> "Ragged":
        """These rows, then those of another."""
        return Ragged(
            np.concatenate([self.values, other.values]),
            np.concatenate([self.offsets, other.offsets[1:] + self.offsets[-1]]),
        )


class WordEncoder:
    """Encodes texts by their words, with the tokens of words that it has seen."""

    def __init__(self, encode: Callable[[list[str]], list[list[int]]]) -> None:
        """`encode`: tokens of each of some words."""
        self._encode = encode
        self._forget()

    def _forget(self) -> None:
        self._numbers: dict[str, int] = {}
        self._known = Ragged(np.zeros(0, np.uint32), np.zeros(1, np.int64))

    def encode(
        self, texts: pa.StringArray, longest: int | None = LONGEST_WORD
    ) -> tuple[Ragged, Ints]:
        """Tokens of each text, and texts that are left out, with no tokens, because a word in them
        has more bytes than `longest`."""
        data, offsets = bytes_of(texts)
        starts = word_starts(data, offsets)
        ends = np.append(starts[1:], offsets[-1])
        first = np.searchsorted(starts, offsets)
        too_long = starts[ends - starts > longest] if longest is not None else starts[:0]
        left_out = np.unique(np.searchsorted(offsets, too_long, side="right") - 1)
        if left_out.size:
            kept = np.ones(len(texts), dtype=bool)
            kept[left_out] = False
            word_kept = np.repeat(kept, np.diff(first))
            starts, ends = starts[word_kept], ends[word_kept]
            first = np.concatenate([[0], np.cumsum(np.where(kept, np.diff(first), 0))])
        words = self._take(data, starts, ends)
        return Ragged(words.values, words.offsets[first]), left_out

    def _take(self, data: Bytes, starts: Ints, ends: Ints) -> Ragged:
        """Tokens of words, which follow one another except for gaps."""
        words = _strings(data, starts, ends).dictionary_encode()
        distinct = words.dictionary.to_pylist()
        get = self._numbers.get
        numbers = np.fromiter((get(word, -1) for word in distinct), np.int64, len(distinct))
        missing = np.flatnonzero(numbers < 0)
        new = [distinct[i] for i in missing.tolist()]
        rows = self._encode(new) if new else []
        table = self._known.followed_by(Ragged.join(rows))
        numbers[missing] = len(self._numbers) + np.arange(missing.size)
        taken = table.take(numbers[words.indices.to_numpy()])
        self._keep(new, rows)
        return taken

    def _keep(self, words: list[str], rows: list[list[int]]) -> None:
        if len(self._numbers) + len(words) > MOST_WORDS:
            self._forget()
        kept = [i for i, word in enumerate(words) if len(word) <= LONGEST_KEPT][:MOST_WORDS]
        for i in kept:
            self._numbers[words[i]] = len(self._numbers)
        self._known = self._known.followed_by(Ragged.join([rows[i] for i in kept]))


def bytes_of(texts: pa.StringArray) -> tuple[Bytes, Ints]:
    """The UTF-8 bytes of texts and where each begins in them, then the end."""
    _, offsets, data = texts.buffers()
    width = np.int64 if pa.types.is_large_string(texts.type) else np.int32
    bounds = np.frombuffer(offsets, dtype=width)[texts.offset : texts.offset + len(texts) + 1]
    content = np.frombuffer(data, dtype=np.uint8) if data is not None else np.zeros(0, np.uint8)
    begin, end = int(bounds[0]), int(bounds[-1])
    return content[begin:end], bounds.astype(np.int64) - begin


def word_starts(data: Bytes, offsets: Ints) -> Ints:
    """Where words begin: at the start of a text, at white space after anything else, and where
    the kind of character changes."""
    cuts = np.flatnonzero(IS_CUT[data[1:]] & ~IS_SPACE[data[:-1]]) + 1
    # The space before may have several bytes.
    wide = cuts[data[cuts - 1] >= 0x80]
    kind = KIND[data]
    before, after = kind[:-1], kind[1:]
    is_start = np.zeros(data.size + 1, dtype=bool)
    is_start[1:-1] = (before != after) & (before > 0) & (after > 0)
    is_start[1:-1] &= (data[:-1] != APOSTROPHE) | (after != LETTER)
    is_start[cuts] = True
    if wide.size:
        is_start[wide[_ends_in_space(data, wide)]] = False
    is_start[offsets] = True
    return np.flatnonzero(is_start[:-1])


def _ends_in_space(data: Bytes, places: Ints) -> npt.NDArray[np.bool_]:
    """Whether the character before each place, of several bytes, is white space."""
    first, second, third = (data[np.maximum(places - back, 0)] for back in (3, 2, 1))
    general = (third >= 0x80) & (third <= 0x8A) | np.isin(third, [0xA8, 0xA9, 0xAF])
    answer: npt.NDArray[np.bool_] = (
        (second == 0xC2) & ((third == 0x85) | (third == 0xA0))
        | (first == 0xE1) & (second == 0x9A) & (third == 0x80)
        | (first == 0xE2) & (second == 0x80) & general
        | (first == 0xE2) & (second == 0x81) & (third == 0x9F)
        | (first == 0xE3) & (second == 0x80) & (third == 0x80)
    )  # fmt: skip
    return answer


def _strings(data: Bytes, starts: Ints, ends: Ints) -> pa.StringArray:
    """Words as an Arrow array; what lies in a gap between two words is cut out."""
    if starts.size and (starts[1:] != ends[:-1]).any():
        sizes = ends - starts
        bounds = np.concatenate([[0], np.cumsum(sizes)])
        places = np.repeat(starts - bounds[:-1], sizes) + np.arange(bounds[-1])
        data, starts, ends = data[places], bounds[:-1], bounds[1:]
    bounds = np.append(starts, ends[-1:] if ends.size else 0).astype(np.int32)
    buffers = [None, pa.py_buffer(bounds), pa.py_buffer(np.ascontiguousarray(data))]
    return pa.StringArray.from_buffers(len(starts), buffers[1], buffers[2])
