"""Figures of steering: slopes by arm, the walk of own choices, and rare cues."""

import numpy as np

from manymasks.report import panels
from manymasks.report.drawing import Canvas, Figure, Row
from manymasks.report.section import SectionPart
from manymasks.report.style import COLOURS, INK, MUTED

ORDER = ("trained", "offline", "self", "pathwise", "mixed", "return", "greedy", "total")
OPTIMIZERS = {"sgd": ", SGD", "exact": ", exact gradient"}
LARGEST_SHOWN = 2.0
"""1/nat: slopes beyond it, as of corners, are drawn at the edge."""
AUTHORS = {
    "steer-rare": "no authors by ease",
    "steer-easy": "authors by ease",
    "steer-hard": "authors by difficulty",
}


def _name(row: Row) -> str:
    dose = {"mixed": "share", "return": "beta", "pathwise": "beta"}.get(row["arm"])
    optimizer = OPTIMIZERS.get(row["optimizer"], "")
    return f"{row['arm']}{optimizer}" + (f", {dose} {row['dose']:g}" if dose else "")


def _draw_arms(figure: Canvas, rows: list[Row]) -> None:
    variants = panels.ordered(rows, "variant")
    for axis, (corpus, _), panel in panels.panels_by(figure, rows, "corpus", "size", across=1):
        ordered = sorted(
            panel,
            key=lambda row: (ORDER.index(row["arm"]), row["optimizer"] or "", row["dose"] or 0),
        )
        names = list(dict.fromkeys(_name(row) for row in ordered))
        for variant in variants:
            mine = [row for row in ordered if row["variant"] == variant]
            shift = 0.36 * panels.centred(variants.index(variant), len(variants))
            x = np.array([names.index(_name(row)) + shift for row in mine])
            slope, low, high, exact = panels.columns(
                mine, "slope", "slope_low", "slope_high", "exact_slope"
            )
            shown = np.clip(slope, -LARGEST_SHOWN, LARGEST_SHOWN)
            ends = [np.clip(end, -LARGEST_SHOWN, LARGEST_SHOWN) for end in (low, high)]
            colour = panels.colour_at(variant, variants)
            axis.vlines(x, *ends, color=colour, linewidth=1.6)
            axis.plot(x, shown, "o", color=colour, markersize=4, label=variant)
            axis.hlines(exact, x - 0.16, x + 0.16, color=INK, linewidth=1.4, label="exact")
        axis.axhline(0, color=MUTED, linewidth=0.8)
        axis.set_xticks(range(len(names)), names, rotation=30, ha="right")
        axis.set_title(panels.panel_title(rows, corpus))
    panels.label_left(figure, "slope on ease, 1/nat")
    panels.legend_below(figure)


def _draw_walk(figure: Canvas, rows: list[Row]) -> None:
    for axis, (corpus, _, variant), panel in panels.panels_by(
        figure, rows, "corpus", "size", "variant", across=2, sharey=True
    ):
        for _, path in panels.grouped(panel, "model", "run"):
            step, change = panels.columns(path, "step", "change")
            axis.plot(np.append(0, step), np.append(0, change), color=COLOURS[0], linewidth=0.7)
        steps, squares = [0.0], [0.0]
        for (step,), group in sorted(panels.grouped(panel, "step")):
            (spread,) = panels.columns(group, "change_sd")
            steps.append(float(step))
            squares.append(float((spread**2).mean()))
        band = 2 * np.sqrt(squares)
        axis.fill_between(steps, -band, band, color=MUTED, alpha=0.2, linewidth=0, label="2 sd")
        axis.axhline(0, color=INK, linewidth=0.8)
        axis.set_xlabel("steps")
        axis.set_title(panels.panel_title(rows, corpus, variant))
    panels.label_left(figure, "change of the slope, 1/nat")
    panels.legend_below(figure)


def _draw_rare(figure: Canvas, rows: list[Row]) -> None:
    variants = panels.ordered(rows, "variant")
    for axis, (process,), panel in panels.panels_by(figure, rows, "process", sharey=True):
        for (variant,), group in panels.grouped(panel, "variant"):
            documents, slope = panels.columns(group, "documents", "slope")
            colour = panels.colour_at(variant, variants)
            axis.plot(documents, slope, "o", color=colour, markersize=3.5, label=variant)
        documents, spread = panels.columns(panel, "documents", "slope_sd")
        order = np.argsort(documents)
        band = 2 * spread[order]
        axis.fill_between(
            documents[order], -band, band, color=MUTED, alpha=0.2, linewidth=0, label="2 sd"
        )
        axis.axhline(0, color=INK, linewidth=0.8)
        axis.set_xscale("log")
        axis.set_xlabel("documents of the cue")
        axis.set_title(AUTHORS.get(process, process))
    panels.label_left(figure, "slope on ease, 1/nat")
    panels.legend_below(figure)


_ITEMS = (
    Figure("steering_arms", _draw_arms,
        panels.stacked(1.4, 2.8, "corpus", "size"),
        title="Does a predictor make its future easier to predict?",
        alt="Slope of members' choices on ease by what they are trained for, beside exact slopes",
        caption="How much likelier members make a choice for each nat that its letters cost less, "
        "by what they were trained for, with {confidence} t intervals over members. Black: where "
        "exact training ends, or stays on average; arms without it end in a corner. A return "
        "decides; the flow of gradients through attention does not.",
        note="Slopes beyond 2 are drawn at the edge.",
    ),
    Figure("steering_walk", _draw_walk,
        panels.stacked(0.8, 2.2, "corpus", "size", "variant", across=2),
        alt="Change of the slope by SGD on choices of a member's own, and the band of its noise",
        caption="Members trained by SGD on documents in which they choose, without a return, "
        "several runs each. Every law is stable under such training, so there is noise alone: "
        "grey is two standard deviations of its closed form, computed from the gradients of all "
        "documents at the start.",
    ),
    Figure("rare_cues", _draw_rare,
        panels.stacked(0.8, 2.4, "process", across=3),
        title="Where cues are rare",
        alt="Slope after rare cues against their documents, by what authors choose by",
        caption="Slope after rare cues, whose choices are uniform, against the documents with the "
        "cue; a point a member and cue, each seed with documents of its own. Grey: two "
        "standard deviations of the slope of frequencies in as many documents. Authors choose by "
        "ease, or by difficulty in the control, after common cues alone.",
        note="What is mirrored between the two is a pull of shared weights, not a preference.",
    ),
)  # fmt: skip
PARTS = (SectionPart("processes", 9, _ITEMS),)
