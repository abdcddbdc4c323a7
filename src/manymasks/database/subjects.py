"""Tables and views grouped by subject, the most useful first: the order of `sql --tables`."""

import re
from collections.abc import Mapping
from pathlib import Path

FIRST = (
    "leaderboard",
    "current_model",
    "current_pair",
    "severity_curve",
    "current_set",
    "equal_loss_pairs",
    "set_metric",
    "rashomon_curve",
    "myopia_total",
    "tested_claims",
    "price_ladder",
    "stage_cost",
)
"""What most questions start from."""

SUBJECTS: Mapping[str, str] = {
    "study": "corpora, members, losses, myopia and claims",
    "behaviour": "divergence, probes, calibration and trends",
    "rollouts": "generated texts",
    "representations": "hidden representations",
    "rashomon": "Rashomon sets",
    "truth": "known processes: the exact law and prices",
    "excess": "known processes: loss above the truth",
    "spectroscopy": "known processes: mask weights",
    "belief": "known processes: linear fits of beliefs",
    "rule_choice": "known processes: choices between rules",
    "swap": "known processes: activation swaps",
}
"""Scripts of schema/ and views/ by the name without its number."""

_CREATED = re.compile(r"^CREATE (?:TABLE|VIEW) (\w+)", re.MULTILINE)


def subject_of() -> dict[str, str]:
    """The subject of each table and view: "start here" for the first ones, else its script's."""
    subjects = dict.fromkeys(FIRST, "start here")
    for subject in SUBJECTS:
        for folder in ("views", "schema"):
            for path in (Path(__file__).parent / folder).glob(f"*-{subject}.sql"):
                for name in _CREATED.findall(path.read_text(encoding="utf-8")):
                    subjects.setdefault(name, subject)
    return subjects
