"""Figures of what only text of a known process allows: each draws the answer of one query.

The truth is drawn in black, variants have the colours that they have in the other figures.
"""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import duckdb
import matplotlib
import numpy as np
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure, FigureBase
from matplotlib.ticker import FuncFormatter, MaxNLocator

from manymasks.report import voices
from manymasks.report.drawing import (
    COLOURS,
    GRID,
    INK,
    MARKERS,
    MUTED,
    STYLE,
    WIDTH,
    Row,
    class_name,
    colour_of,
    columns,
    draw_figure,
    entries,
    finite,
    grouped,
    mark_floor,
    only_one,
    ordered,
    panels_of,
    prefix,
    query,
    records,
    sizes_of,
    tint,
)

STATES = "abc"
_OF_STATE = (COLOURS[5], COLOURS[4], COLOURS[2])
"""Colours that no variant has, or only the third."""


def belief_simplices(connection: duckdb.DuckDBPyConnection) -> tuple[str, str]:
    """Beliefs of the truth and as read off members; (SVG, query), empty where there is no data."""

    def inches(rows: list[Row]) -> tuple[float, float]:
        return WIDTH, 0.4 + 1.75 * len(_belief_lines(rows))

    return draw_figure(connection, "belief_simplices", _draw_beliefs, inches)


def sharpening(connection: duckdb.DuckDBPyConnection) -> tuple[str, str]:
    """KL between members by prompt length over what the prompt leaves open; as above."""
    return draw_figure(connection, "sharpening", _draw_sharpening, lambda rows: (WIDTH, 4.2))


def price_ladder(connection: duckdb.DuckDBPyConnection) -> tuple[str, str]:
    """Members and prices of capabilities on one scale; (SVG, query) as above."""

    def inches(rows: list[Row]) -> tuple[float, float]:
        return WIDTH, 0.5 + sum(
            0.62 + 0.22 * len(_rungs(panel)) for _, panel in grouped(rows, "corpus")
        )

    return draw_figure(connection, "price_ladder", _draw_ladder, inches)


