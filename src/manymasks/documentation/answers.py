"""Answers of a run to the example queries, by which the pages of results cite numbers.

`collect` asks a database once; the answers are plain data, kept in docs/results/values.json, so
the pages can be written again, and checked, without the run. A row that is missing or a NULL is
None, prints as n/a, and leaves a statement about it unsettled.
"""

import itertools
import json
import math
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from manymasks.database import query
from manymasks.database.queries import example
from manymasks.errors import UserError

MISSING = "n/a"
PROVENANCE = """
SELECT
    (SELECT count(*) FROM artifact WHERE is_current) AS artifacts,
    (SELECT count(*) FROM current_model WHERE status = 'trained') AS models,
    (SELECT count(DISTINCT label) FROM current_model WHERE status = 'trained') AS classes,
    (SELECT max(created)::DATE::VARCHAR FROM artifact WHERE is_current) AS made,
    (SELECT string_agg(DISTINCT (environment ->> 'processor'), ', ') FROM artifact
        WHERE is_current) AS processor,
    (SELECT string_agg(DISTINCT (environment ->> 'cores'), ', ') FROM artifact
        WHERE is_current) AS cores,
    (SELECT string_agg(DISTINCT (environment ->> 'python'), ', ') FROM artifact
        WHERE is_current) AS python,
    (SELECT string_agg(DISTINCT (environment -> 'packages' ->> 'numpy'), ', ') FROM artifact
        WHERE is_current) AS numpy,
    (SELECT left(md5(string_agg(artifact, ' ' ORDER BY artifact)), 12) FROM artifact
        WHERE is_current) AS study
"""
"""Where the numbers come from; `study` is a digest of the keys of all current artifacts."""


def collect(database: Path, names: Sequence[str]) -> dict[str, Any]:
    """Provenance, and the answers to these examples: columns and rows by name."""
    with query.connect(database) as connection:
        row = connection.execute(PROVENANCE)
        provenance = dict(
            zip([column[0] for column in row.description], row.fetchone() or (), strict=True)
        )
        answers = {}
        for name in sorted(names):
            result = connection.execute(example(name).sql)
            columns = [column[0] for column in result.description]
            answers[name] = {
                "columns": columns,
                "rows": json.loads(json.dumps([list(r) for r in result.fetchall()], default=str)),
            }
    return {"provenance": provenance, "answers": answers}


