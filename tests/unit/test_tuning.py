"""Learning rates found on a grid: which is chosen, how, and who is told."""

import math
import re
import shutil
from pathlib import Path
from typing import Any

import duckdb
import pyarrow.parquet as pq
import pytest
import torch
from example_results import ExampleResults, write_results

from manymasks.config.loading import load_study
from manymasks.database.load import load
from manymasks.database.queries import example
from manymasks.engine.job_file import description_of
from manymasks.engine.jobs import run_job
from manymasks.errors import UserError
from manymasks.plan.graph import Node, Plan, plan_study
from manymasks.report.page import write_page
from manymasks.stages import tuning
from manymasks.store.layout import Layout
from manymasks.store.manifest import Manifest
from manymasks.training.checkpoint import TrainingProgress
from manymasks.training.tuning import Choice, Trial, choose

# ------------------------------------------------------------------------------ the choice


def trials_of(losses: dict[float, list[float | None]]) -> list[Trial]:
    """Losses by rate, one for each seed of the initial weights."""
    return [
        Trial(rate, init, 7, nats)
        for rate, each in losses.items()
        for init, nats in enumerate(each)
    ]


def chosen(losses: dict[float, list[float | None]]) -> Choice:
    found = choose(trials_of(losses))
    assert found is not None
    return found


def test_the_lowest_mean_wins_and_the_lead_is_paired() -> None:
    choice = chosen({0.1: [3.0, 5.0, 4.0], 0.2: [2.9, 4.8, 3.7], 0.4: [2.0, 9.0, 8.0]})
    assert (choice.rate, choice.edge, choice.runner_up) == (0.2, None, 0.1)
    assert choice.nats == pytest.approx(3.8)
    # Differences 0.1, 0.2 and 0.3: sd 0.1, and t(2) at 97.5% is 4.302653.
    assert choice.lead is not None
    assert choice.lead.estimate == pytest.approx(0.2)
    half = 4.302652729911275 * 0.1 / math.sqrt(3)
    assert (choice.lead.low, choice.lead.high) == pytest.approx((0.2 - half, 0.2 + half))


@pytest.mark.parametrize(
    ("losses", "rate", "edge", "runner_up"),
    [
        ({0.1: [3.0], 0.2: [2.0]}, 0.2, "highest", 0.1),
        ({0.1: [2.0], 0.2: [3.0]}, 0.1, "lowest", 0.2),
        # Equal: the lower rate, in whatever order they come.
        ({0.4: [2.0], 0.2: [2.0], 0.1: [3.0]}, 0.2, None, 0.4),
        ({0.1: [2.0], 0.2: [2.0]}, 0.1, "lowest", 0.2),
        # One failed trial of two outweighs any loss of the other.
        ({0.1: [3.0, 3.0], 0.2: [2.0, None], 0.4: [4.0, 4.0]}, 0.1, "lowest", 0.4),
        # A rate that failed was tried: the one below it is not at the edge.
        ({0.1: [3.0], 0.2: [2.0], 0.4: [None]}, 0.2, None, 0.1),
        ({0.1: [3.0], 0.2: [None]}, 0.1, "lowest", None),
    ],
)
def test_ties_failures_and_edges(
    losses: dict[float, list[float | None]], rate: float, edge: str | None, runner_up: float | None
) -> None:
    choice = chosen(losses)
    assert (choice.rate, choice.edge, choice.runner_up) == (rate, edge, runner_up)
    assert (choice.lead is None) == (runner_up is None)


def test_one_pair_of_seeds_gives_a_lead_without_an_interval() -> None:
    lead = chosen({0.1: [3.0], 0.2: [2.5]}).lead
    assert lead is not None
    assert lead.estimate == 0.5
    assert math.isnan(lead.low)
    assert lead.p is None


def test_no_rate_is_chosen_if_every_rate_had_a_failure() -> None:
    assert choose(trials_of({0.1: [None, 2.0], 0.2: [2.0, None]})) is None
    assert choose([]) is None


@pytest.mark.parametrize(
    "trials",
    [
        [Trial(0.1, 0, 7, 2.0), Trial(0.2, 1, 7, 2.0)],
        [Trial(0.1, 0, 7, 2.0), Trial(0.1, 0, 7, 2.0)],
        [*trials_of({0.1: [2.0, 3.0]}), Trial(0.2, 0, 7, 1.0)],
    ],
)
def test_rates_are_compared_over_the_same_seeds(trials: list[Trial]) -> None:
    with pytest.raises(ValueError, match="same pairs of seeds"):
        choose(trials)


# ------------------------------------------------------------------------------- the stage

