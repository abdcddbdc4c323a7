"""Atomic writes: a file appears complete or not at all."""

import contextlib
import json
import os
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any


@contextlib.contextmanager
def replacing(path: Path, is_kept: bool = True) -> Iterator[Path]:
    """Yield a temporary path beside `path`, which replaces `path` on success. The content is on the
    disk before the name changes, so a power cut leaves either the old file or the new one; not so
    where `is_kept` is false, for a file that the next run writes again."""
    path.parent.mkdir(parents=True, exist_ok=True)
    handle, name = tempfile.mkstemp(prefix=f".{path.name}.", dir=path.parent)
    os.close(handle)
    temporary = Path(name)
    try:
        yield temporary
        if is_kept:
            with temporary.open("rb") as file:
                os.fsync(file.fileno())
        temporary.chmod(0o644)
        temporary.replace(path)
    finally:
        temporary.unlink(missing_ok=True)


def write_json(path: Path, value: Any) -> None:
    """Write readable JSON atomically, keys sorted."""
    with replacing(path) as temporary:
        text = json.dumps(value, indent=1, sort_keys=True, ensure_ascii=False)
        temporary.write_text(text + "\n", encoding="utf-8")


def link(path: Path, target: Path) -> None:
    """Make `path` a relative symbolic link to `target`, atomically."""
    relative = Path(os.path.relpath(target, path.parent))
    if path.is_symlink() and path.readlink() == relative:
        return
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(f".{path.name}.{os.getpid()}")
    temporary.unlink(missing_ok=True)
    temporary.symlink_to(relative)
    temporary.replace(path)
