"""Figures and tables of sets of equally good models: how many, and how differently they behave."""

from html import escape
from typing import Any

import numpy as np
from matplotlib.lines import Line2D
from matplotlib.ticker import MaxNLocator

from manymasks.kinds.set_metrics import METRICS
from manymasks.report import panels
from manymasks.report.drawing import WIDTH, Canvas, Figure, Row
from manymasks.report.section import PageTable, SectionPart
from manymasks.report.style import DASHED, DOTTED, FRAME, INIT_COLOUR, INK, MUTED, ORDER_COLOUR

MEASURES = {"nats": "loss", "kl": "KL of pairs", "top1_disagreement": "top-1 disagreement of pairs"}
COMPONENTS = {
    "init": ("initial weights", INIT_COLOUR),
    "order": ("data order", ORDER_COLOUR),
    "rest": ("interaction and residual", FRAME),
}
CURVE = (
    ("share", "count: share of models\nunder one loss"),
    ("log_radius", "volume: log-volume\nper weight, nats"),
    ("kl", "diversity: KL of a pair,\nnats per token"),
)


def _draw_curve(figure: Canvas, rows: list[Row]) -> None:
    groups = panels.grouped(rows, "corpus")
    shown = [(name, label) for name, label in CURVE if panels.finite(rows, name).size]
    grid: Any = figure.subplots(len(groups), len(shown), squeeze=False)
    variants = panels.ordered(rows, "variant")
    for axes, ((corpus,), panel) in zip(grid, groups, strict=True):
        lines = panels.grouped(panel, "variant")
        for axis, (name, label) in zip(axes, shown, strict=True):
            for index, ((variant,), line) in enumerate(lines):
                x, y, low, high = panels.columns(
                    line, "parameters", name, f"{name}_low", f"{name}_high"
                )
                x = x * 1.035 ** panels.centred(index, len(lines))
                colour, marker = panels.colour_at(variant, variants), panels.marker_at(index)
                axis.vlines(x, low, high, color=colour, linewidth=1.4)
                axis.plot(x, y, color=colour, marker=marker, markersize=5, label=variant)
            if name == "share":
                axis.set_ylim(-0.04, 1.04)
                threshold = f"at {panel[0]['threshold_nats']:.3f} nats"
                axis.set_title(panels.panel_title(rows, corpus, threshold))
            panels.size_axis(axis, panel)
            axis.margins(x=0.2)
            axis.set_ylabel(label)
    grid[0][0].legend(*panels.legend_entries(figure), loc="best")


def _metrics(rows: list[Row]) -> list[str]:
    return list(dict.fromkeys(row["metric"] for row in rows))


def _draw_metrics(figure: Canvas, rows: list[Row]) -> None:
    """Members of the sets first, then a panel per metric."""
    metrics = _metrics(rows)
    corpora = panels.grouped(rows, "corpus")
    axes = panels.panel_grid(figure, len(corpora) * (1 + len(metrics)))
    for i, ((corpus,), panel) in enumerate(corpora):
        counted, *others = axes[i * (1 + len(metrics)) : (i + 1) * (1 + len(metrics))]
        # Every metric has a row for each set, with the number of its members.
        for line in panels.class_lines(panels.grouped(panel, "metric")[0][1], rows):
            x, y = panels.columns(line.rows, "eps_nats", "models")
            counted.plot(x, y, markersize=4, linewidth=1.3, **line.style)
        counted.set_ylabel("members of the set")
        counted.set_ylim(bottom=0)
        counted.yaxis.set_major_locator(MaxNLocator(5, integer=True))
        counted.set_title(panels.panel_title(rows, corpus))
        for axis, metric in zip(others, metrics, strict=True):
            for line in panels.class_lines([row for row in panel if row["metric"] == metric], rows):
                x, y, low, high, resampled = panels.columns(
                    line.rows, "eps_nats", "value", "low", "high", "resampled"
                )
                axis.fill_between(x, low, high, color=line.colour, alpha=0.15, linewidth=0)
                axis.plot(x, resampled, color=line.colour, linewidth=1, linestyle=DOTTED)
                axis.plot(x, y, markersize=4, linewidth=1.3, **line.style)
            axis.set_ylabel(f"{METRICS[metric].label},\n{METRICS[metric].unit}")
            axis.yaxis.set_major_locator(MaxNLocator(5))
    for axis in axes:
        axis.xaxis.set_major_locator(MaxNLocator(4))
        axis.set_xlabel("eps, nats per token")
    dotted = Line2D([], [], color=MUTED, linewidth=1, linestyle=DOTTED, label="resampled")
    panels.legend_below(figure, dotted)


