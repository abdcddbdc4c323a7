"""A test's marker is the folder it lies in, and properties are tried on the same inputs each time.

`pytest --hypothesis-profile=explore` tries them on others, which is how to look for what is wrong.
"""

import sys
from collections.abc import Iterator
from pathlib import Path

import hypothesis
import pytest

from manymasks.documentation.messages import PACKAGE, is_documented
from manymasks.errors import UserError

HERE = Path(__file__).parent

DRAWING = ("test_report", "test_report_sections")
"""Tests of whole pages: on one worker, where a figure of the same rows is drawn once."""

# What was sent in must not fail for a draw of another day.
hypothesis.settings.register_profile("repeatable", derandomize=True, deadline=None)
hypothesis.settings.register_profile("explore", deadline=None)
hypothesis.settings.load_profile("repeatable")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        folder = item.path.relative_to(HERE).parts[0]
        item.add_marker(folder)
        if folder == "e2e":
            # One worker: these tests share a study that takes a minute to make.
            item.add_marker(pytest.mark.xdist_group(folder))
        if item.path.stem in DRAWING:
            item.add_marker(pytest.mark.xdist_group("report"))


@pytest.fixture(autouse=True)
def _torch_as_before() -> Iterator[None]:
    """What a stage asks of torch is for its process: here the next test is in the same one."""
    torch = sys.modules.get("torch")
    threads = torch.get_num_threads() if torch else 0
    yield
    if torch:
        torch.set_num_threads(threads)
        torch.set_flush_denormal(False)


@pytest.fixture(autouse=True)
def _messages_are_documented(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Every message that the source writes in a test is one of docs/reference/errors.md."""
    written: list[str] = []

    def record(error: UserError, *arguments: object) -> None:
        Exception.__init__(error, *arguments)
        if sys._getframe(1).f_code.co_filename.startswith(str(PACKAGE)):
            written.append(str(error))

    monkeypatch.setattr(UserError, "__init__", record, raising=False)
    yield
    undocumented = [message for message in written if not is_documented(message)]
    assert not undocumented, undocumented


_drawn: dict[tuple[str, str], str] = {}


@pytest.fixture(autouse=True)
def _figures_drawn_once(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """A page takes a figure of the same rows from an earlier page: that drawing is repeatable has
    a test of its own."""
    if request.path.stem not in DRAWING:
        return
    from manymasks.report import drawing, section

    def draw(figure: drawing.Figure, rows: list[drawing.Row]) -> str:
        key = figure.query, repr(rows)
        if key not in _drawn:
            _drawn[key] = drawing.draw(figure, rows)
        return _drawn[key]

    monkeypatch.setattr(section, "draw", draw)
