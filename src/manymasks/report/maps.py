"""Figures of who behaves like whom: a clustered matrix of pairs, and maps of members."""

from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import FigureBase
from numpy.typing import NDArray
from scipy.cluster.hierarchy import dendrogram, linkage
from scipy.spatial.distance import squareform

from manymasks.report.drawing import (
    INK,
    MARKERS,
    MUTED,
    Figure,
    Row,
    class_name,
    colour_of,
    grouped,
    legend_below,
    place_of,
    prefix,
    tall,
)

Floats = NDArray[np.float64]

MOST_NAMES = 40
"""Members beyond which a matrix names none of them."""


def classical_scaling(distances: Floats, dimensions: int = 2) -> tuple[Floats, float]:
    """Points whose distances are nearest to those given (Torgerson 1952).

    `distances` is (m, m), symmetric. Returns points (m, dimensions), centred, on the axes of most
    spread first, and the share of all positive spread that these axes hold (1 where there is none).
    """
    m = len(distances)
    centre = np.eye(m) - 1 / m
    inner = -0.5 * centre @ distances**2 @ centre
    values, vectors = np.linalg.eigh((inner + inner.T) / 2)
    values, vectors = values[::-1].clip(min=0), vectors[:, ::-1]
    points = np.zeros((m, dimensions))
    kept = min(dimensions, m)
    points[:, :kept] = vectors[:, :kept] * np.sqrt(values[:kept])
    # The sign of an axis is arbitrary: the point furthest out along it lies on its right.
    for axis in range(kept):
        if points[np.abs(points[:, axis]).argmax(), axis] < 0:
            points[:, axis] *= -1
    total = float(values.sum())
    return points, float(values[:kept].sum()) / total if total > 0 else 1.0


def turned_to(points: Floats, target: Floats) -> Floats:
    """Points (m, d), rotated and reflected to lie as near `target` (m, d) as they can.

    Orthogonal Procrustes (Schönemann 1966); both are centred, and no distance changes.
    """
    u, _, v = np.linalg.svd(points.T @ target)
    turned: Floats = points @ u @ v
    return turned


def pair_matrix(rows: list[Row], ends: tuple[str, str], value: str) -> tuple[list[str], Floats]:
    """Names in order, and the symmetric matrix of a value; NaN where a pair is missing."""
    a, b = ends
    names = sorted({row[a] for row in rows} | {row[b] for row in rows})
    at = {name: place for place, name in enumerate(names)}
    found = np.full((len(names), len(names)), np.nan)
    np.fill_diagonal(found, 0)
    for row in rows:
        i, j = at[row[a]], at[row[b]]
        found[i, j] = found[j, i] = row[value]
    return names, found


def _draw_clusters(figure: FigureBase, rows: list[Row]) -> None:
    variants = sorted({row["variant_a"] for row in rows} | {row["variant_b"] for row in rows})
    variants.sort(key=lambda variant: variant not in ("causal", "myopic"))
    lines = grouped(rows, "corpus")
    grid: Any = figure.subplots(2 * len(lines), 2, squeeze=False, height_ratios=[1, 4] * len(lines))
    for place, ((corpus,), of) in enumerate(lines):
        order: list[str] = []
        above, below = grid[2 * place], grid[2 * place + 1]
        panels = grouped(of, "is_text", "probe", "severity")
        for column in range(2):
            if column >= len(panels):
                above[column].remove()
                below[column].remove()
                continue
            panel = panels[column][1]
            names, kl = pair_matrix(panel, ("name_a", "name_b"), "kl")
            colours = {row["name_a"]: colour_of(row["variant_a"], variants) for row in panel}
            colours |= {row["name_b"]: colour_of(row["variant_b"], variants) for row in panel}
            order = draw_tree(above[column], names, kl, order)
            chosen = [names.index(name) for name in order if name in names]
            shown = kl[np.ix_(chosen, chosen)]
            np.fill_diagonal(shown, np.nan)
            _heat(figure, below[column], shown, [names[i] for i in chosen], colours)
            same = ", same order" if column else ""
            where = f"{prefix(rows, 'corpus', corpus)}{place_of(panel[0])}"
            above[column].set_title(f"{where}{same}")


