"""Records of plans, what `gc` deletes, `status`, and what `doctor` finds."""

import os
import re
import shutil
import socket
from pathlib import Path

import pytest

import kit
from manymasks.commands import doctor
from manymasks.commands.doctor import study as examined
from manymasks.commands.gc import collect_garbage
from manymasks.commands.status import activity, last_line
from manymasks.disk.lock import is_held, try_lock
from manymasks.engine import session
from manymasks.errors import UserError
from manymasks.plan.graph import Plan
from manymasks.plan.states import statuses
from manymasks.store.layout import Layout
from manymasks.store.leftovers import clear_state, leftovers
from manymasks.store.manifest import read_manifest, write_manifest
from manymasks.store.plans import record_plan, recorded_plans
from manymasks.store.sealed import read_sealed, write_sealed

KEYS = {name: name * 12 for name in "abcd"}


def add(layout: Layout, key: str, size: int = 1_000_000, stage: str = "training") -> Path:
    """An artifact with one file."""
    folder = layout.folder(stage, key)
    folder.mkdir(parents=True)
    (folder / "weights").write_bytes(b"x" * size)
    files = kit.payload(folder)
    write_manifest(folder / "manifest.json", kit.manifest(stage, key=key, files=files))
    return folder


def record(layout: Layout, study: str, *keys: str) -> Path:
    """A record of a plan that is not live; returns its file."""
    lock = record_plan(layout, study, [f"training/{key}" for key in keys])
    assert lock is not None
    lock.close()
    return Path(lock.name).with_suffix(".json")


@pytest.fixture
def layout(tmp_path: Path) -> Layout:
    """Four artifacts: a in the last plan, b in one before, c in a named study, d in none."""
    layout = Layout(tmp_path / "results")
    for key in KEYS.values():
        add(layout, key)
    return layout


def collected(layout: Layout, **options: object) -> list[str]:
    given = {"plans": 1, "studies": (), "folders": False, "delete": False, **options}
    return list(collect_garbage(layout, None, **given))  # type: ignore[arg-type]


def present(layout: Layout) -> set[str]:
    return {path.parent.name[0] for path in layout.results.glob("training/*/weights")}


def test_a_dry_run_lists_bytes_by_stage_and_study_and_deletes_nothing(layout: Layout) -> None:
    record(layout, "mine", KEYS["a"])
    *lines, total = collected(layout)
    assert [line.split() for line in lines] == [
        ["training", "(none)", "3", "artifacts", "3.0", "MB"]
    ]
    assert total == (
        "3 artifacts and 0 unfinished files, 3.0 MB, would be deleted. Nothing was: add --delete"
    )
    assert present(layout) == set("abcd")


def test_payloads_go_and_manifests_stay(layout: Layout) -> None:
    record(layout, "mine", KEYS["a"], KEYS["b"])
    collected(layout, delete=True)
    assert present(layout) == {"a", "b"}
    for key in KEYS.values():
        read_manifest(layout.manifest("training", key))
    assert collected(layout)[-1].startswith("0 artifacts")
    collected(layout, delete=True, folders=True)
    assert {path.name[0] for path in layout.results.glob("training/*")} == {"a", "b"}


def test_named_studies_and_the_last_plans_are_kept(layout: Layout) -> None:
    paths = [record(layout, name, KEYS[key]) for name, key in (("old", "b"), ("new", "a"))]
    assert len({plan.study for plan in recorded_plans(layout)}) == 2
    # Both were recorded in this second: the order is that of their times.
    for path, used in zip(paths, ("2026-01-01T00:00:00Z", "2026-02-01T00:00:00Z"), strict=True):
        write_sealed(path, {**read_sealed(path), "used": used})
    assert [plan.study for plan in recorded_plans(layout)] == ["new", "old"]
    assert "3 artifacts" in collected(layout)[-1]
    assert "2 artifacts" in collected(layout, plans=2)[-1]
    assert "2 artifacts" in collected(layout, studies=("old",))[-1]
    with pytest.raises(UserError, match=r"--keep odl: no study of this name .* new, old"):
        collected(layout, studies=("odl",))


