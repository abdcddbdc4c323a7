"""Figures of masks and rules: after a splice, after a swap, and where two rules disagree."""

import duckdb
import numpy as np
from matplotlib.figure import FigureBase
from matplotlib.lines import Line2D
from matplotlib.patches import Patch

from manymasks.report.drawing import (
    INK,
    MARKERS,
    MUTED,
    WIDTH,
    Row,
    class_name,
    colour_of,
    columns,
    draw_figure,
    entries,
    grouped,
    only_one,
    ordered,
    panels_of,
    prefix,
    sizes_of,
    tint,
)


def rule_strip(connection: duckdb.DuckDBPyConnection) -> tuple[str, str]:
    """Which rule each member follows; (SVG, query) as above."""
    return draw_figure(connection, "rule_strip", _draw_rules, lambda rows: (WIDTH, 3.4))


def splice(connection: duckdb.DuckDBPyConnection) -> tuple[str, str]:
    """The weight of the second mask after a splice; (SVG, query) as above."""
    return draw_figure(
        connection,
        "splice",
        _draw_splice,
        lambda rows: (5.6 if only_one(rows, "corpus") else WIDTH, 3.4),
    )


def swap_by_layer(connection: duckdb.DuckDBPyConnection) -> tuple[str, str]:
    """How far predictions follow a donor, by site and layer; (SVG, query) as above."""

    def inches(rows: list[Row]) -> tuple[float, float]:
        return WIDTH, 0.4 + 3.0 * len(grouped(rows, "corpus"))

    return draw_figure(connection, "swap", _draw_swap, inches)


def _draw_rules(figure: FigureBase, rows: list[Row]) -> None:
    panels = grouped(rows, "question")
    variants, sizes = ordered(rows, "variant"), sizes_of(rows)
    classes = [(size, variant) for size in sizes for variant in variants]
    present = {(row["size"], row["variant"]) for row in rows}
    classes = [each for each in classes if each in present]
    width = 0.8 / len(classes)
    axes = panels_of(figure, len(panels), sharey=True)
    for axis, ((question,), panel) in zip(axes, panels, strict=True):
        axis.axhline(0.5, color=INK, linewidth=0.9)
        corpora = grouped(panel, "eps", "corpus")
        ticks = []
        for place, ((eps, corpus), of) in enumerate(corpora):
            ticks.append(corpus if len({key[0] for key, _ in corpora}) == 1 else f"{eps:g}")
            for (size, variant), members in grouped(of, "size", "variant"):
                left = place - 0.4 + (classes.index((size, variant)) + 0.04) * width
                right = left + 0.92 * width
                colour = tint(colour_of(variant, variants), size, sizes)
                label = class_name(size, variant, sizes)
                x = np.linspace(left, right, len(members) + 2)[1:-1]
                y, low, high = columns(members, "preference", "low", "high")
                half = members[0]["half_band"]
                if half is not None:
                    axis.fill_between(
                        [left, right], 0.5 - half, 0.5 + half, color=MUTED, alpha=0.16, linewidth=0
                    )
                axis.hlines(members[0]["mean"], left, right, color=colour, linewidth=1.4)
                axis.vlines(x, low, high, color=colour, linewidth=0.9)
                axis.plot(
                    x, y, linestyle="none", color=colour, marker="o", markersize=3.6,
                    label=label,
                )  # fmt: skip
        several = any(tick != corpora[i][0][1] for i, tick in enumerate(ticks))
        axis.set_xticks(range(len(ticks)), ticks)
        axis.set_xlim(-0.5, len(ticks) - 0.5)
        axis.set_ylim(-0.02, 1.02)
        axis.grid(axis="x", visible=False)
        if several:
            axis.set_xlabel("share of BEFORE documents that training answers")
        first = panel[0]
        axis.set_title(f"{question}: {first['rule']} (1) or {first['other']} (0)")
    axes[0].set_ylabel("preference")
    handles, labels = entries(axes)
    handles.append(Line2D([], [], color=MUTED, linewidth=1.4))
    labels.append("mean over seeds")
    if any(row["half_band"] is not None for row in rows):
        handles.append(Patch(color=MUTED, alpha=0.16, linewidth=0))
        labels.append("where it would lie\nby symmetry, 95%")
    figure.legend(handles, labels, loc="outside right upper")


