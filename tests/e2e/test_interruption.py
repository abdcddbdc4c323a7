"""Killed at any moment, shared between runs, on one core or two: the same weights."""

import json
import os
import signal
from pathlib import Path

import pytest
from clones import Clone
from tiny_study import OVERLAY, project, states, wait_for, weights


@pytest.fixture(scope="module")
def undisturbed(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    made = project(tmp_path_factory.mktemp("e2e") / "undisturbed")
    made.snakemake(*OVERLAY, cores=1)
    found = weights(made)
    assert len(found) == 3
    return found


def test_a_killed_run_resumes_to_the_same_bits(tmp_path, undisturbed):
    made = project(tmp_path / "killed")
    run = made.start("snakemake", "--cores", "2", *OVERLAY)
    wait_for(lambda: len(states(made)) == 2)
    os.killpg(run.pid, signal.SIGKILL)
    run.communicate()
    assert not weights(made), "it was to be killed in the middle"

    message = made.snakemake(*OVERLAY, expect=1)
    assert "snakemake --unlock" in message and "Traceback" not in message
    made.run("snakemake", "--unlock", *OVERLAY)
    output = made.snakemake(*OVERLAY)
    assert "goes on from its last saved state" in output
    assert weights(made) == undisturbed
    assert "Nothing to be done" in made.snakemake(*OVERLAY)
    assert "all match their manifests" in made.run("manymasks", "verify")


def server_and_workers(made: Clone) -> tuple[int, list[int]]:
    """Process ids: of the jobs that train just now, and of the server that they are forked from."""
    locks = [path.parents[1] / "lock" for path in states(made)]
    workers = [json.loads(lock.read_text())["pid"] for lock in locks]
    (server,) = {
        int(Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[1]) for pid in workers
    }
    return server, workers


def test_a_run_goes_on_without_its_server(tmp_path, undisturbed):
    made = project(tmp_path / "served")
    run = made.start("snakemake", "--cores", "2", *OVERLAY)
    wait_for(lambda: len(states(made)) == 2)
    server, _ = server_and_workers(made)
    os.kill(server, signal.SIGKILL)
    output, _ = run.communicate(timeout=300)
    assert run.returncode == 0, output
    assert output.count("this job starts again") == 2
    assert "goes on from its last saved state" in output
    assert weights(made) == undisturbed


def test_no_process_outlives_snakemake(tmp_path):
    made = project(tmp_path / "left")
    run = made.start("snakemake", "--cores", "2", *OVERLAY)
    wait_for(lambda: len(states(made)) == 2)
    server, workers = server_and_workers(made)
    run.kill()
    run.communicate(timeout=60)
    wait_for(lambda: not any(Path(f"/proc/{pid}").exists() for pid in (server, *workers)))


def test_an_interrupted_run_says_so_and_resumes(tmp_path, undisturbed):
    """Ctrl-C: all processes of the terminal get the signal."""
    made = project(tmp_path / "interrupted")
    run = made.start("snakemake", "--cores", "2", *OVERLAY)
    wait_for(lambda: states(made))
    os.killpg(run.pid, signal.SIGINT)
    output, _ = run.communicate(timeout=60)
    assert run.returncode != 0 and "Traceback" not in output
    assert "interrupted: training " in output and "Interrupted by a person" in output
    assert "failed" not in output and "Error" not in output
    made.snakemake(*OVERLAY)
    assert weights(made) == undisturbed


def test_two_runs_on_one_results_folder_make_each_artifact_once(tmp_path, undisturbed):
    one, other = project(tmp_path / "one"), project(tmp_path / "other")
    (one.folder / "results").mkdir()
    (other.folder / "results").symlink_to(one.folder / "results")
    runs = [each.start("snakemake", "--cores", "2", *OVERLAY) for each in (one, other)]
    for run in runs:
        output, _ = run.communicate(timeout=300)
        assert run.returncode == 0, output
    assert weights(one) == undisturbed
    assert "all match their manifests" in one.run("manymasks", "verify")
