"""The figures: each draws the answer of one query in report/queries, which it returns beside it.

Same database, same bytes: SVGs carry no date and no random identifiers. Colours are those of
Okabe and Ito (2008), which people with any colour vision can tell apart.
"""

import io
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import duckdb
import matplotlib
import numpy as np
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.colors import to_rgb
from matplotlib.figure import Figure, FigureBase
from matplotlib.ticker import FuncFormatter, MaxNLocator

Row = dict[str, Any]

WIDTH = 8.6
"""Inches of a figure that takes the whole width of the page."""
_QUERIES = Path(__file__).parent / "queries"
_COLOURS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9")
_MARKERS = "osD^vP"
_INK, _MUTED, _GRID = "#24292f", "#6b7280", "#e5e7eb"
_STYLE: Any = {
    "font.family": "DejaVu Sans",
    "font.size": 8.5,
    "axes.titlesize": 9,
    "axes.titlelocation": "left",
    "axes.titlecolor": _INK,
    "axes.labelcolor": _INK,
    "axes.edgecolor": "#9ca3af",
    "axes.linewidth": 0.8,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.grid": True,
    "axes.axisbelow": True,
    "grid.color": _GRID,
    "grid.linewidth": 0.8,
    "xtick.color": _MUTED,
    "ytick.color": _MUTED,
    "text.color": _INK,
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


def loss_curves(connection: duckdb.DuckDBPyConnection) -> tuple[str, str]:
    """Loss while training, a panel a size; (SVG, query), the SVG empty where there is no data."""
    return _figure(connection, "loss_curves", _draw_loss, lambda rows: (WIDTH, 3.0))


def heatmap(connection: duckdb.DuckDBPyConnection) -> tuple[str, str]:
    """KL between all pairs of models on held-out text; (SVG, query) as above."""
    return _figure(
        connection,
        "heatmap",
        _draw_heatmap,
        lambda rows: (6.3, 5.0) if _one(rows, "corpus") else (WIDTH, 3.6),
    )


def severity_curve(connection: duckdb.DuckDBPyConnection) -> tuple[str, str]:
    """KL between seeds of a class by severity of a probe; (SVG, query) as above."""
    return _figure(connection, "severity", _draw_severity, lambda rows: (WIDTH, 3.6))


def myopia_gap(connection: duckdb.DuckDBPyConnection) -> tuple[str, str]:
    """The myopia gap by position, the total beside it; (SVG, query) as above."""
    return _figure(connection, "gap", _draw_gap, lambda rows: (WIDTH, 3.4))


def save_png(database: Path, path: Path, *, dpi: int = 170) -> None:
    """One picture of all figures for which the database has data."""
    with duckdb.connect(str(database), read_only=True) as connection:
        parts = [
            (title, draw, rows)
            for title, name, draw in (
                ("Loss while training", "loss_curves", _draw_loss),
                ("How differently any two models predict held-out text", "heatmap", _draw_heatmap),
                ("The same, between seeds, away from text", "severity", _draw_severity),
                ("What myopia costs, by position", "gap", _draw_gap),
            )
            if (rows := records(connection, query(name)))
        ]
    with matplotlib.rc_context(_STYLE):
        lines = -(-len(parts) // 2) or 1
        figure = Figure(figsize=(11.5, 4.1 * lines), layout="constrained", facecolor="white")
        cells: Any = figure.subfigures(lines, 2, wspace=0.03, hspace=0.04, squeeze=False)
        for cell, (title, draw, rows) in zip(cells.flat, parts, strict=False):
            cell.suptitle(title, x=0.02, ha="left")
            draw(cell, rows)
        FigureCanvasAgg(figure)
        figure.savefig(path, dpi=dpi, format="png", metadata={"Software": None})


def _figure(
    connection: duckdb.DuckDBPyConnection,
    name: str,
    draw: Callable[[FigureBase, list[Row]], None],
    inches: Callable[[list[Row]], tuple[float, float]],
) -> tuple[str, str]:
    sql = query(name)
    rows = records(connection, sql)
    if not rows:
        return "", sql
    with matplotlib.rc_context({**_STYLE, "svg.hashsalt": f"manymasks-{name}"}):
        figure = Figure(figsize=inches(rows), layout="constrained", facecolor="white")
        draw(figure, rows)
        text = io.StringIO()
        figure.savefig(text, format="svg", metadata={"Date": None, "Creator": "manymasks"})
    return text.getvalue(), sql


def _draw_loss(figure: FigureBase, rows: list[Row]) -> None:
    panels = _grouped(rows, "corpus", "size")
    variants = _ordered(rows, "variant")
    shared = _one(rows, "corpus")
    axes = _axes(figure, len(panels), sharey=shared)
    last = max(row["step"] for row in rows)
    for axis, ((corpus, size), panel) in zip(axes, panels, strict=True):
        for (variant, split), line in _grouped(panel, "variant", "split"):
            x, y, low, high = _columns(line, "step", "nats", "low", "high")
            colour = _colour(variant, variants)
            if split == "select":
                axis.fill_between(x, low, high, color=colour, alpha=0.22, linewidth=0)
                axis.plot(x, y, color=colour, label=variant)
            else:
                axis.plot(x, y, color=colour, linewidth=0.9, linestyle=(0, (1, 1.5)))
        axis.set_title(f"{_prefix(rows, 'corpus', corpus)}{size}")
        axis.set_xlabel("step")
        axis.set_xlim(0, last)
        axis.xaxis.set_major_locator(MaxNLocator(4, integer=True))
        # The steep beginning is cut off above, so that the seeds can be told apart at the end.
        shown = rows if shared else panel
        late = _finite([row for row in shown if row["step"] >= last / 6], "low", "high")
        if late.size and np.ptp(late):
            margin = 0.05 * np.ptp(late)
            axis.set_ylim(late.min() - margin, late.max() + margin)
    axes[0].set_ylabel("loss, nats per token")
    handles, labels = axes[0].get_legend_handles_labels()
    dotted = matplotlib.lines.Line2D([], [], color=_MUTED, linewidth=0.9, linestyle=(0, (1, 1.5)))
    axes[-1].legend([*handles, dotted], [*labels, "on train text"], loc="upper right")


def _draw_heatmap(figure: FigureBase, rows: list[Row]) -> None:
    panels = _grouped(rows, "corpus")
    axes = _axes(figure, len(panels))
    for axis, ((corpus,), panel) in zip(axes, panels, strict=True):
        classes = {row["place_a"]: row["class_a"] for row in panel}
        classes |= {row["place_b"]: row["class_b"] for row in panel}
        order = {place: i for i, place in enumerate(sorted(classes))}
        kl = np.full((len(order), len(order)), np.nan)
        for row in panel:
            i, j = order[row["place_a"]], order[row["place_b"]]
            kl[i, j] = kl[j, i] = row["kl"]
        axis.set_facecolor("#f3f4f6")
        image = axis.imshow(
            kl, cmap="YlGnBu", vmin=0, vmax=float(_finite(panel, "kl").max(initial=1e-12))
        )
        axis.grid(False)
        axis.spines[:].set_visible(False)
        names = [classes[place] for place in order]
        starts = [i for i, name in enumerate(names) if i == 0 or name != names[i - 1]]
        ends = [*starts[1:], len(names)]
        for edge in starts[1:]:
            axis.axhline(edge - 0.5, color="white", linewidth=2.2)
            axis.axvline(edge - 0.5, color="white", linewidth=2.2)
        middles = [(start + end - 1) / 2 for start, end in zip(starts, ends, strict=True)]
        labels = [names[start].replace(" ", "\n", 1) for start in starts]
        axis.set_xticks(middles, labels)
        axis.set_yticks(middles, labels)
        axis.tick_params(length=0, colors=_INK)
        if len(panels) > 1:
            axis.set_title(corpus)
        bar = figure.colorbar(image, ax=axis, shrink=0.85, pad=0.03)
        bar.outline.set_visible(False)
        bar.set_label("mean KL, nats per token")


def _draw_severity(figure: FigureBase, rows: list[Row]) -> None:
    panels = _grouped(rows, "corpus", "probe")
    variants, sizes = _ordered(rows, "variant"), _sizes(rows)
    axes = _axes(figure, len(panels))
    for axis, ((corpus, probe), panel) in zip(axes, panels, strict=True):
        lines = _grouped(panel, "size", "variant")
        for place, ((size, variant), line) in enumerate(lines):
            x, y, low, high = _columns(line, "severity", "kl", "low", "high")
            colour = _tint(_colour(variant, variants), size, sizes)
            # Side by side, or the intervals hide each other.
            x = x + 0.07 * (place - (len(lines) - 1) / 2)
            axis.fill_between(x, low, high, color=colour, alpha=0.08, linewidth=0)
            axis.vlines(x, low, high, color=colour, linewidth=1)
            marker = _MARKERS[sizes.index(size) % len(_MARKERS)]
            axis.plot(x, y, color=colour, marker=marker, markersize=4, label=f"{size} {variant}")
        values = _finite(panel, "low", "kl", "high")
        values = values[values > 0]
        floors = _finite(panel, "floor")
        if values.size and values.max() > 8 * values.min():
            axis.set_yscale("log")
            axis.yaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))
        else:
            axis.set_ylim(bottom=0)
        if floors.size:
            _mark_floor(axis, float(floors.max()))
        changed = {row["severity"]: row["changed"] for row in panel}
        axis.set_xticks(
            list(changed),
            [
                f"{severity}" if share is None else f"{severity}\n{100 * share:.0f}%"
                for severity, share in changed.items()
            ],
        )
        axis.grid(axis="x", visible=False)
        axis.set_xlabel(f"severity of {probe}, and share of context tokens changed")
        if corpus_title := _prefix(rows, "corpus", corpus):
            axis.set_title(corpus_title)
        axis.legend(loc="best")
    axes[0].set_ylabel("mean KL between seeds, nats per token")


