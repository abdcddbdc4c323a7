"""Figures of pairs of members: matrices of KL, maps by behaviour, hidden against visible."""

from typing import Any

import numpy as np
from matplotlib.axes import Axes
from scipy.cluster.hierarchy import dendrogram, linkage
from scipy.spatial.distance import squareform

from manymasks.arrays import Floats
from manymasks.report import panels
from manymasks.report.drawing import WIDTH, Canvas, Figure, Row
from manymasks.report.section import SectionPart
from manymasks.report.style import COLOURS, DASHED, INK, MUTED

MOST_NAMES = 40
"""Members up to which a matrix names them."""
RELATIONS = {
    "seed": "seeds of a class",
    "variant": "two variants",
    "size": "two sizes",
    "size and variant": "size and variant",
    "mixer": "two mixers",
    "mixer and variant": "mixer and variant",
}
"""Values of `current_pair.relation`, as a legend has them."""


def classical_scaling(distances: Floats, dimensions: int = 2) -> tuple[Floats, float]:
    """Points in a plane that best approximate given distances (Torgerson 1952). `distances` is (m,
    m), symmetric. Returns points (m, dimensions), centred, with the axes of largest spread first,
    and the share of all positive spread on these axes (1 for no spread)."""
    m = len(distances)
    centre = np.eye(m) - 1 / m
    inner = -0.5 * centre @ distances**2 @ centre
    values, vectors = np.linalg.eigh((inner + inner.T) / 2)
    values, vectors = values[::-1].clip(min=0), vectors[:, ::-1]
    points = np.zeros((m, dimensions))
    kept = min(dimensions, m)
    points[:, :kept] = vectors[:, :kept] * np.sqrt(values[:kept])
    # The sign of an axis is arbitrary: its most extreme point is made positive.
    for axis in range(kept):
        if points[np.abs(points[:, axis]).argmax(), axis] < 0:
            points[:, axis] *= -1
    total = float(values.sum())
    return points, float(values[:kept].sum()) / total if total > 0 else 1.0


def rotated_to(points: Floats, target: Floats) -> Floats:
    """Points (m, d), rotated and reflected to be as near `target` (m, d) as possible. Orthogonal
    Procrustes (Schönemann 1966); both are centred, and distances are kept."""
    u, _, v = np.linalg.svd(points.T @ target)
    rotated: Floats = points @ u @ v
    return rotated


def pair_matrix(rows: list[Row], name: str, value: str) -> tuple[list[Any], Floats]:
    """Members in order and the symmetric matrix of a value, 0 on its diagonal, NaN if missing. The
    members of a pair are in the columns `<name>_a` and `<name>_b`."""
    a, b = f"{name}_a", f"{name}_b"
    names = sorted({row[a] for row in rows} | {row[b] for row in rows})
    index = {name: i for i, name in enumerate(names)}
    matrix = np.full((len(names), len(names)), np.nan)
    np.fill_diagonal(matrix, 0)
    for row in rows:
        i, j = index[row[a]], index[row[b]]
        matrix[i, j] = matrix[j, i] = row[value]
    return names, matrix


def _by_member(rows: list[Row], name: str, *values: str) -> dict[Any, tuple[Any, ...]]:
    """Member -> its values, of columns that end in `_a` and `_b` as those of `pair_matrix`."""
    return {
        row[f"{name}_{end}"]: tuple(row[f"{value}_{end}"] for value in values)
        for row in rows
        for end in "ab"
    }


def _draw_heatmap(figure: Canvas, rows: list[Row]) -> None:
    for axis, (corpus,), panel in panels.panels_by(figure, rows, "corpus"):
        members, kl = pair_matrix(panel, "index", "kl")
        np.fill_diagonal(kl, np.nan)
        panels.heat_panel(figure, axis, kl, {"shrink": 0.85})
        classes = _by_member(panel, "index", "class")
        names = [classes[member][0] for member in members]
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
        axis.set_title(panels.panel_title(rows, corpus))


