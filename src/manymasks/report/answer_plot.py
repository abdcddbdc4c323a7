"""The answer of a query as a picture: a point for each row, with its interval."""

import io
from collections.abc import Sequence
from typing import Any, Literal, NamedTuple

from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.backends.backend_pdf import FigureCanvasPdf
from matplotlib.backends.backend_svg import FigureCanvasSVG
from matplotlib.figure import Figure as Sheet

from manymasks.report.style import COLOURS, styled

Form = Literal["svg", "png", "pdf"]
MOST_ROWS = 60
MOST_PANELS = 3


class Estimate(NamedTuple):
    """A column of numbers, and the columns of its interval where it has one."""

    value: int
    low: int | None = None
    high: int | None = None


def estimates(columns: Sequence[str], rows: Sequence[Sequence[Any]]) -> list[Estimate]:
    """What to draw of an answer: numbers with an interval (`low` and `high` after a number, or
    `gain_low` and `gain_high` beside `gain`), else the first column of numbers with decimals, else
    the last of whole numbers. At most three; none if the answer has no numbers."""
    at = {name: index for index, name in enumerate(columns)}
    intervals = []
    for name, low in at.items():
        stem, _, end = name.rpartition("low")
        if name != f"{stem}low" or end or f"{stem}high" not in at:
            continue
        value = at.get(stem.removesuffix("_"), low - 1) if stem else low - 1
        if value >= 0 and _is_number(rows, value):
            intervals.append(Estimate(value, low, at[f"{stem}high"]))
    if intervals:
        return intervals[:MOST_PANELS]
    numbers = [index for index in range(len(columns)) if _is_number(rows, index)]
    decimal = [index for index in numbers if any(isinstance(row[index], float) for row in rows)]
    return [Estimate(index) for index in (decimal[:1] or numbers[-1:])]


def draw_answer(
    title: str, columns: Sequence[str], rows: Sequence[Sequence[Any]], form: Form
) -> bytes:
    """An answer as a file of this form, the same bytes for the same answer. Rows are named by the
    columns of text and whole numbers before the first estimate, those left out that never change.
    Raises ValueError if there is no row or no number."""
    drawn = estimates(columns, rows)
    if not drawn:
        raise ValueError("the answer has no numbers" if rows else "the answer has no rows")
    shown = rows[:MOST_ROWS]
    if len(rows) > len(shown):
        title = f"{title} ({len(shown)} of {len(rows)} rows)"
    first = min(estimate.value for estimate in drawn)
    named = [
        index
        for index in range(first)
        if not any(isinstance(row[index], float) for row in rows)
        and len({str(row[index]) for row in shown}) > 1
    ]
    names = ["  ".join(str(row[index]) for index in named) or "–" for row in shown]  # noqa: RUF001
    groups = list(dict.fromkeys(str(row[named[0]]) if named else "" for row in shown))
    with styled({"svg.hashsalt": "manymasks-answer"}):
        size = (4.5 + 3 * len(drawn), 1.1 + 0.2 * len(shown))
        sheet = Sheet(figsize=size, dpi=150, layout="constrained", facecolor="white")
        sheet.suptitle(title, x=0.01, ha="left")
        axes = sheet.subplots(1, len(drawn), sharey=True, squeeze=False)[0]
        for axis, estimate in zip(axes, drawn, strict=True):
            for height, row in enumerate(shown):
                colour = COLOURS[groups.index(str(row[named[0]]) if named else "") % len(COLOURS)]
                if row[estimate.value] is None:
                    continue
                if estimate.low is not None and estimate.high is not None:
                    ends = (row[estimate.low], row[estimate.high])
                    if None not in ends:
                        axis.plot(ends, (height, height), color=colour, linewidth=1.2)
                axis.plot(row[estimate.value], height, "o", color=colour, markersize=4)
            axis.set_xlabel(columns[estimate.value].replace("_", " "))
            axis.set_ylim(len(shown) - 0.5, -0.5)
        axes[0].set_yticks(range(len(shown)), names)
        out = io.BytesIO()
        _print(sheet, form, out)
    return out.getvalue()


def _print(sheet: Sheet, form: Form, out: io.BytesIO) -> None:
    """Write without the date, so that equal answers are equal bytes."""
    if form == "svg":
        svg: Any = FigureCanvasSVG(sheet)
        svg.print_svg(out, metadata={"Date": None, "Creator": "manymasks"})
    elif form == "pdf":
        pdf: Any = FigureCanvasPdf(sheet)
        pdf.print_pdf(out, metadata={"CreationDate": None, "Creator": "manymasks"})
    else:
        png: Any = FigureCanvasAgg(sheet)
        png.print_png(out, metadata={"Software": None})


def _is_number(rows: Sequence[Sequence[Any]], index: int) -> bool:
    """Whether a column has numbers, and nothing but numbers and NULL."""
    values = [row[index] for row in rows if row[index] is not None]
    return bool(values) and all(
        isinstance(value, int | float) and not isinstance(value, bool) for value in values
    )
