"""Documents, their split, and the Parquet file of a corpus."""

import hashlib
import heapq
from collections.abc import Iterable, Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Literal

import pyarrow as pa
import pyarrow.parquet as pq

from manymasks.config.corpora import CorpusSettings
from manymasks.corpora.digests import DigestTable
from manymasks.corpora.parquet_file import parquet_file
from manymasks.corpora.records import NOT_UTF8, Fault, checked
from manymasks.disk.atomic import replacing
from manymasks.errors import UserError

Split = Literal["train", "select", "measure"]

SCHEMA = pa.schema(
    [
        pa.field("id", pa.string(), nullable=False),
        pa.field("source", pa.string(), nullable=False),
        pa.field("split", pa.string(), nullable=False),
        pa.field("text", pa.large_string(), nullable=False),
    ]
)
GROUP_DOCUMENTS = 4096
GROUP_CHARACTERS = 8 * 2**20


SPLITS: tuple[Split, ...] = ("train", "select", "measure")


@dataclass(frozen=True)
class Raw:
    """A document as it was read. `text` is None if it has a fault; without one its bytes are not
    UTF-8. `split` is None if the hash of the id decides it."""

    id: str
    source: str
    text: str | None
    fault: Fault | None = None
    split: Split | None = None


@dataclass(frozen=True)
class Dropped:
    """Documents left out for one reason, and the place of the first of them."""

    reason: str
    documents: int
    example: str


@dataclass(frozen=True)
class Summary:
    """Counts of written and dropped documents. `sha256` is over id, NUL, text, NUL (UTF-8) of all
    written documents, in order. `cross_split_duplicates` counts the duplicates whose first copy is
    in another split."""

    documents: int
    train_documents: int
    select_documents: int
    measure_documents: int
    characters: int
    bytes: int
    longest_document: int
    empty_documents: int
    duplicate_documents: int
    cross_split_duplicates: int
    undecodable_documents: int
    sha256: str
    dropped: tuple[Dropped, ...]

    def figures(self) -> dict[str, int | str]:
        """Columns of the table `corpus`."""
        columns = asdict(self)
        del columns["dropped"]
        return columns

    def dropped_for(self, reason: str) -> int:
        """Number of documents left out for a reason."""
        return sum(item.documents for item in self.dropped if item.reason == reason)

    def dropped_rows(self, corpus: str) -> list[dict[str, int | str]]:
        """Rows of the table `dropped_documents`."""
        return [{"corpus": corpus, **asdict(dropped)} for dropped in self.dropped]

    def dropped_in_words(self) -> str:
        """Counts of dropped documents by reason; empty if there are none."""
        counts = ", ".join(f"{dropped.documents} {dropped.reason}" for dropped in self.dropped)
        if self.cross_split_duplicates:
            counts += f"; {self.cross_split_duplicates} repeat a text of another split"
        return counts


EMPTY = "empty"
DUPLICATE = "the same as an earlier one"
BEYOND_MAXIMUM = "more than max_documents"


class Drops:
    """Dropped documents by reason, in the order in which reasons first came."""

    def __init__(self) -> None:
        self.counts: dict[str, int] = {}
        self.examples: dict[str, str] = {}
        self.read = 0
        self.across_splits = 0

    def add(self, reason: str, example: str, count: int = 1) -> None:
        """Count documents; the first example of a reason is kept."""
        self.counts[reason] = self.counts.get(reason, 0) + count
        self.examples.setdefault(reason, example)

    def listed(self) -> tuple[Dropped, ...]:
        """All reasons."""
        return tuple(
            Dropped(reason, count, self.examples[reason]) for reason, count in self.counts.items()
        )


def split_of(document_id: str, select: float, measure: float) -> Split:
    """The split of a document: a pure function of its id, by the first 53 bits of its SHA-256 as a
    number in [0, 1). More documents never move earlier ones, and a larger share only moves
    documents across its edge."""
    u = (_hash64(document_id) >> 11) / 2**53
    if u < select:
        return "select"
    return "measure" if u < select + measure else "train"


