"""Example queries: one .sql file each, with the question as the comment in its first line. The
name of a query is its file's, and its folder groups it with queries about the same subject."""

import difflib
from collections.abc import Mapping
from pathlib import Path
from typing import NamedTuple

from manymasks.errors import UserError

SUBJECTS: Mapping[str, str] = {
    "sets": "Rashomon sets: equally good models, and what equal loss hides",
    "universal": "Every prefix: what is proved, refuted and shared",
    "myopia": "Myopic training: what it costs, and where",
    "probes": "Probes: behaviour away from the text",
    "processes": "Known processes: members against the exact law",
    "recurrence": "Recurrence: a state in the open, beside attention",
    "study": "The study: claims, noise floor, cost and settings",
}
"""Folders of queries, in the order in which they are listed."""


class Example(NamedTuple):
    """A question and the query that answers it."""

    name: str
    subject: str
    question: str
    sql: str


def examples() -> list[Example]:
    """All examples, by subject and name."""
    listed = []
    for subject in SUBJECTS:
        for path in sorted((Path(__file__).parent / subject).glob("*.sql")):
            sql = path.read_text(encoding="utf-8")
            question = sql.splitlines()[0].removeprefix("--").strip()
            listed.append(Example(path.stem, subject, question, sql))
    return listed


def example(name: str) -> Example:
    """The example of this name. Raises UserError with a suggestion for an unknown name."""
    by_name = {entry.name: entry for entry in examples()}
    if name in by_name:
        return by_name[name]
    close = difflib.get_close_matches(name, by_name, n=1, cutoff=0.4)
    raise UserError(
        f"--example {name}: there is no example of this name. "
        + (f"Did you mean {close[0]}? " if close else "")
        + "List all with: manymasks sql --examples"
    )


def listing() -> str:
    """The examples as `manymasks sql --examples` prints them."""
    entries = examples()
    width = max(len(entry.name) for entry in entries)
    lines = []
    for subject, title in SUBJECTS.items():
        lines += [f"{title}"] + [
            f"  {entry.name:<{width}}  {entry.question}"
            for entry in entries
            if entry.subject == subject
        ]
        lines.append("")
    return "\n".join(lines[:-1]) + "\n"
