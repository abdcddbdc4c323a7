"""Documents from text, JSONL and Parquet files, streamed in bounded memory."""

import glob
import json
from collections.abc import Iterator, Sequence
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from manymasks.config.corpora import TextCorpusSettings
from manymasks.corpora.documents import Raw
from manymasks.errors import UserError

BLOCK = 2**20


def expand(patterns: Sequence[str], base: Path) -> list[Path]:
    """Files that patterns (`texts/**/*.txt`) match, sorted, each once. Patterns are relative to
    `base`; absolute ones and `~` work too. Raises UserError if a pattern matches no file."""
    matches: set[Path] = set()
    for pattern in patterns:
        expanded = Path(pattern).expanduser()
        absolute = expanded if expanded.is_absolute() else Path(glob.escape(str(base)), expanded)
        # Path.glob would match hidden files and take no absolute patterns.
        matched = {Path(name) for name in glob.glob(str(absolute), recursive=True)}  # noqa: PTH207
        files = {path for path in matched if path.is_file()}
        if not files:
            folders = sorted(str(path) for path in matched)
            hint = (
                f"'{folders[0]}' is a folder: write '{pattern.rstrip('/')}/**/*.txt' for the files "
                "in it"
                if folders
                else "check the path and its spelling"
            )
            raise UserError(
                f"paths: '{pattern}' matches no file below {base}. {hint[0].upper()}{hint[1:]}."
            )
        matches |= files
    return sorted(matches)


def read_files(
    paths: Sequence[Path], settings: TextCorpusSettings, names: Sequence[str]
) -> Iterator[Raw]:
    """Documents of files, in order; ids are `NAME#000012`: the name and the index in its file.

    Text files are cut at `separator`; an empty piece after the last one is dropped. Consecutive
    pieces are joined by it until they have `join_to` characters, rows of JSONL and Parquet by
    `separator` or else a line end. A piece that is not UTF-8 is a document without text and is
    never joined. Raises UserError if a file cannot be read in its format.
    """
    between = "\n" if settings.separator is None else settings.separator
    for path, name in zip(paths, names, strict=True):
        try:
            pieces = _pieces(path, settings)
            for number, text in enumerate(_joined(pieces, between, settings.join_to)):
                yield Raw(f"{name}#{number:06d}", name, text)
        except OSError as error:
            raise UserError(f"{path}: cannot be read ({error.strerror or error}).") from error


def _pieces(path: Path, settings: TextCorpusSettings) -> Iterator[str | None]:
    if settings.format == "text":
        return _text(path, settings.separator)
    if settings.format == "jsonl":
        return _jsonl(path, settings.field)
    return _parquet(path, settings.field)


def _joined(
    pieces: Iterator[str | None], between: str, join_to: int | None
) -> Iterator[str | None]:
    """Pieces joined until a document has `join_to` characters; the last may have fewer."""
    if join_to is None:
        yield from pieces
        return
    waiting: list[str] = []
    length = 0
    for piece in pieces:
        if piece is not None:
            length += len(piece) + (len(between) if waiting else 0)
            waiting.append(piece)
        if waiting and (piece is None or length >= join_to):
            yield between.join(waiting)
            waiting, length = [], 0
        if piece is None:
            yield None
    if waiting:
        yield between.join(waiting)


def _decoded(data: bytes) -> str | None:
    try:
        return data.decode()
    except UnicodeDecodeError:
        return None


def _text(path: Path, separator: str | None) -> Iterator[str | None]:
    """Pieces of a text file; memory holds the longest piece and one block."""
    if separator == "":
        raise UserError(
            "separator: is empty, which would cut between all characters. Give the text between "
            "documents, or null to make each file one document."
        )
    with path.open("rb") as file:
        if file.read(3) != b"\xef\xbb\xbf":
            file.seek(0)
        if separator is None:
            yield _decoded(file.read())
            return
        mark = separator.encode()
        waiting = bytearray()
        while block := file.read(BLOCK):
            # A separator may cross the border of blocks.
            start = max(0, len(waiting) - len(mark) + 1)
            waiting += block
            done = 0
            while (end := waiting.find(mark, start)) >= 0:
                yield _decoded(bytes(waiting[done:end]))
                done = start = end + len(mark)
            del waiting[:done]
        if waiting:
            yield _decoded(bytes(waiting))


def _jsonl(path: Path, field: str) -> Iterator[str | None]:
    with path.open("rb") as file:
        for number, data in enumerate(file, start=1):
            line = _decoded(data)
            if line is None:
                yield None
                continue
            if not line.strip("\ufeff \t\r\n"):
                continue
            yield _value(line.lstrip("\ufeff"), field, f"{path}:{number}")


def _value(line: str, field: str, where: str) -> str:
    start = line.strip()[:80]
    try:
        row = json.loads(line)
    except (json.JSONDecodeError, RecursionError) as error:
        raise UserError(
            f"{where}: is not JSON ({error}). Expected one object a line, found: {start}"
        ) from error
    if not isinstance(row, dict):
        raise UserError(f"{where}: expected a JSON object with the field '{field}', found: {start}")
    if field not in row:
        fields = ", ".join(sorted(row)) or "none"
        raise UserError(
            f"{where}: has no field '{field}'. Fields found: {fields}. Set field to the one that "
            "holds the text."
        )
    value = row[field]
    if value is not None and not isinstance(value, str):
        raise UserError(
            f"{where}: the field '{field}' holds a {type(value).__name__}, expected text: {start}"
        )
    return value or ""


def _parquet(path: Path, column: str) -> Iterator[str | None]:
    try:
        with pq.ParquetFile(path) as file:
            columns = file.schema_arrow.names
            if column not in columns:
                raise UserError(
                    f"{path}: has no column '{column}'. Columns found: {', '.join(columns)}. Set "
                    "field to the one that holds the text."
                )
            kind = file.schema_arrow.field(column).type
            if pa.types.is_dictionary(kind):
                kind = kind.value_type
            if kind not in (pa.string(), pa.large_string(), pa.binary(), pa.large_binary()):
                raise UserError(f"{path}: the column '{column}' holds {kind}, expected text.")
            for batch in file.iter_batches(batch_size=1024, columns=[column]):
                # Decoded value by value: pyarrow would fail the whole batch.
                for value in batch.column(0).cast(pa.large_binary()).to_pylist():
                    yield "" if value is None else _decoded(value)
    except pa.ArrowInvalid as error:
        raise UserError(
            f"{path}: is not a readable Parquet file ({error}). Is format right, "
            "and the file complete?"
        ) from error
