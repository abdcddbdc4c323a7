"""Rows of JSON Lines files, one by one: a row that is not valid takes no other with it, and rows
may differ in their fields. `datasets` fails the whole file for either."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from manymasks.corpora.records import LONGEST, TOO_LONG, Fault, FieldPath, Piece, decoded
from manymasks.corpora.streams import Source, streams


def read_json_lines(path: Path, field: FieldPath) -> Iterator[Piece]:
    """Text of each row of a file; blank lines are skipped."""
    for name, stream in streams(path):
        source = Source(name, stream)
        if source.encoding is not None:
            yield Fault(f"{source.encoding}, not UTF-8", f"{name}: convert it to UTF-8")
            continue
        # Escapes make a line up to six times as long as its text.
        for number, data in enumerate(source.lines(2 * LONGEST), start=1):
            where = f"{name}:{number}"
            if data is None:
                yield Fault(TOO_LONG, where)
                continue
            line = decoded(data, where)
            if isinstance(line, Fault):
                yield line
            elif line.strip("\ufeff \t\r\n"):
                yield _text(line.lstrip("\ufeff"), field, where)


def _text(line: str, field: FieldPath, where: str) -> Piece:
    try:
        row = _parsed(line)
    except (ValueError, RecursionError) as error:
        return Fault("not JSON", f"{where}: {error}: {line.strip()[:80]}")
    if not isinstance(row, dict):
        return Fault("not a JSON object", f"{where}: {line.strip()[:80]}")
    return field.text(row, where)


def _parsed(line: str) -> Any:
    try:
        return json.loads(line)
    except json.JSONDecodeError:
        raise
    except ValueError:
        # Python refuses integers of more than 4,300 digits; only text is read from the row.
        return json.loads(line, parse_int=str)
