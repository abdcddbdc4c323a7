"""The loader: every artifact into one file, whole or not at all."""

import hashlib
import json
import re
import shutil
from pathlib import Path
from typing import Any, get_args

import duckdb
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from example_results import (
    ARMS,
    OF_TEXT,
    P_VALUES,
    PRIMARY,
    SEARCH,
    UNTESTED,
    ExampleResults,
    replace_table,
    write_results,
)
from example_rows import SHARE
from scipy import stats

import kit
from kit import diagonal
from manymasks.database import artifacts, query, schema
from manymasks.database import load as loading
from manymasks.database.load import load
from manymasks.database.previous import ENDING, read_previous
from manymasks.database.questions import QUESTIONS, START
from manymasks.errors import UserError
from manymasks.statistics.comparisons import Comparison, TestedClaim, contrast_row
from manymasks.statistics.intervals import Interval
from manymasks.store.manifest import sha256_of


@pytest.fixture(scope="module")
def example(tmp_path_factory: pytest.TempPathFactory) -> tuple[ExampleResults, Path]:
    folder = tmp_path_factory.mktemp("example")
    results = write_results(folder / "results [1]")
    load(results.root, results.current, folder / "example.duckdb", primary=PRIMARY)
    return results, folder / "example.duckdb"


def ask(database: Path, sql: str) -> list[tuple[Any, ...]]:
    with duckdb.connect(str(database), read_only=True) as connection:
        return connection.execute(sql).fetchall()


def test_rows_and_provenance(example: tuple[ExampleResults, Path]) -> None:
    results, database = example
    assert ask(database, "SELECT count(*) FROM artifact WHERE is_current") == [
        (len(results.current),)
    ]
    assert ask(database, "SELECT count(*), count(DISTINCT model) FROM current_model") == [(52, 52)]
    # The key comes from the folder: each evaluation's rows belong to its own artifact.
    assert ask(
        database,
        "SELECT count(*) FROM model_loss AS l "
        "JOIN artifact_input AS i ON i.artifact = l.artifact AND i.input = l.model",
    ) == [(106,)]
    assert ask(
        database,
        "SELECT label, models, is_current FROM model_class WHERE corpus = 'pydocs' ORDER BY ALL",
    ) == [
        ("pydocs/w32/causal", 1, False),
        ("pydocs/w32/causal", 4, True),
        ("pydocs/w32/myopic", 4, True),
        ("pydocs/w64/causal", 4, True),
        ("pydocs/w64/myopic", 4, True),
    ]
    settings, created = ask(
        database, "SELECT settings, created FROM artifact WHERE stage = 'training' AND is_current"
    )[0]
    assert json.loads(settings)["training"]["steps"] == 1000
    assert created.isoformat() == "2026-11-20T13:00:00"


def test_returned_rows_are_those_in_the_file(tmp_path: Path) -> None:
    results = write_results(tmp_path / "results", analyses=OF_TEXT)
    rows = load(results.root, results.current, tmp_path / "db" / "x.duckdb", threads=2)
    assert (rows.pop("missing_payloads"), rows.pop("outdated_payloads")) == (0, 0)
    for table, count in rows.items():
        assert ask(tmp_path / "db" / "x.duckdb", f"SELECT count(*) FROM {table}") == [(count,)]
    names = sorted(path.name for path in (tmp_path / "db").iterdir())
    assert names == ["x.duckdb", "x.loaded.json"]


def test_everything_has_a_comment(example: tuple[ExampleResults, Path]) -> None:
    bare = ask(
        example[1],
        """
        SELECT table_name FROM duckdb_tables() WHERE NOT internal AND coalesce(comment, '') = ''
        UNION ALL
        SELECT view_name FROM duckdb_views() WHERE NOT internal AND coalesce(comment, '') = ''
        UNION ALL
        SELECT table_name || '.' || column_name
        FROM duckdb_columns() WHERE NOT internal AND coalesce(comment, '') = ''
        UNION ALL
        SELECT function_name FROM duckdb_functions() WHERE NOT internal AND comment IS NULL
        """,
    )
    assert bare == []


def test_comments_say_what_a_row_is_and_why_one_would_look(
    example: tuple[ExampleResults, Path],
) -> None:
    comments = dict(
        ask(
            example[1],
            "SELECT table_name, comment FROM duckdb_tables() WHERE NOT internal "
            "UNION ALL SELECT view_name, comment FROM duckdb_views() WHERE NOT internal",
        )
    )
    for name, comment in comments.items():
        text = comment.partition(" Grain:")[0]
        # A row is one thing, not "all metrics", and it has something, or a question is answered.
        assert re.match(r"An? \w|Two |The ", text), (name, text)
        purpose = re.search(r"\?|: |For |with |behind ", text)
        behind = re.search(r"behind (\w+)", text)
        assert purpose, (name, text)
        assert len(text.split()) >= 10, (name, text)
        assert not behind or behind[1] in comments, (name, text)


