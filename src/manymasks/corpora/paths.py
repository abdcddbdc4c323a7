"""Local files: those that patterns match, and their names in the ids of documents."""

import glob
import os
from collections.abc import Sequence
from pathlib import Path

from manymasks.errors import UserError


def expand(patterns: Sequence[str], base: Path) -> list[Path]:
    """Files that patterns (`texts/**/*.txt`) match, sorted, each once. Patterns are relative to
    `base`; absolute ones and `~` work too. A file of exactly that name wins over the pattern, and
    a folder of that name over a pattern in one of its parents. Raises UserError if a pattern
    matches no file."""
    matches: set[Path] = set()
    for pattern in patterns:
        expanded = Path(pattern).expanduser()
        whole = expanded if expanded.is_absolute() else base / expanded
        # Path.glob would match hidden files and take no absolute patterns.
        matched = {Path(name) for name in glob.glob(_escaped(whole), recursive=True)}  # noqa: PTH207
        files = {path for path in matched if path.is_file()}
        if not files:
            folders = sorted(str(path) for path in matched)
            hint = (
                f"{folders[0]!r} is a folder: write '{pattern.rstrip('/')}/**/*.txt' for the files "
                "in it"
                if folders
                else "check the path and its spelling"
            )
            below = "" if expanded.is_absolute() else f" below {base.resolve()}"
            raise UserError(
                f"paths: {pattern!r} matches no file{below}. {hint[0].upper()}{hint[1:]}."
            )
        matches |= files
    return sorted(matches)


def _escaped(pattern: Path) -> str:
    """A pattern whose leading parts, as far as they exist by these names, are no patterns."""
    existing, rest = pattern, Path()
    while not os.path.lexists(existing) and existing != existing.parent:
        existing, rest = existing.parent, existing.name / rest
    return str(Path(glob.escape(str(existing))) / rest)


def names(paths: list[Path], base: Path) -> list[str]:
    """Names of local files: relative to `base`, or to their common folder outside it. Bytes of a
    name that are not UTF-8 are spelled out: `\\xff`."""
    absolute = [path.absolute() for path in paths]
    root = base.absolute()
    if not all(path.is_relative_to(root) for path in absolute):
        root = Path(os.path.commonpath([path.parent for path in absolute]))
    relative = (path.relative_to(root).as_posix() for path in absolute)
    return [os.fsencode(name).decode(errors="backslashreplace") for name in relative]
