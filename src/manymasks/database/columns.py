"""Default comments of columns, from columns.sql, where schema and views state none."""

from pathlib import Path

import duckdb

_DEFAULTS = Path(__file__).with_name("columns.sql")


def comment_columns(connection: duckdb.DuckDBPyConnection) -> None:
    """Comment every column without a comment, where possible by the meaning of its name: the
    comment of the name in columns.sql; for a view, that of the name in its tables, if they agree;
    or that of the name's ending in columns.sql."""
    defaults = dict(connection.execute(_DEFAULTS.read_text(encoding="utf-8")).fetchall())
    endings = {name[1:]: text for name, text in defaults.items() if name.startswith("*")}
    columns = connection.execute(
        "SELECT v.view_name IS NOT NULL AS is_view, c.table_name, c.column_name, c.comment "
        "FROM duckdb_columns() AS c LEFT JOIN duckdb_views() AS v ON v.view_oid = c.table_oid "
        "WHERE NOT c.internal ORDER BY ALL"
    ).fetchall()
    table_comments: dict[str, set[str]] = {}
    statements = []
    for is_view, table, column, stated in columns:
        comments = [stated, defaults.get(column)]
        if is_view and len(table_comments.get(column, ())) == 1:
            comments += table_comments[column]
        comments += [text for ending, text in endings.items() if column.endswith(ending)]
        comment = next(filter(None, comments), None)
        if comment and not stated:
            quoted = comment.replace("'", "''")
            statements.append(f"COMMENT ON COLUMN {table}.{column} IS '{quoted}';")
        if comment and not is_view:
            table_comments.setdefault(column, set()).add(comment)
    connection.execute("".join(statements))
