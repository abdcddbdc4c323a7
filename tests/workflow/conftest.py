"""Projects for the workflow tests: one that is new, and one whose study is complete."""

import shutil
from pathlib import Path

import pytest
from project import Project, age, copy_repository


@pytest.fixture(scope="session")
def complete(tmp_path_factory: pytest.TempPathFactory) -> Project:
    """A complete study; tests get copies of it."""
    project = copy_repository(tmp_path_factory.mktemp("complete"))
    where = project.python("-c", "import manymasks; print(manymasks.__file__)").stdout.strip()
    assert Path(where) == project.root / "src/manymasks/__init__.py"
    project.fabricate()
    # Snakemake's own records of every job, as a real run leaves them.
    done = project.snakemake("--cores", "1", "--touch", "--forceall")
    assert done.returncode == 0, done.stderr
    age(project.root)
    return project


@pytest.fixture
def project(complete: Project, tmp_path: Path) -> Project:
    """A complete study to edit."""
    shutil.copytree(complete.root, tmp_path / "project", symlinks=True)
    return Project(tmp_path / "project")


@pytest.fixture
def checkout(tmp_path: Path) -> Project:
    """A fresh clone: nothing has been made."""
    return copy_repository(tmp_path / "checkout")