def _draw_rarefaction(figure: Canvas, rows: list[Row]) -> None:
    across = panels.columns_across(len(panels.grouped(rows, "corpus", "metric")))
    for axis, (corpus, metric), panel in panels.panels_by(
        figure, rows, "corpus", "metric", across=across
    ):
        for line in panels.class_lines(panel, rows):
            x, y, low, high = panels.columns(line.rows, "members_used", "value", "low", "high")
            axis.fill_between(x, low, high, color=line.colour, alpha=0.15, linewidth=0)
            axis.plot(x, y, markersize=4, linewidth=1.3, **line.style)
        axis.xaxis.set_major_locator(MaxNLocator(6, integer=True))
        axis.set_xlabel("members drawn")
        if metric in METRICS:
            label = f"{METRICS[metric].label}, {METRICS[metric].unit}"
        else:
            label = "patterns of passing probes"
        axis.set_title(panels.panel_title(rows, corpus, label))
    panels.legend_below(figure)


def _draw_effective(figure: Canvas, rows: list[Row]) -> None:
    for axis, (corpus,), panel in panels.panels_by(figure, rows, "corpus", sharey=True):
        for line in panels.class_lines(panel, rows):
            (x,) = panels.columns(line.rows, "effective_models")
            x = np.sort(x)
            share = 1 - np.arange(len(x)) / len(x)
            label = f"{line.label}: {line.rows[0]['models']} members, mean {x.mean():.2f}"
            axis.step([1, *x], [1, *share], where="pre", color=line.colour, label=label)
        axis.set_ylim(0, 1.02)
        axis.set_xlim(left=1)
        axis.set_xlabel("effective models, 2 to the power of the capacity in bits")
        axis.legend(loc="upper right")
        axis.set_title(panels.panel_title(rows, corpus))
    figure.axes[0].set_ylabel("share of tokens with at least as many")


def _draw_ranges(figure: Canvas, rows: list[Row]) -> None:
    variants, sizes = panels.ordered(rows, "variant"), panels.sizes_by_weights(rows)
    groups = panels.panels_by(figure, rows, "corpus", "size", "variant", across=2, sharey=True)
    for axis, (corpus, size, variant), panel in groups:
        low, high = panels.columns(panel, "p_low", "p_high")
        x = (np.arange(len(low)) + 0.5) / len(low)
        colour = panels.colour_at(variant, variants)
        axis.vlines(x, low, high, color=colour, linewidth=180 / max(len(low), 100))
        axis.plot(x, (low + high) / 2, color=INK, linewidth=0.8)
        axis.set_xlim(0, 1)
        axis.set_ylim(0, 1)
        members = f"{panel[0]['models']} members, mean width {(high - low).mean():.3f}"
        name = panels.class_label(size, variant, sizes)
        axis.set_title(panels.panel_title(rows, corpus, f"{name}: {members}"))
        axis.grid(axis="x", visible=False)
    panels.label_left(figure, "probability of the\ntrue token")
    for axis in figure.axes[-2:]:
        axis.set_xlabel("tokens, from the least expected")


