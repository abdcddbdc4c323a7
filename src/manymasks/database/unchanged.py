"""Whether a database is the file that its stage wrote, and the command that makes it again."""

from pathlib import Path

import duckdb

from manymasks.store.manifest import again, read_manifest, sha256_of

DAMAGE = (duckdb.InternalException, duckdb.IOException, duckdb.SerializationException)
"""Errors that a damaged file causes, among other things."""


def change(database: Path, *, is_suspect: bool = False) -> str | None:
    """How a database differs from what its manifest says; None if it does not, or has no manifest
    beside it. The content is read only if the file is newer than its manifest, or is suspect.
    Raises UserError for a damaged manifest."""
    file = database.resolve()
    path = file.with_name("manifest.json")
    if not path.is_file():
        return None
    made = {payload.path: payload for payload in read_manifest(path).files}.get(file.name)
    if made is None:
        return None
    state = file.stat()
    if state.st_size != made.bytes:
        return f"has {state.st_size} bytes, its manifest says {made.bytes}"
    if is_suspect or state.st_mtime_ns > path.stat().st_mtime_ns:
        digest = sha256_of(file)
        if digest != made.sha256:
            return f"has SHA-256 {digest}, its manifest says {made.sha256}"
    return None


def remedy(database: Path) -> str:
    """What makes a database again."""
    folder = database.resolve().parent
    if (folder / "manifest.json").is_file():
        return f"Make it again with\n  {again(folder.parent.name, folder.name)}"
    return "Make it again with: snakemake --cores all"
