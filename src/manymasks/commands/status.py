"""manymasks status: which runs and jobs are alive, how far they are, since when and where."""

import contextlib
import json
from collections.abc import Iterator
from pathlib import Path

from manymasks.disk.lock import holder
from manymasks.store.layout import Layout
from manymasks.store.plans import active_folders, recorded_plans

TAIL = 4096
"""Bytes at the end of a log in which its last line is looked for."""


def activity(layout: Layout) -> Iterator[str]:
    """A line for each live run, and two for each artifact that is being made."""
    is_idle = True
    for plan in recorded_plans(layout):
        if plan.is_live:
            is_idle = False
            names = (name.split("/") for name in plan.artifacts)
            done = sum(layout.manifest(stage, key).exists() for stage, key in names)
            yield f"{plan.study}: {done} of {len(plan.artifacts)} artifacts, {plan.holder}"
    for folder in active_folders(layout):
        is_idle = False
        yield f"  {_label(folder)} [{folder.name}], {holder(folder / 'lock')}"
        line = last_line(folder / "log.txt")
        if line:
            yield f"    {line}"
    if is_idle:
        yield "Nothing runs."


def _label(folder: Path) -> str:
    with contextlib.suppress(OSError, ValueError, KeyError, TypeError):
        return str(json.loads((folder / "node.json").read_text(encoding="utf-8"))["label"])
    return folder.parent.name


def last_line(log: Path) -> str:
    """The last line of a log that is not empty."""
    try:
        with log.open("rb") as file:
            file.seek(max(0, log.stat().st_size - TAIL))
            lines = file.read().decode(errors="replace").splitlines()
    except OSError:
        return ""
    return next((line.strip() for line in reversed(lines) if line.strip()), "")
