"""Figures of further behaviour: residuals, a search, writing, representations, calibration."""

import numpy as np
from matplotlib.lines import Line2D
from matplotlib.ticker import MaxNLocator

from manymasks.report import panels
from manymasks.report.drawing import Canvas, Figure, Row
from manymasks.report.section import SectionPart
from manymasks.report.style import DASHED, INK, MUTED

MODES = {"greedy": "greedy decoding", "shared-noise": "sampled with shared noise"}
MEASURES = {"cka": "debiased CKA", "mutual_knn": "shared nearest neighbours"}


def _draw_residuals(figure: Canvas, rows: list[Row]) -> None:
    across = panels.columns_across(len(panels.grouped(rows, "corpus", "probe")))
    for axis, (corpus, probe), panel in panels.panels_by(
        figure, rows, "corpus", "probe", across=across
    ):
        first = panel[0]
        axis.axhline(0, color=INK, linewidth=0.9)
        if first["residual_sd_noise"] is not None:
            noise = float(first["residual_sd_noise"])
            axis.axhspan(-noise, noise, color=MUTED, alpha=0.14, linewidth=0)
        for line in panels.class_lines(panel, rows):
            x, y, low, high = panels.columns(line.rows, "text_nats", "residual", "low", "high")
            axis.vlines(x, low, high, color=line.colour, linewidth=1)
            axis.plot(x, y, linestyle="none", markersize=4, **line.style)
        parts = [] if first["r2"] is None else [f"R² {first['r2']:.2f}"]
        axis.set_title(panels.panel_title(rows, corpus, f"{probe} {first['severity']}", *parts))
        axis.xaxis.set_major_locator(MaxNLocator(4))
    panels.label_left(figure, "residual, nats")
    figure.axes[-1].set_xlabel("loss on held-out text, nats")
    panels.legend_below(figure)


def _draw_search(figure: Canvas, rows: list[Row]) -> None:
    """A panel per search: information of each class in the half searched and in the other one."""
    for axis, (corpus, probe), panel in panels.panels_by(figure, rows, "corpus", "probe", across=2):
        lines = panels.class_lines(panel, rows)
        for index, line in enumerate(lines):
            x, y, low, high = panels.columns(
                line.rows, "generations", "searched", "searched_low", "searched_high"
            )
            axis.fill_between(x, low, high, color=line.colour, alpha=0.08, linewidth=0)
            axis.plot(x, y, color=line.colour, linestyle=DASHED, linewidth=1)
            x, y, low, high = panels.columns(line.rows, "generations", "unseen", "low", "high")
            x = x + 0.006 * np.ptp(x) * panels.centred(index, len(lines))
            axis.vlines(x, low, high, color=line.colour, linewidth=1)
            axis.plot(x, y, markersize=4, linewidth=1.2, **line.style)
        axis.set_ylim(bottom=0)
        axis.xaxis.set_major_locator(MaxNLocator(6, integer=True))
        axis.set_xlabel("generations")
        axis.set_title(panels.panel_title(rows, corpus, probe))
    figure.axes[0].set_ylabel("I(Y; model), nats per token")
    searched = Line2D([], [], color=MUTED, linestyle=DASHED, linewidth=1, label="half searched")
    panels.legend_below(figure, searched, across=4)


def _draw_survival(figure: Canvas, rows: list[Row]) -> None:
    """A panel per mode: seeds of a class as lines with bands, two variants of a size dashed."""
    sizes = panels.sizes_by_weights(rows)
    groups = panels.panels_by(figure, rows, "corpus", "mode", across=2, sharey=True)
    for axis, (corpus, mode), panel in groups:
        for line in panels.class_lines(panel, rows, "other", "is_within"):
            x, y, low, high = panels.columns(line.rows, "step", "survival", "low", "high")
            first = line.rows[0]
            if first["is_within"]:
                axis.fill_between(
                    x, low, high, color=line.colour, alpha=0.15, linewidth=0, step="post"
                )
                axis.step(x, y, where="post", color=line.colour, label=line.label)
            else:
                axis.step(
                    x, y, where="post", color=panels.tint(MUTED, line.size, sizes),
                    linestyle=DASHED, linewidth=1.2, label=f"{line.label} and {first['other']}",
                )  # fmt: skip
        axis.set_ylim(0, 1.02)
        axis.set_xlim(left=0)
        axis.xaxis.set_major_locator(MaxNLocator(6, integer=True))
        axis.set_xlabel("tokens written")
        axis.set_title(panels.panel_title(rows, corpus, MODES.get(mode, mode)))
    figure.axes[0].set_ylabel("share of pairs and prompts\nthat agree so far")
    panels.legend_below(figure, across=4)


