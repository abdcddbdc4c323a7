"""Comments of columns: each says what differs, and names say the rest."""

import re
from fnmatch import fnmatchcase
from pathlib import Path

import duckdb
import pytest

import manymasks.database
from manymasks.database.columns import comment_columns

STATED = re.compile(r"^COMMENT ON COLUMN (\w+\.\w+) IS '((?:[^']|'')*)';\n", re.MULTILINE)
FOLDER = Path(manymasks.database.__file__).parent
SCRIPTS = {
    "schema": [*sorted((FOLDER / "schema").glob("*.sql")), FOLDER / "derive.sql"],
    "views": sorted((FOLDER / "views").glob("*.sql")),
}


def stated(kind: str) -> dict[str, str]:
    """Comments of columns that the files of schema or views state, by table.column."""
    scripts = "".join(path.read_text("utf-8") for path in SCRIPTS[kind])
    found = dict(STATED.findall(scripts))
    assert len(found) == scripts.count("COMMENT ON COLUMN"), "one line each, each column once"
    return {column: text.replace("''", "'") for column, text in found.items()}


def comments(bare: str = "") -> dict[str, str | None]:
    """The comment of every column, were there none in the files of `bare`: schema or views."""
    with duckdb.connect() as connection:
        for kind, paths in SCRIPTS.items():
            for path in paths:
                sql = path.read_text("utf-8")
                connection.execute(STATED.sub("", sql) if kind == bare else sql)
        comment_columns(connection)
        rows = connection.execute(
            "SELECT concat(table_name, '.', column_name), comment "
            "FROM duckdb_columns() WHERE NOT internal"
        ).fetchall()
    return dict(rows)


@pytest.mark.parametrize("kind", ["schema", "views"])
def test_columns_state_only_what_differs(kind: str) -> None:
    without = comments(bare=kind)
    assert [c for c, text in stated(kind).items() if without[c] == text] == []


def test_what_a_name_means_is_said_for_columns_that_say_nothing() -> None:
    own = {**stated("schema"), **stated("views")}
    names = [column.split(".")[1] for column in comments() if column not in own]
    said = duckdb.sql((FOLDER / "columns.sql").read_text("utf-8")).fetchall()
    assert len(dict(said)) == len(said)
    for name, _ in said:
        used = [each for each in names if fnmatchcase(each, name)]
        assert len(used) >= 2, f"{name}: say it beside the one column"


def test_a_column_is_commented_by_itself_then_by_name_then_by_its_table() -> None:
    with duckdb.connect() as connection:
        connection.execute(
            "CREATE TABLE a (corpus VARCHAR, slope DOUBLE, p DOUBLE, top_high DOUBLE, odd INTEGER);"
            "CREATE TABLE b (corpus VARCHAR, p DOUBLE);"
            "CREATE VIEW c AS SELECT *, p AS k_high FROM a;"
            "COMMENT ON COLUMN a.slope IS 'Nats''s slope'; COMMENT ON COLUMN a.p IS 'one';"
            "COMMENT ON COLUMN b.p IS 'another'; COMMENT ON COLUMN b.corpus IS 'its own';"
            "COMMENT ON COLUMN a.top_high IS 'Largest';"
        )
        comment_columns(connection)
        found = connection.execute(
            "SELECT table_name, column_name, comment FROM duckdb_columns() WHERE NOT internal"
        ).fetchall()
    assert {f"{table}.{column}": text for table, column, text in found} == {
        "a.corpus": "Name of the corpus",
        "a.odd": None,
        "a.p": "one",
        "a.slope": "Nats's slope",
        "a.top_high": "Largest",
        "b.corpus": "its own",
        "b.p": "another",
        "c.corpus": "Name of the corpus",
        "c.k_high": "Upper end of its interval",
        "c.odd": None,
        "c.p": None,
        "c.slope": "Nats's slope",
        "c.top_high": "Largest",
    }