def test_every_table_has_its_question(example: tuple[ExampleResults, Path]) -> None:
    listed = [table for table in query.tables(example[1]) if table.kind != "macro"]
    assert [table.name for table in listed] == [
        name for names in QUESTIONS.values() for name in names
    ]
    assert [table.name for table in listed if table.question == START] == list(QUESTIONS[START])
    assert len(QUESTIONS[START]) == 12
    # In each question but the first, views before the tables that they read.
    for question in list(QUESTIONS)[1:]:
        kinds = [table.kind for table in listed if table.question == question]
        if question not in ("Which text, and which models?", list(QUESTIONS)[-1]):
            assert kinds == sorted(kinds, reverse=True), question


EMPTY = {"rule_symmetry"}
"""Views that the example has no rows for; they have tests of their own."""


def test_views_keep_the_grain_they_state(example: tuple[ExampleResults, Path]) -> None:
    views = ask(
        example[1],
        "SELECT view_name, regexp_extract(comment, 'Grain: (.*)\\.$', 1) "
        "FROM duckdb_views() WHERE NOT internal",
    )
    assert len(views) >= 15
    for view, grain in views:
        assert grain, view
        twice = f"SELECT {grain}, count(*) FROM {view} GROUP BY ALL HAVING count(*) > 1"
        assert ask(example[1], twice) == [], view
        if view not in EMPTY:
            assert ask(example[1], f"SELECT count(*) > 0 FROM {view}") == [(True,)], view


def test_what_authors_carry_over_is_paired_over_processes(
    example: tuple[ExampleResults, Path],
) -> None:
    """Slopes of steer-easy and steer-hard are 0.2 above and below one of their seeds."""
    rows = ask(example[1], "SELECT carried, asymmetry, models FROM authors_by_cue")
    assert rows and all(models > 1 for *_, models in rows)
    for carried, asymmetry, _ in rows:
        assert carried == pytest.approx(0.2) and abs(asymmetry) <= 0.01


def test_any_duckdb_can_read_it(example: tuple[ExampleResults, Path], tmp_path: Path) -> None:
    assert ask(example[1], "SELECT tags['storage_version'] FROM duckdb_databases() LIMIT 1") == [
        ("v1.0.0+",)
    ]
    # Views and macros must not remember the name the file was built under.
    moved = Path(shutil.copy(example[1], tmp_path / "other name.duckdb"))
    with duckdb.connect() as connection:
        connection.execute(f"ATTACH '{moved}' AS elsewhere (READ_ONLY)")
        connection.execute("USE elsewhere")
        assert len(connection.execute("SELECT * FROM leaderboard").fetchall()) == 13
    model = ask(moved, "SELECT min(model) FROM current_model WHERE corpus = 'pydocs'")[0][0]
    pairs = f"SELECT * FROM pairs_of('{model}') WHERE probe <> '{SEARCH}'"
    assert len(ask(moved, pairs)) == 15 * 7
    assert ask(moved, "SELECT bits(ln(8))")[0][0] == pytest.approx(3)


def test_old_artifacts_are_kept_apart(example: tuple[ExampleResults, Path]) -> None:
    _, database = example
    assert ask(database, "SELECT stage FROM old_artifact ORDER BY ALL") == [
        ("evaluation",),
        ("myopia",),
        ("training",),
    ]
    old = "SELECT model FROM model AS m JOIN old_artifact AS o ON o.artifact = m.model"
    assert len(ask(database, old)) == 1
    assert ask(database, f"SELECT count(*) FROM document_loss WHERE model IN ({old})") == [(40,)]
    assert ask(database, f"SELECT count(*) FROM current_model WHERE model IN ({old})") == [(0,)]
    assert ask(database, "SELECT count(*), min(gap) FROM myopia_total") == [(2, 0.045)]
    assert ask(database, "SELECT count(*) FROM myopia_gap WHERE is_total") == [(4,)]