class Answers:
    """The functions that templates call. `where` picks rows by the values of columns."""

    def __init__(self, values: dict[str, Any]) -> None:
        self.values = values
        self.statements: dict[str, bool | None] = {}
        """Whether each statement holds; None where the run does not settle it."""

    def _rows(self, name: str, columns: Sequence[str], where: dict[str, Any]) -> list[list[Any]]:
        answer = self.values["answers"].get(name)
        if answer is None:
            raise UserError(f"{name}: not among the answers. Run: manymasks docs --from results")
        if unknown := {*columns, *where} - set(answer["columns"]):
            # Values of a study are the columns of a PIVOT: another study may lack them.
            if "PIVOT" in example(name).sql:
                return []
            raise UserError(f"{name} has no column {', '.join(sorted(unknown))}")
        at = {column: index for index, column in enumerate(answer["columns"])}
        return [
            [row[at[column]] for column in columns]
            for row in answer["rows"]
            if all(row[at[column]] == value for column, value in where.items())
        ]

    def numbers(self, name: str, column: str, **where: Any) -> list[float | None]:
        """The numbers of a column, row by row; None for NULL and what is not finite."""
        return [number(value) for (value,) in self._rows(name, [column], where)]

    def one(self, name: str, column: str, **where: Any) -> float | None:
        """The number of the only such row; None if there is none."""
        values = self.numbers(name, column, **where)
        if len(values) > 1:
            raise UserError(f"{name}: {len(values)} rows have {where}; name more columns")
        return values[0] if values else None

    def least(self, name: str, column: str, **where: Any) -> float | None:
        """The smallest number of the rows; None if there is none or one is missing."""
        values = [value for value in self.numbers(name, column, **where) if value is not None]
        complete = len(values) == len(self.numbers(name, column, **where)) > 0
        return min(values) if complete else None

    def most(self, name: str, column: str, **where: Any) -> float | None:
        """The largest number of the rows; None if there is none or one is missing."""
        values = [value for value in self.numbers(name, column, **where) if value is not None]
        complete = len(values) == len(self.numbers(name, column, **where)) > 0
        return max(values) if complete else None

    def rows_rise(self, name: str, *columns: str, **where: Any) -> bool | None:
        """Whether the numbers of these columns rise strictly in every row; None if one is missing
        or there is no row."""
        rows = self._rows(name, columns, where)
        settled = [ordered(*map(number, row)) for row in rows]
        return None if None in settled or not settled else all(settled)

    def count(self, name: str, **where: Any) -> int:
        """The number of rows."""
        return len(self._rows(name, [], where))

    def value(self, name: str, column: str, digits: int = 2, scale: float = 1, **where: Any) -> str:
        """One number as text."""
        return text(self.one(name, column, **where), digits, scale)

    def interval(
        self,
        name: str,
        column: str,
        low: str = "low",
        high: str = "high",
        digits: int = 2,
        **where: Any,
    ) -> str:
        """One number with its interval."""
        rows = self._rows(name, [column, low, high], where)
        if len(rows) > 1:
            raise UserError(f"{name}: {len(rows)} rows have {where}; name more columns")
        if not rows or number(rows[0][0]) is None:
            return MISSING
        estimate, *ends = (text(number(cell), digits) for cell in rows[0])
        return f"{estimate} [{', '.join(ends)}]" if MISSING not in ends else estimate

    def span(self, name: str, column: str, digits: int = 2, scale: float = 1, **where: Any) -> str:
        """The least and the largest number of the rows that have one, as text."""
        values = [value for value in self.numbers(name, column, **where) if value is not None]
        if not values:
            return MISSING
        ends = [text(end, digits, scale) for end in (min(values), max(values))]
        return ends[0] if ends[0] == ends[1] else f"{ends[0]} to {ends[1]}"

    def answer(self, name: str, rows: int = 40, **where: Any) -> str:
        """A query and its answer, the first `rows` rows of it."""
        shipped = example(name)
        columns = self.values["answers"].get(name, {}).get("columns", [])
        chosen = self._rows(name, columns, where)
        table = query.render(columns, chosen[:rows], "table").rstrip()
        if len(chosen) > rows:
            table += f"\n({rows} of {len(chosen)} rows)"
        return (
            f"`manymasks sql --example {name}`, which is\n\n"
            f"```sql\n{shipped.sql.strip()}\n```\n\nanswers\n\n```text\n{table}\n```"
        )

    def statement(self, name: str, holds: bool | None, caller: Any) -> str:
        """A sentence about a sign or an order: printed if it holds in this run."""
        if name in self.statements:
            raise UserError(f"statement {name}: there are two of this name")
        self.statements[name] = holds
        # A line of its own: jinja takes the line break after the end of a call.
        sentence = f"{str(caller()).strip()}\n"
        if holds is None:
            return f"*Not settled by this run:* {sentence}"
        return sentence if holds else f"**Contradicted by this run:** {sentence}"


def ordered(*values: float | None) -> bool | None:
    """Whether the numbers rise strictly; None if one is missing."""
    present = [value for value in values if value is not None]
    if len(present) < len(values):
        return None
    return all(a < b for a, b in itertools.pairwise(present))


def every(*settled: bool | None) -> bool | None:
    """Whether all hold; None if one is not settled and none is false."""
    return False if False in settled else None if None in settled else True


def times(factor: float, value: float | None) -> float | None:
    """A multiple of a number; None if it is missing."""
    return None if value is None else factor * value


def number(value: Any) -> float | None:
    """A finite number, or None."""
    try:
        result = float(value)
    except (TypeError, ValueError):
        return None
    return result if math.isfinite(result) else None


def text(value: float | None, digits: int = 2, scale: float = 1) -> str:
    """A number with this many decimals, without a negative zero."""
    if value is None:
        return MISSING
    shown = f"{value * scale:.{digits}f}"
    return shown.removeprefix("-") if not float(shown) else shown
