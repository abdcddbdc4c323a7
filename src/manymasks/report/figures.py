"""The figures of loss and of what myopia costs: each draws the answer of one query."""

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import FigureBase
from matplotlib.lines import Line2D
from matplotlib.ticker import MaxNLocator

from manymasks.report.drawing import (
    GRID,
    INK,
    MARKERS,
    MUTED,
    WIDTH,
    Figure,
    Row,
    colour_of,
    columns,
    finite,
    grouped,
    only_one,
    ordered,
    panels_of,
    prefix,
    sizes_of,
    tint,
    wide,
)
from manymasks.report.probes import draw_furthest


def _draw_loss(figure: FigureBase, rows: list[Row]) -> None:
    panels = grouped(rows, "corpus", "size")
    variants = ordered(rows, "variant")
    shared = only_one(rows, "corpus")
    axes = panels_of(figure, len(panels), sharey=shared)
    last = max(row["step"] for row in rows)
    for axis, ((corpus, size), panel) in zip(axes, panels, strict=True):
        for (variant, split), line in grouped(panel, "variant", "split"):
            x, y, low, high = columns(line, "step", "nats", "low", "high")
            colour = colour_of(variant, variants)
            if split == "select":
                axis.fill_between(x, low, high, color=colour, alpha=0.22, linewidth=0)
                axis.plot(x, y, color=colour, label=variant)
            else:
                axis.plot(x, y, color=colour, linewidth=0.9, linestyle=(0, (1, 1.5)))
        axis.set_title(f"{prefix(rows, 'corpus', corpus)}{size}")
        axis.set_xlabel("step")
        axis.set_xlim(0, last)
        axis.xaxis.set_major_locator(MaxNLocator(4, integer=True))
        # The steep beginning is cut off above, so that the seeds can be told apart at the end.
        shown = rows if shared else panel
        late = finite([row for row in shown if row["step"] >= last / 6], "low", "high")
        if late.size and np.ptp(late):
            margin = 0.05 * np.ptp(late)
            axis.set_ylim(late.min() - margin, late.max() + margin)
    axes[0].set_ylabel("loss, nats per token")
    handles, labels = axes[0].get_legend_handles_labels()
    dotted = Line2D([], [], color=MUTED, linewidth=0.9, linestyle=(0, (1, 1.5)))
    axes[-1].legend([*handles, dotted], [*labels, "on train text"], loc="upper right")


def _draw_heatmap(figure: FigureBase, rows: list[Row]) -> None:
    panels = grouped(rows, "corpus")
    axes = panels_of(figure, len(panels))
    for axis, ((corpus,), panel) in zip(axes, panels, strict=True):
        classes = {row["place_a"]: row["class_a"] for row in panel}
        classes |= {row["place_b"]: row["class_b"] for row in panel}
        order = {place: i for i, place in enumerate(sorted(classes))}
        kl = np.full((len(order), len(order)), np.nan)
        for row in panel:
            i, j = order[row["place_a"]], order[row["place_b"]]
            kl[i, j] = kl[j, i] = row["kl"]
        axis.set_facecolor("#f3f4f6")
        image = axis.imshow(
            kl, cmap="YlGnBu", vmin=0, vmax=float(finite(panel, "kl").max(initial=1e-12))
        )
        axis.grid(False)
        axis.spines[:].set_visible(False)
        names = [classes[place] for place in order]
        starts = [i for i, name in enumerate(names) if i == 0 or name != names[i - 1]]
        ends = [*starts[1:], len(names)]
        for edge in starts[1:]:
            axis.axhline(edge - 0.5, color="white", linewidth=2.2)
            axis.axvline(edge - 0.5, color="white", linewidth=2.2)
        middles = [(start + end - 1) / 2 for start, end in zip(starts, ends, strict=True)]
        labels = [names[start].replace(" ", "\n", 1) for start in starts]
        axis.set_xticks(middles, labels)
        axis.set_yticks(middles, labels)
        axis.tick_params(length=0, colors=INK)
        if len(panels) > 1:
            axis.set_title(corpus)
        bar = figure.colorbar(image, ax=axis, shrink=0.85, pad=0.03)
        bar.outline.set_visible(False)
        bar.set_label("mean KL, nats per token")


