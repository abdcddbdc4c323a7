"""The figure and the table of answers by format: direct, over fillers, or in written steps."""

from manymasks.report import panels
from manymasks.report.drawing import Canvas, Figure, Row
from manymasks.report.section import PageTable, SectionPart
from manymasks.report.style import DASHED, INK, MUTED

MILLION = 1e6
LADDER = ("binds_0", "binds_1", "binds_2", "binds_3")
"""Columns of exact prices by the number of pairs bound."""


def _draw_curves(figure: Canvas, rows: list[Row]) -> None:
    """A panel for each corpus and format, a line for each class; rules at the exact prices."""
    sizes, variants = panels.sizes_by_weights(rows), panels.ordered(rows, "variant")
    for axis, (corpus, answer_format), panel in panels.panels_by(
        figure, rows, "corpus", "answer_format", sharey=True
    ):
        for bound, name in enumerate(LADDER):
            nats = panel[0][name]
            axis.axhline(nats, color=MUTED, linewidth=0.7, linestyle=DASHED)
            axis.annotate(
                f"{bound} bound", (1, nats), xycoords=("axes fraction", "data"), ha="right",
                va="bottom", fontsize=6, color=INK,
            )  # fmt: skip
        for (size, variant), line in panels.grouped(panel, "size", "variant"):
            tokens, nats, low, high = panels.columns(line, "tokens", "nats", "low", "high")
            colour = panels.class_colour(size, variant, sizes, variants)
            axis.plot(
                tokens / MILLION, nats, color=colour, linewidth=1.4, marker=".", markersize=4,
                label=panels.class_label(size, variant, sizes),
            )  # fmt: skip
            axis.fill_between(tokens / MILLION, low, high, color=colour, alpha=0.15, linewidth=0)
        axis.set_xscale("log")
        axis.set_ylim(-0.05, 1.5 * panel[0][LADDER[0]])
        axis.set_xlabel("million tokens")
        axis.set_title(f"{corpus}, answers in {answer_format}")
    panels.label_left(figure, "nats of the answer")
    panels.legend_below(figure)


_ITEMS = (
    Figure("thinking_curves", _draw_curves,
        panels.stacked(0.9, 2.4, "corpus", "answer_format", across=3),
        title="Thinking in the residual stream, over fillers, or in written steps",
        alt="Loss of answers against tokens trained on, by format and gradient, over exact prices",
        caption="Loss of the first answer against the tokens trained on, mean over members with "
        "{confidence} t intervals. Where the format has steps, members write them, and "
        "all that they could write count. "
        "Dashed: exact prices of an answer with so many pairs bound.",
        note="Documents with fillers or steps are longer, so equal steps of training are more "
        "tokens. A mixture of no and all pairs bound has the loss of some pairs bound.",
    ),
    PageTable("thinking_formats"),
)  # fmt: skip
PARTS = (SectionPart("processes", 9, _ITEMS),)
