"""Figures and tables of loss above the exact law of a process: answers, fine-tuning, prices."""

from typing import Any

import numpy as np
from matplotlib.ticker import FuncFormatter, MaxNLocator, NullFormatter

from manymasks.report import panels
from manymasks.report.drawing import WIDTH, Canvas, Figure, Row
from manymasks.report.section import PageTable, SectionPart
from manymasks.report.style import DASHED, INK, MUTED, VARIANT_ORDER

NEGLIGIBLE = 1e-6
"""Nats per token: a lower price counts as none, and would stretch a logarithmic axis."""
ENDS = ("nats", "low", "high")
EXACT_CEILING = "without binding, exact"


def _draw_answers(figure: Canvas, rows: list[Row]) -> None:
    names = panels.in_order(row[role] for row in rows for role in ("baseline", "variant"))
    # Intervals over few seeds can be wider than the range of the values: they do not set the scale.
    values = panels.finite(rows, "baseline_nats", "variant_nats", "ceiling")
    most = float(values.max(initial=1e-3))
    limits = (-0.04 * most, 1.12 * most)
    for axis, (corpus, size), panel in panels.panels_by(
        figure, rows, "corpus", "size", sharey=True
    ):
        if ceiling := _by_pairs([row for row in panel if row["ceiling"] is not None]):
            x, y = panels.columns(ceiling, "pairs", "ceiling")
            edges = np.append(x - 0.5, x[-1] + 0.5)
            axis.stairs(
                y, edges, baseline=None, color=INK, linewidth=1.2, linestyle=DASHED,
                label=EXACT_CEILING,
            )  # fmt: skip
        baselines = panels.grouped(panel, "baseline")
        known = {name for (name,), _ in baselines}
        lines = [(name, "baseline", line) for (name,), line in baselines]
        lines += [
            (name, "variant", line)
            for (name,), line in panels.grouped(panel, "variant")
            if name not in known
        ]
        lines.sort(key=lambda line: names.index(line[0]))
        for index, (name, role, line) in enumerate(lines):
            x, y, low, high = panels.columns(
                _by_pairs(line), "pairs", *(f"{role}_{end}" for end in ENDS)
            )
            x = x + 0.5 * panels.centred(index, len(lines)) / max(len(lines), 5)
            colour, marker = panels.colour_at(name, names), panels.marker_at(names.index(name))
            panels.clipped_bars(axis, x, low, high, colour, limits)
            axis.plot(x, y, color=colour, marker=marker, markersize=4.5, linewidth=1.2, label=name)
        axis.set_ylim(limits)
        axis.xaxis.set_major_locator(MaxNLocator(integer=True))
        axis.grid(axis="x", visible=False)
        axis.set_xlabel("W, pairs that the answer counts")
        control = " (control: nothing to bind)" if panel[0]["control_of"] else ""
        axis.set_title(_corpus_title(rows, corpus, size) + control)
    figure.axes[0].set_ylabel("loss above the exact law,\nnats per answer")
    panels.legend_below(figure)


def _by_pairs(rows: list[Row]) -> list[Row]:
    """One row for each number of pairs, in order: a class can be in several comparisons."""
    unique = {row["pairs"]: row for row in rows}
    return [unique[pairs] for pairs in sorted(unique)]


def _corpus_title(rows: list[Row], corpus: str, size: str) -> str:
    """The corpus, and the size where the figure has several."""
    return corpus if panels.only_one(rows, "size") else f"{corpus}, {size}"


