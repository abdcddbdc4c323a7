"""The section of the page on probes: figures, maps, and what vanishes where there is nothing."""

import itertools
import shutil
from pathlib import Path
from xml.etree import ElementTree

import duckdb
import numpy as np
import pyarrow.parquet as pq
import pytest
from example_results import ExampleResults, replace_table, write_results
from hypothesis import given
from hypothesis import strategies as st
from matplotlib.figure import Figure
from scipy.spatial.distance import pdist, squareform

from manymasks.database.load import load
from manymasks.report import drawing, maps, page, probes, probes_section

OF_STAGE = {
    "divergence": {
        "probe_curves", "distance", "behaviour_ribbon", "hidden", "clusters", "behaviour_map",
        "search", "reliability",
    },
    "rollout": {"survival"},
    "representation": {"layers"},
    "severity": {"line_residuals"},
}  # fmt: skip
"""Figures that need an analysis and, beside probes, no other."""


@pytest.fixture(scope="module")
def results(tmp_path_factory: pytest.TempPathFactory) -> ExampleResults:
    """Tests do not change it, but a copy."""
    folder = tmp_path_factory.mktemp("probes") / "results"
    return write_results(folder, analyses=("divergence",), tuned=False)


@pytest.fixture(scope="module")
def database(results: ExampleResults) -> Path:
    load(results.root, results.current, results.root.parent / "x.duckdb")
    return results.root.parent / "x.duckdb"


def drawn(database: Path) -> set[str]:
    """Figures whose queries have rows: those without draw nothing."""
    with duckdb.connect(str(database), read_only=True) as connection:
        return {name for name in probes.FIGURES if drawing.records(connection, drawing.query(name))}


def test_the_section_has_figures_units_and_tables(database: Path) -> None:
    with duckdb.connect(str(database), read_only=True) as connection:
        found = probes_section.probes_section(connection, lambda picture: {"src": picture[0]})
    assert found["any"]
    assert all(each["src"] for each in found["figures"].values())
    assert found["figures"]["probe_curves"]["units"] == "2 to 4 models a class, 20 documents"
    assert [row["probe"] for row in found["trends"]] == ["shuffle"] * 4
    assert found["trends"][0]["rise_low"] < found["trends"][0]["rise"]
    # Six of text and six of what is furthest from it.
    assert [row["probe"] for row in found["contested"]] == ["held-out"] * 6 + ["shuffle"] * 6


@pytest.mark.parametrize("stage", OF_STAGE)
def test_each_analysis_brings_its_own_figures(
    stage: str, results: ExampleResults, tmp_path: Path
) -> None:
    shutil.copytree(results.root, tmp_path / "results")
    for other in OF_STAGE:
        if other != stage:
            shutil.rmtree(tmp_path / "results" / other)
    load(tmp_path / "results", results.current, tmp_path / "x.duckdb")
    assert drawn(tmp_path / "x.duckdb") == OF_STAGE[stage]


def test_without_probes_there_is_no_section(tmp_path: Path) -> None:
    made = write_results(tmp_path / "results", analyses=(), tuned=False)
    load(made.root, made.current, tmp_path / "x.duckdb")
    page.write_page(tmp_path / "x.duckdb", {}, tmp_path / "x.html")
    assert '"#probes"' not in (tmp_path / "x.html").read_text()
    assert drawn(tmp_path / "x.duckdb") == set()
    assert probes.save_probes_png(tmp_path / "x.duckdb", tmp_path / "x.png") is False
    assert not (tmp_path / "x.png").exists()


