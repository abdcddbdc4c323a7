"""The store: files whole or not at all, manifests that tell the truth, locks that die."""

import ast
import dataclasses
import hashlib
import json
import os
import random
import re
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest

import kit
import source
from manymasks.config.loading import load_study
from manymasks.disk.atomic import link, replacing, write_json
from manymasks.disk.lock import holder, locked, try_lock
from manymasks.errors import UserError
from manymasks.plan.graph import Node, Plan, plan_study
from manymasks.plan.states import missing, statuses
from manymasks.store.job import Artifact
from manymasks.store.layout import Layout
from manymasks.store.manifest import (
    DamagedManifest,
    InputReference,
    Manifest,
    PayloadFile,
    all_manifests,
    damaged_files,
    digest_of,
    parse_manifest,
    read_manifest,
    sha256_of,
    write_manifest,
)

# -------------------------------------------------------------------------------- atomic


def test_a_file_is_replaced_atomically(tmp_path: Path) -> None:
    path = tmp_path / "deep" / "file.bin"
    with replacing(path) as temporary:
        assert temporary.parent == path.parent
        temporary.write_bytes(b"new")
        assert not path.exists()
    assert path.read_bytes() == b"new"
    assert os.listdir(path.parent) == ["file.bin"]  # noqa: PTH208


@pytest.mark.parametrize(("mask", "mode"), [(0o022, 0o644), (0o002, 0o664), (0o077, 0o600)])
def test_others_may_read_a_file_as_any_other_of_the_user(
    tmp_path: Path, mask: int, mode: int
) -> None:
    old = os.umask(mask)
    try:
        with replacing(tmp_path / "file") as temporary:
            temporary.write_bytes(b"new")
    finally:
        os.umask(old)
    assert (tmp_path / "file").stat().st_mode & 0o777 == mode


@pytest.mark.parametrize(("is_kept", "expected"), [(True, ["file", "."]), (False, [])])
def test_content_reaches_the_disk_before_the_name_does(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, is_kept: bool, expected: list[str]
) -> None:
    synced: list[str] = []

    def fsync(handle: int) -> None:
        path = Path(f"/proc/self/fd/{handle}").readlink()
        synced.append("." if path == tmp_path else "file")
        assert (tmp_path / "file").exists() == (path == tmp_path)

    monkeypatch.setattr(os, "fsync", fsync)
    with replacing(tmp_path / "file", is_kept) as temporary:
        temporary.write_bytes(b"new")
    assert synced == expected


def test_only_one_module_renames_files_into_place_and_only_one_locks() -> None:
    moves = {"downloads.download", "downloads.hub", "native.build", "engine.jobs", "disk.atomic"}
    """Those of finished files: downloads, libraries, members of a stack."""
    calls = {
        (name, node.func.attr)
        for name, tree in source.modules().items()
        for node in ast.walk(tree)
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute)
        if node.func.attr in ("rename", "flock", "mkstemp")
        or (node.func.attr == "replace" and len(node.args) == 1)
        if ast.unparse(node.func) != "dataclasses.replace"
    }
    assert {name for name, call in calls if call != "flock"} <= moves
    assert {name for name, call in calls if call == "flock"} == {"disk.lock"}


@pytest.mark.parametrize("error", [ValueError, KeyboardInterrupt])
def test_a_failed_write_leaves_the_old_file(tmp_path: Path, error: type[BaseException]) -> None:
    path = tmp_path / "file.txt"
    path.write_text("old", encoding="utf-8")
    with pytest.raises(error), replacing(path) as temporary:
        temporary.write_text("half of the n", encoding="utf-8")
        raise error
    assert path.read_text(encoding="utf-8") == "old"
    assert [each.name for each in tmp_path.iterdir()] == ["file.txt"]


def test_json_is_sorted_and_readable(tmp_path: Path) -> None:
    path = tmp_path / "x.json"
    write_json(path, {"b": [1, 0.1], "a": "é"})
    text = path.read_text(encoding="utf-8")
    assert text == '{\n "a": "é",\n "b": [\n  1,\n  0.1\n ]\n}\n'
    with pytest.raises(TypeError):
        write_json(path, {"a": object()})
    assert path.read_text(encoding="utf-8") == text


