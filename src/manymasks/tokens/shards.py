"""Tokens on disk: memory-mapped Arrow shards of whole documents, read as one stream."""

from collections.abc import Iterable, Iterator, Sequence
from functools import cached_property
from pathlib import Path
from typing import Any, NamedTuple, overload

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.ipc

from manymasks.arrays import Bools, Ints
from manymasks.disk.atomic import replacing
from manymasks.errors import UserError

FORMAT = b"manymasks.tokens/2"
UINT16_VOCABULARY = 2**16
"""The largest vocabulary whose tokens fit 16 bits."""
PIECE = 2**20
"""Tokens that `TokenStream.pieces` reads at once."""


class EncodedDocument(NamedTuple):
    """A document as tokens, without its end of text."""

    name: str
    tokens: npt.NDArray[Any]
    bytes: int
    """UTF-8 bytes of the text that the tokens stand for."""
    is_cut: bool = False
    """Whether the text goes on after these tokens."""


def write_shards(
    documents: Iterable[EncodedDocument | tuple[str, npt.NDArray[Any], int]],
    folder: Path,
    *,
    vocabulary: int,
    end_of_text: int,
    shard_tokens: int = 32 * 2**20,
) -> list[Path]:
    """Write documents as Arrow IPC files; the paths, in order.

    The end of text is appended to each document; after one that is cut it only separates the stream
    and is not a token of the document. A shard holds whole documents, at most
    `shard_tokens` tokens unless one document is longer, as one uncompressed record batch with the
    columns `document`, `bytes`, `tokens`, a list of uint16 (uint32 for a vocabulary beyond 65,536),
    and `is_cut`. The same input gives the same bytes. Raises ValueError for a token outside the
    vocabulary, and without documents.
    """
    if not 0 <= end_of_text < vocabulary:
        raise ValueError(f"end of text {end_of_text} is outside the vocabulary of {vocabulary}")
    folder.mkdir(parents=True, exist_ok=True)
    width = np.uint16 if vocabulary <= UINT16_VOCABULARY else np.uint32
    paths: list[Path] = []
    waiting: list[EncodedDocument] = []
    tokens = 0
    end = np.array([end_of_text], dtype=width)

    def flush() -> None:
        paths.append(folder / f"tokens-{len(paths):05d}.arrow")
        _write(waiting, paths[-1], vocabulary, end_of_text, width)
        waiting.clear()

    for document, ids, size, is_cut in (EncodedDocument(*one) for one in documents):
        # The cast below wraps silently, so a token that does not fit must not reach it.
        if ids.size and not 0 <= int(ids.min()) <= int(ids.max()) < vocabulary:
            raise ValueError(
                f"document '{document}' has tokens from {ids.min()} to {ids.max()}, outside the "
                f"vocabulary of {vocabulary}"
            )
        if waiting and tokens + ids.size + 1 > shard_tokens:
            flush()
            tokens = 0
        with_end = np.concatenate([ids.astype(width), end])
        waiting.append(EncodedDocument(document, with_end, size, is_cut))
        tokens += ids.size + 1
    if not waiting:
        raise ValueError("there is no document to write")
    flush()
    return paths


def _write(
    documents: list[EncodedDocument],
    path: Path,
    vocabulary: int,
    end_of_text: int,
    width: Any,
) -> None:
    kind = pa.from_numpy_dtype(np.dtype(width))
    schema = pa.schema(
        [
            ("document", pa.string()),
            ("bytes", pa.int64()),
            ("tokens", pa.large_list(kind)),
            ("is_cut", pa.bool_()),
        ],
        metadata={
            b"format": FORMAT,
            b"vocabulary": str(vocabulary).encode(),
            b"end_of_text": str(end_of_text).encode(),
        },
    )
    offsets = np.cumsum([0, *(one.tokens.size for one in documents)], dtype=np.int64)
    values = np.concatenate([one.tokens for one in documents])
    columns = [
        pa.array([one.name for one in documents], type=pa.string()),
        pa.array([one.bytes for one in documents], type=pa.int64()),
        pa.LargeListArray.from_arrays(pa.array(offsets), pa.array(values, type=kind)),
        pa.array([one.is_cut for one in documents], type=pa.bool_()),
    ]
    with (
        replacing(path) as part,
        pa.OSFile(str(part), "wb") as sink,
        pa.ipc.new_file(sink, schema) as writer,
    ):
        writer.write_batch(pa.RecordBatch.from_arrays(columns, schema=schema))


