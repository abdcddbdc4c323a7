"""Figures of probes and of behaviour on them: each draws the answer of one query.

Lines have the colour of their variant, lighter for smaller models; bands and bars are intervals.
"""

from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import FigureBase
from matplotlib.lines import Line2D
from matplotlib.ticker import FuncFormatter, MaxNLocator

from manymasks.report import behaviour, maps
from manymasks.report.drawing import (
    COLOURS,
    INK,
    MARKERS,
    MUTED,
    WIDTH,
    Draw,
    Figure,
    Row,
    across_of,
    class_name,
    colour_of,
    columns,
    finite,
    grouped,
    legend_below,
    mark_floor,
    ordered,
    panels_of,
    place_of,
    prefix,
    sizes_of,
    tall,
    tint,
)

FACTORS = {
    "size": ("size", COLOURS[0]),
    "variant": ("variant", COLOURS[1]),
    "seed_init": ("initial weights", COLOURS[4]),
    "seed_order": ("data order", COLOURS[5]),
}
"""Components of the behaviour ANOVA, the first at the bottom."""
RELATIONS = {
    "seed": "seeds of a class",
    "variant": "two variants",
    "size": "two sizes",
    "size and variant": "both differ",
}
IN_PICTURE = 4
"""Probes that the picture of the README shows: those that go furthest from training."""


def main_probes(rows: list[Row]) -> list[Row]:
    """Rows of the probes that go furthest from training, where rows know their distance."""
    if "ngram_nats" not in rows[0]:
        return rows
    reach: dict[str, float] = {}
    for row in rows:
        if row["severity"] > 0:
            reach[row["probe"]] = max(reach.get(row["probe"], 0.0), row["ngram_nats"] or 0.0)
    kept = sorted(reach, key=lambda probe: (-reach[probe], probe))[:IN_PICTURE]
    # Where no probe has severities, what there is of them is shown.
    return [row for row in rows if row["probe"] in kept or not kept]


def draw_curves(figure: FigureBase, rows: list[Row]) -> None:
    """A panel a probe with a line a class: KL by severity, the noise floor as a band."""
    panels = grouped(rows, "corpus", "probe")
    variants, sizes = ordered(rows, "variant"), sizes_of(rows)
    across = across_of(len(panels))
    axes = panels_of(figure, len(panels), across=across)
    for axis, ((corpus, probe), panel) in zip(axes, panels, strict=True):
        lines = grouped(panel, "size", "variant")
        for place, ((size, variant), line) in enumerate(lines):
            x, y, low, high = columns(line, "severity", "kl", "low", "high")
            colour = tint(colour_of(variant, variants), size, sizes)
            # Side by side, or the intervals hide each other.
            x = x + 0.07 * (place - (len(lines) - 1) / 2)
            axis.fill_between(x, low, high, color=colour, alpha=0.08, linewidth=0)
            axis.vlines(x, low, high, color=colour, linewidth=1)
            marker = MARKERS[sizes.index(size) % len(MARKERS)]
            label = class_name(size, variant, sizes)
            axis.plot(x, y, color=colour, marker=marker, markersize=3.5, label=label)
        _scale(axis, panel)
        floors = finite(panel, "floor")
        if floors.size:
            bottom = axis.get_ylim()[0]
            if floors.max() > bottom:
                axis.axhspan(bottom, float(floors.max()), color=MUTED, alpha=0.12, linewidth=0)
            mark_floor(axis, float(floors.max()))
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
        axis.set_title(f"{prefix(rows, 'corpus', corpus)}{probe}")
    for axis in axes[::across]:
        axis.set_ylabel("KL, nats per token")
    axes[-1].set_xlabel("severity, and share of context changed")
    legend_below(figure, axes)


def draw_furthest(figure: FigureBase, rows: list[Row]) -> None:
    """The same of the probe alone that goes furthest from training."""
    draw_curves(figure, [row for row in rows if row["is_furthest"]] or rows)


def _scale(axis: Axes, panel: list[Row]) -> None:
    values = finite(panel, "low", "kl", "high")
    values = values[values > 0]
    if values.size and values.max() > 8 * values.min():
        axis.set_yscale("log")
        axis.yaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))
    else:
        axis.set_ylim(bottom=0)


