"""Killed at any moment, shared between runs, on one core or two: the same weights."""

import json
import os
import random
import signal
import time
from pathlib import Path

import pytest
from clones import Clone, clone

STUDY = """\
name: interrupted
primary: []
corpora:
  "*": null
  words: {kind: files, paths: [words.txt], separator: "\\n\\n", select: 0.2, measure: 0.2}
tokenizer: {kind: bytes}
variants: {half: {gradient: discount, gamma: 0.5}}
sizes:
  small: null
  base: {width: 32}
training: {context: 32, batch: 8, steps: 400, curve_every: 50, curve_windows: 8}
seeds: {init: [0], order: [0]}
evaluation: {position_edges: [0, 4]}
probes: {shuffle: null, splice: null, copy: null, uniform-noise: null, self: null, search: null}
analyses: []
hardware: {checkpoint_seconds: 0.05, device: cpu}
"""
OVERLAY = ("--configfile", "study.yaml")


def project(folder: Path) -> Clone:
    made = clone(folder)
    (folder / "study.yaml").write_text(STUDY)
    chosen = random.Random(0)
    words = ["".join(chosen.choices("abcdefgh", k=5)) for _ in range(60)]
    paragraphs = [" ".join(chosen.choices(words, k=120)) for _ in range(60)]
    (folder / "words.txt").write_text("\n\n".join(paragraphs))
    return made


def weights(made: Clone) -> dict[str, str]:
    """SHA-256 of each member's weights file, by label."""
    found = {}
    for path in (made.folder / "results" / "training").glob("*/manifest.json"):
        manifest = json.loads(path.read_text())
        (digest,) = [f["sha256"] for f in manifest["files"] if f["path"] == "weights.safetensors"]
        found[manifest["label"]] = digest
    return found


@pytest.fixture(scope="module")
def undisturbed(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    made = project(tmp_path_factory.mktemp("e2e") / "undisturbed")
    made.snakemake(*OVERLAY, cores=1)
    found = weights(made)
    assert len(found) == 3
    return found


def states(made: Clone) -> list[Path]:
    """Saved states of members that are in training."""
    return list((made.folder / "results/training").glob("*/state/*.safetensors"))


def wait_for(condition, seconds: float = 120) -> None:
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, "it did not happen"
        time.sleep(0.01)


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