def write_documents(raws: Iterable[Raw], path: Path, settings: CorpusSettings) -> Summary:
    """Write documents to one zstd Parquet file (columns of SCHEMA), in the order given.

    Documents that are only white space, repeat an earlier text or have a fault are counted and
    dropped. Settings may keep repeats: dropping them would change the law of a process. Memory
    holds hashes and one row group. `max_documents` keeps the documents whose ids have the smallest
    hashes: a heap holds the current threshold, documents below it go to a spool file, and a second
    pass drops those above the final threshold. Raises UserError if an id occurs twice or a split
    has no document; `path` is then not written.
    """
    drops = Drops()
    good = _good(raws, drops, settings)
    spool = path.with_name(path.name + ".spool")
    with replacing(path) as part:
        if settings.max_documents is None:
            totals = _write(good, part, settings)
        else:
            smallest = _Smallest(settings.max_documents)
            try:
                kept = _write((raw for raw in good if smallest.offer(raw.id)), spool, settings)
                rest = (raw for raw in _read(spool) if smallest.holds(raw.id))
                totals = _write(rest, part, settings)
            finally:
                spool.unlink(missing_ok=True)
            beyond = smallest.refused + kept["documents"] - totals["documents"]
            if beyond:
                drops.add(BEYOND_MAXIMUM, f"{settings.max_documents} are kept", beyond)
        summary = Summary(
            **totals,
            empty_documents=drops.counts.get(EMPTY, 0),
            duplicate_documents=drops.counts.get(DUPLICATE, 0),
            cross_split_duplicates=drops.across_splits,
            undecodable_documents=drops.counts.get(NOT_UTF8, 0),
            dropped=drops.listed(),
        )
        _complain_about_splits(summary, drops.read, settings)
    return summary


def read_split(path: Path, split: str) -> Iterator[tuple[str, str]]:
    """Id and text of each document of a split, in the order of the file."""
    with parquet_file(path) as file:
        for batch in file.iter_batches(batch_size=256, columns=["id", "split", "text"]):
            columns = (column.to_pylist() for column in batch)
            for document_id, document_split, text in zip(*columns, strict=True):
                if document_split == split:
                    yield document_id, text


def _hash64(text: str, salt: str = "") -> int:
    return int.from_bytes(hashlib.sha256((salt + text).encode()).digest()[:8], "big")


def _split(raw: Raw, settings: CorpusSettings) -> Split:
    return raw.split or split_of(raw.id, settings.select, settings.measure)


def _good(raws: Iterable[Raw], drops: Drops, settings: CorpusSettings) -> Iterator[Raw]:
    """Documents to keep; counts the others by reason."""
    ids = _Ids()
    texts = DigestTable()
    for raw in raws:
        drops.read += 1
        ids.check(raw)
        if raw.text is None:
            fault = raw.fault or Fault(NOT_UTF8, raw.id)
            drops.add(fault.reason, fault.example)
            continue
        if not raw.text or raw.text.isspace():
            drops.add(EMPTY, raw.id)
            continue
        piece = checked(raw.text, raw.id)
        if isinstance(piece, Fault):
            drops.add(piece.reason, piece.example)
            continue
        if not settings.keeps_repeats:
            number = SPLITS.index(_split(raw, settings))
            earlier = texts.put(raw.text.encode(), number)
            if earlier is not None:
                drops.add(DUPLICATE, raw.id)
                drops.across_splits += earlier != number
                continue
        yield raw


class _Ids:
    """Refuses an id that occurs twice. Ids of a file, `NAME#000012`, come in rising order, so only
    the names are kept."""

    def __init__(self) -> None:
        self.names: set[bytes] = set()
        self.name = ""
        self.number = -1

    def check(self, raw: Raw) -> None:
        """Raise UserError if the id came earlier."""
        name, mark, digits = raw.id.rpartition("#")
        number = int(digits) if mark and digits.isdecimal() else None
        if number is None:
            name = raw.id
        if number is not None and name == self.name:
            is_new = number > self.number
        else:
            digest = hashlib.sha256(name.encode()).digest()[:16]
            is_new = digest not in self.names
            self.names.add(digest)
        if not is_new:
            raise UserError(
                f"two documents have the id '{raw.id}' (source: {raw.source}): the split "
                "depends on the id, so ids must be unique. Is a file given twice?"
            )
        self.name, self.number = name, -1 if number is None else number


