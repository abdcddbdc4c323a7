"""The sections on sets and on probes: figures, tables, maps, and what vanishes without data."""

import itertools
import re
import shutil
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import duckdb
import example_sets
import numpy as np
import pyarrow.parquet as pq
import pytest
from example_results import ExampleResults, replace_table, write_results
from hypothesis import given
from hypothesis import strategies as st
from matplotlib.figure import Figure
from scipy.spatial.distance import pdist, squareform

from manymasks.database import query
from manymasks.database.load import load
from manymasks.kinds.set_metrics import METRICS
from manymasks.report import drawing, page, pictures, style
from manymasks.report.figures import pair_maps
from manymasks.report.section import units
from manymasks.report.sections import SECTIONS

NEEDED = {
    "rashomon": {"rashomon_curve"},
    "volume": {"rashomon_curve"},
    "multiplicity": {
        "rashomon_curve", "set_metrics", "effective_models", "prediction_ranges",
        "variance_components", "rarefaction",
    },
    "code_length": {"rashomon_curve", "code_bits"},
    "funnel": {"rashomon_curve", "funnel", "rarefaction"},
    "divergence": {
        "probe_curves", "checkpoint_series", "distance", "behaviour_ribbon", "hidden", "clusters",
        "behaviour_map", "search", "reliability",
    },
    "rollout": {"survival"},
    "representation": {"layers"},
    "text_spectrum": {"text_spectra"},
    "severity": {"line_residuals"},
}  # fmt: skip
"""Figures by the analysis that they need, beside probes; those of sets need `rashomon` too."""
OF_SETS = ("rashomon", "volume", "code_length", "multiplicity", "funnel")


def made(folder: Path, *analyses: str) -> ExampleResults:
    return write_results(folder / "results", analyses=analyses, tuned=False)


def loaded(results: ExampleResults, root: Path) -> Path:
    """A database of what lies under `root`, beside it."""
    load(root, results.current, root.parent / "x.duckdb")
    return root.parent / "x.duckdb"


@pytest.fixture(scope="module")
def of_sets(tmp_path_factory: pytest.TempPathFactory) -> ExampleResults:
    """Tests do not change it, but a copy."""
    return made(tmp_path_factory.mktemp("sets"), "rashomon")


@pytest.fixture(scope="module")
def of_probes(tmp_path_factory: pytest.TempPathFactory) -> ExampleResults:
    """Tests do not change it, but a copy."""
    return made(tmp_path_factory.mktemp("probes"), "divergence")


@pytest.fixture(scope="module")
def sets_database(of_sets: ExampleResults) -> Path:
    return loaded(of_sets, of_sets.root)


@pytest.fixture(scope="module")
def probes_database(of_probes: ExampleResults) -> Path:
    return loaded(of_probes, of_probes.root)


def shown(database: Path, name: str) -> dict[str, dict[str, Any]]:
    """The items of a section, by the name of their query."""
    (section,) = (section for section in SECTIONS if section.name == name)
    with duckdb.connect(str(database), read_only=True) as connection:
        content = section.content(connection, "95%", lambda svg: {"src": svg})
    return {item["name"]: item for item in content["items"]}


def drawn(database: Path) -> set[str]:
    """The figures on sets and probes that the database has rows for."""
    items = shown(database, "sets") | shown(database, "probes")
    return {name for name, item in items.items() if "src" in item}


def save(database: Path, name: str, path: Path) -> bool:
    (picture,) = (picture for picture in pictures.PICTURES if picture.name == name)
    return pictures.save_picture(database, path, picture, dpi=40)


def test_units_say_when_documents_are_few() -> None:
    rows = [{"models": 4, "documents": 93, "effective_documents": 46.9}]
    assert units(rows) == "4 models per class, 93 documents (47 effective)"
    assert units([{"documents": 48, "effective_documents": 48.0}]) == "48 documents"
    few = [*rows, {"models": 4, "documents": 60, "effective_documents": 12.3}]
    assert units(few) == (
        "4 models per class, 60 to 93 documents (12 to 47 effective), "
        "fewer than 20 effective documents: intervals approximate"
    )
    assert units([{"models": 1, "documents": None}]) == "1 model per class"


def test_the_section_on_sets(sets_database: Path) -> None:
    items = shown(sets_database, "sets")
    assert items["rashomon_curve"]["units"] == "4 models per class"
    assert items["set_metrics"]["units"].endswith("20 documents")
    assert [row["label"] for row in items["headroom"]["rows"]] == [
        "pydocs/w32/causal",
        "pydocs/w32/myopic",
    ]
    # Four classes by five methods, each class against a single threshold.
    rows = items["method_yield"]["rows"]
    assert len(rows) == 20
    assert len({(row["label"], row["eps"]) for row in rows}) == 4


