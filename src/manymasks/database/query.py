"""Read-only queries, with results as a table, CSV, JSON or Parquet."""

import csv
import difflib
import io
import json
import math
import os
import re
import tempfile
import textwrap
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from datetime import date, datetime, time
from pathlib import Path
from typing import Any, BinaryIO, Literal, NamedTuple

import duckdb

from manymasks.database.questions import OTHER, question_of
from manymasks.database.streaming import copied, replaced
from manymasks.database.unchanged import DAMAGE, change, remedy
from manymasks.errors import UserError

Format = Literal["table", "csv", "json", "parquet"]
MACROS = "Functions of SQL"
LEGEND = (
    "Views, of the current study, and tables (*), of all that the results folder holds, with their "
    "rows.\nColumns: manymasks sql --describe NAME"
)
GRAIN = re.compile(r" Grain: ([\w, ]+)\.$")
"""The end of the comment of a table or view: the columns that tell its rows apart."""
TABLE_ROWS = 1000
"""Largest number of rows that the table format prints."""


class Table(NamedTuple):
    """A table, view or macro of the database; a macro has no rows."""

    question: str
    name: str
    kind: str
    rows: int | None
    comment: str | None


class Column(NamedTuple):
    """A column of a table or view."""

    column: str
    type: str
    comment: str | None


@contextmanager
def connect(
    database: Path, *, allow_files: bool = False, output: Path | None = None
) -> Iterator[duckdb.DuckDBPyConnection]:
    """Open the database read-only and turn DuckDB errors inside the block into UserError. Raises
    UserError if the file is missing, is not a database, was changed, or is being written.

    `allow_files`: whether statements may read and write other files. `output`: a file that they may
    write nevertheless.
    """
    if not database.is_file():
        raise UserError(
            f"{database}: there is no database yet. Make it with: snakemake --cores all"
            if not database.is_symlink()
            else f"{database}: the file that it leads to is gone. {remedy(database)}"
        )
    changed = change(database)
    if changed is not None:
        raise UserError(f"{database}: was changed after it was made: {changed}. {remedy(database)}")
    try:
        # Otherwise a misspelt function may start a download.
        settings: dict[str, str | bool | int | float | list[str]] = {
            "autoinstall_known_extensions": "false"
        }
        connection = duckdb.connect(str(database), read_only=True, config=settings)
    except duckdb.Error as error:
        message = str(error).strip()
        if isinstance(error, duckdb.ConnectionException):
            raise UserError(
                f"{database}: this process has it open with other settings. Open it once: "
                f"close that connection, or query with it. DuckDB says: {message}"
            ) from error
        if "lock on file" in message:
            raise UserError(
                f"{database}: another process has it open for writing. Close that one (the "
                f"workflow itself never keeps it open). DuckDB says: {message}"
            ) from error
        damage = change(database, is_suspect=True)
        raise UserError(
            f"{database}: cannot be opened as a DuckDB database{f': it {damage}' if damage else ''}"
            f". DuckDB says: {message}\n{remedy(database)}"
        ) from error
    with connection:
        try:
            if not allow_files:
                if output is not None:
                    connection.execute(f"SET allowed_paths = [{_quoted(output)}]")
                connection.execute("SET enable_external_access = false")
            yield connection
        except duckdb.Error as error:
            damage = change(database, is_suspect=True) if isinstance(error, DAMAGE) else None
            if damage is not None:
                raise UserError(
                    f"{database}: is damaged: it {damage}. {remedy(database)}"
                ) from error
            raise UserError(_explain(error)) from error


def _quoted(path: Path) -> str:
    return "'" + str(path).replace("'", "''") + "'"


def run(
    database: Path, sql: str, format: Format, out: BinaryIO | Path, *, allow_files: bool = False
) -> None:
    """Run `sql` read-only and write the result of its last statement to `out`, as it comes. Raises
    UserError with DuckDB's message if the query fails, writes, or returns nothing that a file can
    hold; a file keeps its content then. `allow_files`: whether it may read and write other files.
    """
    with tempfile.TemporaryDirectory() as folder:
        pipe = Path(folder) / "result"
        os.mkfifo(pipe)
        with connect(database, allow_files=allow_files, output=pipe) as connection:
            if not connection.extract_statements(sql):
                raise UserError("the query is empty. Example: SELECT * FROM leaderboard")
            relation = connection.sql(sql)
            if relation is None and format != "table":
                raise UserError(
                    f"the query returns no rows to write as {format}: end it in a SELECT"
                )
            with replaced(out) as file:
                if relation is None or format == "table":
                    file.write(_table_of(relation).encode())
                else:
                    with copied(pipe, file):
                        _copy(relation, format, pipe)
                file.flush()


NESTED = ("list", "struct", "map", "array", "union")


def _copy(relation: duckdb.DuckDBPyRelation, format: Format, path: Path) -> None:
    """Write a relation with DuckDB's own writers."""
    if format == "parquet":
        relation.write_parquet(str(path))
    elif format == "csv":
        _projected(relation, _csv_value).write_csv(str(path), header=True)
    else:
        _projected(relation, _json_expression).query(
            "result", f"COPY result TO {_quoted(path)} (FORMAT json, ARRAY true)"
        )


