"""Documents from text, JSONL, CSV and Parquet files, streamed in bounded memory."""

from collections.abc import Iterator, Sequence
from pathlib import Path

from manymasks.config.corpora import TextCorpusSettings
from manymasks.corpora.csv_rows import read_csv
from manymasks.corpora.documents import Raw
from manymasks.corpora.json_lines import read_json_lines
from manymasks.corpora.parquet_rows import read_parquet
from manymasks.corpora.records import Fault, FieldPath, Piece
from manymasks.corpora.streams import explained
from manymasks.corpora.text_pieces import Separator, read_text


def read_files(
    paths: Sequence[Path], settings: TextCorpusSettings, names: Sequence[str]
) -> Iterator[Raw]:
    """Documents of files, in order; ids are `NAME#000012`: the name and the index in its file.

    Text files are cut at `separator`; an empty piece after the last one is dropped. Consecutive
    pieces are joined by it until they have `join_to` characters, rows of JSONL, CSV and Parquet by
    `separator` or else a line end. A piece that is no text, such as bytes that are not UTF-8, is a
    document with a fault and is never joined. Raises UserError if a file cannot be read in its
    format, and if the separator occurs in no text file.
    """
    between = "\n" if settings.separator is None else settings.separator
    is_text = settings.format == "text"
    separator = None
    if is_text and settings.separator is not None:
        separator = Separator(settings.separator)
    field = FieldPath("text" if is_text else settings.field, between)
    for path, name in zip(paths, names, strict=True):
        with explained(path):
            pieces = _pieces(path, settings, field, separator)
            yield from numbered(joined(pieces, between, settings.join_to), name)
    if separator is not None:
        separator.refuse_if_absent()


def _pieces(
    path: Path, settings: TextCorpusSettings, field: FieldPath, separator: Separator | None
) -> Iterator[Piece]:
    match settings.format:
        case "text":
            return read_text(path, separator)
        case "jsonl":
            return read_json_lines(path, field)
        case "csv":
            return read_csv(path, field, {})
    return read_parquet(path, field)


def numbered(pieces: Iterator[Piece], name: str) -> Iterator[Raw]:
    """Pieces of a file as documents with their ids."""
    for number, piece in enumerate(pieces):
        document_id = f"{name}#{number:06d}"
        if isinstance(piece, Fault):
            yield Raw(document_id, name, None, piece)
        else:
            yield Raw(document_id, name, piece)


def joined(pieces: Iterator[Piece], between: str, join_to: int | None) -> Iterator[Piece]:
    """Pieces joined until a document has `join_to` characters; the last may have fewer."""
    if join_to is None:
        yield from pieces
        return
    waiting: list[str] = []
    length = 0
    for piece in pieces:
        if isinstance(piece, str):
            length += len(piece) + (len(between) if waiting else 0)
            waiting.append(piece)
        if waiting and (isinstance(piece, Fault) or length >= join_to):
            yield between.join(waiting)
            waiting, length = [], 0
        if isinstance(piece, Fault):
            yield piece
    if waiting:
        yield between.join(waiting)
