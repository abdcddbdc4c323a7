"""What killed processes left in results: unfinished files, and states that nobody resumes."""

import shutil
from collections.abc import Iterator
from pathlib import Path

from manymasks.disk.atomic import intended_name
from manymasks.disk.lock import is_held, try_lock
from manymasks.store.layout import Layout

SPILL = ".spill"
"""End of the name of a folder in which DuckDB sorts what does not fit in memory."""


def leftovers(layout: Layout) -> Iterator[Path]:
    """Temporary files of processes that ended before they were renamed, and states beside complete
    artifacts. Those of artifacts that are being made are left out."""
    for folder in (layout.results, layout.plans, *sorted(layout.results.glob("*/*"))):
        if not folder.is_dir() or is_held(folder / "lock"):
            continue
        for path in sorted(folder.iterdir()):
            is_state = path.name == "state" and (folder / "manifest.json").exists()
            if is_state or intended_name(path.name.removesuffix(SPILL)) is not None:
                yield path


def clear_state(folder: Path) -> None:
    """Delete the state beside a complete artifact, whose job was killed as it deleted it."""
    if not (folder / "state").exists() or not (folder / "manifest.json").exists():
        return
    lock = try_lock(folder / "lock")
    if lock is not None:
        with lock:
            shutil.rmtree(folder / "state", ignore_errors=True)


def size_of(path: Path) -> int:
    """Bytes of a file, or of all files in a folder."""
    files = path.rglob("*") if path.is_dir() else [path]
    return sum(file.lstat().st_size for file in files if not file.is_dir())
