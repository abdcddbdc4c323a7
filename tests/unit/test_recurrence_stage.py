"""The stage `recurrence`, on members as they are loaded: with gradients."""

from collections import Counter
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
import pytest
from example_members import of_process

import kit
from manymasks.config.analyses import Recurrence
from manymasks.config.training import Size
from manymasks.corpora.processes.registry import process
from manymasks.stages import recurrence as stage

LENGTH = 40
SIZES = {
    "attention": Size(width=16, layers=2, heads=2, embedding_sd=1),
    "recurrent": Size(mixer="recurrent", width=16, layers=2, head_size=8, embedding_sd=1),
}
SETTINGS = Recurrence(
    documents=12, positions=3, components=(2, 4), patched=(5, 9), read_on=3, lags=(1, 3), writes=4
)


def test_members_of_both_mixers(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    tokens = process("masks").draw(12, np.random.default_rng(0))[:, :LENGTH]
    monkeypatch.setattr(stage, "process_documents", lambda job, split, most: tokens[:most])
    names = [(size, seed) for size in SIZES for seed in (0, 1)]
    settings = {
        "process": {"kind": "process", "process": "masks"},
        "members": [
            {
                "corpus": "masks", "size": size, "variant": "causal",
                "seed_init": seed, "seed_order": seed,
            }
            for size, seed in names
        ],
        "statistics": {"resamples": 100},
        "recurrence": SETTINGS.model_dump(),
    }  # fmt: skip
    trainings = tuple(of_process(tmp_path / f"{s}{n}", SIZES[s], 9, LENGTH, n) for s, n in names)
    job = kit.job("recurrence", settings, {"training": trainings}, tmp_path / "job")
    assert stage.make(job) == {"members": 4, "documents": 12, "positions": 3}
    counts = {
        table: Counter(
            row["model"]
            for row in pq.read_table(job.folder / "tables" / f"{table}.parquet").to_pylist()
        )
        for table in ("state_reading", "state_patch", "write_effect", "state_statistic")
    }
    everyone = {artifact.key for artifact in trainings}
    recurrent = {artifact.key for artifact in trainings[2:]}
    assert set(counts["state_reading"]) == everyone
    for table in ("state_patch", "write_effect", "state_statistic"):
        assert set(counts[table]) == recurrent
    # Every member has as many rows as another of its size.
    for table, of_model in counts.items():
        assert len({of_model[key] for key in recurrent}) == 1, table
    # Two layers of two heads.
    assert counts["state_statistic"]["recurrent0"] == 4
