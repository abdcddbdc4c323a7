"""What tests build: manifests, artifacts and jobs, with a default for every field, and plans."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from manymasks.config.loading import load_study
from manymasks.config.study import Hardware
from manymasks.database.schema import written_columns
from manymasks.plan.graph import Plan, plan_study
from manymasks.plan.node import Node
from manymasks.store.job import Artifact, Job
from manymasks.store.layout import Layout
from manymasks.store.manifest import InputReference, Manifest, PayloadFile, sha256_of

ROOT = Path(__file__).resolve().parents[1]
OVERLAYS = ((), ("smoke.yaml",), ("shakespeare.yaml",), ("tinystories.yaml",))
"""Of the studies of the repository: the default one has none."""
KEY = "0123456789ab"


def diagonal(members: int) -> list[tuple[int, int]]:
    """Seeds of independent members."""
    return [(seed, seed) for seed in range(members)]


def repository_plan(*overlays: str) -> Plan:
    """The plan of the default study of this repository, with overlays from `config/`."""
    files = [ROOT / "config" / name for name in ("config.yaml", *overlays)]
    return plan_study(load_study(files), ROOT)


COLUMNS = written_columns()
"""Columns that stages write, by table."""


def manifest(stage: str, **fields: Any) -> Manifest:
    """The manifest of an artifact without inputs and payload."""
    key = fields.get("key", KEY)
    values: dict[str, Any] = {
        "stage": stage,
        "key": key,
        "digest": key.ljust(64, "0"),
        "label": f"{stage}/example",
        "settings": {},
        "inputs": {},
        "code": {},
        "files": (),
        "figures": {},
        "environment": {"python": "3.11.7"},
        "created": "2026-01-02T03:04:05Z",
        "wall_seconds": 1.0,
        "cpu_seconds": 1.0,
        "peak_memory_bytes": 1,
    }
    return Manifest(**{**values, **fields})


def planned(node: Node, **fields: Any) -> Manifest:
    """The manifest of a node of a plan, as if it had been made."""
    values: dict[str, Any] = {
        "key": node.key,
        "digest": node.digest,
        "label": node.label,
        "settings": node.settings,
        "inputs": {
            role: tuple(InputReference(source.stage, source.key, source.digest) for source in nodes)
            for role, nodes in node.inputs.items()
        },
        "code": node.code,
    }
    return manifest(node.stage, **{**values, **fields})


def payload(folder: Path) -> tuple[PayloadFile, ...]:
    """Every file below a folder, with its size and digest."""
    return tuple(
        PayloadFile(path.relative_to(folder).as_posix(), path.stat().st_size, sha256_of(path))
        for path in sorted(folder.rglob("*"))
        if path.is_file()
    )


def artifact(stage: str, folder: Path, **fields: Any) -> Artifact:
    """All files of a folder as an artifact; its key is the name of the folder."""
    values = {"key": folder.name, "files": payload(folder)}
    return Artifact(folder, manifest(stage, **{**values, **fields}))


def job(
    stage: str,
    settings: Mapping[str, Any],
    inputs: Mapping[str, tuple[Artifact, ...]],
    folder: Path,
    **fields: Any,
) -> Job:
    """A job on the CPU that reports nothing; its folder is made."""
    folder.mkdir(parents=True, exist_ok=True)
    values: dict[str, Any] = {
        "key": KEY,
        "label": f"{stage}/example",
        "operational": {},
        "layout": Layout(folder),
        "hardware": Hardware(device="cpu"),
        "columns": COLUMNS,
        "report": lambda done, total, note: None,
        "say": lambda text: None,
    }
    return Job(stage=stage, settings=settings, inputs=inputs, folder=folder, **{**values, **fields})
