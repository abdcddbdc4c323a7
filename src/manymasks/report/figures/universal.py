"""Figures and a table of statements about every prefix."""

from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.ticker import MaxNLocator

from manymasks.report import panels
from manymasks.report.drawing import Canvas, Figure, Row
from manymasks.report.section import PageTable, SectionPart
from manymasks.report.style import COLOURS, EMPTY, FRAME, INK

PROVED, OPEN, REFUTED = COLOURS[2], EMPTY, COLOURS[1]


def _class_title(rows: list[Row], corpus: str, size: str, variant: str) -> str:
    name = panels.class_label(size, variant, panels.sizes_by_weights(rows))
    return panels.panel_title(rows, corpus, name)


def _diagonal(axis: Axes, *values: Any) -> None:
    """Logarithmic axes of two probabilities with one scale, and the line of equal ones."""
    least = max(min(float(value.min()) for value in values), 1e-9)
    ends = (least / 1.5, 1.5)
    axis.plot(ends, ends, color=FRAME, linewidth=0.9, zorder=1)
    axis.set_xscale("log")
    axis.set_yscale("log")
    axis.set_xlim(ends)
    axis.set_ylim(ends)


def _draw_witness(figure: Canvas, rows: list[Row]) -> None:
    variants = panels.ordered(rows, "variant")
    for axis, (corpus, size, variant), panel in panels.panels_by(
        figure, rows, "corpus", "size", "variant", across=4
    ):
        best, bound = panels.columns(panel, "p_best", "p_bound")
        best = np.maximum(best, 1e-9)
        _diagonal(axis, best, bound)
        colour = panels.colour_at(variant, variants)
        axis.scatter(best, bound, s=5, color=colour, alpha=0.6, linewidths=0)
        axis.set_xlabel("best prefix")
        axis.set_title(_class_title(rows, corpus, size, variant))
    panels.label_left(figure, "bound over all prefixes")


def _draw_shares(figure: Canvas, rows: list[Row]) -> None:
    for axis, (corpus, size, variant), panel in panels.panels_by(
        figure, rows, "corpus", "size", "variant", across=4, sharey=True
    ):
        x, proved, low, high, undecided = panels.columns(
            panel, "threshold", "proved", "low", "high", "open"
        )
        axis.fill_between(x, 0, proved, color=PROVED, alpha=0.55, linewidth=0, label="proved")
        top = proved + undecided
        axis.fill_between(x, proved, top, color=OPEN, linewidth=0, label="open")
        axis.fill_between(x, top, 1, color=REFUTED, alpha=0.55, linewidth=0, label="refuted")
        axis.vlines(x, np.maximum(low, 0), np.minimum(high, 1), color=INK, linewidth=1)
        axis.set_xscale("log")
        axis.set_xticks(x, [f"{value:g}" for value in x])
        axis.set_xticks([], minor=True)
        axis.set_ylim(0, 1)
        axis.set_xlim(x.min(), x.max() if len(x) > 1 else 1)
        axis.grid(visible=False)
        axis.set_xlabel("threshold")
        axis.set_title(_class_title(rows, corpus, size, variant))
    panels.label_left(figure, "share of tokens")
    panels.legend_below(figure)


def _draw_steps(figure: Canvas, rows: list[Row]) -> None:
    groups = panels.panels_by(figure, rows, "corpus", "threshold", across=3, sharey=True)
    for axis, (corpus, threshold), panel in groups:
        for line in panels.class_lines(panel, rows):
            x, y, low, high = panels.columns(line.rows, "step", "proved", "low", "high")
            axis.fill_between(x, low, high, color=line.colour, alpha=0.15, linewidth=0)
            axis.plot(x, y, markersize=4, linewidth=1.3, **line.style)
        axis.set_ylim(-0.02, 1.02)
        axis.xaxis.set_major_locator(MaxNLocator(4, integer=True))
        axis.set_xlabel("training step")
        axis.set_title(panels.panel_title(rows, corpus, f"at most {threshold:g}"))
    panels.label_left(figure, "share proved")
    panels.legend_below(figure)


