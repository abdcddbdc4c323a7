"""Figures of ergodic parts: spectra, and what members share beside noise."""

from typing import Any

import numpy as np
from matplotlib.axes import Axes

from manymasks.report import panels
from manymasks.report.drawing import WIDTH, Canvas, Figure, Row
from manymasks.report.section import SectionPart
from manymasks.report.style import COLOURS, FRAME, INK, MUTED

MARKS: dict[str, tuple[str, Any]] = {
    "member": ("o", COLOURS[0]),
    "independent": (".", MUTED),
    "untrained": ("s", COLOURS[4]),
}
"""Marker and colour of predictors in a spectrum; windows are crosses, the exact one is rings."""
LABELS = {
    "member": "members",
    "independent": "independent noise",
    "exchanged": "errors of other prompts",
}
READINGS = {"operators": "predictions alone", "masks": "true masks"}
STATISTICS = {
    "between": "agreement of two (R²)",
    "error_correlation": "correlation of their errors",
}


def _draw_spectra(figure: Canvas, rows: list[Row]) -> None:
    for axis, (corpus, size, variant), panel in panels.panels_by(
        figure, rows, "corpus", "size", "variant", across=2
    ):
        angles = np.linspace(0, 2 * np.pi, 200)
        axis.plot(np.cos(angles), np.sin(angles), color=FRAME, linewidth=0.8)
        for (predictor,), group in panels.grouped(panel, "predictor"):
            re, im = panels.columns(group, "re", "im")
            _mark(axis, predictor, re, im)
        axis.set_aspect("equal")
        axis.set_xlabel("real part")
        axis.set_ylabel("imaginary part")
        axis.set_title(panels.panel_title(rows, corpus, f"{size}, {variant}"))
    panels.legend_below(figure)


def _mark(axis: Axes, predictor: str, re: Any, im: Any) -> None:
    if predictor == "bayes":
        style: Any = {"marker": "o", "s": 70, "facecolors": "none", "edgecolors": INK}
        axis.scatter(re, im, label="exact", zorder=3, **style)
    elif predictor.startswith("window"):
        kept = int(predictor.removeprefix("window "))
        colour = COLOURS[(1, 3, 2, 5)[kept.bit_length() % 4]]
        axis.scatter(re, im, marker="x", s=22, color=colour, label=f"{predictor} letters")
    else:
        marker, colour = MARKS[predictor]
        label = LABELS.get(predictor, predictor)
        axis.scatter(re, im, marker=marker, s=16, color=colour, alpha=0.75, label=label, zorder=4)


def _draw_shared(figure: Canvas, rows: list[Row]) -> None:
    lines = panels.grouped(rows, "corpus", "size", "variant")
    grid: Any = figure.subplots(len(lines), len(STATISTICS), squeeze=False)
    for axes, ((corpus, size, variant), panel) in zip(grid, lines, strict=True):
        places = np.arange(len(panel))[::-1]
        colours = [COLOURS[0] if row["predictor"] == "member" else MUTED for row in panel]
        for axis, (name, label) in zip(axes, STATISTICS.items(), strict=True):
            value, low, high = panels.columns(panel, name, f"{name}_low", f"{name}_high")
            axis.hlines(places, low, high, color=colours, linewidth=1.6)
            axis.scatter(value, places, c=colours, s=24, zorder=3)
            axis.set_xlabel(label)
            axis.set_xlim(min(0.0, float(np.nanmin([*low, *value, 0.0]))) - 0.03, 1.03)
            axis.set_ylim(-0.6, len(panel) - 0.4)
            axis.set_yticks(places, [])
        names = [f"{LABELS[r['predictor']]}, by {READINGS[r['reading']]}" for r in panel]
        axes[0].set_yticks(places, names)
        axes[0].set_title(panels.panel_title(rows, corpus, f"{size}, {variant}"))


def _inches(rows: list[Row]) -> tuple[float, float]:
    return WIDTH, 0.5 + 0.26 * len(rows) + 0.4 * len(panels.grouped(rows, "size", "variant"))


_ITEMS = (
    Figure("operator_spectra", _draw_spectra,
        panels.stacked(0.8, 3.6, "corpus", "size", "variant", across=2),
        title="Who speaks, from behaviour alone",
        alt="Eigenvalues of the operator of one letter in the complex plane, by predictor",
        caption="Eigenvalues of the operator of one letter that predictions of the next letters "
        "imply, without knowledge of the process. Each ergodic part (a mask) has an eigenvalue at "
        "1; the others are mixing within parts. Rings: the exact predictor. Crosses: the exact "
        "predictor that sees the last letters only.",
        note="Errors of predictions draw eigenvalues to 0, so one below 1 is no memory unless it "
        "is below that of noise of the same size.",
    ),
    Figure("shared_errors", _draw_shared, _inches,
        alt="Agreement of two members on the weights of parts, and correlation of their errors, "
        "beside noise of the same size",
        caption="Left: how far the weights of the parts of two members agree. Right: the "
        "correlation of their errors against the exact posterior; mean over pairs, with "
        "{confidence} intervals over members and documents. Grey: exact predictors with errors of "
        "the same size, independent, or those of a member after other prompts of equal length and "
        "last letter.",
        note="Where noise agrees as well, the estimator makes the agreement. Read by the true "
        "masks, independent errors stay nearly uncorrelated.",
    ),
)  # fmt: skip
PARTS = (SectionPart("processes", 5, _ITEMS),)