def _draw_erosion(figure: Canvas, rows: list[Row]) -> None:
    gradients = panels.ordered(rows, "gradient")
    values = panels.finite(rows, "nats", "start_nats", "ceiling")
    most = float(values.max(initial=1e-3))
    limits = (-0.06 * most, 1.15 * most)
    for axis, (corpus, size), panel in panels.panels_by(
        figure, rows, "corpus", "size", sharey=True
    ):
        first = panel[0]
        if first["ceiling"] is not None:
            axis.axhline(
                first["ceiling"], color=INK, linewidth=1.2, linestyle=DASHED, label=EXACT_CEILING
            )
        if first["start_nats"] is not None:
            axis.axhline(
                first["start_nats"], color=MUTED, linewidth=1.2, label="before fine-tuning"
            )
        lines = panels.grouped(panel, "gradient")
        for index, ((gradient,), line) in enumerate(lines):
            x, y, low, high = panels.columns(line, "learning_rate", *ENDS)
            x = x * 1.06 ** panels.centred(index, len(lines))
            colour = panels.colour_at(gradient, [*VARIANT_ORDER, *gradients])
            panels.clipped_bars(axis, x, low, high, colour, limits)
            marker = panels.marker_at(gradients.index(gradient))
            label = f"fine-tuned, {gradient}"
            axis.plot(x, y, color=colour, marker=marker, markersize=4.5, linewidth=1.2, label=label)
        rates = sorted({row["learning_rate"] for row in panel})
        axis.set_ylim(limits)
        axis.set_xscale("log")
        axis.set_xticks(rates, [f"{rate:g}" for rate in rates])
        axis.xaxis.set_minor_formatter(NullFormatter())
        axis.set_xticks([], minor=True)
        axis.margins(x=0.15)
        axis.grid(axis="x", visible=False)
        axis.set_xlabel("peak learning rate of fine-tuning")
        axis.set_title(f"{_corpus_title(rows, corpus, size)}: answers that count {first['pairs']}")
    figure.axes[0].set_ylabel("loss above the exact law,\nnats per answer")
    panels.legend_below(figure)


def _rungs(panel: list[Row]) -> list[tuple[str, list[Row]]]:
    """Label and rows of each line of the price ladder, from above: capabilities, then classes."""
    prices = sorted(
        (row for row in panel if row["kind"] == "capability"), key=lambda row: float(row["nats"])
    )
    members = [row for row in panel if row["kind"] == "member"]
    variants, sizes = panels.ordered(members, "variant"), panels.sizes_by_weights(members)
    classes = dict(panels.grouped(members, "size", "variant"))
    return [(row["capability"], [row]) for row in prices] + [
        (panels.class_label(size, variant, sizes), classes[size, variant])
        for variant in variants
        for size in sizes
        if (size, variant) in classes
    ]


def _draw_ladder(figure: Canvas, rows: list[Row]) -> None:
    groups = panels.grouped(rows, "corpus")
    members = [row for row in rows if row["kind"] == "member"]
    variants, sizes = panels.ordered(members, "variant"), panels.sizes_by_weights(members)
    grid: Any = figure.subplots(
        len(groups), 1, sharex=True, squeeze=False,
        height_ratios=[0.8 + len(_rungs(panel)) for _, panel in groups],
    )  # fmt: skip
    values = panels.finite(rows, "nats")
    values = values[values > NEGLIGIBLE] if (values > NEGLIGIBLE).any() else np.ones(1)
    least, most = float(values.min()) / 2, float(values.max()) * 2
    for axis, ((corpus,), panel) in zip(grid[:, 0], groups, strict=True):
        rungs = _rungs(panel)
        for row in (row for row in panel if row["kind"] == "threshold"):
            axis.axvline(row["nats"], color=MUTED, linewidth=0.9, linestyle=DASHED)
            axis.annotate(
                f"{row['share']:g}×", (row["nats"], 1), xytext=(0, 2), textcoords="offset points",  # noqa: RUF001
                xycoords=axis.get_xaxis_transform(), ha="center", va="bottom", color=MUTED,
                fontsize=7,
            )  # fmt: skip
        for index, (_, line) in enumerate(rungs):
            first = line[0]
            x, low, high = panels.columns(line, "nats", "low", "high")
            is_price = first["kind"] == "capability"
            if is_price and x[0] <= NEGLIGIBLE:
                axis.annotate(
                    "costs nothing", (0.01, index), xycoords=axis.get_yaxis_transform(),
                    va="center", color=MUTED, fontsize=7.5,
                )  # fmt: skip
                continue
            if is_price:
                y, colour = np.full(1, float(index)), INK
                style: dict[str, Any] = {"marker": "|", "markersize": 10}
            else:
                shift = 0.5 * (np.arange(len(line)) - (len(line) - 1) / 2) / max(len(line), 4)
                y = index + shift
                colour = panels.class_colour(first["size"], first["variant"], sizes, variants)
                style = {"marker": "o", "markersize": 3.4}
            axis.hlines(y, np.maximum(low, least), high, color=colour, linewidth=0.9, alpha=0.7)
            axis.plot(x, y, linestyle="none", color=colour, **style)
        axis.set_yticks(range(len(rungs)), [label for label, _ in rungs])
        axis.set_ylim(len(rungs) - 0.4, -0.6)
        axis.tick_params(axis="y", length=0, colors=INK)
        axis.grid(axis="y", visible=False)
        axis.set_xscale("log")
        axis.set_xlim(least, most)
        axis.set_title(corpus, pad=12)
    last = grid[-1, 0]
    last.xaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))
    last.set_xlabel("loss above the exact law, nats per token")