def test_what_is_alive_is_not_touched(layout: Layout) -> None:
    record(layout, "last", KEYS["a"])
    live = record_plan(layout, "live", [f"training/{KEYS['b']}"])
    busy = try_lock(layout.folder("training", KEYS["c"]) / "lock")
    assert live is not None
    assert busy is not None
    collected(layout, plans=0, delete=True, folders=True)
    assert present(layout) == {"b", "c"}
    shown = list(activity(layout))
    by = rf"process {os.getpid()} on {re.escape(socket.gethostname())} since \d\d:\d\d:\d\d UTC"
    assert re.fullmatch(f"live: 1 of 1 artifacts, {by}", shown[0])
    assert re.fullmatch(rf"  training \[{KEYS['c']}\], {by}", shown[1])
    live.close()
    busy.close()
    assert list(activity(layout)) == ["Nothing runs."]


def test_without_a_plan_nothing_is_deleted(layout: Layout) -> None:
    with pytest.raises(UserError, match="no plan is known, so all artifacts would go"):
        collected(layout, delete=True)


def test_a_state_beside_a_complete_artifact_is_cleared_unless_it_is_held(layout: Layout) -> None:
    complete, begun = (layout.folder("training", KEYS[name]) for name in "ab")
    (begun / "manifest.json").unlink()
    for folder in (complete, begun):
        (folder / "state").mkdir()
    with try_lock(complete / "lock") or pytest.fail():
        clear_state(complete)
    assert (complete / "state").exists()
    clear_state(complete)
    clear_state(begun)
    assert not (complete / "state").exists()
    assert (begun / "state").exists()


def test_half_files_are_named_and_cleared(layout: Layout) -> None:
    record(layout, "mine", *KEYS.values())
    folder = layout.folder("training", KEYS["a"])
    (folder / ".weights.12-0a1b2c3d").write_bytes(b"half")
    (folder / ".weights.12-0a1b2c3d.spill").mkdir()
    (folder / "state").mkdir()
    (folder / ".nfs0001").write_bytes(b"of others")
    # A link to a report that is gone, and a plan, at their temporary names.
    (layout.results / ".report.html.12-0a1b2c3d").symlink_to("report/none")
    (layout.plans / ".0123456789ab.json.12-0a1b2c3d").write_bytes(b"half")
    names = [path.name for path in leftovers(layout)]
    assert names == [
        ".report.html.12-0a1b2c3d", ".0123456789ab.json.12-0a1b2c3d", ".weights.12-0a1b2c3d",
        ".weights.12-0a1b2c3d.spill", "state",
    ]  # fmt: skip
    with try_lock(folder / "lock") or pytest.fail():
        assert len(list(leftovers(layout))) == 2
    collected(layout, delete=True)
    assert list(leftovers(layout)) == []
    assert (folder / ".nfs0001").exists()


def test_a_lock_is_held_or_not(tmp_path: Path) -> None:
    path = tmp_path / "lock"
    assert not is_held(path)
    with try_lock(path) or pytest.fail():
        record = path.read_text()
        assert is_held(path)
    assert not is_held(path)
    assert path.read_text() == record


def test_the_last_line_of_a_log(tmp_path: Path) -> None:
    assert last_line(tmp_path / "absent") == ""
    (tmp_path / "log").write_bytes(b"one\n" * 5000 + b"caf\xc3\xa9 50%\n\n")
    assert last_line(tmp_path / "log") == "café 50%"


def made(tmp_path: Path) -> tuple[Plan, Layout]:
    """The smoke study, as if it had been run."""
    plan, layout = kit.repository_plan("smoke.yaml"), Layout(tmp_path / "results")
    for node in plan.nodes:
        folder = layout.folder(node.stage, node.key)
        folder.mkdir(parents=True)
        (folder / "weights").write_bytes(b"xyz")
        files = kit.payload(folder)
        write_manifest(folder / "manifest.json", kit.planned(node, files=files))
    return plan, layout


