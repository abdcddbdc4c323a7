"""The figure of loss during training, and the tables of loss and of learning rates."""

import numpy as np
from matplotlib.lines import Line2D
from matplotlib.ticker import MaxNLocator

from manymasks.report import panels
from manymasks.report.drawing import Canvas, Figure, Row
from manymasks.report.section import SectionPart
from manymasks.report.style import DOTTED, MUTED


def _draw_loss(figure: Canvas, rows: list[Row]) -> None:
    variants = panels.ordered(rows, "variant")
    shared = panels.only_one(rows, "corpus")
    last = max(row["step"] for row in rows)
    for axis, (corpus, size), panel in panels.panels_by(
        figure, rows, "corpus", "size", sharey=shared
    ):
        for (variant, split), line in panels.grouped(panel, "variant", "split"):
            x, y, low, high = panels.columns(line, "step", "nats", "low", "high")
            colour = panels.colour_at(variant, variants)
            if split == "select":
                axis.fill_between(x, low, high, color=colour, alpha=0.22, linewidth=0)
                axis.plot(x, y, color=colour, label=variant)
            else:
                axis.plot(x, y, color=colour, linewidth=0.9, linestyle=DOTTED)
        axis.set_title(panels.panel_title(rows, corpus, size))
        axis.set_xlabel("step")
        axis.set_xlim(0, last)
        axis.xaxis.set_major_locator(MaxNLocator(4, integer=True))
        # Without the initial drop, seeds can be told apart at the end.
        shown = rows if shared else panel
        late = panels.finite([row for row in shown if row["step"] >= last / 6], "low", "high")
        if late.size and np.ptp(late):
            margin = 0.05 * np.ptp(late)
            axis.set_ylim(late.min() - margin, late.max() + margin)
    figure.axes[0].set_ylabel("loss, nats per token")
    handles, labels = figure.axes[0].get_legend_handles_labels()
    dotted = Line2D([], [], color=MUTED, linewidth=0.9, linestyle=DOTTED)
    figure.axes[-1].legend([*handles, dotted], [*labels, "training loss"], loc="upper right")


_LOSS_CURVES = Figure(
    "loss_curves",
    _draw_loss,
    panels.one_row(3.0),
    alt="Loss against training step, one panel per size, one colour per variant",
    caption="Loss against training step. Lines: mean over seeds on the select split; bands: range "
    "over seeds; dotted: training loss. The initial drop is cut off.",
)
PARTS = (SectionPart("curves", 1, (_LOSS_CURVES,)),)
