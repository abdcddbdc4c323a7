"""Jobs after faults: damaged states and manifests, files that are gone, what a killed run left."""

import errno
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from test_faults import FORMS, damaged
from test_run import RESULTS, describe, here, log_of, node_of, prepared, study_in

from manymasks.engine.jobs import run_job
from manymasks.engine.progress import Progress
from manymasks.errors import UserError
from manymasks.stages import tokens
from manymasks.store.manifest import damaged_files, read_manifest

__all__ = ["here", "prepared"]
LATE = {"training": {"late": [0.4]}}


def interrupted(here: Path, monkeypatch: pytest.MonkeyPatch) -> tuple[dict[str, Any], Path]:
    """A training that was interrupted after step 4, with a saved state: its job and its folder."""
    plan = study_in(here, **LATE)
    node = node_of(plan, "training")
    folder = RESULTS.folder("training", node.key)

    def interrupt(self: Progress, done: float, total: float | None, note: str) -> None:
        if "step 4," in note:
            raise KeyboardInterrupt

    with monkeypatch.context() as patched:
        patched.setattr(Progress, "__call__", interrupt)
        with pytest.raises(KeyboardInterrupt):
            run_job(describe(plan, "training"), RESULTS)
    return describe(plan, "training"), folder


def cases(content: bytes) -> Iterator[bytes]:
    """Damages that are tried on a job: a few flips, each form, and a cut."""
    yield from damaged(content, tries=4)
    yield content[:-1]


