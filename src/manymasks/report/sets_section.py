"""The section of the page on sets of equally good models: its figures, their units, its tables."""

from collections.abc import Callable
from typing import Any

import duckdb

from manymasks.report.drawing import query, records
from manymasks.report.known_section import units
from manymasks.report.sets import FIGURES


def sets_section(
    connection: duckdb.DuckDBPyConnection, picture: Callable[[tuple[str, str]], dict[str, str]]
) -> dict[str, Any]:
    """What the page shows of sets beyond how many members they have.

    Returns `figures`, by the name of their query, as `picture` makes them of (SVG, query), each
    with its `units`; and the tables `yields` and `headroom`, a line a row. All of it is empty where
    no set was looked into.
    """
    figures = {}
    for name, draw in FIGURES.items():
        rows = records(connection, query(name))
        figures[name] = {**picture(draw(connection)), "units": units(rows)}
    yields = records(connection, query("method_yield"))
    headroom = records(connection, query("headroom"))
    # Where all members were trained there is nothing to choose between.
    derived = any(row["method"] != "trained" for row in yields)
    return {
        "figures": figures,
        "yields": yields if derived else [],
        "headroom": headroom,
        "any": any(each["src"] for each in figures.values()) or derived or bool(headroom),
    }
