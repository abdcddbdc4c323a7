"""Figures and tables of probes: divergence by severity and distance, and what it goes with."""

from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.lines import Line2D
from matplotlib.ticker import FuncFormatter

from manymasks.report import panels
from manymasks.report.drawing import WIDTH, Canvas, Figure, Row
from manymasks.report.section import PageTable, SectionPart
from manymasks.report.style import COLOURS, DOTTED, INIT_COLOUR, INK, MUTED, ORDER_COLOUR

FACTORS = {
    "mixer": ("mixer", COLOURS[2]),
    "size": ("size", COLOURS[0]),
    "variant": ("variant", COLOURS[1]),
    "seed": ("seed", INIT_COLOUR),
    "seed_init": ("initial weights", INIT_COLOUR),
    "seed_order": ("data order", ORDER_COLOUR),
}
"""Label and colour of each component of the behaviour ANOVA, the first at the bottom."""
OTHERS = COLOURS[3:]
"""Colours of further factors, of pretrained members; they come after the size."""


def _factors(rows: list[Row]) -> dict[str, tuple[str, str]]:
    """Label and colour of the components of some rows, in order."""
    known = {**FACTORS, "total": ("", "")}
    others = [name for (name,), _ in panels.grouped(rows, "component") if name not in known]
    further = {name: (name, OTHERS[i % len(OTHERS)]) for i, name in enumerate(others)}
    first = {name: FACTORS[name] for name in ("mixer", "size")}
    return {**first, **further, **FACTORS}


def _draw_curves(figure: Canvas, rows: list[Row]) -> None:
    """A panel per probe with a line per class, and the noise floor as a band."""
    across = panels.columns_across(len(panels.grouped(rows, "corpus", "probe")))
    for axis, (corpus, probe), panel in panels.panels_by(
        figure, rows, "corpus", "probe", across=across
    ):
        lines = panels.class_lines(panel, rows)
        for index, line in enumerate(lines):
            x, y, low, high = panels.columns(line.rows, "severity", "kl", "low", "high")
            x = x + 0.07 * panels.centred(index, len(lines))
            axis.fill_between(x, low, high, color=line.colour, alpha=0.08, linewidth=0)
            axis.vlines(x, low, high, color=line.colour, linewidth=1)
            axis.plot(x, y, markersize=3.5, **line.style)
        _scale(axis, panel)
        floors = panels.finite(panel, "floor")
        if floors.size:
            bottom = axis.get_ylim()[0]
            if floors.max() > bottom:
                axis.axhspan(bottom, float(floors.max()), color=MUTED, alpha=0.12, linewidth=0)
            panels.mark_noise_floor(axis, float(floors.max()))
        changed = {row["severity"]: row["changed"] for row in panel}
        axis.set_xticks(
            list(changed),
            [
                f"{severity}" if share is None else f"{severity}\n{100 * share:.0f}%"
                for severity, share in changed.items()
            ],
        )
        axis.tick_params(labelsize=7.5)
        axis.grid(axis="x", visible=False)
        axis.set_title(panels.panel_title(rows, corpus, probe))
    panels.label_left(figure, "KL, nats per token")
    figure.axes[-1].set_xlabel("severity, and share of context changed")
    panels.legend_below(figure)


def _scale(axis: Axes, panel: list[Row]) -> None:
    """A logarithmic axis where values span a factor of more than 8."""
    values = panels.finite(panel, "low", "kl", "high")
    values = values[values > 0]
    if values.size and values.max() > 8 * values.min():
        axis.set_yscale("log")
        axis.yaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))
    else:
        axis.set_ylim(bottom=0)


