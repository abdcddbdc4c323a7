"""What figures share: rows by class and panel, grids of panels, axes, legends and sizes."""

from collections.abc import Iterable, Iterator
from typing import Any, NamedTuple

import numpy as np
from matplotlib.axes import Axes
from matplotlib.colors import to_rgb
from matplotlib.lines import Line2D

from manymasks.report.drawing import WIDTH, Canvas, Inches, Row
from manymasks.report.style import COLOURS, EMPTY, MARKERS, MUTED, VARIANT_ORDER


class ClassLine(NamedTuple):
    """Rows of one class in a panel, with the style that the class has in the whole figure."""

    size: str
    variant: str
    label: str
    colour: Any
    marker: str
    rows: list[Row]

    @property
    def style(self) -> dict[str, Any]:
        """Colour, marker and label, as `plot` takes them."""
        return {"color": self.colour, "marker": self.marker, "label": self.label}


def class_lines(panel: list[Row], rows: list[Row], *names: str) -> list[ClassLine]:
    """A line for each class of a panel, in their order, and each value of further columns. `rows`
    are those of the whole figure, by which classes get their colours and labels."""
    variants, sizes = ordered(rows, "variant"), sizes_by_weights(rows)
    return [
        ClassLine(
            size,
            variant,
            class_label(size, variant, sizes),
            class_colour(size, variant, sizes, variants),
            marker_at(sizes.index(size)),
            line,
        )
        for (size, variant, *_), line in grouped(panel, "size", "variant", *names)
    ]


