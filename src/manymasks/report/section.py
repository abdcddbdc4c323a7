"""A section of the page: figures and tables in order, with the units that they rest on."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import duckdb

from manymasks.report.drawing import Figure, Row, Text, draw, query, records


@dataclass(frozen=True)
class PageTable:
    """A table of the page: the rows of a query, as tables/<query>.html.j2 lays them out."""

    query: str


Item = Figure | PageTable


@dataclass(frozen=True)
class SectionPart:
    """Items of a section that one module draws."""

    section: str
    order: int
    """Among the parts of the section."""
    items: tuple[Item, ...]


@dataclass(frozen=True)
class Section:
    """A part of the page, with its items in order. Texts are HTML, as in `Figure`."""

    name: str
    """Of its address in the page."""
    link: str
    """In the navigation."""
    title: str
    items: tuple[Item, ...]
    intro: str = ""
    absent: str = ""
    """What stands there without any rows; without it, the section is then left out."""

    def content(
        self,
        connection: duckdb.DuckDBPyConnection,
        confidence: str,
        picture: Callable[[str], dict[str, str]],
    ) -> dict[str, Any]:
        """The section as the page's template takes it, with the items that have rows. A figure has
        its texts, its units and what `picture` makes of its SVG; a table has its `rows`. The `sql`
        of a query is with its first item only."""
        items: list[dict[str, Any]] = []
        for item in self.items:
            sql = query(item.query)
            rows = records(connection, sql)
            if not rows:
                continue
            is_shown = any(before["name"] == item.query for before in items)
            content: dict[str, Any] = {"name": item.query, "sql": "" if is_shown else sql}
            if isinstance(item, PageTable):
                content |= {"rows": rows, "units": units(rows)}
            else:
                content |= {
                    "title": item.title,
                    "alt": item.alt,
                    "caption": _html(item.caption, rows, confidence),
                    "note": _html(item.note, rows, confidence),
                    "units": units(rows),
                    **picture(draw(item, rows)),
                }
            items.append(content)
        return {
            "name": self.name,
            "link": self.link,
            "title": self.title,
            "intro": self.intro.format(confidence=confidence),
            "absent": self.absent,
            "items": items,
        }


def _html(text: Text, rows: list[Row], confidence: str) -> str:
    html = text if isinstance(text, str) else text(rows)
    return html.format(confidence=confidence)


def pivot(rows: list[Row], names: tuple[str, ...], across: str) -> dict[str, Any]:
    """A line for each value of `names`, in the order in which they come, and cells `across`."""
    lines: dict[tuple[Any, ...], dict[str, Any]] = {}
    for row in rows:
        line = lines.setdefault(tuple(row[name] for name in names), {**row, "cells": {}})
        line["cells"][row[across]] = row
    return {"across": sorted({row[across] for row in rows}), "lines": list(lines.values())}


FEW_DOCUMENTS = 20
"""Effective documents below which the page says that an interval is approximate."""


def units(rows: list[Row]) -> str:
    """The numbers of models and documents that a figure rests on, such as `4 models a class`, and
    whether its documents are few. The effective number of documents is given where it is not the
    number of documents."""
    parts = []
    for name, suffix in (("models", " per class"), ("documents", "")):
        counts = _numbers(rows, name)
        if counts:
            parts.append(f"{_span(counts)} {name if max(counts) > 1 else name[:-1]}{suffix}")
    effective = _numbers(rows, "effective_documents")
    if effective:
        if _span(effective) != _span(_numbers(rows, "documents")):
            parts[-1] += f" ({_span(effective)} effective)"
        if min(effective) < FEW_DOCUMENTS:
            parts.append(f"fewer than {FEW_DOCUMENTS} effective documents: intervals approximate")
    return ", ".join(parts)


def _numbers(rows: list[Row], name: str) -> list[int]:
    """The values of a column, rounded, without NULL."""
    return [round(row[name]) for row in rows if row.get(name) is not None]


def _span(counts: list[int]) -> str:
    low, high = min(counts), max(counts)
    return f"{low:,}" if low == high else f"{low:,} to {high:,}"
