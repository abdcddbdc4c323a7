"""Figures of what only text of a known process allows: each draws the answer of one query.

The truth is drawn in black, variants have the colours that they have in the other figures.
"""

from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import FigureBase
from matplotlib.ticker import FuncFormatter, MaxNLocator, NullFormatter

from manymasks.report import beliefs, voices
from manymasks.report.drawing import (
    INK,
    MARKERS,
    MUTED,
    WIDTH,
    Figure,
    Row,
    class_name,
    colour_of,
    columns,
    cut_bars,
    finite,
    grouped,
    legend_below,
    mark_floor,
    of_first_corpus,
    only_one,
    ordered,
    panels_of,
    prefix,
    sizes_of,
    tall,
    tint,
)

NOTHING = 1e-6
"""Nats per token: a price below this is none, and would stretch a logarithmic axis."""
DASHED: Any = (0, (4, 2))
ENDS = ("nats", "low", "high")


def _draw_sharpening(figure: FigureBase, rows: list[Row]) -> None:
    """Left by the length of the prompt, right by what the prompt leaves open, on one axis."""
    panels = grouped(rows, "corpus")
    variants, sizes = ordered(rows, "variant"), sizes_of(rows)
    grid: Any = figure.subplots(len(panels), 2, sharey="row", squeeze=False)
    for (left, right), ((corpus,), panel) in zip(grid, panels, strict=True):
        for place, ((size, variant), line) in enumerate(grouped(panel, "size", "variant")):
            colour = tint(colour_of(variant, variants), size, sizes)
            for axis, name in ((left, "position"), (right, "posterior_entropy")):
                x, y, low, high = columns(line, name, "kl", "low", "high")
                axis.fill_between(x, low, high, color=colour, alpha=0.15, linewidth=0)
                dots = {} if axis is left else {"marker": ".", "markersize": 3.5, "linewidth": 0.7}
                label = class_name(size, variant, sizes)
                axis.plot(x, y, color=colour, label=label, **{"linewidth": 1.4, **dots})
            if not place:
                _name_ends(right, line)
        heights = [np.nanmedian(finite(of, "kl")) for _, of in grouped(panel, "size", "variant")]
        if max(heights) > 4 * min(heights) > 0:
            # The first token says little, and members agree on it as well as on nothing else.
            left.set_yscale("log")
            left.set_ylim(bottom=0.4 * min(heights))
        else:
            left.set_ylim(bottom=0)
        floors = finite(panel, "floor")
        if floors.size:
            mark_floor(left, float(floors.max()), above=True)
        left.set_title(prefix(rows, "corpus", corpus).removesuffix(", "))
        left.set_ylabel("KL between members, nats")
        left.set_xlabel("tokens of the prompt, BOS among them")
        # What is open falls while one reads: to the right as well.
        right.invert_xaxis()
        right.set_xlabel("exact entropy of who speaks, nats")
    legend_below(figure, grid[:, 0])


def _name_ends(axis: Axes, line: list[Row]) -> None:
    """Say above the first and the last point after how many tokens they are."""
    known = [row for row in line if row["posterior_entropy"] is not None]
    for row, ha in zip((known[0], known[-1]) if known else (), ("left", "right"), strict=False):
        axis.text(
            row["posterior_entropy"], 0.99, f"{row['position']} tokens", color=MUTED, fontsize=7.5,
            transform=axis.get_xaxis_transform(), ha=ha, va="top",
        )  # fmt: skip


def _rungs(panel: list[Row]) -> list[tuple[str, list[Row]]]:
    """Label and rows of each line of a ladder, from above: capabilities, then classes."""
    prices = sorted(
        (row for row in panel if row["kind"] == "capability"), key=lambda row: float(row["nats"])
    )
    members = [row for row in panel if row["kind"] == "member"]
    sizes = sizes_of(members)
    classes = sorted(
        grouped(members, "size", "variant"),
        key=lambda each: (ordered(members, "variant").index(each[0][1]), sizes.index(each[0][0])),
    )
    found = [(row["capability"], [row]) for row in prices]
    for (size, variant), of in classes:
        found.append((class_name(size, variant, sizes), of))
    return found