def _draw_gap(figure: FigureBase, rows: list[Row]) -> None:
    panels = grouped(rows, "corpus", "baseline", "variant")
    variants, sizes = ordered(rows, "variant"), sizes_of(rows)
    axes = panels_of(figure, len(panels), sharey=True)
    for axis, ((corpus, baseline, variant), panel) in zip(axes, panels, strict=True):
        starts = sorted({row["position_low"] for row in panel if not row["is_total"]})
        spans = {row["position_low"]: row["position_high"] for row in panel if not row["is_total"]}
        total = len(starts) + 0.6
        axis.axhline(0, color=INK, linewidth=0.9)
        if starts:
            axis.axvline(len(starts) - 0.2, color=GRID, linewidth=0.8)
        lines = grouped(panel, "size")
        for place, ((size,), line) in enumerate(lines):
            shift = 0.16 * (place - (len(lines) - 1) / 2)
            colour = tint(colour_of(variant, ["causal", *variants]), size, sizes)
            marker = MARKERS[sizes.index(size) % len(MARKERS)]
            for is_total in (False, True):
                points = [row for row in line if bool(row["is_total"]) == is_total]
                if not points:
                    continue
                y, low, high = columns(points, "gap", "low", "high")
                at = [total if is_total else starts.index(row["position_low"]) for row in points]
                x = np.array(at, dtype=float) + shift
                axis.vlines(x, low, high, color=colour, linewidth=1.3)
                style = {"linestyle": "none"} if is_total else {"linewidth": 1, "label": size}
                axis.plot(x, y, color=colour, marker=marker, markersize=4.5, **style)
        labels = [f"{a}" if a == spans[a] else f"{a}–{spans[a]}" for a in starts]  # noqa: RUF001
        axis.set_xticks([*range(len(starts)), total], [*labels, "all"])
        axis.grid(axis="x", visible=False)
        axis.set_xlabel("position in the window")
        axis.set_title(f"{prefix(rows, 'corpus', corpus)}{variant} less {baseline}")
        axis.legend(loc="upper left", title=None)
    axes[0].set_ylabel("loss difference, nats per token")


def _draw_positions(figure: FigureBase, rows: list[Row]) -> None:
    panels = grouped(rows, "corpus", "size")
    variants = ordered([row for row in rows if not row["is_ngram"]], "arm")
    starts = sorted({row["position_low"] for row in rows})
    spans = {row["position_low"]: row["position_high"] for row in rows}
    axes = panels_of(figure, len(panels), sharey=only_one(rows, "corpus"))
    for axis, ((corpus, size), panel) in zip(axes, panels, strict=True):
        lines = grouped(panel, "is_ngram", "arm")
        order = {name: place for place, name in enumerate(variants)}
        lines.sort(key=lambda each: (each[0][0], order.get(each[0][1], 0)))
        for (is_ngram, arm), line in lines:
            x = [starts.index(row["position_low"]) for row in line]
            (y,) = columns(line, "nats")
            if is_ngram:
                dashes = (0, (1, 1.5)) if arm == "unigram" else (0, (5, 2))
                label = f"{arm} counts"
                axis.plot(x, y, color=MUTED, linewidth=1.2, linestyle=dashes, label=label)
                continue
            marker = MARKERS[variants.index(arm) % len(MARKERS)]
            colour = colour_of(arm, variants)
            axis.plot(x, y, color=colour, marker=marker, markersize=4, linewidth=1.2, label=arm)
        _label_positions(axis, starts, spans)
        axis.set_title(f"{prefix(rows, 'corpus', corpus)}{size}")
    axes[0].set_ylabel("loss, nats per token")
    handles, labels = axes[-1].get_legend_handles_labels()
    figure.legend(handles, labels, loc="outside right upper")


def _label_positions(axis: Axes, starts: list[int], spans: dict[int, int]) -> None:
    labels = [f"{a}" if a == spans[a] else f"{a}–{spans[a]}" for a in starts]  # noqa: RUF001
    axis.set_xticks(range(len(starts)), labels, rotation=45 if len(starts) > 6 else 0)
    axis.grid(axis="x", visible=False)
    axis.set_xlabel("position in the window")


def _draw_gap_by_size(figure: FigureBase, rows: list[Row]) -> None:
    panels = grouped(rows, "corpus")
    variants = ["causal", *ordered(rows, "variant")]
    axes = panels_of(figure, len(panels))
    for axis, ((corpus,), panel) in zip(axes, panels, strict=True):
        axis.axhline(0, color=INK, linewidth=0.9)
        lines = grouped(panel, "baseline", "variant")
        for place, ((baseline, variant), line) in enumerate(lines):
            x, y, low, high = columns(line, "parameters", "gap", "low", "high")
            # Side by side on the logarithmic axis, or the intervals hide each other.
            x = x * 1.03 ** (place - (len(lines) - 1) / 2)
            colour, marker = colour_of(variant, variants), MARKERS[place % len(MARKERS)]
            axis.vlines(x, low, high, color=colour, linewidth=1.3)
            label = f"{variant} less {baseline}"
            axis.plot(x, y, color=colour, marker=marker, markersize=4.5, label=label)
        axis.set_xscale("log")
        named = {row["parameters"]: row["size"] for row in panel}
        axis.set_xticks(list(named), [f"{size}\n{n:,}" for n, size in named.items()])
        axis.set_xticks([], minor=True)
        axis.grid(axis="x", visible=False)
        axis.set_xlabel("size, weights")
        if title := prefix(rows, "corpus", corpus):
            axis.set_title(title)
        axis.legend(loc="best")
    axes[0].set_ylabel("loss difference, nats per token")