def _mark_floor(axis: Axes, floor: float) -> None:
    """A line at the noise floor, or a note where it lies below the picture."""
    bottom, top = axis.get_ylim()
    if floor > bottom + 0.02 * (top - bottom):
        axis.axhline(floor, color=_MUTED, linestyle="--", linewidth=1)
        axis.annotate(
            "noise floor", (0.99, floor), xycoords=axis.get_yaxis_transform(),
            ha="right", va="bottom", color=_MUTED, fontsize=7.5,
        )  # fmt: skip
        return
    if axis.get_yscale() == "linear":
        axis.axhline(floor, color=_MUTED, linestyle="--", linewidth=1, clip_on=False)
    note = f"noise floor {floor:.0e}" if floor else "noise floor 0: equal bits"
    axis.annotate(
        note, (0.99, 0.02), xycoords="axes fraction",
        ha="right", va="bottom", color=_MUTED, fontsize=7.5,
    )  # fmt: skip


def _draw_gap(figure: FigureBase, rows: list[Row]) -> None:
    panels = _grouped(rows, "corpus", "baseline", "variant")
    variants, sizes = _ordered(rows, "variant"), _sizes(rows)
    axes = _axes(figure, len(panels), sharey=True)
    for axis, ((corpus, baseline, variant), panel) in zip(axes, panels, strict=True):
        starts = sorted({row["position_low"] for row in panel if not row["is_total"]})
        spans = {row["position_low"]: row["position_high"] for row in panel if not row["is_total"]}
        total = len(starts) + 0.6
        axis.axhline(0, color=_INK, linewidth=0.9)
        if starts:
            axis.axvline(len(starts) - 0.2, color=_GRID, linewidth=0.8)
        lines = _grouped(panel, "size")
        for place, ((size,), line) in enumerate(lines):
            shift = 0.16 * (place - (len(lines) - 1) / 2)
            colour = _tint(_colour(variant, ["causal", *variants]), size, sizes)
            marker = _MARKERS[sizes.index(size) % len(_MARKERS)]
            for is_total in (False, True):
                points = [row for row in line if bool(row["is_total"]) == is_total]
                if not points:
                    continue
                y, low, high = _columns(points, "gap", "low", "high")
                at = [total if is_total else starts.index(row["position_low"]) for row in points]
                x = np.array(at, dtype=float) + shift
                axis.vlines(x, low, high, color=colour, linewidth=1.3)
                style = {"linestyle": "none"} if is_total else {"linewidth": 1, "label": size}
                axis.plot(x, y, color=colour, marker=marker, markersize=4.5, **style)
        labels = [f"{a}" if a == spans[a] else f"{a}–{spans[a]}" for a in starts]  # noqa: RUF001
        axis.set_xticks([*range(len(starts)), total], [*labels, "all"])
        axis.grid(axis="x", visible=False)
        axis.set_xlabel("position in the window")
        axis.set_title(f"{_prefix(rows, 'corpus', corpus)}{variant} less {baseline}")
        axis.legend(loc="upper left", title=None)
    axes[0].set_ylabel("loss difference, nats per token")


