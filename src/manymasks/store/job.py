"""What a stage is given: its settings, its inputs, and a folder to write to."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

from pydantic import TypeAdapter

from manymasks.config.study import Hardware
from manymasks.errors import UserError
from manymasks.store.layout import Layout
from manymasks.store.manifest import Manifest, sha256_of

Typed = TypeVar("Typed")


@dataclass(frozen=True)
class Artifact:
    """A complete artifact, as an input."""

    folder: Path
    manifest: Manifest

    @property
    def key(self) -> str:
        return self.manifest.key

    @property
    def figures(self) -> dict[str, Any]:
        return self.manifest.figures

    def files(self, prefix: str) -> list[Path]:
        """Payload files whose path begins with `prefix`, each checked against its digest.

        Raises:
            UserError: if there is none, or one is missing or damaged.
        """
        found = [file for file in self.manifest.files if file.path.startswith(prefix)]
        again = (
            f"Make it again with\n  manymasks run {self.manifest.stage} {self.manifest.key} --force"
        )
        if not found:
            raise UserError(f"{self.folder}: has no file {prefix}. {again}")
        for file in found:
            path = self.folder / file.path
            if not path.is_file():
                raise UserError(f"{path}: is missing. {again}")
            digest = sha256_of(path)
            if digest != file.sha256:
                raise UserError(
                    f"{path}: has SHA-256 {digest}, its manifest says {file.sha256}: the file was "
                    f"damaged after it was made. {again}"
                )
        return [self.folder / file.path for file in found]

    def file(self, name: str) -> Path:
        """One payload file, checked against its digest."""
        return self.files(name)[0]


Report = Callable[[float, float | None, str], None]
"""Progress: how far, of how much (None: unknown), and what to say beside it."""


@dataclass(frozen=True)
class Job:
    """One stage at work on one artifact."""

    stage: str
    key: str
    label: str
    settings: Mapping[str, Any]
    inputs: Mapping[str, tuple[Artifact, ...]]
    operational: Mapping[str, Any]
    folder: Path
    layout: Layout
    hardware: Hardware
    report: Report
    say: Callable[[str], None]

    def setting(self, name: str, kind: type[Typed] | Any) -> Typed:
        """A setting of the job as its typed form."""
        return TypeAdapter(kind).validate_python(self.settings[name])  # type: ignore[no-any-return]

    def input(self, role: str) -> Artifact:
        """The one input of a role."""
        (artifact,) = self.inputs[role]
        return artifact

    @property
    def state(self) -> Path:
        """Folder for what an interrupted run needs to go on; removed when the job is done."""
        folder = self.folder / "state"
        folder.mkdir(parents=True, exist_ok=True)
        return folder

    def write_table(self, name: str, rows: Iterable[Mapping[str, Any]] | Any) -> None:
        """Write rows (dicts, or an Arrow table) of a database table; nothing if there are none."""
        import pyarrow as pa
        import pyarrow.parquet as pq

        table = rows if isinstance(rows, pa.Table) else pa.Table.from_pylist(list(rows))
        if not table.num_rows:
            return
        path = self.folder / "tables" / f"{name}.parquet"
        path.parent.mkdir(parents=True, exist_ok=True)
        pq.write_table(table, path, compression="zstd")