def _draw_gap_by_gamma(figure: FigureBase, rows: list[Row]) -> None:
    panels = grouped(rows, "corpus")
    sizes = sizes_of(rows)
    axes = panels_of(figure, len(panels))
    for axis, ((corpus,), panel) in zip(axes, panels, strict=True):
        axis.axhline(0, color=INK, linewidth=0.9)
        for (size,), line in grouped(panel, "size"):
            x, y, low, high = columns(line, "gamma", "gap", "low", "high")
            colour = tint(colour_of("discount", ["discount"]), size, sizes)
            marker = MARKERS[sizes.index(size) % len(MARKERS)]
            axis.vlines(x, low, high, color=colour, linewidth=1.3)
            axis.plot(x, y, color=colour, marker=marker, markersize=4.5, label=size)
            half, gap = line[0]["half_gamma"], line[0]["myopic_gap"]
            if half is not None and gap is not None:
                axis.plot([half, half], [0, gap / 2], color=colour, linewidth=1, linestyle=":")
                axis.plot([0, half], [gap / 2] * 2, color=colour, linewidth=1, linestyle=":")
        _label_gammas(axis, panel)
        if title := prefix(rows, "corpus", corpus):
            axis.set_title(title)
        axis.legend(loc="best")
    axes[0].set_ylabel("loss above causal, nats per token")


def _draw_gradient(figure: FigureBase, rows: list[Row]) -> None:
    panels = grouped(rows, "corpus", "size", "variant")
    weights = list(dict.fromkeys(row["weights"] for row in rows))
    axes = panels_of(figure, len(panels), sharey=True)
    for axis, ((corpus, size, variant), panel) in zip(axes, panels, strict=True):
        axis.axhline(1, color=INK, linewidth=0.9)
        for (name,), line in grouped(panel, "weights"):
            x, y, low, high = columns(line, "gamma", "projection", "low", "high")
            colour = INK if name == "all" else colour_of(name, weights)
            axis.fill_between(x, low, high, color=colour, alpha=0.15, linewidth=0)
            wide = 2.2 if name == "all" else 1.1
            axis.plot(x, y, color=colour, linewidth=wide, marker="o", markersize=3, label=name)
        _label_gammas(axis, panel)
        axis.set_title(
            f"{prefix(rows, 'corpus', corpus)}{size}"
            + ("" if only_one(rows, "variant") else f", {variant}")
        )
    axes[0].set_ylabel("share of the gradient")
    handles, labels = axes[-1].get_legend_handles_labels()
    figure.legend(handles, labels, loc="outside right upper")


def _label_gammas(axis: Axes, rows: list[Row]) -> None:
    """Discounts, and under each how many positions it reaches."""
    gammas = sorted({row["gamma"] for row in rows})
    reaches = [f"{1 / (1 - gamma):.3g}" if gamma < 1 else "all" for gamma in gammas]
    labels = [f"{gamma:g}\n{reach}" for gamma, reach in zip(gammas, reaches, strict=True)]
    axis.set_xticks(gammas, labels)
    axis.grid(axis="x", visible=False)
    axis.set_xlabel("discount, and the positions that it reaches")


FIGURES = (
    Figure("loss_curves", _draw_loss, wide(3.0)),
    Figure(
        "heatmap",
        _draw_heatmap,
        lambda rows: (6.3, 5.0) if only_one(rows, "corpus") else (WIDTH, 3.6),
    ),
    Figure("gap", _draw_gap, wide(3.4)),
    Figure("gap_by_size", _draw_gap_by_size, wide(3.2, alone=4.6)),
    Figure("positions", _draw_positions, wide(3.6)),
    Figure("gap_by_gamma", _draw_gap_by_gamma, wide(3.4, alone=5.2)),
    Figure("gradient", _draw_gradient, wide(3.4)),
)
TABLES = (
    "leaderboard", "learning_rates", "rashomon", "arms", "parts", "horizon", "claims", "corpora",
    "cost",
)  # fmt: skip
PARTS = (
    ("Loss while training", "loss_curves", _draw_loss),
    ("How differently any two models predict held-out text", "heatmap", _draw_heatmap),
    ("The same, between seeds, away from text", "probe_curves", draw_furthest),
    ("What myopia costs, by position", "gap", _draw_gap),
)
"""Of the picture of the README, each 5.75 by 4.1 inches."""
