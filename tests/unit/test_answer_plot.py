"""Answers as pictures: which columns are drawn, and the command that draws them."""

from pathlib import Path
from xml.etree import ElementTree

import duckdb
import pytest

from manymasks.cli import main
from manymasks.report.answer_plot import Estimate, draw_answer, estimates

COST = ("corpus", "size", "baseline_nats", "gap", "low", "high", "p")
ROWS = [("pydocs", "base", 3.8, 0.13, 0.11, 0.15, 1e-9), ("pydocs", "small", 4.0, None, 0, 1, 0.5)]


def test_numbers_with_an_interval_are_drawn() -> None:
    assert estimates(COST, ROWS) == [Estimate(3, 4, 5)]
    columns = ("label", "gain", "gain_low", "gain_high", "models", "share_low", "share_high")
    rows = [("a", 0.1, 0.0, 0.2, 6, 0.3, 0.4)]
    # A share has no column of its own: the number before its interval.
    assert estimates(columns, rows) == [Estimate(1, 2, 3), Estimate(4, 5, 6)]


def test_without_an_interval_the_first_decimals_are_drawn() -> None:
    assert estimates(("name", "count", "share", "p"), [("a", 2, 0.5, 0.1)]) == [Estimate(2)]
    assert estimates(("name", "count"), [("a", 2)]) == [Estimate(1)]
    assert estimates(("name",), [("a",)]) == []
    assert estimates(("name", "count"), []) == []


def test_equal_answers_are_equal_bytes() -> None:
    svg = draw_answer("a question", COST, ROWS, "svg")
    assert svg == draw_answer("a question", COST, ROWS, "svg")
    assert ElementTree.fromstring(svg).tag.endswith("svg")
    assert draw_answer("", COST, ROWS, "png").startswith(b"\x89PNG")
    with pytest.raises(ValueError, match="no numbers"):
        draw_answer("", ("name",), [("a",)], "svg")


def test_the_command_draws_a_query(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "results").mkdir()
    duckdb.connect("results/manymasks.duckdb").close()
    sql = "SELECT 'a' AS name, 1.5 AS value UNION ALL SELECT 'b', 2.5"
    assert main(["sql", sql, "--plot", "out.svg"]) == 0
    assert (tmp_path / "out.svg").read_text(encoding="utf-8").lstrip().startswith("<?xml")
    assert main(["sql", sql, "--plot", "out.jpg"]) == 1
    assert "one of .svg, .png, .pdf" in capsys.readouterr().err
    assert main(["sql", "SELECT 'a' AS name", "--plot", "out.svg"]) == 1
    assert "there is nothing to draw: the answer has no numbers" in capsys.readouterr().err