Expression = Callable[[str, Any], str]
"""SQL of a column, from its name and its DuckDB type."""


def _projected(
    relation: duckdb.DuckDBPyRelation, expression: Expression
) -> duckdb.DuckDBPyRelation:
    """A relation with each column as an expression of it, under names that are distinct."""
    numbered = [f"c{i}" for i in range(len(relation.columns))]
    names = (name.replace('"', '""') for name in _distinct(relation.columns))
    columns = zip(numbered, relation.types, names, strict=True)
    values = ", ".join(f'{expression(column, kind)} AS "{name}"' for column, kind, name in columns)
    projected = relation.query("result", f"SELECT {values} FROM result AS r({', '.join(numbered)})")
    assert projected is not None
    return projected


def _csv_value(column: str, kind: Any) -> str:
    return f"to_json({_json_expression(column, kind)})" if kind.id in NESTED else column


def _json_expression(column: str, kind: Any, depth: int = 0) -> str:
    """A value for JSON, in which NaN and infinity become null and times follow ISO 8601."""
    if kind.id in ("double", "float"):
        return f"CASE WHEN isfinite({column}) THEN {column} END"
    if "timestamp" in kind.id:
        return f"replace({column}::VARCHAR, ' ', 'T')"
    item = f"x{depth}"
    if kind.id in ("list", "array"):
        inner = _json_expression(item, kind.children[0][1], depth + 1)
        return column if inner == item else f"list_transform({column}, lambda {item}: {inner})"
    if kind.id == "struct":
        fields = []
        for name, child in kind.children:
            quoted = '"' + name.replace('"', '""') + '"'
            fields.append(f"{quoted} := {_json_expression(f'({column}).{quoted}', child, depth)}")
        packed = f"struct_pack({', '.join(fields)})"
        return f"CASE WHEN {column} IS NOT NULL THEN {packed} END"
    if kind.id == "map":
        inner = _json_expression(f"{item}.value", kind.children[1][1], depth + 1)
        entries = f"list_transform(map_entries({column}), lambda {item}: "
        return f"map_from_entries({entries}struct_pack(key := {item}.key, value := {inner})))"
    if kind.id in ("interval", "bit", "blob", "uuid", "enum") or "time" in kind.id:
        return f"{column}::VARCHAR"
    return column


def _table_of(relation: duckdb.DuckDBPyRelation | None) -> str:
    """The first rows of a relation as an aligned table."""
    if relation is None:
        return _table((), (), 0)
    shown = _projected(relation, _shown_value)
    rows = shown.limit(TABLE_ROWS).fetchall()
    total = len(rows)
    if total == TABLE_ROWS:
        counted = relation.query("result", "SELECT count(*) FROM result")
        total = int(counted.fetchall()[0][0]) if counted is not None else total
    return _table(shown.columns, rows, total)


def _shown_value(column: str, kind: Any) -> str:
    # Python has no time zones without another package.
    return f"{column}::VARCHAR" if "TIME ZONE" in str(kind) else column


def tables(database: Path) -> list[Table]:
    """All tables, views and macros with comments and numbers of rows, by question: those that most
    studies start from come first, and views before the tables that they read."""
    questions = question_of()
    with connect(database) as connection:
        names = connection.execute(
            "SELECT table_name, 'table', comment FROM duckdb_tables() WHERE NOT internal "
            "UNION ALL "
            "SELECT view_name, 'view', comment FROM duckdb_views() WHERE NOT internal "
            "ORDER BY 2, 1"
        ).fetchall()
        listed = []
        for name, kind, comment in names:
            row = connection.execute(f"SELECT count(*) FROM {name}").fetchone()
            question = questions.get(name, OTHER)
            listed.append(Table(question, name, kind, int(row[0]) if row else 0, comment))
        macros = connection.execute(
            "SELECT format('{}({})', function_name, array_to_string(parameters, ', ')), comment "
            "FROM duckdb_functions() WHERE NOT internal ORDER BY 1"
        ).fetchall()
        order = {name: rank for rank, name in enumerate(questions)}
        listed.sort(key=lambda table: order.get(table.name, len(order)))
        return listed + [Table(MACROS, name, "macro", None, comment) for name, comment in macros]


def listing(listed: Sequence[Table], width: int) -> str:
    """Tables as a terminal of `width` columns shows them: by question, with what a row is."""
    lines = [LEGEND]
    longest = max((len(table.name) for table in listed if table.kind != "macro"), default=0)
    question = ""
    for table in listed:
        if table.question != question:
            question = table.question
            lines += ["", question]
        rows = "" if table.rows is None else f"{table.rows}{'*' if table.kind == 'table' else ''}"
        head = f"  {table.name:<{longest}} {rows:>9}  "
        text = GRAIN.sub("", table.comment or "")
        lines += textwrap.wrap(
            text,
            max(width, len(head) + 40),
            initial_indent=head,
            subsequent_indent=" " * min(len(head), longest + 14),
        )
    return "\n".join(lines) + "\n"


