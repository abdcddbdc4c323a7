"""The section of the page on sets: figures, tables, and what vanishes where there is nothing."""

import shutil
from pathlib import Path
from xml.etree import ElementTree

import duckdb
import example_sets
import pyarrow.parquet as pq
import pytest
from example_results import ExampleResults, replace_table, write_results

from manymasks.database.load import load
from manymasks.report import drawing, page, sets, sets_section

OF_STAGE: dict[str, set[str]] = {
    "rashomon": set(),
    "volume": set(),
    "multiplicity": {
        "set_metrics",
        "effective_models",
        "prediction_ranges",
        "variance_components",
    },
    "funnel": {"funnel"},
}
"""Figures that need an analysis and no other but `rashomon`."""


@pytest.fixture(scope="module")
def results(tmp_path_factory: pytest.TempPathFactory) -> ExampleResults:
    """Tests do not change it, but a copy."""
    folder = tmp_path_factory.mktemp("sets") / "results"
    return write_results(folder, analyses=("rashomon",), tuned=False)


@pytest.fixture(scope="module")
def database(results: ExampleResults) -> Path:
    load(results.root, results.current, results.root.parent / "x.duckdb")
    return results.root.parent / "x.duckdb"


def drawn(database: Path) -> set[str]:
    """Figures whose queries have rows: those without draw nothing."""
    with duckdb.connect(str(database), read_only=True) as connection:
        return {name for name in sets.FIGURES if drawing.records(connection, drawing.query(name))}


def test_the_section_has_figures_units_and_tables(database: Path) -> None:
    with duckdb.connect(str(database), read_only=True) as connection:
        found = sets_section.sets_section(connection, lambda picture: {"src": picture[0]})
    assert found["any"]
    assert found["figures"]["rashomon_curve"]["units"] == "4 models a class"
    assert found["figures"]["set_metrics"]["units"].endswith("20 documents")
    assert [row["label"] for row in found["headroom"]] == [
        "pydocs/w32/causal",
        "pydocs/w32/myopic",
    ]
    # Four classes by four methods, each class against a single threshold.
    assert len(found["yields"]) == 16
    assert len({(row["label"], row["eps"]) for row in found["yields"]}) == 4


@pytest.mark.parametrize("stage", OF_STAGE)
def test_each_analysis_brings_its_own_figures(
    stage: str, results: ExampleResults, tmp_path: Path
) -> None:
    shutil.copytree(results.root, tmp_path / "results")
    for other in OF_STAGE:
        if other not in (stage, "rashomon"):
            shutil.rmtree(tmp_path / "results" / other)
    load(tmp_path / "results", results.current, tmp_path / "x.duckdb")
    more = {"rarefaction"} if stage in ("multiplicity", "funnel") else set()
    assert drawn(tmp_path / "x.duckdb") == {"rashomon_curve"} | OF_STAGE[stage] | more


def test_without_sets_there_is_no_section(tmp_path: Path) -> None:
    made = write_results(tmp_path / "results", analyses=(), tuned=False)
    load(made.root, made.current, tmp_path / "x.duckdb")
    page.write_page(tmp_path / "x.duckdb", {}, tmp_path / "x.html")
    assert '"#sets"' not in (tmp_path / "x.html").read_text()
    assert drawn(tmp_path / "x.duckdb") == set()
    assert sets.save_sets_png(tmp_path / "x.duckdb", tmp_path / "x.png") is False
    assert not (tmp_path / "x.png").exists()


def test_no_interval_and_nothing_measured_can_be_drawn(
    results: ExampleResults, tmp_path: Path
) -> None:
    shutil.copytree(results.root, tmp_path / "results")
    for stage in OF_STAGE:
        for path in (tmp_path / "results" / stage).glob("*/tables/*.parquet"):
            rows = pq.read_table(path).to_pylist()
            for row in rows:
                ends = ("_low", "_high")
                row |= {name: None for name in row if name.endswith(ends) and name[:2] != "p_"}
                row |= {name: None for name in ("low", "high") if name in row}
                if "kl" in row:
                    row["kl"] = float("nan")
            replace_table(path, rows)
    load(tmp_path / "results", results.current, tmp_path / "x.duckdb")
    with duckdb.connect(str(tmp_path / "x.duckdb"), read_only=True) as connection:
        for draw in sets.FIGURES.values():
            ElementTree.fromstring(draw(connection)[0])
    assert sets.save_sets_png(tmp_path / "x.duckdb", tmp_path / "x.png", dpi=40)
    assert (tmp_path / "x.png").read_bytes().startswith(b"\x89PNG")


def test_effective_models_are_those_of_the_largest_sets(database: Path) -> None:
    with duckdb.connect(str(database), read_only=True) as connection:
        rows = drawing.records(connection, drawing.query("effective_models"))
        largest = connection.execute(
            "SELECT model_class, max(members) FROM rashomon_set WHERE method = 'trained' "
            "GROUP BY model_class HAVING max(members) > 1"
        ).fetchall()
        found = connection.execute(
            "SELECT s.model_class, p.effective_models FROM position_multiplicity AS p "
            "JOIN rashomon_set AS s USING (rashomon_set) WHERE s.method = 'trained' "
            "ORDER BY p.effective_models"
        ).fetchall()
    for label, members in largest:
        of = [row for row in rows if "{corpus}/{size}/{variant}".format(**row) == label]
        assert {row["models"] for row in of} == {members}
        assert [row["effective_models"] for row in of] == [x for name, x in found if name == label]
    assert len(rows) == example_sets.POSITIONS * len(largest)
