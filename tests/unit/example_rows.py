"""Rows of database tables with every column of the schema: what a test does not give is made up."""

import functools
from pathlib import Path
from typing import Any

import duckdb

from manymasks.database import schema

Row = dict[str, Any]
SHARE = 0.1
"""Half the width of an interval, as a share of the value in it."""
COUNTS = {
    "documents": 20,
    "effective_documents": 20,
    "models": 4,
    "seeds": 4,
    "tokens": 4000,
    "windows": 64,
}
TYPES = {"VARCHAR": "", "BOOLEAN": False, "DOUBLE": 0.5, "INTEGER": 1, "BIGINT": 1}


@functools.cache
def columns() -> dict[str, dict[str, tuple[str, bool]]]:
    """Type of each column, and whether it may be NULL, by table that a stage writes."""
    tables: dict[str, dict[str, tuple[str, bool]]] = {}
    with duckdb.connect() as connection:
        for path in sorted(Path(schema.__file__).with_name("schema").glob("*.sql")):
            connection.execute(path.read_text(encoding="utf-8"))
        for table, name, kind, may_be_null in connection.execute(
            "SELECT table_name, column_name, data_type, is_nullable FROM duckdb_columns() "
            "WHERE NOT internal ORDER BY table_name, column_index"
        ).fetchall():
            if name != "artifact" and table not in schema.BUILT:
                tables.setdefault(table, {})[name] = (kind, may_be_null)
    return tables


def centre_of(name: str, names: list[str]) -> str | None:
    """The column that an end of an interval is around: `nats` of `nats_low`, `gap` of `low`."""
    if name in ("low", "high"):
        return names[names.index("low") - 1]
    base = name.removesuffix("_low").removesuffix("_high")
    return base if base != name and base in names else None


def completed(table: str, row: Row) -> Row:
    """A row with the columns that it lacks: ends of intervals, counts, NULL where that may be.

    A row of a table that no stage writes is left as it is.
    """
    if table not in columns():
        return row
    full = {**row}
    names = list(columns()[table])
    for name in names:
        if name in row:
            continue
        kind, may_be_null = columns()[table][name]
        centre = full.get(centre_of(name, names) or "")
        if centre is not None:
            sign = -1 if name.endswith("low") else 1
            full[name] = centre + sign * SHARE * abs(centre)
        elif name in COUNTS:
            full[name] = COUNTS[name]
        else:
            full[name] = None if may_be_null else TYPES[kind]
    return full
