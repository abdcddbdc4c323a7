"""What a run shows: a line for each finished job, one live line, failures, and the forecast."""

import dataclasses
import io
import statistics
from logging import ERROR, INFO, LogRecord
from pathlib import Path
from typing import Any

import pytest
from snakemake_interface_logger_plugins.common import LogEvent
from snakemake_interface_logger_plugins.tests import MockOutputSettings, TestLogHandlerBase

import kit
from manymasks.catalogue import STAGES
from manymasks.engine import run_log, run_text
from manymasks.engine.outcome import outcome
from manymasks.engine.progress import CLEAR
from manymasks.engine.run_log import RunLog
from manymasks.plan.forecast import forecast
from manymasks.plan.graph import Plan
from manymasks.plan.node import Node
from manymasks.plan.work import work
from manymasks.store.layout import Layout
from manymasks.store.manifest import write_manifest
from snakemake_logger_plugin_manymasks import LogHandler

KEY = "0123456789ab"
OUTPUT = f"results/training/{KEY}/manifest.json"
LOG = f"results/training/{KEY}/log.txt"
TITLE = "training pydocs/base/causal i0-o0"


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder in which one training has its manifest and its log."""
    monkeypatch.chdir(tmp_path)
    for name in ("NO_COLOR", "CI"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.setattr(run_log, "REDRAWN", 60.0)
    path = tmp_path / OUTPUT
    path.parent.mkdir(parents=True)
    figures = {"select_nats": 3.30149, "status": "trained"}
    write_manifest(path, kit.manifest("training", key=KEY, figures=figures))
    lines = [f"line {number}" for number in range(20)]
    (tmp_path / LOG).write_text("\n".join([*lines, "a/b: 83/100 (83%), 9/s"]), encoding="utf-8")
    return tmp_path


def run(stream: io.StringIO, **fields: Any) -> RunLog:
    log = RunLog(stream, **fields)
    log.plan("the plan", {OUTPUT: 40.0}, cores=2)
    log.total = 4
    log.begin(1, TITLE, [OUTPUT], [LOG])
    return log


def test_a_finished_job_is_one_line_without_a_terminal(here: Path) -> None:
    stream = io.StringIO()
    log = run(stream)
    log.end(1)
    log.close()
    lines = stream.getvalue().splitlines()
    assert lines[0] == "the plan" and len(lines) == 2
    assert lines[1].startswith(f"{TITLE}: 3.301 nats per token on select (")
    assert lines[1].endswith(" s)")
    assert "\033" not in stream.getvalue()


def test_the_live_line_says_how_far_the_run_is(here: Path) -> None:
    stream = Terminal()
    log = run(stream)
    log.say("a message")
    shown = stream.getvalue()
    assert f"{CLEAR}a message\n{CLEAR}" in shown
    line = log.line()
    assert line.startswith("0 of 4 (0%), 40 s left · ")
    assert line.endswith(f"{TITLE} 83%")
    log.end(1)
    log.close()
    assert stream.getvalue().endswith(CLEAR)
    before = stream.getvalue()
    log.say("the end")
    assert stream.getvalue() == f"{before}the end\n"


@pytest.mark.parametrize(("name", "is_live"), [("NO_COLOR", True), ("CI", False)])
def test_terminals_are_asked_for_by_convention(
    here: Path, monkeypatch: pytest.MonkeyPatch, name: str, is_live: bool
) -> None:
    monkeypatch.setenv(name, "1")
    stream = Terminal()
    log = run(stream)
    log.say("a message")
    log.end(1)
    shown = stream.getvalue()
    assert (CLEAR in shown) == is_live
    assert ("\033[2m" in shown) == (name == "CI")


def test_a_failed_job_shows_its_log_and_the_command_that_runs_it(here: Path) -> None:
    stream = io.StringIO()
    log = run(stream)
    for _ in range(2):
        # Snakemake repeats its errors at the end.
        log.fail(1, "training", [OUTPUT], [LOG])
    shown = stream.getvalue()
    assert shown.count(f"failed: {TITLE}\n") == 1
    assert f"the end of {LOG}:\n  | line 13\n" in shown and "  | line 12\n" not in shown
    assert f"run just this:  manymasks run training {KEY}\n" in shown


def test_an_interrupted_job_is_not_called_failed(here: Path) -> None:
    stream = io.StringIO()
    log = run(stream)
    (here / LOG).write_text("a/b: 83/100 (83%), 9/s\ninterrupted\n", encoding="utf-8")
    log.fail(1, "training", [OUTPUT], [LOG])
    assert stream.getvalue().splitlines()[-1] == f"interrupted: {TITLE}"
    assert "failed" not in stream.getvalue() and "run just this" not in stream.getvalue()


def test_a_quiet_run_without_a_terminal_says_now_and_then_how_far_it_is(
    here: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(run_log, "QUIET", 0.0)
    monkeypatch.setattr(run_log, "REDRAWN", 0.01)
    stream = io.StringIO()
    log = run(stream)
    log._ended.wait(0.2)
    log.close()
    assert f"· {TITLE} 83%\n" in stream.getvalue()


def test_time_left_follows_the_pace_of_finished_jobs(
    here: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    now = [0.0]
    monkeypatch.setattr(run_log.time, "monotonic", lambda: now[0])
    log = RunLog(io.StringIO())
    other = [f"results/training/{digit * 12}/manifest.json" for digit in "abc"]
    log.plan("the plan", {OUTPUT: 40.0, **dict.fromkeys(other, 40.0)}, cores=1)
    assert log.seconds_left() == 160
    log.begin(1, TITLE, [OUTPUT], [])
    now[0] = 80.0
    log.end(1)
    # Twice as slow as expected.
    assert log.seconds_left() == 240
    log.begin(2, TITLE, other[:1], [])
    now[0] = 90.0
    assert log.seconds_left() == 230


@pytest.mark.parametrize(
    ("figures", "text"),
    [
        ([{"select_nats": 1.0}], "1.000 nats per token on select"),
        ([{"select_nats": 3.0}, {"select_nats": 2.5}], "2.500 to 3.000 nats per token on select"),
        ([{"select_nats": None, "status": "diverged"}], "failed in training"),
        ([{"empty": "there is one member"}], "empty: there is one member"),
        ([{}], ""),
    ],
)
def test_outcome_of_trainings(figures: list[dict[str, Any]], text: str) -> None:
    assert outcome("training", figures) == text


def test_outcomes_count_lists_and_pick_inside_tables() -> None:
    assert outcome("derived", [{"members": [{}, {}]}]) == "2 derived members"
    assert outcome("tokens", [{"tokens": {"train": 12345}}]) == "12,345 tokens to train on"
    assert all(stage.outcome or stage.unit == "study" for stage in STAGES.values())


def trainings(*overlays: str) -> list[Node]:
    return [node for node in kit.repository_plan(*overlays).nodes if node.stage == "training"]


def test_seconds_are_forecast_from_earlier_artifacts(tmp_path: Path) -> None:
    nodes = trainings("smoke.yaml")
    layout = Layout(tmp_path)
    assert forecast(nodes, layout).measured == 0
    for node, seconds in zip(nodes[:3], (1.0, 2.0, 9.0), strict=True):
        path = layout.manifest(node.stage, node.key)
        path.parent.mkdir(parents=True)
        write_manifest(path, kit.planned(node, wall_seconds=seconds))
    expected = forecast(nodes, layout)
    # By label, and else the median of the stage.
    first = [expected.seconds[node.digest] for node in nodes[:4]]
    assert first == pytest.approx([1.0, 2.0, 9.0, 2.0])
    assert expected.measured == len(nodes)
    # Others of this study are as large or larger.
    assert expected.total >= 12.0 + 2.0 * (len(nodes) - 3)
    assert expected.wall(nodes, 1) == expected.total
    assert expected.wall(nodes, 1000) >= 9.0


def test_a_longer_training_takes_longer(tmp_path: Path) -> None:
    """Studies that no artifact tells of: by the work of their trainings."""
    layout = Layout(tmp_path)
    usual = trainings()
    works = [work("training", node.settings) for node in usual]
    assert statistics.mean(works) == pytest.approx(1, rel=0.1)
    seconds = forecast(usual, layout).seconds
    assert all(
        seconds[node.digest] == STAGES["training"].seconds * one
        for node, one in zip(usual, works, strict=True)
    )
    small, large = (
        forecast(trainings(f"{name}.yaml"), layout).total for name in ("smoke", "tinystories")
    )
    assert small < 15
    assert large > 12 * 3600
    # Twice the steps of a training that was made: twice its time, without the start.
    node = usual[0]
    path = layout.manifest(node.stage, node.key)
    path.parent.mkdir(parents=True)
    write_manifest(path, kit.planned(node, wall_seconds=10.0))
    training = {**node.settings["training"], "steps": 2 * node.settings["training"]["steps"]}
    longer = dataclasses.replace(node, settings={**node.settings, "training": training})
    (twice,) = forecast([longer], layout).seconds.values()
    assert twice == pytest.approx(20, rel=0.15)


def test_a_run_begins_with_its_plan(tmp_path: Path) -> None:
    plan: Plan = kit.repository_plan("smoke.yaml")
    nodes = [node for node in plan.nodes if node.stage in ("training", "evaluation")]
    text = run_text.plan_text(plan, nodes, 5, forecast(nodes, Layout(tmp_path)), 2)
    count = len(plan.nodes)
    assert text.startswith(f"The study 'smoke' has {count} artifacts: {count - len(nodes)} are ")
    assert "on 2 cores, judged by the cost of the default study." in text
    assert text.splitlines()[-1].startswith("To make: ")
    assert " 5 jobs. " in " ".join(text.split())
    for count, words in ((1, "1 submission"), (3, "3 submissions")):
        text = run_text.plan_text(plan, nodes, 5, forecast(nodes, Layout(tmp_path)), 2, count)
        assert f" 5 jobs, sent to the cluster in {words}. " in " ".join(text.split())


class TestPlugin(TestLogHandlerBase):
    """Snakemake's tests of any logger plugin."""

    __test__ = True

    def get_log_handler_cls(self) -> type[LogHandler]:
        return LogHandler

    def get_log_handler_settings(self) -> Any:
        return None


