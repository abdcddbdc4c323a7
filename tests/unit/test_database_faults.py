"""The database after faults: damaged, changed by hand, half loaded; queries that would write."""

import io
import os
import random
from pathlib import Path

import duckdb
import pytest
from example_results import OF_TEXT, ExampleResults, write_results

import kit
from manymasks.database import query
from manymasks.database.load import load
from manymasks.errors import UserError
from manymasks.store.manifest import write_manifest

KEY = "0123456789ab"
COMMAND = f"manymasks run database {KEY} --force"


@pytest.fixture(scope="module")
def results(tmp_path_factory: pytest.TempPathFactory) -> ExampleResults:
    return write_results(tmp_path_factory.mktemp("faults") / "results", analyses=OF_TEXT)


@pytest.fixture(scope="module")
def empty(tmp_path_factory: pytest.TempPathFactory) -> bytes:
    """A database without artifacts."""
    folder = tmp_path_factory.mktemp("empty")
    load(folder / "none", {}, folder / "x.duckdb")
    return (folder / "x.duckdb").read_bytes()


@pytest.fixture
def database(tmp_path: Path, empty: bytes) -> Path:
    """The link to a database that lies in the folder of its artifact."""
    folder = tmp_path / "database" / KEY
    folder.mkdir(parents=True)
    (folder / "manymasks.duckdb").write_bytes(empty)
    files = kit.payload(folder)
    write_manifest(folder / "manifest.json", kit.manifest("database", key=KEY, files=files))
    link = tmp_path / "manymasks.duckdb"
    link.symlink_to(folder / "manymasks.duckdb")
    return link


def answer(database: Path, sql: str, format: query.Format = "csv") -> str:
    out = io.BytesIO()
    query.run(database, sql, format, out)
    return out.getvalue().decode()


def refusal(database: Path, sql: str = "SELECT count(*) FROM artifact") -> str:
    with pytest.raises(UserError) as caught:
        answer(database, sql)
    return str(caught.value)


def test_damage_is_named_with_the_command_that_mends_it(database: Path) -> None:
    file = database.resolve()
    whole, times = file.read_bytes(), (file.stat().st_atime_ns, file.stat().st_mtime_ns)
    assert answer(database, "SELECT count(*) AS n FROM artifact") == "n\n0\n"
    chosen = random.Random(0)
    for tries in range(20):
        content = bytearray(whole)
        content[chosen.randrange(4096 * 4 if tries % 2 else len(whole))] ^= 1 << chosen.randrange(8)
        file.write_bytes(content)
        # As a disk damages it: the time does not tell.
        os.utime(file, ns=times)
        try:
            assert answer(database, "SELECT count(*) AS n FROM artifact") == "n\n0\n"
        except UserError as error:
            assert COMMAND in str(error)
            assert "another process" not in str(error)
    for content in (b"", b"text", whole[:-4096]):
        file.write_bytes(content)
        os.utime(file, ns=times)
        assert COMMAND in refusal(database)
    file.unlink()
    assert f"that it leads to is gone. Make it again with\n  {COMMAND}" in refusal(database)


def test_a_database_that_was_changed_by_hand_is_noticed(database: Path) -> None:
    file = database.resolve()
    os.utime(file)
    assert answer(database, "SELECT count(*) AS n FROM artifact") == "n\n0\n"
    with duckdb.connect(str(file)) as connection:
        connection.execute("CREATE TABLE more AS SELECT 1 AS one")
    assert "was changed after it was made: has " in refusal(database)
    assert COMMAND in refusal(database)


