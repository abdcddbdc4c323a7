"""Atomic writes: a file appears complete or not at all."""

import contextlib
import json
import os
import re
import secrets
from collections.abc import Iterator
from pathlib import Path
from typing import Any

TEMPORARY = re.compile(r"\.(.+)\.\d+-[0-9a-f]{8}")


@contextlib.contextmanager
def replacing(path: Path, is_kept: bool = True) -> Iterator[Path]:
    """Yield the path of an empty file beside `path`, hidden, which replaces `path` on success and
    is deleted on failure. The content is on the disk before the name changes, so a power cut leaves
    either the old file or the new one, and the name is on the disk after the block; neither holds
    where `is_kept` is false, for a file that the next run writes again."""
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = _temporary(path)
    # Not `mkstemp`, whose files no other user may read.
    temporary.touch(exist_ok=False)
    try:
        yield temporary
        if is_kept:
            _sync(temporary)
        temporary.replace(path)
        if is_kept and os.name == "posix":
            _sync(path.parent)
    finally:
        temporary.unlink(missing_ok=True)


def intended_name(temporary: str) -> str | None:
    """The name that a temporary file was to get; None for the name of any other file."""
    match = TEMPORARY.fullmatch(temporary)
    return match and match[1]


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
    temporary = _temporary(path)
    try:
        temporary.symlink_to(relative)
        temporary.replace(path)
    finally:
        temporary.unlink(missing_ok=True)


def _temporary(path: Path) -> Path:
    """A hidden name beside `path` that no other process uses."""
    return path.with_name(f".{path.name}.{os.getpid()}-{secrets.token_hex(4)}")


def _sync(path: Path) -> None:
    """Wait until a file or folder is on the disk."""
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