def test_links_are_relative_and_replaced_in_one_step(tmp_path: Path) -> None:
    results = tmp_path / "results"
    for name in ("one", "two"):
        (results / name).mkdir(parents=True)
        (results / name / "report.html").write_text(name, encoding="utf-8")
    path = results / "report.html"
    link(path, results / "one" / "report.html")
    assert path.readlink() == Path("one/report.html")
    inode = path.lstat().st_ino
    link(path, results / "one" / "report.html")
    assert path.lstat().st_ino == inode
    link(path, results / "two" / "report.html")
    assert path.read_text(encoding="utf-8") == "two"
    moved = results.rename(tmp_path / "moved")
    assert (moved / "report.html").read_text(encoding="utf-8") == "two"
    assert sorted(each.name for each in moved.iterdir()) == ["one", "report.html", "two"]


# ----------------------------------------------------------------------------- manifests


def manifest_of(**changes: Any) -> Manifest:
    values: dict[str, Any] = {
        "stage": "tokens",
        "settings": {"a": {"b": [1, 2.5, None, "é"]}},
        "inputs": {"corpus": (InputReference("corpus", "b" * 12, "b" * 64),), "tokenizer": ()},
        "code": {"manymasks.stages.tokens": "c" * 64},
        "figures": {"tokens": {"train": 10}},
        "environment": {"python": "3.11.7", "git": None},
        "wall_seconds": 1.25,
    }
    return kit.manifest(**{**values, **changes})


def artifact(layout: Layout, manifest: Manifest, **files: bytes) -> Artifact:
    """An artifact on disk, with payload files by name (__ for /, _dot_ for a dot)."""
    folder = layout.folder(manifest.stage, manifest.key)
    for name, content in files.items():
        path = folder / name.replace("__", "/").replace("_dot_", ".")
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)
    manifest = dataclasses.replace(manifest, files=kit.payload(folder))
    write_manifest(layout.manifest(manifest.stage, manifest.key), manifest)
    return Artifact(folder, manifest)


def test_a_manifest_round_trips(tmp_path: Path) -> None:
    layout = Layout(tmp_path)
    made = artifact(layout, manifest_of(), tables__model_dot_parquet=b"123")
    path = layout.manifest("tokens", "0123456789ab")
    assert path == tmp_path / "tokens/0123456789ab/manifest.json"
    assert read_manifest(path) == made.manifest
    written = json.loads(path.read_text(encoding="utf-8"))
    assert written["format"] == 2
    assert re.fullmatch("[0-9a-f]{64}", written["content_sha256"])
    assert made.manifest.files == (
        PayloadFile("tables/model.parquet", 3, hashlib.sha256(b"123").hexdigest()),
    )
    assert (made.key, made.figures) == ("0123456789ab", {"tokens": {"train": 10}})


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        (lambda text: text[:100], "Unterminated string"),
        (lambda text: "", "Expecting value"),
        (lambda text: "[]", "it holds a list in place of an object"),
        (lambda text: "null", "it holds null"),
        (lambda text: "1", "it holds a number"),
        (lambda text: '"x"', "it holds text"),
        (lambda text: '{"a": ' * 9999, "it is nested too deeply"),
        (lambda text: "{}", "its format is None"),
        (lambda text: text.replace('"format": 2', '"format": 3'), "its format is 3, this vers"),
        (lambda text: text.replace('"format": 2', '"format": 1'), "content_sha256: unexpected"),
        (lambda text: text.replace('"created"', '"made"'), "its content differs from content_sha"),
        (lambda text: text.replace('"digest": "b', '"sum": "b'), "its content differs"),
        (lambda text: text.replace("2.5", "2.25"), "its content differs"),
        (lambda text: text.replace('"content_sha256"', '"content_sha255"'), "it lacks content_sha"),
    ],
)
def test_an_unreadable_manifest_is_refused(tmp_path: Path, change: Any, expected: str) -> None:
    layout = Layout(tmp_path)
    artifact(layout, manifest_of())
    path = layout.manifest("tokens", "0123456789ab")
    path.write_text(change(path.read_text(encoding="utf-8")), encoding="utf-8")
    with pytest.raises(UserError) as caught:
        read_manifest(path)
    message = str(caught.value)
    assert message.startswith(f"{path}: is not the manifest that was written here ({expected}")
    assert "\n  manymasks run tokens 0123456789ab --force\n" in message
    assert f"delete the folder {path.parent}" in message
    with pytest.raises(UserError):
        list(all_manifests(layout))
    damaged: list[DamagedManifest] = []
    assert not list(all_manifests(layout, on_damage=damaged.append))
    assert [error.reason for error in damaged] == [caught.value.reason]