def test_leaderboard_and_pairs_by_hand(example: tuple[ExampleResults, Path]) -> None:
    results, database = example
    finals = [m["final"] + 0.02 for m in results.classes()["pydocs/w64/myopic"]]
    row = ask(
        database,
        "SELECT nats, sd_nats, best_nats, nats_low FROM leaderboard "
        "WHERE size = 'w64' AND variant = 'myopic'",
    )[0]
    expected = (np.mean(finals), np.std(finals, ddof=1), min(finals), (1 - SHARE) * np.mean(finals))
    assert row == pytest.approx(expected, abs=1e-12)
    relations = ask(
        database, "SELECT relation, count(*) FROM current_pair WHERE is_text GROUP BY 1 ORDER BY 1"
    )
    assert relations == [("seed", 24), ("size", 32), ("size and variant", 32), ("variant", 32)]
    # A set of n members has n (n - 1) / 2 pairs, each once.
    assert ask(
        database,
        "SELECT count(*) FROM rashomon_summary "
        "WHERE method = 'trained' AND coalesce(pairs, 0) <> members * (members - 1) / 2",
    ) == [(0,)]


def test_arms_and_ngram_baselines_are_side_by_side(example: tuple[ExampleResults, Path]) -> None:
    rows = ask(example[1], "SELECT arm, gap, learning_rate FROM arms WHERE size = 'w32'")
    assert [row[0] for row in rows] == sorted(ARMS, key=lambda arm: ARMS[arm][2])
    assert {row[0]: row[1] for row in rows} == {arm: gap for arm, (_, _, gap) in ARMS.items()}
    # Only arms with members have a rate; an n-gram baseline never does, whatever its name.
    assert {row[0] for row in rows if row[2] is not None} == {"causal", "myopic"}
    assert ask(example[1], "SELECT count(*) FROM myopia_arm") == [(2 * 2 * len(ARMS),)]
    kinds = ask(example[1], "SELECT DISTINCT gradient, gamma FROM current_model ORDER BY ALL")
    assert kinds == [("causal", None), ("myopic", None)]
    for view, count in (("myopia_parts", 6), ("myopia_by_tokens", 40), ("planning_horizon", 2)):
        assert ask(example[1], f"SELECT count(*) FROM {view}") == [(count,)], (
            "old ones are left out"
        )


@pytest.mark.parametrize("members", [1, 2, 5, 31, 32, 60])
def test_intervals_over_members_are_those_of_t(members: int, tmp_path: Path) -> None:
    values = np.random.default_rng(4).normal(0.7, 0.1, size=members)
    results = ExampleResults(tmp_path / "results")
    keys = [results.train("w32", "causal", i, 0) for i in range(members)]
    rows = [
        {"model": key, "level": "mean", "weights": "all", "gamma": 0.0, "projection": value}
        for key, value in zip(keys, values.tolist(), strict=True)
    ]
    results.add("gradient", "pydocs", {"myopia_gradient": rows})
    load(results.root, results.current, tmp_path / "x.duckdb")
    sql = "SELECT projection, low, high, rest, distance, models FROM gradient_share"
    ((mean, low, high, rest, distance, models),) = ask(tmp_path / "x.duckdb", sql)
    assert (mean, rest, distance, models) == pytest.approx(
        (values.mean(), 1 - values.mean(), 1, members)
    )
    if members == 1:
        assert low is high is None
        return
    interval = stats.ttest_1samp(values, 0).confidence_interval(0.95)
    assert (low, high) == pytest.approx((interval.low, interval.high), rel=2e-4)


def holm(p: list[float]) -> list[float]:
    """Closed testing by hand: step down from the smallest."""
    order = np.argsort(p, kind="stable")
    q, running = np.empty(len(p)), 0.0
    for place, i in enumerate(order):
        running = max(running, (len(p) - place) * p[i])
        q[i] = min(1.0, running)
    return q.tolist()


def benjamini_yekutieli(p: list[float]) -> list[float]:
    """For each test, the smallest n p_(k) / k over the k no smaller than its own place, times the
    harmonic number."""
    ordered, harmonic = sorted(p), sum(1 / k for k in range(1, len(p) + 1))
    return [
        min(
            min(1.0, harmonic * len(p) * ordered[k] / (k + 1))
            for k in range(len(p))
            if ordered[k] >= value
        )
        for value in p
    ]


def test_corrections_of_the_example(example: tuple[ExampleResults, Path]) -> None:
    rows = ask(example[1], "SELECT kind, p, q FROM tested_claims WHERE p IS NOT NULL")
    assert [row[2] for row in rows] == pytest.approx([0.008, 0.03, 0.06, 1])
    assert {row[1] for row in rows} == set(P_VALUES)
    # A claim with the same numbers on another probe is counted once.
    assert ask(example[1], "SELECT count(*) FROM contrast WHERE is_copy") == [(2,)]
    # Old claims take no part in the correction and get none.
    without = "SELECT count(*) FROM contrast WHERE q IS NULL AND p IS NOT NULL AND NOT is_copy"
    assert ask(example[1], without) == [(2,)]