def test_plan_and_doctor_name_what_is_gone_or_damaged(tmp_path: Path) -> None:
    plan, layout = made(tmp_path)
    assert {status.state for status in statuses(plan, layout)} == {"done"}
    assert not any(line.startswith(("damaged", "evicted")) for line in examined(plan, layout))
    gone, edited = (node for node in plan.nodes if node.stage in ("corpus", "tokenizer"))
    (layout.folder(gone.stage, gone.key) / "weights").unlink()
    path = layout.manifest(edited.stage, edited.key)
    path.write_text(path.read_text().replace("3.11.7", "3.11.8"))
    by_node = {status.node: status for status in statuses(plan, layout) if status.state != "done"}
    assert by_node[gone].state == "evicted"
    assert by_node[gone].because == "weights is gone; made again when it is needed"
    assert by_node[edited].state == "damaged"
    assert f"manymasks run {edited.stage} {edited.key} --force" in by_node[edited].because
    lines = "\n".join(examined(plan, layout))
    assert f"evicted    {gone.label}: weights is gone" in lines
    assert f"damaged    {edited.label}: its content differs" in lines
    assert f"GB free below {tmp_path / 'results'}" in lines


def test_doctor_asks_for_the_disk_that_the_results_lie_on(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    plan, layout = made(tmp_path)
    # Results may be a link to another disk, with little on it.
    shutil.move(layout.results, tmp_path / "small disk")
    layout.results.symlink_to(tmp_path / "small disk")
    other = kit.manifest("report", files=kit.payload(layout.folder("report", plan.targets[1].key)))
    layout.manifest("report", other.key).parent.mkdir()
    write_manifest(layout.manifest("report", other.key), other)
    layout.manifest("report", plan.targets[1].key).unlink()
    asked: list[Path] = []

    def usage(path: Path) -> shutil._ntuple_diskusage:
        asked.append(path)
        return shutil._ntuple_diskusage(10, 9, 1)

    monkeypatch.setattr(doctor.shutil, "disk_usage", usage)
    rows = dict(line.split(maxsplit=1) for line in examined(plan, layout))
    assert asked == [(tmp_path / "small disk").resolve()]
    assert rows["disk"].startswith(f"0 GB free below {asked[0]}; 1 artifacts take about 0.00 GB")
    assert rows["disk"].endswith(": too little, see `manymasks gc`")
    assert "GB free; jobs take at most " in rows["memory"] and "--cores " in rows["memory"]
    assert rows["results"].endswith("0.00 GB of downloads")


def test_doctor_names_a_database_that_was_changed_and_half_files(tmp_path: Path) -> None:
    plan, layout = made(tmp_path)
    (node,) = [node for node in plan.nodes if node.stage == "database"]
    folder = layout.folder("database", node.key)
    (folder / "weights").rename(folder / "manymasks.duckdb")
    files = tuple(file for file in kit.payload(folder) if file.path == "manymasks.duckdb")
    write_manifest(folder / "manifest.json", kit.planned(node, files=files))
    layout.database.symlink_to(folder / "manymasks.duckdb")
    assert not any("manymasks.duckdb" in line for line in examined(plan, layout))
    (folder / "manymasks.duckdb").write_bytes(b"another")
    (folder / ".manymasks.duckdb.12-0a1b2c3d").write_bytes(b"half")
    lines = list(examined(plan, layout))
    (line,) = [line for line in lines if line.startswith(f"damaged    {layout.database}: has ")]
    assert f"manymasks run database {node.key} --force" in line
    (line,) = [line for line in lines if line.startswith("unfinished ")]
    assert line.endswith("0.0 MB: type manymasks gc --delete")


def test_a_training_that_outlived_its_run_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    locks = Path(".snakemake/locks")
    locks.mkdir(parents=True)
    (locks / "0.input.lock").touch()
    assert "no run is alive" in session.lock_state()
    folder = add(Layout(Path("results")), KEYS["a"])
    with try_lock(folder / "lock") or pytest.fail():
        state = session.lock_state()
    assert f"a job of it is still alive: training {KEYS['a']}, process {os.getpid()}" in state
    assert "Wait for it or end it, then type\n  snakemake --unlock" in state
