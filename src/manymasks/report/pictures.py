"""The PNG pictures: a few panels of the page's figures, side by side."""

from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import duckdb
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure as Sheet

from manymasks.report.drawing import Row, query, records
from manymasks.report.panels import grouped
from manymasks.report.sections import FIGURES
from manymasks.report.style import styled

MOST_PARTS = 4
MOST_PROBES = 4
"""Probes shown in a picture: those that go furthest from training."""


def first_corpus(rows: list[Row]) -> list[Row]:
    """The rows of the first corpus."""
    return grouped(rows, "corpus")[0][1]


def furthest_probe(rows: list[Row]) -> list[Row]:
    """The rows of the probe that goes furthest from training, all rows where none is marked."""
    return [row for row in rows if row["is_furthest"]] or rows


def furthest_probes(rows: list[Row]) -> list[Row]:
    """Of the first corpus, the rows of the probes that go furthest from training, if measured."""
    rows = first_corpus(rows)
    if "ngram_nats" not in rows[0]:
        return rows
    distance: dict[str, float] = {}
    for row in rows:
        if row["severity"] > 0:
            nats = row["ngram_nats"] or 0.0
            distance[row["probe"]] = max(distance.get(row["probe"], 0.0), nats)
    kept = sorted(distance, key=lambda probe: (-distance[probe], probe))[:MOST_PROBES]
    # All probes where none has severities.
    return [row for row in rows if row["probe"] in kept or not kept]


class Part(NamedTuple):
    """A figure within a picture, drawn from the rows that `select` keeps."""

    title: str
    query: str
    select: Callable[[list[Row]], list[Row]] = list


class Picture(NamedTuple):
    """A PNG file: the first four parts with rows, two in a line, each of this size."""

    name: str
    inches: tuple[float, float]
    parts: tuple[Part, ...]
    is_required: bool = False
    """Whether the file is written even without any rows."""


PICTURES = (
    Picture("headline.png", (5.75, 4.1), (
        Part("Loss during training", "loss_curves"),
        Part("KL between the predictions of any two models on held-out text", "heatmap"),
        Part("KL between seeds, away from text", "probe_curves", furthest_probe),
        Part("Cost of myopia by position", "gap"),
    ), is_required=True),
    Picture("sets.png", (6.75, 4.2), (
        Part("Count, volume and diversity against size", "rashomon_curve", first_corpus),
        Part("Effective models per token", "effective_models", first_corpus),
        Part("Models left as constraints are added", "funnel", first_corpus),
        Part("Which seed matters", "variance_components", first_corpus),
    )),
    Picture("probes.png", (7.25, 4.6), (
        Part("KL between seeds, away from text", "probe_curves", furthest_probes),
        Part("Information by factor, bits per token", "behaviour_ribbon", furthest_probes),
        Part("Members by behaviour", "behaviour_map", furthest_probes),
        Part("How long two members write the same", "survival", furthest_probes),
        Part("Search for disagreement, and unseen members", "search", furthest_probes),
        Part("Accuracy against confidence", "reliability", furthest_probes),
    )),
    Picture("processes.png", (6.6, 4.3), (
        Part("Loss of answers above the exact law", "answers_by_w"),
        Part("Exact beliefs, and linear fits to members", "belief_simplices", first_corpus),
        Part("What fine-tuning keeps", "erosion"),
        Part("Preference between two rules, by seed", "rule_strip"),
        Part("Divergence as the prompt grows", "sharpening", first_corpus),
    )),
)  # fmt: skip


def save_picture(database: Path, path: Path, picture: Picture, *, dpi: int = 170) -> bool:
    """Write a picture as a PNG; returns whether the database has rows for any of its parts."""
    with duckdb.connect(str(database), read_only=True) as connection:
        answers = [(part, records(connection, query(part.query))) for part in picture.parts]
    shown = [(part, rows) for part, rows in answers if rows][:MOST_PARTS]
    if not shown and not picture.is_required:
        return False
    across, lines = min(len(shown), 2) or 1, -(-len(shown) // 2) or 1
    width, height = picture.inches
    with styled():
        size = (width * across, height * lines)
        sheet = Sheet(figsize=size, dpi=dpi, layout="constrained", facecolor="white")
        cells: Any = sheet.subfigures(lines, across, wspace=0.03, hspace=0.05, squeeze=False)
        for cell, (part, rows) in zip(cells.flat, shown, strict=False):
            cell.suptitle(part.title, x=0.02, ha="left")
            FIGURES[part.query].draw(cell, part.select(rows))
        canvas: Any = FigureCanvasAgg(sheet)
        canvas.print_png(path, metadata={"Software": None})
    return bool(shown)