def _draw_components(figure: Canvas, rows: list[Row]) -> None:
    classes = panels.grouped(rows, "corpus", "size", "variant")
    sizes = panels.sizes_by_weights(rows)
    groups = sorted(
        panels.grouped(rows, "measure"), key=lambda panel: list(MEASURES).index(panel[0][0])
    )
    axes = panels.panel_grid(figure, len(groups), sharey=True)
    names = [
        panels.panel_title(rows, corpus, panels.class_label(size, variant, sizes))
        for (corpus, size, variant), _ in classes
    ]
    index = {key: i for i, (key, _) in enumerate(classes)}
    for axis, ((measure,), panel) in zip(axes, groups, strict=True):
        for (component,), line in panels.grouped(panel, "component"):
            label, colour = COMPONENTS[component]
            shift = 0.26 * (list(COMPONENTS).index(component) - 1)
            y = np.array([index[row["corpus"], row["size"], row["variant"]] for row in line])
            x, low, high = panels.columns(line, "share", "low", "high")
            axis.barh(y + shift, x, height=0.22, color=colour, label=label)
            axis.hlines(y + shift, low, high, color=INK, linewidth=1.1)
        axis.set_title(MEASURES[measure])
        axis.axvline(0, color=INK, linewidth=0.8)
        axis.set_xlabel("share")
        axis.set_yticks(range(len(names)), names)
        axis.set_ylim(len(names) - 0.5, -0.5)
        axis.tick_params(axis="y", length=0, colors=INK)
        axis.grid(axis="y", visible=False)
    panels.legend_below(figure)


def _draw_funnel(figure: Canvas, rows: list[Row]) -> None:
    groups = panels.grouped(rows, "corpus", "size")
    variants = panels.ordered([row for row in rows if row["variant"]], "variant")
    grid: Any = figure.subplots(len(groups), 2, sharex="row", squeeze=False)
    for (left, right), ((corpus, size), panel) in zip(grid, groups, strict=True):
        for index, ((variant,), line) in enumerate(panels.grouped(panel, "variant")):
            colour = INK if variant is None else panels.colour_at(variant, variants)
            label = "all variants" if variant is None else variant
            x, y, low, high, independent = panels.columns(
                line,
                "constraints",
                "survivors",
                "survivors_lower_quantile",
                "survivors_upper_quantile",
                "independent",
            )
            # Shifted, since equal lines would hide each other.
            x = x + 0.05 * index
            left.fill_between(x, low, high, color=colour, alpha=0.13, linewidth=0)
            left.plot(x, y, color=colour, marker="o", markersize=3, linewidth=1.3, label=label)
            left.plot(x, independent, color=colour, linewidth=1, linestyle=DASHED)
            y, low, high = panels.columns(line, "kl", "kl_lower_quantile", "kl_upper_quantile")
            right.fill_between(x, low, high, color=colour, alpha=0.13, linewidth=0)
            right.plot(x, y, color=colour, marker="o", markersize=3, linewidth=1.3)
        left.set_ylim(bottom=0)
        left.set_title(panels.panel_title(rows, corpus, size))
        left.set_ylabel("models left")
        right.set_ylabel("KL of a pair,\nnats per token")
        left.xaxis.set_major_locator(MaxNLocator(integer=True))
    for axis in grid[-1]:
        axis.set_xlabel("constraints")
    dashed = Line2D([], [], color=MUTED, linewidth=1, linestyle=DASHED, label="if independent")
    panels.legend_below(figure, dashed)