def _draw_distance(figure: FigureBase, rows: list[Row]) -> None:
    panels = grouped(rows, "corpus", "size", "variant")
    probes = [probe for (probe,), _ in grouped(rows, "probe")]
    sizes = sizes_of(rows)
    axes = panels_of(figure, len(panels), across=2, sharey=True)
    for place, (axis, ((corpus, size, variant), panel)) in enumerate(
        zip(axes, panels, strict=True)
    ):
        for (probe,), line in grouped(panel, "probe"):
            x, y = columns(line, "ngram_nats", "entropy_share")
            at = probes.index(probe)
            colour, marker = COLOURS[at % len(COLOURS)], MARKERS[at // len(COLOURS) % len(MARKERS)]
            axis.plot(
                x, 100 * y, color=colour, marker=marker, markersize=3.5, linewidth=1, label=probe
            )
            # Where it begins, so that a line has a direction.
            axis.plot(x[:1], 100 * y[:1], color="white", marker=marker, markersize=1.6)
        name = class_name(size, variant, sizes)
        axis.set_title(f"{prefix(rows, 'corpus', corpus)}{name}")
        if place % 2 == 0:
            axis.set_ylabel("KL of a pair,\n% of predictive entropy")
        if place >= len(panels) - 2:
            axis.set_xlabel("distance: n-gram surprise of the context, nats")
    axes[0].set_ylim(bottom=0)
    legend_below(figure, axes)


def _draw_ribbon(figure: FigureBase, rows: list[Row]) -> None:
    """A panel a probe: bits per token that go with each factor, one above the other.

    Dotted lines: where their borders would be if members differed by independent noise alone.
    """
    panels = grouped(rows, "corpus", "probe")
    across = across_of(len(panels), most=4)
    axes = panels_of(figure, len(panels), across=across, sharey=True)
    dotted: dict[str, Any] = {"color": INK, "linewidth": 0.9, "linestyle": (0, (1, 1.5))}
    for axis, ((corpus, probe), panel) in zip(axes, panels, strict=True):
        by_factor = {name: of for (name,), of in grouped(panel, "component")}
        x = np.array(sorted({row["severity"] for row in panel}), dtype=float)
        base, chance = np.zeros((2, len(x)))
        by_chance = []
        for factor, (label, colour) in FACTORS.items():
            if factor not in by_factor:
                continue
            bits, share = columns(by_factor[factor], "bits", "chance_share")
            chance = chance + share
            by_chance.append(chance)
            if len(x) == 1:
                axis.bar(x, bits, bottom=base, width=0.5, color=colour, label=label)
            else:
                axis.fill_between(x, base, base + bits, color=colour, label=label, linewidth=0)
            base = base + bits
        # The last border is the total, by chance or not.
        for border in by_chance[:-1]:
            if len(x) == 1:
                axis.hlines(base * border, x - 0.35, x + 0.35, **dotted)
            else:
                axis.plot(x, base * border, **dotted)
        if "total" in by_factor:
            low, high = columns(by_factor["total"], "low", "high")
            axis.vlines(x, low, high, color=INK, linewidth=1)
        axis.set_xticks(x, [f"{each:.0f}" for each in x])
        if len(x) == 1:
            axis.set_xlim(x[0] - 1, x[0] + 1)
        axis.grid(axis="x", visible=False)
        axis.set_title(f"{prefix(rows, 'corpus', corpus)}{probe}")
    for axis in axes[::across]:
        axis.set_ylabel("bits per token")
    axes[0].set_ylim(bottom=0)
    axes[-1].set_xlabel("severity")
    borders = [Line2D([], [], label="borders by chance", **dotted)]
    legend_below(figure, axes, *(borders if len(ordered(rows, "component")) > 2 else []))


def _draw_hidden(figure: FigureBase, rows: list[Row]) -> None:
    grid: Any = figure.subplots(
        len(grouped(rows, "corpus")), 2, sharex=True, sharey=True, squeeze=False
    )
    axes = []
    for line, ((corpus,), of) in zip(grid, grouped(rows, "corpus"), strict=True):
        places = grouped(of, "is_text", "probe", "severity")
        for unused in line[len(places) :]:
            unused.remove()
        for axis, (_, panel) in zip(line, places, strict=False):
            axes.append(axis)
            for place, ((relation,), points) in enumerate(grouped(panel, "relation")):
                x, y = columns(points, "visible", "hidden")
                colour = COLOURS[list(RELATIONS).index(relation)]
                # The pairs that one asks about, the first, lie on top.
                axis.scatter(
                    x, y, s=14, color=colour, alpha=0.75, linewidth=0, zorder=3 - 0.1 * place,
                    label=RELATIONS[relation],
                )  # fmt: skip
            axis.set_xscale("log")
            axis.set_yscale("log")
            ends = finite(rows, "hidden")
            ends = ends[ends > 0]
            if ends.size:
                low, high = float(ends.min()), float(ends.max()) * 1.01
                equal = {"color": MUTED, "linewidth": 0.9, "linestyle": (0, (4, 2))}
                axis.axline((low, low), (high, high), **equal)
            axis.set_title(f"{prefix(rows, 'corpus', corpus)}{place_of(panel[0])}")
            axis.set_xlabel("visible: difference of loss, nats")
        line[0].set_ylabel("hidden: half the variance\nof the log ratio, nats")
    legend_below(figure, axes)


def _draw_residuals(figure: FigureBase, rows: list[Row]) -> None:
    panels = grouped(rows, "corpus", "probe")
    variants, sizes = ordered(rows, "variant"), sizes_of(rows)
    across = across_of(len(panels))
    axes = panels_of(figure, len(panels), across=across)
    for axis, ((corpus, probe), panel) in zip(axes, panels, strict=True):
        first = panel[0]
        axis.axhline(0, color=INK, linewidth=0.9)
        if first["residual_sd_noise"] is not None:
            noise = float(first["residual_sd_noise"])
            axis.axhspan(-noise, noise, color=MUTED, alpha=0.14, linewidth=0)
        for (size, variant), of in grouped(panel, "size", "variant"):
            x, y, low, high = columns(of, "text_nats", "residual", "low", "high")
            colour = tint(colour_of(variant, variants), size, sizes)
            marker = MARKERS[sizes.index(size) % len(MARKERS)]
            axis.vlines(x, low, high, color=colour, linewidth=1)
            label = class_name(size, variant, sizes)
            axis.plot(
                x, y, linestyle="none", color=colour, marker=marker, markersize=4, label=label
            )
        r2 = "" if first["r2"] is None else f", R² {first['r2']:.2f}"
        name = f"{prefix(rows, 'corpus', corpus)}{probe}"
        axis.set_title(f"{name} {first['severity']}{r2}")
        axis.xaxis.set_major_locator(MaxNLocator(4))
    for axis in axes[::across]:
        axis.set_ylabel("off the line, nats")
    axes[-1].set_xlabel("loss on held-out text, nats")
    legend_below(figure, axes)


def _inches_of_ribbon(rows: list[Row]) -> tuple[float, float]:
    panels = len(grouped(rows, "corpus", "probe"))
    return WIDTH, 0.5 + 1.9 * -(-panels // across_of(panels, most=4))


FIGURES = (
    Figure("probe_curves", draw_curves, tall(0.5, 2.2, "corpus", "probe", across=3)),
    Figure("distance", _draw_distance, tall(0.9, 2.6, "corpus", "size", "variant", across=2)),
    Figure("behaviour_ribbon", _draw_ribbon, _inches_of_ribbon),
    Figure("hidden", _draw_hidden, tall(0.5, 3.0, "corpus")),
    Figure("line_residuals", _draw_residuals, tall(0.5, 2.1, "corpus", "probe", across=3)),
    *maps.FIGURES,
    *behaviour.FIGURES,
)
TABLES = ("trends", "contested")


def _main(draw: Draw) -> Draw:
    """The same of the first corpus, and of the probes that go furthest."""
    return lambda figure, rows: draw(figure, main_probes(grouped(rows, "corpus")[0][1]))


PARTS = (
    ("Seeds of one class, further and further from text", "probe_curves", _main(draw_curves)),
    ("What sets members apart, in bits a token", "behaviour_ribbon", _main(_draw_ribbon)),
    ("Members by how differently they behave", "behaviour_map", _main(maps.draw_map)),
    ("How long two members write the same", "survival", _main(behaviour.draw_survival)),
    ("What a search finds, and what of it holds", "search", _main(behaviour.draw_search)),
    ("How sure and how right", "reliability", _main(behaviour.draw_reliability)),
)
"""Of the picture of probes, which shows the first four that there is data for."""