def _draw_splice(figure: FigureBase, rows: list[Row]) -> None:
    panels = grouped(rows, "corpus")
    variants, sizes = ordered(rows, "variant"), sizes_of(rows)
    axes = panels_of(figure, len(panels), sharey=True)
    for axis, ((corpus,), panel) in zip(axes, panels, strict=True):
        lines = grouped(panel, "size", "variant")
        x, exact = columns(lines[0][1], "letters", "posterior")
        axis.axvline(0, color=MUTED, linewidth=0.9)
        axis.plot(x, exact, color=INK, linewidth=1.8, label="Bayes")
        for (size, variant), line in lines:
            x, y, low, high = columns(line, "letters", "weight", "low", "high")
            colour = tint(colour_of(variant, variants), size, sizes)
            label = class_name(size, variant, sizes)
            axis.fill_between(x, low, high, color=colour, alpha=0.18, linewidth=0)
            axis.plot(x, y, color=colour, label=label)
        axis.set_ylim(-0.02, 1.02)
        axis.set_xlabel("letters after the splice")
        if title := prefix(rows, "corpus", corpus):
            axis.set_title(title.removesuffix(", "))
    axes[0].set_ylabel("weight of the second mask")
    axes[0].legend(*entries(axes), loc="upper left")


def _draw_swap(figure: FigureBase, rows: list[Row]) -> None:
    panels = grouped(rows, "corpus", "site")
    variants, sizes = ordered(rows, "variant"), sizes_of(rows)
    letters = sorted({row["letters"] for row in rows})
    sites = len({row["site"] for row in rows})
    grid = figure.subplots(-(-len(panels) // sites), sites, sharey=True, squeeze=False)
    axes = np.ravel(grid)[: len(panels)]
    for axis, ((corpus, site), panel) in zip(axes, panels, strict=True):
        layers = sorted({row["layer"] for row in panel}, key=lambda layer: (layer < 0, layer))
        lines = grouped(panel, "size", "variant", "letters")
        for place, ((size, variant, after), line) in enumerate(lines):
            colour = tint(colour_of(variant, variants), size, sizes)
            marker = MARKERS[letters.index(after) % len(MARKERS)]
            name = class_name(size, variant, sizes)
            shift = 0.36 * (place - (len(lines) - 1) / 2) / len(lines)
            for is_all in (False, True):
                of = [row for row in line if (row["layer"] < 0) == is_all]
                y, low, high = columns(of, "followed", "lowest", "highest")
                x = np.array([layers.index(row["layer"]) for row in of], dtype=float) + shift
                axis.vlines(x, low, high, color=colour, linewidth=1.2)
                axis.plot(
                    x, y, color=colour, marker=marker, markersize=4.5, linewidth=1,
                    linestyle="none" if is_all else "-",
                    label=None if is_all else f"{name}, {after} letters",
                )  # fmt: skip
        axis.set_xticks(range(len(layers)), ["all" if n < 0 else str(n) for n in layers])
        axis.set_ylim(-0.04, 1.04)
        axis.grid(axis="x", visible=False)
        what = {"residual": "stream of the last position", "past": "keys and values of the past"}
        axis.set_title(f"{prefix(rows, 'corpus', corpus)}{what.get(site, site)}")
        axis.set_xlabel("layer" if site == "past" else "blocks gone through")
    axes[0].set_ylabel("share of the donor")
    handles, labels = entries(axes)
    figure.legend(handles, labels, loc="outside right upper")
