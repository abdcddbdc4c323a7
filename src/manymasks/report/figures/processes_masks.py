"""Figures and tables of masks: after a splice, and after a swap of the past."""

from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.lines import Line2D

from manymasks.report import panels
from manymasks.report.drawing import Canvas, Figure, Row
from manymasks.report.section import PageTable, SectionPart
from manymasks.report.style import DASHED, INK, MUTED

SITES = {"past": "keys and values of the past", "residual": "stream of the last position"}
SAME = "same mask"
LIMITS = (-0.04, 1.04)
"""Of the axis of a share; intervals over few members can be wider."""


def _draw_splice(figure: Canvas, rows: list[Row]) -> None:
    for axis, (corpus,), panel in panels.panels_by(figure, rows, "corpus", sharey=True):
        lines = panels.class_lines(panel, rows)
        x, exact = panels.columns(lines[0].rows, "letters", "posterior")
        axis.axvline(0, color=MUTED, linewidth=0.9)
        axis.plot(x, exact, color=INK, linewidth=1.8, label="Bayes")
        for line in lines:
            x, y, low, high = panels.columns(line.rows, "letters", "weight", "low", "high")
            axis.fill_between(x, low, high, color=line.colour, alpha=0.18, linewidth=0)
            axis.plot(x, y, color=line.colour, label=line.label)
        axis.set_ylim(-0.02, 1.02)
        axis.set_xlabel("letters after the splice")
        axis.set_title(panels.panel_title(rows, corpus))
    figure.axes[0].set_ylabel("weight of the second mask")
    figure.axes[0].legend(*panels.legend_entries(figure), loc="upper left")


def _draw_swap(figure: Canvas, rows: list[Row]) -> None:
    """A line of panels per prompt length, a panel per site; hollow: donors of the same mask."""
    lines = panels.grouped(rows, "corpus", "letters")
    sites = [site for site in SITES if any(row["site"] == site for row in rows)]
    grid: Any = figure.subplots(len(lines), len(sites), sharey=True, squeeze=False)
    for axes, ((corpus, letters), line) in zip(grid, lines, strict=True):
        for axis, site in zip(axes, sites, strict=True):
            _draw_site(axis, [row for row in line if row["site"] == site], rows)
            axis.set_title(panels.panel_title(rows, corpus, SITES[site], f"{letters} letters"))
            axis.set_xlabel("layer" if site == "past" else "blocks passed")
        axes[0].set_ylabel("share of the donor")
    more = []
    if any(row["bayes"] is not None for row in rows):
        more.append(Line2D([], [], color=INK, linewidth=1.4, label="exact predictor"))
    if any(row["donor"] == SAME for row in rows):
        style: Any = {"color": MUTED, "marker": "o", "markersize": 4.5, "linewidth": 1}
        hollow = {"markerfacecolor": "white", "linestyle": DASHED}
        more.append(Line2D([], [], label="donor of another mask", **style))
        more.append(Line2D([], [], label="of the same mask", **style, **hollow))
    panels.legend_below(figure, *more)


def _draw_site(axis: Axes, panel: list[Row], rows: list[Row]) -> None:
    # Layer -1 stands for all layers at once and comes last.
    layers = sorted({row["layer"] for row in panel}, key=lambda layer: (layer < 0, layer))
    lines = panels.class_lines(panel, rows, "donor")
    for index, line in enumerate(lines):
        is_same = line.rows[0]["donor"] == SAME
        shift = 0.36 * panels.centred(index, len(lines)) / len(lines)
        for is_all in (False, True):
            points = [row for row in line.rows if (row["layer"] < 0) == is_all]
            y, low, high = panels.columns(points, "followed", "low", "high")
            x = shift + np.array([layers.index(row["layer"]) for row in points], float)
            panels.clipped_bars(axis, x, low, high, line.colour, LIMITS)
            axis.plot(
                x, y, color=line.colour, marker=line.marker, markersize=4.5, linewidth=1,
                linestyle="none" if is_all else DASHED if is_same else "-",
                markerfacecolor="white" if is_same else line.colour,
                label=None if is_all or is_same else line.label,
            )  # fmt: skip
    for (layer, donor), points in panels.grouped(panel, "layer", "donor"):
        exact = points[0]
        if exact["bayes"] is None:
            continue
        ends = (layers.index(layer) - 0.4, layers.index(layer) + 0.4)
        low, high = panels.columns([exact, exact], "bayes_low", "bayes_high")
        axis.fill_between(ends, low, high, color=INK, alpha=0.1, linewidth=0)
        dashes = DASHED if donor == SAME else "-"
        axis.hlines(exact["bayes"], *ends, color=INK, linewidth=1.4, linestyle=dashes)
    axis.set_xticks(range(len(layers)), ["all" if n < 0 else str(n) for n in layers])
    axis.set_ylim(LIMITS)
    axis.grid(axis="x", visible=False)


_ITEMS = (
    Figure("splice", _draw_splice, panels.one_row(3.4, single=5.6), title="Changing the mask",
        alt="Weight of the second mask by letters after a splice, members and Bayes",
        caption="Weight of the second mask against letters after the splice, in documents that "
        "begin with letters of one mask and continue with those of another. The weight is that in "
        "the mixture of masks closest to a member's prediction of the next three letters, "
        "averaged over the members of a class; black: the exact posterior. Bands: {confidence} "
        "intervals over documents.",
        note="The black line is exact under the process, in which masks never change. No training "
        "document has such a change, so the training loss does not determine what members do "
        "here.",
    ),
    PageTable("inertia"),
    PageTable("machinery"),
    Figure("swap", _draw_swap, panels.stacked(0.6, 2.5, "corpus", "letters"),
        title="Swapping in the past of a donor",
        alt="How far the prediction follows a donor of another or of the same mask, by the site "
        "and layer that are swapped, beside the exact predictor",
        caption="Share of the donor against the layer that is swapped: part of the past is "
        "replaced by that of a donor document, of another mask or of the same one. The share is "
        "the a for which (1 &minus; a) recipient + a donor is closest to the prediction after the "
        "swap: at 0 the prediction stays, at 1 it follows the donor. Points: means over members; "
        "bars: {confidence} t intervals over them. Black: the exact predictor, given as much of "
        "the donor and evaluated in the same way, with its interval over documents.",
        note="Swapping the whole stream after the last block gives the donor's prediction by "
        "construction. Following a donor is not by itself evidence of a mask: the last letters "
        "say much about the next, and the exact predictor itself follows as far as the black "
        "lines. Only the excess over donors of the same mask, and how it compares with these "
        "lines, is about the mask. The layer at which a swap takes effect does not tell which "
        "layer holds the mask.",
    ),
)  # fmt: skip
PARTS = (SectionPart("processes", 3, _ITEMS),)
