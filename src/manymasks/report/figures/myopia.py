"""Figures and tables of what myopia costs: by position, size and discount, and in the gradient."""

import numpy as np
from matplotlib.axes import Axes

from manymasks.report import panels
from manymasks.report.drawing import Canvas, Figure, Row
from manymasks.report.section import PageTable, SectionPart
from manymasks.report.style import COLOURS, DASHED, DOTTED, GRID, INK, MUTED, VARIANT_ORDER


def _draw_gap(figure: Canvas, rows: list[Row]) -> None:
    variants, sizes = (
        [*VARIANT_ORDER, *panels.ordered(rows, "variant")],
        panels.sizes_by_weights(rows),
    )
    groups = panels.panels_by(figure, rows, "corpus", "baseline", "variant", sharey=True)
    for axis, (corpus, baseline, variant), panel in groups:
        ranges = _position_ranges([row for row in panel if not row["is_total"]])
        starts, total = list(ranges), len(ranges) + 0.6
        axis.axhline(0, color=INK, linewidth=0.9)
        if starts:
            axis.axvline(len(starts) - 0.2, color=GRID, linewidth=0.8)
        lines = panels.grouped(panel, "size")
        for index, ((size,), line) in enumerate(lines):
            colour = panels.class_colour(size, variant, sizes, variants)
            marker = panels.marker_at(sizes.index(size))
            for is_total in (False, True):
                points = [row for row in line if bool(row["is_total"]) == is_total]
                if not points:
                    continue
                y, low, high = panels.columns(points, "gap", "low", "high")
                x = np.array(
                    [total if is_total else starts.index(row["position_low"]) for row in points],
                    dtype=float,
                )
                x += 0.16 * panels.centred(index, len(lines))
                axis.vlines(x, low, high, color=colour, linewidth=1.3)
                style = {"linestyle": "none"} if is_total else {"linewidth": 1, "label": size}
                axis.plot(x, y, color=colour, marker=marker, markersize=4.5, **style)
        axis.set_xticks([*range(len(starts)), total], [*ranges.values(), "all"])
        axis.grid(axis="x", visible=False)
        axis.set_xlabel("position in the window")
        axis.set_title(panels.panel_title(rows, corpus, f"{variant} minus {baseline}"))
        axis.legend(loc="upper left", title=None)
    figure.axes[0].set_ylabel("loss difference, nats per token")


def _position_ranges(rows: list[Row]) -> dict[int, str]:
    """First position of each bucket, in order -> what the axis says, such as 4 to 7 with a dash."""
    ends = {row["position_low"]: row["position_high"] for row in rows}
    return {
        first: f"{first}" if first == ends[first] else f"{first}–{ends[first]}"  # noqa: RUF001
        for first in sorted(ends)
    }


def _draw_gap_by_size(figure: Canvas, rows: list[Row]) -> None:
    variants = [*VARIANT_ORDER, *panels.ordered(rows, "variant")]
    for axis, (corpus,), panel in panels.panels_by(figure, rows, "corpus"):
        axis.axhline(0, color=INK, linewidth=0.9)
        lines = panels.grouped(panel, "baseline", "variant")
        for index, ((baseline, variant), line) in enumerate(lines):
            x, y, low, high = panels.columns(line, "parameters", "gap", "low", "high")
            x = x * 1.03 ** panels.centred(index, len(lines))
            colour, marker = panels.colour_at(variant, variants), panels.marker_at(index)
            axis.vlines(x, low, high, color=colour, linewidth=1.3)
            label = f"{variant} minus {baseline}"
            axis.plot(x, y, color=colour, marker=marker, markersize=4.5, label=label)
        panels.size_axis(axis, panel)
        axis.set_title(panels.panel_title(rows, corpus))
        axis.legend(loc="best")
    figure.axes[0].set_ylabel("loss difference, nats per token")


def _draw_positions(figure: Canvas, rows: list[Row]) -> None:
    arms = panels.ordered([row for row in rows if not row["is_ngram"]], "arm")
    ngrams = sorted({row["arm"] for row in rows if row["is_ngram"]})
    order = [*arms, *ngrams]
    ranges = _position_ranges(rows)
    starts = list(ranges)
    groups = panels.panels_by(
        figure, rows, "corpus", "size", sharey=panels.only_one(rows, "corpus")
    )
    for axis, (corpus, size), panel in groups:
        lines = panels.grouped(panel, "is_ngram", "arm")
        lines.sort(key=lambda line: (line[0][0], order.index(line[0][1])))
        for (is_ngram, arm), line in lines:
            x = [starts.index(row["position_low"]) for row in line]
            (y,) = panels.columns(line, "nats")
            if is_ngram:
                dashes = (DASHED, DOTTED)[ngrams.index(arm) % 2]
                label = f"{arm} counts"
                axis.plot(x, y, color=MUTED, linewidth=1.2, linestyle=dashes, label=label)
                continue
            colour, marker = panels.colour_at(arm, arms), panels.marker_at(arms.index(arm))
            axis.plot(x, y, color=colour, marker=marker, markersize=4, linewidth=1.2, label=arm)
        axis.set_xticks(
            range(len(starts)), list(ranges.values()), rotation=45 if len(starts) > 6 else 0
        )
        axis.grid(axis="x", visible=False)
        axis.set_xlabel("position in the window")
        axis.set_title(panels.panel_title(rows, corpus, size))
    figure.axes[0].set_ylabel("loss, nats per token")
    handles, labels = figure.axes[-1].get_legend_handles_labels()
    figure.legend(handles, labels, loc="outside right upper")