def _axes(figure: FigureBase, count: int, *, sharey: bool = False) -> list[Axes]:
    """A row of panels, or several rows of at most three."""
    across = min(count, 3)
    down = -(-count // across)
    grid = np.ravel(figure.subplots(down, across, sharey=sharey, squeeze=False))
    for unused in grid[count:]:
        unused.remove()
    return list(grid[:count])


def _grouped(rows: list[Row], *names: str) -> list[tuple[tuple[Any, ...], list[Row]]]:
    """Rows by the values of some columns, in the order in which the values first come."""
    groups: dict[tuple[Any, ...], list[Row]] = {}
    for row in rows:
        groups.setdefault(tuple(row[name] for name in names), []).append(row)
    return list(groups.items())


def _columns(rows: list[Row], *names: str) -> Iterator[Any]:
    for name in names:
        yield np.array([np.nan if row[name] is None else row[name] for row in rows], dtype=float)


def _finite(rows: list[Row], *names: str) -> Any:
    """The finite values of some columns, in one array."""
    values = np.concatenate([np.empty(0), *_columns(rows, *names)])
    return values[np.isfinite(values)]


def _ordered(rows: list[Row], name: str) -> list[str]:
    """Distinct values, `causal` first: a variant has one colour in all figures."""
    return sorted({row[name] for row in rows}, key=lambda value: (value != "causal", value))


def _sizes(rows: list[Row]) -> list[str]:
    """Sizes, the smallest model first."""
    weights = {row["size"]: row["parameters"] or 0 for row in rows}
    return sorted(weights, key=lambda size: (weights[size], size))


def _one(rows: list[Row], name: str) -> bool:
    return len({row[name] for row in rows}) == 1


def _prefix(rows: list[Row], name: str, value: str) -> str:
    """The value as the beginning of a title, where there is more than one to tell apart."""
    return "" if _one(rows, name) else f"{value}, "


def _colour(variant: str, variants: list[str]) -> str:
    distinct = list(dict.fromkeys(variants))
    return _COLOURS[distinct.index(variant) % len(_COLOURS)]


def _tint(colour: str, size: str, sizes: list[str]) -> tuple[float, float, float]:
    """Smaller models are drawn lighter."""
    share = 0.5 * (1 - sizes.index(size) / max(len(sizes) - 1, 1)) if len(sizes) > 1 else 0.0
    r, g, b = (channel + (1 - channel) * share for channel in to_rgb(colour))
    return r, g, b
