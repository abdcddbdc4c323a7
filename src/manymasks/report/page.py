"""The report: one HTML file with everything in it, readable from disk without a network."""

import base64
import json
import os
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import duckdb
from jinja2 import Environment, FileSystemLoader, StrictUndefined

from manymasks.report import drawing, figures, known, probes, sets
from manymasks.report.section import pivot, section

_HERE = Path(__file__).parent


def write_page(database: Path, study: Mapping[str, Any], out: Path) -> None:
    """Write the report of `database` to `out`, whole or not at all.

    `study` holds the study's settings as plain JSON values. What the study does not analyse is
    named as such; a figure stands beside the query whose answer it draws.
    """
    page = Environment(
        loader=FileSystemLoader(_HERE),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    page.filters.update(
        number=number, size=size_in_bytes, seconds=duration, rate="{:g}".format, pivot=pivot
    )
    with duckdb.connect(str(database), read_only=True) as connection:
        main = section(connection, figures.FIGURES, figures.TABLES, data_address)
        html = page.get_template("page.html.j2").render(
            study=study,
            settings=json.dumps(study, indent=2, ensure_ascii=False, default=str),
            confidence=_confidence(study),
            headline=drawing.records(connection, drawing.query("headline"))[0],
            rates=pivot(main["learning_rates"], ("corpus", "size", "variant"), "learning_rate"),
            by_reference=_by_reference(main["rashomon"]),
            environments=_environments(connection),
            queries={path.stem: drawing.query(path.stem) for path in _HERE.glob("queries/*.sql")},
            known=section(connection, known.FIGURES, known.TABLES, data_address),
            sets=section(connection, sets.FIGURES, sets.TABLES, data_address),
            probes=section(connection, probes.FIGURES, probes.TABLES, data_address),
            **main,
        )
    out.parent.mkdir(parents=True, exist_ok=True)
    partial = out.with_name(f".{out.name}.{os.getpid()}.tmp")
    try:
        partial.write_text(html, encoding="utf-8")
        partial.replace(out)
    finally:
        partial.unlink(missing_ok=True)


def number(value: float | None, digits: int = 3) -> str:
    """A number with fixed decimals, or a dash where there is none; tiny ones in powers of ten."""
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


def _confidence(study: Mapping[str, Any]) -> str:
    share = (study.get("statistics") or {}).get("confidence", 0.95)
    return f"{100 * float(share):g}%"


def data_address(figure: drawing.Picture) -> dict[str, str]:
    """An SVG as a data address: its identifiers cannot clash with another figure's."""
    sql = figure.sql
    if not figure.svg:
        return {"src": "", "sql": sql, "width": "0"}
    points = re.search(r'<svg [^>]*?width="([\d.]+)pt"', figure.svg)
    share = float(points[1]) / 72 / drawing.WIDTH if points else 1.0
    encoded = base64.b64encode(figure.svg.encode()).decode()
    src = f"data:image/svg+xml;base64,{encoded}"
    return {"src": src, "sql": sql, "width": f"{100 * share:.0f}"}


def _by_reference(rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Sets by reference: a line for each class, a column for each threshold."""
    found: dict[str, dict[str, Any]] = {}
    for row in rows:
        unit = {"percent": "%", "seed_sd": "seed sd"}.get(row["eps_unit"], row["eps_unit"])
        threshold = f"{row['eps']:g} {unit}"
        table = found.setdefault(
            row["reference"], {"reference": row["reference"], "thresholds": [], "lines": {}}
        )
        if threshold not in table["thresholds"]:
            table["thresholds"].append(threshold)
        table["lines"].setdefault(row["label"], {})[threshold] = row
    return list(found.values())


def _environments(connection: duckdb.DuckDBPyConnection) -> list[dict[str, Any]]:
    """Distinct environments of the current artifacts, the latest first."""
    found: dict[str, dict[str, Any]] = {}
    for row in drawing.records(connection, drawing.query("environments")):
        content = json.loads(row["environment"] or "null") or {}
        known = {name: content.get(name) for name in ("python", "platform", "packages", "git")}
        same = found.setdefault(json.dumps(known, sort_keys=True), {**known, "artifacts": 0})
        same["artifacts"] += row["artifacts"]
    return list(found.values())