class _Smallest:
    """The `size` smallest hashes of ids seen so far. The hash is salted: the smallest hashes of
    `split_of` would all be in one split."""

    def __init__(self, size: int) -> None:
        self.size = size
        self.negated: list[int] = []
        self.refused = 0

    def offer(self, document_id: str) -> bool:
        """Add an id; whether it is among the smallest so far."""
        value = -_hash64(document_id, "max_documents\0")
        if len(self.negated) < self.size:
            heapq.heappush(self.negated, value)
            return True
        is_smaller = heapq.heappushpop(self.negated, value) != value
        self.refused += not is_smaller
        return is_smaller

    def holds(self, document_id: str) -> bool:
        """Whether an id is among the smallest of all offered ids."""
        return -_hash64(document_id, "max_documents\0") >= self.negated[0]


def _write(raws: Iterable[Raw], path: Path, settings: CorpusSettings) -> dict[str, Any]:
    """Stream documents to Parquet in row groups of bounded size; returns totals."""
    splits = {"train": 0, "select": 0, "measure": 0}
    characters = size = longest = waiting = 0
    digest = hashlib.sha256()
    rows: list[tuple[str, str, str, str]] = []
    with pq.ParquetWriter(path, SCHEMA, compression="zstd") as writer:

        def flush() -> None:
            columns = zip(SCHEMA, zip(*rows, strict=True), strict=True)
            arrays = [pa.array(column, type=field.type) for field, column in columns]
            writer.write_table(pa.Table.from_arrays(arrays, schema=SCHEMA))
            rows.clear()

        for raw in raws:
            assert raw.text is not None
            split = _split(raw, settings)
            encoded = raw.text.encode()
            digest.update(raw.id.encode() + b"\0" + encoded + b"\0")
            splits[split] += 1
            characters += len(raw.text)
            size += len(encoded)
            longest = max(longest, len(encoded))
            rows.append((raw.id, raw.source, split, raw.text))
            waiting += len(raw.text)
            if len(rows) == GROUP_DOCUMENTS or waiting >= GROUP_CHARACTERS:
                flush()
                waiting = 0
        if rows:
            flush()
    return {
        "documents": sum(splits.values()),
        **{f"{split}_documents": count for split, count in splits.items()},
        "characters": characters,
        "bytes": size,
        "longest_document": longest,
        "sha256": digest.hexdigest(),
    }


def _read(path: Path) -> Iterator[Raw]:
    with parquet_file(path) as file:
        for batch in file.iter_batches(batch_size=256, columns=SCHEMA.names):
            columns = (batch.column(name).to_pylist() for name in SCHEMA.names)
            for document_id, source, split, text in zip(*columns, strict=True):
                yield Raw(document_id, source, text, split=split)


def _complain_about_splits(summary: Summary, read: int, settings: CorpusSettings) -> None:
    words = summary.dropped_in_words()
    dropped = f" ({words})" if words else ""
    if not summary.documents:
        first = "".join(
            f"\n  {dropped.reason}, such as {dropped.example}" for dropped in summary.dropped
        )
        raise UserError(
            f"no document is left: {read} were read{dropped}. "
            "Check the source of the corpus and how it is read (format, field, separator)."
            f"{first}"
        )
    splits = {
        "train": summary.train_documents,
        "select": summary.select_documents,
        "measure": summary.measure_documents,
    }
    missing = [split for split, count in splits.items() if not count]
    if missing:
        raise UserError(
            f"no document falls in the {' or '.join(missing)} split: {summary.documents} of {read} "
            f"documents are left{dropped}, with select {settings.select:g} and measure "
            f"{settings.measure:g} of them, chosen by the hash of the id. Give more documents "
            "(cut the text smaller with separator and join_to) or change these shares."
        )
