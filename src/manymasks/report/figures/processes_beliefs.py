"""Figures and tables of beliefs: as the prompt grows, and exact against fitted, by layer."""

from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.lines import Line2D
from matplotlib.ticker import MaxNLocator

from manymasks.report import panels
from manymasks.report.drawing import WIDTH, Canvas, Figure, Row
from manymasks.report.section import PageTable, SectionPart
from manymasks.report.style import COLOURS, DASH_DOTTED, DASHED, DOTTED, GRID, INK, MUTED

ACROSS = 2
"""Panels of layers in a row."""
LIMITS = (-0.1, 1.03)
"""Of the axis of R²; intervals over few members can be wider."""
STATES = "abc"
STATE_COLOURS = (COLOURS[5], COLOURS[4], COLOURS[2])
"""The first two variants do not have these."""
LATENTS = {
    "mask": "the mask",
    "letter_state": "the state of the letter",
    "pairs": "the number of pairs",
    "state": "the state",
}
"""Titles of latents, in order; `state` is shown only where it has no parts."""
CONTROLS: dict[str, Any] = {
    "untrained": DASHED,
    "shuffled": DOTTED,
    "last-letters": DASH_DOTTED,
    "premise+last-letters": "-",
}
"""Line styles of fits without a trained member."""


def _draw_sharpening(figure: Canvas, rows: list[Row]) -> None:
    """Left against the length of the prompt, right against the entropy of the mask given it."""
    groups = panels.grouped(rows, "corpus")
    grid: Any = figure.subplots(len(groups), 2, sharey="row", squeeze=False)
    for (left, right), ((corpus,), panel) in zip(grid, groups, strict=True):
        lines = panels.class_lines(panel, rows)
        for line in lines:
            for axis, name in ((left, "position"), (right, "posterior_entropy")):
                x, y, low, high = panels.columns(line.rows, name, "kl", "low", "high")
                axis.fill_between(x, low, high, color=line.colour, alpha=0.15, linewidth=0)
                dots = {} if axis is left else {"marker": ".", "markersize": 3.5, "linewidth": 0.7}
                style = {"linewidth": 1.4, **dots}
                axis.plot(x, y, color=line.colour, label=line.label, **style)
        _label_ends(right, lines[0].rows)
        medians = [np.nanmedian(panels.finite(line.rows, "kl")) for line in lines]
        if max(medians) > 4 * min(medians) > 0:
            # The first token says little, and there members agree more than anywhere else.
            left.set_yscale("log")
            left.set_ylim(bottom=0.4 * min(medians))
        else:
            left.set_ylim(bottom=0)
        floors = panels.finite(panel, "floor")
        if floors.size:
            panels.mark_noise_floor(left, float(floors.max()), above=True)
        left.set_title(panels.panel_title(rows, corpus))
        left.set_ylabel("KL between members, nats")
        left.set_xlabel("tokens of the prompt, BOS included")
        # Entropy falls as the prompt grows: reading goes to the right here too.
        right.invert_xaxis()
        right.set_xlabel("exact entropy of the mask, nats")
    panels.legend_below(figure)


def _label_ends(axis: Axes, line: list[Row]) -> None:
    """Write the length of the prompt above the first and the last point."""
    points = [row for row in line if row["posterior_entropy"] is not None]
    ends = (points[0], points[-1]) if points else ()
    for row, ha in zip(ends, ("left", "right"), strict=False):
        axis.text(
            row["posterior_entropy"], 0.99, f"{row['position']} tokens", color=MUTED, fontsize=7.5,
            transform=axis.get_xaxis_transform(), ha=ha, va="top",
        )  # fmt: skip


def _simplex_lines(rows: list[Row]) -> list[tuple[str, str, list[Row]]]:
    """Title, columns and points of each line of triangles: exact, then a member per variant."""
    lines = []
    for (corpus,), panel in panels.grouped(rows, "corpus"):
        variants = panels.ordered(panel, "variant")
        members = {variant: points for (variant,), points in panels.grouped(panel, "variant")}
        lines.append((panels.panel_title(rows, corpus, "exact"), "truth", members[variants[0]]))
        for variant in variants:
            points = members[variant]
            r2 = points[0]["r2"]
            fit = "" if r2 is None else f"\nR² {r2:.2f}"
            lines.append((panels.panel_title(rows, corpus, variant) + fit, "read", points))
    return lines


