"""A short soak; `soak.py` is the long one, over the smoke study."""

from soak import content, soak
from test_interruption import OVERLAY, project


def test_killed_runs_end_with_the_tables_and_weights_of_an_undisturbed_one(tmp_path):
    calm = project(tmp_path / "undisturbed")
    calm.snakemake(*OVERLAY)
    figures = soak(project(tmp_path / "killed"), *OVERLAY, kills=6, longest=15)
    assert figures.sent.total() == 6
    assert set(figures.ends) == {content(calm)}