def _draw_widths(figure: Canvas, rows: list[Row]) -> None:
    variants = panels.ordered(rows, "variant")
    groups = panels.panels_by(figure, rows, "corpus", "threshold", across=3, sharey=True)
    for axis, (corpus, threshold), panel in groups:
        for (variant,), line in panels.grouped(panel, "variant"):
            x, y, low, high = panels.columns(line, "width", "proved", "low", "high")
            colour = panels.colour_at(variant, variants)
            axis.vlines(x, low, high, color=colour, linewidth=1)
            axis.plot(x, y, marker="o", markersize=4, linewidth=1.3, color=colour, label=variant)
        axis.set_ylim(-0.02, 1.02)
        axis.set_xscale("log", base=2)
        widths = sorted({row["width"] for row in panel})
        axis.set_xticks(widths, [str(width) for width in widths])
        axis.set_xticks([], minor=True)
        axis.set_xlabel("width")
        axis.set_title(panels.panel_title(rows, corpus, f"at most {threshold:g}"))
    panels.label_left(figure, "share proved")
    panels.legend_below(figure)


def _draw_seeds(figure: Canvas, rows: list[Row]) -> None:
    variants = panels.ordered(rows, "variant")
    for axis, (corpus, size, variant), panel in panels.panels_by(
        figure, rows, "corpus", "size", "variant", across=4
    ):
        a, b = panels.columns(panel, "p_a", "p_b")
        _diagonal(axis, a, b)
        colour = panels.colour_at(variant, variants)
        axis.scatter(a, b, s=5, color=colour, alpha=0.6, linewidths=0)
        axis.set_xlabel("bound, one seed")
        axis.set_title(_class_title(rows, corpus, size, variant))
    panels.label_left(figure, "bound, another seed")


_ITEMS = (
    Figure("verdict_shares", _draw_shares,
        panels.stacked(0.6, 2.3, "corpus", "size", "variant", across=4),
        title="Proved, refuted or open",
        alt="Shares of tokens whose statement is proved, open and refuted against the threshold, "
        "by class",
        caption="Share of tokens against the threshold of the statement that the token's "
        "probability is at most the threshold after any prefix of any length; mean over the "
        "members of a class, with {confidence} t intervals of the share proved. Proved: a "
        "certified bound is below the threshold. Refuted: a prefix exceeds it. Open: neither.",
        note="A proof covers the softmax of the float32 logits of these weights, and prefixes that "
        "no one has tried. A refutation is a prefix that was tried; open statements are limited "
        "by the bound and by the search, so they are no sign of disagreement between members.",
    ),
    Figure("bound_witness", _draw_witness,
        panels.stacked(0.3, 2.4, "corpus", "size", "variant", across=4),
        title="Bound against best prefix",
        alt="Certified bound of the probability of each token against its probability after the "
        "best prefix, by class",
        caption="Bound of a token's probability over all prefixes against its probability after "
        "the best prefix that was tried, for at most 128 tokens of the first member of a class. "
        "No point can lie below the diagonal.",
    ),
    Figure("provable_steps", _draw_steps,
        panels.stacked(0.6, 2.3, "corpus", "threshold", across=3),
        title="Proved during training",
        alt="Share of tokens proved against training step, by class and threshold",
        caption="Share of tokens that provably have at most a probability after any prefix, "
        "against the training step of the weights; mean over the members of a class, with "
        "{confidence} t intervals.",
    ),
    Figure("provable_width", _draw_widths,
        panels.stacked(0.6, 2.3, "corpus", "threshold", across=3),
        title="Proved by width",
        alt="Share of tokens proved against the width of members, by variant and threshold",
        caption="Share of tokens that provably have at most a probability after any prefix, "
        "against the width of the residual stream; mean over the members of a class, with "
        "{confidence} t intervals.",
    ),
    Figure("bound_seeds", _draw_seeds,
        panels.stacked(0.3, 2.4, "corpus", "size", "variant", across=4),
        title="Bounds of two seeds",
        alt="Bounds of the tokens for one seed against those for another, by class",
        caption="Bound of a token's probability over all prefixes for the last member of a class, "
        "which shares no seed with the first, against that for the first; at most 128 tokens.",
    ),
    PageTable("shared_proofs"),
)  # fmt: skip
PARTS = (SectionPart("universal", 0, _ITEMS),)
