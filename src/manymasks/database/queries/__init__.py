"""Example questions: one .sql file each, opening with the question as a comment."""

from pathlib import Path
from typing import NamedTuple


class Example(NamedTuple):
    """A question and the query that answers it."""

    number: int
    name: str
    question: str
    sql: str


def examples() -> list[Example]:
    """All examples in order; the first five are the ones the README shows."""
    found = []
    for path in sorted(Path(__file__).parent.glob("[0-9][0-9]-*.sql")):
        number, name = path.stem.split("-", 1)
        sql = path.read_text(encoding="utf-8")
        question = sql.splitlines()[0].removeprefix("--").strip()
        found.append(Example(int(number), name, question, sql))
    return found
