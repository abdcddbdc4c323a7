"""The last lines of a job's log."""

from pathlib import Path

TAIL = 4096
"""Bytes at the end of a log in which its last lines are looked for."""


def last_lines(log: Path, count: int) -> list[str]:
    """The last lines of a log that are not empty, at most `count`."""
    try:
        with log.open("rb") as file:
            file.seek(max(0, log.stat().st_size - TAIL))
            lines = file.read().decode(errors="replace").splitlines()
    except OSError:
        return []
    return [line.rstrip() for line in lines if line.strip()][-count:]


def last_line(log: Path) -> str:
    """The last line of a log that is not empty."""
    return "".join(last_lines(log, 1)).strip()
