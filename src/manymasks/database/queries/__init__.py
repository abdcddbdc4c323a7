"""Example queries: one .sql file each, with the question as the comment in its first line."""

from pathlib import Path
from typing import NamedTuple


class Example(NamedTuple):
    """A question and the query that answers it."""

    number: int
    name: str
    question: str
    sql: str


def examples() -> list[Example]:
    """All examples in the order of their numbers."""
    listed = []
    for path in sorted(Path(__file__).parent.glob("[0-9][0-9]-*.sql")):
        number, name = path.stem.split("-", 1)
        sql = path.read_text(encoding="utf-8")
        question = sql.splitlines()[0].removeprefix("--").strip()
        listed.append(Example(int(number), name, question, sql))
    return listed