def test_named_claim_with_a_reason_is_exploratory(tmp_path: Path) -> None:
    results = write_results(tmp_path / "results", analyses=OF_TEXT)
    database = tmp_path / "x.duckdb"
    reason = "the size was chosen for its result"
    primary = [{**PRIMARY[0], "exploratory": reason}, {**PRIMARY[1], "exploratory": None}]
    load(results.root, results.current, database, primary=primary)
    rows = ask(database, "SELECT kind, because FROM tested_claims WHERE rank IS NOT NULL")
    assert rows == [("exploratory", reason), ("primary", None)]
    assert ask(database, "SELECT count(*) FROM contrast WHERE is_primary") == [(1,)]


def test_primary_claims_come_first_tested_or_not(tmp_path: Path) -> None:
    results = write_results(tmp_path / "results", analyses=OF_TEXT)
    results.train("w128", "causal", 0, 0, has_failed=True)
    database = tmp_path / "x.duckdb"
    load(results.root, results.current, database, primary=(*PRIMARY, UNTESTED))
    rows = ask(database, "SELECT contrast, kind, rank, stage, estimate FROM tested_claims")
    assert [row[:4] for row in rows[:3]] == [
        ("myopia gap: myopic minus causal, pydocs/w32", "primary", 1, "myopia"),
        ("myopia gap: myopic minus causal, pydocs/w64", "primary", 2, "myopia"),
        (
            "log volume per weight: pydocs/w128/causal minus pydocs/w64/causal",
            "primary",
            3,
            None,
        ),
    ]
    assert rows[2][4] is None
    assert {row[1:3] for row in rows[3:]} == {("exploratory", None)}
    # A row of an old artifact is no claim of the current study.
    assert ask(database, "SELECT is_primary, count(*) FROM contrast GROUP BY 1 ORDER BY 1") == [
        (False, 7),
        (True, 2),
    ]


@pytest.mark.parametrize(
    ("claim", "message"),
    [
        (
            {"within": "w128"},
            r"gap: myopic minus causal, pydocs/w128\n    'myopia' tested of this kind: myopia gap: "
            r"myopic minus causal, pydocs/w32; myopia gap: myopic minus causal, pydocs/w64\n",
        ),
        ({"claim": "share", "stage": "rashomon"}, "'rashomon' of pydocs tested no claim of this"),
        ({"corpus": "tally"}, "no current artifact of 'myopia' is of tally"),
        # A member that fails excuses its own claims alone.
        ({"subject": "local"}, "gap: local minus causal, pydocs/w32"),
    ],
)
def test_refuses_primary_claims_that_nothing_tested(
    claim: dict[str, Any], message: str, tmp_path: Path
) -> None:
    results = write_results(tmp_path / "results", analyses=OF_TEXT)
    results.train("w128", "local", 0, 0, has_failed=True)
    primary = [PRIMARY[1], {**PRIMARY[0], **claim}]
    with pytest.raises(UserError, match=message) as error:
        load(results.root, results.current, tmp_path / "x.duckdb", primary=primary)
    assert "`primary`" in str(error.value)
    assert not (tmp_path / "x.duckdb").exists()


