"""Figures of beliefs: exact, as read off the stream of members, and how well by layer."""

from typing import Any

import numpy as np
from matplotlib.figure import FigureBase
from matplotlib.lines import Line2D
from matplotlib.ticker import MaxNLocator

from manymasks.report.drawing import (
    COLOURS,
    GRID,
    INK,
    MARKERS,
    MUTED,
    WIDTH,
    Figure,
    Row,
    class_name,
    colour_of,
    columns,
    cut_bars,
    grouped,
    legend_below,
    ordered,
    panels_of,
    prefix,
    sizes_of,
    tint,
)

ACROSS = 2
"""Panels in a row."""
SHOWN = (-0.1, 1.03)
"""Of a share of variance: intervals of few members may be wider than all there is to see."""
STATES = "abc"
_OF_STATE = (COLOURS[5], COLOURS[4], COLOURS[2])
"""Colours that no variant has, or only the third."""


LATENTS = {
    "mask": "who speaks",
    "letter_state": "the state of the letter",
    "pairs": "how many pairs",
    "state": "the state",
}
"""Titles of what a posterior is about, in this order, `state` only where it has no parts."""
CONTROLS: dict[str, Any] = {
    "untrained": (0, (4, 2)),
    "shuffled": (0, (1, 1.5)),
    "last-letters": (0, (6, 1.5, 1, 1.5)),
    "premise+last-letters": "-",
}
"""Line styles of what a map reads without a member."""


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


def draw_simplices(figure: FigureBase, rows: list[Row]) -> None:
    """A line of triangles for the truth and for a member of each variant, a column a mask."""
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


def posterior_panels(rows: list[Row]) -> list[tuple[str, str, list[Row]]]:
    """Corpus, latent and rows of each panel: the parts of a state where they are told apart."""
    panels = []
    for (corpus,), of in grouped(rows, "corpus"):
        found = {row["latent"] for row in of}
        told_apart = sorted(found - {"state"}, key=[*LATENTS, *sorted(found)].index)
        for latent in told_apart or ["state"]:
            panels.append((corpus, latent, [row for row in of if row["latent"] == latent]))
    return panels


def _draw_layers(figure: FigureBase, rows: list[Row]) -> None:
    panels = posterior_panels(rows)
    variants, sizes = ordered(rows, "variant"), sizes_of(rows)
    axes = panels_of(figure, len(panels), across=ACROSS, sharey=True)
    for axis, (corpus, latent, panel) in zip(axes, panels, strict=True):
        for (size, variant, control), line in grouped(panel, "size", "variant", "control"):
            x, y, low, high = columns(line, "layer", "r2", "r2_low", "r2_high")
            colour = tint(colour_of(variant, variants), size, sizes)
            if control == "none":
                marker = MARKERS[sizes.index(size) % len(MARKERS)]
                label = class_name(size, variant, sizes)
                cut_bars(axis, x, low, high, colour, SHOWN)
                axis.plot(x, y, color=colour, marker=marker, markersize=4.5, label=label)
                continue
            style = {"color": colour, "linewidth": 1, "linestyle": CONTROLS[control]}
            if control.endswith("last-letters"):
                # The same for all members: it needs no stream.
                axis.axhline(y[0], **{**style, "color": MUTED})
            else:
                axis.plot(x, y, **style)
        axis.set_ylim(SHOWN)
        axis.xaxis.set_major_locator(MaxNLocator(integer=True))
        axis.set_xlabel("blocks gone through")
        axis.set_title(f"{prefix(rows, 'corpus', corpus)}{LATENTS.get(latent, latent)}")
    for axis in axes[::ACROSS]:
        axis.set_ylabel("variance explained, R²")
    present = {row["control"] for row in rows}
    without = [
        Line2D([], [], color=MUTED, linewidth=1, linestyle=style, label=name)
        for name, style in CONTROLS.items()
        if name in present
    ]
    legend_below(figure, axes, *without, across=4)


def _inches_of_simplices(rows: list[Row]) -> tuple[float, float]:
    return WIDTH, 0.4 + 1.75 * len(_belief_lines(rows))


def _inches_of_layers(rows: list[Row]) -> tuple[float, float]:
    return WIDTH, 0.6 + 2.6 * -(-len(posterior_panels(rows)) // ACROSS)


FIGURES = (
    Figure("belief_simplices", draw_simplices, _inches_of_simplices),
    Figure("belief_layers", _draw_layers, _inches_of_layers),
)
