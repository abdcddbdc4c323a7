"""Figures of sets of equally good models: each draws the answer of one query.

Lines have the colour of their variant, lighter for smaller models; bands and bars are intervals.
"""

from typing import Any

import numpy as np
from matplotlib.figure import FigureBase
from matplotlib.lines import Line2D
from matplotlib.ticker import MaxNLocator

from manymasks.report.drawing import (
    COLOURS,
    INK,
    MARKERS,
    MUTED,
    WIDTH,
    Figure,
    Row,
    across_of,
    class_name,
    colour_of,
    columns,
    entries,
    finite,
    grouped,
    legend_below,
    of_first_corpus,
    ordered,
    panels_of,
    prefix,
    sizes_of,
    tall,
    tint,
    wide,
)

METRICS = {
    "ambiguity": "ambiguity,\nshare of tokens",
    "discrepancy": "discrepancy,\nshare of tokens",
    "kl": "KL of a pair,\nnats per token",
    "effective_models": "effective models\nper token",
    "ensemble_gain": "gain by averaging,\nnats per token",
}
"""What the figure against eps shows, and the labels of its axes."""
RAREFIED = {
    "ambiguity": "ambiguity, share of tokens",
    "pair_ambiguity": "any two differ, share of tokens",
    "distinct_top1": "distinct first tokens",
    "patterns": "patterns of passing probes",
}
MEASURES = {
    "nats": "loss",
    "kl": "KL of pairs",
    "top1_disagreement": "other first token, pairs",
}
COMPONENTS = {
    "init": ("initial weights", COLOURS[4]),
    "order": ("data order", COLOURS[5]),
    "rest": ("both together, and chance", "#9ca3af"),
}
"""Their colours are none that the first variants have."""
CURVE = (
    ("share", "how many: share of models\nunder one loss"),
    ("log_radius", "how much room: log-volume\nper weight, nats"),
    ("kl", "how different: KL of a pair,\nnats per token"),
)
DASHED: Any = (0, (4, 2))
DOTTED: Any = (0, (1, 1.5))


def _classes(rows: list[Row]) -> list[tuple[str, Any, str, list[Row]]]:
    """Name, colour, marker and rows of each class, in the order of the query."""
    variants, sizes = ordered(rows, "variant"), sizes_of(rows)
    return [
        (
            class_name(size, variant, sizes),
            tint(colour_of(variant, variants), size, sizes),
            MARKERS[sizes.index(size) % len(MARKERS)],
            of,
        )
        for (size, variant), of in grouped(rows, "size", "variant")
    ]


def _draw_curve(figure: FigureBase, rows: list[Row]) -> None:
    panels = grouped(rows, "corpus")
    shown = [(name, label) for name, label in CURVE if finite(rows, name).size]
    grid: Any = figure.subplots(len(panels), len(shown), squeeze=False)
    variants = ordered(rows, "variant")
    for axes, ((corpus,), panel) in zip(grid, panels, strict=True):
        lines = grouped(panel, "variant")
        for axis, (name, label) in zip(axes, shown, strict=True):
            for place, ((variant,), line) in enumerate(lines):
                x, y, low, high = columns(line, "parameters", name, f"{name}_low", f"{name}_high")
                # Side by side on the logarithmic axis, or the intervals hide each other.
                x = x * 1.035 ** (place - (len(lines) - 1) / 2)
                colour, marker = colour_of(variant, variants), MARKERS[place % len(MARKERS)]
                axis.vlines(x, low, high, color=colour, linewidth=1.4)
                axis.plot(x, y, color=colour, marker=marker, markersize=5, label=variant)
            if name == "share":
                axis.set_ylim(-0.04, 1.04)
                axis.set_title(
                    f"{prefix(rows, 'corpus', corpus)}at {panel[0]['threshold_nats']:.3f} nats"
                )
            axis.set_xscale("log")
            named = {row["parameters"]: row["size"] for row in panel if row["parameters"]}
            axis.set_xticks(list(named), [f"{size}\n{n:,}" for n, size in named.items()])
            axis.set_xticks([], minor=True)
            axis.margins(x=0.2)
            axis.grid(axis="x", visible=False)
            axis.set_ylabel(label)
            axis.set_xlabel("size, weights")
    grid[0][0].legend(*entries(grid.flat), loc="best")


def _metrics(rows: list[Row]) -> list[str]:
    """What is drawn of a corpus: the members of its sets first."""
    found = {row["metric"] for row in rows}
    return ["models", *(metric for metric in METRICS if metric in found)]


