"""Records of runs that are not repeated when the pages of results are written.

docs/results/records.yaml has each with its command, commit, date and machine. Templates cite its
figures, so that none is typed into prose.
"""

from pathlib import Path
from typing import Any

import yaml

from manymasks.documentation.answers import text
from manymasks.errors import UserError

RECORDS = "records.yaml"
PROVENANCE = ("command", "commit", "date", "machine")


class Records:
    """The functions that templates call; a figure is named by its run and its path."""

    def __init__(self, path: Path) -> None:
        self.runs: dict[str, Any] = yaml.safe_load(path.read_text(encoding="utf-8"))
        self.cited: set[tuple[str, ...]] = set()

    def record(self, run: str, *path: Any, digits: int = 2, scale: float = 1) -> str:
        """A figure, with its interval if it has one."""
        estimate, *ends = self.recorded(run, *path)
        shown = text(estimate, digits, scale)
        return f"{shown} [{', '.join(text(end, digits, scale) for end in ends)}]" if ends else shown

    def recorded(self, run: str, *path: Any) -> list[float]:
        """The numbers of a figure: the estimate, then the ends of its interval."""
        value: Any = self.runs
        for step in (run, *path):
            if not isinstance(value, dict) or step not in value:
                raise UserError(f"{RECORDS}: there is no figure {'.'.join(map(str, (run, *path)))}")
            value = value[step]
        self.cited.add((run, *map(str, path)))
        return [float(number) for number in (value if isinstance(value, list) else [value])]

    def source(self, run: str) -> str:
        """What was run, with which code, when and where."""
        command, commit, date, machine = (str(self.runs[run][name]) for name in PROVENANCE)
        shown = f"`{command}`" if command.startswith(("snakemake", "python")) else command
        return f"Record of {date}, commit {commit}, on {machine}: {shown}."


def figures(values: Any, path: tuple[str, ...] = ()) -> list[tuple[str, ...]]:
    """The path of each figure of a run, without what says where it is from."""
    if not isinstance(values, dict):
        return [path]
    return [
        figure
        for name, value in values.items()
        if path or name not in PROVENANCE
        for figure in figures(value, (*path, str(name)))
    ]
