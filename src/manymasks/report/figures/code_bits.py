"""The figure of code lengths: loss against bits."""

import numpy as np

from manymasks.report import panels
from manymasks.report.drawing import Canvas, Figure, Row
from manymasks.report.section import PageTable, SectionPart
from manymasks.report.style import INK


def _draw_bits(figure: Canvas, rows: list[Row]) -> None:
    sizes, variants = panels.sizes_by_weights(rows), panels.ordered(rows, "variant")
    for axis, (corpus,), panel in panels.panels_by(figure, rows, "corpus", across=2):
        for (size, variant, _), line in panels.grouped(panel, "size", "variant", "model"):
            bits, nats = panels.columns(line, "bits", "nats")
            colour = panels.class_colour(size, variant, sizes, variants)
            axis.plot(
                bits / 1000, nats, color=colour, linewidth=0.9, marker=".", markersize=3,
                label=panels.class_label(size, variant, sizes),
            )  # fmt: skip
        frontier = sorted(
            (row for row in panel if row["is_frontier"]), key=lambda row: float(row["bits"])
        )
        bits, nats = panels.columns(frontier, "bits", "nats")
        axis.step(bits / 1000, nats, where="post", color=INK, linewidth=1.8, label="fewest bits")
        axis.set_xscale("log")
        least = float(np.nanmin(panels.finite(panel, "nats")))
        axis.set_ylim(least - 0.02, least + 0.6)
        axis.set_xlabel("kbit")
        axis.set_title(panels.panel_title(rows, corpus))
    panels.label_left(figure, "nats per token on measure")
    panels.legend_below(figure)


_ITEMS = (
    Figure("code_bits", _draw_bits, panels.stacked(0.8, 3.0, "corpus", across=2),
        title="How few bits describe a member",
        alt="Loss of rounded members against the bits of their weights, by class",
        caption="Members rounded more and more coarsely: loss on the measure split against the "
        "bits of their weights, a line a member. Black: codes that no code of fewer bits beats on "
        "the select split, which chooses.",
        note="An upper bound of the shortest description, for one family of codes. Fewer weights "
        "are not fewer bits: a larger member may lose less at equal bits.",
    ),
    PageTable("bits_by_class"),
)  # fmt: skip
PARTS = (SectionPart("sets", 2, _ITEMS),)
