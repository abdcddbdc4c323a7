"""A figure of the page and how it is drawn: its query, its text and its SVG.

Equal databases give equal bytes: an SVG carries neither a date nor a random identifier.
"""

import io
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import duckdb
from matplotlib.backends.backend_svg import FigureCanvasSVG
from matplotlib.figure import Figure as Sheet
from matplotlib.figure import SubFigure
from matplotlib.transforms import Bbox

from manymasks.report.style import styled

Row = dict[str, Any]
Canvas = Sheet | SubFigure
"""What a figure is drawn on: a sheet, or its part of a picture."""
Draw = Callable[[Canvas, list[Row]], None]
Inches = Callable[[list[Row]], tuple[float, float]]
Text = str | Callable[[list[Row]], str]

WIDTH = 8.6
"""Inches of a figure as wide as the page."""
QUERIES = Path(__file__).parent / "queries"


@dataclass(frozen=True)
class Figure:
    """A figure of the page: a query, the function that draws its answer, and the text beside it.
    Caption and note are HTML, or functions of the rows that return it; `{confidence}` in them
    stands for the study's, such as 95%."""

    query: str
    """Of report/queries/<query>.sql; also the name of the figure."""
    draw: Draw
    inches: Inches
    """Width and height for the rows to draw."""
    alt: str
    """What a screen reader says."""
    caption: Text
    title: str = ""
    """Heading above the figure; empty where it belongs under the one before."""
    note: Text = ""
    """What the figure does and does not show; stands below it."""


def query(name: str) -> str:
    """The text of report/queries/<name>.sql."""
    return (QUERIES / f"{name}.sql").read_text(encoding="utf-8")


def records(connection: duckdb.DuckDBPyConnection, sql: str) -> list[Row]:
    """The rows that a query returns, as dictionaries."""
    answer = connection.execute(sql)
    names = [column[0] for column in answer.description or ()]
    return [dict(zip(names, row, strict=True)) for row in answer.fetchall()]


def draw(figure: Figure, rows: list[Row]) -> str:
    """A figure of some rows, at least one, as SVG."""
    with styled({"svg.hashsalt": f"manymasks-{figure.query}"}):
        # 72 dots per inch as in SVG: text is as wide in the layout as in the picture.
        size = figure.inches(rows)
        sheet = Sheet(figsize=size, dpi=72, layout="constrained", facecolor="white")
        figure.draw(sheet, rows)
        _fix_layout(sheet)
        text = io.StringIO()
        # `savefig` would lay out the whole figure once more.
        canvas: Any = FigureCanvasSVG(sheet)
        canvas.print_svg(text, metadata={"Date": None, "Creator": "manymasks"})
    return text.getvalue()


def _fix_layout(sheet: Sheet) -> None:
    """Lay out once and round positions: the last bits of a layout differ from run to run."""
    engine = sheet.get_layout_engine()
    if engine is not None:
        engine.execute(sheet)
    sheet.set_layout_engine("none")
    for axis in sheet.axes:
        axis.set_position(Bbox(axis.get_position(original=True).get_points().round(6)))
