"""Rows of CSV files, one by one: a row with an open quote or other bytes than UTF-8 takes no other
with it. `datasets` fails the whole file for either."""

import csv
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from manymasks.corpora.records import LONGEST, TOO_LONG, Fault, FieldPath, Piece
from manymasks.corpora.streams import Source, streams
from manymasks.errors import UserError

OPTIONS = {"sep": "delimiter", "delimiter": "delimiter", "quotechar": "quotechar"}
"""Options of the builder `csv` that this reader has too, by their names in Python's csv."""
NOT_CSV = "not CSV"
LOOK_AHEAD = 10_000
"""Lines that a quoted field may span."""


def read_csv(path: Path, field: FieldPath, options: dict[str, Any]) -> Iterator[Piece]:
    """Text of each row of a file with a header; blank lines are skipped. Raises UserError if the
    header lacks the field."""
    csv.field_size_limit(2 * LONGEST)
    for name, stream in streams(path):
        source = Source(name, stream)
        if source.encoding is not None:
            yield Fault(f"{source.encoding}, not UTF-8", f"{name}: convert it to UTF-8")
            continue
        rows = _Rows(source, {"delimiter": _delimiter(path), **options})
        header = next(rows, None)
        if header is None:
            continue
        if isinstance(header, Fault) or header.count(field.path) != 1:
            columns = "none" if isinstance(header, Fault) else ", ".join(header)
            twice = not isinstance(header, Fault) and field.path in header
            raise UserError(
                f"{name}: has {'two columns' if twice else 'no column'} '{field.path}'. Columns "
                f"found: {columns}. Set field to the one that holds the text (and sep in options, "
                "if columns are not separated by commas)."
            )
        column = header.index(field.path)
        for row in rows:
            where = f"{name}:{rows.line}"
            if isinstance(row, Fault):
                yield row
            elif len(row) <= column:
                yield Fault(
                    f"without the field {field.path!r}",
                    f"{where}: {len(row)} of {len(header)} columns",
                )
            else:
                yield field.text_of_root(row[column], where)


def _delimiter(path: Path) -> str:
    return "\t" if ".tsv" in path.suffixes else ","


class _Rows(Iterator[list[str] | Fault]):
    """Rows of a CSV stream. A line that opens a quoted field goes on in the next lines until its
    quotes are even; if they do not form a row, that line alone is dropped."""

    def __init__(self, source: Source, dialect: dict[str, Any]) -> None:
        self.line = 0
        self._name = source.name
        self._lines = source.lines(2 * LONGEST)
        self._dialect = dialect
        self._quote = str(dialect.get("quotechar", '"')).encode()
        self._ahead: list[bytes | None] = []

    def __next__(self) -> list[str] | Fault:
        while True:
            line = self._next_line(0)
            if line is None and not self._ahead:
                raise StopIteration
            self.line += 1
            if line is None:
                self._ahead.pop(0)
                return Fault(TOO_LONG, f"{self._name}:{self.line}")
            row, used, error = self._row(line)
            start = self.line
            del self._ahead[:used]
            self.line += used - 1
            if row is None:
                return Fault(NOT_CSV, f"{self._name}:{start}: {error}: {line[:80]!r}")
            if row:
                return row

    def _next_line(self, number: int) -> bytes | None:
        """A line from those ahead; None if it is too long or there are no more."""
        if number == len(self._ahead):
            for line in self._lines:
                self._ahead.append(line)
                break
        return self._ahead[number] if number < len(self._ahead) else None

    def _row(self, line: bytes) -> tuple[list[str] | None, int, str]:
        """The row that starts at a line, and how many lines it has; without a row, one line and
        what is wrong with it."""
        parsed = self._parsed(line)
        if isinstance(parsed, list):
            return parsed, 1, ""
        error, used, size = parsed, 1, len(line)
        quotes = line.count(self._quote)
        lines = [line]
        while error.startswith("unexpected end") and used < LOOK_AHEAD and size <= 2 * LONGEST:
            following = self._next_line(used)
            if following is None:
                break
            lines.append(following)
            used += 1
            size += len(following)
            quotes += following.count(self._quote)
            if quotes % 2 == 0:
                parsed = self._parsed(b"".join(lines))
                if isinstance(parsed, list):
                    return parsed, used, ""
                error = parsed
        return None, 1, error

    def _parsed(self, data: bytes) -> list[str] | str:
        # Bytes that are not UTF-8 become lone surrogates, which the field of text may not hold.
        text = data.decode(errors="surrogateescape").rstrip("\r\n")
        if not text.strip():
            return []
        try:
            rows = list(csv.reader([text], strict=True, **self._dialect))
        except csv.Error as error:
            return str(error)
        return rows[0] if len(rows) == 1 else f"{len(rows)} rows"
