"""Where things lie in a results folder."""

from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class Layout:
    """Paths of a results folder. Everything of an artifact lies in its own folder."""

    results: Path

    def folder(self, stage: str, key: str) -> Path:
        """The artifact's folder: manifest, payload, tables/, log.txt, state/, lock."""
        return self.results / stage / key

    def manifest(self, stage: str, key: str) -> Path:
        """Written last: where it is present the artifact is complete."""
        return self.folder(stage, key) / "manifest.json"

    def node(self, stage: str, key: str) -> Path:
        """What a job is to make, written when a run starts."""
        return self.folder(stage, key) / "node.json"

    @property
    def downloads(self) -> Path:
        """Downloaded files, by their SHA-256."""
        return self.results / "downloads"

    @property
    def database(self) -> Path:
        """Link to the current study's database."""
        return self.results / "manymasks.duckdb"

    @property
    def report(self) -> Path:
        """Link to the current study's report."""
        return self.results / "report.html"