def _draw_metrics(figure: FigureBase, rows: list[Row]) -> None:
    panels = [(of, metric) for of in grouped(rows, "corpus") for metric in _metrics(rows)]
    axes = panels_of(figure, len(panels))
    for axis, (((corpus,), of), metric) in zip(axes, panels, strict=True):
        # Each metric has a row for each set: any of them knows how many members the set has.
        counted = metric == "models"
        named = of[0]["metric"] if counted else metric
        for name, colour, marker, line in _classes(of):
            line = [row for row in line if row["metric"] == named]
            x, y, low, high, resampled = columns(
                line, "eps_nats", "models" if counted else "value", "low", "high", "resampled"
            )
            if not counted:
                axis.fill_between(x, low, high, color=colour, alpha=0.15, linewidth=0)
                axis.plot(x, resampled, color=colour, linewidth=1, linestyle=DOTTED)
            axis.plot(x, y, color=colour, marker=marker, markersize=4, linewidth=1.3, label=name)
        axis.set_ylabel("members of the set" if counted else METRICS[metric])
        axis.yaxis.set_major_locator(MaxNLocator(5, integer=counted))
        axis.xaxis.set_major_locator(MaxNLocator(4))
        if counted:
            axis.set_ylim(bottom=0)
            if title := prefix(rows, "corpus", corpus):
                axis.set_title(title.removesuffix(", "))
        axis.set_xlabel("eps, nats per token")
    dotted = Line2D([], [], color=MUTED, linewidth=1, linestyle=DOTTED, label="resampled")
    legend_below(figure, axes, dotted)


def _draw_effective(figure: FigureBase, rows: list[Row]) -> None:
    panels = grouped(rows, "corpus")
    axes = panels_of(figure, len(panels), sharey=True)
    for axis, ((corpus,), panel) in zip(axes, panels, strict=True):
        for name, colour, _, line in _classes(panel):
            (x,) = columns(line, "effective_models")
            x = np.sort(x)
            share = 1 - np.arange(len(x)) / len(x)
            label = f"{name}: {line[0]['models']} members, mean {x.mean():.2f}"
            axis.step([1, *x], [1, *share], where="pre", color=colour, label=label)
        axis.set_ylim(0, 1.02)
        axis.set_xlim(left=1)
        axis.set_xlabel("effective models, 2 to the power of the capacity in bits")
        axis.legend(loc="upper right")
        if title := prefix(rows, "corpus", corpus):
            axis.set_title(title.removesuffix(", "))
    axes[0].set_ylabel("share of tokens with at least so many")


def _draw_ranges(figure: FigureBase, rows: list[Row]) -> None:
    panels = grouped(rows, "corpus", "size", "variant")
    variants, sizes = ordered(rows, "variant"), sizes_of(rows)
    axes = panels_of(figure, len(panels), across=2, sharey=True)
    for place, (axis, ((corpus, size, variant), panel)) in enumerate(
        zip(axes, panels, strict=True)
    ):
        low, high = columns(panel, "p_low", "p_high")
        x = (np.arange(len(low)) + 0.5) / len(low)
        colour = colour_of(variant, variants)
        axis.vlines(x, low, high, color=colour, linewidth=180 / max(len(low), 100))
        axis.plot(x, (low + high) / 2, color=INK, linewidth=0.8)
        axis.set_xlim(0, 1)
        axis.set_ylim(0, 1)
        members = f"{panel[0]['models']} members, mean width {(high - low).mean():.3f}"
        name = class_name(size, variant, sizes)
        axis.set_title(f"{prefix(rows, 'corpus', corpus)}{name}: {members}")
        axis.grid(axis="x", visible=False)
        if place % 2 == 0:
            axis.set_ylabel("probability of the\ntrue token")
        if place >= len(panels) - 2:
            axis.set_xlabel("tokens, from the least expected")


def _draw_rarefaction(figure: FigureBase, rows: list[Row]) -> None:
    panels = grouped(rows, "corpus", "metric")
    axes = panels_of(figure, len(panels), across=across_of(len(panels)))
    for axis, ((corpus, metric), panel) in zip(axes, panels, strict=True):
        for name, colour, marker, line in _classes(panel):
            x, y, low, high = columns(line, "members_used", "value", "low", "high")
            axis.fill_between(x, low, high, color=colour, alpha=0.15, linewidth=0)
            axis.plot(x, y, color=colour, marker=marker, markersize=4, linewidth=1.3, label=name)
        axis.xaxis.set_major_locator(MaxNLocator(6, integer=True))
        axis.set_xlabel("members drawn")
        label = RAREFIED.get(metric, metric.replace("_", " "))
        axis.set_title(f"{prefix(rows, 'corpus', corpus)}{label}")
    legend_below(figure, axes)