def answers_by_pairs(connection: duckdb.DuckDBPyConnection) -> tuple[str, str]:
    """What an answer misses against the number of pairs; (SVG, query) as above."""

    def inches(rows: list[Row]) -> tuple[float, float]:
        return WIDTH, 0.4 + 3.0 * -(-len(grouped(rows, "corpus", "size")) // 3)

    return draw_figure(connection, "answers_by_w", _draw_answers, inches)


NOTHING = 1e-6
"""Nats per token: a price below this is none, and would stretch a logarithmic axis."""

FIGURES: dict[str, Callable[[duckdb.DuckDBPyConnection], tuple[str, str]]] = {
    "answers_by_w": answers_by_pairs,
    "price_ladder": price_ladder,
    "sharpening": sharpening,
    "belief_simplices": belief_simplices,
    "splice": voices.splice,
    "swap": voices.swap_by_layer,
    "rule_strip": voices.rule_strip,
}
"""By the name of the query."""


def save_known_png(database: Path, path: Path, *, dpi: int = 170) -> bool:
    """Answers against what they ask for, and beliefs, side by side.

    Returns whether the database has any of this; where it has not, no file is written.
    """
    with duckdb.connect(str(database), read_only=True) as connection:
        parts = [
            (title, draw, rows)
            for title, name, draw in (
                ("What answers miss of the truth", "answers_by_w", _draw_answers),
                ("Beliefs, exact and read off members", "belief_simplices", _draw_beliefs),
            )
            if (rows := records(connection, query(name)))
        ]
    if not parts:
        return False
    with matplotlib.rc_context(STYLE):
        figure = Figure(figsize=(6.6 * len(parts), 4.3), layout="constrained", facecolor="white")
        cells: Any = figure.subfigures(1, len(parts), wspace=0.03, squeeze=False)
        for cell, (title, draw, rows) in zip(cells.flat, parts, strict=True):
            cell.suptitle(title, x=0.02, ha="left")
            draw(cell, rows if draw is _draw_answers else grouped(rows, "corpus")[0][1])
        FigureCanvasAgg(figure)
        figure.savefig(path, dpi=dpi, format="png", metadata={"Software": None})
    return True


def _belief_lines(rows: list[Row]) -> list[tuple[str, str, list[Row]]]:
    """Title, columns and points of each line of panels: the truth, then a member a variant."""
    lines = []
    for (corpus,), of in grouped(rows, "corpus"):
        members = grouped(of, "variant")
        title = prefix(rows, "corpus", corpus)
        lines.append((f"{title}truth", "truth", members[0][1]))
        for (variant,), points in members:
            r2 = points[0]["r2"]
            known = "" if r2 is None else f"\nR² {r2:.2f}"
            lines.append((f"{title}{variant}{known}", "read", points))
    return lines


def _draw_beliefs(figure: FigureBase, rows: list[Row]) -> None:
    lines = _belief_lines(rows)
    masks = sorted({row["mask"] for row in rows})
    grid: Any = figure.subplots(len(lines), len(masks), sharex=True, sharey=True, squeeze=False)
    height = np.sqrt(0.75)
    for axes, (title, kind, line) in zip(grid, lines, strict=True):
        for axis, mask in zip(axes, masks, strict=True):
            points = [row for row in line if row["mask"] == mask]
            b, c = columns(points, f"{kind}_b", f"{kind}_c")
            likeliest = np.argmax(list(columns(points, *(f"truth_{s}" for s in STATES))), axis=0)
            axis.plot([0, 1, 0.5, 0], [0, 0, height, 0], color=GRID, linewidth=0.9, zorder=0)
            x, y = b + c / 2, c * height
            for state, colour in enumerate(_OF_STATE):
                of = likeliest == state
                axis.plot(
                    x[of], y[of], ".", color=colour, markersize=2.8, markeredgewidth=0, alpha=0.8
                )
            axis.set_aspect("equal")
            axis.set_axis_off()
            axis.set_xlim(-0.14, 1.14)
            axis.set_ylim(-0.12, height + 0.12)
        axes[0].text(
            -0.04, 0.5, title, transform=axes[0].transAxes, ha="right", va="center", color=INK
        )
    for axis, mask in zip(grid[0], masks, strict=True):
        axis.set_title(mask, loc="center")
    for name, (x, y), (ha, va) in zip(
        STATES,
        ((-0.03, -0.02), (1.03, -0.02), (0.5, height + 0.02)),
        (("right", "top"), ("left", "top"), ("center", "bottom")),
        strict=True,
    ):
        colour = _OF_STATE[STATES.index(name)]
        grid[0][0].text(x, y, name, color=colour, ha=ha, va=va, fontsize=7.5)


def _draw_sharpening(figure: FigureBase, rows: list[Row]) -> None:
    panels = grouped(rows, "corpus")
    variants, sizes = ordered(rows, "variant"), sizes_of(rows)
    grid: Any = figure.subplots(2, len(panels), sharex="col", squeeze=False, height_ratios=[1.7, 1])
    for (top, bottom), ((corpus,), panel) in zip(grid.T, panels, strict=True):
        for (size, variant), line in grouped(panel, "size", "variant"):
            x, y, low, high = columns(line, "position", "kl", "low", "high")
            colour = tint(colour_of(variant, variants), size, sizes)
            label = class_name(size, variant, sizes)
            top.fill_between(x, low, high, color=colour, alpha=0.15, linewidth=0)
            top.plot(x, y, color=colour, linewidth=1.4, label=label)
        top.set_ylim(bottom=0)
        floors = finite(panel, "floor")
        if floors.size:
            mark_floor(top, float(floors.max()), above=True)
        top.legend(loc="best")
        if title := prefix(rows, "corpus", corpus):
            top.set_title(title.removesuffix(", "))
        truth = grouped(panel, "size", "variant")[0][1]
        x, open_, entropy = columns(truth, "position", "posterior_entropy", "entropy")
        bottom.plot(x, open_, color=INK, label="who speaks")
        bottom.plot(x, entropy, color=MUTED, linewidth=1.1, linestyle="--", label="next token")
        bottom.set_ylim(bottom=0)
        bottom.legend(loc="upper right", ncols=2)
        bottom.set_xlabel("tokens of the prompt, BOS among them")
    grid[0][0].set_ylabel("KL between members,\nnats")
    grid[1][0].set_ylabel("exact entropy,\nnats")


def _rungs(panel: list[Row]) -> list[tuple[str, list[Row]]]:
    """Label and rows of each line of a ladder, from above: capabilities, then classes."""
    prices = sorted(
        (row for row in panel if row["kind"] == "capability"), key=lambda row: float(row["nats"])
    )
    members = [row for row in panel if row["kind"] == "member"]
    sizes = sizes_of(members)
    classes = sorted(
        grouped(members, "size", "variant"),
        key=lambda each: (ordered(members, "variant").index(each[0][1]), sizes.index(each[0][0])),
    )
    found = [(row["capability"], [row]) for row in prices]
    for (size, variant), of in classes:
        found.append((class_name(size, variant, sizes), of))
    return found


def _draw_ladder(figure: FigureBase, rows: list[Row]) -> None:
    panels = grouped(rows, "corpus")
    members = [row for row in rows if row["kind"] == "member"]
    variants, sizes = ordered(members, "variant"), sizes_of(members)
    grid: Any = figure.subplots(
        len(panels), 1, sharex=True, squeeze=False,
        height_ratios=[0.8 + len(_rungs(panel)) for _, panel in panels],
    )  # fmt: skip
    seen = finite(rows, "nats")
    seen = seen[seen > NOTHING] if (seen > NOTHING).any() else np.ones(1)
    least, most = float(seen.min()) / 2, float(seen.max()) * 2
    for axis, ((corpus,), panel) in zip(grid[:, 0], panels, strict=True):
        rungs = _rungs(panel)
        for row in (row for row in panel if row["kind"] == "threshold"):
            axis.axvline(row["nats"], color=MUTED, linewidth=0.9, linestyle=(0, (4, 2)))
            axis.annotate(
                f"{row['share']:g}×", (row["nats"], 1), xytext=(0, 2), textcoords="offset points",  # noqa: RUF001
                xycoords=axis.get_xaxis_transform(), ha="center", va="bottom", color=MUTED,
                fontsize=7,
            )  # fmt: skip
        for place, (_, line) in enumerate(rungs):
            shift = 0.5 * (np.arange(len(line)) - (len(line) - 1) / 2) / max(len(line), 4)
            x, low, high = columns(line, "nats", "low", "high")
            is_price = line[0]["kind"] == "capability"
            if is_price and x[0] <= NOTHING:
                axis.annotate(
                    "costs nothing", (0.01, place), xycoords=axis.get_yaxis_transform(),
                    va="center", color=MUTED, fontsize=7.5,
                )  # fmt: skip
                continue
            y = place + (0.0 if is_price else 1.0) * shift
            colour: Any = INK
            if not is_price:
                colour = tint(colour_of(line[0]["variant"], variants), line[0]["size"], sizes)
            axis.hlines(y, np.maximum(low, least), high, color=colour, linewidth=0.9, alpha=0.7)
            style = {"marker": "|", "markersize": 10} if is_price else {"marker": "o"}
            axis.plot(x, y, linestyle="none", color=colour, **{"markersize": 3.4, **style})
        axis.set_yticks(range(len(rungs)), [label for label, _ in rungs])
        axis.set_ylim(len(rungs) - 0.4, -0.6)
        axis.tick_params(axis="y", length=0, colors=INK)
        axis.grid(axis="y", visible=False)
        axis.set_xscale("log")
        axis.set_xlim(least, most)
        axis.set_title(corpus, pad=12)
    last = grid[-1, 0]
    last.xaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))
    last.set_xlabel("loss above the truth, nats per token")