def _draw_ladder(figure: FigureBase, rows: list[Row]) -> None:
    panels = grouped(rows, "corpus")
    members = [row for row in rows if row["kind"] == "member"]
    variants, sizes = ordered(members, "variant"), sizes_of(members)
    grid: Any = figure.subplots(
        len(panels), 1, sharex=True, squeeze=False,
        height_ratios=[0.8 + len(_rungs(panel)) for _, panel in panels],
    )  # fmt: skip
    seen = finite(rows, "nats")
    seen = seen[seen > NOTHING] if (seen > NOTHING).any() else np.ones(1)
    least, most = float(seen.min()) / 2, float(seen.max()) * 2
    for axis, ((corpus,), panel) in zip(grid[:, 0], panels, strict=True):
        rungs = _rungs(panel)
        for row in (row for row in panel if row["kind"] == "threshold"):
            axis.axvline(row["nats"], color=MUTED, linewidth=0.9, linestyle=(0, (4, 2)))
            axis.annotate(
                f"{row['share']:g}×", (row["nats"], 1), xytext=(0, 2), textcoords="offset points",  # noqa: RUF001
                xycoords=axis.get_xaxis_transform(), ha="center", va="bottom", color=MUTED,
                fontsize=7,
            )  # fmt: skip
        for place, (_, line) in enumerate(rungs):
            shift = 0.5 * (np.arange(len(line)) - (len(line) - 1) / 2) / max(len(line), 4)
            x, low, high = columns(line, "nats", "low", "high")
            is_price = line[0]["kind"] == "capability"
            if is_price and x[0] <= NOTHING:
                axis.annotate(
                    "costs nothing", (0.01, place), xycoords=axis.get_yaxis_transform(),
                    va="center", color=MUTED, fontsize=7.5,
                )  # fmt: skip
                continue
            y = place + (0.0 if is_price else 1.0) * shift
            colour: Any = INK
            if not is_price:
                colour = tint(colour_of(line[0]["variant"], variants), line[0]["size"], sizes)
            axis.hlines(y, np.maximum(low, least), high, color=colour, linewidth=0.9, alpha=0.7)
            style = {"marker": "|", "markersize": 10} if is_price else {"marker": "o"}
            axis.plot(x, y, linestyle="none", color=colour, **{"markersize": 3.4, **style})
        axis.set_yticks(range(len(rungs)), [label for label, _ in rungs])
        axis.set_ylim(len(rungs) - 0.4, -0.6)
        axis.tick_params(axis="y", length=0, colors=INK)
        axis.grid(axis="y", visible=False)
        axis.set_xscale("log")
        axis.set_xlim(least, most)
        axis.set_title(corpus, pad=12)
    last = grid[-1, 0]
    last.xaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))
    last.set_xlabel("loss above the truth, nats per token")


def _draw_answers(figure: FigureBase, rows: list[Row]) -> None:
    panels = grouped(rows, "corpus", "size")
    names = list(dict.fromkeys([*(row["baseline"] for row in rows), *ordered(rows, "variant")]))
    names = [*sorted(names, key=lambda name: (name != "causal", name != "myopic", name))]
    # Intervals of few seeds may be wider than all there is to see: they do not set the scale.
    shown = finite(rows, "baseline_nats", "variant_nats", "ceiling")
    most = float(shown.max(initial=1e-3))
    within = (-0.04 * most, 1.12 * most)
    axes = panels_of(figure, len(panels), sharey=True)
    for axis, ((corpus, size), panel) in zip(axes, panels, strict=True):
        if ceiling := _once([row for row in panel if row["ceiling"] is not None]):
            x, y = columns(ceiling, "pairs", "ceiling")
            edges = np.append(x - 0.5, x[-1] + 0.5)
            axis.stairs(
                y, edges, baseline=None, color=INK, linewidth=1.2, linestyle=DASHED,
                label="without binding, exact",
            )  # fmt: skip
        lines = [(name, "baseline", of) for (name,), of in grouped(panel, "baseline")]
        lines += [
            (name, "variant", of)
            for (name,), of in grouped(panel, "variant")
            if name not in {row["baseline"] for row in panel}
        ]
        lines.sort(key=lambda line: names.index(line[0]))
        for place, (name, role, of) in enumerate(lines):
            of = _once(of)
            x, y, low, high = columns(of, "pairs", *(f"{role}_{end}" for end in ENDS))
            x = x + 0.5 * (place - (len(lines) - 1) / 2) / max(len(lines), 5)
            colour, marker = colour_of(name, names), MARKERS[names.index(name) % len(MARKERS)]
            cut_bars(axis, x, low, high, colour, within)
            axis.plot(x, y, color=colour, marker=marker, markersize=4.5, linewidth=1.2, label=name)
        axis.set_ylim(within)
        axis.xaxis.set_major_locator(MaxNLocator(integer=True))
        axis.grid(axis="x", visible=False)
        axis.set_xlabel("W, pairs that the answer counts")
        control = " (control: nothing to bind)" if panel[0]["control_of"] else ""
        axis.set_title(f"{corpus}{'' if only_one(rows, 'size') else f', {size}'}{control}")
    axes[0].set_ylabel("loss above the truth,\nnats per answer")
    legend_below(figure, axes)


