"""The stage `steering`: tables, predictions beside what came, and interrupted jobs."""

from pathlib import Path
from typing import Any

import numpy as np
import pyarrow.parquet as pq
import pytest
from example_members import of_process

import kit
from manymasks.arrays import Floats
from manymasks.config.steering import Steering
from manymasks.config.training import Size
from manymasks.corpora.processes.registry import process
from manymasks.corpora.processes.steer import COSTS, CUES, LENGTH, VOCABULARY, steer_law, tilted
from manymasks.stages import steering as stage
from manymasks.steering.arm_training import ArmRun
from manymasks.steering.steering_predictions import (
    EASY,
    MYOPIC,
    RARE,
    predictions_of,
    rare_quantities,
    steer_quantities,
)
from manymasks.steering.steering_tables import ArmResult, arm_row, cue_rows, exact_slope
from manymasks.store.job import Job

SIZE = Size(width=8, layers=1, heads=1, rotary_base=100, embedding_sd=1)
SETTINGS = {
    "steps": 2, "batch": 8, "betas": [1.0, 2.0], "share": 0.25, "runs": 1, "run_steps": 2,
    "path_every": 1, "exact_steps": 2,
}  # fmt: skip
LAW = steer_law("steer")
SEEDS = [(0, 0), (1, 1)]


def job_of(folder: Path, name: str, monkeypatch: pytest.MonkeyPatch) -> Job:
    tokens = process(name).draw(2000, np.random.default_rng(0))
    monkeypatch.setattr(stage, "process_documents", lambda job, split, most: tokens[:most])
    names = [(variant, seed) for variant in ("myopic", "causal") for seed in (0, 1)]
    settings = {
        "process": {"kind": "process", "process": name},
        "members": [
            {
                "corpus": "known", "size": "base", "variant": variant,
                "seed_init": seed, "seed_order": seed,
            }
            for variant, seed in names
        ],
        "statistics": {"resamples": 100},
        "steering": SETTINGS,
    }  # fmt: skip
    trainings = tuple(
        of_process(folder / f"{variant}{seed}", SIZE, len(VOCABULARY), LENGTH, seed, variant)
        for variant, seed in names
    )
    return kit.job("steering", settings, {"training": trainings}, folder / "job")


def rows_of(job: Job, table: str) -> list[dict[str, Any]]:
    (path,) = job.folder.rglob(f"{table}.parquet")
    rows: list[dict[str, Any]] = pq.read_table(path).to_pylist()
    return rows