def test_a_manifest_in_the_folder_of_another_is_refused(tmp_path: Path) -> None:
    layout = Layout(tmp_path)
    made = artifact(layout, manifest_of())
    for stage, key in (("tokens", "b" * 12), ("corpus", "0123456789ab")):
        copy = layout.manifest(stage, key)
        copy.parent.mkdir(parents=True)
        copy.write_bytes(layout.manifest("tokens", "0123456789ab").read_bytes())
        with pytest.raises(DamagedManifest, match="it is that of tokens/0123456789ab"):
            read_manifest(copy)
        assert parse_manifest(copy) == made.manifest


def flips(content: bytes, chosen: random.Random, count: int) -> Iterator[bytes]:
    """Copies of a file with one bit flipped."""
    for _ in range(count):
        flipped = bytearray(content)
        flipped[chosen.randrange(len(content))] ^= 1 << chosen.randrange(8)
        yield bytes(flipped)


def test_a_flipped_bit_of_a_manifest_is_noticed_or_changes_nothing(tmp_path: Path) -> None:
    layout = Layout(tmp_path)
    made = artifact(layout, manifest_of(), tables__model_dot_parquet=b"123")
    path = layout.manifest("tokens", "0123456789ab")
    noticed = 0
    for content in flips(path.read_bytes(), random.Random(0), 600):
        path.write_bytes(content)
        try:
            # A blank that became another kind of blank.
            assert read_manifest(path) == made.manifest
        except DamagedManifest:
            noticed += 1
    assert noticed > 500


def test_a_manifest_of_the_first_format_is_held_against_its_key(tmp_path: Path) -> None:
    inputs = {"corpus": (InputReference("corpus", "b" * 12, "b" * 64),)}
    settings, code = {"a": 1.5}, {"manymasks.stages.tokens": "c" * 64}
    digest = digest_of("tokens", settings, code, {"corpus": ["b" * 64]})
    parts = {"settings": settings, "code": code, "inputs": inputs}
    made = manifest_of(key=digest[:12], digest=digest, **parts)
    path = Layout(tmp_path).manifest("tokens", made.key)
    text = json.dumps({"format": 1, **dataclasses.asdict(made)})
    path.parent.mkdir(parents=True)
    path.write_text(text)
    assert read_manifest(path) == made
    changes = {"1.5": "1.25", "cccc": "cccd", "bbbb": "bbbc", '"files": []': '"files": 1'}
    for old, new in changes.items():
        path.write_text(text.replace(old, new))
        with pytest.raises(DamagedManifest):
            read_manifest(path)


def test_all_manifests_are_the_complete_artifacts(tmp_path: Path) -> None:
    layout = Layout(tmp_path)
    for stage, key in (("tokens", "b" * 12), ("tokens", "a" * 12), ("corpus", "c" * 12)):
        artifact(layout, manifest_of(stage=stage, key=key))
    layout.folder("tokens", "d" * 12).mkdir()
    write_json(layout.node("tokens", "d" * 12), {})
    found = [(each.stage, each.key[0]) for each in all_manifests(layout)]
    assert found == [("corpus", "c"), ("tokens", "a"), ("tokens", "b")]
    assert [each.key[0] for each in all_manifests(layout, "tokens")] == ["a", "b"]


def test_damaged_files_are_named_with_both_values(tmp_path: Path) -> None:
    content = bytes(range(256)) * 10
    made = artifact(
        Layout(tmp_path), manifest_of(), a=content, b=content, c=content, sub__d=content
    )
    assert damaged_files(made.folder, made.manifest) == []
    (made.folder / "a").unlink()
    (made.folder / "b").write_bytes(content[:-1])
    flipped = bytearray(content)
    flipped[1000] ^= 1
    (made.folder / "sub/d").write_bytes(flipped)
    says, found = hashlib.sha256(content).hexdigest(), hashlib.sha256(flipped).hexdigest()
    assert damaged_files(made.folder, made.manifest) == [
        f"{made.folder}/a: is missing",
        f"{made.folder}/b: has 2559 bytes, its manifest says 2560",
        f"{made.folder}/sub/d: has SHA-256 {found}, its manifest says {says}",
    ]