def _draw_clusters(figure: Canvas, rows: list[Row]) -> None:
    variants = panels.in_order(row[f"variant_{end}"] for row in rows for end in "ab")
    lines = panels.grouped(rows, "corpus")
    grid: Any = figure.subplots(2 * len(lines), 2, squeeze=False, height_ratios=[1, 4] * len(lines))
    for i, ((corpus,), line) in enumerate(lines):
        order: list[str] = []
        groups = panels.grouped(line, "is_text", "probe", "severity")
        for column, (above, below) in enumerate(zip(grid[2 * i], grid[2 * i + 1], strict=True)):
            if column >= len(groups):
                above.remove()
                below.remove()
                continue
            panel = groups[column][1]
            names, kl = pair_matrix(panel, "name", "kl")
            above.set_axis_off()
            order = order or draw_tree(above, names, kl)
            shown = [names.index(name) for name in order if name in names]
            kl = kl[np.ix_(shown, shown)]
            np.fill_diagonal(kl, np.nan)
            panels.heat_panel(
                figure, below, kl, {"shrink": 0.8, "location": "bottom"}, aspect="auto"
            )
            labels = [names[index] for index in shown] if len(shown) <= MOST_NAMES else []
            below.tick_params(length=0)
            below.set_xticks([])
            below.set_yticks(range(len(labels)), labels, fontsize=6)
            by_member = _by_member(panel, "name", "variant")
            for text, name in zip(below.get_yticklabels(), labels, strict=True):
                text.set_color(panels.colour_at(by_member[name][0], variants))
            parts = [panels.context_label(panel[0]), *(["same order"] if column else [])]
            above.set_title(panels.panel_title(rows, corpus, *parts))


def draw_tree(axis: Axes, names: list[str], kl: Floats) -> list[str]:
    """Draw the average-linkage tree of members; returns its leaves in order. Fewer than three
    members, or members with missing pairs, keep their order and have no tree."""
    if len(names) < 3 or np.isnan(kl).any():
        return names
    tree = linkage(squareform(kl, checks=False), "average", optimal_ordering=True)
    shape = dendrogram(tree, no_plot=True, labels=names)
    for x, y in zip(shape["icoord"], shape["dcoord"], strict=True):
        # Leaves of a tree stand at 5, 15, 25, ...: those of a matrix at 0, 1, 2, ...
        axis.plot((np.array(x) - 5) / 10, y, color=INK, linewidth=0.9)
    axis.set_xlim(-0.5, len(names) - 0.5)
    axis.set_ylim(bottom=0)
    return list(shape["ivl"])


def _draw_map(figure: Canvas, rows: list[Row]) -> None:
    """A line of panels per corpus: members by sqrt(JS), each panel rotated to the previous one."""
    members = _by_member(rows, "model", "size", "variant", "parameters")
    weights = {size: count or 0 for size, _, count in members.values()}
    sizes = sorted(weights, key=lambda size: (weights[size], size))
    variants = panels.in_order(variant for _, variant, _ in members.values())
    lines = panels.grouped(rows, "corpus")
    most = max(len(panels.grouped(line, "panel")) for _, line in lines)
    grid: Any = figure.subplots(len(lines), most, squeeze=False)
    for row_of_axes, ((corpus,), line) in zip(grid, lines, strict=True):
        previous: dict[str, Floats] = {}
        reach = 1e-12
        groups = panels.grouped(line, "panel")
        for unused in row_of_axes[len(groups) :]:
            unused.remove()
        for axis, (_, panel) in zip(row_of_axes, groups, strict=False):
            names, js = pair_matrix(panel, "model", "js")
            points, share = classical_scaling(np.sqrt(np.nan_to_num(js).clip(min=0)))
            if all(name in previous for name in names):
                points = rotated_to(points, np.array([previous[name] for name in names]))
            previous = dict(zip(names, points, strict=True))
            for size, variant in ((size, variant) for size in sizes for variant in variants):
                shown = [i for i, name in enumerate(names) if members[name][:2] == (size, variant)]
                if shown:
                    axis.plot(
                        points[shown, 0], points[shown, 1], linestyle="none", markersize=6,
                        marker=panels.marker_at(sizes.index(size)), alpha=0.85,
                        color=panels.colour_at(variant, variants), markeredgecolor="white",
                        label=panels.class_label(size, variant, sizes),
                    )  # fmt: skip
            axis.set_title(panels.panel_title(rows, corpus, panels.context_label(panel[0])))
            axis.set_xlabel(f"{100 * share:.0f}% of the spread in this plane", color=MUTED)
            axis.set_aspect("equal")
            axis.tick_params(labelsize=7)
            reach = max(reach, 1.1 * float(np.abs(points).max()))
        # One scale for all panels shows how members move apart.
        for axis in row_of_axes[: len(groups)]:
            axis.set_xlim(-reach, reach)
            axis.set_ylim(-reach, reach)
    panels.legend_below(figure, across=4)


