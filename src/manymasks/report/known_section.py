"""The section of the page on text of known processes: its figures, their units, its tables."""

from collections.abc import Callable
from typing import Any

import duckdb

from manymasks.report.drawing import Row, query, records
from manymasks.report.known import FIGURES

Table = dict[str, Any]


def known_section(
    connection: duckdb.DuckDBPyConnection, picture: Callable[[tuple[str, str]], dict[str, str]]
) -> dict[str, Any]:
    """What the page shows of known processes.

    Returns `figures`, by the name of their query, as `picture` makes them of (SVG, query), each
    with its `units`; the tables `capabilities`, `layers` and `machinery` with a line a class, and
    `rules` and `inertia` as they are asked for; the names of the `corpora`. All of it is empty
    where no current corpus was drawn from a process.
    """
    figures = {
        name: {**picture(draw(connection)), "units": units(records(connection, query(name)))}
        for name, draw in FIGURES.items()
    }
    found = {
        name: records(connection, query(name))
        for name in ("capabilities", "rule_seeds", "belief_layers", "machinery", "inertia")
    }
    drawn_from = "SELECT DISTINCT t.corpus FROM process_truth AS t JOIN artifact AS e"
    sql = f"{drawn_from} ON e.artifact = t.artifact AND e.is_current ORDER BY t.corpus"
    return {
        "figures": figures,
        "corpora": [row["corpus"] for row in records(connection, sql)],
        "capabilities": pivot(
            found["capabilities"], ("corpus", "size", "variant", "capability"), "share"
        ),
        "layers": pivot(
            found["belief_layers"], ("corpus", "size", "variant", "latent", "control"), "layer"
        ),
        "machinery": pivot(found["machinery"], ("corpus", "size", "variant"), "letters"),
        "rules": found["rule_seeds"],
        "inertia": found["inertia"],
        "any": any(each["src"] for each in figures.values()) or any(found.values()),
    }


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
