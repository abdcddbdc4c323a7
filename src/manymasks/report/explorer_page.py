"""The explorer: one HTML file with data, style and scripts in it, without a network."""

import graphlib
import json
import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import duckdb
from jinja2 import Environment, FileSystemLoader, StrictUndefined

from manymasks.disk.atomic import replacing
from manymasks.report.explorer_data import (
    FOLDER,
    VIEWS,
    PackedStudy,
    explorer_query,
    packed_study,
    within_limit,
)

LIMIT = 10_000_000
"""Bytes of the page at most. Contexts that would be more are left out, and the page says so."""
SPARE = 200_000
"""Of these, for what surrounds the data: markup, style and scripts."""
ANSWER_ROWS = 12
"""Rows of an example's answer that the page shows."""
IMPORT = re.compile(r'^import .*? from "\./(\w+)\.js";\n', re.MULTILINE | re.DOTALL)
EXPORT = re.compile(r"^export (?=(?:async )?(?:function|const|class) )", re.MULTILINE)


class Question(NamedTuple):
    """An example query of the database, with what it asks."""

    name: str
    question: str
    sql: str


def write_explorer(
    database: Path, study: Mapping[str, Any], questions: Sequence[Question], out: Path
) -> None:
    """Write the explorer of `database` to `out`, atomically. `study` holds the study's settings as
    plain JSON values. `questions`: the examples that the page answers."""
    with duckdb.connect(str(database), read_only=True) as connection:
        packed = packed_study(connection)
        packed.study["examples"] = [_example(connection, question) for question in questions]
    packed.study["name"] = str(study.get("name", "study"))
    packed.study["queries"] = {
        view: [{"name": name, "sql": explorer_query(name)} for name in names]
        for view, names in VIEWS.items()
    }
    with replacing(out) as partial:
        partial.write_text(explorer_html(packed), encoding="utf-8")


def explorer_html(packed: PackedStudy) -> str:
    """The page of a packed study, with as many contexts as its limit lets it have."""
    page = Environment(
        loader=FileSystemLoader(FOLDER),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    room = LIMIT - SPARE - len(script_json(packed.study))
    packed = within_limit(packed, room, lambda context: len(script_json(context)))
    return page.get_template("page.html.j2").render(
        name=packed.study["name"],
        style=(FOLDER / "style.css").read_text(encoding="utf-8"),
        script=bundled(FOLDER / "scripts"),
        study=script_json(packed.study),
        contexts=[script_json(context) for context in packed.contexts],
    )


def script_json(value: Any) -> str:
    """Compact JSON that can stand in a script element: no text in it can end the element, and
    control characters are escaped. Not-a-number is null."""
    try:
        text = _json(value)
    except ValueError:
        # Slow, and few answers have such a number.
        text = _json(_finite(value))
    return text.replace("<", "\\u003c").replace(">", "\\u003e").replace("&", "\\u0026")


def _json(value: Any) -> str:
    return json.dumps(value, ensure_ascii=True, separators=(",", ":"), allow_nan=False)


def _finite(value: Any) -> Any:
    """The value with None for numbers that JSON has no way to write."""
    match value:
        case float():
            return value if abs(value) < float("inf") else None
        case dict():
            return {key: _finite(entry) for key, entry in value.items()}
        case list() | tuple():
            return [_finite(entry) for entry in value]
        case _:
            return value


def bundled(folder: Path) -> str:
    """The modules of a folder as one: each after those that it imports, without imports and
    exports. Their names must differ, which a test sees to."""
    modules = {path.stem: path.read_text(encoding="utf-8") for path in folder.glob("*.js")}
    needs = {name: set(IMPORT.findall(text)) for name, text in sorted(modules.items())}
    order = graphlib.TopologicalSorter(needs).static_order()
    return "\n".join(EXPORT.sub("", IMPORT.sub("", modules[name])) for name in order)


def _example(connection: duckdb.DuckDBPyConnection, question: Question) -> dict[str, Any]:
    """An example with the first rows of its answer, as text."""
    answer = connection.execute(question.sql)
    columns = [column[0] for column in answer.description or ()]
    rows = answer.fetchall()
    return {
        "name": question.name,
        "question": question.question,
        "sql": question.sql,
        "columns": columns,
        "rows": [[_cell(cell) for cell in row] for row in rows[:ANSWER_ROWS]],
        "total": len(rows),
    }


def _cell(cell: Any) -> str | None:
    """A cell as `manymasks sql` would show it, roughly: numbers with six digits."""
    if cell is None or isinstance(cell, str):
        return cell
    return f"{cell:.6g}" if isinstance(cell, float) else str(cell)