def test_inputs_are_checked_when_they_are_read(tmp_path: Path) -> None:
    made = artifact(Layout(tmp_path), manifest_of(), train__a=b"1", train__b=b"2", weights=b"3")
    assert made.files("train/") == [made.folder / "train/a", made.folder / "train/b"]
    assert made.file("weights") == made.folder / "weights"
    (made.folder / "train/b").write_bytes(b"X")
    with pytest.raises(UserError) as caught:
        made.files("train/")
    for part in (
        f"{made.folder}/train/b: has SHA-256 {hashlib.sha256(b'X').hexdigest()}",
        f"its manifest says {hashlib.sha256(b'2').hexdigest()}",
        f"manymasks run {made.manifest.stage} {made.key} --force",
    ):
        assert part in str(caught.value)
    (made.folder / "weights").unlink()
    with pytest.raises(UserError, match="weights: is missing"):
        made.file("weights")
    with pytest.raises(UserError, match=re.escape("has no file select/")):
        made.files("select/")


def test_sha256_of_a_file(tmp_path: Path) -> None:
    (tmp_path / "x").write_bytes(b"abc")
    # FIPS 180-2, appendix B.1.
    expected = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"
    assert sha256_of(tmp_path / "x") == expected


# --------------------------------------------------------------------------------- locks

HOLD = """
import sys, time
from pathlib import Path
from manymasks.disk.lock import locked
with locked(Path(sys.argv[1]), lambda who: print("waits for", who, flush=True)):
    print("holds", flush=True)
    time.sleep(float(sys.argv[2]))
"""


def hold(path: Path, seconds: float) -> "subprocess.Popen[str]":
    return subprocess.Popen(
        [sys.executable, "-c", HOLD, str(path), str(seconds)], stdout=subprocess.PIPE, text=True
    )


def line_of(process: "subprocess.Popen[str]") -> str:
    assert process.stdout is not None
    return process.stdout.readline().strip()


def test_a_second_process_waits_and_learns_who_holds_the_lock(tmp_path: Path) -> None:
    path = tmp_path / "folder" / "lock"
    first = hold(path, 1.5)
    assert line_of(first) == "holds"
    second = hold(path, 0)
    message = line_of(second)
    assert re.fullmatch(rf"waits for process {first.pid} on \S+ since \d\d:\d\d:\d\d UTC", message)
    assert try_lock(path) is None
    assert first.wait(10) == 0
    assert line_of(second) == "holds"
    assert second.wait(10) == 0


def test_a_lock_dies_with_the_process_that_was_killed(tmp_path: Path) -> None:
    path = tmp_path / "lock"
    process = hold(path, 60)
    assert line_of(process) == "holds"
    assert try_lock(path) is None
    process.send_signal(signal.SIGKILL)
    process.wait(10)
    file = try_lock(path)
    assert file is not None
    assert holder(path).startswith(f"process {os.getpid()} on ")
    file.close()
    assert try_lock(path) is not None


def test_a_lock_is_released_when_the_block_fails(tmp_path: Path) -> None:
    waits: list[str] = []
    with pytest.raises(ValueError, match="x"), locked(tmp_path / "lock", waits.append):
        raise ValueError("x")
    with locked(tmp_path / "lock", waits.append):
        pass
    assert waits == []


def test_a_lock_without_a_record_is_held_by_someone(tmp_path: Path) -> None:
    (tmp_path / "lock").write_text("", encoding="utf-8")
    assert holder(tmp_path / "lock") == "another process"
    assert holder(tmp_path / "absent") == "another process"


# -------------------------------------------------------------------------------- states

BASE = """\
corpora: {pydocs: {kind: pydocs, packages: []}}
sizes: {base: {width: 8}}
variants: {causal: {gradient: causal}}
training: {learning_rate: 1e-3}
seeds: {init: [0], order: [0, 1]}
probes: {held-out: {family: held-out}}
analyses: [rashomon, divergence]
"""


def plan_of(tmp_path: Path, **overrides: Any) -> Plan:
    path = tmp_path / "config.yaml"
    path.write_text(BASE, encoding="utf-8")
    return plan_study(load_study([path], overrides), tmp_path)


