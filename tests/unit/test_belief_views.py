"""Views of beliefs, of what is worked out ahead and of swaps, on the example study."""

from collections.abc import Iterator
from pathlib import Path

import duckdb
import numpy as np
import pytest
from example_known import CORPORA
from example_results import write_results
from scipy.stats import t as student

from manymasks.database.load import load


@pytest.fixture(scope="module")
def database(tmp_path_factory: pytest.TempPathFactory) -> Iterator[duckdb.DuckDBPyConnection]:
    folder: Path = tmp_path_factory.mktemp("views")
    results = write_results(folder / "results")
    load(results.root, results.current, folder / "x.duckdb")
    with duckdb.connect(folder / "x.duckdb", read_only=True) as connection:
        yield connection


VIEWS = {
    "belief_by_layer": ("belief_fit", "r2", "r2_low", "r2_high", "latent, layer, control"),
    "speculation_by_variant": (
        "speculation",
        "efficiency",
        "efficiency_low",
        "efficiency_high",
        "ahead, layer, control",
    ),
    "speculation_auc_by_variant": (
        "speculation_auc",
        "auc",
        "auc_low",
        "auc_high",
        "site, layer, control",
    ),
    "swap_by_layer": ("mask_swap", "followed", "low", "high", "donor, site, layer, letters"),
}


@pytest.fixture(scope="module")
def independent(tmp_path_factory: pytest.TempPathFactory) -> Iterator[duckdb.DuckDBPyConnection]:
    """The example without the members that share a seed with another one of their class."""
    folder: Path = tmp_path_factory.mktemp("independent")
    results = write_results(folder / "results")
    current = dict(results.current)
    for corpus in CORPORA:
        for model in results.known[corpus]:
            if model["seed_init"] != model["seed_order"]:
                del current[model["model"]]
    load(results.root, current, folder / "x.duckdb")
    with duckdb.connect(folder / "x.duckdb", read_only=True) as connection:
        yield connection


@pytest.mark.parametrize("view", VIEWS)
def test_crossed_members_have_no_interval_of_independent_ones(
    database: duckdb.DuckDBPyConnection, view: str
) -> None:
    _, _, low, high, _ = VIEWS[view]
    of_members = "models" if view != "swap_by_layer" else "members"
    without_model = " AND control NOT LIKE '%last-letters'" if view == "belief_by_layer" else ""
    ends = database.sql(
        f"SELECT DISTINCT {low}, {high} FROM {view} WHERE {of_members} > 1{without_model}"
    ).fetchall()
    assert ends == [(None, None)]


@pytest.mark.parametrize("view", VIEWS)
def test_intervals_are_over_members(independent: duckdb.DuckDBPyConnection, view: str) -> None:
    database = independent
    table, value, low, high, keys = VIEWS[view]
    rows = database.sql(f"SELECT label, {keys}, {value}, {low}, {high} FROM {view}").fetchall()
    found = {tuple(map(str, row[:-3])): row[-3:] for row in rows}
    several: dict[tuple[str, ...], list[float]] = {}
    members = database.sql(f"""
        SELECT m.label, {keys}, x.{value} FROM {table} AS x
        JOIN artifact AS e ON e.artifact = x.artifact AND e.is_current
        JOIN current_model AS m ON m.model = x.model
    """).fetchall()
    for row in members:
        several.setdefault(tuple(map(str, row[:-1])), []).append(row[-1])
    assert several.keys() == found.keys()
    tried = 0
    for key, values in several.items():
        assert found[key][0] == pytest.approx(np.mean(values))
        if key[-1].endswith("last-letters"):
            continue
        half = student.ppf(0.975, len(values) - 1) * np.std(values, ddof=1) / len(values) ** 0.5
        expected = np.mean(values) - half, np.mean(values) + half
        assert found[key][1:] == pytest.approx(expected, rel=1e-3, abs=1e-4)
        tried += 1
    assert tried > 4


def test_a_single_member_has_no_interval(tmp_path: Path) -> None:
    results = write_results(tmp_path / "results")
    one = dict(results.current)
    for model in results.known["masks"]:
        if (model["seed_init"], model["seed_order"]) != (0, 0):
            del one[model["model"]]
    load(results.root, one, tmp_path / "x.duckdb")
    with duckdb.connect(tmp_path / "x.duckdb", read_only=True) as connection:
        ends = connection.sql(
            "SELECT r2_low, r2_high FROM belief_by_layer "
            "WHERE corpus = 'masks' AND models = 1 AND control NOT LIKE '%last-letters'"
        ).fetchall()
    assert set(ends) == {(None, None)}


def test_what_needs_no_model_has_its_interval_over_documents(
    database: duckdb.DuckDBPyConnection,
) -> None:
    rows = database.sql("""
        SELECT v.r2_low, v.r2_high, b.r2_low, b.r2_high
        FROM belief_by_layer AS v
        JOIN current_model AS m USING (label)
        JOIN belief_fit AS b USING (model, latent, layer, control)
        WHERE control IN ('last-letters', 'premise+last-letters') AND m.variant = 'causal'
    """).fetchall()
    assert rows
    for *of_view, low, high in rows:
        assert of_view == pytest.approx([low, high])


def test_the_exact_law_lies_beside_members_where_it_has_layers(
    database: duckdb.DuckDBPyConnection,
) -> None:
    rows = database.sql("""
        SELECT donor, site, layer, letters, bayes, bayes_low, bayes_high FROM swap_by_layer
    """).fetchall()
    exact = {
        row[:4]: row[4:]
        for row in database.sql("""
            SELECT donor, site, layer, letters, followed, followed_low, followed_high
            FROM mask_swap WHERE model = 'bayes'
        """).fetchall()
    }
    assert {key[1:3] for key in exact} == {("residual", 0), ("past", -1)}
    assert {row[0] for row in rows} == {"other mask", "same mask"}
    for row in rows:
        assert row[4:] == exact.get(row[:4], (None, None, None))
