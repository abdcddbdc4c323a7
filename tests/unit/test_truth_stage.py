"""The stages `truth` and `excess` on small members: their tables and the views on them."""

from pathlib import Path
from typing import Any

import duckdb
import pytest

from manymasks.config.loading import load_study
from manymasks.database.load import load
from manymasks.engine.job_file import description_of
from manymasks.engine.jobs import run_job
from manymasks.plan.graph import Plan, plan_study
from manymasks.store.layout import Layout

STUDY = """\
corpora:
  two: {kind: process, process: tally, documents: 200}
  one: {kind: process, process: tally1, documents: 200}
  who: {kind: process, process: masks, documents: 150}
  far: {kind: process, process: hierarchy, documents: 150}
sizes: {tiny: {width: 8, layers: 1, heads: 1, learning_rate: 0.01}}
variants:
  causal: {gradient: causal}
  myopic: {gradient: myopic}
  failed: {gradient: causal, learning_rate: 1.0e+38}
  eroded: {gradient: myopic, starts_from: causal, learning_rate: 0.001}
training: {batch: 4, steps: 6, curve_every: 3, curve_windows: 4}
seeds: {init: [0, 1, 2], order: [0]}
truth: {documents: 20, pricing: 500}
excess: {batch: 7}
statistics: {resamples: 100}
analyses: [truth, excess]
hardware: {device: cpu}
"""
STAGES = ("process", "tokenizer", "tokens", "training", "truth", "excess")
TABLES = (
    "process_truth",
    "capability_price",
    "excess_loss",
    "capability_kept",
    "priced_set",
    "priced_member",
    "demand_gap",
    "position_spread",
)


