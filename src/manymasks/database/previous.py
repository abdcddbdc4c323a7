"""Rows of an earlier database of the same folder, which need not be read from files again.

Beside a database lies a file `.loaded.json`: the schema that it was built with, and the SHA-256 of
each Parquet file whose rows it holds. A file of the same digest gives the same rows.
"""

import hashlib
import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import duckdb

from manymasks.database.unchanged import change
from manymasks.disk.atomic import write_json
from manymasks.errors import UserError

ENDING = ".loaded.json"
FOLDER = Path(__file__).parent
_UPDATED = re.compile(r"^UPDATE (\w+)", re.MULTILINE)


@dataclass(frozen=True)
class PreviousDatabase:
    """A database, and the SHA-256 of the files whose rows can be taken from it, by table and
    artifact."""

    path: Path
    digests: Mapping[str, Mapping[str, str]]

    def holds(self, table: str, artifact: str, sha256: str) -> bool:
        """Whether the rows of a file of this digest are here."""
        return self.digests.get(table, {}).get(artifact) == sha256


def read_previous(database: Path) -> PreviousDatabase | None:
    """The database at a path, or behind a link, if its rows can be used: it was built with this
    schema and not changed since. Tables whose rows follow from other rows too are left out."""
    path = database.resolve()
    try:
        content = json.loads(path.with_suffix(ENDING).read_text(encoding="utf-8"))
        if content["schema"] != _schema() or not path.is_file() or change(path):
            return None
        with duckdb.connect(str(path), read_only=True) as connection:
            rows = connection.execute(
                "SELECT table_name FROM duckdb_columns() WHERE column_name = 'artifact'"
            ).fetchall()
    except (OSError, ValueError, KeyError, TypeError, UserError, duckdb.Error):
        return None
    derived = _UPDATED.findall((FOLDER / "derive.sql").read_text(encoding="utf-8"))
    usable = {table for (table,) in rows}.difference(derived)
    tables = {name: digests for name, digests in content["tables"].items() if name in usable}
    return PreviousDatabase(path, tables)


def write_loaded(database: Path, digests: Mapping[str, Mapping[str, str]]) -> None:
    """Note the digests of the files of a database, by table and artifact, beside it."""
    write_json(database.with_suffix(ENDING), {"schema": _schema(), "tables": digests})


def _schema() -> str:
    """SHA-256 of the scripts that create the tables."""
    digest = hashlib.sha256()
    for path in sorted((FOLDER / "schema").glob("*.sql")):
        digest.update(path.name.encode() + b"\0" + path.read_bytes() + b"\0")
    return digest.hexdigest()
