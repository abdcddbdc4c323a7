"""One job: made once, whole or not at all, from inputs that are what they say."""

import hashlib
import io
import json
import os
import re
import shutil
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest

from manymasks.config.loading import load_study
from manymasks.config.study import Hardware
from manymasks.disk.lock import try_lock
from manymasks.engine import environment, gpu, jobs
from manymasks.engine.execution import clear
from manymasks.engine.job_file import (
    description_from_manifest,
    description_of,
    read_description,
    write_node,
)
from manymasks.engine.jobs import run_job
from manymasks.engine.progress import Progress
from manymasks.errors import UserError
from manymasks.plan.graph import Node, Plan, plan_study
from manymasks.plan.lengths import check_lengths
from manymasks.plan.states import missing
from manymasks.stages import tokens
from manymasks.store.layout import Layout
from manymasks.store.manifest import damaged_files, read_manifest

STUDY = """\
corpora:
  mine: {kind: files, paths: ["texts/*.txt"], separator: "\\n\\n", select: 0.3, measure: 0.3,
    held_out_tokens: null}
tokenizer: {kind: bytes}
sizes: {base: {width: 8, layers: 1, heads: 1}}
variants: {causal: {gradient: causal}}
training: {context: 16, batch: 2, steps: 6, curve_every: 3, curve_windows: 4}
seeds: {init: [0], order: [0]}
evaluation: {position_edges: [0, 4]}
probes: {held-out: {family: held-out, windows: 8}}
statistics: {resamples: 100}
analyses: []
hardware: {device: cpu, checkpoint_seconds: 0}
"""
CHAIN = ("corpus", "tokenizer", "tokens")


def study_in(folder: Path, **overrides: Any) -> Plan:
    (folder / "config.yaml").write_text(STUDY, encoding="utf-8")
    return plan_study(load_study([folder / "config.yaml"], overrides), folder)


def node_of(plan: Plan, stage: str) -> Node:
    return next(node for node in plan.nodes if node.stage == stage)


def describe(plan: Plan, stage: str) -> dict[str, Any]:
    return description_of(node_of(plan, stage), plan.study.hardware)


