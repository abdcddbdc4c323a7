"""Load every artifact of a results folder into one DuckDB file.

The file is built beside its final name and renamed when it is complete: readers see the old
database or the new one, never a part. It has DuckDB's storage version v1.0.0, which every DuckDB
from 1.0 on can read.
"""

import glob
import json
import re
import shutil
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, TypeVar

import duckdb
import pyarrow as pa

from manymasks.database.artifacts import Payloads, StoredArtifact, read_artifacts, table_files
from manymasks.database.claims import correct, refuse_untested
from manymasks.database.columns import comment_columns
from manymasks.database.mean_intervals import fill_mean_intervals
from manymasks.database.previous import ENDING, PreviousDatabase, read_previous, write_loaded
from manymasks.disk.atomic import replacing
from manymasks.errors import UserError
from manymasks.store.manifest import Manifest

FOLDER = Path(__file__).parent
MEMORY = "2GB"
"""What DuckDB holds at most while it loads."""
SORTED_BYTES = 1 << 28
"""Parquet that is sorted at once. A sort of all rows of a large table would take several times its
size on the disk."""
GROUPED_ROWS = 20_000_000
"""Rows that are searched for duplicates at once."""
T = TypeVar("T")
_GRAIN = re.compile(r"Grain: ([\w, ]+)\.$")


def load(
    results: Path,
    current: Mapping[str, str],
    target: Path,
    *,
    primary: Sequence[Mapping[str, Any]] = (),
    previous: Path | None = None,
    threads: int = 1,
    say: Callable[[str], None] = lambda text: None,
) -> dict[str, int]:
    """Build the database from every artifact of a results folder, those of earlier settings
    included.

    `current`: labels of the artifacts of the current study, by key. `primary`: claims named before
    the run, in order: rows of `primary_claim` without `rank`. `previous`: a database of the folder,
    from which rows of unchanged artifacts are taken. `say`: is told what is left out, and how to
    bring it back. Returns the rows by table; under
    `missing_payloads` the tables that manifests list and that are gone (evicted), under
    `outdated_payloads` those of an earlier schema that were left out. Raises UserError if a
    manifest or table cannot be read, a table of a current artifact does not fit the schema, rows
    are not unique in their grain, or a primary claim was not tested although no member failed;
    `target` then stays as it was.
    """
    artifacts = read_artifacts(results)
    earlier = read_previous(previous) if previous else None
    payloads = table_files(artifacts, current, earlier)
    for line in _left_out(payloads):
        say(line)
    try:
        with replacing(target) as building:
            building.unlink()  # DuckDB takes an existing file for a database.
            rows = _build(building, artifacts, payloads, earlier, current, primary, threads)
            _verify(building, rows)
            # It is about the database that is replaced now.
            target.with_suffix(ENDING).unlink(missing_ok=True)
    except (duckdb.IOException, duckdb.OutOfMemoryException) as error:
        raise UserError(
            f"{target}: the database could not be written. Check the space on that disk and the "
            f"free memory, then run again. DuckDB says: {str(error).strip()}"
        ) from error
    finally:
        building.unlink(missing_ok=True)
        building.with_name(building.name + ".wal").unlink(missing_ok=True)
        shutil.rmtree(f"{building}.spill", ignore_errors=True)
    write_loaded(target, payloads.digests)
    left_out = {"missing_payloads": payloads.missing, "outdated_payloads": payloads.outdated}
    return {**rows, **left_out}


def _left_out(payloads: Payloads) -> Iterator[str]:
    """Lines about tables that are not in the database."""
    if payloads.needed:
        yield (
            f"tables of {len(payloads.needed)} artifacts of this study are gone and not in the "
            f"database: {', '.join(payloads.needed.values())}. Type\n  "
            + "\n  ".join(payloads.needed)
            + "\nand make the database again."
        )
    elif payloads.missing:
        yield f"{payloads.missing} tables of earlier studies are gone and not in the database"
    if payloads.outdated:
        yield (
            f"{payloads.outdated} tables of earlier artifacts fit the tables of this version no "
            "longer and are left out"
        )