STUDY = """\
corpora:
  mine: {kind: files, paths: ["texts/*.txt"], separator: "\\n\\n", select: 0.3, measure: 0.3}
tokenizer: {kind: bytes}
sizes: {base: {width: 8, layers: 1, heads: 1}}
variants: {causal: {gradient: causal, learning_rate: tune}}
training: {context: 16, batch: 2, steps: 8, curve_every: 3, curve_windows: 4, learning_rate: 0.004}
tune: {rates: [0.001, 0.01, 0.02], seeds: {init: [10, 11], order: [12]}, steps: 6}
seeds: {init: [0], order: [0]}
evaluation: {position_edges: [0, 4]}
probes: {held-out: {family: held-out, windows: 8}}
analyses: []
hardware: {device: cpu, checkpoint_seconds: 0}
"""
SLOTS = [(rate, init, 12) for rate in (0.001, 0.01, 0.02) for init in (10, 11)]


def planned(folder: Path, **overrides: Any) -> Plan:
    (folder / "config.yaml").write_text(STUDY, encoding="utf-8")
    return plan_study(load_study([folder / "config.yaml"], overrides), folder)


def make(plan: Plan, stage: str, layout: Layout) -> Manifest:
    """Make the first node of a stage."""
    node: Node = next(node for node in plan.nodes if node.stage == stage)
    return run_job(description_of(node, plan.study.hardware), layout)