def _draw_gap_by_gamma(figure: Canvas, rows: list[Row]) -> None:
    sizes = panels.sizes_by_weights(rows)
    for axis, (corpus,), panel in panels.panels_by(figure, rows, "corpus"):
        axis.axhline(0, color=INK, linewidth=0.9)
        for (size,), line in panels.grouped(panel, "size"):
            x, y, low, high = panels.columns(line, "gamma", "gap", "low", "high")
            colour, marker = (
                panels.tint(COLOURS[0], size, sizes),
                panels.marker_at(sizes.index(size)),
            )
            axis.vlines(x, low, high, color=colour, linewidth=1.3)
            axis.plot(x, y, color=colour, marker=marker, markersize=4.5, label=size)
            half, gap = line[0]["half_gamma"], line[0]["myopic_gap"]
            if half is not None and gap is not None:
                axis.plot([half, half], [0, gap / 2], color=colour, linewidth=1, linestyle=":")
                axis.plot([0, half], [gap / 2] * 2, color=colour, linewidth=1, linestyle=":")
        _discount_axis(axis, panel)
        axis.set_title(panels.panel_title(rows, corpus))
        axis.legend(loc="best")
    figure.axes[0].set_ylabel("loss above causal, nats per token")


def _draw_gradient(figure: Canvas, rows: list[Row]) -> None:
    weights = list(dict.fromkeys(row["weights"] for row in rows))
    groups = panels.panels_by(figure, rows, "corpus", "size", "variant", sharey=True)
    for axis, (corpus, size, variant), panel in groups:
        axis.axhline(1, color=INK, linewidth=0.9)
        for (name,), line in panels.grouped(panel, "weights"):
            x, y, low, high = panels.columns(line, "gamma", "projection", "low", "high")
            colour, width = panels.colour_at(name, weights), 1.1
            if name == "all":
                colour, width = INK, 2.2
            axis.fill_between(x, low, high, color=colour, alpha=0.15, linewidth=0)
            axis.plot(x, y, color=colour, linewidth=width, marker="o", markersize=3, label=name)
        _discount_axis(axis, panel)
        parts = [size] if panels.only_one(rows, "variant") else [size, variant]
        axis.set_title(panels.panel_title(rows, corpus, *parts))
    figure.axes[0].set_ylabel("share of the gradient")
    handles, labels = figure.axes[-1].get_legend_handles_labels()
    figure.legend(handles, labels, loc="outside right upper")


def _discount_axis(axis: Axes, rows: list[Row]) -> None:
    """Discounts, and below each the number of positions that it reaches."""
    gammas = sorted({row["gamma"] for row in rows})
    reaches = [f"{1 / (1 - gamma):.3g}" if gamma < 1 else "all" for gamma in gammas]
    labels = [f"{gamma:g}\n{reach}" for gamma, reach in zip(gammas, reaches, strict=True)]
    axis.set_xticks(gammas, labels)
    axis.grid(axis="x", visible=False)
    axis.set_xlabel("discount, and the positions it reaches")


_ITEMS = (
    Figure("gap", _draw_gap, panels.one_row(3.4),
        alt="Loss difference between variants by position in the window",
        caption="Loss of the variant minus that of its baseline on the measure split, paired over "
        "seeds, against position in the window, and over all positions. Above zero, the variant "
        "is worse. Bars: {confidence} intervals over seeds and documents, pointwise.",
    ),
    Figure("gap_by_size", _draw_gap_by_size, panels.one_row(3.2, single=4.6),
        alt="Loss difference between variants against the number of weights",
        caption="The same over all positions, against the number of weights. Sizes can differ in "
        "more than weights, wherever the study gives them different learning rates.",
    ),
    PageTable("arms"),
    Figure("positions", _draw_positions, panels.one_row(3.6),
        alt="Loss of all arms by position in the window, with unigram and bigram counts as "
        "broken lines",
        caption="Loss on the measure split against position in the window, mean over members. "
        "Grey: unigram and bigram counts of the train split.",
    ),
    PageTable("parts"),
    Figure("gap_by_gamma", _draw_gap_by_gamma, panels.one_row(3.4, single=5.2),
        title="How far ahead", alt="Loss above causal training against the discount of gradients",
        caption="Loss above causal training against the discount &gamma;, which scales the "
        "gradient from k positions later by &gamma; to the power k: 0 is myopic, 1 is causal. "
        "Dotted: the discount at which half of the myopia gap is gone.",
    ),
    PageTable("horizon"),
    Figure("gradient", _draw_gradient, panels.one_row(3.4), title="In the gradient itself",
        alt="Share of the gradient of causal members against the discount, by group of weights",
        caption="Share of the gradient of trained causal members that comes from losses up to a "
        "distance, as its projection on the whole gradient, by group of weights; single train "
        "windows. The share at discount 0 serves a position's own prediction, the remainder later "
        "ones; it can leave the range 0 to 1 where the two oppose each other. Bands: {confidence} "
        "intervals over members.",
    ),
)  # fmt: skip
PARTS = (SectionPart("myopia", 1, _ITEMS),)
