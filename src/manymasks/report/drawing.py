"""What figures share: the queries they draw, their style, colours and panels.

Same database, same bytes: SVGs carry no date and no random identifiers. Colours are those of
Okabe and Ito (2008), which people with any colour vision can tell apart.
"""

import io
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

import duckdb
import matplotlib
import numpy as np
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.backends.backend_svg import FigureCanvasSVG
from matplotlib.colors import to_rgb
from matplotlib.figure import Figure as Sheet
from matplotlib.figure import FigureBase
from matplotlib.lines import Line2D
from matplotlib.transforms import Bbox

Row = dict[str, Any]
Draw = Callable[[FigureBase, list[Row]], None]
Inches = Callable[[list[Row]], tuple[float, float]]
Part = tuple[str, str, Draw]
"""Of a picture of several parts: the title, the query and what draws its answer."""

WIDTH = 8.6
"""Inches of a figure that takes the whole width of the page."""
_QUERIES = Path(__file__).parent / "queries"
COLOURS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9", "#000000")
MARKERS = "osD^vPX"
INK, MUTED, GRID = "#24292f", "#6b7280", "#e5e7eb"
STYLE: Any = {
    "font.family": "DejaVu Sans",
    "font.size": 8.5,
    "axes.titlesize": 9,
    "axes.titlelocation": "left",
    "axes.titlecolor": INK,
    "axes.labelcolor": INK,
    "axes.edgecolor": "#9ca3af",
    "axes.linewidth": 0.8,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.grid": True,
    "axes.axisbelow": True,
    "grid.color": GRID,
    "grid.linewidth": 0.8,
    "xtick.color": MUTED,
    "ytick.color": MUTED,
    "text.color": INK,
    "legend.frameon": False,
    "legend.fontsize": 8,
    "lines.linewidth": 1.6,
    "figure.titlesize": 10.5,
    "figure.titleweight": "bold",
}


def query(name: str) -> str:
    """The text of report/queries/<name>.sql."""
    return (_QUERIES / f"{name}.sql").read_text(encoding="utf-8")


def records(connection: duckdb.DuckDBPyConnection, sql: str) -> list[Row]:
    """What a query returns, a dictionary a row."""
    answer = connection.execute(sql)
    names = [column[0] for column in answer.description or ()]
    return [dict(zip(names, row, strict=True)) for row in answer.fetchall()]


@dataclass(frozen=True)
class Figure:
    """A figure of the page: it draws the answer of a query, by whose name it goes."""

    query: str
    """Of report/queries/<query>.sql."""
    draw: Draw
    inches: Inches
    """Width and height for what there is to draw."""


class Picture(NamedTuple):
    """A figure once drawn: as SVG, empty where the query has no answer, beside query and answer."""

    svg: str
    sql: str
    rows: list[Row]


def drawn(connection: duckdb.DuckDBPyConnection, figure: Figure) -> Picture:
    """Ask the query of a figure and draw what it answers."""
    sql = query(figure.query)
    rows = records(connection, sql)
    if not rows:
        return Picture("", sql, rows)
    with matplotlib.rc_context({**STYLE, "svg.hashsalt": f"manymasks-{figure.query}"}):
        # 72 dots an inch are those of an SVG: text is as wide in the layout as in the picture.
        size = figure.inches(rows)
        sheet = Sheet(figsize=size, dpi=72, layout="constrained", facecolor="white")
        figure.draw(sheet, rows)
        _settle(sheet)
        text = io.StringIO()
        # `savefig` would go through the whole figure once more before it draws it.
        canvas: Any = FigureCanvasSVG(sheet)
        canvas.print_svg(text, metadata={"Date": None, "Creator": "manymasks"})
    return Picture(text.getvalue(), sql, rows)