def test_a_lock_of_another_process_is_not_damage(
    database: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def connect(*_: object, **__: object) -> None:
        raise duckdb.IOException(
            'IO Error: Could not set lock on file "x": Conflicting lock is held in python (PID 12)'
        )

    monkeypatch.setattr(duckdb, "connect", connect)
    assert "another process has it open" in refusal(database)


@pytest.mark.parametrize(
    "statement",
    [
        "COPY artifact TO '{}'",
        "COPY (SELECT 1) TO '{}' (FORMAT parquet)",
        "EXPORT DATABASE '{}'",
        "ATTACH '{}' AS other",
        "SELECT * FROM read_text('/etc/hostname')",
        "SET enable_external_access = true; COPY (SELECT 1) TO '{}'",
        "SET allowed_paths = ['{}']; COPY (SELECT 1) TO '{}'",
        "SELECT 1; COPY (SELECT 1) TO '{}'; SELECT 2",
    ],
)
@pytest.mark.parametrize("format", ["table", "csv"])
def test_a_query_reads_and_writes_no_other_file(
    database: Path, tmp_path: Path, statement: str, format: query.Format
) -> None:
    target = tmp_path / "written"
    with pytest.raises(UserError):
        answer(database, statement.replace("{}", str(target)), format)
    assert not any(target.rglob("*.*")) and not target.is_file()


def test_files_are_allowed_on_demand(database: Path, tmp_path: Path) -> None:
    target = tmp_path / "written.csv"
    assert "--allow-files" in refusal(database, f"COPY (SELECT 1 AS a) TO '{target}'")
    out = io.BytesIO()
    query.run(database, f"COPY (SELECT 1 AS a) TO '{target}'", "table", out, allow_files=True)
    assert target.read_text() == "a\n1\n"


class Closed(io.RawIOBase):
    """A pipe whose reader ended after the first bytes."""

    def writable(self) -> bool:
        return True

    def write(self, content: object) -> int:
        raise BrokenPipeError


@pytest.mark.parametrize("format", ["csv", "json", "parquet"])
def test_rows_are_streamed(database: Path, tmp_path: Path, format: query.Format) -> None:
    with pytest.raises(BrokenPipeError):
        query.run(database, "SELECT * FROM range(10_000_000)", format, Closed())
    target = tmp_path / f"x.{format}"
    target.write_text("earlier")
    with pytest.raises(UserError, match="Could not convert"):
        sql = "SELECT CASE WHEN i = 900000 THEN ('x' || i)::INTEGER END FROM range(1000000) t(i)"
        query.run(database, sql, format, target)
    assert target.read_text() == "earlier"
    query.run(database, "SELECT 1 AS a", format, target)
    assert sorted(path.name for path in tmp_path.iterdir()) == [
        "database", "manymasks.duckdb", target.name,
    ]  # fmt: skip
    query.run(database, "SELECT 1 AS a", format, Path("/dev/null"))
    assert Path("/dev/null").is_char_device()


def test_a_load_says_what_is_missing_and_what_brings_it_back(
    results: ExampleResults, tmp_path: Path
) -> None:
    lines: list[str] = []
    load(results.root, results.current, tmp_path / "x.duckdb", say=lines.append)
    assert lines == []
    kept = {path: path.read_bytes() for path in results.root.glob("evaluation/*/tables/*.parquet")}
    gone = [path for path in kept if path.parents[1].name in results.current][:2]
    try:
        for path in gone:
            path.unlink()
        load(results.root, results.current, tmp_path / "x.duckdb", say=lines.append)
        (line,) = lines
        for path in gone:
            assert f"manymasks run evaluation {path.parents[1].name} --force" in line
        assert "are gone and not in the database: evaluation/" in line
        lines.clear()
        load(results.root, {}, tmp_path / "x.duckdb", say=lines.append)
        assert lines == ["2 tables of earlier studies are gone and not in the database"]
    finally:
        for path in gone:
            path.write_bytes(kept[path])


def test_all_damaged_manifests_are_named_at_once(tmp_path: Path) -> None:
    made = ExampleResults(tmp_path / "results")
    keys = [made.add("evaluation", name, {}) for name in "abc"]
    for key in keys[:2]:
        path = made.root / "evaluation" / key / "manifest.json"
        path.write_text(path.read_text().replace("400000000", "400000001"))
    with pytest.raises(UserError) as caught:
        load(made.root, {}, tmp_path / "x.duckdb")
    assert [f"run evaluation {key} --force" in str(caught.value) for key in keys] == [
        True, True, False,
    ]  # fmt: skip