def _once(rows: list[Row]) -> list[Row]:
    """One row for each number of pairs, rising: a class is in several comparisons."""
    found = {row["pairs"]: row for row in rows}
    return [found[pairs] for pairs in sorted(found)]


def _draw_erosion(figure: FigureBase, rows: list[Row]) -> None:
    panels = grouped(rows, "corpus", "size")
    gradients = ordered(rows, "gradient")
    shown = finite(rows, "nats", "start_nats", "ceiling")
    most = float(shown.max(initial=1e-3))
    within = (-0.06 * most, 1.15 * most)
    axes = panels_of(figure, len(panels), sharey=True)
    for axis, ((corpus, size), panel) in zip(axes, panels, strict=True):
        first = panel[0]
        if first["ceiling"] is not None:
            label = "without binding, exact"
            axis.axhline(first["ceiling"], color=INK, linewidth=1.2, linestyle=DASHED, label=label)
        if first["start_nats"] is not None:
            axis.axhline(first["start_nats"], color=MUTED, linewidth=1.2, label="where it began")
        lines = grouped(panel, "gradient")
        for place, ((gradient,), line) in enumerate(lines):
            x, y, low, high = columns(line, "learning_rate", *ENDS)
            # Side by side on the logarithmic axis, or the intervals hide each other.
            x = x * 1.06 ** (place - (len(lines) - 1) / 2)
            colour = colour_of(gradient, ["causal", "myopic", *gradients])
            cut_bars(axis, x, low, high, colour, within)
            marker = MARKERS[gradients.index(gradient) % len(MARKERS)]
            label = f"continued, {gradient}"
            axis.plot(x, y, color=colour, marker=marker, markersize=4.5, linewidth=1.2, label=label)
        rates = sorted({row["learning_rate"] for row in panel})
        axis.set_ylim(within)
        axis.set_xscale("log")
        axis.set_xticks(rates, [f"{rate:g}" for rate in rates])
        axis.xaxis.set_minor_formatter(NullFormatter())
        axis.set_xticks([], minor=True)
        axis.margins(x=0.15)
        axis.grid(axis="x", visible=False)
        axis.set_xlabel("peak learning rate of what came after")
        name = f"{corpus}{'' if only_one(rows, 'size') else f', {size}'}"
        axis.set_title(f"{name}: answers that count {first['pairs']}")
    axes[0].set_ylabel("loss above the truth,\nnats per answer")
    legend_below(figure, axes)


def _inches_of_ladder(rows: list[Row]) -> tuple[float, float]:
    of_corpora = [panel for _, panel in grouped(rows, "corpus")]
    return WIDTH, 0.5 + sum(0.62 + 0.22 * len(_rungs(panel)) for panel in of_corpora)


FIGURES = (
    Figure("answers_by_w", _draw_answers, tall(0.6, 3.0, "corpus", "size", across=3)),
    Figure("erosion", _draw_erosion, tall(0.6, 2.6, "corpus", "size", across=3)),
    Figure("price_ladder", _draw_ladder, _inches_of_ladder),
    Figure("sharpening", _draw_sharpening, tall(0.4, 3.0, "corpus")),
    *beliefs.FIGURES,
    *voices.FIGURES,
)
TABLES = (
    "truth_corpora", "capabilities", "belief_layers", "inertia", "machinery", "rule_seeds",
)  # fmt: skip
PARTS = (
    ("What answers miss of the truth", "answers_by_w", _draw_answers),
    (
        "Beliefs, exact and read off members",
        "belief_simplices",
        of_first_corpus(beliefs.draw_simplices),
    ),
    ("What myopic training takes of what was found", "erosion", _draw_erosion),
    ("Which of two rules, seed by seed", "rule_strip", voices.draw_rules),
    ("Divergence as the prompt grows", "sharpening", of_first_corpus(_draw_sharpening)),
)
"""Of the picture of known processes."""