@pytest.fixture(scope="module")
def tokens(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with texts and all that comes before a tuning."""
    folder = tmp_path_factory.mktemp("study")
    (folder / "texts").mkdir()
    pieces = [f"piece {i}: " + "the quick brown fox " * (1 + i % 5) for i in range(60)]
    (folder / "texts" / "one.txt").write_text("\n\n".join(pieces), encoding="utf-8")
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        for stage in ("corpus", "tokenizer", "tokens"):
            make(planned(folder), stage, Layout(folder / "results"))
    return folder


@pytest.fixture
def folder(tokens: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    shutil.copytree(tokens, tmp_path / "study")
    monkeypatch.chdir(tmp_path / "study")
    return tmp_path / "study"


def rows_of(layout: Layout, manifest: Manifest) -> list[dict[str, Any]]:
    place = layout.folder("tuning", manifest.key) / "tables" / "tuning.parquet"
    return pq.read_table(place).to_pylist()  # type: ignore[no-any-return]


def test_a_trial_is_a_training_with_that_rate(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    layout = Layout(folder / "results")
    manifest = make(planned(folder), "tuning", layout)
    rows = rows_of(layout, manifest)
    assert [(r["learning_rate"], r["seed_init"], r["seed_order"]) for r in rows] == SLOTS
    assert {(r["corpus"], r["size"], r["variant"]) for r in rows} == {("mine", "base", "causal")}
    # 6 steps of so small a model: the highest rate comes farthest.
    assert [r["is_chosen"] for r in rows] == [False] * 4 + [True] * 2
    figures = manifest.figures
    assert (figures["learning_rate"], figures["on_edge"], figures["trials"]) == (0.02, True, 6)
    assert figures["select_nats"] == pytest.approx(
        (rows[4]["select_nats"] + rows[5]["select_nats"]) / 2
    )
    said = capsys.readouterr().err
    assert "the best learning rate of 0.001, 0.01, 0.02 is 0.02, " in said
    assert "0.02, is the highest of the grid: add higher ones to tune.rates" in said
    assert not (layout.folder("tuning", manifest.key) / "state").exists()

    # The study's own training, at the same rate, seeds and steps, ends at the same loss.
    same = planned(
        folder,
        variants={"causal": {"learning_rate": 0.02}},
        training={"steps": 6},
        seeds={"init": [11], "order": [12]},
    )
    assert make(same, "training", layout).figures["select_nats"] == rows[5]["select_nats"]


def test_a_tuned_training_uses_the_rate_that_was_found(folder: Path) -> None:
    layout = Layout(folder / "results")
    plan = planned(folder)
    make(plan, "tuning", layout)
    found = make(plan, "training", layout)
    table = layout.folder("training", found.key) / "tables" / "model.parquet"
    assert pq.read_table(table).to_pylist()[0]["learning_rate"] == 0.02


def test_trials_have_the_same_bits_for_any_stack_width_on_a_cpu(folder: Path) -> None:
    layout = Layout(folder / "results")
    alone = rows_of(layout, make(planned(folder), "tuning", layout))
    for stack in (4, 6):
        other = Layout(folder / f"results{stack}")
        shutil.copytree(folder / "results", other.results)
        shutil.rmtree(other.results / "tuning")
        plan = planned(folder, hardware={"stack": stack})
        assert rows_of(other, make(plan, "tuning", other)) == alone


def test_a_killed_tuning_goes_on_with_the_next_trial(
    folder: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    layout, whole = Layout(folder / "results"), Layout(folder / "whole")
    shutil.copytree(layout.results, whole.results)
    expected = rows_of(whole, make(planned(folder), "tuning", whole))
    train, begun = tuning.train, []

    def killed_in_the_third(*given: Any, on_step: Any, **named: Any) -> Any:
        begun.append(given[2])

        def step(done: int, note: str) -> None:
            on_step(done, note)
            # The state of step 3 is on the disk when step 4 is told.
            if len(begun) == 3 and done == 4:
                raise KeyboardInterrupt

        return train(*given, on_step=step, **named)

    monkeypatch.setattr(tuning, "train", killed_in_the_third)
    plan = planned(folder)
    with pytest.raises(KeyboardInterrupt):
        make(plan, "tuning", layout)
    node = next(node for node in plan.nodes if node.stage == "tuning")
    state = layout.folder("tuning", node.key) / "state"
    assert sorted(path.name for path in state.iterdir() if path.name[0] == "0") == [
        "0.001-10-12.json",
        "0.001-11-12.json",
        "0.01-10-12.safetensors",
    ]
    told: list[int] = []

    def again(*given: Any, on_step: Any, **named: Any) -> Any:
        def step(done: int, note: str) -> None:
            told.append(done)
            on_step(done, note)

        return train(*given, on_step=step, **named)

    monkeypatch.setattr(tuning, "train", again)
    capsys.readouterr()
    manifest = make(plan, "tuning", layout)
    assert "2 of 6 trials are done already" in capsys.readouterr().err
    assert told[0] == 4
    assert len(told) == 3 + 3 * 6
    assert rows_of(layout, manifest) == expected
    assert "earlier_seconds" not in manifest.figures


def made_up(
    monkeypatch: pytest.MonkeyPatch, nats: dict[float, float | None]
) -> list[tuple[float, ...]]:
    """Trials end with these losses at once; returns the rates of each stack that was tried."""
    stacks: list[tuple[float, ...]] = []

    def train(*given: Any, **_: Any) -> list[TrainingProgress]:
        stacks.append(tuple(given[2]))
        found = []
        for rate in given[2]:
            point = {"split": "select", "nats": nats[rate]}
            failed = 5 if nats[rate] is None else None
            found.append(TrainingProgress(step=6, seconds=1.0, curve=[point], failed_step=failed))
        return found

    monkeypatch.setattr(tuning, "train", train)
    return stacks


def test_a_rate_with_failed_trials_is_listed_and_not_chosen(
    folder: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    made_up(monkeypatch, {0.001: 3.0, 0.01: 2.0, 0.02: None})
    layout = Layout(folder / "results")
    manifest = make(planned(folder), "tuning", layout)
    rows = rows_of(layout, manifest)
    assert [(row["status"], row["select_nats"]) for row in rows[3:5]] == [
        ("trained", 2.0),
        ("failed", None),
    ]
    figures = manifest.figures
    assert (figures["learning_rate"], figures["on_edge"], figures["failed"]) == (0.01, False, 2)
    assert (figures["runner_up"], figures["lead_nats"], figures["seconds"]) == (0.001, 1.0, 6.0)
    said = capsys.readouterr().err
    assert "the trial of 0.02 with seeds 10 and 12 failed" in said
    assert "warning" not in said


def test_the_error_for_failed_rates_says_what_to_do(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    made_up(monkeypatch, dict.fromkeys((0.001, 0.01, 0.02)))
    with pytest.raises(UserError, match=r"tuning/mine/base/causal: each .* Add lower ones to tune"):
        make(planned(folder), "tuning", Layout(folder / "results"))


def test_a_stack_too_large_for_memory_continues_in_smaller_ones(
    folder: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    stacks = made_up(monkeypatch, {0.001: 3.0, 0.01: 2.0, 0.02: 4.0})
    enough = tuning.train

    def short(*given: Any, **named: Any) -> Any:
        if len(given[2]) > 2:
            raise torch.OutOfMemoryError
        return enough(*given, **named)

    monkeypatch.setattr(tuning, "train", short)
    plan = planned(folder, hardware={"stack": 5})
    assert make(plan, "tuning", Layout(folder / "results")).figures["learning_rate"] == 0.01
    assert stacks == [(0.001, 0.001), (0.01, 0.01), (0.02, 0.02)]
    assert "out of memory with 5 trials at once; goes on with 3" in capsys.readouterr().err


def test_trials_of_a_local_variant_keep_the_past_of_a_member(folder: Path) -> None:
    layout = Layout(folder / "results")
    variants = {
        "causal": {"learning_rate": 0.01},
        "local": {"gradient": "local", "past_from": "causal", "learning_rate": "tune"},
    }
    plan = planned(folder, variants=variants)
    make(plan, "training", layout)
    manifest = make(plan, "tuning", layout)
    assert manifest.label == "tuning/mine/base/local"
    assert manifest.figures["failed"] == 0
    assert [each.stage for each in manifest.inputs["past"]] == ["training"]
    assert len({row["select_nats"] for row in rows_of(layout, manifest)}) == 6


def test_a_local_member_fails_with_its_past(folder: Path) -> None:
    """It is complete all the same, so that the study goes on without it."""
    layout = Layout(folder / "results")
    variants = {
        "causal": {"learning_rate": 1e30},
        "local": {"gradient": "local", "past_from": "causal", "learning_rate": 0.01},
    }
    plan = planned(folder, variants=variants)
    nodes = [node for node in plan.nodes if node.label.endswith("/i0-o0")]
    found = {
        node.label: run_job(description_of(node, plan.study.hardware), layout).figures["status"]
        for node in nodes
    }
    assert found == {
        f"{stage}/mine/base/{variant}/i0-o0": "failed"
        for stage in ("training", "evaluation")
        for variant in ("causal", "local")
    }


# --------------------------------------------------------------- the database and the report


def database_of(results: ExampleResults, folder: Path, current: dict[str, str]) -> Path:
    load(results.root, current, folder / "x.duckdb")
    return folder / "x.duckdb"


def ask(database: Path, sql: str) -> list[tuple[Any, ...]]:
    with duckdb.connect(str(database), read_only=True) as connection:
        return connection.execute(sql).fetchall()


def text_of(database: Path, folder: Path) -> str:
    write_page(database, {}, folder / "x.html")
    return " ".join(re.sub(r"<[^>]+>", "", (folder / "x.html").read_text()).split())


def test_rates_by_hand(tmp_path: Path) -> None:
    results = write_results(tmp_path / "results", analyses=())
    database = database_of(results, tmp_path, results.current)
    rows = ask(
        database,
        "SELECT learning_rate, nats, sd_nats, trials, failed, is_chosen, excess_nats, edge "
        "FROM tuning_summary WHERE variant = 'causal'",
    )
    sd = 0.002 / math.sqrt(2)
    assert rows == [
        pytest.approx((0.0015, 4.101, sd, 2, 0, False, 0.1, None)),
        pytest.approx((0.003, 4.001, sd, 2, 0, True, 0.0, None)),
        pytest.approx((0.006, 4.101, sd, 2, 0, False, 0.1, None)),
        pytest.approx((0.012, 4.2, None, 2, 1, False, 0.199, None)),
    ]
    query = example("learning-rates").sql
    assert ask(database, query) == [
        ("pydocs/w32/causal", 0.003, 4.001, 0.0014, 0.0015, 0.1, [0.0015, 0.003, 0.006, 0.012], 1,
         "yes"),
        ("pydocs/w32/myopic", 0.0015, 4.001, 0.0014, 0.003, 0.1, [0.0015, 0.003, 0.006, 0.012], 1,
         "no: add lower rates"),
    ]  # fmt: skip
    text = text_of(database, tmp_path)
    assert (
        "w32 myopic: the best learning rate, 0.0015, is the lowest that was tried; a better one "
        "may lie beyond. Add lower ones to tune.rates"
    ) in text
    assert text.count("the best learning rate, ") == 1
    assert "w32 causal4.10104.00104.10104.2000 1 of 2 failed" in text


def test_an_arm_that_was_renamed_goes_by_its_current_name(tmp_path: Path) -> None:
    results = write_results(tmp_path / "results", analyses=())
    renamed = {key: label.replace("/w32/", "/tiny/") for key, label in results.current.items()}
    database = database_of(results, tmp_path, renamed)
    assert ask(database, "SELECT DISTINCT size FROM tuning_summary") == [("tiny",)]


def test_without_trials_there_is_no_choice(tmp_path: Path) -> None:
    results = write_results(tmp_path / "results", analyses=(), tuned=False)
    database = database_of(results, tmp_path, results.current)
    query = example("learning-rates").sql
    assert ask(database, query) == []
    text = text_of(database, tmp_path)
    assert "Learning rates" not in text
    assert "tune.rates" not in text
