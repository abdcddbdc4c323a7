"""Artifacts of a results folder: their manifests and tables, checked before they are loaded."""

import re
from collections.abc import Container, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import NamedTuple

import pyarrow.parquet as pq

from manymasks.database.previous import PreviousDatabase
from manymasks.database.schema import written_columns
from manymasks.errors import UserError
from manymasks.store.layout import Layout
from manymasks.store.manifest import DamagedManifest, Manifest, again, all_manifests, sha256_of

_TABLE = re.compile(r"tables/([^/]+)\.parquet")


class TableFile(NamedTuple):
    """A Parquet file that a manifest lists."""

    table: str
    path: Path
    sha256: str


class StoredArtifact(NamedTuple):
    """An artifact as its manifest describes it."""

    manifest: Manifest
    tables: list[TableFile]


@dataclass
class Payloads:
    """Parquet files by table, and how many of those that manifests list are not loaded."""

    files: dict[str, dict[str, frozenset[str]]] = field(default_factory=dict)
    """Paths by table, with the columns of the schema that each has."""
    kept: dict[str, list[str]] = field(default_factory=dict)
    """Artifacts by table whose rows are in the previous database."""
    digests: dict[str, dict[str, str]] = field(default_factory=dict)
    """SHA-256 of the files with all columns that are loaded or kept, by table and artifact."""
    missing: int = 0
    """Files that are gone (evicted)."""
    needed: dict[str, str] = field(default_factory=dict)
    """Labels of artifacts of the current study that lack one, by the command that makes each."""
    outdated: int = 0
    """Files of artifacts that are not current and fit no longer: their table was removed or
    renamed since, or they lack a column that may not be NULL."""


def read_artifacts(results: Path) -> list[StoredArtifact]:
    """Every artifact below `results`, sorted by key. Raises UserError for all manifests that are
    damaged, of another version, or lie where another artifact belongs."""
    damaged: list[DamagedManifest] = []
    layout = Layout(results)
    artifacts = []
    for manifest in all_manifests(layout, on_damage=damaged.append):
        folder = layout.folder(manifest.stage, manifest.key)
        tables = [
            TableFile(match[1], folder / file.path, file.sha256)
            for file in manifest.files
            if (match := _TABLE.fullmatch(file.path))
        ]
        artifacts.append(StoredArtifact(manifest, tables))
    if damaged:
        raise UserError(
            "\n".join(map(str, damaged)) + f"\n{len(damaged)} manifests are damaged: the database "
            "is loaded from all artifacts of the folder"
        )
    return sorted(artifacts, key=lambda stored: (stored.manifest.key, stored.manifest.stage))


def table_files(
    artifacts: Sequence[StoredArtifact],
    current: Container[str],
    previous: PreviousDatabase | None = None,
) -> Payloads:
    """The tables of all artifacts; `current` are the keys of the current study. Files whose rows
    are in the `previous` database are not opened. Raises UserError for a damaged file, and for a
    table of a current artifact that the schema does not know or that has other columns than the
    schema."""
    columns, required = written_columns(), written_columns(required=True)
    payloads = Payloads()
    for manifest, tables in artifacts:
        command = again(manifest.stage, manifest.key)
        for file in tables:
            if not file.path.is_file():
                payloads.missing += 1
                if manifest.key in current:
                    payloads.needed[command] = manifest.label
                continue
            if previous is not None and previous.holds(file.table, manifest.key, file.sha256):
                payloads.kept.setdefault(file.table, []).append(manifest.key)
                payloads.digests.setdefault(file.table, {})[manifest.key] = file.sha256
                continue
            _check_digest(file, command)
            names = set(pq.read_schema(file.path).names)
            # A table without rows may have been written without columns: nothing to load.
            if not names:
                continue
            if manifest.key in current:
                _check_columns(file, names, columns, command)
            elif file.table not in columns or not names >= required[file.table]:
                payloads.outdated += 1
                continue
            payloads.files.setdefault(file.table, {})[str(file.path)] = columns[file.table] & names
            # A file that lacks a column is refused once its artifact is current: it is read again.
            if names >= columns[file.table]:
                payloads.digests.setdefault(file.table, {})[manifest.key] = file.sha256
    return payloads


def _check_digest(file: TableFile, command: str) -> None:
    digest = sha256_of(file.path)
    if digest != file.sha256:
        raise UserError(
            f"{file.path}: has SHA-256 {digest}, its manifest says {file.sha256}: the file was "
            f"damaged after it was made. Make it again with\n  {command}"
        )


def _check_columns(
    file: TableFile, names: set[str], columns: Mapping[str, frozenset[str]], command: str
) -> None:
    if file.table not in columns:
        raise UserError(
            f"{file.path}: '{file.table}' is not a table of the database, expected one of "
            f"{', '.join(sorted(columns))}. Declare it in database/schema, or delete the artifact."
        )
    missing, unknown = columns[file.table] - names, names - columns[file.table]
    if missing or unknown:
        parts = [f"lacks {', '.join(sorted(missing))}"] if missing else []
        parts += [f"has {', '.join(sorted(unknown))}"] if unknown else []
        raise UserError(
            f"{file.path}: {' and '.join(parts)}, unlike table '{file.table}' in database/schema. "
            f"Correct the schema or the stage, then make the artifact again with\n  {command}"
        )