def _draw_simplices(figure: Canvas, rows: list[Row]) -> None:
    """A line of triangles for exact beliefs and for a member of each variant, a column per mask."""
    lines = _simplex_lines(rows)
    masks = sorted({row["mask"] for row in rows})
    grid: Any = figure.subplots(len(lines), len(masks), sharex=True, sharey=True, squeeze=False)
    height = np.sqrt(0.75)
    for axes, (title, kind, line) in zip(grid, lines, strict=True):
        for axis, mask in zip(axes, masks, strict=True):
            points = [row for row in line if row["mask"] == mask]
            b, c = panels.columns(points, f"{kind}_b", f"{kind}_c")
            exact = list(panels.columns(points, *(f"truth_{state}" for state in STATES)))
            likeliest = np.argmax(exact, axis=0)
            axis.plot([0, 1, 0.5, 0], [0, 0, height, 0], color=GRID, linewidth=0.9, zorder=0)
            x, y = b + c / 2, c * height
            style = {"markersize": 2.8, "markeredgewidth": 0, "alpha": 0.8}
            for index, colour in enumerate(STATE_COLOURS):
                shown = likeliest == index
                axis.plot(x[shown], y[shown], ".", color=colour, **style)
            axis.set_aspect("equal")
            axis.set_axis_off()
            axis.set_xlim(-0.14, 1.14)
            axis.set_ylim(-0.12, height + 0.12)
        axes[0].text(
            -0.04, 0.5, title, transform=axes[0].transAxes, ha="right", va="center", color=INK
        )
    for axis, mask in zip(grid[0], masks, strict=True):
        axis.set_title(mask, loc="center")
    corners = (
        (-0.03, -0.02, "right", "top"),
        (1.03, -0.02, "left", "top"),
        (0.5, height + 0.02, "center", "bottom"),
    )
    for state, colour, (x, y, ha, va) in zip(STATES, STATE_COLOURS, corners, strict=True):
        grid[0][0].text(x, y, state, color=colour, ha=ha, va=va, fontsize=7.5)


def posterior_panels(rows: list[Row]) -> list[tuple[str, str, list[Row]]]:
    """Corpus, latent and rows of each panel: the parts of a state, or the state without parts."""
    groups = []
    for (corpus,), lines in panels.grouped(rows, "corpus"):
        by_latent = {latent: line for (latent,), line in panels.grouped(lines, "latent")}
        order = [*LATENTS, *sorted(by_latent)]
        parts = sorted(by_latent.keys() - {"state"}, key=order.index)
        groups += [(corpus, latent, by_latent[latent]) for latent in parts or ["state"]]
    return groups


def _draw_layers(figure: Canvas, rows: list[Row]) -> None:
    groups = posterior_panels(rows)
    axes = panels.panel_grid(figure, len(groups), across=ACROSS, sharey=True)
    for axis, (corpus, latent, panel) in zip(axes, groups, strict=True):
        for line in panels.class_lines(panel, rows, "control"):
            x, y, low, high = panels.columns(line.rows, "layer", "r2", "r2_low", "r2_high")
            control = line.rows[0]["control"]
            if control == "none":
                panels.clipped_bars(axis, x, low, high, line.colour, LIMITS)
                axis.plot(x, y, markersize=4.5, **line.style)
            elif control.endswith("last-letters"):
                # The same for all members, since it reads no stream.
                axis.axhline(y[0], color=MUTED, linewidth=1, linestyle=CONTROLS[control])
            else:
                axis.plot(x, y, color=line.colour, linewidth=1, linestyle=CONTROLS[control])
        axis.set_ylim(LIMITS)
        axis.xaxis.set_major_locator(MaxNLocator(integer=True))
        axis.set_xlabel("blocks passed")
        axis.set_title(panels.panel_title(rows, corpus, LATENTS.get(latent, latent)))
    panels.label_left(figure, "variance explained, R²")
    present = {row["control"] for row in rows}
    controls = [
        Line2D([], [], color=MUTED, linewidth=1, linestyle=style, label=name)
        for name, style in CONTROLS.items()
        if name in present
    ]
    panels.legend_below(figure, *controls, across=4)


_ITEMS = (
    Figure("sharpening", _draw_sharpening, panels.stacked(0.4, 3.0, "corpus"),
        title="Do prompts sharpen?",
        alt="KL between members by prompt length, and by the exact entropy of the mask",
        caption="KL between two members of a class for the next token. Left: against prompt "
        "length. Right: against the entropy of the mask given the prompt, exact for each document "
        "and averaged; a point per length, joined in reading order. Bands: {confidence} intervals "
        "over models and documents.",
        note="If members converge as the prompt settles the mask, the lines on the right fall "
        "from left to right and stay low. Even then, the coincidence does not show that one "
        "causes the other.",
    ),
    Figure("belief_simplices", _draw_simplices,
        lambda rows: (WIDTH, 0.4 + 1.75 * len(_simplex_lines(rows))),
        title="Beliefs in the residual stream",
        alt="Triangles of beliefs about a hidden state, a column per mask: exact in the first "
        "line, fitted to members in the others",
        caption="Belief about the ring state that emitted the last letter, at positions of the "
        "measure split, by the likeliest mask; a corner is certainty. First line: exact. Others: "
        "linear fit to the residual stream of one member per variant, the first seeds of the "
        "largest size, after the block with the best fit. Colours: the likeliest state under the "
        "exact posterior.",
        note="A good fit shows that the stream encodes beliefs linearly, not that the member uses "
        "them. Points outside a triangle are errors of the fit.",
    ),
    Figure("belief_layers", _draw_layers,
        lambda rows: (WIDTH, 0.6 + 2.6 * -(-len(posterior_panels(rows)) // ACROSS)),
        alt="Share of the variance of exact beliefs explained by a linear fit to the residual "
        "stream, by layer, for members and controls",
        caption="Variance of exact posteriors explained by a linear fit to the residual stream, "
        "on documents not used for the fit, against blocks passed. Points: means over members; "
        "bars: {confidence} t intervals over them; an arrow marks a bar cut at the edge. Controls: "
        "an untrained model, posteriors of other documents, and the last letters themselves, "
        "without and with the premise.",
    ),
    PageTable("belief_layers"),
)  # fmt: skip
PARTS = (SectionPart("processes", 2, _ITEMS),)
