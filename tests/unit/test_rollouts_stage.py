"""The stage `rollout` on small members: tables, texts that can be read, and the same twice."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest

import kit
from manymasks.config.loading import load_study
from manymasks.engine.job_file import description_of
from manymasks.engine.jobs import run_job
from manymasks.errors import UserError
from manymasks.plan.graph import plan_study
from manymasks.stages import rollout
from manymasks.store.job import Artifact, Job
from manymasks.store.layout import Layout
from manymasks.tokens.shards import TokenStream
from manymasks.tokens.tokenizer import load

STUDY = """\
corpora: {two: {kind: process, process: tally, documents: 150}}
sizes:
  tiny: {width: 8, layers: 1, heads: 1, learning_rate: 0.02}
variants:
  causal: {gradient: causal}
  failed: {gradient: causal, learning_rate: 1.0e+38}
  myopic: {gradient: myopic}
training: {batch: 4, steps: 20, curve_every: 10, curve_windows: 4}
seeds: {init: [0, 1], order: [0]}
analyses: []
hardware: {device: cpu}
"""
SETTINGS: dict[str, Any] = {"prompts": 6, "prompt": 4, "length": 5, "batch": 4, "floor_batch": 3}
TABLES = {
    "rollout", "first_divergence", "agreement_survival", "rollout_pool", "sequence_divergence",
}  # fmt: skip


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Callable[..., Job]:
    folder = tmp_path_factory.mktemp("study")
    (folder / "config.yaml").write_text(STUDY, encoding="utf-8")
    study = load_study([folder / "config.yaml"], {})
    layout = Layout(folder / "results")
    found: dict[str, tuple[Artifact, ...]] = {}
    names = []
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        for stage in ("process", "tokenizer", "tokens", "training"):
            for node in plan_study(study, folder).nodes:
                if node.stage != stage:
                    continue
                manifest = run_job(description_of(node, study.hardware), layout)
                artifact = Artifact(layout.folder(stage, node.key), manifest)
                found[stage] = (*found.get(stage, ()), artifact)
                if stage == "training":
                    _, corpus, size, variant, seeds = node.label.split("/")
                    init, order = (int(seed) for seed in seeds[1:].split("-o"))
                    named = {"corpus": corpus, "size": size, "variant": variant}
                    names.append({**named, "seed_init": init, "seed_order": order})

    def job(folder: Path, report: Any = lambda done, total, note: None, **changed: Any) -> Job:
        settings = {
            "members": names,
            "rollout": {**SETTINGS, **changed},
            "statistics": {"resamples": 100},
            "context": 64,
        }
        inputs = {role: found[role] for role in ("training", "tokens", "tokenizer")}
        return kit.job("rollout", settings, inputs, folder, layout=layout, report=report)

    return job


def _rows(folder: Path, table: str) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = pq.read_table(folder / f"tables/{table}.parquet").to_pylist()
    return found


def test_tables_are_of_the_members_that_did_not_fail(
    made: Callable[..., Job], tmp_path: Path
) -> None:
    said: list[tuple[float, float | None, str]] = []
    job = made(tmp_path, report=lambda done, total, note: said.append((done, total, note)))
    figures = rollout.make(job)
    assert {path.stem for path in (tmp_path / "tables").iterdir()} == TABLES
    assert figures["members"] == 4 and figures["prompts"] == 6
    rows = _rows(tmp_path, "rollout")
    assert len(rows) == 2 * 4 * 6
    assert figures["tokens"] == sum(row["length"] for row in rows)
    trained = {each.key for each in job.inputs["training"] if each.figures["status"] == "trained"}
    assert {row["model"] for row in rows} == trained
    stream = TokenStream.open(job.input("tokens").files("measure/"))
    tokenizer = load(job.input("tokenizer").file("tokenizer.json"))
    whole = {
        name: tokenizer.decode([stream.end_of_text, *stream.document(place)])
        for place, name in enumerate(stream.documents)
    }
    for row in rows:
        assert row["prompt"] in whole[row["document"]]
        assert len(row["prompt"].split()) == 4 and len(row["text"].split()) == row["length"]
    pools = {(row["pool"], row["other"]) for row in _rows(tmp_path, "rollout_pool")}
    causal, myopic = "two/tiny/causal", "two/tiny/myopic"
    assert pools == {(causal, causal), (myopic, myopic), (causal, myopic)}
    for row in _rows(tmp_path, "sequence_divergence"):
        assert (row["kl"] == 0) == (row["model_a"] == row["model_b"])
    notes = [note for *_, note in said]
    assert any("greedy" in note for note in notes) and any("shared-noise" in note for note in notes)
    assert all(total is not None and 0 < done <= total for done, total, _ in said)


def test_noise_depends_on_the_seed_not_on_the_batch(
    made: Callable[..., Job], tmp_path: Path
) -> None:
    for name, changed in (
        ("one", {}),
        ("again", {}),
        ("apart", {"batch": 2}),
        ("other", {"seed": 1}),
    ):
        (tmp_path / name).mkdir()
        rollout.make(made(tmp_path / name, **changed))
    for table in TABLES:
        assert _rows(tmp_path / "one", table) == _rows(tmp_path / "again", table)
    texts = {
        name: [(row["prompt"], row["text"]) for row in _rows(tmp_path / name, "rollout")]
        for name in ("one", "apart", "other")
    }
    assert texts["one"] == texts["apart"] and texts["one"] != texts["other"]


def test_rejects_prompts_longer_than_documents(made: Callable[..., Job], tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"1099 tokens or more: lower rollout\.prompt"):
        rollout.make(made(tmp_path, prompt=900, length=200))
