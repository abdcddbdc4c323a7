"""A section of the page: its figures with their units, and the tables beside them."""

from collections.abc import Callable, Iterable
from typing import Any

import duckdb

from manymasks.report.drawing import Figure, Picture, Row, drawn, query, records

Table = dict[str, Any]


def section(
    connection: duckdb.DuckDBPyConnection,
    figures: Iterable[Figure],
    tables: Iterable[str],
    picture: Callable[[Picture], dict[str, str]],
) -> dict[str, Any]:
    """What the page shows of a subject.

    Returns `figures` by their names, as `picture` makes them of what was drawn, each with its
    `units`; the answer of each query in `tables` under its name, a dictionary a row; and `any`,
    which is false where there is neither a figure nor a row.
    """
    made = {}
    for figure in figures:
        found = drawn(connection, figure)
        made[figure.query] = {**picture(found), "units": units(found.rows)}
    rows = {name: records(connection, query(name)) for name in tables}
    shown = any(each["src"] for each in made.values())
    return {"figures": made, **rows, "any": shown or any(rows.values())}


def pivot(rows: list[Row], names: tuple[str, ...], across: str) -> Table:
    """A line for each value of `names`, in the order in which they come, and cells `across`."""
    lines: dict[tuple[Any, ...], Table] = {}
    for row in rows:
        line = lines.setdefault(tuple(row[name] for name in names), {**row, "cells": {}})
        line["cells"][row[across]] = row
    return {"across": sorted({row[across] for row in rows}), "lines": list(lines.values())}


def units(rows: list[Row]) -> str:
    """How many models and documents a figure rests on, such as `4 models a class`."""
    said = []
    for name, after in (("models", " a class"), ("documents", "")):
        counts = [row[name] for row in rows if row.get(name) is not None]
        if counts:
            low, high = min(counts), max(counts)
            span = f"{low:,}" if low == high else f"{low:,} to {high:,}"
            said.append(f"{span} {name if high > 1 else name[:-1]}{after}")
    return ", ".join(said)
