"""manymasks sql --plot: the answer of a query, drawn."""

from decimal import Decimal
from pathlib import Path
from typing import Any, get_args

from manymasks.database import query
from manymasks.disk.atomic import replacing
from manymasks.errors import UserError
from manymasks.report.answer_plot import Form, draw_answer


def plot_answer(database: Path, title: str, sql: str, path: Path) -> None:
    """Draw the answer of a query to a file, whose ending says its form."""
    forms = get_args(Form)
    form = path.suffix.removeprefix(".")
    if form not in forms:
        raise UserError(
            f"--plot {path}: the ending says the form of the picture. It is one of "
            f"{', '.join(f'.{name}' for name in forms)}"
        )
    with query.connect(database) as connection:
        relation = connection.sql(sql)
        if relation is None:
            raise UserError("the query returns no rows to draw: end it in a SELECT")
        columns, rows = relation.columns, [_plain(row) for row in relation.fetchall()]
    try:
        picture = draw_answer(title, columns, rows, form)  # type: ignore[arg-type]
    except ValueError as error:
        raise UserError(f"--plot {path}: there is nothing to draw: {error}") from error
    with replacing(path) as partial:
        partial.write_bytes(picture)


def _plain(row: tuple[Any, ...]) -> tuple[Any, ...]:
    """A row whose exact decimals are floats."""
    return tuple(float(cell) if isinstance(cell, Decimal) else cell for cell in row)
