"""The figure of what members on text carry from token to token."""

from manymasks.report import panels
from manymasks.report.drawing import Canvas, Figure, Row
from manymasks.report.section import SectionPart
from manymasks.report.style import COLOURS, INK, MUTED

PREDICTORS = {
    "member": ("members", "o", COLOURS[0]),
    "exchanged": ("other prompts, same last token", "s", MUTED),
    "independent": ("noise as large as between seeds", ".", COLOURS[1]),
    "untrained": ("at initialisation", "x", INK),
}
"""Label, marker and colour of predictors."""


def _draw_spectra(figure: Canvas, rows: list[Row]) -> None:
    for axis, (corpus, size, variant), panel in panels.panels_by(
        figure, rows, "corpus", "size", "variant", across=2
    ):
        for (predictor,), line in panels.grouped(panel, "predictor"):
            label, marker, colour = PREDICTORS[predictor]
            number, re, low, high = panels.columns(line, "number", "re", "low", "high")
            axis.vlines(number, low, high, color=colour, linewidth=1.2)
            axis.plot(
                number, re, color=colour, linewidth=0.8, marker=marker, markersize=4, label=label
            )
        axis.set_ylim(-0.05, 1.05)
        axis.set_xlabel("rank")
        axis.set_title(panels.panel_title(rows, corpus, f"{size}, {variant}"))
    panels.label_left(figure, "eigenvalue (real part)")
    panels.legend_below(figure)


_ITEMS = (
    Figure("text_spectra", _draw_spectra,
        panels.stacked(0.8, 2.6, "corpus", "size", "variant", across=2),
        title="What members carry from token to token",
        alt="Eigenvalues of the operator of one token by rank, of members and what stands beside "
        "them",
        caption="Eigenvalues of the operator of one token that predictions of the next token "
        "imply: the share of a coordinate that one token leaves, mean over members with "
        "{confidence} t intervals. Squares: predictions after other prompts with the same last "
        "token, so that what lies above them needs more than that token.",
        note="There is no truth to compare it with. Eigenvalues rise with the directions that are "
        "kept, and a member at initialisation has slow coordinates too, since it averages its "
        "past: a slow coordinate is not a part.",
    ),
)  # fmt: skip
PARTS = (SectionPart("probes", 4, _ITEMS),)
