"""Pages of results, written from a run: `manymasks docs --from results`.

A page is a template beside it (docs/results/sets.md.j2), without a typed number: it cites answers
by query, row and column, and records of longer runs. A sentence about a sign or an order is a
`statement` with its check.
"""

import json
import re
import textwrap
from functools import partial
from pathlib import Path
from typing import Any

import jinja2

from manymasks.disk.atomic import replacing
from manymasks.documentation.answers import Answers, collect, every, ordered, text, times
from manymasks.documentation.run_records import RECORDS, Records
from manymasks.errors import UserError

FOLDER = Path("docs/results")
VALUES = FOLDER / "values.json"
PICTURE = Path("docs/overview.png")
README = Path("README.md")
FINDINGS = FOLDER / "findings.md.j2"
"""Fills the block of README.md between the two comments."""
BLOCK = re.compile(r"(<!-- findings -->\n).*?(\n<!-- end of findings -->)", re.DOTALL)
CITED = re.compile(
    r"\b(?:numbers|one|least|most|rows_rise|count|value|interval|span|answer)\(\s*\"([\w-]+)\""
)
WIDTH = 110
"""Columns of the prose of pages."""
HEADER = (
    "<!-- Written by `manymasks docs --from results` from {}: edit that file, not this one. -->\n\n"
)


def templates(root: Path) -> list[Path]:
    """The templates, the one of the README's findings last."""
    pages = sorted((root / FOLDER).glob("*.md.j2"))
    return [path for path in pages if path.name != FINDINGS.name] + [root / FINDINGS]


def cited(root: Path) -> list[str]:
    """The example queries that templates cite."""
    sources = (path.read_text(encoding="utf-8") for path in templates(root))
    return sorted({name for source in sources for name in CITED.findall(source)})


def pages(
    root: Path, values: dict[str, Any], records: Records | None = None
) -> tuple[dict[str, str], dict[str, bool | None]]:
    """The text of each page by its path below `root`, and which statements hold."""
    answers, records = Answers(values), records or Records(root / FOLDER / RECORDS)
    environment = jinja2.Environment(
        undefined=jinja2.StrictUndefined, keep_trailing_newline=True, trim_blocks=True
    )
    environment.globals.update(
        {name: getattr(answers, name) for name in dir(answers) if not name.startswith("_")},
        ordered=ordered,
        every=every,
        times=times,
        **{name: getattr(records, name) for name in ("record", "recorded", "source")},
        text=text,
        run=values["provenance"],
    )
    written = {}
    for path in templates(root):
        rendered = environment.from_string(path.read_text(encoding="utf-8")).render()
        if path.name == FINDINGS.name:
            readme = (root / README).read_text(encoding="utf-8")
            # Findings are the items of one list.
            block = reflowed(re.sub(r"\n\n(?=- )", "\n", rendered.strip())).rstrip()
            written[README.as_posix()] = BLOCK.sub(lambda m: f"{m[1]}{block}{m[2]}", readme)  # noqa: B023
        else:
            name = (FOLDER / path.stem).as_posix()
            written[name] = HEADER.format(path.name) + reflowed(rendered)
    return written, answers.statements


def refresh(source: Path, root: Path) -> list[str]:
    """Ask the database, write values.json, the pages and the picture; a message for each statement
    that does not hold or is not settled. With values.json itself as `source`, the pages are written
    again from it, without a database."""
    if not (root / FOLDER).is_dir():
        raise UserError(f"{root / FOLDER}: no such folder. Run this in the repository's folder")
    is_kept = source.suffix == ".json"
    values = kept_values(source) if is_kept else collect(source, cited(root))
    written, statements = pages(root, values)
    values["statements"] = statements
    values["answers"] = {name: values["answers"][name] for name in cited(root)}
    written[VALUES.as_posix()] = dumped(values)
    for name, content in written.items():
        with replacing(root / name) as path:
            path.write_text(content, encoding="utf-8")
    if not is_kept:
        _draw(source, root / PICTURE)
    unsettled = [f"not settled: {name}" for name, holds in statements.items() if holds is None]
    return [f"contradicted: {name}" for name, holds in statements.items() if holds is False] + (
        unsettled
    )


def kept_values(path: Path) -> dict[str, Any]:
    """The values of an earlier refresh. Raises UserError if the file has none."""
    try:
        values: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
        values["provenance"], values["answers"]
    except (OSError, ValueError, TypeError, KeyError) as error:
        raise UserError(f"{path}: has no values of a run ({error!r}). Give a database") from error
    return values


def reflowed(page: str) -> str:
    """Paragraphs and items of a page filled to a line's width, since numbers have any length."""
    filled, is_code = [], False
    for block in re.split(r"\n{2,}", page.strip("\n")):
        is_prose = not is_code and not re.match(r"[#|<]|```|\d+\. ", block)
        is_code ^= len(re.findall("^```", block, re.MULTILINE)) % 2 == 1
        if not is_prose:
            filled.append(block)
            continue
        items = re.split(r"\n(?=- )", block)
        fill = partial(textwrap.fill, width=WIDTH, break_long_words=False, break_on_hyphens=False)
        filled.append(
            "\n".join(
                fill(" ".join(item.split()), subsequent_indent="  " * item.startswith("- "))
                for item in items
            )
        )
    return "\n\n".join(filled) + "\n"


def dumped(values: dict[str, Any]) -> str:
    """The answers as JSON with a row on each line."""
    answers = [
        f'  {json.dumps(name)}: {{"columns": {json.dumps(answer["columns"])}, "rows": [\n   '
        + ",\n   ".join(json.dumps(row, ensure_ascii=False) for row in answer["rows"])
        + "\n  ]}"
        for name, answer in values["answers"].items()
    ]
    rest = {name: part for name, part in values.items() if name != "answers"}
    head = json.dumps(rest, indent=1, ensure_ascii=False).removesuffix("\n}")
    return head + ',\n "answers": {\n' + ",\n".join(answers) + "\n }\n}\n"


def _draw(database: Path, path: Path) -> None:
    """The picture of the README, in a palette of 256 colours, which is small."""
    from PIL import Image

    from manymasks.report.pictures import PICTURES, save_picture

    save_picture(database, path, PICTURES[0])
    with Image.open(path) as image:
        small = image.convert("RGB").quantize(256)
    small.save(path, optimize=True)