class TokenStream:
    """Shards as one stream, without a copy in memory.

    *Tokens* run from 0 to `tokens` - 1 through all documents, each closed by the end of text;
    document d is tokens `offsets[d]` to `offsets[d + 1]`, without the last one if it is cut.
    *Positions*, which `gather` counts, begin with one more end of text, which gives the first token
    a context: position i is token i - 1. So position `offsets[d]` is the end of text before
    document d, and the n + 1 positions from there score its n tokens.
    """

    def __init__(self, batches: list[pa.RecordBatch], end_of_text: int, vocabulary: int) -> None:
        self.end_of_text = end_of_text
        self.vocabulary = vocabulary
        self._batches = batches
        self.values = [_tokens(batch).values.to_numpy() for batch in batches]
        self._starts = np.cumsum([0, *(v.size for v in self.values)], dtype=np.int64)
        ends = [
            _tokens(batch).offsets.to_numpy()[1:] + start
            for batch, start in zip(batches, self._starts[:-1], strict=True)
        ]
        self.offsets: Ints = np.concatenate([np.zeros(1, dtype=np.int64), *ends])
        """Start of each document, then the end of the stream, (documents + 1,)."""
        self.bytes: Ints = np.concatenate([batch.column(1).to_numpy() for batch in batches])
        """UTF-8 bytes of the tokens of each document, (documents,)."""
        self.is_cut: Bools = np.concatenate(
            [batch.column(3).to_numpy(zero_copy_only=False) for batch in batches]
        )
        """Whether the text of each document goes on after its tokens, (documents,)."""

    @classmethod
    def open(cls, paths: Sequence[Path]) -> "TokenStream":
        """Map shards into memory; raises UserError if one is truncated or not a shard."""
        if not paths:
            raise ValueError("a stream needs at least one shard")
        batches = []
        kinds: dict[tuple[int, int], Path] = {}
        for path in paths:
            batch, end_of_text, vocabulary = _open(path)
            batches.append(batch)
            kinds.setdefault((end_of_text, vocabulary), path)
        if len(kinds) > 1:
            one, other = list(kinds.values())[:2]
            raise UserError(f"{one} and {other} are shards of different tokenizers.")
        ((end_of_text, vocabulary),) = kinds
        return cls(batches, end_of_text, vocabulary)

    @property
    def tokens(self) -> int:
        """Number of tokens, ends of text included."""
        return int(self._starts[-1])

    @property
    def positions(self) -> int:
        """Number of positions: the tokens and the end of text before them."""
        return self.tokens + 1

    @cached_property
    def documents(self) -> list[str]:
        """Ids of the documents."""
        return [name for batch in self._batches for name in batch.column(0).to_pylist()]

    def document(self, i: int) -> Ints:
        """Tokens of document i, (n,); its end of text is last, unless the document is cut."""
        return self._slice(int(self.offsets[i]), int(self.offsets[i + 1]) - int(self.is_cut[i]))

    @property
    def lengths(self) -> Ints:
        """Tokens of each document, (documents,)."""
        return np.asarray(np.diff(self.offsets) - self.is_cut, dtype=np.int64)

    def spread(self, count: int, length: int) -> Ints:
        """At most `count` evenly spread windows of `length` + 1 positions, (n, length + 1). No two
        windows share a target."""
        possible = (self.positions - 1) // length
        count = min(count, possible)
        return self.gather((np.arange(count) * possible // count) * length, length + 1)

    def gather(self, starts: Ints, length: int) -> Ints:
        """Tokens of the `length` positions from each start, (n, length). Raises ValueError if a
        window reaches beyond the stream."""
        starts = np.asarray(starts, dtype=np.int64)
        if starts.size and not 0 <= starts.min() <= starts.max() <= self.positions - length:
            raise ValueError(
                f"windows of {length} from {starts.min()} to {starts.max()} reach beyond the "
                f"{self.positions} positions of the stream"
            )
        out = np.empty((starts.size, length), dtype=np.int64)
        first = np.searchsorted(self._starts, starts - 1, side="right") - 1
        last = np.searchsorted(self._starts, starts + length - 2, side="right") - 1
        # -1 for the end of text before the stream, which no shard holds.
        inside = first == last
        for shard in np.unique(first[inside]):
            rows = np.flatnonzero(inside & (first == shard))
            if shard < 0:
                out[rows] = self.end_of_text
                continue
            local = starts[rows] - 1 - self._starts[shard]
            out[rows] = self.values[shard][local[:, None] + np.arange(length)]
        for row in np.flatnonzero(~inside):
            out[row] = self._slice(int(starts[row]) - 1, int(starts[row]) - 1 + length)
        return out

    def pieces(self) -> Iterator[Ints]:
        """All positions in order, in consecutive pieces."""
        for begin in range(0, self.positions, PIECE):
            length = min(PIECE, self.positions - begin)
            yield self.gather(np.array([begin]), length)[0]

    def _slice(self, begin: int, end: int) -> Ints:
        """Tokens from `begin` to `end` across shards; token -1 is the end of text."""
        parts: list[npt.NDArray[Any]] = []
        if begin < 0:
            parts.append(np.full(min(0, end) - begin, self.end_of_text))
        for values, start in zip(self.values, self._starts[:-1], strict=True):
            if start < end and begin < start + values.size:
                parts.append(values[max(0, begin - int(start)) : end - int(start)])
        return np.concatenate(parts).astype(np.int64)


class StreamDocuments(Sequence[tuple[str, Ints]]):
    """(id, tokens) of the documents of a stream, each read on access."""

    def __init__(self, stream: TokenStream) -> None:
        self._stream = stream

    def __len__(self) -> int:
        return len(self._stream.documents)

    @overload
    def __getitem__(self, index: int) -> tuple[str, Ints]: ...
    @overload
    def __getitem__(self, index: slice) -> list[tuple[str, Ints]]: ...
    def __getitem__(self, index: Any) -> Any:
        if isinstance(index, slice):
            return [self[i] for i in range(*index.indices(len(self)))]
        if not 0 <= index < len(self):
            raise IndexError(index)
        return self._stream.documents[index], self._stream.document(index)


def _open(path: Path) -> tuple[pa.RecordBatch, int, int]:
    """The record batch of a shard, its end of text and its vocabulary."""
    try:
        reader = pa.ipc.open_file(pa.memory_map(str(path)))
        metadata = reader.schema.metadata or {}
        if metadata.get(b"format") != FORMAT or reader.num_record_batches != 1:
            raise ValueError(
                f"format {metadata.get(b'format', b'none').decode()}, "
                f"{reader.num_record_batches} record batches"
            )
        batch = reader.get_batch(0)
        offsets = _tokens(batch).offsets.to_numpy()
        size = len(_tokens(batch).values)
        if offsets[0] != 0 or offsets[-1] != size or (np.diff(offsets) < 1).any():
            raise ValueError("its documents do not cover its tokens")
        return batch, int(metadata[b"end_of_text"]), int(metadata[b"vocabulary"])
    except (OSError, ValueError, KeyError, pa.ArrowException) as error:
        raise UserError(
            f"{path}: is not a readable shard of tokens, or is truncated ({error}). Delete its "
            "artifact and run again."
        ) from error


def _tokens(batch: pa.RecordBatch) -> Any:
    return batch.column(2)