def _settle(sheet: Sheet) -> None:
    """Lay out once and round the places: the last bits of a layout differ from run to run."""
    engine = sheet.get_layout_engine()
    if engine is not None:
        engine.execute(sheet)
    sheet.set_layout_engine("none")
    for axis in sheet.axes:
        axis.set_position(Bbox(axis.get_position(original=True).get_points().round(6)))


def save_picture(
    database: Path,
    path: Path,
    parts: Sequence[Part],
    inches: tuple[float, float],
    *,
    is_needed: bool = False,
    dpi: int = 170,
) -> bool:
    """Write a PNG of the first four parts that the database has data for, two in a line.

    `inches` is the width and height of one part. Returns whether there is such data; where there
    is none, a file is written only if it `is_needed`.
    """
    with duckdb.connect(str(database), read_only=True) as connection:
        asked = ((title, draw, records(connection, query(name))) for title, name, draw in parts)
        shown = [part for part in asked if part[-1]][:4]
    if not shown and not is_needed:
        return False
    across, lines = min(len(shown), 2) or 1, -(-len(shown) // 2) or 1
    with matplotlib.rc_context(STYLE):
        size = (inches[0] * across, inches[1] * lines)
        sheet = Sheet(figsize=size, dpi=dpi, layout="constrained", facecolor="white")
        cells: Any = sheet.subfigures(lines, across, wspace=0.03, hspace=0.05, squeeze=False)
        for cell, (title, draw, rows) in zip(cells.flat, shown, strict=False):
            cell.suptitle(title, x=0.02, ha="left")
            draw(cell, rows)
        canvas: Any = FigureCanvasAgg(sheet)
        canvas.print_png(path, metadata={"Software": None})
    return bool(shown)


def of_first_corpus(draw: Draw) -> Draw:
    """The same of the first corpus alone."""
    return lambda figure, rows: draw(figure, grouped(rows, "corpus")[0][1])


def tall(above: float, line: float, *names: str, across: int = 1) -> Inches:
    """As wide as the page, with lines of so many panels, a panel for each value of `names`."""
    return lambda rows: (WIDTH, above + line * -(-len(grouped(rows, *names)) // across))


def wide(height: float, *, alone: float = WIDTH) -> Inches:
    """One line of panels, narrower where it is of one corpus `alone`."""
    return lambda rows: (alone if only_one(rows, "corpus") else WIDTH, height)


def across_of(panels: int, most: int = 3) -> int:
    """Panels in a row, so that no row is left with a single one of four."""
    return 2 if panels in (2, 4) else most if panels > 4 else 3


def panels_of(
    figure: FigureBase, count: int, *, across: int = 3, sharey: bool = False
) -> list[Axes]:
    """A row of panels, or several rows of at most so many."""
    across = min(count, across)
    down = -(-count // across)
    grid = np.ravel(figure.subplots(down, across, sharey=sharey, squeeze=False))
    for unused in grid[count:]:
        unused.remove()
    return list(grid[:count])


def grouped(rows: list[Row], *names: str) -> list[tuple[tuple[Any, ...], list[Row]]]:
    """Rows by the values of some columns, in the order in which the values first come."""
    groups: dict[tuple[Any, ...], list[Row]] = {}
    for row in rows:
        groups.setdefault(tuple(row[name] for name in names), []).append(row)
    return list(groups.items())


def columns(rows: list[Row], *names: str) -> Iterator[Any]:
    """An array for each column, NaN for what is not known."""
    for name in names:
        yield np.array([np.nan if row[name] is None else row[name] for row in rows], dtype=float)


def finite(rows: list[Row], *names: str) -> Any:
    """The finite values of some columns, in one array."""
    values = np.concatenate([np.empty(0), *columns(rows, *names)])
    return values[np.isfinite(values)]


def ordered(rows: list[Row], name: str) -> list[str]:
    """Distinct values, `causal` and `myopic` first: these have one colour in all figures."""
    first = ("causal", "myopic")
    return sorted({row[name] for row in rows}, key=lambda value: (value not in first, value))


def sizes_of(rows: list[Row]) -> list[str]:
    """Sizes, the smallest model first."""
    weights = {row["size"]: row["parameters"] or 0 for row in rows}
    return sorted(weights, key=lambda size: (weights[size], size))


def only_one(rows: list[Row], name: str) -> bool:
    """Whether a column has one value only."""
    return len({row[name] for row in rows}) == 1


def prefix(rows: list[Row], name: str, value: str) -> str:
    """The value as the beginning of a title, where there is more than one to tell apart."""
    return "" if only_one(rows, name) else f"{value}, "


def colour_of(variant: str, variants: list[str]) -> str:
    """The colour of a variant among those of its figure."""
    distinct = list(dict.fromkeys(variants))
    return COLOURS[distinct.index(variant) % len(COLOURS)]


def tint(colour: str, size: str, sizes: list[str]) -> tuple[float, float, float]:
    """Smaller models are drawn lighter."""
    share = 0.5 * (1 - sizes.index(size) / max(len(sizes) - 1, 1)) if len(sizes) > 1 else 0.0
    r, g, b = (channel + (1 - channel) * share for channel in to_rgb(colour))
    return r, g, b


def class_name(size: str, variant: str, sizes: list[str]) -> str:
    """What a class goes by in a legend: its size only where there are several."""
    return variant if len(sizes) == 1 else f"{size} {variant}"


def mark_floor(axis: Axes, floor: float, *, above: bool = False) -> None:
    """A line at the noise floor, or a note where it lies below the picture: within, or above."""
    bottom, top = axis.get_ylim()
    if floor > bottom + 0.02 * (top - bottom):
        axis.axhline(floor, color=MUTED, linestyle="--", linewidth=1)
        axis.annotate(
            "noise floor", (0.99, floor), xycoords=axis.get_yaxis_transform(),
            ha="right", va="bottom", color=MUTED, fontsize=7.5,
        )  # fmt: skip
        return
    if axis.get_yscale() == "linear":
        axis.axhline(floor, color=MUTED, linestyle="--", linewidth=1, clip_on=False)
    note = f"noise floor {floor:.0e}" if floor else "noise floor 0: equal bits"
    axis.annotate(
        note, (0.99, 1.02 if above else 0.02), xycoords="axes fraction",
        ha="right", va="bottom", color=MUTED, fontsize=7.5,
    )  # fmt: skip


def cut_bars(
    axis: Axes, x: Any, low: Any, high: Any, colour: Any, within: tuple[float, float]
) -> None:
    """Intervals as bars; where one goes beyond what is shown, an arrow says so at the edge."""
    bottom, top = within
    axis.vlines(x, np.maximum(low, bottom), np.minimum(high, top), color=colour, linewidth=1.2)
    style: Any = {"linestyle": "none", "color": colour, "markersize": 4, "clip_on": False}
    for beyond, edge, marker in ((high > top, top, "^"), (low < bottom, bottom, "v")):
        if beyond.any():
            axis.plot(x[beyond], np.full(int(beyond.sum()), edge), marker=marker, **style)


def entries(axes: Iterable[Axes]) -> tuple[list[Any], list[str]]:
    """Handles and labels for one legend of all panels, each label once."""
    found: dict[str, Any] = {}
    for axis in axes:
        for handle, label in zip(*axis.get_legend_handles_labels(), strict=True):
            found.setdefault(label, handle)
    return list(found.values()), list(found)


def legend_below(figure: FigureBase, axes: Iterable[Axes], *more: Line2D, across: int = 5) -> None:
    """One legend for all panels under them, with so many labels in a line at most."""
    handles, labels = entries(axes)
    handles += more
    labels += [str(each.get_label()) for each in more]
    figure.legend(handles, labels, loc="outside lower center", ncols=min(len(labels), across))


def place_of(row: Row) -> str:
    """Where a row was measured, in a few words."""
    return "held-out text" if row["is_text"] else f"{row['probe']}, severity {row['severity']}"