def test_a_reworded_claim_changes_its_sentence_alone(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    results = write_results(tmp_path / "results", analyses=OF_TEXT)
    load(results.root, results.current, tmp_path / "a.duckdb", primary=PRIMARY)
    scripts = Path(shutil.copytree(Path(schema.__file__).parent, tmp_path / "scripts"))
    view = scripts / "views" / "10-study.sql"
    view.write_text(view.read_text("utf-8").replace("myopia gap: {}", "gap of myopia: {}"))
    monkeypatch.setattr(loading, "FOLDER", scripts)
    load(results.root, results.current, tmp_path / "b.duckdb", primary=PRIMARY)
    assert content_hash(tmp_path / "a.duckdb") == content_hash(tmp_path / "b.duckdb")
    rows = [
        ask(tmp_path / name, "SELECT * EXCLUDE (contrast), contrast FROM tested_claims")
        for name in ("a.duckdb", "b.duckdb")
    ]
    assert [row[:-1] for row in rows[0]] == [row[:-1] for row in rows[1]]
    assert rows[1][0][-1] == "gap of myopia: myopic minus causal, pydocs/w32"
    assert rows[0] != rows[1]


def test_every_kind_of_claim_has_a_sentence(tmp_path: Path) -> None:
    kinds = [*get_args(get_args(TestedClaim)[0]), *get_args(get_args(TestedClaim)[1])]
    trends = ("rise", "fall")
    rows = [
        {
            **contrast_row(
                Comparison(
                    claim,
                    "c",
                    "subject",
                    None if claim in trends else "baseline",
                    "within",
                    "arm" if claim == "gap_by_size" else None,
                    "p" if claim in (*trends, "spread", "beyond_seeds") else None,
                    5 if claim in (*trends, "spread", "beyond_seeds") else None,
                ),
                Interval(0.1, 0.0, 0.2, 0.5, 3),
                diagonal(4),
            )
        }
        for claim in kinds
    ]
    results = ExampleResults(tmp_path / "results")
    results.add("divergence", "c/p", {"contrast": rows})
    load(results.root, results.current, tmp_path / "x.duckdb")
    sentences = dict(ask(tmp_path / "x.duckdb", "SELECT claim, contrast FROM tested_claims"))
    assert sentences.keys() == set(kinds) and len(set(sentences.values())) == len(kinds)
    for row in rows:
        names = ("subject", "baseline", "within", "within_baseline", "probe", "severity")
        for value in filter(None, (row[name] for name in names)):
            assert str(value) in sentences[row["claim"]]


def test_corrections_against_naive_ones(tmp_path: Path) -> None:
    random = np.random.default_rng(3)
    p = [*random.uniform(0, 1, 12).round(2).tolist(), 0.03, 0.03, 0.0, 1.0]
    values = {f"{kind} {i}": value for kind in (True, False) for i, value in enumerate(p)}
    values |= {"untested": None, "nan": float("nan")}
    claims = {name: {**PRIMARY[0], "within": name} for name in values}
    rows = [
        {**{key: claims[name][key] for key in claims[name] if key != "stage"}, "p": value}
        for name, value in values.items()
    ]
    results = ExampleResults(tmp_path / "results")
    results.add("myopia", "pydocs", {"contrast": rows})
    primary = [claims[name] for name in values if name == "untested" or name.startswith("True")]
    load(results.root, results.current, tmp_path / "x.duckdb", primary=primary)
    q = dict(ask(tmp_path / "x.duckdb", "SELECT within, q FROM contrast"))
    for kind, correction in ((True, holm), (False, benjamini_yekutieli)):
        corrected = [q[f"{kind} {i}"] for i in range(len(p))]
        assert corrected == pytest.approx(correction(p), abs=1e-12)
    assert q["untested"] is None
    assert q["nan"] is None


def test_a_failed_load_leaves_the_old_file(tmp_path: Path) -> None:
    results = write_results(tmp_path / "results", analyses=OF_TEXT)
    target = tmp_path / "x.duckdb"
    load(results.root, results.current, target)
    before = target.read_bytes()
    key = results.add("evaluation", "twice", {"model_loss": [_loss("m"), _loss("m")]})
    with pytest.raises(UserError) as error:
        load(results.root, results.current, target)
    assert "table model_loss" in str(error.value)
    assert f"artifact = {key}, model = m, split = measure" in str(error.value)
    assert target.read_bytes() == before
    names = sorted(path.name for path in tmp_path.iterdir())
    assert names == ["results", "x.duckdb", "x.loaded.json"]


def test_a_reader_keeps_the_database_it_opened(tmp_path: Path) -> None:
    results = write_results(tmp_path / "results", analyses=OF_TEXT)
    target = tmp_path / "x.duckdb"
    load(results.root, results.current, target)
    with duckdb.connect(str(target), read_only=True) as reader:
        results.train("w32", "causal", 9, 9)
        load(results.root, results.current, target)
        assert reader.execute("SELECT count(*) FROM current_model").fetchone() == (16,)
    assert ask(target, "SELECT count(*) FROM current_model") == [(17,)]


def _loss(model: str) -> dict[str, Any]:
    return {"model": model, "split": "measure", "nats": 3.0}


@pytest.mark.parametrize(
    ("manifest", "message"),
    [
        ("{", "Expecting property name"),
        ("[]", "it holds a list"),
        ('{"format": 3, "stage": "s", "key": "k", "files": []}', "this version of manymasks reads"),
        ('{"format": 1, "stage": "s", "key": "k", "files": []}', "digest: field required"),
    ],
)
def test_bad_manifests_are_named(tmp_path: Path, manifest: str, message: str) -> None:
    path = tmp_path / "results" / "s" / "k" / "manifest.json"
    path.parent.mkdir(parents=True)
    path.write_text(manifest)
    with pytest.raises(UserError, match=message) as error:
        load(tmp_path / "results", {}, tmp_path / "x.duckdb")
    assert str(path) in str(error.value)
    assert not (tmp_path / "x.duckdb").exists()


def test_unknown_tables_and_built_ones_are_refused(tmp_path: Path) -> None:
    for table in ("model_los", "artifact"):
        results = ExampleResults(tmp_path / table)
        results.add("evaluation", "x", {table: [{"model": "m"}]})
        with pytest.raises(UserError, match=f"'{table}' is not a table"):
            load(results.root, results.current, tmp_path / "x.duckdb")


def test_older_columns(tmp_path: Path) -> None:
    """Of old artifacts, columns that the schema lacks are left out, and newer ones are NULL."""
    results = ExampleResults(tmp_path / "results")
    old = {**_loss("a"), "perplexity": 20.0}
    results.add("evaluation", "old", {"model_loss": [old]}, fill=False)
    results.add("evaluation", "new", {"model_loss": [{**_loss("b"), "top1": 0.5}]}, fill=False)
    load(results.root, {}, tmp_path / "x.duckdb")
    rows = ask(tmp_path / "x.duckdb", "SELECT model, nats, top1 FROM model_loss ORDER BY model")
    assert rows == [("a", 3.0, None), ("b", 3.0, 0.5)]
    results.add("evaluation", "bad", {"model_loss": [{**_loss("c"), "top1": "half"}]})
    with pytest.raises(UserError, match=r"table model_loss: .* cannot be loaded"):
        load(results.root, {}, tmp_path / "x.duckdb")


@pytest.mark.parametrize("rows_at_once", [1, 3, 20_000_000])
def test_rows_of_one_grain_are_refused(
    rows_at_once: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """In whichever part of a table they are, also where one artifact is searched in parts."""
    monkeypatch.setattr(loading, "GROUPED_ROWS", rows_at_once)
    models = "abcdefgh"
    for twice in ("a", "d", "h"):
        results = ExampleResults(tmp_path / twice)
        for name in ("one", "two", "three"):
            rows = [_loss(model) for model in models]
            results.add("evaluation", name, {"model_loss": rows})
        load(results.root, {}, tmp_path / "x.duckdb")
        results.add("evaluation", "two", {"model_loss": [*rows, _loss(twice)]})
        expected = rf"\(artifact, model, split\), but 2 rows have artifact = \w+, model = {twice}"
        with pytest.raises(UserError, match=expected):
            load(results.root, {}, tmp_path / "x.duckdb")


def test_no_row_is_without_the_first_column_of_its_grain(
    example: tuple[ExampleResults, Path],
) -> None:
    """Duplicates are searched in ranges of that column, which hold no NULL."""
    columns = ask(
        example[1],
        "SELECT table_name || '.' || column_name, is_nullable FROM duckdb_tables() "
        "JOIN duckdb_columns() USING (table_name) "
        "WHERE column_name = regexp_extract(duckdb_tables.comment, 'Grain: (\\w+)', 1) "
        "AND NOT duckdb_tables.internal",
    )
    tables = [one for one in query.tables(example[1]) if one.kind == "table"]
    assert len(columns) == len(tables)
    assert [name for name, is_nullable in columns if is_nullable] == []


def test_tables_of_an_earlier_schema_are_left_out_and_counted(tmp_path: Path) -> None:
    results = ExampleResults(tmp_path / "results")
    renamed = {"floor_loss": [{"floor": "unigram", "nats": 3.0}]}
    results.add("floor", "pydocs", renamed, is_current=False)
    sentence = {"contrast": [{"contrast": "a sentence", "estimate": 0.1}]}
    results.add("myopia", "pydocs", sentence, is_current=False, fill=False)
    results.add("evaluation", "x", {"model_loss": [_loss("a")]})
    rows = load(results.root, results.current, tmp_path / "x.duckdb")
    assert (rows["outdated_payloads"], rows["contrast"], rows["model_loss"]) == (2, 0, 1)
    assert rows["artifact"] == 3


@pytest.mark.parametrize(
    ("columns", "message"),
    [
        ({"perplexity": 20.0}, "has perplexity, unlike table 'model_loss'"),
        ({"nats_lo": 2.0}, "has nats_lo, unlike"),
        ({"top1": None}, "lacks top1, unlike"),
    ],
)
def test_current_tables_have_the_columns_of_the_schema(
    columns: dict[str, float | None], message: str, tmp_path: Path
) -> None:
    results = ExampleResults(tmp_path / "results")
    row = {**dict.fromkeys(kit.COLUMNS["model_loss"]), **_loss("a"), **columns}
    row = {name: value for name, value in row.items() if columns.get(name, 0) is not None}
    key = results.add("evaluation", "x", {"model_loss": [row]}, fill=False)
    with pytest.raises(UserError, match=message) as error:
        load(results.root, results.current, tmp_path / "x.duckdb")
    path = results.root / "evaluation" / key / "tables" / "model_loss.parquet"
    assert str(error.value).startswith(f"{path}: ")
    assert f"manymasks run evaluation {key} --force" in str(error.value)
    load(results.root, {}, tmp_path / "x.duckdb")


def test_the_schema_is_read_as_duckdb_reads_it() -> None:
    with duckdb.connect() as connection:
        for path in sorted(Path(schema.__file__).with_name("schema").glob("*.sql")):
            connection.execute(path.read_text(encoding="utf-8"))
        columns = connection.execute(
            "SELECT table_name, column_name, is_nullable FROM duckdb_columns() WHERE NOT internal"
        ).fetchall()
        comments = dict(
            connection.execute("SELECT table_name, comment FROM duckdb_tables()").fetchall()
        )
    by_table: dict[str, dict[str, bool]] = {}
    for table, column, is_nullable in columns:
        if table not in schema.BUILT and column != "artifact":
            by_table.setdefault(table, {})[column] = is_nullable
    assert schema.written_columns() == {table: set(names) for table, names in by_table.items()}
    required = {
        table: {name for name, is_nullable in names.items() if not is_nullable}
        for table, names in by_table.items()
    }
    assert schema.written_columns(required=True) == required
    # Rows are ordered by their grain, and a row of an old artifact has what is never NULL.
    for table, names in required.items():
        assert {"artifact", *names} & set(re.split(r"\W+", comments[table].split("Grain: ")[1]))


def test_evicted_payloads_are_counted(tmp_path: Path) -> None:
    results = write_results(tmp_path / "results", analyses=OF_TEXT)
    for path in results.root.glob("evaluation/*/tables/document_loss.parquet"):
        path.unlink()
    rows = load(results.root, results.current, tmp_path / "x.duckdb")
    assert rows["missing_payloads"] == 17
    assert rows["document_loss"] == 0
    assert rows["model_loss"] == 34 + 56


def test_an_empty_results_folder(tmp_path: Path) -> None:
    rows = load(tmp_path / "none", {}, tmp_path / "x.duckdb")
    assert set(rows.values()) == {0}
    assert ask(tmp_path / "x.duckdb", "SELECT count(*) FROM leaderboard") == [(0,)]


def content_hash(path: Path) -> str:
    """SHA-256 of all tables' columns and rows, whatever the rows' order."""
    digest = hashlib.sha256()
    for (table,) in ask(path, "SELECT table_name FROM duckdb_tables() ORDER BY ALL"):
        columns = ask(path, f"DESCRIBE {table}")
        rows = f"SELECT count(*), sum(hash({table}))::VARCHAR, bit_xor(hash({table})) FROM {table}"
        digest.update(json.dumps([table, columns, ask(path, rows)]).encode())
    return digest.hexdigest()


def test_equal_results_give_equal_databases(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Threads, the order of rows and the time of the build leave no trace in the tables."""
    results = write_results(tmp_path / "results", analyses=OF_TEXT)
    load(results.root, results.current, tmp_path / "a.duckdb")
    load(results.root, results.current, tmp_path / "b.duckdb", threads=2)
    first = content_hash(tmp_path / "a.duckdb")
    assert first == content_hash(tmp_path / "b.duckdb")
    with monkeypatch.context() as patched:
        # Large tables are loaded and checked in parts.
        patched.setattr(loading, "SORTED_BYTES", 1)
        patched.setattr(loading, "GROUPED_ROWS", 2000)
        load(results.root, results.current, tmp_path / "b.duckdb")
    assert first == content_hash(tmp_path / "b.duckdb")
    path = next(results.root.glob("evaluation/*/tables/model_loss.parquet"))
    rows = pq.read_table(path).to_pylist()
    replace_table(path, rows[::-1])
    load(results.root, results.current, tmp_path / "a.duckdb")
    assert content_hash(tmp_path / "a.duckdb") == first
    rows[0]["nats"] += 1e-9
    replace_table(path, rows)
    load(results.root, results.current, tmp_path / "a.duckdb")
    assert content_hash(tmp_path / "a.duckdb") != first


def test_unchanged_artifacts_are_taken_from_the_previous_database(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One artifact more, one less, one made again with other rows: as if all were loaded."""
    results = write_results(tmp_path / "results", analyses=OF_TEXT)
    one, two, *_, last = sorted(results.root.glob("evaluation/*/tables/document_loss.parquet"))
    hidden = last.parents[1].rename(tmp_path / "hidden")
    load(results.root, results.current, tmp_path / "a.duckdb")
    hidden.rename(last.parents[1])
    shutil.rmtree(one.parents[1])
    rows = pq.read_table(two).to_pylist()
    rows[0]["nats"] += 1e-9
    replace_table(two, rows)

    opened: list[Path] = []
    monkeypatch.setattr(
        artifacts, "sha256_of", lambda path: (opened.append(path), sha256_of(path))[1]
    )
    previous = tmp_path / "a.duckdb"
    load(results.root, results.current, tmp_path / "b.duckdb", previous=previous)
    assert {path for path in opened if path.name == "document_loss.parquet"} == {two, last}
    read = len(opened)
    load(results.root, results.current, tmp_path / "c.duckdb")
    assert len(opened) - read > 2 * read
    assert content_hash(tmp_path / "b.duckdb") == content_hash(tmp_path / "c.duckdb")


@pytest.mark.parametrize("change", ["schema", "half", "gone", "other file"])
def test_a_previous_database_that_cannot_be_used_is_not(tmp_path: Path, change: str) -> None:
    results = write_results(tmp_path / "results", analyses=OF_TEXT)
    previous = tmp_path / "a.duckdb"
    load(results.root, results.current, previous)
    noted = previous.with_suffix(ENDING)
    match change:
        case "schema":
            noted.write_text(json.dumps({**json.loads(noted.read_text()), "schema": "0"}))
        case "half":
            previous.write_bytes(previous.read_bytes()[:5000])
        case "gone":
            previous.unlink()
        case "other file":
            noted.write_text("[]")
    assert read_previous(previous) is None
    load(results.root, results.current, tmp_path / "b.duckdb", previous=previous)
    load(results.root, results.current, tmp_path / "c.duckdb")
    assert content_hash(tmp_path / "b.duckdb") == content_hash(tmp_path / "c.duckdb")


def test_a_damaged_table_is_refused(tmp_path: Path) -> None:
    results = write_results(tmp_path / "results", analyses=OF_TEXT)
    path = next(results.root.glob("evaluation/*/tables/model_loss.parquet"))
    rows = pq.read_table(path).to_pylist()
    pq.write_table(pa.Table.from_pylist(rows[::-1]), path)
    with pytest.raises(UserError, match=r"has SHA-256 .* its manifest says"):
        load(results.root, results.current, tmp_path / "a.duckdb")


def test_tables_without_rows_or_columns_load(tmp_path: Path) -> None:
    results = ExampleResults(tmp_path / "results")
    results.add("myopia", "pydocs", {"contrast": [], "myopia_gap": []})
    rows = load(results.root, results.current, tmp_path / "x.duckdb")
    assert (rows["contrast"], rows["myopia_gap"], rows["artifact"]) == (0, 0, 1)


def test_hundreds_of_artifacts_load(tmp_path: Path) -> None:
    results = ExampleResults(tmp_path / "results")
    rows = [
        {"model": "m", "split": "measure", "document": f"d{i}", "nats": 1.0} for i in range(200)
    ]
    for i in range(400):
        results.add("evaluation", f"{i}", {"model_loss": [_loss("m")], "document_loss": rows})
    assert load(results.root, {}, tmp_path / "x.duckdb")["document_loss"] == 80_000


def test_a_renamed_class_goes_by_its_current_name(
    example: tuple[ExampleResults, Path], tmp_path: Path
) -> None:
    results, _ = example
    renamed = {key: label.replace("/w32/", "/tiny/") for key, label in results.current.items()}
    load(results.root, renamed, tmp_path / "x.duckdb")
    sizes = ask(tmp_path / "x.duckdb", "SELECT DISTINCT size FROM current_model ORDER BY ALL")
    assert ("tiny",) in sizes and ("w32",) not in sizes
    assert ask(
        tmp_path / "x.duckdb",
        "SELECT count(*) FROM artifact WHERE is_current AND label LIKE 'training/%/tiny/%'",
    ) == [(44,)]


def test_severities_have_their_distance_from_training(
    example: tuple[ExampleResults, Path],
) -> None:
    found = ask(
        example[1],
        "SELECT DISTINCT severity, round(ngram_nats, 6) FROM severity_curve "
        "WHERE probe = 'shuffle' AND corpus = 'pydocs' ORDER BY ALL",
    )
    assert found == [(place, round(4.1 * (1 + 0.1 * place), 6)) for place in range(6)]