def _build(
    path: Path,
    artifacts: Sequence[StoredArtifact],
    payloads: Payloads,
    previous: PreviousDatabase | None,
    current: Mapping[str, str],
    primary: Sequence[Mapping[str, Any]],
    threads: int,
) -> dict[str, int]:
    config: dict[str, str | bool | int | float | list[str]]
    config = {"threads": threads, "memory_limit": MEMORY, "temp_directory": f"{path}.spill"}
    with duckdb.connect(config=config) as connection:
        connection.execute(f"ATTACH {_quoted(str(path))} AS building (STORAGE_VERSION 'v1.0.0')")
        connection.execute("USE building")
        # A commit for each of thousands of statements would take most of the time.
        connection.begin()
        _execute(connection, *_scripts("schema"))
        grains = _grains(connection)
        _insert_artifacts(connection, artifacts, current)
        if previous is not None:
            _keep(connection, previous.path, payloads.kept)
        for table in sorted(payloads.files):
            _insert_payload(connection, table, payloads, grains[table])
        for table, grain in grains.items():
            _check_grain(connection, table, grain)
        if primary:
            claims = {name: [claim[name] for claim in primary] for name in primary[0]}
            _insert(connection, "primary_claim", {"rank": range(1, len(primary) + 1), **claims})
        _execute(connection, "derive")
        fill_mean_intervals(connection)
        correct(connection)
        _execute(connection, *_scripts("views"), "macros")
        refuse_untested(connection)
        comment_columns(connection)
        connection.commit()
        rows = _count(connection)
        connection.execute("CHECKPOINT building")
        connection.execute("USE memory")
        connection.execute("DETACH building")
    return rows


def _scripts(folder: str) -> list[str]:
    """Scripts in the order of their numbers: a view reads tables and views of earlier scripts."""
    return sorted(f"{folder}/{path.stem}" for path in (FOLDER / folder).glob("*.sql"))


def _execute(connection: duckdb.DuckDBPyConnection, *scripts: str) -> None:
    for script in scripts:
        connection.execute((FOLDER / f"{script}.sql").read_text(encoding="utf-8"))


def _insert_artifacts(
    connection: duckdb.DuckDBPyConnection,
    stored: Sequence[StoredArtifact],
    current: Mapping[str, str],
) -> None:
    artifacts: dict[str, list[Any]] = {name: [] for name in _columns(connection, "artifact")}
    inputs: dict[str, list[Any]] = {name: [] for name in _columns(connection, "artifact_input")}
    for manifest, _ in stored:
        for name, values in artifacts.items():
            values.append(_artifact_value(name, manifest, current))
        for role, references in manifest.inputs.items():
            for position, reference in enumerate(references):
                row = (manifest.key, role, position, reference.key)
                for values, value in zip(inputs.values(), row, strict=True):
                    values.append(value)
    for table, rows in (("artifact", artifacts), ("artifact_input", inputs)):
        _insert(connection, table, rows)


def _insert(
    connection: duckdb.DuckDBPyConnection, table: str, columns: Mapping[str, Sequence[Any]]
) -> None:
    connection.register("rows", pa.table({name: list(values) for name, values in columns.items()}))
    connection.execute(f"INSERT INTO {table} BY NAME SELECT * FROM rows")
    connection.unregister("rows")


def _artifact_value(column: str, manifest: Manifest, current: Mapping[str, str]) -> Any:
    match column:
        case "artifact":
            return manifest.key
        case "is_current":
            return manifest.key in current
        case "created":
            return datetime.fromisoformat(manifest.created).astimezone(UTC).replace(tzinfo=None)
        case "payload_bytes":
            return sum(file.bytes for file in manifest.files)
        case "settings" | "code" | "environment" | "figures":
            return json.dumps(getattr(manifest, column), sort_keys=True)
        case "label":
            # Few keys hold names, so a corpus, size or variant may have been renamed since.
            return current.get(manifest.key, manifest.label)
        case _:
            return getattr(manifest, column)


def _keep(
    connection: duckdb.DuckDBPyConnection, path: Path, kept: Mapping[str, Sequence[str]]
) -> None:
    """Take the rows of artifacts, by table, from the previous database, in its order."""
    connection.execute(f"ATTACH {_quoted(str(path))} AS previous (READ_ONLY)")
    for table, artifacts in sorted(kept.items()):
        connection.execute(
            f"INSERT INTO {table} BY NAME FROM previous.{table} "
            "WHERE artifact IN (SELECT unnest(?))",
            [list(artifacts)],
        )


def _insert_payload(
    connection: duckdb.DuckDBPyConnection, table: str, payloads: Payloads, grain: list[str]
) -> None:
    """Insert the Parquet files of one table, sorted by its grain, which compresses best; a large
    table in parts, each sorted."""
    # The artifact is the folder two levels above the file: results/<stage>/<key>/tables/.
    artifact = "parse_path(filename, 'both_slash')[-3] AS artifact"
    order = _columns(connection, table)
    for files in _parts(payloads.files[table], _bytes_of, SORTED_BYTES):
        columns = {"artifact"}.union(*(payloads.files[table][file] for file in files))
        selected = [artifact if name == "artifact" else name for name in order if name in columns]
        try:
            connection.execute(
                f"INSERT INTO {table} BY NAME SELECT {', '.join(selected)} "
                "FROM read_parquet(?, union_by_name = true, filename = true) "
                f"ORDER BY {', '.join(name for name in grain if name in columns)}",
                [[glob.escape(file) for file in files]],
            )
        except duckdb.Error as error:
            raise UserError(
                f"table {table}: its {len(files)} Parquet files (first: {files[0]}) cannot be "
                f"loaded. DuckDB says: {str(error).strip()}"
            ) from error


