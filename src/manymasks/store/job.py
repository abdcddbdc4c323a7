"""What a stage is given: its settings, its inputs, and a folder to write to."""

from collections.abc import Callable, Iterable, Mapping, Set
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

from pydantic import TypeAdapter

from manymasks.config.analyses import Statistics
from manymasks.config.study import Hardware
from manymasks.errors import UserError
from manymasks.store.layout import Layout
from manymasks.store.manifest import Manifest, sha256_of

Typed = TypeVar("Typed")


class NothingToCompare(UserError):
    """The members that a job reads failed in training. Its artifact is complete and empty, and its
    figure `empty` holds the message."""


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

    @property
    def is_trained(self) -> bool:
        """Whether a training, or what was made from one, has weights: its loss stayed finite."""
        return bool(self.figures["status"] == "trained")

    def files(self, prefix: str) -> list[Path]:
        """Payload files whose path begins with `prefix`, each checked against its digest. Raises
        UserError if there is none, or one is missing or damaged."""
        matches = [file for file in self.manifest.files if file.path.startswith(prefix)]
        again = (
            f"Make it again with\n  manymasks run {self.manifest.stage} {self.manifest.key} --force"
        )
        if "empty" in self.figures:
            raise NothingToCompare(
                f"{self.manifest.label} is an empty analysis: {self.figures['empty']}"
            )
        if not matches:
            raise UserError(f"{self.folder}: has no file {prefix}. {again}")
        for file in matches:
            path = self.folder / file.path
            if not path.is_file():
                raise UserError(f"{path}: is missing. {again}")
            digest = sha256_of(path)
            if digest != file.sha256:
                raise UserError(
                    f"{path}: has SHA-256 {digest}, its manifest says {file.sha256}: the file was "
                    f"damaged after it was made. {again}"
                )
        return [self.folder / file.path for file in matches]

    def file(self, name: str) -> Path:
        """One payload file, checked against its digest."""
        return self.files(name)[0]


JobReport = Callable[[float, float | None, str], None]
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
    columns: Mapping[str, Set[str]]
    """Columns of each database table that a stage writes."""
    report: JobReport
    say: Callable[[str], None]

    def setting(self, name: str, kind: type[Typed] | Any) -> Typed:
        """A setting of the job as its typed form."""
        return TypeAdapter(kind).validate_python(self.settings[name])  # type: ignore[no-any-return]

    def input(self, role: str) -> Artifact:
        """The one input of a role."""
        (artifact,) = self.inputs[role]
        return artifact

    @property
    def arm(self) -> dict[str, str]:
        """Corpus, size and variant, as the label of a training or a tuning has them."""
        names = [*self.label.split("/")[1:4], "", "", ""]
        return dict(zip(("corpus", "size", "variant"), names, strict=False))

    def progress(self, what: str) -> Callable[[int, int | None], None]:
        """A callback that reports progress in some units, such as "windows"."""

        def report(done: int, total: int | None) -> None:
            self.report(done, total, what)

        return report

    @property
    def statistics(self) -> Statistics:
        """How intervals are made."""
        return self.setting("statistics", Statistics)

    @property
    def state(self) -> Path:
        """Folder for what an interrupted run needs to go on; removed when the job is done."""
        folder = self.folder / "state"
        folder.mkdir(parents=True, exist_ok=True)
        return folder

    def write_table(self, name: str, rows: Iterable[Mapping[str, Any]]) -> None:
        """Write rows of a database table; nothing where there are no rows. Raises ValueError for a
        table that the schema does not know, or a row with other columns."""
        import pyarrow as pa
        import pyarrow.parquet as pq

        if name not in self.columns:
            known = ", ".join(sorted(self.columns))
            raise ValueError(f"'{name}' is not a table that a stage writes. Tables: {known}")
        rows = list(rows)
        # Arrow takes the columns of the first row and drops any other without a word.
        for row in rows:
            if row.keys() != self.columns[name]:
                unknown = sorted(row.keys() - self.columns[name])
                missing = sorted(self.columns[name] - row.keys())
                raise ValueError(
                    f"a row of table '{name}' lacks the columns {missing} and has {unknown}, which "
                    "database/schema does not know: write None where there is no value, or "
                    "declare the column"
                )
        if not rows:
            return
        path = self.folder / "tables" / f"{name}.parquet"
        path.parent.mkdir(parents=True, exist_ok=True)
        pq.write_table(pa.Table.from_pylist(rows), path, compression="zstd")

    def write_tables(self, tables: Mapping[str, Iterable[Mapping[str, Any]]]) -> None:
        """Write the rows of several tables, by the name of each."""
        for name, rows in tables.items():
            self.write_table(name, rows)