def _draw_layers(figure: Canvas, rows: list[Row]) -> None:
    groups = panels.panels_by(
        figure, rows, "corpus", "measure", across=2, sharey=panels.only_one(rows, "corpus")
    )
    for axis, (corpus, measure), panel in groups:
        for line in panels.class_lines(panel, rows):
            x, y, low, high = panels.columns(line.rows, "layer", "calibrated", "low", "high")
            axis.fill_between(x, low, high, color=line.colour, alpha=0.12, linewidth=0)
            axis.plot(x, y, markersize=4, **line.style)
        axis.set_ylim(-0.02, 1.02)
        axis.xaxis.set_major_locator(MaxNLocator(6, integer=True))
        axis.set_xlabel("blocks passed")
        axis.set_title(panels.panel_title(rows, corpus, MEASURES.get(measure, measure)))
    figure.axes[0].set_ylabel("similarity beyond chance")
    panels.legend_below(figure, across=4)


def _draw_reliability(figure: Canvas, rows: list[Row]) -> None:
    """A panel per probe: accuracy against confidence, a line per class."""
    groups = panels.panels_by(
        figure, rows, "corpus", "is_text", "probe", "severity", across=2, sharey=True
    )
    for axis, (corpus, *_), panel in groups:
        axis.plot([0, 1], [0, 1], color=INK, linewidth=0.9, linestyle=DASHED)
        for line in panels.class_lines(panel, rows):
            x, y, low, high = panels.columns(line.rows, "confidence", "accuracy", "low", "high")
            axis.vlines(x, low, high, color=line.colour, linewidth=1)
            axis.plot(x, y, markersize=4, linewidth=1.2, **line.style)
        axis.set_xlim(0, 1)
        axis.set_ylim(0, 1)
        axis.set_xlabel("confidence: probability of the top token")
        axis.set_title(panels.panel_title(rows, corpus, panels.context_label(panel[0])))
    figure.axes[0].set_ylabel("accuracy")
    panels.legend_below(figure, across=4)


_ITEMS = (
    Figure("line_residuals", _draw_residuals, panels.stacked(0.5, 2.1, "corpus", "probe", across=3),
        title="Probe loss against text loss",
        alt="Distance of members from the line of loss on a probe against loss on text, by probe",
        caption="Residual of the loss on each probe at its highest severity, against the loss on "
        "held-out text; the line is fitted to all members. Bars: {confidence} intervals over "
        "documents; grey: residuals expected from sampling documents alone.",
    ),
    Figure("search", _draw_search, panels.stacked(0.5, 2.6, "corpus", "probe", across=2),
        title="A search for disagreement",
        alt="Information between members by generations of a search, in the half searched and "
        "in the other",
        caption="Information between members against generations of a search, which evolves "
        "contexts that set one half of the members apart. Dashed: the half searched, biased "
        "upwards by selection. Solid: members unseen by the search, which share no seed "
        "with those. Bars and bands: {confidence} intervals over documents.",
    ),
    Figure("survival", _draw_survival, panels.stacked(0.6, 2.7, "corpus"), title="Written text",
        alt="Share of pairs of members that still agree against tokens written",
        caption="Share of pairs and prompts for which two members have written the same text so "
        "far, against tokens written. Bands: {confidence} intervals over models and documents. "
        "Dashed: members of two variants.",
    ),
    Figure("layers", _draw_layers, panels.stacked(0.5, 2.6, "corpus"), title="Representations",
        alt="Similarity of representations between seeds by layer, beyond chance",
        caption="Similarity between seeds of a class in how they represent the same tokens, "
        "against blocks passed: 0 is the level of random matchings of tokens, 1 is identity up "
        "to rotation and scale. Bands: {confidence} intervals over models, for these tokens. "
        "Similar representations do not imply similar behaviour.",
    ),
    Figure("reliability", _draw_reliability, panels.stacked(0.6, 3.2, "corpus"),
        title="Calibration",
        alt="Accuracy against confidence on held-out text and furthest from it",
        caption="Accuracy of the top-ranked token against its probability, mean over members of a "
        "class. Bars: {confidence} t intervals over members. Below the dashed line, members are "
        "overconfident.",
    ),
)  # fmt: skip
PARTS = (SectionPart("probes", 3, _ITEMS),)