def stacked(base: float, height: float, *names: str, across: int = 1) -> Inches:
    """Page-wide panels, one for each value of `names`: so many inches, and more for each line."""
    return lambda rows: (WIDTH, base + height * -(-len(grouped(rows, *names)) // across))


def one_row(height: float, *, single: float = WIDTH) -> Inches:
    """One line of panels, `single` inches wide where there is a single corpus."""
    return lambda rows: (single if only_one(rows, "corpus") else WIDTH, height)


def columns_across(panels: int, most: int = 3) -> int:
    """Panels in a line, chosen so that four panels are not three and one."""
    return 2 if panels in (2, 4) else most if panels > 4 else 3


def panel_grid(figure: Canvas, count: int, *, across: int = 3, sharey: bool = False) -> list[Axes]:
    """Panels in lines of at most `across`."""
    across = min(count, across)
    down = -(-count // across)
    grid = np.ravel(figure.subplots(down, across, sharey=sharey, squeeze=False))
    for unused in grid[count:]:
        unused.remove()
    return list(grid[:count])


def panels_by(
    figure: Canvas, rows: list[Row], *names: str, across: int = 3, sharey: bool = False
) -> Iterator[tuple[Axes, tuple[Any, ...], list[Row]]]:
    """A panel for each value of some columns: its axes, these values and its rows."""
    panels = grouped(rows, *names)
    axes = panel_grid(figure, len(panels), across=across, sharey=sharey)
    for axis, (values, panel) in zip(axes, panels, strict=True):
        yield axis, values, panel


def grouped(rows: list[Row], *names: str) -> list[tuple[tuple[Any, ...], list[Row]]]:
    """Rows by the values of some columns, in the order in which the values first come."""
    groups: dict[tuple[Any, ...], list[Row]] = {}
    for row in rows:
        groups.setdefault(tuple(row[name] for name in names), []).append(row)
    return list(groups.items())


def columns(rows: list[Row], *names: str) -> Iterator[Any]:
    """An array for each column, NaN for NULL."""
    for name in names:
        yield np.array([np.nan if row[name] is None else row[name] for row in rows], dtype=float)


def finite(rows: list[Row], *names: str) -> Any:
    """The finite values of some columns, in one array."""
    values = np.concatenate([np.empty(0), *columns(rows, *names)])
    return values[np.isfinite(values)]


def in_order(values: Iterable[str]) -> list[str]:
    """Distinct variants, those of `VARIANT_ORDER` first."""
    return sorted(set(values), key=lambda value: (value not in VARIANT_ORDER, value))


def ordered(rows: list[Row], name: str) -> list[str]:
    """The distinct variants in a column, in order."""
    return in_order(row[name] for row in rows)


def sizes_by_weights(rows: list[Row]) -> list[str]:
    """Sizes, the smallest model first."""
    weights = {row["size"]: row["parameters"] or 0 for row in rows}
    return sorted(weights, key=lambda size: (weights[size], size))


def only_one(rows: list[Row], name: str) -> bool:
    """Whether a column has one value only."""
    return len({row[name] for row in rows}) == 1


def panel_title(rows: list[Row], corpus: str, *parts: str) -> str:
    """Parts of a title joined by commas, after the corpus where the figure has several."""
    return ", ".join([*([] if only_one(rows, "corpus") else [corpus]), *parts])


def context_label(row: Row) -> str:
    """The context that a row was measured on."""
    return "held-out text" if row["is_text"] else f"{row['probe']}, severity {row['severity']}"


def colour_at(value: str, values: list[str]) -> str:
    """The colour of a value, such as a variant, by its index among those of the figure."""
    distinct = list(dict.fromkeys(values))
    return COLOURS[distinct.index(value) % len(COLOURS)]


def marker_at(index: int) -> str:
    """A marker by index."""
    return MARKERS[index % len(MARKERS)]


def tint(colour: str, size: str, sizes: list[str]) -> tuple[float, float, float]:
    """A colour, lighter for smaller models."""
    share = 0.5 * (1 - sizes.index(size) / max(len(sizes) - 1, 1)) if len(sizes) > 1 else 0.0
    r, g, b = (channel + (1 - channel) * share for channel in to_rgb(colour))
    return r, g, b


def class_colour(size: str, variant: str, sizes: list[str], variants: list[str]) -> Any:
    """The colour of the variant, lighter for smaller models."""
    return tint(colour_at(variant, variants), size, sizes)


def class_label(size: str, variant: str, sizes: list[str]) -> str:
    """A class in a legend: with its size only where there are several."""
    return variant if len(sizes) == 1 else f"{size} {variant}"


def centred(index: int, count: int) -> float:
    """Offset of a line among several drawn side by side, so that intervals do not overlap."""
    return index - (count - 1) / 2


def label_left(figure: Canvas, text: str) -> None:
    """The label of the y axis, at the panels on the left."""
    for axis in figure.axes:
        spec = axis.get_subplotspec()
        if spec is not None and spec.is_first_col():
            axis.set_ylabel(text)


def size_axis(axis: Axes, panel: list[Row]) -> None:
    """A logarithmic axis of weights, with the names of the sizes."""
    names = {row["parameters"]: row["size"] for row in panel if row["parameters"]}
    axis.set_xscale("log")
    axis.set_xticks(list(names), [f"{size}\n{weights:,}" for weights, size in names.items()])
    axis.set_xticks([], minor=True)
    axis.grid(axis="x", visible=False)
    axis.set_xlabel("size, weights")


def heat_panel(figure: Canvas, axis: Axes, kl: Any, bar: dict[str, Any], **image: Any) -> None:
    """A matrix of KL divergences as an image with a colour bar."""
    axis.set_facecolor(EMPTY)
    most = float(kl[np.isfinite(kl)].max(initial=1e-12))
    drawn = axis.imshow(kl, cmap="YlGnBu", vmin=0, vmax=most, **image)
    axis.grid(False)
    axis.spines[:].set_visible(False)
    scale = figure.colorbar(drawn, ax=axis, pad=0.03, **bar)
    scale.outline.set_visible(False)
    scale.set_label("mean KL, nats per token")


def mark_noise_floor(axis: Axes, floor: float, *, above: bool = False) -> None:
    """A line at the noise floor, or a note where it lies below the axis: inside or above it."""
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


def clipped_bars(
    axis: Axes, x: Any, low: Any, high: Any, colour: Any, limits: tuple[float, float]
) -> None:
    """Intervals as bars, cut at the limits of the axis, where arrows mark the cut ends."""
    bottom, top = limits
    axis.vlines(x, np.maximum(low, bottom), np.minimum(high, top), color=colour, linewidth=1.2)
    style: Any = {"linestyle": "none", "color": colour, "markersize": 4, "clip_on": False}
    for beyond, edge, marker in ((high > top, top, "^"), (low < bottom, bottom, "v")):
        if beyond.any():
            axis.plot(x[beyond], np.full(int(beyond.sum()), edge), marker=marker, **style)


def legend_entries(figure: Canvas) -> tuple[list[Any], list[str]]:
    """Handles and labels for one legend of all panels, each label once."""
    handles: dict[str, Any] = {}
    for axis in figure.axes:
        for handle, label in zip(*axis.get_legend_handles_labels(), strict=True):
            handles.setdefault(label, handle)
    return list(handles.values()), list(handles)


def legend_below(figure: Canvas, *more: Line2D, across: int = 5) -> None:
    """One legend of all panels below them, with at most `across` labels in a line."""
    handles, labels = legend_entries(figure)
    handles += more
    labels += [str(line.get_label()) for line in more]
    figure.legend(handles, labels, loc="outside lower center", ncols=min(len(labels), across))
