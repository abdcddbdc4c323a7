"""The table of measured coverage in docs/concepts/intervals.md, from the file that a simulation
writes: `python tests/unit/interval_kinds.py`."""

import json
import math
import re
from pathlib import Path
from typing import Any

PAGE = Path("docs/concepts/intervals.md")
RESULTS = Path("docs/concepts/coverage.json")
BLOCK = re.compile(r"(<!-- coverage -->\n).*?(<!-- end of coverage -->)", re.DOTALL)


def intervals_page() -> str:
    """The page with the current table between its two comments; its prose is written by hand."""
    table = coverage_table(json.loads(RESULTS.read_text(encoding="utf-8")))
    return BLOCK.sub(lambda m: f"{m[1]}{table}{m[2]}", PAGE.read_text(encoding="utf-8"))


def coverage_table(results: dict[str, Any]) -> str:
    """A row for each kind of interval: coverage in per cent for each number of units, with the
    largest Monte Carlo error of the row."""
    repetitions = results["repetitions"]
    lines = [
        f"Nominal {results['nominal']:.0%}; {repetitions:,} simulated studies of each kind and "
        "number of units.",
        "",
        "| quantity | interval | units | how many | coverage, % | ± |",
        "|---|---|---|---|---|---|",
    ]
    for row in results["kinds"]:
        shares = row["coverage"]
        error = max(math.sqrt(share * (1 - share) / repetitions) for share in shares)
        numbers = (", ".join(map(str, row["shapes"])), ", ".join(f"{x:.1%}"[:-1] for x in shares))
        cells = row["kind"], row["method"], row["units"], *numbers, f"{error:.1%}"[:-1]
        lines.append(f"| {' | '.join(cells)} |")
    return "\n".join(lines) + "\n"