def test_no_interval_and_nothing_measured_can_be_drawn(
    results: ExampleResults, tmp_path: Path
) -> None:
    shutil.copytree(results.root, tmp_path / "results")
    for stage in (*OF_STAGE, "search"):
        for path in (tmp_path / "results" / stage).glob("*/tables/*.parquet"):
            rows = pq.read_table(path).to_pylist()
            for row in rows:
                row |= {name: None for name in row if name.endswith(("low", "high", "floor"))}
                row |= {name: None for name in ("js", "visible", "r2", "changed") if name in row}
                row |= {name: None for name in ("off_line_noise", "accuracy") if name in row}
            if path.stem == "pair_divergence":
                rows[0]["kl"] = None
            replace_table(path, rows)
    load(tmp_path / "results", results.current, tmp_path / "x.duckdb")
    with duckdb.connect(str(tmp_path / "x.duckdb"), read_only=True) as connection:
        for name, draw in probes.FIGURES.items():
            svg = draw(connection)[0]
            assert svg or name == "behaviour_map", name
            if svg:
                ElementTree.fromstring(svg)
    assert probes.save_probes_png(tmp_path / "x.duckdb", tmp_path / "x.png", dpi=40)
    page.write_page(tmp_path / "x.duckdb", {}, tmp_path / "x.html")


def test_the_picture_shows_what_goes_furthest() -> None:
    rows = [
        {"probe": f"p{i}", "severity": severity, "ngram_nats": i * severity}
        for i in range(6)
        for severity in range(2)
    ]
    found = {row["probe"] for row in probes.main_probes(rows)}
    assert found == {"p2", "p3", "p4", "p5"}
    flat = [row for row in rows if row["severity"] == 0]
    assert probes.main_probes(flat) == flat
    assert probes.main_probes([{"step": 1}]) == [{"step": 1}]


def test_scaling_gives_back_points_of_a_plane() -> None:
    points = np.random.default_rng(3).normal(size=(9, 2)) * [3, 1]
    found, held = maps.classical_scaling(squareform(pdist(points)))
    assert held == pytest.approx(1)
    assert pdist(found) == pytest.approx(pdist(points))
    assert found.mean(0) == pytest.approx([0, 0])
    assert found[:, 0].var() > found[:, 1].var()
    assert maps.turned_to(found, points - points.mean(0)) == pytest.approx(points - points.mean(0))


def test_scaling_of_equals_and_of_few() -> None:
    for members in (1, 2, 3):
        points, held = maps.classical_scaling(np.zeros((members, members)))
        assert (points == 0).all() and held == 1
    points, held = maps.classical_scaling(np.array([[0.0, 2.0], [2.0, 0.0]]))
    assert sorted(points[:, 0]) == pytest.approx([-1, 1])
    assert held == pytest.approx(1)
    # Three at equal distances lie in a plane, four do not: a third of their spread is left out.
    assert maps.classical_scaling(1 - np.eye(3))[1] == pytest.approx(1)
    assert maps.classical_scaling(1 - np.eye(4))[1] == pytest.approx(2 / 3)


@given(seed=st.integers(0, 999), members=st.integers(2, 12), dimensions=st.integers(1, 5))
def test_a_plane_never_holds_more_than_there_is(seed: int, members: int, dimensions: int) -> None:
    points = np.random.default_rng(seed).normal(size=(members, dimensions))
    apart = squareform(pdist(points))
    found, held = maps.classical_scaling(apart)
    assert 0 <= held <= 1 + 1e-12
    assert (pdist(found) <= pdist(points) + 1e-9).all()
    turned = maps.turned_to(found, np.random.default_rng(seed + 1).normal(size=found.shape))
    assert pdist(turned) == pytest.approx(pdist(found))


def test_clusters_put_alike_members_together(database: Path) -> None:
    with duckdb.connect(str(database), read_only=True) as connection:
        rows = drawing.records(connection, drawing.query("clusters"))
    held = [row for row in rows if row["is_text"]]
    names, kl = maps._matrix(held, ("name_a", "name_b"), "kl")
    assert len(names) == 16 and len(held) == 120 and len(rows) == 240
    assert (kl == kl.T).all() and (np.diag(kl) == 0).all()
    order = maps._dendrogram(Figure().subplots(), names, kl, [])
    # Sizes are furthest apart in the example: no member of one lies among those of the other.
    sizes = [name.split()[0] for name in order]
    assert sorted(order) == names
    assert sum(a != b for a, b in itertools.pairwise(sizes)) == 1
