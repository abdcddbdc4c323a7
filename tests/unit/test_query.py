"""Questions to the database: examples, formats and messages."""

import io
import json
import resource
from pathlib import Path

import duckdb
import pyarrow.parquet as pq
import pytest
from example_results import write_results

from manymasks.database import queries, query
from manymasks.database.load import load
from manymasks.database.queries import Example, examples
from manymasks.errors import UserError


@pytest.fixture(scope="module")
def database(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("query")
    results = write_results(folder / "results")
    load(results.root, results.current, folder / "x.duckdb")
    return folder / "x.duckdb"


@pytest.fixture(scope="module")
def empty(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("empty")
    load(folder / "results", {}, folder / "x.duckdb")
    return folder / "x.duckdb"


def written(database: Path, sql: str, format: query.Format) -> str:
    out = io.BytesIO()
    query.run(database, sql, format, out)
    return out.getvalue().decode()


def test_examples_have_a_name_and_ask_a_question() -> None:
    listed = examples()
    assert len({entry.name for entry in listed}) == len(listed) >= 10
    folder = Path(queries.__file__).parent
    assert sorted(path.stem for path in folder.rglob("*.sql")) == sorted(
        entry.name for entry in listed
    )
    for example in listed:
        assert example.question.endswith("?"), example.name
        assert example.sql.startswith(f"-- {example.question}\n")


@pytest.mark.parametrize("example", examples(), ids=lambda example: example.name)
def test_examples_answer_on_any_database(example: Example, database: Path, empty: Path) -> None:
    rows = json.loads(written(database, example.sql, "json"))
    # The example has no copy of `fork` with its colours exchanged, which test_rule_symmetry has.
    assert bool(rows) == (example.name != "rule-symmetry")
    assert len({tuple(row) for row in rows}) <= 1
    assert json.loads(written(empty, example.sql, "json")) == []


def test_table_shows_every_row_and_null(database: Path) -> None:
    sql = "SELECT i, NULL AS nothing, 'x' || i AS name, i > 1 AS big FROM range(3) AS t(i)"
    assert written(database, sql, "table") == (
        "i  nothing  name  big\n"
        "─  ───────  ────  ─────\n"
        "0  NULL     x0    false\n"
        "1  NULL     x1    false\n"
        "2  NULL     x2    true\n"
    )
    assert len(written(database, "SELECT * FROM range(999)", "table").splitlines()) == 1001
    long = written(database, "SELECT * FROM range(1200)", "table")
    assert len(long.splitlines()) == 1003
    assert "1000 of 1200 rows" in long
    assert "(no rows)" in written(database, "SELECT 1 AS a WHERE FALSE", "table")


def test_a_table_of_many_rows_is_cut_with_a_note(empty: Path) -> None:
    began = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    text = written(empty, "SELECT * FROM range(100_000_000)", "table")
    assert text.count("\n") < 1100
    assert "1000" in text.replace(",", "") and "--format" in text
    # Megabytes, not those of all rows.
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - began < 300_000


def test_csv_and_json(database: Path) -> None:
    sql = (
        "SELECT 1 AS a, NULL AS a, 'say \"x\", y' AS text, 'nan'::DOUBLE AS n, [1, 2] AS l, "
        "TIMESTAMP '2026-11-20 13:00:00' AS t"
    )
    assert written(database, sql, "csv") == (
        'a,a_1,text,n,l,t\n1,,"say ""x"", y",nan,"[1,2]",2026-11-20 13:00:00\n'
    )
    assert json.loads(written(database, sql, "json")) == [
        {
            "a": 1,
            "a_1": None,
            "text": 'say "x", y',
            "n": None,
            "l": [1, 2],
            "t": "2026-11-20T13:00:00",
        }
    ]


def test_parquet_to_a_file_and_a_stream(database: Path, tmp_path: Path) -> None:
    query.run(database, "SELECT * FROM leaderboard", "parquet", tmp_path / "x.parquet")
    assert pq.read_table(tmp_path / "x.parquet").num_rows == 13
    out = io.BytesIO()
    query.run(database, "SELECT * FROM leaderboard", "parquet", out)
    assert out.getvalue() == (tmp_path / "x.parquet").read_bytes()


def test_tables_and_describe(database: Path) -> None:
    found = {table.name: table for table in query.tables(database)}
    assert found["model"].rows == 54 + 24 + 4
    assert found["leaderboard"].kind == "view"
    assert "Grain: model." in (found["model"].comment or "")
    assert found["pairs_of(model_key)"][2:4] == ("macro", None)
    assert all(table.comment for table in found.values())
    columns = query.describe(database, "model_loss")
    assert columns[0].column == "artifact"
    assert columns[3] == ("nats", "DOUBLE", "Loss, nats per token")
    with pytest.raises(UserError, match="Did you mean 'leaderboard'"):
        query.describe(database, "leaderbord")


@pytest.mark.parametrize("format", ["table", "parquet"])
@pytest.mark.parametrize(
    ("sql", "message"),
    [
        ("SELECT natz FROM model_loss", "(?s)natz.*nats"),
        ("SELEC 1", "syntax error"),
        ("SELECT * FROM leaderbord", "(?s)does not exist.*leaderboard"),
        ("DELETE FROM model", "opened read-only"),
        ("CREATE TABLE mine (i INTEGER)", "opened read-only"),
        (" ; ", "the query is empty"),
    ],
)
def test_bad_queries(database: Path, sql: str, message: str, format: query.Format) -> None:
    before = database.read_bytes()
    with pytest.raises(UserError, match=message):
        query.run(database, sql, format, io.BytesIO())
    assert database.read_bytes() == before


def test_bad_databases(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="snakemake --cores all"):
        query.tables(tmp_path / "none.duckdb")
    (tmp_path / "text.duckdb").write_text("not a database, but long enough to look like one" * 400)
    with pytest.raises(UserError, match="cannot be opened as a DuckDB database"):
        query.tables(tmp_path / "text.duckdb")


def test_a_locked_database(database: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def locked(*_: object, **__: object) -> None:
        raise duckdb.IOException(
            "IO Error: Could not set lock on file: Conflicting lock is held in python (PID 12)"
        )

    monkeypatch.setattr(duckdb, "connect", locked)
    with pytest.raises(UserError, match=r"(?s)another process has it open.*PID 12"):
        query.run(database, "SELECT 1", "table", tmp_path / "out")


EVERY_TYPE = {
    "now()": None, "INTERVAL 90 MINUTE": "01:30:00", "0.5": 0.5, "1e400::DOUBLE": None,
    "'inf'::FLOAT": None, "{'x': 'nan'::DOUBLE, 'y': 'a:nan,'}": {"x": None, "y": "a:nan,"},
    "MAP {'k': ['nan'::DOUBLE, 1.5]}": {"k": [None, 1.5]}, "[['inf'::DOUBLE]]": [[None]],
    "[TIMESTAMP '2026-01-02 03:04:05']": ["2026-01-02T03:04:05"], "DATE '2026-01-02'": "2026-01-02",
    "TIME '03:04:05'": "03:04:05", "170141183460469231731687303715884105727": None,
    "'\\xAA'::BLOB": "\\xAA", "uuid()": None, "'101'::BIT": "101", "NULL::DOUBLE[]": None,
    "NULL::STRUCT(a DOUBLE)": None, "true": True, "'é\n\"'": 'é\n"',
}  # fmt: skip
"""Expressions of each type, and their value in JSON where it is written down here."""


@pytest.mark.parametrize("sql", EVERY_TYPE)
def test_every_type_in_every_format(database: Path, tmp_path: Path, sql: str) -> None:
    query.run(database, f"SELECT {sql} AS a", "parquet", tmp_path / "a.parquet")
    assert duckdb.sql(f"SELECT count(*) FROM '{tmp_path / 'a.parquet'}'").fetchall() == [(1,)]
    assert written(database, f"SELECT {sql} AS a", "csv").startswith("a\n")
    assert "a" in written(database, f"SELECT {sql} AS a", "table")

    def refuse(constant: str) -> None:
        raise AssertionError(f"{constant} is not JSON")

    text = written(database, f"SELECT {sql} AS a", "json")
    (row,) = json.loads(text, parse_constant=refuse)
    if EVERY_TYPE[sql] is not None:
        assert row == {"a": EVERY_TYPE[sql]}


@pytest.mark.parametrize("sql", ["/* nothing */", "-- nothing", ";;"])
def test_a_query_of_nothing_is_empty(database: Path, sql: str) -> None:
    with pytest.raises(UserError, match="the query is empty"):
        query.run(database, sql, "json", io.BytesIO())


def test_a_database_that_this_process_has_open_is_not_called_broken(database: Path) -> None:
    with duckdb.connect(str(database)), pytest.raises(UserError) as caught:
        query.tables(database)
    assert "this process has it open" in str(caught.value)
    assert "Delete" not in str(caught.value)