def _bytes_of(file: str) -> int:
    return Path(file).stat().st_size


def _parts(items: Iterable[T], size_of: Callable[[T], int], limit: int) -> Iterator[list[T]]:
    """Items in order, as many at a time as the limit of their sizes allows, and at least one."""
    part: list[T] = []
    size = 0
    for item in items:
        more = size_of(item)
        if part and size + more > limit:
            yield part
            part, size = [], 0
        part.append(item)
        size += more
    if part:
        yield part


def _check_grain(connection: duckdb.DuckDBPyConnection, table: str, grain: list[str]) -> None:
    columns = ", ".join(grain)
    for low, high, parts in _grain_ranges(connection, table, grain[0]):
        for part in range(parts):
            duplicate = connection.execute(
                f"SELECT {columns}, count(*) FROM {table} WHERE {grain[0]} BETWEEN ? AND ? "
                f"AND hash({columns}) % {parts} = {part} "
                "GROUP BY ALL HAVING count(*) > 1 ORDER BY ALL LIMIT 1",
                [low, high],
            ).fetchone()
            if duplicate is None:
                continue
            pairs = zip(grain, duplicate[:-1], strict=True)
            example = ", ".join(f"{name} = {value}" for name, value in pairs)
            raise UserError(
                f"table {table}: rows must be unique in ({columns}), but {duplicate[-1]} rows have "
                f"{example}. Delete the artifact they come from and run again; if it happens "
                "twice, the stage that writes this table is at fault."
            )


def _grain_ranges(
    connection: duckdb.DuckDBPyConnection, table: str, first: str
) -> Iterator[tuple[Any, Any, int]]:
    """Ranges of the first column of the grain that hold GROUPED_ROWS rows at most, by their least
    and greatest value. The rows of one value may be more: the third number is in how many parts
    they are searched.

    Rows of one value lie together, so that a range is read without the rest of the table.
    """
    counts = dict(
        connection.execute(
            f"SELECT {first}, count(*) FROM {table} GROUP BY ALL ORDER BY ALL"
        ).fetchall()
    )
    for values in _parts(counts, counts.__getitem__, GROUPED_ROWS):
        rows = sum(counts[value] for value in values)
        yield values[0], values[-1], (rows - 1) // GROUPED_ROWS + 1


def _verify(path: Path, rows: dict[str, int]) -> None:
    """Read the database back: all rows are there, and every view can be asked."""
    with duckdb.connect(str(path), read_only=True) as connection:
        counts = _count(connection)
        if counts != rows:
            raise UserError(
                f"{path}: read back {counts}, expected {rows}: the disk did not keep what was "
                "written. Check its space and health, then run again."
            )
        for (view,) in connection.execute(
            "SELECT view_name FROM duckdb_views() WHERE NOT internal"
        ).fetchall():
            connection.execute(f"FROM {view} LIMIT 0")


def _grains(connection: duckdb.DuckDBPyConnection) -> dict[str, list[str]]:
    """The grain of each table, from the end of its comment."""
    grains = {}
    for table, comment in connection.execute(
        "SELECT table_name, comment FROM duckdb_tables() WHERE NOT internal"
    ).fetchall():
        match = _GRAIN.search(comment or "")
        if not match:
            raise UserError(
                f"database/schema: the comment of {table} must end with 'Grain: columns.'"
            )
        grains[table] = match[1].split(", ")
    return grains


def _columns(connection: duckdb.DuckDBPyConnection, table: str) -> list[str]:
    return [row[0] for row in connection.execute(f"DESCRIBE {table}").fetchall()]


def _count(connection: duckdb.DuckDBPyConnection) -> dict[str, int]:
    """Rows of each table."""
    counts = {}
    for (table,) in connection.execute(
        "SELECT table_name FROM duckdb_tables() WHERE NOT internal AND NOT temporary ORDER BY ALL"
    ).fetchall():
        row = connection.execute(f"SELECT count(*) FROM {table}").fetchone()
        counts[table] = int(row[0]) if row else 0
    return counts


def _quoted(text: str) -> str:
    return "'" + text.replace("'", "''") + "'"
