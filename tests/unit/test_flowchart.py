"""Flowcharts of Mermaid as SVG."""

import itertools
import re
import xml.etree.ElementTree as ET

from manymasks.catalogue import STAGES
from manymasks.documentation.flowchart import edges_of, svg
from manymasks.documentation.stages import stages_page

CHART = """flowchart LR
    a & b --> c
    c & e --> d
    a --> d
    d --> e
"""
NAMESPACE = "{http://www.w3.org/2000/svg}"


def boxes(picture: str) -> dict[str, tuple[float, float, float]]:
    """Left, top and width of each box by its text."""
    root = ET.fromstring(picture)
    rectangles = [
        tuple(float(box.attrib[name]) for name in ("x", "y", "width"))
        for box in root.iter(f"{NAMESPACE}rect")
    ]
    texts = [text.text or "" for text in root.iter(f"{NAMESPACE}text")]
    return dict(zip(texts, rectangles, strict=True))  # type: ignore[arg-type]


def test_arrows_are_read_in_order() -> None:
    assert edges_of(CHART) == [
        ("a", "c"), ("b", "c"), ("c", "d"), ("e", "d"), ("a", "d"), ("d", "e"),
    ]  # fmt: skip


def test_boxes_stand_in_columns_and_do_not_overlap() -> None:
    placed = boxes(svg(CHART, "a chart"))
    assert placed["a"][0] == placed["b"][0] < placed["c"][0]
    assert placed["c"][0] < placed["d"][0] < placed["e"][0]
    assert abs(placed["a"][1] - placed["b"][1]) >= 22


def test_an_implied_arrow_is_faint_and_one_back_is_dashed() -> None:
    picture = svg(CHART, "a chart")
    assert picture.count('class="implied"') == 1
    assert picture.count("stroke-dasharray") == 1
    assert picture.count("<polygon") == 5


def test_texts_are_escaped() -> None:
    picture = svg("a<b --> c", 'a "chart"')
    assert "a&lt;b" in picture
    assert 'aria-label="a &quot;chart&quot;"' in picture


def test_the_stages_are_drawn_all_and_apart() -> None:
    chart = re.search(r"```mermaid\n(.*?)```", stages_page(), re.DOTALL)
    assert chart is not None
    placed = boxes(svg(chart[1], "stages"))
    assert placed.keys() == STAGES.keys()
    in_columns: dict[float, list[float]] = {}
    for left, top, _ in placed.values():
        in_columns.setdefault(left, []).append(top)
    for tops in in_columns.values():
        ordered = sorted(tops)
        assert all(b - a >= 22 for a, b in itertools.pairwise(ordered))
    for source, target in edges_of(chart[1]):
        if (source, target) != ("training", "tuning"):
            assert placed[source][0] < placed[target][0], (source, target)