def record(event: LogEvent | None, text: str = "", level: int = INFO, **fields: Any) -> LogRecord:
    made = LogRecord("snakemake", level, "x.py", 1, text, (), None)
    made.__dict__.update({"event": event, **fields})
    return made


def test_events_of_snakemake_become_lines(here: Path) -> None:
    handler = LogHandler(MockOutputSettings(), None)
    handler.run.stream = io.StringIO()
    job = {"jobid": 7, "rule_msg": TITLE, "rule_name": "training", "log": [LOG]}
    for one in (
        record(None, "Building DAG of jobs..."),
        record(LogEvent.RUN_INFO, "Job stats", stats={"training": 1, "total": 2}),
        record(LogEvent.JOB_INFO, "rule training", output=[f"{OUTPUT} (update)"], **job),
        record(LogEvent.JOB_FINISHED, "Finished jobid: 7", job_id=7),
        record(LogEvent.PROGRESS, done=1, total=2),
        record(LogEvent.JOB_ERROR, level=ERROR, output=[OUTPUT], **{**job, "jobid": 8}),
        record(
            LogEvent.GROUP_ERROR,
            level=ERROR,
            job_error_info=[
                {"jobid": 8 + gone, "rule_name": "scoring", "output": [path], "log": [LOG]}
                for gone, path in enumerate((OUTPUT, OUTPUT.replace(KEY, "a" * 12)))
            ],
        ),
        record(
            None,
            "RuleException:\nCalledProcessError in file x.smk, line 1:\nCommand 'manymasks run' "
            "returned non-zero exit status 1.",
            ERROR,
        ),
        record(None, f"Cannot restore {OUTPUT}: no backup found.", ERROR),
        record(None, "Nothing to be done (all requested files are present and up to date)."),
        record(None, "Exiting because a job execution failed.", ERROR),
    ):
        handler.emit(one)
    lines = handler.run.stream.getvalue().splitlines()
    handler.close()
    assert lines[0].startswith(f"{TITLE}: 3.301 nats per token on select")
    assert [line for line in lines if line.startswith("failed: ")] == [
        "failed: training",
        "failed: scoring",
    ]
    assert lines[-2:] == [
        "Nothing to be done (all requested files are present and up to date).",
        "Exiting because a job execution failed.",
    ]
    assert (handler.run.done, handler.run.total) == (1, 2)