def describe(database: Path, table: str) -> list[Column]:
    """Columns of a table or view. Raises UserError with a suggestion for an unknown name."""
    with connect(database) as connection:
        rows = connection.execute(
            "SELECT column_name, data_type, comment FROM duckdb_columns() "
            "WHERE NOT internal AND table_name = ? ORDER BY column_index",
            [table],
        ).fetchall()
        if rows:
            return [Column(*row) for row in rows]
        existing = connection.execute(
            "SELECT DISTINCT table_name FROM duckdb_columns() WHERE NOT internal ORDER BY ALL"
        ).fetchall()
    names = [row[0] for row in existing]
    close = difflib.get_close_matches(table, names, n=1)
    raise UserError(
        f"{database}: there is no table or view '{table}'. "
        + (f"Did you mean '{close[0]}'? " if close else "")
        + "List all with: manymasks sql --tables"
    )


def comment_of(database: Path, table: str) -> str | None:
    """What a row of a table or view is, and the columns that tell its rows apart."""
    with connect(database) as connection:
        row = connection.execute(
            "SELECT comment FROM (SELECT table_name AS name, comment FROM duckdb_tables() "
            "UNION ALL SELECT view_name, comment FROM duckdb_views() WHERE NOT internal) "
            "WHERE name = ?",
            [table],
        ).fetchone()
    return row[0] if row else None


def render(columns: Sequence[str], rows: Sequence[Sequence[Any]], format: Format) -> str:
    """Rows as text: an aligned table (NULL printed), CSV (NULL empty) or a JSON list of records."""
    match format:
        case "table":
            return _table(columns, rows, len(rows))
        case "csv":
            text = io.StringIO()
            writer = csv.writer(text, lineterminator="\n")
            writer.writerow(columns)
            writer.writerows([_plain_cell(cell, "") for cell in row] for row in rows)
            return text.getvalue()
        case "json":
            records = [
                {name: _json_value(cell) for name, cell in zip(columns, row, strict=True)}
                for row in rows
            ]
            return json.dumps(records, indent=2, ensure_ascii=False) + "\n"
        case _:
            raise UserError(f"'{format}' cannot be written as text")


def _table(columns: Sequence[str], rows: Sequence[Sequence[Any]], total: int) -> str:
    if not columns:
        return "The statement returns no rows.\n"
    shown = [
        [" ".join(_plain_cell(cell, "NULL").split()) for cell in row] for row in rows[:TABLE_ROWS]
    ]
    widths = [
        max(len(name), *(len(row[i]) for row in shown)) if shown else len(name)
        for i, name in enumerate(columns)
    ]
    numeric = [
        all(isinstance(row[i], int | float) or row[i] is None for row in rows[:TABLE_ROWS])
        and any(not isinstance(row[i], bool) and row[i] is not None for row in rows[:TABLE_ROWS])
        for i in range(len(columns))
    ]

    def line(cells: Sequence[str]) -> str:
        padded = [
            cell.rjust(width) if right else cell.ljust(width)
            for cell, width, right in zip(cells, widths, numeric, strict=True)
        ]
        return "  ".join(padded).rstrip()

    lines = [line(columns), "  ".join("─" * width for width in widths), *map(line, shown)]
    if total > TABLE_ROWS:
        lines.append(f"({TABLE_ROWS} of {total} rows; --format csv, json or parquet writes all)")
    elif not rows:
        lines.append("(no rows)")
    return "\n".join(lines) + "\n"


def _plain_cell(cell: Any, null: str) -> str:
    if cell is None:
        return null
    if isinstance(cell, bool):
        return str(cell).lower()
    if isinstance(cell, list | dict):
        return json.dumps(_json_value(cell), ensure_ascii=False)
    return str(cell)


def _json_value(value: Any) -> Any:
    """A value for JSON, in which NaN and infinity become null."""
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if value is None or isinstance(value, str | int):
        return value
    if isinstance(value, datetime | date | time):
        return value.isoformat()
    if isinstance(value, dict):
        return {str(key): _json_value(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_json_value(item) for item in value]
    return str(value)


def _distinct(names: list[str]) -> list[str]:
    """Column names with repetitions numbered, since names in a record are unique."""
    distinct: list[str] = []
    for name in names:
        unique, number = name, 0
        while unique in distinct:
            number += 1
            unique = f"{name}_{number}"
        distinct.append(unique)
    return distinct


def _explain(error: duckdb.Error) -> str:
    message = str(error).strip()
    if isinstance(error, duckdb.PermissionException):
        return f"files are read and written only with --allow-files. DuckDB says: {message}"
    if "read-only" in message:
        return (
            "the database is opened read-only: it is built by the workflow and never changed in "
            f"place. Use SELECT, or copy the file first. DuckDB says: {message}"
        )
    hint = ""
    if isinstance(error, duckdb.CatalogException):
        hint = "\n`manymasks sql --tables` lists what there is."
    elif isinstance(error, duckdb.BinderException):
        hint = "\n`manymasks sql --describe NAME` lists the columns of a table or view."
    return f"the query failed. DuckDB says: {message}{hint}"
