"""The report: one HTML file with everything in it, readable from disk without a network."""

import json
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import duckdb
from jinja2 import Environment, FileSystemLoader, StrictUndefined

from manymasks.disk.atomic import replacing
from manymasks.report.drawing import WIDTH, Row, query, records
from manymasks.report.section import pivot
from manymasks.report.sections import SECTIONS
from manymasks.report.study_answers import answered

CONTROLS = {
    **{code: 0x2400 + code for code in range(0x20) if chr(code) not in "\t\n"},
    0x7F: 0x2421,
    **dict.fromkeys(range(0x80, 0xA0), 0xFFFD),
}
"""Control characters of texts, and the symbols that a page shows for them: HTML has no way to write
most of them. Those from U+0080 on have no symbols."""
WATTS = 10
"""Of a busy core, by which energy is estimated; servers of 2020 to 2025 draw 5 to 15 W for one."""


def write_page(database: Path, study: Mapping[str, Any], out: Path) -> None:
    """Write the report of `database` to `out`, atomically. `study` holds the study's settings as
    plain JSON values. The page says which analyses the study does not have; a figure or table has
    its query below it."""
    page = Environment(
        loader=FileSystemLoader(Path(__file__).parent),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    page.filters.update(
        number=number, size=size_in_bytes, seconds=duration, rate="{:g}".format, pivot=pivot,
        by_reference=by_reference,
    )  # fmt: skip
    share = study.get("statistics", {}).get("confidence", 0.95)
    confidence = f"{100 * float(share):g}%"
    with duckdb.connect(str(database), read_only=True) as connection:
        contents = [section.content(connection, confidence, data_address) for section in SECTIONS]
        present = [item["name"] for content in contents for item in content["items"]]
        card = records(connection, query("study_card"))[0]
        html = page.get_template("page.html.j2").render(
            study=study,
            settings=json.dumps(study, indent=2, ensure_ascii=False, default=str),
            confidence=confidence,
            headline=records(connection, query("headline"))[0],
            empty=records(connection, query("empty")),
            sections=[content for content in contents if content["items"] or content["absent"]],
            answers=answered(connection, present),
            card={**card, "watts": WATTS, "watt_hours": _watt_hours(card["cpu_seconds"])},
            card_query=query("study_card"),
            classes=records(connection, query("classes")),
            classes_query=query("classes"),
            corpora=records(connection, query("corpora")),
            environments=_environments(connection),
            cost=records(connection, query("cost")),
            cost_query=query("cost"),
        )
    with replacing(out) as partial:
        partial.write_text(html.translate(CONTROLS), encoding="utf-8")


def number(value: float | None, digits: int = 3) -> str:
    """A number with fixed decimals, tiny ones as a power of ten, a dash for None or NaN."""
    if value is None or value != value:
        return "–"  # noqa: RUF001
    if value and abs(value) < 0.5 * 10**-digits:
        return f"{value:.0e}".replace("-", "\u2212")
    return f"{value:,.{digits}f}".replace("-", "\u2212")


def size_in_bytes(value: float | None) -> str:
    """Bytes in the unit that gives a readable number (powers of 1000)."""
    if value is None:
        return "–"  # noqa: RUF001
    for unit in ("B", "kB", "MB", "GB"):
        if value < 1000:
            return f"{value:.0f} {unit}" if unit == "B" else f"{value:.1f} {unit}"
        value /= 1000
    return f"{value:.1f} TB"


def duration(value: float | None) -> str:
    """Seconds as 12.3 s, 4 min 05 s or 3 h 20 min."""
    if value is None:
        return "–"  # noqa: RUF001
    if value < 60:
        return f"{value:.1f} s"
    minutes, seconds = divmod(round(value), 60)
    if minutes < 60:
        return f"{minutes} min {seconds:02d} s"
    return f"{minutes // 60} h {minutes % 60:02d} min"


def _watt_hours(cpu_seconds: float | None) -> float | None:
    return None if cpu_seconds is None else WATTS * cpu_seconds / 3600


def data_address(svg: str) -> dict[str, str]:
    """An SVG as a data address, whose identifiers cannot clash with another figure's. Only what has
    a meaning in addresses is encoded: a third shorter than base64."""
    points = re.search(r'<svg [^>]*?width="([\d.]+)pt"', svg)
    share = float(points[1]) / 72 / WIDTH if points else 1.0
    text = re.sub(r"\s+", " ", re.sub(r"<!DOCTYPE.*?>|<!--.*?-->", "", svg, flags=re.DOTALL))
    encoded = text.replace('"', "'").replace("%", "%25").replace("#", "%23").replace("://", "%3A//")
    return {"src": f"data:image/svg+xml,{encoded.strip()}", "width": f"{100 * share:.0f}"}


def by_reference(rows: list[Row]) -> list[dict[str, Any]]:
    """Sets by reference: a line for each class, a column for each threshold."""
    tables: dict[str, dict[str, Any]] = {}
    for row in rows:
        unit = {"percent": "%", "seed_sd": "seed sd"}.get(row["eps_unit"], row["eps_unit"])
        threshold = f"{row['eps']:g} {unit}"
        table = tables.setdefault(
            row["reference"], {"reference": row["reference"], "thresholds": [], "lines": {}}
        )
        if threshold not in table["thresholds"]:
            table["thresholds"].append(threshold)
        table["lines"].setdefault(row["label"], {})[threshold] = row
    return list(tables.values())


def _environments(connection: duckdb.DuckDBPyConnection) -> list[dict[str, Any]]:
    """Distinct environments of the current artifacts, the latest first."""
    environments: dict[str, dict[str, Any]] = {}
    for row in records(connection, query("environments")):
        content = json.loads(row["environment"] or "null") or {}
        shown = {name: content.get(name) for name in ("python", "platform", "packages", "git")}
        same = environments.setdefault(json.dumps(shown, sort_keys=True), {**shown, "artifacts": 0})
        same["artifacts"] += row["artifacts"]
    return list(environments.values())
