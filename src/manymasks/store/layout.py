"""Paths in a results folder."""

from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class Layout:
    """Paths in a results folder; each artifact has a folder."""

    results: Path

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