def test_the_caption_explains_the_metrics_that_are_drawn(sets_database: Path) -> None:
    item = shown(sets_database, "sets")["set_metrics"]
    with duckdb.connect(str(sets_database), read_only=True) as connection:
        rows = drawing.records(connection, drawing.query("set_metrics"))
    for name in {row["metric"] for row in rows}:
        assert METRICS[name].meaning.split(" (")[0] in item["caption"]
        # Labels of axes are drawn as paths, with their text as a comment.
        assert f"<!-- {METRICS[name].label}," in item["src"]
    assert "grow with members: ambiguity, discrepancy, effective models." in item["note"]


def test_the_section_on_probes(probes_database: Path) -> None:
    items = shown(probes_database, "probes")
    assert items["probe_curves"]["units"] == "2 to 4 models per class, 20 documents"
    trends = items["trends"]["rows"]
    assert [row["probe"] for row in trends] == ["shuffle"] * 4
    assert trends[0]["rise_low"] < trends[0]["rise"]
    # Six of text and six of what is furthest from it.
    contested = [row["probe"] for row in items["contested"]["rows"]]
    assert contested == ["held-out"] * 6 + ["shuffle"] * 6


@pytest.mark.parametrize("stage", NEEDED)
def test_each_analysis_brings_its_own_figures(
    stage: str, of_sets: ExampleResults, of_probes: ExampleResults, tmp_path: Path
) -> None:
    results = of_sets if stage in OF_SETS else of_probes
    shutil.copytree(results.root, tmp_path / "results")
    for other in NEEDED:
        if other not in (stage, "rashomon" if stage in OF_SETS else ""):
            shutil.rmtree(tmp_path / "results" / other, ignore_errors=True)
    assert drawn(loaded(results, tmp_path / "results")) == NEEDED[stage]


def test_without_an_analysis_there_is_no_section(tmp_path: Path) -> None:
    results = made(tmp_path)
    database = loaded(results, results.root)
    page.write_page(database, {}, tmp_path / "x.html")
    text = (tmp_path / "x.html").read_text()
    assert '"#sets"' not in text and '"#probes"' not in text
    assert drawn(database) == set()
    for name in ("sets.png", "probes.png"):
        assert save(database, name, tmp_path / "x.png") is False
        assert not (tmp_path / "x.png").exists()


def test_trained_members_alone_are_no_choice_of_a_method(sets_database: Path) -> None:
    with duckdb.connect(str(sets_database), read_only=True) as connection:
        trained = "SELECT * FROM x.method_yield WHERE method = 'trained'"
        assert connection.execute(trained).fetchall()
        connection.execute(f"CREATE TEMP VIEW method_yield AS {trained}")
        assert drawing.records(connection, drawing.query("method_yield")) == []


def test_sets_without_intervals_can_be_drawn(of_sets: ExampleResults, tmp_path: Path) -> None:
    shutil.copytree(of_sets.root, tmp_path / "results")
    for stage in OF_SETS:
        for path in (tmp_path / "results" / stage).glob("*/tables/*.parquet"):
            rows = pq.read_table(path).to_pylist()
            for row in rows:
                ends = ("_low", "_high")
                row |= {name: None for name in row if name.endswith(ends) and name[:2] != "p_"}
                row |= {name: None for name in ("low", "high") if name in row}
                if "kl" in row:
                    row["kl"] = float("nan")
            replace_table(path, rows)
    database = loaded(of_sets, tmp_path / "results")
    items = shown(database, "sets")
    assert len(drawn(database)) == 8
    for name in drawn(database):
        ElementTree.fromstring(items[name]["src"])
    assert save(database, "sets.png", tmp_path / "x.png")
    assert (tmp_path / "x.png").read_bytes().startswith(b"\x89PNG")


def test_probes_without_intervals_can_be_drawn(of_probes: ExampleResults, tmp_path: Path) -> None:
    shutil.copytree(of_probes.root, tmp_path / "results")
    for stage in ("divergence", "rollout", "representation", "text_spectrum", "severity", "search"):
        for path in (tmp_path / "results" / stage).glob("*/tables/*.parquet"):
            rows = pq.read_table(path).to_pylist()
            for row in rows:
                row |= {name: None for name in row if name.endswith(("low", "high", "floor"))}
                row |= {name: None for name in ("js", "visible", "r2", "changed") if name in row}
                row |= {name: None for name in ("residual_sd_noise", "accuracy") if name in row}
            if path.stem == "pair_divergence":
                rows[0]["kl"] = None
            replace_table(path, rows)
    database = loaded(of_probes, tmp_path / "results")
    items = shown(database, "probes")
    assert NEEDED["divergence"] - {"behaviour_map"} <= drawn(database)
    for name in drawn(database):
        ElementTree.fromstring(items[name]["src"])
    assert save(database, "probes.png", tmp_path / "x.png")
    page.write_page(database, {}, tmp_path / "x.html")