@pytest.mark.parametrize("name", ["training.safetensors", "weights-2.safetensors"])
def test_a_training_with_a_damaged_state_begins_again_and_says_so(
    here: Path, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    job, folder = interrupted(here, monkeypatch)
    kept = folder.with_name("kept")
    shutil.copytree(folder, kept)
    run_job(job, RESULTS)
    undisturbed = {path.name: path.read_bytes() for path in folder.glob("*.safetensors")}
    assert undisturbed.keys() == {"weights.safetensors", "weights-2.safetensors"}
    assert "goes on from its last saved state" in (folder / "log.txt").read_text()
    for content in cases((kept / "state" / name).read_bytes()):
        shutil.rmtree(folder)
        shutil.copytree(kept, folder)
        (folder / "state" / name).write_bytes(content)
        run_job(job, RESULTS)
        assert {path.name: path.read_bytes() for path in folder.glob("*.safetensors")} == (
            undisturbed
        )
        log = (folder / "log.txt").read_text()
        assert "begins again, as its saved state is damaged: training.safetensors: " in log
        assert "goes on" not in log
    assert len(list(cases(b"x" * 99))) > len(FORMS)


def test_a_tuning_with_a_damaged_state_tries_that_rate_again(
    here: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The first trial of six steps is done, the second one is interrupted after three: both are
    saved."""
    plan = study_in(here, training={"learning_rate": "tune"}, tune={"rates": [1e-3, 3e-3, 1e-2]})
    node = node_of(plan, "tuning")
    folder = RESULTS.folder("tuning", node.key)

    def interrupt(self: Progress, done: float, total: float | None, note: str) -> None:
        if done == 288:
            raise KeyboardInterrupt

    with monkeypatch.context() as patched:
        patched.setattr(Progress, "__call__", interrupt)
        with pytest.raises(KeyboardInterrupt):
            run_job(describe(plan, "tuning"), RESULTS)
    kept = folder.with_name("kept")
    shutil.copytree(folder, kept)
    run_job(describe(plan, "tuning"), RESULTS)
    undisturbed = (folder / "tables/tuning.parquet").read_bytes()
    states = sorted(path.name for path in (kept / "state").iterdir())
    assert len(states) >= 2
    for name in states:
        for content in list(cases((kept / "state" / name).read_bytes()))[::3]:
            shutil.rmtree(folder)
            shutil.copytree(kept, folder)
            (folder / "state" / name).write_bytes(content)
            run_job(describe(plan, "tuning"), RESULTS)
            assert (folder / "tables/tuning.parquet").read_bytes() == undisturbed


def test_inputs_whose_files_are_gone_are_made_again(here: Path) -> None:
    plan = study_in(here)
    run_job(describe(plan, "training"), RESULTS)
    trained = read_manifest(RESULTS.manifest("training", node_of(plan, "training").key))
    for stage in ("corpus", "tokens", "training"):
        folder = RESULTS.folder(stage, node_of(plan, stage).key)
        for path in folder.rglob("*.*"):
            if path.name not in ("manifest.json", "log.txt") and path.is_file():
                path.unlink()
    evaluation = run_job(describe(plan, "evaluation"), RESULTS)
    assert evaluation.figures["model"] == trained.key
    for stage in ("corpus", "tokens", "training"):
        folder = RESULTS.folder(stage, node_of(plan, stage).key)
        manifest = read_manifest(folder / "manifest.json")
        assert damaged_files(folder, manifest) == []
        assert "is gone: it is made again" in (folder / "log.txt").read_text()
    again = read_manifest(RESULTS.manifest("training", trained.key))
    digests = [{file.path: file.sha256 for file in made.files} for made in (trained, again)]
    assert len({made["weights.safetensors"] for made in digests}) == 1


def test_a_damaged_manifest_of_an_input_is_named_and_its_command_mends_it(here: Path) -> None:
    plan = study_in(here)
    node = node_of(plan, "tokens")
    path = RESULTS.manifest("tokens", node.key)
    whole = read_manifest(path)
    for content in damaged(path.read_bytes(), tries=10):
        path.write_bytes(content)
        with pytest.raises(UserError, match=f"(?s)manymasks run tokens {node.key} --force"):
            run_job(describe(plan, "training"), RESULTS)
    with pytest.raises(UserError, match="is not the manifest that was written here"):
        run_job(describe(plan, "tokens"), RESULTS)
    assert run_job(describe(plan, "tokens"), RESULTS, force=True).files == whole.files
    run_job(describe(plan, "training"), RESULTS)


def test_half_files_of_a_killed_run_are_cleared_by_the_next(here: Path) -> None:
    plan = study_in(here)
    node = node_of(plan, "tokens")
    folder = RESULTS.folder("tokens", node.key)
    (folder / "manifest.json").unlink()
    (folder / ".manymasks.duckdb.123-0a1b2c3d").write_bytes(b"half")
    (folder / ".manymasks.duckdb.123-0a1b2c3d.spill").mkdir()
    (folder / ".node.json.12-0a1b2c3d").write_bytes(b"of a run that was killed as it began")
    (folder / ".nfs0001").write_bytes(b"of the file system")
    run_job(describe(plan, "tokens"), RESULTS)
    hidden = [path.name for path in folder.iterdir() if path.name.startswith(".")]
    assert hidden == [".nfs0001"]


@pytest.mark.parametrize(
    ("error", "words"),
    [
        (OSError(errno.ENOSPC, "No space left on device", "x.bin"), "the disk is full (x.bin)"),
        (OSError(errno.EDQUOT, "Disk quota exceeded"), "the quota of the disk is used up"),
        (PermissionError(errno.EACCES, "Permission denied", "x"), "permission is denied (x)"),
        (OSError(errno.EROFS, "Read-only file system", "x"), "the disk is read-only (x)"),
        (ValueError("I/O error: No space left on device (os error 28)"), "the disk is full"),
    ],
)
def test_faults_of_the_machine_are_named(
    here: Path, monkeypatch: pytest.MonkeyPatch, error: Exception, words: str
) -> None:
    plan = study_in(here)
    node = node_of(plan, "tokens")
    RESULTS.manifest("tokens", node.key).unlink()

    def fails(job: Any) -> dict[str, Any]:
        raise error

    monkeypatch.setattr(tokens, "make", fails)
    with pytest.raises(UserError) as caught:
        run_job(describe(plan, "tokens"), RESULTS)
    assert str(caught.value).startswith(f"tokens/mine: {words}. Mend that and rerun")
    assert "bug" not in str(caught.value)
    assert "Traceback" in log_of(node)


def test_an_analysis_without_members_is_complete_and_empty(here: Path) -> None:
    plan = study_in(here, training={"learning_rate": 1e30}, analyses=["rashomon", "multiplicity"])
    run_job(describe(plan, "training"), RESULTS)
    run_job(describe(plan, "evaluation"), RESULTS)
    for stage, words in (
        ("rashomon", "all 1 members failed"),
        ("multiplicity", "rashomon/mine is an"),
    ):
        made = run_job(describe(plan, stage), RESULTS)
        assert made.files == ()
        assert made.figures["empty"].startswith(words)
        assert f"is empty: {words}" in log_of(node_of(plan, stage))
