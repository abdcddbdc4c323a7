"""Figures of masks and rules: after a splice, after a swap, and where two rules disagree."""

from typing import Any

import numpy as np
from matplotlib.figure import FigureBase
from matplotlib.lines import Line2D
from matplotlib.patches import Patch

from manymasks.report.drawing import (
    INK,
    MARKERS,
    MUTED,
    Figure,
    Row,
    class_name,
    colour_of,
    columns,
    cut_bars,
    entries,
    grouped,
    legend_below,
    ordered,
    panels_of,
    prefix,
    sizes_of,
    tall,
    tint,
    wide,
)

SITES = {"past": "keys and values of the past", "residual": "stream of the last position"}
SAME = "same mask"
DASHED: Any = (0, (4, 2))
SHOWN = (-0.04, 1.04)
"""Of a share: intervals of few members may be wider."""


def draw_rules(figure: FigureBase, rows: list[Row]) -> None:
    panels = grouped(rows, "question")
    variants, sizes = ordered(rows, "variant"), sizes_of(rows)
    classes = [(size, variant) for size in sizes for variant in variants]
    present = {(row["size"], row["variant"]) for row in rows}
    classes = [each for each in classes if each in present]
    width = 0.8 / len(classes)
    axes = panels_of(figure, len(panels), sharey=True)
    for axis, ((question,), panel) in zip(axes, panels, strict=True):
        axis.axhline(0.5, color=INK, linewidth=0.9)
        corpora = grouped(panel, "answered", "corpus")
        ticks = []
        for place, ((answered, corpus), of) in enumerate(corpora):
            ticks.append(corpus if len({key[0] for key, _ in corpora}) == 1 else f"{answered:g}")
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
            axis.set_xlabel("share of BEFORE answered")
        first = panel[0]
        axis.set_title(f"{question}: {first['rule']} (1) or {first['other']} (0)")
    axes[0].set_ylabel("preference")
    handles, labels = entries(axes)
    handles.append(Line2D([], [], color=MUTED, linewidth=1.4))
    labels.append("mean over seeds")
    if any(row["half_band"] is not None for row in rows):
        handles.append(Patch(color=MUTED, alpha=0.16, linewidth=0))
        labels.append("where the mean would\nlie by symmetry, 95%")
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
    """A line of panels a length of the prompt, a panel a site; hollow: donors of the same mask."""
    lines = grouped(rows, "corpus", "letters")
    variants, sizes = ordered(rows, "variant"), sizes_of(rows)
    sites = [site for site in SITES if any(row["site"] == site for row in rows)]
    grid: Any = figure.subplots(len(lines), len(sites), sharey=True, squeeze=False)
    for axes, ((corpus, letters), of) in zip(grid, lines, strict=True):
        for axis, site in zip(axes, sites, strict=True):
            panel = [row for row in of if row["site"] == site]
            # All layers at once come last.
            layers = sorted({row["layer"] for row in panel}, key=lambda layer: (layer < 0, layer))
            by_class = grouped(panel, "size", "variant", "donor")
            for place, ((size, variant, donor), line) in enumerate(by_class):
                colour = tint(colour_of(variant, variants), size, sizes)
                marker = MARKERS[sizes.index(size) % len(MARKERS)]
                is_same = donor == SAME
                shift = 0.36 * (place - (len(by_class) - 1) / 2) / len(by_class)
                for is_all in (False, True):
                    points = [row for row in line if (row["layer"] < 0) == is_all]
                    y, low, high = columns(points, "followed", "low", "high")
                    x = shift + np.array([layers.index(row["layer"]) for row in points], float)
                    cut_bars(axis, x, low, high, colour, SHOWN)
                    axis.plot(
                        x, y, color=colour, marker=marker, markersize=4.5, linewidth=1,
                        linestyle="none" if is_all else DASHED if is_same else "-",
                        markerfacecolor="white" if is_same else colour,
                        label=None if is_all or is_same else class_name(size, variant, sizes),
                    )  # fmt: skip
            for (layer, donor), same in grouped(panel, "layer", "donor"):
                if same[0]["bayes"] is None:
                    continue
                at, dashes = layers.index(layer), DASHED if donor == SAME else "-"
                low, high = columns(2 * same[:1], "bayes_low", "bayes_high")
                ends = (at - 0.4, at + 0.4)
                axis.fill_between(ends, low, high, color=INK, alpha=0.1, linewidth=0)
                axis.hlines(
                    same[0]["bayes"], at - 0.4, at + 0.4, color=INK, linewidth=1.4,
                    linestyle=dashes,
                )  # fmt: skip
            axis.set_xticks(range(len(layers)), ["all" if n < 0 else str(n) for n in layers])
            axis.set_ylim(SHOWN)
            axis.grid(axis="x", visible=False)
            after = f"{prefix(rows, 'corpus', corpus)}{SITES[site]}, {letters} letters"
            axis.set_title(after)
            axis.set_xlabel("layer" if site == "past" else "blocks gone through")
        axes[0].set_ylabel("share of the donor")
    more = [Line2D([], [], color=INK, linewidth=1.4, label="exact predictor")]
    if any(row["donor"] == SAME for row in rows):
        style: Any = {"color": MUTED, "marker": "o", "markersize": 4.5, "linewidth": 1}
        more.append(Line2D([], [], label="donor of another mask", **style))
        style |= {"markerfacecolor": "white", "linestyle": DASHED}
        more.append(Line2D([], [], label="of the same mask", **style))
    known = any(row["bayes"] is not None for row in rows)
    legend_below(figure, list(grid.flat), *more[0 if known else 1 :])


FIGURES = (
    Figure("splice", _draw_splice, wide(3.4, alone=5.6)),
    Figure("swap", _draw_swap, tall(0.6, 2.5, "corpus", "letters")),
    Figure("rule_strip", draw_rules, wide(3.4)),
)