def test_effective_models_are_those_of_the_largest_sets(sets_database: Path) -> None:
    with duckdb.connect(str(sets_database), read_only=True) as connection:
        rows = drawing.records(connection, drawing.query("effective_models"))
        largest = connection.execute(
            "SELECT model_class, max(members) FROM rashomon_set WHERE method = 'trained' "
            "GROUP BY model_class HAVING max(members) > 1"
        ).fetchall()
        positions = connection.execute(
            "SELECT s.model_class, p.effective_models FROM position_multiplicity AS p "
            "JOIN rashomon_set AS s USING (rashomon_set) WHERE s.method = 'trained' "
            "ORDER BY p.effective_models"
        ).fetchall()
    for label, members in largest:
        shown_rows = [row for row in rows if "{corpus}/{size}/{variant}".format(**row) == label]
        assert {row["models"] for row in shown_rows} == {members}
        effective = [value for name, value in positions if name == label]
        assert [row["effective_models"] for row in shown_rows] == effective
    assert len(rows) == example_sets.POSITIONS * len(largest)


def test_the_picture_shows_what_goes_furthest() -> None:
    rows = [
        {"corpus": "c", "probe": f"p{i}", "severity": severity, "ngram_nats": i * severity}
        for i in range(6)
        for severity in range(2)
    ]
    kept = {row["probe"] for row in pictures.furthest_probes(rows)}
    assert kept == {"p2", "p3", "p4", "p5"}
    flat = [row for row in rows if row["severity"] == 0]
    assert pictures.furthest_probes(flat) == flat
    without = [{"corpus": "c", "step": 1}]
    assert pictures.furthest_probes(without) == without


def test_scaling_gives_back_points_of_a_plane() -> None:
    points = np.random.default_rng(3).normal(size=(9, 2)) * [3, 1]
    scaled, held = pair_maps.classical_scaling(squareform(pdist(points)))
    assert held == pytest.approx(1)
    assert pdist(scaled) == pytest.approx(pdist(points))
    assert scaled.mean(0) == pytest.approx([0, 0])
    assert scaled[:, 0].var() > scaled[:, 1].var()
    assert pair_maps.rotated_to(scaled, points - points.mean(0)) == pytest.approx(
        points - points.mean(0)
    )


def test_scaling_of_equals_and_of_few() -> None:
    for members in (1, 2, 3):
        points, held = pair_maps.classical_scaling(np.zeros((members, members)))
        assert (points == 0).all() and held == 1
    points, held = pair_maps.classical_scaling(np.array([[0.0, 2.0], [2.0, 0.0]]))
    assert sorted(points[:, 0]) == pytest.approx([-1, 1])
    assert held == pytest.approx(1)
    # Three at equal distances lie in a plane, four do not: a third of their spread is left out.
    assert pair_maps.classical_scaling(1 - np.eye(3))[1] == pytest.approx(1)
    assert pair_maps.classical_scaling(1 - np.eye(4))[1] == pytest.approx(2 / 3)


@given(seed=st.integers(0, 999), members=st.integers(2, 12), dimensions=st.integers(1, 5))
def test_a_plane_never_holds_more_than_there_is(seed: int, members: int, dimensions: int) -> None:
    points = np.random.default_rng(seed).normal(size=(members, dimensions))
    apart = squareform(pdist(points))
    scaled, held = pair_maps.classical_scaling(apart)
    assert 0 <= held <= 1 + 1e-12
    assert (pdist(scaled) <= pdist(points) + 1e-9).all()
    turned = pair_maps.rotated_to(scaled, np.random.default_rng(seed + 1).normal(size=scaled.shape))
    assert pdist(turned) == pytest.approx(pdist(scaled))


def test_clusters_put_alike_members_together(probes_database: Path) -> None:
    with duckdb.connect(str(probes_database), read_only=True) as connection:
        rows = drawing.records(connection, drawing.query("clusters"))
    held = [row for row in rows if row["is_text"]]
    names, kl = pair_maps.pair_matrix(held, "name", "kl")
    assert len(names) == 16 and len(held) == 120 and len(rows) == 240
    assert (kl == kl.T).all() and (np.diag(kl) == 0).all()
    order = pair_maps.draw_tree(Figure().subplots(), names, kl)
    # Sizes are furthest apart in the example: no member of one lies among those of the other.
    sizes = [name.split()[0] for name in order]
    assert sorted(order) == names
    assert sum(a != b for a, b in itertools.pairwise(sizes)) == 1


def test_every_relation_of_two_members_has_a_colour_and_a_name() -> None:
    folder = Path(query.__file__).parent / "views"
    (view,) = [
        text.split("CREATE VIEW current_pair AS")[1].split("AS relation")[0]
        for path in folder.glob("*.sql")
        if "CREATE VIEW current_pair AS" in (text := path.read_text(encoding="utf-8"))
    ]
    relations = set(re.findall(r"(?:THEN|ELSE) '([^']+)'", view))
    assert relations == set(pair_maps.RELATIONS) and len(relations) <= len(style.COLOURS)