@pytest.fixture(scope="module")
def database(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("study")
    (folder / "config.yaml").write_text(STUDY, encoding="utf-8")
    plan: Plan = plan_study(load_study([folder / "config.yaml"], {}), folder)
    nodes = [node for stage in STAGES for node in plan.nodes if node.stage == stage]
    layout = Layout(folder / "results")
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        for node in nodes:
            run_job(description_of(node, plan.study.hardware), layout)
    current = {node.key: node.label for node in nodes}
    load(folder / "results", current, folder / "made.duckdb")
    return folder / "made.duckdb"


def ask(database: Path, sql: str) -> list[tuple[Any, ...]]:
    with duckdb.connect(str(database), read_only=True) as connection:
        return connection.execute(sql).fetchall()


def test_every_table_has_rows_of_its_grain(database: Path) -> None:
    for table in TABLES:
        ((rows,),) = ask(database, f"SELECT count(*) FROM {table}")
        assert rows, table
    # The members that failed are left out.
    assert ask(database, "SELECT DISTINCT status FROM current_model WHERE variant = 'failed'") == [
        ("failed",)
    ]
    found = ask(database, "SELECT DISTINCT variant FROM current_excess ORDER BY ALL")
    assert found == [("causal",), ("eroded",), ("myopic",)]
    kept = "SELECT corpus, count(*), count(kept) FROM capability_kept JOIN model USING (model)"
    assert ask(database, f"{kept} GROUP BY ALL ORDER BY ALL") == [
        ("one", 9, 0),
        ("two", 18, 18),
        ("who", 45, 45),
    ]


def test_sets_and_spread_leave_out_fine_tuned_members(database: Path) -> None:
    for table in ("priced_set", "position_spread"):
        found = ask(database, f"SELECT DISTINCT variant FROM {table} ORDER BY ALL")
        assert found == [("causal",), ("myopic",)], table
    # Nothing of the control or the hierarchy has a price.
    assert ask(database, "SELECT DISTINCT corpus FROM priced_set ORDER BY ALL") == [
        ("two",),
        ("who",),
    ]
    cheapest = ask(database, "SELECT DISTINCT cheapest FROM priced_set ORDER BY ALL")
    assert ("no-binding",) in cheapest
    assert ask(
        database,
        "SELECT count(*) FROM priced_member WHERE is_member <> (select_nats <= eps) "
        "OR probability NOT BETWEEN 0 AND 1",
    ) == [(0,)]
    ((sets, members),) = ask(
        database,
        "SELECT (SELECT sum(members) FROM priced_set), "
        "(SELECT count(*) FROM priced_member WHERE is_member)",
    )
    assert sets == members


def test_the_select_split_is_not_the_measure_split(database: Path) -> None:
    rows = ask(
        database,
        "SELECT p.measure_nats, x.nats, p.select_nats FROM priced_member AS p "
        "JOIN excess_loss AS x USING (artifact, model) WHERE x.stratum = 'all'",
    )
    assert rows
    for measure, excess, select in rows:
        assert measure == pytest.approx(excess, rel=1e-12)
        assert select != measure


def test_capability_sets(database: Path) -> None:
    rows = ask(
        database,
        "SELECT s.corpus, s.variant, s.share, s.capability, s.members, s.candidates, s.may_lack, "
        "s.price, s.eps, s.lost, s.mean_kept, s.reduced FROM capability_sets AS s",
    )
    # Four shares, two classes, two and five capabilities.
    assert len(rows) == 4 * 2 * (2 + 5)
    for *_, share, _, members, candidates, may_lack, price, eps, lost, mean_kept, reduced in rows:
        assert candidates == 3
        assert may_lack == (price <= eps)
        assert (mean_kept is None) == (lost is None) == (reduced is None) == (members == 0)
        assert members == 0 or lost <= reduced <= members
        assert share in (0.5, 1.0, 1.5, 2.0)
    # By hand, with members that barely trained taken into a set.
    ((lost, mean),) = ask(
        database,
        "SELECT count(*) FILTER (WHERE k.kept_high < 0.5), avg(k.kept) "
        "FROM capability_kept AS k JOIN current_model AS m USING (model) "
        "WHERE m.corpus = 'two' AND m.variant = 'causal' AND k.capability = 'no-reading'",
    )
    with duckdb.connect() as connection:
        connection.execute(f"ATTACH '{database}' AS made (READ_ONLY)")
        connection.execute("CREATE SCHEMA copy; USE copy")
        for table in ("artifact", "capability_price", "capability_kept", "current_model"):
            connection.execute(f"CREATE TABLE {table} AS FROM made.{table}")
        connection.execute(
            "CREATE TABLE priced_set AS "
            "SELECT * REPLACE (candidates AS members) FROM made.priced_set"
        )
        connection.execute(
            "CREATE TABLE priced_member AS SELECT * REPLACE (true AS is_member) "
            "FROM made.priced_member"
        )
        ((sql,),) = connection.execute(
            "SELECT sql FROM duckdb_views() WHERE view_name = 'capability_sets'"
        ).fetchall()
        connection.execute(sql.replace("made.main.", ""))
        found = connection.execute(
            "SELECT DISTINCT lost, mean_kept FROM capability_sets "
            "WHERE corpus = 'two' AND variant = 'causal' AND capability = 'no-reading'"
        ).fetchall()
    assert found == [(lost, pytest.approx(mean))]


def test_myopia_by_demand(database: Path) -> None:
    rows = ask(
        database,
        "SELECT level, variant_nats, variant_low, variant_high, ceiling, recovered, "
        "recovered_low, recovered_high, control_gap, models FROM myopia_by_demand "
        "WHERE corpus = 'two' AND stratum = 'answers by W' ORDER BY level",
    )
    assert [row[0] for row in rows] == [*"123456"]
    controls = dict(
        ask(
            database,
            "SELECT level, gap FROM demand_gap WHERE corpus = 'one' AND stratum = 'answers by W'",
        )
    )
    for level, nats, low, high, ceiling, recovered, worst, best, control, models in rows:
        assert models == 3
        assert control == controls[level]
        if level == "1":
            # One pair is bound by itself.
            assert ceiling == 0
            assert recovered is worst is best is None
        else:
            shares = [1 - value / ceiling for value in (nats, high, low)]
            assert [recovered, worst, best] == pytest.approx(shares)
            assert worst < recovered < best
    others = ask(
        database,
        "SELECT DISTINCT corpus, stratum, ceiling IS NULL, control_gap IS NULL "
        "FROM myopia_by_demand WHERE corpus <> 'two' ORDER BY ALL",
    )
    assert others == [
        ("one", "answers by W", False, True),
        ("one", "role", False, True),
        ("one", "role", True, True),
        ("who", "role", True, True),
    ]


def test_sharpening(database: Path) -> None:
    rows = ask(
        database,
        "SELECT position, kl, kl_low, kl_high, js, floor, entropy, posterior_entropy, models, "
        "documents FROM spread_by_position WHERE corpus = 'who' AND variant = 'causal' "
        "ORDER BY position",
    )
    assert [row[0] for row in rows] == list(range(1, 64))
    for position, kl, low, high, js, floor, entropy, posterior, models, documents in rows:
        assert low <= kl <= high
        assert 0 < js < kl
        assert 0 <= floor < 1e-9
        assert entropy > 0
        assert (posterior is None) == (position == 1)
        assert models == 3
        assert 0 < documents <= 20
    assert ask(
        database,
        "SELECT count(*), count(posterior_entropy), min(latent) FROM spread_by_position "
        "WHERE corpus = 'far'",
    ) == [(2 * 16, 2 * 16, "root")]


def test_erosion(database: Path) -> None:
    rows = ask(
        database,
        "SELECT e.variant, e.gradient, e.learning_rate, e.start_nats, e.nats, e.eroded, s.nats "
        "FROM erosion AS e JOIN current_excess AS s ON s.corpus = e.corpus AND s.size = e.size "
        "AND s.variant = 'causal' AND s.seed_init = e.seed_init AND s.seed_order = e.seed_order "
        "AND s.stratum = e.stratum AND s.level = e.level",
    )
    ((every,),) = ask(database, "SELECT count(*) FROM excess_loss")
    assert len(rows) == every / 3
    for variant, gradient, rate, start, nats, eroded, parent in rows:
        assert (variant, gradient, rate) == ("eroded", "myopic", 0.001)
        assert start == parent
        assert eroded == pytest.approx(nats - start)
    assert ask(
        database, "SELECT corpus, count(ceiling) > 0 FROM erosion GROUP BY ALL ORDER BY ALL"
    ) == [("far", False), ("one", True), ("two", True), ("who", False)]
    seen = ask(
        database,
        "SELECT DISTINCT e.ceiling, p.exact FROM erosion AS e JOIN capability_price AS p "
        "USING (corpus, stratum, level) WHERE p.capability = 'no-binding'",
    )
    assert all(ceiling == price for ceiling, price in seen)


def test_new_views_state_their_grain(database: Path) -> None:
    for view in ("capability_sets", "myopia_by_demand", "spread_by_position", "erosion"):
        ((comment,),) = ask(
            database, f"SELECT comment FROM duckdb_views() WHERE view_name='{view}'"
        )
        grain = comment.rpartition("Grain: ")[2].rstrip(".")
        twice = f"SELECT {grain} FROM {view} GROUP BY ALL HAVING count(*) > 1"
        assert ask(database, twice) == [], view
