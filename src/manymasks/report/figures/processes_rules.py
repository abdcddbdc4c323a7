"""The figure and the table of which of two rules members follow where training leaves it open."""

import numpy as np
from matplotlib.lines import Line2D
from matplotlib.patches import Patch

from manymasks.report import panels
from manymasks.report.drawing import Canvas, Figure, Row
from manymasks.report.section import PageTable, SectionPart
from manymasks.report.style import INK, MUTED


def _draw_rules(figure: Canvas, rows: list[Row]) -> None:
    """A panel per question, a strip of members per corpus and class."""
    present = {(row["size"], row["variant"]) for row in rows}
    by_size = [
        (size, name)
        for size in panels.sizes_by_weights(rows)
        for name in panels.ordered(rows, "variant")
    ]
    classes = [pair for pair in by_size if pair in present]
    width = 0.8 / len(classes)
    for axis, (question,), panel in panels.panels_by(figure, rows, "question", sharey=True):
        axis.axhline(0.5, color=INK, linewidth=0.9)
        corpora = panels.grouped(panel, "answered", "corpus")
        has_shares = len({answered for (answered, _), _ in corpora}) > 1
        for index, (_, members) in enumerate(corpora):
            for line in panels.class_lines(members, rows):
                left = index - 0.4 + (classes.index((line.size, line.variant)) + 0.04) * width
                right = left + 0.92 * width
                x = np.linspace(left, right, len(line.rows) + 2)[1:-1]
                y, low, high = panels.columns(line.rows, "preference", "low", "high")
                mean, half = line.rows[0]["mean"], line.rows[0]["half_band"]
                if half is not None:
                    axis.fill_between(
                        [left, right], 0.5 - half, 0.5 + half, color=MUTED, alpha=0.16, linewidth=0
                    )
                axis.hlines(mean, left, right, color=line.colour, linewidth=1.4)
                axis.vlines(x, low, high, color=line.colour, linewidth=0.9)
                axis.plot(
                    x, y, linestyle="none", marker="o", markersize=3.6, color=line.colour,
                    label=line.label,
                )  # fmt: skip
        ticks = [f"{answered:g}" if has_shares else corpus for (answered, corpus), _ in corpora]
        axis.set_xticks(range(len(ticks)), ticks)
        axis.set_xlim(-0.5, len(ticks) - 0.5)
        axis.set_ylim(-0.02, 1.02)
        axis.grid(axis="x", visible=False)
        if has_shares:
            axis.set_xlabel("share of BEFORE questions answered")
        axis.set_title(f"{question}: {panel[0]['rule']} (1) or {panel[0]['other']} (0)")
    figure.axes[0].set_ylabel("preference")
    handles, labels = panels.legend_entries(figure)
    handles.append(Line2D([], [], color=MUTED, linewidth=1.4))
    labels.append("mean over seeds")
    if any(row["half_band"] is not None for row in rows):
        handles.append(Patch(color=MUTED, alpha=0.16, linewidth=0))
        labels.append("range of the mean\nunder symmetry")
    figure.legend(handles, labels, loc="outside right upper")


_ITEMS = (
    Figure("rule_strip", _draw_rules, panels.one_row(3.4), title="Which of two rules",
        alt="Preference of each member between two rules that agree on all training text",
        caption="Preference between two rules that agree on all questions answered in training "
        "and disagree here. Dots: members, mean of p(rule) / (p(rule) + p(other)); bars: "
        "{confidence} intervals over questions; lines: means over members. "
        "Grey: range of that mean under symmetry, {confidence} of the time, if seeds vary as "
        "observed.",
        note="<b>Provable:</b> red and blue play the same role, so over draws of text and weights "
        "the distribution of a twin preference is symmetric about 1/2. The grey range is that of "
        "the mean (the line), not of a member. All members read the same text, so a mean outside "
        "it is due to chance or to this text. <b>Only observed:</b> which rule is preferred for "
        "the other question, which has no symmetry.",
    ),
    PageTable("rule_seeds"),
)  # fmt: skip
PARTS = (SectionPart("processes", 4, _ITEMS),)