def _draw_distance(figure: Canvas, rows: list[Row]) -> None:
    probes = [probe for (probe,), _ in panels.grouped(rows, "probe")]
    sizes = panels.sizes_by_weights(rows)
    groups = panels.panels_by(figure, rows, "corpus", "size", "variant", across=2, sharey=True)
    for axis, (corpus, size, variant), panel in groups:
        for (probe,), line in panels.grouped(panel, "probe"):
            x, y = panels.columns(line, "ngram_nats", "entropy_share")
            index = probes.index(probe)
            colour, marker = COLOURS[index % len(COLOURS)], panels.marker_at(index // len(COLOURS))
            axis.plot(
                x, 100 * y, color=colour, marker=marker, markersize=3.5, linewidth=1, label=probe
            )
            # A white dot on the first point gives the line a direction.
            axis.plot(x[:1], 100 * y[:1], color="white", marker=marker, markersize=1.6)
        axis.set_title(panels.panel_title(rows, corpus, panels.class_label(size, variant, sizes)))
    panels.label_left(figure, "KL of a pair,\n% of predictive entropy")
    for axis in figure.axes[-2:]:
        axis.set_xlabel("distance: n-gram surprise of the context, nats")
    figure.axes[0].set_ylim(bottom=0)
    panels.legend_below(figure)


def _draw_ribbon(figure: Canvas, rows: list[Row]) -> None:
    """A panel per probe: bits per token by factor, stacked. Dotted lines: the expected borders if
    members differed by independent noise alone."""
    across = panels.columns_across(len(panels.grouped(rows, "corpus", "probe")), most=4)
    groups = panels.panels_by(figure, rows, "corpus", "probe", across=across, sharey=True)
    dotted: dict[str, Any] = {"color": INK, "linewidth": 0.9, "linestyle": DOTTED}
    for axis, (corpus, probe), panel in groups:
        by_factor = {name: line for (name,), line in panels.grouped(panel, "component")}
        x = np.array(sorted({row["severity"] for row in panel}), dtype=float)
        base, chance = np.zeros((2, len(x)))
        borders = []
        for factor, (label, colour) in _factors(rows).items():
            if factor not in by_factor:
                continue
            bits, share = panels.columns(by_factor[factor], "bits", "chance_share")
            chance = chance + share
            borders.append(chance)
            if len(x) == 1:
                axis.bar(x, bits, bottom=base, width=0.5, color=colour, label=label)
            else:
                axis.fill_between(x, base, base + bits, color=colour, label=label, linewidth=0)
            base = base + bits
        # The last border is the total, which chance does not move.
        for border in borders[:-1]:
            if len(x) == 1:
                axis.hlines(base * border, x - 0.35, x + 0.35, **dotted)
            else:
                axis.plot(x, base * border, **dotted)
        if "total" in by_factor:
            low, high = panels.columns(by_factor["total"], "low", "high")
            axis.vlines(x, low, high, color=INK, linewidth=1)
        axis.set_xticks(x, [f"{severity:.0f}" for severity in x])
        if len(x) == 1:
            axis.set_xlim(x[0] - 1, x[0] + 1)
        axis.grid(axis="x", visible=False)
        axis.set_title(panels.panel_title(rows, corpus, probe))
    panels.label_left(figure, "bits per token")
    figure.axes[0].set_ylim(bottom=0)
    figure.axes[-1].set_xlabel("severity")
    by_chance = [Line2D([], [], label="borders by chance", **dotted)]
    panels.legend_below(figure, *(by_chance if len(panels.ordered(rows, "component")) > 2 else []))


def _draw_series(figure: Canvas, rows: list[Row]) -> None:
    """KL between seeds above, loss below, with a line per size of a series."""
    corpora = panels.grouped(rows, "corpus")
    lines = [name for name, _ in panels.grouped(rows, "size", "series")]
    grid = figure.subplots(2, len(corpora), sharex="col", squeeze=False)
    for (above, below), ((corpus,), panel) in zip(grid.T, corpora, strict=True):
        for name, line in panels.grouped(panel, "size", "series"):
            colour = COLOURS[lines.index(name) % len(COLOURS)]
            x, kl, low, high, nats = panels.columns(line, "step", "kl", "low", "high", "nats")
            above.fill_between(x, low, high, color=colour, alpha=0.15, linewidth=0)
            label = ", ".join(part for part in name if part)
            above.plot(x, kl, color=colour, marker="o", markersize=3.5, label=label)
            below.plot(x, nats, color=colour, marker="o", markersize=3.5)
        above.set_ylim(bottom=0)
        above.set_title(panels.panel_title(rows, corpus))
        steps = panels.finite(panel, "step")
        if steps.max() > 20 * max(np.median(steps), 1):
            below.set_xscale("symlog", linthresh=1)
        below.set_xlabel("training step")
    grid[0, 0].set_ylabel("KL, nats per token")
    grid[1, 0].set_ylabel("loss, nats per token")
    panels.legend_below(figure)


def _ribbon_inches(rows: list[Row]) -> tuple[float, float]:
    groups = len(panels.grouped(rows, "corpus", "probe"))
    return WIDTH, 0.5 + 1.9 * -(-groups // panels.columns_across(groups, most=4))


_ITEMS = (
    Figure("probe_curves", _draw_curves, panels.stacked(0.5, 2.2, "corpus", "probe", across=3),
        title="How differently seeds behave",
        alt="Mean KL divergence between seeds of a class against the severity of each probe",
        caption="Mean KL between two seeds of a class against severity; 0 is unchanged text, or "
        "the easiest of the synthetic windows. Bars and bands: {confidence} intervals over models "
        "and documents. Noise floor: a model against itself at another batch size and, on a CPU, "
        "with two threads.",
    ),
    Figure("checkpoint_series", _draw_series, panels.one_row(4.4),
        title="How seeds part during training",
        alt="KL divergence between seeds and their loss against the training step, for series of "
        "checkpoints",
        caption="Series of checkpoints: mean KL between two seeds of one step on unchanged text, "
        "and the mean loss on the measure split. Bands: {confidence} intervals over models and "
        "documents.",
    ),
    Figure("distance", _draw_distance, panels.stacked(0.9, 2.6, "corpus", "size", "variant",
        across=2),
        alt="KL between seeds as a share of predictive entropy against the distance from "
        "training, by class and probe",
        caption="The same as a share of predictive entropy, against the n-gram surprise of the "
        "context under counts of the train split. White dots: start of a probe. KL in nats can "
        "rise merely because predictions become less certain; this share cannot.",
    ),
    PageTable("trends"),
    Figure("behaviour_ribbon", _draw_ribbon, _ribbon_inches, title="What sets members apart",
        alt="Bits per token that go with size, variant and seed, by "
        "severity of each probe",
        caption="Information that a prediction carries about which member made it, "
        "I(Y; model | x), against severity. The chain rule splits it exactly into size, then "
        "variant, then seeds; joint effects go to the later factor. Dotted: expected borders if "
        "members differed by independent noise alone; only the excess counts for a factor. "
        "Lines: {confidence} intervals of the total over documents, for these members.",
    ),
    PageTable("contested"),
)  # fmt: skip
PARTS = (SectionPart("probes", 1, _ITEMS),)
