"""Several artifacts in one process: all that holds for one holds for each."""

import json
import shutil
import sys
import threading
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pytest

import kit
from manymasks.cli import main
from manymasks.config.loading import load_study
from manymasks.disk.lock import try_lock
from manymasks.engine.job_file import description_of, write_node
from manymasks.engine.jobs import run_jobs
from manymasks.errors import UserError
from manymasks.plan.graph import Node, Plan, plan_study
from manymasks.store.job import Job
from manymasks.store.layout import Layout
from manymasks.store.manifest import (
    Manifest,
    damaged_files,
    read_manifest,
    write_manifest,
)

STUDY = """\
corpora:
  mine: {kind: files, paths: ["texts/*.txt"], select: 0.3, measure: 0.3}
tokenizer: {kind: bytes}
sizes: {base: {width: 8, layers: 1, heads: 1}}
variants: {causal: {gradient: causal}}
seeds: {init: [0, 1, 2, 3], order: [0]}
analyses: []
hardware: {device: cpu, log_seconds: 0.001}
"""
RESULTS = Layout(Path("results"))


class Stage:
    """A stage that writes what it is told to and remembers which jobs it was given at once."""

    def __init__(self, many: bool = True) -> None:
        self.calls: list[list[str]] = []
        self.before: Callable[[Sequence[Job]], None] = lambda jobs: None
        if many:
            self.make_many = self._make_many

    def make(self, job: Job) -> dict[str, Any]:
        return self._make_many([job])[0]

    def _make_many(self, jobs: Sequence[Job]) -> list[dict[str, Any]]:
        self.calls.append([job.key for job in jobs])
        for job in jobs:
            found = {path.name for path in job.folder.iterdir()} - {"node.json", ".nfs0001"}
            assert found <= {"log.txt", "lock", "state"}
            (job.folder / "half").write_text("x", encoding="utf-8")
        self.before(jobs)
        for done in (1, 2):
            time.sleep(0.02)
            jobs[0].report(done, 2, "steps")
        for job in jobs:
            (job.folder / "half").unlink()
            (job.folder / "weights").write_text(job.key, encoding="utf-8")
            job.say("written")
        return [{"seed": job.settings["seed_init"]} for job in jobs]