def make(layout: Layout, node: Node, **changes: Any) -> None:
    """A manifest as if the node had been made."""
    inputs = {
        role: tuple(InputReference(each.stage, each.key, each.digest) for each in nodes)
        for role, nodes in node.inputs.items()
    }
    written = {
        "stage": node.stage,
        "key": node.key,
        "digest": node.digest,
        "label": node.label,
        "settings": node.settings,
        "inputs": inputs,
        "code": node.code,
    }
    manifest = manifest_of(**{**written, **changes})
    write_manifest(layout.manifest(manifest.stage, manifest.key), manifest)


def made(tmp_path: Path, **overrides: Any) -> tuple[Plan, Layout]:
    plan, layout = plan_of(tmp_path, **overrides), Layout(tmp_path / "results")
    for node in plan.nodes:
        make(layout, node)
    return plan, layout


def because(plan: Plan, layout: Layout) -> dict[str, str]:
    return {
        each.node.label: each.because for each in statuses(plan, layout) if each.state == "will run"
    }


def test_without_artifacts_all_are_missing(tmp_path: Path) -> None:
    plan = plan_of(tmp_path)
    layout = Layout(tmp_path / "results")
    assert missing(plan, layout) == list(plan.nodes)
    assert set(because(plan, layout).values()) == {"no artifact of this stage exists yet"}
    assert not layout.results.exists()


def test_with_all_artifacts_none_is_missing(tmp_path: Path) -> None:
    plan, layout = made(tmp_path)
    assert missing(plan, layout) == []
    assert {each.state for each in statuses(plan, layout)} == {"done"}


def test_a_deleted_leaf_is_made_again_alone(tmp_path: Path) -> None:
    plan, layout = made(tmp_path)
    report = plan.targets[-1]
    layout.manifest(report.stage, report.key).unlink()
    assert missing(plan, layout) == [report]


def test_a_deleted_intermediate_is_made_only_if_it_is_needed(tmp_path: Path) -> None:
    plan, layout = made(tmp_path)
    tokens = next(node for node in plan.nodes if node.stage == "tokens")
    training = next(node for node in plan.nodes if node.stage == "training")
    for node in (tokens, training):
        layout.manifest(node.stage, node.key).unlink()
    assert missing(plan, layout) == []
    found = {each.node.label: each for each in statuses(plan, layout)}
    assert found[tokens.label].state == "not needed"
    assert "no missing artifact uses it" in found[tokens.label].because
    divergence = next(node for node in plan.nodes if node.stage == "divergence")
    for node in (divergence, *plan.targets):
        layout.manifest(node.stage, node.key).unlink()
    assert missing(plan, layout) == [tokens, training, divergence, *plan.targets]


def test_the_reason_is_the_setting_that_differs(tmp_path: Path) -> None:
    _, layout = made(tmp_path)
    found = because(plan_of(tmp_path, training={"learning_rate": 2e-3}), layout)
    assert found == {
        "training/pydocs/base/causal/i0-o0": "training.learning_rate 0.001 -> 0.002",
        "training/pydocs/base/causal/i0-o1": "training.learning_rate 0.001 -> 0.002",
        "evaluation/pydocs/base/causal/i0-o0": ("input training/pydocs/base/causal/i0-o0 changed"),
        "evaluation/pydocs/base/causal/i0-o1": ("input training/pydocs/base/causal/i0-o1 changed"),
        "rashomon/pydocs": "input evaluation/pydocs/base/causal/i0-o0 and 1 more changed",
        "divergence/pydocs/held-out": (
            "input training/pydocs/base/causal/i0-o0 and 1 more changed"
        ),
        "database": found["database"],
        "report": found["report"],
    }
    assert "input training/pydocs/base/causal/i0-o0 and 1 more changed" in found["database"]
    assert "study.training.learning_rate 0.001 -> 0.002" in found["report"]


