"""Studies run for real."""

import pytest
from clones import Clone, clone


@pytest.fixture(scope="session")
def smoke(tmp_path_factory: pytest.TempPathFactory) -> tuple[Clone, str]:
    """The smoke study, complete, and what its run printed. The folder has a space in its name."""
    project = clone(tmp_path_factory.mktemp("e2e") / "a clone")
    return project, project.snakemake("--configfile", "config/smoke.yaml")
