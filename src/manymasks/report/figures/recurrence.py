"""Figures of recurrent states: posteriors by dimension, and edits."""

import numpy as np

from manymasks.report import panels
from manymasks.report.drawing import WIDTH, Canvas, Figure, Row
from manymasks.report.section import SectionPart
from manymasks.report.style import COLOURS, DASHED, DOTTED, INK, MUTED

SITES = {
    "residual": ("last residual stream", "-"),
    "streams": ("all residual streams", DASHED),
    "read-out": ("read-outs", DOTTED),
    "state": ("state", "-"),
}
"""Label and line of each site; a state is thicker."""
MIXERS = {"attention": COLOURS[0], "recurrent": COLOURS[1]}


def _draw_reading(figure: Canvas, rows: list[Row]) -> None:
    for axis, (corpus, variant, latent), panel in panels.panels_by(
        figure, rows, "corpus", "variant", "latent", across=3
    ):
        for (mixer, site), line in panels.grouped(panel, "mixer", "site"):
            x, y, low, high = panels.columns(line, "components", "r2", "r2_low", "r2_high")
            if site == "tokens":
                axis.axhline(y[0], color=MUTED, linewidth=0.9, label="last tokens")
                continue
            order = np.argsort(x)
            text, style = SITES[site]
            colour = MIXERS[mixer]
            axis.fill_between(x[order], low[order], high[order], color=colour, alpha=0.12, lw=0)
            axis.plot(
                x[order], y[order], linestyle=style, color=colour, label=f"{mixer}: {text}",
                linewidth=2.2 if site == "state" else 1.3, marker=".", markersize=4,
            )  # fmt: skip
        axis.set_xscale("log", base=2)
        axis.set_ylim(-0.05, 1.03)
        axis.set_xlabel("principal components")
        axis.set_title(panels.panel_title(rows, corpus, f"{variant}, {latent}"))
    panels.label_left(figure, "R² of the posterior")
    panels.legend_below(figure)


def _draw_patching(figure: Canvas, rows: list[Row]) -> None:
    for axis, (corpus, size, variant), panel in panels.panels_by(
        figure, rows, "corpus", "size", "variant", across=2
    ):
        value, low, high = panels.columns(panel, "efficacy", "efficacy_low", "efficacy_high")
        places = np.arange(len(panel))[::-1]
        axis.barh(places, value, color=COLOURS[1], alpha=0.75, height=0.65)
        axis.hlines(places, low, high, color=INK, linewidth=1)
        axis.set_yticks(places, [row["edit"] for row in panel])
        axis.axvline(0, color=MUTED, linewidth=0.8)
        axis.set_xlim(min(-0.1, float(np.nanmin(value)) - 0.05), 1.05)
        axis.set_xlabel("efficacy")
        axis.set_title(panels.panel_title(rows, corpus, f"{size}, {variant}"))


def _inches(rows: list[Row]) -> tuple[float, float]:
    edits = {row["edit"] for row in rows}
    lines = -(-len({(row["corpus"], row["size"], row["variant"]) for row in rows}) // 2)
    return WIDTH, 0.4 + lines * (0.9 + 0.2 * len(edits))


_ITEMS = (
    Figure("reading_curves", _draw_reading,
        panels.stacked(0.9, 2.4, "corpus", "variant", "latent", across=3),
        title="Posteriors at matched dimension",
        alt="R squared of the exact posterior against the number of principal components, by site",
        caption="Share of the variance of an exact posterior that ridge regression explains on "
        "held-out documents, against the number of principal components of what a member holds; "
        "mean over members, with {confidence} t intervals. Grey: the last tokens alone.",
        note="At equal numbers of components a site with more values has an advantage only if its "
        "leading directions hold more of the posterior.",
    ),
    Figure("patching", _draw_patching, _inches,
        title="Edits of recurrent states",
        alt="Efficacy of replacing parts of a recurrent state by those of another document",
        caption="How far predictions follow another document after a part of the state is replaced "
        "by that document's: 1 is its exact law, 0 no effect; mean over members, with "
        "{confidence} t intervals. Direction: the least change with which a ridge fit reads the "
        "other document's posterior. Random: a change as large in a random direction.",
    ),
)  # fmt: skip
PARTS = (SectionPart("recurrence", 0, _ITEMS),)