def test_the_reason_for_a_new_seed(tmp_path: Path) -> None:
    _, layout = made(tmp_path)
    found = because(plan_of(tmp_path, seeds={"order": [0, 1, 2]}), layout)
    assert found["training/pydocs/base/causal/i0-o2"] == "new"
    assert found["rashomon/pydocs"].startswith("members [2 items] -> [3 items]; input evaluation/")
    assert len(found) == 6
    fewer = because(plan_of(tmp_path, seeds={"order": [0]}), layout)
    assert fewer["divergence/pydocs/held-out"].endswith("1 fewer training")
    assert fewer.keys() == {
        "rashomon/pydocs",
        "divergence/pydocs/held-out",
        "database",
        "report",
    }


def test_the_reason_is_the_module_that_changed(tmp_path: Path) -> None:
    plan, layout = Plan(plan_of(tmp_path).study, plan_of(tmp_path).nodes), Layout(tmp_path / "r")
    node = next(node for node in plan.nodes if node.stage == "training")
    code = {**node.code, "manymasks.training.loop": "0" * 64, "manymasks.gone": "1" * 64}
    make(layout, node, key="e" * 12, digest="e" * 64, code=code)
    assert because(plan, layout)[node.label] == (
        "code of manymasks.gone changed; code of manymasks.training.loop changed"
    )


def test_the_nearest_earlier_artifact_is_the_one_compared_with(tmp_path: Path) -> None:
    plan, layout = plan_of(tmp_path), Layout(tmp_path / "results")
    node = next(node for node in plan.nodes if node.stage == "training")
    training = node.settings["training"]
    for i, changes in enumerate(
        [{"steps": 5, "batch": 2}, {"steps": 7}, {"clip": 9.0, "beta1": 0}]
    ):
        settings = {**node.settings, "training": {**training, **changes}}
        make(layout, node, key=f"{i:012d}", digest=f"{i:064d}", settings=settings)
    # As near, and newer.
    settings = {**node.settings, "training": {**training, "steps": 8}}
    make(layout, node, key="a" * 12, digest="a" * 64, settings=settings, created="2027-01-01")
    assert because(plan, layout)[node.label] == "training.steps 8 -> 1000"


def test_many_differences_are_counted(tmp_path: Path) -> None:
    plan, layout = plan_of(tmp_path), Layout(tmp_path / "results")
    node = next(node for node in plan.nodes if node.stage == "training")
    settings = {"size": {}, "long": "x" * 100, "seed_init": 0}
    make(layout, node, key="a" * 12, digest="a" * 64, settings=settings)
    reason = because(plan, layout)[node.label]
    assert reason.count(";") == 4
    assert re.search(r"; and \d+ more$", reason)
    assert len(reason) < 500


# -------------------------------------------------------------------------------- tables


def rate(**columns: Any) -> dict[str, Any]:
    """A row of the table `tuning`."""
    return {**dict.fromkeys(kit.COLUMNS["tuning"]), "learning_rate": 0.1, **columns}


def test_a_table_has_the_rows_that_were_written(tmp_path: Path) -> None:
    job = kit.job("tuning", {}, {}, tmp_path)
    rows = [rate(corpus="c"), dict(reversed(rate(select_nats=2.0).items()))]
    job.write_table("tuning", (row for row in rows))
    assert pq.read_table(tmp_path / "tables" / "tuning.parquet").to_pylist() == rows
    job.write_table("contrast", [])
    assert [path.name for path in (tmp_path / "tables").iterdir()] == ["tuning.parquet"]


@pytest.mark.parametrize(
    ("table", "rows", "message"),
    [
        ("tunning", [rate()], "'tunning' is not a table that a stage writes. Tables: agreement"),
        ("tunning", [], "'tunning' is not a table"),
        ("model_class", [], "'model_class' is not a table that a stage writes"),
        ("tuning", [rate(learnin_rate=0.1)], r"lacks the columns \[\] and has \['learnin_rate'\]"),
        ("tuning", [{"corpus": "c"}], "lacks the columns .*'learning_rate'.* and has \\[\\]"),
        # Arrow alone would drop what the first row has not.
        ("tuning", [rate(), rate(more=1)], r"has \['more'\], which database/schema does not know"),
    ],
)
def test_a_job_refuses_tables_and_columns_that_the_schema_does_not_know(
    table: str, rows: list[dict[str, Any]], message: str, tmp_path: Path
) -> None:
    job = kit.job("tuning", {}, {}, tmp_path)
    with pytest.raises(ValueError, match=message):
        job.write_table(table, rows)
    assert not (tmp_path / "tables").exists()
