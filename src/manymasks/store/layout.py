"""Paths in a results folder."""

from dataclasses import dataclass
from pathlib import Path

from manymasks.errors import UserError


@dataclass(frozen=True)
class Layout:
    """Paths in a results folder; each artifact has a folder."""

    results: Path

    @classmethod
    def at(cls, results: Path) -> "Layout":
        """The layout of a folder, which need not exist. Raises UserError if the path is taken by
        something else, such as a link to a disk that is not mounted."""
        for path in (results, *results.parents):
            if path.is_dir():
                break
            if path.is_symlink():
                raise UserError(
                    f"{path}: is a link to {path.readlink()}, which does not exist. Mount that "
                    "disk or make that folder, or remove the link."
                )
            if path.exists():
                raise UserError(
                    f"{path}: is a file, and results go into a folder of that name. Move the file "
                    "away."
                )
        return cls(results)

    def folder(self, stage: str, key: str) -> Path:
        """Folder of an artifact: manifest, payload, tables/, log.txt, state/, lock."""
        return self.results / stage / key

    def manifest(self, stage: str, key: str) -> Path:
        """Manifest of an artifact, written last: an artifact that has one is complete."""
        return self.folder(stage, key) / "manifest.json"

    def node(self, stage: str, key: str) -> Path:
        """Description of the job that makes an artifact, written when a run starts."""
        return self.folder(stage, key) / "node.json"

    @property
    def downloads(self) -> Path:
        """Downloaded files, by their SHA-256."""
        return self.results / "downloads"

    @property
    def plans(self) -> Path:
        """Records of the plans that were run, and locks of live runs."""
        return self.results / "plans"

    @property
    def database(self) -> Path:
        """Link to the current study's database."""
        return self.results / "manymasks.duckdb"

    @property
    def report(self) -> Path:
        """Link to the current study's report."""
        return self.results / "report.html"

    @property
    def explorer(self) -> Path:
        """Link to the current study's explorer."""
        return self.results / "explorer.html"
