"""Figures of what members write, represent and are sure of, and of a search for disagreement."""

from typing import Any

import numpy as np
from matplotlib.figure import FigureBase
from matplotlib.lines import Line2D
from matplotlib.ticker import MaxNLocator

from manymasks.report.drawing import (
    INK,
    MARKERS,
    MUTED,
    Figure,
    Row,
    class_name,
    colour_of,
    columns,
    grouped,
    legend_below,
    only_one,
    ordered,
    panels_of,
    place_of,
    prefix,
    sizes_of,
    tall,
    tint,
)

DASHED: Any = (0, (4, 2))
MODES = {"greedy": "the likeliest token each time", "shared-noise": "sampled with shared noise"}
MEASURES = {"cka": "debiased CKA", "mutual_knn": "nearest neighbours in common"}


def draw_survival(figure: FigureBase, rows: list[Row]) -> None:
    """A panel a mode: seeds of a class as lines with bands, two variants of a size dashed."""
    panels = grouped(rows, "corpus", "mode")
    variants, sizes = ordered(rows, "variant"), sizes_of(rows)
    axes = panels_of(figure, len(panels), across=2, sharey=True)
    for axis, ((corpus, mode), panel) in zip(axes, panels, strict=True):
        for (size, variant, other, is_within), line in grouped(
            panel, "size", "variant", "other", "is_within"
        ):
            x, y, low, high = columns(line, "step", "survival", "low", "high")
            name = class_name(size, variant, sizes)
            if is_within:
                colour = tint(colour_of(variant, variants), size, sizes)
                axis.fill_between(x, low, high, color=colour, alpha=0.15, linewidth=0, step="post")
                axis.step(x, y, where="post", color=colour, label=name)
            else:
                colour = tint(MUTED, size, sizes)
                axis.step(
                    x, y, where="post", color=colour, linestyle=DASHED, linewidth=1.2,
                    label=f"{name} and {other}",
                )  # fmt: skip
        axis.set_ylim(0, 1.02)
        axis.set_xlim(left=0)
        axis.xaxis.set_major_locator(MaxNLocator(6, integer=True))
        axis.set_xlabel("tokens written")
        axis.set_title(f"{prefix(rows, 'corpus', corpus)}{MODES.get(mode, mode)}")
    axes[0].set_ylabel("share of pairs and prompts\nthat agree so far")
    legend_below(figure, axes, across=4)


def draw_reliability(figure: FigureBase, rows: list[Row]) -> None:
    """A panel a place: share of tokens ranked first rightly against confidence, a line a class."""
    panels = grouped(rows, "corpus", "is_text", "probe", "severity")
    variants, sizes = ordered(rows, "variant"), sizes_of(rows)
    axes = panels_of(figure, len(panels), across=2, sharey=True)
    for axis, ((corpus, *_), panel) in zip(axes, panels, strict=True):
        axis.plot([0, 1], [0, 1], color=INK, linewidth=0.9, linestyle=DASHED)
        for (size, variant), line in grouped(panel, "size", "variant"):
            x, y, low, high = columns(line, "confidence", "accuracy", "low", "high")
            colour = tint(colour_of(variant, variants), size, sizes)
            marker = MARKERS[sizes.index(size) % len(MARKERS)]
            axis.vlines(x, low, high, color=colour, linewidth=1)
            label = class_name(size, variant, sizes)
            axis.plot(x, y, color=colour, marker=marker, markersize=4, linewidth=1.2, label=label)
        axis.set_xlim(0, 1)
        axis.set_ylim(0, 1)
        axis.set_xlabel("confidence: probability of the first token")
        axis.set_title(f"{prefix(rows, 'corpus', corpus)}{place_of(panel[0])}")
    axes[0].set_ylabel("share that is right")
    legend_below(figure, axes, across=4)


def draw_search(figure: FigureBase, rows: list[Row]) -> None:
    """A panel a search: information of each class in the half searched and in the other one."""
    panels = grouped(rows, "corpus", "probe")
    variants, sizes = ordered(rows, "variant"), sizes_of(rows)
    axes = panels_of(figure, len(panels), across=2)
    for axis, ((corpus, probe), panel) in zip(axes, panels, strict=True):
        lines = grouped(panel, "size", "variant")
        for place, ((size, variant), line) in enumerate(lines):
            colour = tint(colour_of(variant, variants), size, sizes)
            x, y, low, high = columns(
                line, "generations", "searched", "searched_low", "searched_high"
            )
            axis.fill_between(x, low, high, color=colour, alpha=0.08, linewidth=0)
            axis.plot(x, y, color=colour, linestyle=DASHED, linewidth=1)
            x, y, low, high = columns(line, "generations", "unseen", "low", "high")
            marker = MARKERS[sizes.index(size) % len(MARKERS)]
            # Side by side, or the intervals hide each other.
            x = x + 0.006 * np.ptp(x) * (place - (len(lines) - 1) / 2)
            axis.vlines(x, low, high, color=colour, linewidth=1)
            label = class_name(size, variant, sizes)
            axis.plot(x, y, color=colour, marker=marker, markersize=4, linewidth=1.2, label=label)
        axis.set_ylim(bottom=0)
        axis.xaxis.set_major_locator(MaxNLocator(6, integer=True))
        axis.set_xlabel("generations")
        axis.set_title(f"{prefix(rows, 'corpus', corpus)}{probe}")
    axes[0].set_ylabel("I(Y; model), nats per token")
    searched = Line2D([], [], color=MUTED, linestyle=DASHED, linewidth=1, label="half searched")
    legend_below(figure, axes, searched, across=4)


def _draw_layers(figure: FigureBase, rows: list[Row]) -> None:
    panels = grouped(rows, "corpus", "measure")
    variants, sizes = ordered(rows, "variant"), sizes_of(rows)
    axes = panels_of(figure, len(panels), across=2, sharey=only_one(rows, "corpus"))
    for axis, ((corpus, measure), panel) in zip(axes, panels, strict=True):
        for (size, variant), line in grouped(panel, "size", "variant"):
            x, y, low, high = columns(line, "layer", "calibrated", "low", "high")
            colour = tint(colour_of(variant, variants), size, sizes)
            marker = MARKERS[sizes.index(size) % len(MARKERS)]
            axis.fill_between(x, low, high, color=colour, alpha=0.12, linewidth=0)
            label = class_name(size, variant, sizes)
            axis.plot(x, y, color=colour, marker=marker, markersize=4, label=label)
        axis.set_ylim(-0.02, 1.02)
        axis.xaxis.set_major_locator(MaxNLocator(6, integer=True))
        axis.set_xlabel("blocks gone through")
        axis.set_title(f"{prefix(rows, 'corpus', corpus)}{MEASURES.get(measure, measure)}")
    axes[0].set_ylabel("alike beyond chance")
    legend_below(figure, axes, across=4)


FIGURES = (
    Figure("survival", draw_survival, tall(0.6, 2.7, "corpus")),
    Figure("search", draw_search, tall(0.5, 2.6, "corpus", "probe", across=2)),
    Figure("layers", _draw_layers, tall(0.5, 2.6, "corpus")),
    Figure("reliability", draw_reliability, tall(0.6, 3.2, "corpus")),
)
