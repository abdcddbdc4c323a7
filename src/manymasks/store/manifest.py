"""Manifests: the settings, code, inputs and file digests of an artifact."""

import hashlib
import json
from collections.abc import Iterator
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from manymasks.disk.atomic import write_json
from manymasks.errors import UserError
from manymasks.store.layout import Layout

FORMAT = 1


@dataclass(frozen=True)
class InputReference:
    """An artifact that another was made from."""

    stage: str
    key: str
    digest: str


@dataclass(frozen=True)
class PayloadFile:
    """A file of an artifact, by its path in the folder of the artifact."""

    path: str
    bytes: int
    sha256: str


@dataclass(frozen=True)
class Manifest:
    """The record of a complete artifact."""

    stage: str
    key: str
    digest: str
    label: str
    settings: dict[str, Any]
    inputs: dict[str, tuple[InputReference, ...]]
    code: dict[str, str]
    files: tuple[PayloadFile, ...]
    figures: dict[str, Any]
    environment: dict[str, Any]
    created: str
    wall_seconds: float
    cpu_seconds: float
    peak_memory_bytes: int
    operational: dict[str, Any] = field(default_factory=dict)


def write_manifest(path: Path, manifest: Manifest) -> None:
    """Write a manifest atomically, which completes the artifact."""
    write_json(path, {"format": FORMAT, **asdict(manifest)})


def read_manifest(path: Path) -> Manifest:
    """Read a manifest. Raises UserError if the file is not a manifest of this format."""
    try:
        values = json.loads(path.read_text(encoding="utf-8"))
        version = values.pop("format")
        if version != FORMAT:
            raise UserError(
                f"{path}: manifest format {version}, this version of manymasks reads {FORMAT}. "
                f"Delete the folder {path.parent} to make the artifact again."
            )
        values["inputs"] = {
            role: tuple(InputReference(**reference) for reference in references)
            for role, references in values["inputs"].items()
        }
        values["files"] = tuple(PayloadFile(**file) for file in values["files"])
        return Manifest(**values)
    except (OSError, ValueError, TypeError, KeyError) as error:
        raise UserError(
            f"{path}: is not a readable manifest ({error}). Delete the folder {path.parent} and "
            "run the study to make the artifact again."
        ) from error


def all_manifests(layout: Layout, stage: str = "*") -> Iterator[Manifest]:
    """Manifests of the complete artifacts in a results folder, in order of stage and key."""
    for path in sorted(layout.results.glob(f"{stage}/*/manifest.json")):
        yield read_manifest(path)


def sha256_of(path: Path) -> str:
    """SHA-256 of a file, 64 hex digits."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def damaged_files(folder: Path, manifest: Manifest) -> list[str]:
    """A message for each payload file that is missing or differs from its digest."""
    messages = []
    for file in manifest.files:
        path = folder / file.path
        if not path.is_file():
            messages.append(f"{path}: is missing")
        elif (size := path.stat().st_size) != file.bytes:
            messages.append(f"{path}: has {size} bytes, its manifest says {file.bytes}")
        elif (digest := sha256_of(path)) != file.sha256:
            messages.append(f"{path}: has SHA-256 {digest}, its manifest says {file.sha256}")
    return messages
