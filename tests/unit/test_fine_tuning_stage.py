"""The stage `fine_tuning` with rewards: states of every arm, and what was predicted of them."""

from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest
from example_members import of_process
from numpy.testing import assert_allclose

import kit
from manymasks.config.training import Size
from manymasks.corpora.processes.masks import LENGTH, VOCABULARY
from manymasks.stages import fine_tuning as stage
from manymasks.store.job import Job
from manymasks.truth.tuned_predictions import PREDICTIONS, REWARD_ARMS

SIZE = Size(width=8, layers=1, heads=1, rotary_base=100, embedding_sd=1)
SETTINGS = {
    "documents": 5, "letters": [0, 4], "alphas": [0.0, 0.5, 1.0],
    "reward": {
        "rewards": [{"letter": "a", "nats": 0.2}, {"mask": "sticky"}], "steps": 4, "batch": 10,
        "late": [0.5], "members": 2, "learning_rate": 0.01,
    },
}  # fmt: skip


def job_of(folder: Path) -> Job:
    names = [("causal", 0), ("causal", 1), ("causal", 2), ("myopic", 0)]
    members = [
        {"corpus": "known", "size": "base", "variant": variant, "seed_init": seed,
         "seed_order": seed}
        for variant, seed in names
    ]  # fmt: skip
    settings = {
        "process": {"kind": "process", "process": "masks"},
        "members": members,
        "statistics": {"resamples": 100},
        "fine_tuning": SETTINGS,
    }
    trainings = tuple(
        of_process(folder / f"{variant}{seed}", SIZE, len(VOCABULARY), LENGTH, seed, variant)
        for variant, seed in names
    )
    return kit.job("fine_tuning", settings, {"training": trainings, "start": ()}, folder / "job")


def rows_of(job: Job, table: str) -> list[dict[str, Any]]:
    (path,) = job.folder.rglob(f"{table}.parquet")
    rows: list[dict[str, Any]] = pq.read_table(path).to_pylist()
    return rows


@pytest.fixture(scope="module")
def job(tmp_path_factory: pytest.TempPathFactory) -> Job:
    made = job_of(tmp_path_factory.mktemp("stage"))
    # The third causal member is more than are trained.
    assert stage.make(made) == {"members": 4, "states": 4 * 3 * 3, "prompts": 40}
    return made


def test_states_of_every_arm(job: Job) -> None:
    rows = rows_of(job, "tuned_law")
    assert {row["arm"] for row in rows} == set(REWARD_ARMS)
    for arm in REWARD_ARMS:
        mine = [row for row in rows if row["arm"] == arm]
        assert {row["model"] for row in mine} == {"causal0", "causal1", "myopic0", "bayes"}
        assert {row["step"] for row in mine} == {None, 0, 2, 4}
        for row in mine:
            if row["step"] == 0:
                assert_allclose([row["kl"], row["kl_one"]], 0, atol=1e-9)
            elif row["step"] is not None:
                assert row["kl"] > 1e-6
            else:
                assert_allclose([row["goal_kl"], row["goal_kl_one"]], [row["kl"], row["kl_one"]])
                assert_allclose([row["from_changed"], row["residual"] - row["floor"]], 0, atol=1e-9)
    (exact,) = {
        row["kl_one"] for row in rows
        if (row["model"], row["arm"], row["letters"]) == ("bayes", "mask reward", 4)
    }  # fmt: skip
    assert exact < 1e-6


def test_every_class_has_its_predictions(job: Job) -> None:
    rows = rows_of(job, "prediction")
    expected = {one.quantity for arm in REWARD_ARMS for one in PREDICTIONS[arm]}
    for variant in ("causal", "myopic"):
        mine = {row["quantity"]: row["seen"] for row in rows if row["variant"] == variant}
        assert mine.keys() == expected
        assert mine["KL from the optimum over that at the start, letter optimum"] < 1


def test_a_job_that_begins_again_ends_the_same(job: Job, tmp_path: Path) -> None:
    again = job_of(tmp_path)
    stage.make(again)
    assert rows_of(again, "tuned_law") == rows_of(job, "tuned_law")