@pytest.fixture
def plan(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Plan:
    """A study of four trainings whose tokens are there."""
    monkeypatch.chdir(tmp_path)
    Path("texts").mkdir()
    Path("texts/one.txt").write_text("the quick brown fox", encoding="utf-8")
    Path("config.yaml").write_text(STUDY, encoding="utf-8")
    planned = plan_study(load_study([Path("config.yaml")]), Path())
    for node in planned.nodes:
        if node.stage in ("corpus", "tokenizer", "tokens"):
            write_manifest(RESULTS.manifest(node.stage, node.key), kit.planned(node))
    return planned


@pytest.fixture
def stage(monkeypatch: pytest.MonkeyPatch) -> Stage:
    return in_place(monkeypatch, Stage())


def in_place(monkeypatch: pytest.MonkeyPatch, stage: Stage) -> Stage:
    """Let this be the stage `training`."""
    monkeypatch.setitem(sys.modules, "manymasks.stages.training", stage)  # type: ignore[arg-type]
    return stage


def trainings(plan: Plan) -> list[Node]:
    return [node for node in plan.nodes if node.stage == "training"]


def described(plan: Plan) -> list[dict[str, Any]]:
    return [description_of(node, plan.study.hardware) for node in trainings(plan)]


def keys_of(plan: Plan) -> list[str]:
    return [node.key for node in trainings(plan)]


def folder_of(key: str) -> Path:
    return RESULTS.folder("training", key)


def log_of(key: str) -> str:
    return (folder_of(key) / "log.txt").read_text(encoding="utf-8")


def complete(plan: Plan) -> list[str]:
    return [key for key in keys_of(plan) if RESULTS.manifest("training", key).exists()]


def names_in(folder: Path) -> set[str]:
    return {path.name for path in folder.iterdir()}


class OutOfMemoryError(RuntimeError):
    """As torch's, which is known by its name alone."""


# ------------------------------------------------------------------------------- at once


def test_a_stack_makes_one_artifact_for_each_job(
    plan: Plan, stage: Stage, capsys: pytest.CaptureFixture[str]
) -> None:
    made = run_jobs(described(plan), RESULTS)
    assert stage.calls == [keys_of(plan)]
    assert [each.key for each in made] == keys_of(plan)
    assert [each.figures for each in made] == [{"seed": seed} for seed in range(4)]
    for node, each in zip(trainings(plan), made, strict=True):
        folder = folder_of(node.key)
        assert read_manifest(folder / "manifest.json") == each
        assert (each.digest, each.label, each.settings) == (node.digest, node.label, node.settings)
        assert [file.path for file in each.files] == ["weights"]
        assert damaged_files(folder, each) == []
        assert names_in(folder) == {"manifest.json", "weights", "log.txt", "lock"}
        assert f"{node.label}: written" in log_of(node.key)
        assert f"{node.label}: [{node.key}] done in" in log_of(node.key)
        # What is said of all of them is in each log, and what is said of another is not.
        assert f"and 3 more: 4 in one process: {' '.join(keys_of(plan))}" in log_of(node.key)
        assert f"{trainings(plan)[0].label} and 3 more: 2/2 (100%)" in log_of(node.key)
        assert log_of(node.key).count("done in") == 1
    assert capsys.readouterr().err.count("2/2 (100%)") == 1


def test_wall_time_is_split_over_a_stack_and_added_to_earlier_runs(
    plan: Plan, stage: Stage
) -> None:
    def some_work(jobs: Sequence[Job]) -> None:
        until = time.process_time() + 0.2
        while time.process_time() < until:
            pass

    stage.before = some_work
    plain = stage.make_many

    def many(jobs: Sequence[Job]) -> list[dict[str, Any]]:
        return [{**each, "earlier_seconds": 10.0 * each["seed"]} for each in plain(jobs)]

    stage.make_many = many
    made = run_jobs(described(plan), RESULTS)
    walls = [each.wall_seconds - 10 * seed for seed, each in enumerate(made)]
    assert max(walls) - min(walls) < 0.002
    assert walls[0] > 0.04
    assert len({each.cpu_seconds for each in made}) == 1
    assert made[0].cpu_seconds >= 0.05
    assert len({each.peak_memory_bytes for each in made}) == 1
    assert all("earlier_seconds" not in each.figures for each in made)


def test_a_stack_of_one_equals_a_single_job(plan: Plan, stage: Stage) -> None:
    def never(jobs: Sequence[Job]) -> list[dict[str, Any]]:
        pytest.fail("make_many was called for one")

    stage.make_many = never
    (made,) = run_jobs(described(plan)[:1], RESULTS)
    assert stage.calls == [[made.key]]
    assert "in one process" not in log_of(made.key)


def test_complete_members_are_left_out_of_a_stack(plan: Plan, stage: Stage) -> None:
    keys = keys_of(plan)
    second = run_jobs(described(plan)[1:2], RESULTS)
    stage.calls.clear()
    made = run_jobs(described(plan), RESULTS)
    assert stage.calls == [[keys[0], *keys[2:]]]
    assert made[1:2] == second
    assert "is complete, nothing to do" in log_of(keys[1])
    assert "state" not in names_in(folder_of(keys[1]))
    assert run_jobs(described(plan), RESULTS) == made
    assert len(stage.calls) == 1


def test_half_files_of_killed_runs_go_whatever_they_were_to_become(
    plan: Plan, stage: Stage
) -> None:
    done, new = keys_of(plan)[:2]
    run_jobs(described(plan)[:1], RESULTS)
    half = {f".{name}.12-0a1b2c3d" for name in ("manifest.json", "node.json", "weights")}
    for key in (done, new):
        folder_of(key).mkdir(parents=True, exist_ok=True)
        for name in (*half, ".nfs0001"):
            (folder_of(key) / name).write_text("half", encoding="utf-8")
    run_jobs(described(plan)[:2], RESULTS)
    for key in (done, new):
        hidden = {name for name in names_in(folder_of(key)) if name.startswith(".")}
        assert hidden == {".nfs0001"}


def test_a_key_named_twice_is_made_once(plan: Plan, stage: Stage) -> None:
    one = described(plan)[0]
    first, second = run_jobs([one, one], RESULTS)
    assert first == second
    assert stage.calls == [[first.key]]


def test_artifacts_of_two_stages_are_refused(plan: Plan, stage: Stage) -> None:
    tokens = next(node for node in plan.nodes if node.stage == "tokens")
    with pytest.raises(UserError, match="artifacts of one stage can be made together"):
        run_jobs([described(plan)[0], description_of(tokens, plan.study.hardware)], RESULTS)
    assert complete(plan) == []


def test_a_stack_with_one_stale_plan_starts_no_job(
    plan: Plan, stage: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    descriptions = described(plan)
    descriptions[2] |= {"key": "0" * 12}
    with pytest.raises(UserError, match="changed after the run was planned"):
        run_jobs(descriptions, RESULTS)
    assert stage.calls == []
    assert not (RESULTS.results / "training").exists()


def test_force_replaces_a_whole_stack_at_its_end(plan: Plan, stage: Stage) -> None:
    before = run_jobs(described(plan), RESULTS)

    def fails(jobs: Sequence[Job]) -> None:
        assert complete(plan) == keys_of(plan)
        raise ZeroDivisionError("by nothing")

    stage.before = fails
    with pytest.raises(UserError, match="by nothing"):
        run_jobs(described(plan), RESULTS, force=True)
    for each in before:
        assert read_manifest(RESULTS.manifest("training", each.key)) == each
        assert damaged_files(folder_of(each.key), each) == []
        (folder_of(each.key) / "left over").write_text("x", encoding="utf-8")
    stage.before = lambda jobs: None
    after = run_jobs(described(plan), RESULTS, force=True)
    assert [each.files for each in after] == [each.files for each in before]
    for key in keys_of(plan):
        assert names_in(folder_of(key)) == {"manifest.json", "weights", "log.txt", "lock"}
        assert log_of(key).count("done in") == 2


# --------------------------------------------------------------------- what can go wrong


def test_a_failure_is_in_the_log_of_each_member(
    plan: Plan, stage: Stage, capsys: pytest.CaptureFixture[str]
) -> None:
    def mistake(jobs: Sequence[Job]) -> None:
        raise UserError("text too short")

    stage.before = mistake
    with pytest.raises(UserError, match=r"^text too short$"):
        run_jobs(described(plan), RESULTS)

    def fault(jobs: Sequence[Job]) -> None:
        raise RuntimeError("the roof is on fire")

    stage.before = fault
    with pytest.raises(UserError) as caught:
        run_jobs(described(plan), RESULTS)
    first = trainings(plan)[0]
    assert str(caught.value) == (
        f"{first.label} and 3 more failed: RuntimeError: the roof is on fire\n"
        "This is a bug in manymasks or a problem of this machine. The traceback is in\n"
        f"  {folder_of(first.key) / 'log.txt'}\n"
        f"To run this job alone:\n  manymasks run training {' '.join(keys_of(plan))}"
    )
    for key in keys_of(plan):
        assert log_of(key).splitlines()[1] == "text too short"
        assert log_of(key).endswith("RuntimeError: the roof is on fire\n")
    assert complete(plan) == []
    assert "Traceback" not in capsys.readouterr().err


def test_a_stage_must_return_figures_for_each_member(plan: Plan, stage: Stage) -> None:
    stage.make_many = lambda jobs: [{}]
    with pytest.raises(UserError, match="ValueError: figures of 1 artifacts for 4"):
        run_jobs(described(plan), RESULTS)
    assert complete(plan) == []


def test_sequential_jobs_stop_at_the_first_failure(
    plan: Plan, monkeypatch: pytest.MonkeyPatch
) -> None:
    stage = in_place(monkeypatch, Stage(many=False))
    keys = keys_of(plan)

    def third_fails(jobs: Sequence[Job]) -> None:
        (job,) = jobs
        assert complete(plan) == keys[: keys.index(job.key)]
        if job.key == keys[2]:
            raise UserError("no")

    stage.before = third_fails
    with pytest.raises(UserError, match=r"^no$"):
        run_jobs(described(plan), RESULTS)
    assert stage.calls == [[key] for key in keys[:3]]
    assert complete(plan) == keys[:2]
    assert log_of(keys[2]).endswith("no\n")
    assert "no\n" not in log_of(keys[0]) + log_of(keys[3])
    first = read_manifest(RESULTS.manifest("training", keys[0]))

    # Snakemake takes away what the failed job has declared; nothing is made twice for that.
    for key in keys[:2]:
        RESULTS.manifest("training", key).unlink()
    stage.before = lambda jobs: None
    stage.calls.clear()
    made = run_jobs(described(plan), RESULTS)
    assert stage.calls == [[key] for key in keys[2:]]
    assert made[0] == first
    assert complete(plan) == keys
    assert all("state" not in names_in(folder_of(key)) for key in keys)


def test_a_kept_manifest_counts_only_if_its_files_are_whole(
    plan: Plan, monkeypatch: pytest.MonkeyPatch
) -> None:
    stage = in_place(monkeypatch, Stage(many=False))
    keys = keys_of(plan)
    run_jobs(described(plan), RESULTS)
    for key, spoil in zip(keys, ("nothing", "file", "manifest", "digest"), strict=True):
        folder = folder_of(key)
        (folder / "state").mkdir()
        kept = folder / "state" / "complete.json"
        (folder / "manifest.json").rename(kept)
        if spoil == "file":
            (folder / "weights").write_text("damaged", encoding="utf-8")
        if spoil == "manifest":
            kept.write_text("{", encoding="utf-8")
        if spoil == "digest":
            kept.write_text(json.dumps({**json.loads(kept.read_text()), "digest": "0" * 64}))
    stage.calls.clear()
    run_jobs(described(plan), RESULTS)
    assert stage.calls == [[key] for key in keys[1:]]
    assert complete(plan) == keys


def test_an_artifact_that_was_complete_before_its_stack_failed_is_not_made_again(
    plan: Plan, stage: Stage
) -> None:
    keys = keys_of(plan)
    run_jobs(described(plan)[:1], RESULTS)

    def fails(jobs: Sequence[Job]) -> None:
        raise UserError("no")

    stage.before = fails
    with pytest.raises(UserError):
        run_jobs(described(plan), RESULTS)
    RESULTS.manifest("training", keys[0]).unlink()
    stage.before = lambda jobs: None
    stage.calls.clear()
    run_jobs(described(plan), RESULTS)
    assert stage.calls == [keys[1:]]


def test_an_interrupted_stack_resumes_with_other_members(plan: Plan, stage: Stage) -> None:
    keys = keys_of(plan)

    def interrupted(jobs: Sequence[Job]) -> None:
        for job in jobs:
            (job.state / "step").write_text(job.key, encoding="utf-8")
        raise KeyboardInterrupt

    stage.before = interrupted
    with pytest.raises(KeyboardInterrupt):
        run_jobs(described(plan), RESULTS)
    assert complete(plan) == []
    assert all(log_of(key).endswith("interrupted\n") for key in keys)

    def goes_on(jobs: Sequence[Job]) -> None:
        for job in jobs:
            assert (job.state / "step").read_text(encoding="utf-8") == job.key

    stage.before = goes_on
    stage.calls.clear()
    run_jobs(described(plan)[2:3], RESULTS)
    run_jobs([described(plan)[i] for i in (3, 0, 1)], RESULTS)
    assert stage.calls == [[keys[2]], [keys[3], keys[0], keys[1]]]
    assert all("state" not in names_in(folder_of(key)) for key in keys)


# -------------------------------------------------------------------------- out of memory

TOO_BIG = [
    OutOfMemoryError("CUDA out of memory. Tried to allocate 2.00 GiB"),
    MemoryError("no"),
    RuntimeError("DefaultCPUAllocator: can't allocate memory: you tried to allocate 8 bytes"),
    RuntimeError("CUDA error: out of memory"),
]


def fits(width: int, error: Exception) -> Callable[[Sequence[Job]], None]:
    """Memory for so many; what they save is there when they are tried again."""

    def tried(jobs: Sequence[Job]) -> None:
        for job in jobs:
            with (job.state / "tries").open("a", encoding="utf-8") as file:
                file.write("x")
        if len(jobs) > width:
            raise error

    return tried


@pytest.mark.parametrize("error", TOO_BIG, ids=lambda error: type(error).__name__)
def test_a_stack_that_does_not_fit_is_halved(plan: Plan, stage: Stage, error: Exception) -> None:
    keys = keys_of(plan)
    stage.before = fits(2, error)
    made = run_jobs(described(plan), RESULTS)
    assert stage.calls == [keys, keys[:2], keys[2:]]
    assert complete(plan) == keys
    assert [[file.path for file in each.files] for each in made] == [["weights"]] * 4
    for key in keys:
        assert "out of memory with 4 in one process, continuing with 2" in log_of(key)
        assert str(error) in log_of(key)


def test_halves_are_halved_again_and_saved_state_stays(plan: Plan, stage: Stage) -> None:
    keys = keys_of(plan)
    tries: dict[str, str] = {}
    limit = fits(1, MemoryError())

    def remembered(jobs: Sequence[Job]) -> None:
        try:
            limit(jobs)
        finally:
            for job in jobs:
                tries[job.key] = (job.state / "tries").read_text(encoding="utf-8")

    stage.before = remembered
    run_jobs(described(plan)[:3], RESULTS)
    # Two of three are the larger half; what does not fit once is not tried again.
    assert stage.calls == [keys[:3], keys[:2], *([key] for key in keys[:3])]
    assert [tries[key] for key in keys[:3]] == ["xxx", "xxx", "xx"]
    assert complete(plan) == keys[:3]


def test_a_single_job_out_of_memory_names_the_settings_to_lower(plan: Plan, stage: Stage) -> None:
    keys = keys_of(plan)
    stage.before = fits(0, TOO_BIG[0])
    with pytest.raises(UserError) as caught:
        run_jobs(described(plan), RESULTS)
    assert stage.calls == [keys, keys[:2], keys[:1]]
    message = str(caught.value)
    assert message.startswith(f"{trainings(plan)[0].label}: ran out of memory")
    assert "CUDA out of memory. Tried to allocate 2.00 GiB" in message
    assert "hardware.members_per_gpu (now 4)" in message
    assert "lower training.batch, training.context. That changes results" in message
    assert complete(plan) == []
    assert message in log_of(keys[0])
    assert "Traceback" in log_of(keys[0])


def test_one_half_is_complete_when_the_other_fails(plan: Plan, stage: Stage) -> None:
    keys = keys_of(plan)

    def second_half_fails(jobs: Sequence[Job]) -> None:
        if len(jobs) == 4:
            raise MemoryError
        if jobs[0].key == keys[2]:
            assert complete(plan) == keys[:2]
            raise UserError("no")

    stage.before = second_half_fails
    with pytest.raises(UserError, match=r"^no$"):
        run_jobs(described(plan), RESULTS)
    assert complete(plan) == keys[:2]


# ---------------------------------------------------------------------------------- locks


def test_a_stack_waits_for_locked_members_and_makes_the_rest(plan: Plan, stage: Stage) -> None:
    keys = keys_of(plan)
    other = keys[2]
    held = try_lock(folder_of(other) / "lock")
    assert held is not None
    result: list[Manifest] = []
    thread = threading.Thread(target=lambda: result.extend(run_jobs(described(plan), RESULTS)))
    thread.start()
    log = folder_of(other) / "log.txt"
    for _ in range(300):
        time.sleep(0.02)
        if log.exists() and "is being made by process" in log_of(other):
            break
    # Those before it in order are held meanwhile, those after it are free.
    for key in keys:
        if key != other:
            file = try_lock(folder_of(key) / "lock")
            assert (file is None) == (key < other)
            if file:
                file.close()
    assert stage.calls == []
    write_manifest(RESULTS.manifest("training", other), kit.planned(trainings(plan)[2]))
    held.close()
    thread.join(20)
    assert stage.calls == [[key for key in keys if key != other]]
    assert [each.key for each in result] == keys
    assert complete(plan) == keys
    for key in keys:
        file = try_lock(folder_of(key) / "lock")
        assert file is not None
        file.close()


def test_two_stacks_that_share_members_make_each_once(plan: Plan, stage: Stage) -> None:
    keys = keys_of(plan)
    descriptions = described(plan)
    threads = [
        threading.Thread(target=lambda each=each: run_jobs(each, RESULTS))
        for each in (descriptions[:3], descriptions[::-1])
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(20)
        assert not thread.is_alive()
    assert sorted(key for call in stage.calls for key in call) == sorted(keys)
    assert complete(plan) == keys


# --------------------------------------------------------------------------- command line


def test_the_command_takes_several_targets(
    plan: Plan,
    stage: Stage,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    Path("config").mkdir()
    shutil.copy("config.yaml", "config/config.yaml")
    nodes = trainings(plan)
    write_node(RESULTS, nodes[0], plan.study.hardware)
    targets = [nodes[0].key, nodes[1].label, "mine/base/causal/i2-o0"]
    assert main(["run", "training", *targets, "--lines"]) == 0
    assert stage.calls == [[node.key for node in nodes[:3]]]
    capsys.readouterr()
    assert main(["run", "training", nodes[3].key, "nothing"]) == 1
    assert "'nothing' is not a key, label or file of stage training" in capsys.readouterr().err
    tokens = next(node for node in plan.nodes if node.stage == "tokens")
    file = str(RESULTS.manifest("tokens", tokens.key))
    assert main(["run", "training", nodes[3].key, file]) == 1
    assert f"{file} describes tokens, not training" in capsys.readouterr().err
    assert complete(plan) == [node.key for node in nodes[:3]]


def test_a_stage_that_cannot_be_imported_fails_with_a_log(
    plan: Plan, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "manymasks.stages.training", None)
    with pytest.raises(UserError, match="failed: ModuleNotFoundError"):
        run_jobs(described(plan), RESULTS)
    assert "ModuleNotFoundError" in log_of(keys_of(plan)[0])