def _ladder_inches(rows: list[Row]) -> tuple[float, float]:
    heights = [0.62 + 0.22 * len(_rungs(panel)) for _, panel in panels.grouped(rows, "corpus")]
    return WIDTH, 0.5 + sum(heights)


_ITEMS = (
    Figure("answers_by_w", _draw_answers, panels.stacked(0.6, 3.0, "corpus", "size", across=3),
        title="What has to be prepared",
        alt="Loss of answers above the exact law against the number of pairs that they count, "
        "with the exact loss without binding as a dashed line, beside a control",
        caption="Loss of an answer above the exact law against W, the number of pairs that it "
        "counts. Dashed: the least loss without binding, where a predictor knows all digits but "
        "holds no a against its b, before or at the question; exact, summed over all possible "
        "blocks. The control has nothing to bind. Bars: {confidence} intervals over models and "
        "documents; an arrow marks a bar cut at the edge, which few seeds can cause.",
        note="<b>Provable:</b> the dashed line; also, where the architecture can represent the "
        "exact law, this point is stationary for myopic training too, since the loss of each "
        "position is minimal there. <b>Only observed:</b> where training ends. The gap is a "
        "result of training at this length and rate, not a limit on what myopic members can "
        "represent.",
    ),
    Figure("erosion", _draw_erosion, panels.stacked(0.6, 2.6, "corpus", "size", across=3),
        title="What fine-tuning keeps",
        alt="Loss of answers above the exact law after fine-tuning, against the peak learning "
        "rate of fine-tuning",
        caption="Loss above the exact law of the answers that count most pairs, in members "
        "fine-tuned from a trained one, against the peak learning rate of fine-tuning. Grey: mean "
        "of the members before fine-tuning. Dashed: exact loss without binding. Bars: "
        "{confidence} t intervals over members; an arrow marks a bar cut at the edge.",
        note="Fine-tuning at a low rate may keep a capability for this number of steps and lose "
        "it later.",
    ),
    Figure("price_ladder", _draw_ladder, _ladder_inches, title="What a capability is worth",
        alt="Members and prices of capabilities on a logarithmic axis of loss above the exact "
        "law, with thresholds as dashed lines",
        caption="Loss above the exact law, averaged over all scored tokens. Ticks: the price of a "
        "capability, which is the loss without it; exact where all documents can be summed over, "
        "otherwise measured as for a member, with a bar. Dots: members, one per seed. Dashed: "
        "thresholds of sets, as multiples of the lowest price. Bars: {confidence} intervals over "
        "documents.",
        note="A member to the right of a tick can afford to lack that capability. Whether it does "
        "is measured separately, below.",
    ),
    PageTable("capabilities"),
)  # fmt: skip
PARTS = (SectionPart("processes", 1, _ITEMS),)
