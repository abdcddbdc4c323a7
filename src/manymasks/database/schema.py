"""What schema/*.sql says of the tables that stages write, read without DuckDB."""

import re
from collections.abc import Mapping
from pathlib import Path

BUILT = ("artifact", "artifact_input", "mean_interval", "model_class", "primary_claim")
"""Tables that the loader fills; stages write all others."""

_FOLDER = Path(__file__).with_name("schema")
_TABLE = re.compile(r"^CREATE TABLE (\w+) \((.*?)^\);", re.MULTILINE | re.DOTALL)
_COLUMN = re.compile(r"^ +(\w+) \w+( NOT NULL)?,?$", re.MULTILINE)


def written_columns(required: bool = False) -> Mapping[str, frozenset[str]]:
    """Columns by table that a stage writes, or those of them that are never NULL. The loader adds
    `artifact`, and `derive.sql` adds what follows from all rows."""
    scripts = "".join(path.read_text(encoding="utf-8") for path in sorted(_FOLDER.glob("*.sql")))
    return {
        table: frozenset(
            name
            for name, not_null in _COLUMN.findall(body)
            if name != "artifact" and (not_null or not required)
        )
        for table, body in _TABLE.findall(scripts)
        if table not in BUILT
    }
