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


@dataclass(frozen=True)
class Raw:
    """A document as it was read; `text` is None if its bytes are not UTF-8."""

    id: str
    source: str
    text: str | None


@dataclass(frozen=True)
class Summary:
    """Counts of written and dropped documents. `sha256` is over id, NUL, text, NUL (UTF-8) of all
    written documents, in order. `beyond_maximum` counts the good documents that `max_documents`
    dropped."""

    documents: int
    train_documents: int
    select_documents: int
    measure_documents: int
    characters: int
    bytes: int
    empty_documents: int
    duplicate_documents: int
    undecodable_documents: int
    beyond_maximum: int
    sha256: str

    def figures(self) -> dict[str, int | str]:
        """Columns of the table `corpus`."""
        columns = asdict(self)
        del columns["beyond_maximum"]
        return columns

    def dropped(self) -> str:
        """Counts of dropped documents in words; empty if there are none."""
        counts = (
            (self.empty_documents, "empty"),
            (self.duplicate_documents, "the same as an earlier one"),
            (self.undecodable_documents, "not UTF-8"),
            (self.beyond_maximum, "more than max_documents"),
        )
        return ", ".join(f"{count} {why}" for count, why in counts if count)


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

    Documents that are only white space, repeat an earlier text or are not UTF-8 are counted and
    dropped. Settings may keep repeats: dropping them would change the law of a process. Memory
    holds hashes and one row group. `max_documents` keeps the documents whose ids have the smallest
    hashes: a heap holds the current threshold, documents below it go to a spool file, and a second
    pass drops those above the final threshold. Raises UserError if an id occurs twice or a split
    has no document; `path` is then not written.
    """
    counts = dict.fromkeys(("read", "empty", "duplicate", "undecodable", "good"), 0)
    good = _good(raws, counts, settings.keeps_repeats)
    part = path.with_name(path.name + ".part")
    spool = path.with_name(path.name + ".spool")
    try:
        if settings.max_documents is None:
            totals = _write(good, part, settings)
        else:
            smallest = _Smallest(settings.max_documents)
            _write((raw for raw in good if smallest.offer(raw.id)), spool, settings)
            totals = _write((raw for raw in _read(spool) if smallest.holds(raw.id)), part, settings)
        summary = Summary(
            **totals,
            empty_documents=counts["empty"],
            duplicate_documents=counts["duplicate"],
            undecodable_documents=counts["undecodable"],
            beyond_maximum=counts["good"] - totals["documents"],
        )
        _complain_about_splits(summary, counts["read"], settings)
        part.replace(path)
    finally:
        part.unlink(missing_ok=True)
        spool.unlink(missing_ok=True)
    return summary


def read_split(path: Path, split: str) -> Iterator[tuple[str, str]]:
    """Id and text of each document of a split, in the order of the file."""
    with pq.ParquetFile(path) as file:
        for batch in file.iter_batches(batch_size=256, columns=["id", "split", "text"]):
            columns = (column.to_pylist() for column in batch)
            for document_id, document_split, text in zip(*columns, strict=True):
                if document_split == split:
                    yield document_id, text


def _hash64(text: str, salt: str = "") -> int:
    return int.from_bytes(hashlib.sha256((salt + text).encode()).digest()[:8], "big")


def _good(raws: Iterable[Raw], counts: dict[str, int], repeats: bool) -> Iterator[Raw]:
    """Documents to keep; counts the others by reason."""
    ids: set[bytes] = set()
    texts: set[bytes] = set()
    for raw in raws:
        counts["read"] += 1
        name = hashlib.sha256(raw.id.encode()).digest()[:16]
        if name in ids:
            raise UserError(
                f"two documents have the id '{raw.id}' (source: {raw.source}): the split "
                "depends on the id, so ids must be unique. Is a file given twice?"
            )
        ids.add(name)
        if raw.text is None:
            counts["undecodable"] += 1
            continue
        if not raw.text.strip():
            counts["empty"] += 1
            continue
        try:
            encoded = raw.text.encode()
        except UnicodeEncodeError:
            counts["undecodable"] += 1
            continue
        if not repeats:
            digest = hashlib.sha256(encoded).digest()[:16]
            if digest in texts:
                counts["duplicate"] += 1
                continue
            texts.add(digest)
        counts["good"] += 1
        yield raw


class _Smallest:
    """The `size` smallest hashes of ids seen so far. The hash is salted: the smallest hashes of
    `split_of` would all be in one split."""

    def __init__(self, size: int) -> None:
        self.size = size
        self.negated: list[int] = []

    def offer(self, document_id: str) -> bool:
        """Add an id; whether it is among the smallest so far."""
        value = -_hash64(document_id, "max_documents\0")
        if len(self.negated) < self.size:
            heapq.heappush(self.negated, value)
            return True
        return heapq.heappushpop(self.negated, value) != value

    def holds(self, document_id: str) -> bool:
        """Whether an id is among the smallest of all offered ids."""
        return -_hash64(document_id, "max_documents\0") >= self.negated[0]


def _write(raws: Iterable[Raw], path: Path, settings: CorpusSettings) -> dict[str, Any]:
    """Stream documents to Parquet in row groups of bounded size; returns totals."""
    splits = {"train": 0, "select": 0, "measure": 0}
    characters = size = waiting = 0
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
            split = split_of(raw.id, settings.select, settings.measure)
            encoded = raw.text.encode()
            digest.update(raw.id.encode() + b"\0" + encoded + b"\0")
            splits[split] += 1
            characters += len(raw.text)
            size += len(encoded)
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
        "sha256": digest.hexdigest(),
    }


def _read(path: Path) -> Iterator[Raw]:
    with pq.ParquetFile(path) as file:
        for batch in file.iter_batches(batch_size=256, columns=["id", "source", "text"]):
            columns = (batch.column(i).to_pylist() for i in range(3))
            for document_id, source, text in zip(*columns, strict=True):
                yield Raw(document_id, source, text)


def _complain_about_splits(summary: Summary, read: int, settings: CorpusSettings) -> None:
    dropped = f" ({summary.dropped()})" if summary.dropped() else ""
    if not summary.documents:
        raise UserError(
            f"no document is left: {read} were read{dropped}. "
            "Check the source of the corpus and how it is read (format, field, separator)."
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
