"""The report: figures with their queries, one page without a network."""

import re
from html.parser import HTMLParser
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import duckdb
import pyarrow.parquet as pq
import pytest
from example_results import replace_table, write_results

from manymasks.database.load import load
from manymasks.report import drawing, figures, page

FIGURES = (
    figures.loss_curves,
    figures.heatmap,
    figures.severity_curve,
    figures.myopia_gap,
    figures.gap_by_size,
    figures.loss_by_position,
    figures.gap_by_gamma,
    figures.gradient_reach,
)
QUERIES = sorted((Path(figures.__file__).parent / "queries").glob("*.sql"))
STUDY: dict[str, Any] = {"name": "a <study> & more", "statistics": {"confidence": 0.9}}


@pytest.fixture(scope="module")
def database(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("report")
    results = write_results(folder / "results")
    load(results.root, results.current, folder / "x.duckdb")
    return folder / "x.duckdb"


@pytest.mark.parametrize("draw", FIGURES, ids=lambda draw: draw.__name__)
def test_figures_are_the_same_every_time(draw: Any, database: Path) -> None:
    with duckdb.connect(str(database), read_only=True) as connection:
        svg, sql = draw(connection)
        assert draw(connection)[0] == svg
        assert connection.execute(sql).fetchall()
    root = ElementTree.fromstring(svg)
    assert root.tag.endswith("svg")
    assert "<dc:date>" not in svg


@pytest.mark.parametrize("path", QUERIES, ids=lambda path: path.stem)
def test_queries_open_with_what_they_answer(path: Path, database: Path) -> None:
    sql = path.read_text()
    assert sql.startswith("-- ")
    with duckdb.connect(str(database), read_only=True) as connection:
        assert connection.execute(sql).fetchall()


def test_png(database: Path, tmp_path: Path) -> None:
    figures.save_png(database, tmp_path / "x.png", dpi=60)
    assert (tmp_path / "x.png").read_bytes().startswith(b"\x89PNG")


class Reader(HTMLParser):
    """Collects text, addresses and unclosed elements."""

    EMPTY = ("meta", "img", "br")

    def __init__(self) -> None:
        super().__init__()
        self.open: list[str] = []
        self.text = ""
        self.addresses: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if tag not in self.EMPTY:
            self.open.append(tag)
        self.addresses += [value or "" for name, value in attrs if name in ("src", "href")]

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        self.text += data


def read(path: Path) -> Reader:
    reader = Reader()
    reader.feed(path.read_text())
    assert reader.open == []
    return reader


def test_page_is_whole_and_self_contained(database: Path, tmp_path: Path) -> None:
    out = tmp_path / "out" / "report.html"
    page.write_page(database, STUDY, out)
    reader = read(out)
    assert out.stat().st_size < 2_000_000
    assert [path.name for path in out.parent.iterdir()] == ["report.html"]
    assert all(address.startswith(("#", "data:image/svg+xml")) for address in reader.addresses)
    assert sum(address.startswith("data:") for address in reader.addresses) == 8
    assert "http://" not in out.read_text()
    assert "https://" not in out.read_text()
    assert "a <study> & more" in reader.text
    assert "90% interval" in reader.text
    for name in (path.stem for path in QUERIES):
        if name in ("headline", "environments", "corpora"):
            continue
        assert drawing.query(name).strip() in reader.text, name
    assert "torch 2.13.0" in reader.text
    assert "held-out: size 1" in reader.text, "a null result is shown as it is"
    assert "there is nothing to show" not in reader.text
    text = out.read_text()
    page.write_page(database, STUDY, out)
    assert out.read_text() == text


def test_links_lead_somewhere(database: Path, tmp_path: Path) -> None:
    page.write_page(database, STUDY, tmp_path / "x.html")
    text = (tmp_path / "x.html").read_text()
    assert set(re.findall(r'href="#(\w+)"', text)) <= set(re.findall(r'id="(\w+)"', text))


@pytest.mark.parametrize(
    ("analyses", "absent"),
    [
        (("rashomon", "divergence"), ["myopia"]),
        (("myopia",), ["Rashomon", "divergence"]),
        ((), ["Rashomon", "divergence", "myopia"]),
    ],
)
def test_absent_analyses_are_named(
    analyses: tuple[str, ...], absent: list[str], tmp_path: Path
) -> None:
    results = write_results(tmp_path / "results", analyses=analyses)
    load(results.root, results.current, tmp_path / "x.duckdb")
    page.write_page(tmp_path / "x.duckdb", {}, tmp_path / "x.html")
    figures.save_png(tmp_path / "x.duckdb", tmp_path / "x.png", dpi=40)
    text = read(tmp_path / "x.html").text
    found = set(re.findall(r"This study has no (\w+) analysis", text))
    assert found == set(absent)


def test_a_database_without_anything(tmp_path: Path) -> None:
    load(tmp_path / "results", {}, tmp_path / "x.duckdb")
    page.write_page(tmp_path / "x.duckdb", {"name": "empty"}, tmp_path / "x.html")
    figures.save_png(tmp_path / "x.duckdb", tmp_path / "x.png", dpi=40)
    assert "empty" in read(tmp_path / "x.html").text


def test_figures_of_arms_need_arms(tmp_path: Path) -> None:
    results = write_results(tmp_path / "results")
    folder = next(
        results.root / "myopia" / key
        for key in results.current
        if (results.root / "myopia" / key).exists()
    )
    path = folder / "tables" / "myopia_arm.parquet"
    rows = pq.read_table(path).to_pylist()
    replace_table(path, [row for row in rows if row["gradient"] != "discount"])
    gaps = folder / "tables" / "myopia_gap.parquet"
    replace_table(gaps, [row for row in pq.read_table(gaps).to_pylist() if row["size"] == "w32"])
    load(results.root, results.current, tmp_path / "x.duckdb")
    with duckdb.connect(str(tmp_path / "x.duckdb"), read_only=True) as connection:
        # No discount, and one size: nothing to draw against them.
        assert figures.gap_by_gamma(connection)[0] == ""
        assert figures.gap_by_size(connection)[0] == ""
        assert figures.loss_by_position(connection)[0]
    page.write_page(tmp_path / "x.duckdb", STUDY, tmp_path / "x.html")
    assert "How far ahead" not in read(tmp_path / "x.html").text


def test_failed_members_are_counted_apart(tmp_path: Path) -> None:
    results = write_results(tmp_path / "results")
    key = results.models[0]["model"]
    path = results.root / "training" / key / "tables" / "model.parquet"
    row = pq.read_table(path).to_pylist()[0]
    replace_table(path, [{**row, "status": "failed", "failed_step": 9}])
    load(results.root, results.current, tmp_path / "x.duckdb")
    page.write_page(tmp_path / "x.duckdb", STUDY, tmp_path / "x.html")
    text = " ".join(read(tmp_path / "x.html").text.split())
    assert "trained 15 times" in text
    assert "1 more training failed and is in no set" in text


@pytest.mark.parametrize(
    ("value", "digits", "shown"),
    [
        (0.12345, 3, "0.123"),
        (-0.5, 2, "\u22120.50"),
        (120_000, 0, "120,000"),
        (0.0, 3, "0.000"),
        (3e-12, 3, "3e\u221212"),
        (None, 3, "\u2013"),
        (float("nan"), 3, "\u2013"),
    ],
)
def test_numbers(value: float | None, digits: int, shown: str) -> None:
    assert page.number(value, digits) == shown


def test_units() -> None:
    assert page.size_in_bytes(400_000_000) == "400.0 MB"
    assert page.size_in_bytes(12) == "12 B"
    assert page.duration(12.34) == "12.3 s"
    assert page.duration(245) == "4 min 05 s"
    assert page.duration(12_000) == "3 h 20 min"
