"""Comments of columns: what differs is said beside the table or view, the rest once by name."""

from pathlib import Path

import duckdb

_MEANINGS = Path(__file__).with_name("columns.sql")


def comment_columns(connection: duckdb.DuckDBPyConnection) -> None:
    """Comment every column that has no comment of its own by what its name means.

    That is what columns.sql says of the name; of a view, else what all tables with a column of
    that name say of it; else what columns.sql says of names that end so. Columns of whose name
    nothing is said stay bare.
    """
    meanings = dict(connection.execute(_MEANINGS.read_text(encoding="utf-8")).fetchall())
    ends = {name[1:]: text for name, text in meanings.items() if name.startswith("*")}
    columns = connection.execute(
        "SELECT v.view_name IS NOT NULL AS is_view, c.table_name, c.column_name, c.comment "
        "FROM duckdb_columns() AS c LEFT JOIN duckdb_views() AS v ON v.view_oid = c.table_oid "
        "WHERE NOT c.internal ORDER BY ALL"
    ).fetchall()
    tables: dict[str, set[str]] = {}
    statements = []
    for is_view, table, column, own in columns:
        texts = [own, meanings.get(column)]
        if is_view and len(tables.get(column, ())) == 1:
            texts += tables[column]
        texts += [text for end, text in ends.items() if column.endswith(end)]
        text = next(filter(None, texts), None)
        if text and not own:
            quoted = text.replace("'", "''")
            statements.append(f"COMMENT ON COLUMN {table}.{column} IS '{quoted}';")
        if text and not is_view:
            tables.setdefault(column, set()).add(text)
    connection.execute("".join(statements))