def _metrics_inches(rows: list[Row]) -> tuple[float, float]:
    groups = len(panels.grouped(rows, "corpus")) * (1 + len(_metrics(rows)))
    return WIDTH, 0.5 + 2.2 * -(-groups // 3)


def _metrics_caption(rows: list[Row]) -> str:
    metrics = [METRICS[name] for name in _metrics(rows)]
    definitions = [f"<b>{metric.label}</b>: {escape(metric.meaning)}." for metric in metrics]
    return (
        f"Metrics of each set against its threshold eps. {' '.join(definitions)} Bands: "
        "{confidence} intervals, over documents for metrics that can only grow with members and "
        "over models and documents for the others. Dotted: mean over the sets that document "
        "resamples of the select split give, which weights members by their probability of "
        "being in the set."
    )


def _metrics_note(rows: list[Row]) -> str:
    growing = [name for name in _metrics(rows) if METRICS[name].can_only_grow]
    labels = ", ".join(METRICS[name].label for name in growing)
    return (
        f"Lower bounds for the class, since they can only grow with members: {labels}. Compare "
        "these between classes only at equal numbers."
    )


_ITEMS = (
    Figure("rashomon_curve", _draw_curve, panels.stacked(0.4, 2.7, "corpus"),
        title="Does the larger class hold more models, and do they differ more?",
        alt="Share of models under one loss, local log-volume per weight and KL between members "
        "against size, with intervals",
        caption="Count, volume and diversity against size. Left: share of a class's trained "
        "members under one loss, the median over all members of the corpus; {confidence} Wilson "
        "intervals. Middle: log of how far weights can move in random directions, relative to "
        "their size, before the loss rises by eps; mean over members, {confidence} t intervals. "
        "Right: KL between two members on held-out text; {confidence} intervals over models and "
        "documents.",
        note="The left panel applies one loss to all classes: more members below it means a "
        "better class, and little else. (The claims below compare two classes at the median of "
        "those two.) The middle panel describes the neighbourhood of trained members, per weight; "
        "sizes are comparable only in that sense.",
    ),
    Figure("set_metrics", _draw_metrics, _metrics_inches, title="Metrics against the threshold",
        alt="Members of each set and metrics of their diversity against eps",
        caption=_metrics_caption,
        note=_metrics_note,
    ),
    Figure("rarefaction", _draw_rarefaction, panels.stacked(0.5, 2.3, "corpus", "metric", across=3),
        title="At equal numbers",
        alt="Metrics against the number of members that are drawn from a set",
        caption="Metrics against the number of members used: exact mean over all subsets of that "
        "number from the largest set of trained members. Patterns: expected number of distinct "
        "ways to pass and fail the probes.",
    ),
    Figure("effective_models", _draw_effective, panels.one_row(3.2, single=5.6),
        title="Token by token",
        alt="Share of tokens with at least as many effective models, by class",
        caption="Share of the kept tokens with at least the given effective number of models: how "
        "many members, each certain of a different token, would have the same capacity. It is 1 "
        "where all agree, and at most the number of members.",
    ),
    Figure("prediction_ranges", _draw_ranges,
        panels.stacked(0.3, 2.3, "corpus", "size", "variant", across=2),
        alt="Lowest to highest probability of the true token over the members of a set, tokens "
        "in order, by class",
        caption="Viable prediction ranges: lowest to highest probability that a member gives to "
        "the true token. Tokens are in the order of the midpoints (black).",
    ),
    Figure("variance_components", _draw_components, panels.stacked(1.1, 0.5, "corpus", "size",
        "variant"), title="Which seed matters",
        alt="Shares of the variance of loss and of the divergence of pairs that go with initial "
        "weights, data order and the rest",
        caption="Shares of the variance of the loss over members, and of the divergence of pairs "
        "that share neither seed. Lines: {confidence} intervals, given for at least three seeds "
        "of a kind; with fewer, a share says little.",
    ),
    Figure("funnel", _draw_funnel, panels.stacked(0.4, 2.3, "corpus", "size"),
        title="Models left as constraints are added",
        alt="Models left and their KL as constraints are added, by size and variant, beside what "
        "independence would leave",
        caption="Models left, and KL between two of them on held-out text, against the number of "
        "constraints, averaged over random orders. A constraint keeps the models whose loss on a "
        "part of the measure split or on a probe is near the best; for all variants of a size, "
        "excluding one variant is a constraint too. Bands: {confidence} of orders. Dashed: models "
        "left if constraints were independent. Lines are shifted sideways for legibility.",
    ),
    PageTable("headroom"),
    PageTable("method_yield"),
)  # fmt: skip
PARTS = (SectionPart("sets", 1, _ITEMS),)