@pytest.fixture(scope="module")
def prepared(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with texts and all that comes before a training."""
    folder = tmp_path_factory.mktemp("study")
    (folder / "texts").mkdir()
    for name in ("one", "two"):
        pieces = [f"{name} {i}: " + "the quick brown fox " * (1 + i % 5) for i in range(60)]
        (folder / "texts" / f"{name}.txt").write_text("\n\n".join(pieces), encoding="utf-8")
    before = Path.cwd()
    os.chdir(folder)
    try:
        plan = study_in(folder)
        for stage in CHAIN:
            run_job(describe(plan, stage), Layout(Path("results")))
    finally:
        os.chdir(before)
    return folder


@pytest.fixture
def here(prepared: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A copy of it, where the test runs."""
    folder = tmp_path / "study"
    shutil.copytree(prepared, folder)
    monkeypatch.chdir(folder)
    return folder


RESULTS = Layout(Path("results"))


def log_of(node: Node) -> str:
    return (RESULTS.folder(node.stage, node.key) / "log.txt").read_text(encoding="utf-8")


# ------------------------------------------------------------------------- making things


def test_manifests_describe_what_was_made(here: Path) -> None:
    plan = study_in(here)
    for node in plan.nodes[:3]:
        manifest = read_manifest(RESULTS.manifest(node.stage, node.key))
        assert (manifest.stage, manifest.key, manifest.digest) == (
            node.stage,
            node.key,
            node.digest,
        )
        assert (manifest.label, manifest.settings, manifest.code) == (
            node.label,
            node.settings,
            node.code,
        )
        folder = RESULTS.folder(node.stage, node.key)
        assert damaged_files(folder, manifest) == []
        on_disk = {
            path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file()
        }
        assert on_disk == {each.path for each in manifest.files} | {
            "manifest.json",
            "log.txt",
            "lock",
        }
        assert manifest.environment["python"] == sys.version.split()[0]
        assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ", manifest.created)
        assert manifest.wall_seconds > 0
        assert 10e6 < manifest.peak_memory_bytes < 100e9
    tokens_node, corpus_node = node_of(plan, "tokens"), node_of(plan, "corpus")
    manifest = read_manifest(RESULTS.manifest("tokens", tokens_node.key))
    assert [each.digest for each in manifest.inputs["corpus"]] == [corpus_node.digest]
    assert missing(plan, RESULTS) == list(plan.nodes[3:])


def test_a_training_and_its_evaluation(here: Path) -> None:
    plan = study_in(here)
    training = run_job(describe(plan, "training"), RESULTS)
    folder = RESULTS.folder("training", training.key)
    assert sorted(each.path for each in training.files) == [
        "tables/model.parquet",
        "tables/training_curve.parquet",
        "weights.safetensors",
    ]
    assert not (folder / "state").exists()
    (row,) = pq.read_table(folder / "tables/model.parquet").to_pylist()
    weights = hashlib.sha256((folder / "weights.safetensors").read_bytes()).hexdigest()
    assert (row["model"], row["status"], row["weights_sha256"]) == (
        training.key,
        "trained",
        weights,
    )
    assert (row["corpus"], row["size"], row["variant"]) == ("mine", "base", "causal")
    assert row["training_tokens"] == 6 * 2 * 16
    evaluation = run_job(describe(plan, "evaluation"), RESULTS)
    assert evaluation.figures["model"] == training.key
    assert 0 < evaluation.figures["select_nats"] < 12


def test_complete_artifacts_are_not_made_again(here: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    plan = study_in(here)
    node = node_of(plan, "tokens")
    monkeypatch.setattr(tokens, "make", lambda job: pytest.fail("made again"))
    before = RESULTS.manifest("tokens", node.key).read_bytes()
    assert run_job(describe(plan, "tokens"), RESULTS).key == node.key
    assert RESULTS.manifest("tokens", node.key).read_bytes() == before
    assert f"tokens/mine: [{node.key}] is complete" in log_of(node).splitlines()[-1]


def test_force_makes_an_artifact_again(here: Path) -> None:
    plan = study_in(here)
    node = node_of(plan, "tokens")
    folder = RESULTS.folder("tokens", node.key)
    before = read_manifest(folder / "manifest.json")
    shard = folder / "train" / "tokens-00000.arrow"
    shard.write_bytes(b"damaged")
    (folder / "left over").write_text("x", encoding="utf-8")
    after = run_job(describe(plan, "tokens"), RESULTS, force=True)
    assert after.files == before.files
    assert damaged_files(folder, after) == []
    assert not (folder / "left over").exists()
    assert log_of(node).count("done in") == 2


def test_a_job_that_fails_leaves_no_manifest_and_a_log(
    here: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    plan = study_in(here)
    node = node_of(plan, "tokens")
    RESULTS.manifest("tokens", node.key).unlink()

    def fails(job: Any) -> dict[str, Any]:
        (job.folder / "half").write_text("x", encoding="utf-8")
        (job.state / "step").write_text("3", encoding="utf-8")
        raise RuntimeError("the roof is on fire")

    with monkeypatch.context() as patched:
        patched.setattr(tokens, "make", fails)
        with pytest.raises(UserError) as caught:
            run_job(describe(plan, "tokens"), RESULTS)
    for part in (
        "tokens/mine failed: RuntimeError: the roof is on fire",
        str(RESULTS.folder("tokens", node.key) / "log.txt"),
        f"manymasks run tokens {node.key}",
    ):
        assert part in str(caught.value)
    assert not RESULTS.manifest("tokens", node.key).exists()
    assert "Traceback" in log_of(node)
    assert log_of(node).endswith("RuntimeError: the roof is on fire\n")
    assert "Traceback" not in capsys.readouterr().err

    def sees(job: Any) -> dict[str, Any]:
        # What an interrupted run left is gone, but for what it goes on from.
        found = {path.name for path in job.folder.iterdir()}
        assert found == {"log.txt", "lock", "state"}
        assert (job.state / "step").read_text(encoding="utf-8") == "3"
        return {"n": 1}

    monkeypatch.setattr(tokens, "make", sees)
    manifest = run_job(describe(plan, "tokens"), RESULTS)
    assert (manifest.files, manifest.figures) == ((), {"n": 1})
    assert not (RESULTS.folder("tokens", node.key) / "state").exists()


def test_a_resumed_training_ends_with_the_same_bits(
    here: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    plan = study_in(here)
    node = node_of(plan, "training")
    folder = RESULTS.folder("training", node.key)
    run_job(describe(plan, "training"), RESULTS)
    undisturbed = (folder / "weights.safetensors").read_bytes()
    curve = pq.read_table(folder / "tables/training_curve.parquet")
    shutil.rmtree(folder)

    def interrupt(self: Progress, done: float, total: float | None, note: str) -> None:
        if "step 4," in note:
            raise KeyboardInterrupt

    with monkeypatch.context() as patched:
        patched.setattr(Progress, "__call__", interrupt)
        with pytest.raises(KeyboardInterrupt):
            run_job(describe(plan, "training"), RESULTS)
    assert not (folder / "manifest.json").exists()
    assert (folder / "state" / "training.safetensors").exists()
    assert (folder / "log.txt").read_text().endswith("interrupted\n")
    steps: list[str] = []
    monkeypatch.setattr(Progress, "__call__", lambda self, done, total, note: steps.append(note))
    run_job(describe(plan, "training"), RESULTS)
    assert [re.findall(r"step (\d)", note)[0] for note in steps] == ["4", "5", "6"]
    assert (folder / "weights.safetensors").read_bytes() == undisturbed
    assert pq.read_table(folder / "tables/training_curve.parquet").equals(curve)


def test_a_member_that_fails_is_complete_and_has_no_weights(here: Path) -> None:
    plan = study_in(here, training={"learning_rate": 1e30})
    training = run_job(describe(plan, "training"), RESULTS)
    assert training.figures["status"] == "failed"
    assert [each.path for each in training.files if "weights" in each.path] == []
    folder = RESULTS.folder("training", training.key)
    (row,) = pq.read_table(folder / "tables/model.parquet").to_pylist()
    assert (row["status"], row["weights_sha256"]) == ("failed", None)
    assert 0 < row["failed_step"] < 6
    evaluation = run_job(describe(plan, "evaluation"), RESULTS)
    assert evaluation.figures["status"] == "failed"
    assert evaluation.files == ()


# ------------------------------------------------------------------- what must be refused


def test_code_that_changed_after_the_plan(here: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    plan = study_in(here)
    described = describe(plan, "training")
    node = node_of(plan, "training")
    changed = {**node.code, "manymasks.training.loop": "0" * 64}
    monkeypatch.setattr(jobs, "code_of", lambda stage: changed)
    with pytest.raises(UserError) as caught:
        run_job(described, RESULTS)
    assert str(caught.value).startswith(
        f"training/mine/base/causal/i0-o0: planned as {node.key}, but with the present code"
    )
    assert "the code of training changed after the run was planned" in str(caught.value)
    assert not RESULTS.folder("training", node.key).exists()


def test_missing_inputs_are_refused(here: Path) -> None:
    plan = study_in(here)
    with pytest.raises(UserError) as caught:
        run_job(describe(plan, "evaluation"), RESULTS)
    path = RESULTS.manifest("training", node_of(plan, "training").key)
    assert str(caught.value).startswith(f"these inputs have not been made yet:\n  {path}\n")
    assert str(node_of(plan, "tokens").key) not in str(caught.value)


def test_damaged_inputs_are_refused(here: Path) -> None:
    plan = study_in(here)
    tokens_folder = RESULTS.folder("tokens", node_of(plan, "tokens").key)
    shard = tokens_folder / "train" / "tokens-00000.arrow"
    whole = shard.read_bytes()
    shard.write_bytes(whole[:500] + bytes([whole[500] ^ 1]) + whole[501:])
    with pytest.raises(UserError) as caught:
        run_job(describe(plan, "training"), RESULTS)
    message = str(caught.value)
    for part in (
        str(shard),
        hashlib.sha256(whole).hexdigest(),
        hashlib.sha256(shard.read_bytes()).hexdigest(),
        f"manymasks run tokens {tokens_folder.name} --force",
    ):
        assert part in message
    node = node_of(plan, "training")
    assert message in log_of(node)
    assert "Traceback" not in log_of(node)
    assert not RESULTS.manifest("training", node.key).exists()


def test_an_artifact_stays_until_its_replacement_is_complete(
    here: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """From its manifest alone: where the text lies is recorded in it too."""
    plan = study_in(here)
    node = node_of(plan, "corpus")
    folder = RESULTS.folder("corpus", node.key)
    before = (folder / "documents.parquet").read_bytes()
    text = here / "texts" / "two.txt"
    kept = text.read_bytes()
    text.write_text("changed", encoding="utf-8")
    with pytest.raises(UserError, match="changed after the run was planned"):
        run_job(read_description(folder / "manifest.json"), RESULTS, force=True)
    assert (folder / "documents.parquet").read_bytes() == before
    assert RESULTS.manifest("corpus", node.key).exists()

    text.write_bytes(kept)
    (folder / "documents.parquet").write_bytes(b"damaged")
    again = run_job(read_description(folder / "manifest.json"), RESULTS, force=True)
    assert again.key == node.key
    assert (folder / "documents.parquet").read_bytes() == before
    assert not (folder / "state").exists()


def test_what_a_killed_process_left_is_deleted(tmp_path: Path) -> None:
    kept = [".nfs000", "log.txt", "node.json", "state"]
    half = [".documents.parquet.12-0123abcd", ".node.json.12-0123abcd", "documents.parquet.spool"]
    for name in (*kept, *half):
        (tmp_path / name).write_bytes(b"half")
    clear(tmp_path)
    assert sorted(path.name for path in tmp_path.iterdir()) == sorted(kept)


def test_texts_that_changed_after_the_plan(here: Path) -> None:
    plan = study_in(here)
    shutil.rmtree(RESULTS.folder("corpus", node_of(plan, "corpus").key))
    (here / "texts" / "two.txt").write_text("changed", encoding="utf-8")
    with pytest.raises(UserError, match=r"texts/two\.txt: changed after the run was planned"):
        run_job(describe(plan, "corpus"), RESULTS)


def test_a_split_shorter_than_a_window_is_refused(here: Path) -> None:
    plan = study_in(here, training={"context": 4096})
    with pytest.raises(UserError, match=r"the train split has .* too short for training\.context"):
        run_job(describe(plan, "training"), RESULTS)
    with pytest.raises(UserError) as caught:
        check_lengths(plan, RESULTS, Path())
    lines = str(caught.value).splitlines()
    assert [line.partition(" split has")[0] for line in lines] == [
        f"corpora.mine: its {split}" for split in ("train", "select", "measure")
    ]
    assert "too short for training.context (4096), which needs 8192" in lines[0]
    check_lengths(study_in(here), RESULTS, Path())


def test_short_local_text_is_refused_before_any_job(here: Path) -> None:
    plan = study_in(here, training={"context": 1_000_000})
    nothing_made = Layout(here / "empty")
    with pytest.raises(UserError, match=r"at most about \d+ tokens, too short for training"):
        check_lengths(plan, nothing_made, Path())


# ----------------------------------------------------------------------------- at once

RUN = """
import json, sys
from pathlib import Path
from manymasks.engine.jobs import run_job
from manymasks.store.layout import Layout
run_job(json.loads(Path(sys.argv[1]).read_text()), Layout(Path("results")))
"""


def test_two_processes_make_one_artifact_once(here: Path) -> None:
    plan = study_in(here)
    node = node_of(plan, "tokens")
    folder = RESULTS.folder("tokens", node.key)
    shutil.rmtree(folder)
    write_node(RESULTS, node, plan.study.hardware)
    held = try_lock(folder / "lock")
    assert held is not None
    command = [sys.executable, "-c", RUN, str(folder / "node.json")]
    processes = [subprocess.Popen(command, stderr=subprocess.DEVNULL) for _ in range(2)]
    waits = f"[{node.key}] is being made by process {os.getpid()} on "
    for _ in range(300):
        time.sleep(0.1)
        if (folder / "log.txt").exists() and log_of(node).count(waits) == 2:
            break
    held.close()
    assert [process.wait(60) for process in processes] == [0, 0]
    log = log_of(node)
    assert log.count(waits) == 2
    assert log.count(f"[{node.key}] done in") == 1
    assert log.count(f"[{node.key}] is complete") == 1
    manifest = read_manifest(folder / "manifest.json")
    assert damaged_files(folder, manifest) == []


# ---------------------------------------------------------------------------- descriptions


def test_a_description_is_written_once_and_mended(here: Path) -> None:
    plan = study_in(here)
    node = node_of(plan, "tokens")
    path = RESULTS.node("tokens", node.key)
    write_node(RESULTS, node, plan.study.hardware)
    first = path.stat()
    write_node(RESULTS, node, plan.study.hardware)
    assert path.stat() == first
    path.write_bytes(path.read_bytes()[:9] + b"\xff")
    write_node(RESULTS, node, plan.study.hardware)
    assert read_description(path)["key"] == node.key


def test_descriptions_go_through_files(here: Path) -> None:
    plan = study_in(here)
    node = node_of(plan, "tokens")
    write_node(RESULTS, node, plan.study.hardware)
    path = RESULTS.node("tokens", node.key)
    assert read_description(path) == describe(plan, "tokens")
    manifest_path = RESULTS.manifest("tokens", node.key)
    from_manifest = read_description(manifest_path)
    assert from_manifest == description_from_manifest(read_manifest(manifest_path))
    assert run_job(from_manifest, RESULTS).key == node.key
    (here / "mine.json").write_text(
        json.dumps(
            {k: v for k, v in describe(plan, "tokens").items() if k not in ("key", "label")}
        ),
        encoding="utf-8",
    )
    assert run_job(read_description(here / "mine.json"), RESULTS).key == node.key


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("no json", "describes no job (Expecting value"),
        ("[1]", "describes no job (it holds a list in place of an object)"),
        ('{"stage": "tokens"}', "expected a manifest.json, a node.json"),
        ('{"format": 1}', "describes no job (stage: field required"),
    ],
)
def test_files_that_hold_no_description_are_refused(
    tmp_path: Path, text: str, expected: str
) -> None:
    path = tmp_path / "x.json"
    path.write_text(text, encoding="utf-8")
    with pytest.raises(UserError) as caught:
        read_description(path)
    assert str(caught.value).startswith(f"{path}: {expected}")


def test_the_process_restarts_once_with_its_environment(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    started: list[list[str]] = []
    monkeypatch.setattr(os, "execv", lambda program, words: started.append([program, *words]))
    monkeypatch.setattr(sys, "argv", ["manymasks", "run", "corpus", "x"])
    for name in environment.ENVIRONMENT:
        monkeypatch.delenv(name, raising=False)
        # So that what the function sets is taken back after the test.
        monkeypatch.setenv(name, "")
    environment.restart_with_environment()
    assert started == [[sys.executable, sys.executable, "-m", "manymasks", "run", "corpus", "x"]]
    assert os.environ["OMP_NUM_THREADS"] == "1"
    assert int(os.environ["MALLOC_TRIM_THRESHOLD_"]) > 2**30
    environment.restart_with_environment()
    assert len(started) == 1


# -------------------------------------------------------------------------------- progress


def lines_of(
    monkeypatch: pytest.MonkeyPatch, calls: list[tuple[float, Any, Any, str]]
) -> list[str]:
    """Lines of the log when (seconds, done, total, note) are reported."""
    clock = iter([0.0, *(seconds for seconds, *_ in calls)])
    monkeypatch.setattr(time, "monotonic", lambda: next(clock))
    log = io.StringIO()
    progress = Progress("a/b", log, seconds=10, bar=False)
    for _, done, total, note in calls:
        progress(done, total, note)
    return log.getvalue().splitlines()


def test_lines_of_progress(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    calls = [
        (1.0, 0, 200_000, "tokens, step 0"),
        (5.0, 20_000, 200_000, "tokens, step 1"),
        (11.0, 50_000, 200_000, "tokens, step 2"),
        (12.0, 60_000, 200_000, "tokens, step 3"),
        (21.0, 200_000, 200_000, "tokens, step 4"),
    ]
    assert lines_of(monkeypatch, calls) == [
        "a/b: 50 k/200 k (25%), 5000/s, 30 s left, tokens, step 2",
        "a/b: 200 k/200 k (100%), 10 k/s, 0 s left, tokens, step 4",
    ]
    assert capsys.readouterr().err.count("a/b: ") == 2


def test_the_rate_counts_from_where_the_run_resumed(monkeypatch: pytest.MonkeyPatch) -> None:
    calls = [(2.0, 900, 1000, ""), (12.0, 950, 1000, "")]
    assert lines_of(monkeypatch, calls) == ["a/b: 950/1000 (95%), 5/s, 10 s left"]


def test_progress_without_a_total_shows_no_time_left(monkeypatch: pytest.MonkeyPatch) -> None:
    calls = [(0.0, 0, None, "bytes"), (20.0, 3e9, None, "bytes")]
    assert lines_of(monkeypatch, calls) == ["a/b: 3 G, 150 M/s, bytes"]


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (0, "0"), (0.25, "0.25"), (7, "7"), (9994, "9994"), (9999, "10 k"), (12_345, "12.3 k"),
        (999_400, "999 k"), (999_600, "1 M"), (1_250_000, "1.25 M"), (999_700_000, "1 G"),
        (2.2e9, "2.2 G"),
    ],
)  # fmt: skip
def test_numbers_in_progress_lines_are_short(
    monkeypatch: pytest.MonkeyPatch, value: float, text: str
) -> None:
    (line,) = lines_of(monkeypatch, [(20.0, value, None, "")])
    assert line == f"a/b: {text}"


@pytest.mark.parametrize(
    ("left", "text"), [(59.4, "59 s"), (59.6, "1 min 0 s"), (125, "2 min 5 s"), (7300, "2 h 1 min")]
)
def test_durations_in_progress_lines_are_short(
    monkeypatch: pytest.MonkeyPatch, left: float, text: str
) -> None:
    lines = lines_of(monkeypatch, [(0.0, 0, None, ""), (10.0, 10, 10 + left, "")])
    assert f"1/s, {text} left" in lines[0]


def test_a_progress_bar_rewrites_one_line(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    clock = iter([0.0, 0.2, 0.25, 0.5])
    monkeypatch.setattr(time, "monotonic", lambda: next(clock))
    log = io.StringIO()
    progress = Progress("a/b", log, seconds=10, bar=True)
    for done in (1, 2, 3):
        progress(done, 4, "x")
    progress.say("done")
    shown = capsys.readouterr().err
    assert shown == "\r\033[Ka/b: 1/4 (25%), x\r\033[Ka/b: 3/4 (75%), 6.67/s, 0 s left, x" + (
        "\r\033[Ka/b: done\n"
    )
    assert log.getvalue() == "a/b: done\n"


# ------------------------------------------------------------------------------------- GPUs


@pytest.mark.parametrize(
    ("visible", "expected"),
    [("0,1", ["0", "1"]), (" GPU-7a , GPU-7b", ["GPU-7a", "GPU-7b"]), ("", []), ("-1", [])],
)
def test_devices_come_from_cuda_visible_devices(
    monkeypatch: pytest.MonkeyPatch, visible: str, expected: list[str]
) -> None:
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", visible)
    assert gpu.devices() == expected


@pytest.mark.parametrize(("status", "expected"), [(0, ["GPU-1", "GPU-2"]), (9, [])])
def test_devices_come_from_the_driver(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, status: int, expected: list[str]
) -> None:
    monkeypatch.delenv("CUDA_VISIBLE_DEVICES", raising=False)
    monkeypatch.setenv("PATH", str(tmp_path))
    assert gpu.devices() == []
    program = tmp_path / "nvidia-smi"
    program.write_text(f"#!/bin/sh\necho GPU-1\necho GPU-2\nexit {status}\n", encoding="utf-8")
    program.chmod(0o755)
    assert gpu.devices() == expected


LEASE = """
import os, sys, time
from manymasks.config.study import Hardware
from manymasks.engine.gpu import gpu_lease
hardware = Hardware(members_per_gpu=int(sys.argv[2]), device=sys.argv[3])
with gpu_lease(sys.argv[1], hardware, lambda text: print(text, flush=True)):
    print(os.environ["CUDA_VISIBLE_DEVICES"], "torch" in sys.modules, flush=True)
    sys.stdin.readline()
"""


def lease(
    folder: Path, visible: str, stage: str = "training", members: int = 1, device: str = "auto"
) -> "subprocess.Popen[str]":
    return subprocess.Popen(
        [sys.executable, "-c", LEASE, stage, str(members), device],
        env={**os.environ, "CUDA_VISIBLE_DEVICES": visible, "TMPDIR": str(folder)},
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )


def said(process: "subprocess.Popen[str]") -> str:
    assert process.stdout is not None
    return process.stdout.readline().strip()


def end(*processes: "subprocess.Popen[str]") -> None:
    for process in processes:
        process.communicate("\n", timeout=20)
        assert process.returncode == 0


def test_jobs_spread_over_devices_and_wait_for_a_slot(tmp_path: Path) -> None:
    first = lease(tmp_path, "4,5")
    assert said(first) == "4 False"
    second = lease(tmp_path, "4,5")
    assert said(second) == "5 False"
    third = lease(tmp_path, "4,5")
    assert said(third) == "waiting for a GPU (2 GPUs, 1 jobs each)"
    second.kill()
    assert said(third) == "5 False"
    second.communicate()
    end(first, third)


def test_devices_are_shared_once_each_has_a_job(tmp_path: Path) -> None:
    jobs = []
    for expected in ("4", "5", "4"):
        jobs.append(lease(tmp_path, "4,5", members=2))
        assert said(jobs[-1]) == f"{expected} False"
    end(*jobs)


@pytest.mark.parametrize(("stage", "device"), [("corpus", "auto"), ("training", "cpu")])
def test_a_job_that_uses_no_models_or_no_gpu_takes_no_slot(
    tmp_path: Path, stage: str, device: str
) -> None:
    job = lease(tmp_path, "4,5", stage=stage, device=device)
    assert said(job) == "4,5 False"
    assert list(tmp_path.iterdir()) == []
    end(job)


def test_planning_and_running_do_not_import_torch_before_the_lease() -> None:
    program = "import sys, manymasks.cli, manymasks.engine.jobs; print('torch' in sys.modules)"
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True
    )
    assert done.stdout.strip() == "False"


def test_hardware_settings_are_operational() -> None:
    assert Hardware().device == "auto"
    with pytest.raises(ValueError, match="members_per_gpu"):
        Hardware(members_per_gpu=0)
