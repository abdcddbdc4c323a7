"""A test's marker is the folder it lies in."""

from pathlib import Path

import pytest

HERE = Path(__file__).parent


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        folder = item.path.relative_to(HERE).parts[0]
        item.add_marker(folder)
        if folder == "e2e":
            # One worker: these tests share a study that takes a minute to make.
            item.add_marker(pytest.mark.xdist_group(folder))