def _draw_components(figure: FigureBase, rows: list[Row]) -> None:
    classes = grouped(rows, "corpus", "size", "variant")
    sizes = sizes_of(rows)
    panels = sorted(grouped(rows, "measure"), key=lambda each: list(MEASURES).index(each[0][0]))
    axes = panels_of(figure, len(panels), sharey=True)
    names = [
        f"{prefix(rows, 'corpus', corpus)}{class_name(size, variant, sizes)}"
        for (corpus, size, variant), _ in classes
    ]
    places = {key: place for place, (key, _) in enumerate(classes)}
    for axis, ((measure,), panel) in zip(axes, panels, strict=True):
        for (component,), of in grouped(panel, "component"):
            label, colour = COMPONENTS[component]
            shift = 0.26 * (list(COMPONENTS).index(component) - 1)
            y = np.array([places[row["corpus"], row["size"], row["variant"]] for row in of]) + shift
            x, low, high = columns(of, "share", "low", "high")
            axis.barh(y, x, height=0.22, color=colour, label=label)
            axis.hlines(y, low, high, color=INK, linewidth=1.1)
        axis.set_title(MEASURES[measure])
        axis.axvline(0, color=INK, linewidth=0.8)
        axis.set_xlabel("share")
        axis.set_yticks(range(len(names)), names)
        axis.set_ylim(len(names) - 0.5, -0.5)
        axis.tick_params(axis="y", length=0, colors=INK)
        axis.grid(axis="y", visible=False)
    legend_below(figure, axes)


def _draw_funnel(figure: FigureBase, rows: list[Row]) -> None:
    panels = grouped(rows, "corpus", "size")
    variants = ordered([row for row in rows if row["variant"]], "variant")
    grid: Any = figure.subplots(len(panels), 2, sharex="row", squeeze=False)
    for (left, right), ((corpus, size), panel) in zip(grid, panels, strict=True):
        for place, ((variant,), line) in enumerate(grouped(panel, "variant")):
            colour: Any = INK if variant is None else colour_of(variant, variants)
            label = "all variants" if variant is None else variant
            x, y, low, high, independent = columns(
                line, "constraints", "survivors", "survivors_low", "survivors_high", "independent"
            )
            # Side by side, or equal lines hide each other.
            x = x + 0.05 * place
            left.fill_between(x, low, high, color=colour, alpha=0.13, linewidth=0)
            left.plot(x, y, color=colour, marker="o", markersize=3, linewidth=1.3, label=label)
            left.plot(x, independent, color=colour, linewidth=1, linestyle=DASHED)
            y, low, high = columns(line, "kl", "kl_low", "kl_high")
            right.fill_between(x, low, high, color=colour, alpha=0.13, linewidth=0)
            right.plot(x, y, color=colour, marker="o", markersize=3, linewidth=1.3)
        left.set_ylim(bottom=0)
        left.set_title(f"{prefix(rows, 'corpus', corpus)}{size}")
        left.set_ylabel("models left")
        right.set_ylabel("KL of a pair,\nnats per token")
        left.xaxis.set_major_locator(MaxNLocator(integer=True))
    for axis in grid[-1]:
        axis.set_xlabel("constraints")
    dashed = Line2D([], [], color=MUTED, linewidth=1, linestyle=DASHED, label="if independent")
    legend_below(figure, list(grid[:, 0]), dashed)


def _inches_of_metrics(rows: list[Row]) -> tuple[float, float]:
    return WIDTH, 0.5 + 2.2 * -(-len(_metrics(rows)) * len(grouped(rows, "corpus")) // 3)


FIGURES = (
    Figure("rashomon_curve", _draw_curve, tall(0.4, 2.7, "corpus")),
    Figure("set_metrics", _draw_metrics, _inches_of_metrics),
    Figure("effective_models", _draw_effective, wide(3.2, alone=5.6)),
    Figure(
        "prediction_ranges", _draw_ranges, tall(0.3, 2.3, "corpus", "size", "variant", across=2)
    ),
    Figure("rarefaction", _draw_rarefaction, tall(0.5, 2.3, "corpus", "metric", across=3)),
    Figure("variance_components", _draw_components, tall(1.1, 0.5, "corpus", "size", "variant")),
    Figure("funnel", _draw_funnel, tall(0.4, 2.3, "corpus", "size")),
)
TABLES = ("headroom", "method_yield")
PARTS = (
    ("Size against count, volume and spread", "rashomon_curve", of_first_corpus(_draw_curve)),
    (
        "How many models a set amounts to, token by token",
        "effective_models",
        of_first_corpus(_draw_effective),
    ),
    ("The more constraints, the fewer models", "funnel", of_first_corpus(_draw_funnel)),
    ("Which seed matters", "variance_components", of_first_corpus(_draw_components)),
)
"""Of the picture of sets."""