def _draw_answers(figure: FigureBase, rows: list[Row]) -> None:
    panels = grouped(rows, "corpus", "size")
    names = list(dict.fromkeys([*(row["baseline"] for row in rows), *ordered(rows, "variant")]))
    names = [*sorted(names, key=lambda name: (name != "causal", name != "myopic", name))]
    axes = panels_of(figure, len(panels), sharey=True)
    for axis, ((corpus, size), panel) in zip(axes, panels, strict=True):
        if ceiling := _once([row for row in panel if row["ceiling"] is not None]):
            x, y = columns(ceiling, "pairs", "ceiling")
            edges = np.append(x - 0.5, x[-1] + 0.5)
            axis.stairs(
                y, edges, baseline=None, color=INK, linewidth=1.2, linestyle=(0, (4, 2)),
                label="without binding, exact",
            )  # fmt: skip
        lines = [(name, "baseline", of) for (name,), of in grouped(panel, "baseline")]
        lines += [(name, "variant", of) for (name,), of in grouped(panel, "variant")]
        lines.sort(key=lambda line: names.index(line[0]))
        for place, (name, role, of) in enumerate(lines):
            of = _once(of)
            x, y = columns(of, "pairs", f"{role}_nats")
            x = x + 0.09 * (place - (len(lines) - 1) / 2)
            colour, marker = colour_of(name, names), MARKERS[names.index(name) % len(MARKERS)]
            if role == "variant":
                low, high = columns(of, "variant_low", "variant_high")
                axis.vlines(x, low, high, color=colour, linewidth=1.3)
            axis.plot(x, y, color=colour, marker=marker, markersize=4.5, linewidth=1.2, label=name)
        axis.xaxis.set_major_locator(MaxNLocator(integer=True))
        axis.grid(axis="x", visible=False)
        axis.set_xlabel("W, pairs that the answer counts")
        axis.set_title(f"{corpus}{'' if only_one(rows, 'size') else f', {size}'}")
    axes[0].set_ylabel("loss above the truth,\nnats per answer")
    axes[0].legend(*entries(axes), loc="upper left")


def _once(rows: list[Row]) -> list[Row]:
    """One row for each number of pairs, rising: a class is in several comparisons."""
    found = {row["pairs"]: row for row in rows}
    return [found[pairs] for pairs in sorted(found)]