def test_arms_of_every_member(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    job = job_of(tmp_path, "steer", monkeypatch)
    runs = len(list(stage.planned_runs(Steering.model_validate(SETTINGS))))
    assert stage.make(job) == {"members": 4, "runs": 4 * runs}
    rows = rows_of(job, "steering")
    assert len(rows) == 4 * (runs + 1)
    for row in rows:
        is_walk = row["optimizer"] == "sgd"
        assert (row["slope_sd"] is not None) == is_walk == (row["log_sd"] is not None)
        assert (row["exact_slope"] is None) == (row["arm"] in ("greedy", "total"))
    assert {row["dose"] for row in rows if row["arm"] == "return"} == {1.0, 2.0}
    assert len(rows_of(job, "steering_cue")) == CUES * len(rows)
    assert [row["step"] for row in rows_of(job, "steering_path")] == [1, 2] * 4
    predictions = rows_of(job, "prediction")
    by_variant = {
        variant: {row["quantity"] for row in predictions if row["variant"] == variant}
        for variant in ("causal", "myopic")
    }
    # Myopic members are compared with causal ones, whatever their order.
    assert by_variant["myopic"] - by_variant["causal"] == {MYOPIC.quantity}
    assert all(row["seen"] is not None for row in predictions)


def test_an_interrupted_job_goes_on(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    job = job_of(tmp_path, "steer", monkeypatch)
    stage.make(job)
    rows = rows_of(job, "steering")
    trained: list[ArmRun] = []

    def refused(model: Any, start: Any, law: Any, run: ArmRun, *rest: Any, **more: Any) -> None:
        trained.append(run)
        raise KeyboardInterrupt

    monkeypatch.setattr(stage, "train_arm", refused)
    stage.make(job)
    assert not trained
    assert rows_of(job, "steering") == rows
    # A damaged run is made again.
    (damaged,) = job.state.glob("base-causal-0.json")
    damaged.write_text("{}")
    with pytest.raises(KeyboardInterrupt):
        stage.make(job)
    assert [run.arm for run in trained] == ["offline"]


@pytest.mark.parametrize("name", ["steer-rare", "steer-easy"])
def test_rare_cues_are_read_without_arms(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    job = job_of(tmp_path, name, monkeypatch)
    assert stage.make(job) == {"members": 4, "runs": 0}
    assert {row["arm"] for row in rows_of(job, "steering")} == {"trained"}
    cues = rows_of(job, "steering_cue")
    assert sum(row["documents"] for row in cues) == 4 * 2000
    assert [row["is_rare"] for row in cues[:CUES]] == [False] * 4 + [True] * 4
    predictions = predictions_of(steer_law(name), has_causal=True)
    assert predictions == {"steer-rare": (RARE,), "steer-easy": (RARE, EASY)}[name]
    assert not list(job.folder.rglob("steering_path.parquet"))


# ------------------------------------------------------------------------------- exact predictors


def result(
    arm: str, laws: Floats, dose: float | None = None, optimizer: str = "adamw"
) -> ArmResult:
    run = ArmRun(arm, optimizer, 100, 10, 0.1, dose)
    return ArmResult(run, laws, LAW.choices, 2.0)


def test_exact_predictors_land_on_their_rows() -> None:
    corner = np.full((CUES, 4), 1e-9)
    corner[:, 0] = 1 - 3e-9
    ends = [
        (result("offline", LAW.choices), 0.0, 0.0),
        (result("self", LAW.choices), 0.0, 0.0),
        (result("pathwise", LAW.choices, 2.0), 0.0, 0.0),
        (result("return", tilted(LAW.choices, COSTS, 0.5), 2.0), 0.5, 0.0),
        (result("greedy", corner), None, None),
        (result("total", corner), None, None),
    ]
    for end, slope, residual in ends:
        row = arm_row(end, LAW, None)
        assert row["exact_slope"] == (None if slope is None else pytest.approx(slope))
        if slope is not None:
            assert row["slope"] == pytest.approx(slope, abs=1e-12)
            assert row["residual"] == pytest.approx(residual, abs=1e-12)
    row = arm_row(ends[4][0], LAW, None)
    assert row["cues_on_easiest"] == CUES
    assert row["easiest"] == pytest.approx(1)
    assert row["later_excess"] == pytest.approx(2 - COSTS[0], abs=1e-6)
    share = exact_slope(result("mixed", LAW.choices, 0.2).run, LAW, LAW.choices)
    assert share is not None
    assert 0.1 < share < 0.5


def test_frequencies_land_on_their_rows_by_cue() -> None:
    counts = np.round(1000 * LAW.choices).astype(np.int64)
    counts[7, 1] = 0
    rows = cue_rows(ArmResult(None, LAW.choices, LAW.choices), "steer", LAW, counts)
    assert [row["documents"] for row in rows] == [1000] * 7 + [1000 - 300]
    assert rows[7]["counted_slope"] is None
    for row in rows[:7]:
        assert row["slope"] == pytest.approx(0, abs=1e-12)
        assert row["counted_slope"] == pytest.approx(0, abs=1e-12)
        assert not row["is_rare"]


def test_exact_members_meet_every_prediction() -> None:
    corner = np.full((CUES, 4), 1e-6)
    corner[:, 0] = 1 - 3e-6
    mixed = np.stack([tilted(row, COSTS, 0.3) for row in LAW.choices])
    members = [
        [
            ArmResult(None, LAW.choices, LAW.choices),
            result("offline", LAW.choices),
            result("self", LAW.choices),
            result("return", tilted(LAW.choices, COSTS, 0.5), 2.0),
            result("return", tilted(LAW.choices, COSTS, 1.0), 1.0),
            result("greedy", corner),
            result("total", corner),
            result("pathwise", LAW.choices, 1.0),
            result("mixed", mixed, 0.2),
        ]
        for _ in SEEDS
    ]
    seen, dosed = steer_quantities(members, [None, None], LAW, SEEDS, {}, 0.95)
    assert seen["change by a return, times beta"].estimate == pytest.approx(1)
    assert seen["residual after a return at beta 2"].estimate == pytest.approx(0, abs=1e-12)
    assert seen["change by own choices, AdamW"].estimate == pytest.approx(0, abs=1e-12)
    assert seen["cues on the easiest choice, total"].estimate == CUES
    assert MYOPIC.quantity not in seen
    gap, _ = steer_quantities(members, [None, None], LAW, SEEDS, dosed, 0.95)
    assert gap[MYOPIC.quantity].estimate == pytest.approx(0, abs=1e-12)


def test_scores_of_rare_cues_are_standard_normal() -> None:
    law, rng = steer_law("steer-rare"), np.random.default_rng(1)
    documents = 40_000 * law.cues
    scores = []
    for _ in range(400):
        counts = np.stack(
            [rng.multinomial(int(n), row) for n, row in zip(documents, law.choices, strict=True)]
        )
        laws = counts / counts.sum(-1, keepdims=True)
        seen = rare_quantities([laws, laws], law, documents, SEEDS, 0.95)
        scores.append(seen[RARE.quantity].estimate)
    assert abs(np.mean(scores)) < 4 * np.std(scores) / 20
    assert np.std(scores) == pytest.approx(1, abs=0.15)