def _draw_hidden(figure: Canvas, rows: list[Row]) -> None:
    lines = panels.grouped(rows, "corpus")
    grid: Any = figure.subplots(len(lines), 2, sharex=True, sharey=True, squeeze=False)
    for row_of_axes, ((corpus,), line) in zip(grid, lines, strict=True):
        groups = panels.grouped(line, "is_text", "probe", "severity")
        for unused in row_of_axes[len(groups) :]:
            unused.remove()
        for axis, (_, panel) in zip(row_of_axes, groups, strict=False):
            for index, ((relation,), points) in enumerate(panels.grouped(panel, "relation")):
                x, y = panels.columns(points, "visible", "hidden")
                colour = COLOURS[list(RELATIONS).index(relation)]
                # Pairs of seeds, the first, lie on top.
                axis.scatter(
                    x, y, s=14, color=colour, alpha=0.75, linewidth=0, zorder=3 - 0.1 * index,
                    label=RELATIONS[relation],
                )  # fmt: skip
            axis.set_xscale("log")
            axis.set_yscale("log")
            ends = panels.finite(rows, "hidden")
            ends = ends[ends > 0]
            if ends.size:
                low, high = float(ends.min()), float(ends.max()) * 1.01
                equal = {"color": MUTED, "linewidth": 0.9, "linestyle": DASHED}
                axis.axline((low, low), (high, high), **equal)
            axis.set_title(panels.panel_title(rows, corpus, panels.context_label(panel[0])))
            axis.set_xlabel("visible: difference of loss, nats")
        row_of_axes[0].set_ylabel("hidden: half the variance\nof the log ratio, nats")
    panels.legend_below(figure)


_HEATMAP = Figure(
    "heatmap",
    _draw_heatmap,
    lambda rows: (6.3, 5.0) if panels.only_one(rows, "corpus") else (WIDTH, 3.6),
    alt="Matrix of mean KL divergence between all pairs of models, ordered by class",
    caption="Mean KL divergence between the next-token predictions of any two models on held-out "
    "text; full vocabulary, both directions averaged. White lines separate classes; in the "
    "diagonal blocks only the seeds differ.",
)
_ITEMS = (
    Figure("clusters", _draw_clusters, panels.stacked(0.0, 5.2, "corpus"),
        title="Members clustered by behaviour",
        alt="Matrices of KL between all pairs on held-out text and furthest from it, members in "
        "the order of a tree",
        caption="KL between all pairs of members, ordered by average linkage on held-out text. "
        "Right: the same order, on the contexts that are least likely under n-gram counts of the "
        "train split.",
    ),
    Figure("behaviour_map", _draw_map, panels.stacked(0.5, 3.0, "corpus"),
        alt="Members as points in a plane, from held-out text to contexts far from it",
        caption="Members as points, from held-out text to contexts far from it. Distances "
        "approximate the square root of the Jensen&ndash;Shannon divergence as closely as a plane "
        "allows (classical scaling). All panels share one scale; each is rotated to match the "
        "previous one.",
    ),
    Figure("hidden", _draw_hidden, panels.stacked(0.5, 3.0, "corpus"),
        title="What the loss shows and hides",
        alt="Hidden against visible difference of all pairs of members, on held-out text and "
        "furthest from it",
        caption="Hidden against visible difference, a point per pair of members. Visible: the "
        "difference of their losses, as a leaderboard shows it. Hidden: half the variance of the "
        "log ratio of their probabilities of the true token. A pair above the dashed line hides "
        "more than it shows.",
    ),
)  # fmt: skip
PARTS = (SectionPart("divergence", 1, (_HEATMAP,)), SectionPart("probes", 2, _ITEMS))
