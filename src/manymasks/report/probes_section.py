"""The section of the page on probes: figures, their units, and the tables beside them."""

from collections.abc import Callable
from typing import Any

import duckdb

from manymasks.report.drawing import query, records
from manymasks.report.known_section import units
from manymasks.report.probes import FIGURES


def probes_section(
    connection: duckdb.DuckDBPyConnection, picture: Callable[[tuple[str, str]], dict[str, str]]
) -> dict[str, Any]:
    """What the page shows of behaviour on probes.

    Returns `figures`, by the name of their query, as `picture` makes them of (SVG, query), each
    with its `units`; and the tables `trends` and `contested`, a line a row. All of it is empty
    where nothing of it was measured.
    """
    figures = {
        name: {**picture(draw(connection)), "units": units(records(connection, query(name)))}
        for name, draw in FIGURES.items()
    }
    tables = {name: records(connection, query(name)) for name in ("trends", "contested")}
    return {
        "figures": figures,
        **tables,
        "any": any(each["src"] for each in figures.values()) or any(tables.values()),
    }