def draw_tree(axis: Axes, names: list[str], kl: Floats, order: list[str]) -> list[str]:
    """Draw the tree of the first panel of a corpus; returns the order of names, once chosen."""
    axis.set_axis_off()
    if order or len(names) < 3 or np.isnan(kl).any():
        return order or names
    tree = linkage(squareform(kl, checks=False), "average", optimal_ordering=True)
    found = dendrogram(tree, no_plot=True, labels=names)
    for x, y in zip(found["icoord"], found["dcoord"], strict=True):
        # Leaves of a tree stand at 5, 15, 25, ...: those of a matrix at 0, 1, 2, ...
        axis.plot((np.array(x) - 5) / 10, y, color=INK, linewidth=0.9)
    axis.set_xlim(-0.5, len(names) - 0.5)
    axis.set_ylim(bottom=0)
    return list(found["ivl"])


def _heat(
    figure: FigureBase, axis: Axes, kl: Floats, names: list[str], colours: dict[str, str]
) -> None:
    axis.set_facecolor("#f3f4f6")
    image = axis.imshow(
        kl, cmap="YlGnBu", vmin=0, vmax=float(np.nanmax(kl, initial=1e-12)), aspect="auto"
    )
    axis.grid(False)
    axis.spines[:].set_visible(False)
    axis.tick_params(length=0)
    places = range(len(names) if len(names) <= MOST_NAMES else 0)
    axis.set_xticks([])
    axis.set_yticks(list(places), [names[i] for i in places], fontsize=6)
    for label, name in zip(axis.get_yticklabels(), names, strict=False):
        label.set_color(colours[name])
    bar = figure.colorbar(image, ax=axis, shrink=0.8, pad=0.03, location="bottom")
    bar.outline.set_visible(False)
    bar.set_label("mean KL, nats per token")


def draw_map(figure: FigureBase, rows: list[Row]) -> None:
    """A line of panels a corpus: members by sqrt(JS), each panel turned to the one before it."""
    members = {
        row[f"model_{end}"]: (row[f"size_{end}"], row[f"variant_{end}"], row[f"parameters_{end}"])
        for row in rows
        for end in "ab"
    }
    weights = {size: count or 0 for size, _, count in members.values()}
    sizes = sorted(weights, key=lambda size: (weights[size], size))
    variants = sorted({variant for _, variant, _ in members.values()})
    variants.sort(key=lambda variant: variant not in ("causal", "myopic"))
    lines = grouped(rows, "corpus")
    most = max(len(grouped(of, "place")) for _, of in lines)
    grid: Any = figure.subplots(len(lines), most, squeeze=False)
    drawn = []
    for line, ((corpus,), of) in zip(grid, lines, strict=True):
        before: dict[str, Floats] = {}
        reach = 1e-12
        panels = grouped(of, "place")
        for unused in line[len(panels) :]:
            unused.remove()
        for axis, (_, panel) in zip(line, panels, strict=False):
            names, js = pair_matrix(panel, ("model_a", "model_b"), "js")
            points, held = classical_scaling(np.sqrt(np.nan_to_num(js).clip(min=0)))
            if all(name in before for name in names):
                points = turned_to(points, np.array([before[name] for name in names]))
            before = dict(zip(names, points, strict=True))
            for size in sizes:
                for variant in variants:
                    at = [i for i, name in enumerate(names) if members[name][:2] == (size, variant)]
                    if at:
                        axis.plot(
                            points[at, 0], points[at, 1], linestyle="none", markersize=6,
                            marker=MARKERS[sizes.index(size) % len(MARKERS)], alpha=0.85,
                            color=colour_of(variant, variants), markeredgecolor="white",
                            label=class_name(size, variant, sizes),
                        )  # fmt: skip
            axis.set_title(f"{prefix(rows, 'corpus', corpus)}{place_of(panel[0])}")
            axis.set_xlabel(f"{100 * held:.0f}% of the spread in this plane", color=MUTED)
            axis.set_aspect("equal")
            axis.tick_params(labelsize=7)
            drawn.append(axis)
            reach = max(reach, 1.1 * float(np.abs(points).max()))
        # One scale, or one could not see that members move apart.
        for axis in line[: len(panels)]:
            axis.set_xlim(-reach, reach)
            axis.set_ylim(-reach, reach)
    legend_below(figure, drawn, across=4)


FIGURES = (
    Figure("clusters", _draw_clusters, tall(0.0, 5.2, "corpus")),
    Figure("behaviour_map", draw_map, tall(0.5, 3.0, "corpus")),
)
