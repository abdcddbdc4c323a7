"""The stages `candidates` and `volume` on small members, and late weights on their way there."""

import shutil
from dataclasses import dataclass, replace
from itertools import count
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pyarrow.parquet as pq
import pytest
import torch

import kit
from manymasks.config.loading import load_study
from manymasks.config.settings import identity
from manymasks.engine.job_file import description_from_manifest, description_of
from manymasks.engine.jobs import run_job
from manymasks.evaluation.document_losses import score_documents
from manymasks.plan.graph import plan_study
from manymasks.rashomon.derived import derived_weights
from manymasks.stages import code_length, volume
from manymasks.stages import derived as stage
from manymasks.stages.inputs.derived_members import load_derived
from manymasks.stages.inputs.weights import load_members
from manymasks.store.canonical import digest
from manymasks.store.job import Artifact, Job
from manymasks.store.layout import Layout
from manymasks.tokens.shards import TokenStream
from manymasks.training import loop
from manymasks.training.checkpoint import load_weights, read_weights, save_state

STUDY = """\
corpora: {two: {kind: process, process: tally, documents: 150}}
sizes:
  tiny: {width: 8, layers: 1, heads: 1, learning_rate: 0.02}
  wide: {width: 16, layers: 1, heads: 1, learning_rate: 0.02}
variants:
  causal: {gradient: causal}
  failed: {gradient: causal, learning_rate: 1.0e+38}
training: {batch: 4, steps: 20, curve_every: 10, curve_windows: 4, late: [0.5, 0.85]}
seeds: {init: [0, 1], order: [0]}
derived: {draws: 3, windows: 8, eps: 0.05, parents: 2}
volume: {directions: 3, windows: 8, eps: 0.05}
statistics: {resamples: 100}
analyses: []
hardware: {device: cpu}
"""
CPU = torch.device("cpu")


@dataclass(frozen=True)
class Made:
    """What the stages are given, and a folder to write to."""

    layout: Layout
    settings: dict[str, Any]
    trainings: dict[str, Artifact]
    tokens: Artifact

    def job(self, stage: str, labels: list[str], folder: Path) -> Job:
        names = []
        for label in labels:
            _, corpus, size, variant, seeds = label.split("/")
            init, order = (int(seed) for seed in seeds[1:].split("-o"))
            named = {"corpus": corpus, "size": size, "variant": variant}
            names.append({**named, "seed_init": init, "seed_order": order})
        inputs = {
            "training": tuple(self.trainings[label] for label in labels),
            "tokens": (self.tokens,),
        }
        settings = {**self.settings, "members": names}
        return kit.job(stage, settings, inputs, folder, layout=self.layout)


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Made:
    folder = tmp_path_factory.mktemp("study")
    (folder / "config.yaml").write_text(STUDY, encoding="utf-8")
    study = load_study([folder / "config.yaml"], {})
    layout = Layout(folder / "results")
    found: dict[str, Artifact] = {}
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        for stage in ("process", "tokenizer", "tokens", "training"):
            for node in plan_study(study, folder).nodes:
                if node.stage == stage:
                    manifest = run_job(description_of(node, study.hardware), layout)
                    found[node.label] = Artifact(layout.folder(stage, node.key), manifest)
    settings = {
        "derived": identity(study.derived),
        "volume": identity(study.volume),
        "code_length": {"excess": [0.01, 0.1, 0.5], "eps": [0.1], "windows": 8, "seed": 0},
        "statistics": identity(study.statistics),
        "evaluation": {"batch": 16, "position_edges": [0, 8]},
    }
    trainings = {label: each for label, each in found.items() if label.startswith("training/")}
    return Made(layout, settings, trainings, found["tokens/two"])


@dataclass(frozen=True)
class Derived:
    """What the stage made of one class."""

    job: Job
    artifact: Artifact
    rows: list[dict[str, Any]]
    losses: list[dict[str, Any]]
    parents: list[Artifact]


def as_artifact(job: Job, figures: dict[str, Any]) -> Artifact:
    manifest = kit.manifest(job.stage, key=job.key, label=job.label, figures=figures)
    return Artifact(job.folder, manifest)


def rows_of(folder: Path, table: str) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = pq.read_table(folder / f"tables/{table}.parquet").to_pylist()
    return found


@pytest.fixture(scope="module")
def derived(made: Made, tmp_path_factory: pytest.TempPathFactory) -> Derived:
    labels = [f"training/two/tiny/causal/i{seed}-o0" for seed in (0, 1)]
    job = made.job("derived", labels, tmp_path_factory.mktemp("derived"))
    figures = stage.make(job)
    return Derived(
        job,
        as_artifact(job, figures),
        rows_of(job.folder, "model"),
        rows_of(job.folder, "model_loss"),
        [made.trainings[label] for label in labels],
    )


def test_late_weights_are_files_of_the_training(made: Made) -> None:
    for label, training in made.trainings.items():
        files = [each.path for each in training.manifest.files if "weights-" in each.path]
        if "failed" in label:
            assert training.figures["late"] == []
            assert not files
        else:
            assert training.figures["late"] == [10, 17]
            assert files == ["weights-10.safetensors", "weights-17.safetensors"]
            early, late, last = (
                read_weights(training.file(name))["W_U"]
                for name in ("weights-10.safet", "weights-17.safet", "weights.safet")
            )
            assert (early - last).norm() > (late - last).norm() > 0


def timed(figures: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in figures.items() if "second" in name}


def test_a_killed_training_has_its_late_weights_after_resuming(
    made: Made, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The job clears its folder when it begins again, but not what goes on."""
    before = made.trainings["training/two/tiny/causal/i0-o0"]
    layout = Layout(tmp_path / "results")
    shutil.copytree(made.layout.results, layout.results)
    folder = layout.folder("training", before.key)
    shutil.rmtree(folder)
    description = {
        **description_from_manifest(before.manifest),
        "hardware": {"device": "cpu", "checkpoint_seconds": 1},
    }

    def killed(*args: Any) -> None:
        save_state(*args)
        raise KeyboardInterrupt

    # A second a look: each step ends with a saved state.
    ticks = count()
    monkeypatch.setattr(loop, "time", SimpleNamespace(monotonic=lambda: float(next(ticks))))
    for kill_at in (10, 17):
        state = save_state
        monkeypatch.setattr(
            loop,
            "save_state",
            lambda *args, at=kill_at, state=state: (
                killed(*args) if args[2].step >= at else state(*args)
            ),
        )
        with pytest.raises(KeyboardInterrupt):
            run_job(description, layout)
        assert not (folder / "manifest.json").exists()
    monkeypatch.setattr(loop, "save_state", save_state)
    manifest = run_job(description, layout)
    assert manifest.figures == {**before.figures, **timed(manifest.figures)}
    for name in ("weights-10.safetensors", "weights-17.safetensors", "weights.safetensors"):
        assert (folder / name).read_bytes() == before.file(name).read_bytes()
    assert not (folder / "state").exists()


def test_every_member_is_a_model_with_its_parent(derived: Derived) -> None:
    members = derived.artifact.figures["members"]
    assert derived.artifact.figures["status"] == "trained"
    assert [row["model"] for row in derived.rows] == [each["model"] for each in members]
    assert len({row["model"] for row in derived.rows}) == len(derived.rows) == 2 * (3 + 3 + 2)
    for parent, rows in zip(derived.parents, (derived.rows[:8], derived.rows[8:]), strict=True):
        (own,) = rows_of(parent.folder, "model")
        assert [row["method"] for row in rows] == ["noise"] * 3 + ["dropout"] * 3 + [
            "checkpoint"
        ] * 2
        for row in rows:
            same = ("model_class", "corpus", "size", "variant", "seed_init", "seed_order")
            assert {name: row[name] for name in same} == {name: own[name] for name in same}
            assert row["parent"] == parent.key
            assert row["weights_sha256"] is None
            named = [derived.job.key, parent.key, row["method"], row["scale"], row["draw"]]
            assert row["model"] == digest(named)[:12]
            if row["method"] == "checkpoint":
                assert row["draw"] is None
                assert row["cost_seconds"] == 0
            else:
                assert row["cost_seconds"] > 0
                assert row["training_tokens"] == own["training_tokens"]
        assert [row["draw"] for row in rows] == [0, 1, 2, 0, 1, 2, None, None]
        assert [row["scale"] for row in rows[6:]] == [0.5, 0.85]
        assert [row["training_tokens"] for row in rows[6:]] == [
            step * own["training_tokens"] / 20 for step in (10, 17)
        ]
        assert len({row["scale"] for row in rows[:3]}) == 1
        assert len({row["scale"] for row in rows[3:6]}) == 1


def test_members_are_reproduced_bit_for_bit(derived: Derived) -> None:
    members = derived.artifact.figures["members"]
    model = load_derived(derived.artifact, derived.parents, CPU)
    assert model.members == len(members)
    by_key = {parent.key: parent for parent in derived.parents}
    for slot, member in enumerate(members):
        parent = by_key[member["parent"]]
        if member["method"] == "checkpoint":
            expected = read_weights(parent.file(f"weights-{member['step']}.safetensors"))
        else:
            own = read_weights(parent.file("weights.safetensors"))
            how = (member["method"], member["scale"], member["draw"])
            expected = derived_weights(own, *how)
        for name, weight in model.weights_of(slot).items():
            assert torch.equal(weight, expected[name]), (member, name)
    some = load_derived(derived.artifact, derived.parents, CPU, [5])
    assert torch.equal(some.W_U[0], model.W_U[5])
    assert some.members == 1


@pytest.mark.parametrize("split", ["select", "measure"])
def test_sums_are_those_of_the_reproduced_members(derived: Derived, made: Made, split: str) -> None:
    model = load_derived(derived.artifact, derived.parents, CPU)
    stream = TokenStream.open(made.tokens.files(f"{split}/"))
    settings = derived.parents[0].manifest.settings["training"]
    scores = score_documents(
        model,
        [stream.document(i) for i in range(len(stream.documents))],
        context=settings["context"],
        end_of_text=stream.end_of_text,
        edges=(0, 8),
        batch=16,
    )
    with np.load(derived.job.folder / "sums.npz") as sums:
        assert sums["edges"].tolist() == [0, 8]
        np.testing.assert_array_equal(sums[f"{split}_tokens"], scores[0].tokens)
        np.testing.assert_array_equal(sums[f"{split}_nats"], [each.nats for each in scores])
        totals = sums[f"{split}_nats"].sum((1, 2)) / sums[f"{split}_tokens"].sum()
    rows = [row for row in derived.losses if row["split"] == split]
    assert [row["model"] for row in rows] == [row["model"] for row in derived.rows]
    np.testing.assert_allclose([row["nats"] for row in rows], totals)
    assert all(row["nats_low"] < row["nats"] < row["nats_high"] for row in rows)
    assert all(0 <= row["top1"] <= 1 for row in rows)


def test_derived_members_lose_eps_on_average(derived: Derived, made: Made) -> None:
    stream = TokenStream.open(made.tokens.files("select/"))
    context = derived.parents[0].manifest.settings["training"]["context"]
    windows = torch.from_numpy(stream.spread(8, context))
    own = load_members(derived.parents, CPU).nats(windows.expand(2, -1, -1)).detach()
    model = load_derived(derived.artifact, derived.parents, CPU)
    nats = model.nats(windows.expand(model.members, -1, -1))
    for parent in (0, 1):
        noise = nats[8 * parent : 8 * parent + 3]
        assert float(noise.mean() - own[parent]) == pytest.approx(0.05, rel=0.07)


def test_a_class_without_successful_parents_has_no_derived_members(
    made: Made, tmp_path: Path
) -> None:
    job = made.job("derived", ["training/two/tiny/failed/i0-o0"], tmp_path)
    assert stage.make(job) == {"status": "failed", "members": []}
    assert not list(tmp_path.iterdir())
    (tmp_path / "b").mkdir()
    # One of two is enough.
    labels = [f"training/two/tiny/{variant}/i0-o0" for variant in ("failed", "causal")]
    figures = stage.make(made.job("derived", labels, tmp_path / "b"))
    assert {each["parent"] for each in figures["members"]} == {made.trainings[labels[1]].key}


def test_only_the_requested_methods(made: Made, tmp_path: Path) -> None:
    job = made.job("derived", ["training/two/tiny/causal/i0-o0"], tmp_path)
    settings = {**job.settings["derived"], "methods": ["checkpoint"]}
    only = replace(job, settings={**job.settings, "derived": settings})
    figures = stage.make(only)
    assert [each["step"] for each in figures["members"]] == [10, 17]
    other = load_members([made.trainings["training/two/tiny/causal/i0-o0"]], CPU)
    load_weights(other, 0, only.inputs["training"][0].file("weights-17.safetensors"))
    again = load_derived(as_artifact(only, figures), only.inputs["training"], CPU, [1])
    assert torch.equal(again.W_U, other.W_U)


QUANTISED = "training/two/tiny/causal/i0-o0"


@pytest.fixture(scope="module")
def quantised(made: Made, tmp_path_factory: pytest.TempPathFactory) -> Derived:
    job = made.job("derived", [QUANTISED], tmp_path_factory.mktemp("quantised"))
    settings = {**job.settings["derived"], "methods": ["quantised"], "rises": [0.01, 0.1, 0.5]}
    job = replace(job, settings={**job.settings, "derived": settings})
    figures = stage.make(job)
    return Derived(
        job,
        as_artifact(job, figures),
        rows_of(job.folder, "model"),
        rows_of(job.folder, "model_loss"),
        [made.trainings[QUANTISED]],
    )


def test_quantised_members_are_the_codes_of_code_length(
    made: Made, quantised: Derived, tmp_path: Path
) -> None:
    code_length.make(made.job("code_length", [QUANTISED], tmp_path))
    expected = rows_of(tmp_path, "code_length")
    found = rows_of(quantised.job.folder, "quantised_model")
    assert [row["scale"] for row in quantised.rows] == [0.01, 0.1, 0.5]
    assert [row["model"] for row in found] == [row["model"] for row in quantised.rows]
    for name in ("bits", "bits_per_weight", "rounding_offset", "select_excess"):
        assert [row[name] for row in found] == [row[name] for row in expected]
    # Their weights, read again from the recipe, lose what the codes lose on both splits.
    model = load_derived(quantised.artifact, quantised.parents, CPU)
    parent = load_members(quantised.parents, CPU)
    context = quantised.parents[0].manifest.settings["training"]["context"]
    for split in ("select", "measure"):
        stream = TokenStream.open(made.tokens.files(f"{split}/"))
        windows = torch.from_numpy(stream.spread(8, context))
        nats = model.nats(windows.expand(3, -1, -1)) - parent.nats(windows[None])
        excess = [row[f"{split}_excess"] for row in expected]
        np.testing.assert_allclose(nats.detach().numpy(), excess, atol=2e-6)


def test_quantised_members_are_scored_like_others(quantised: Derived) -> None:
    assert [row["method"] for row in quantised.rows] == ["quantised"] * 3
    assert [row["draw"] for row in quantised.rows] == [None] * 3
    assert all(row["cost_seconds"] > 0 for row in quantised.rows)
    for split in ("select", "measure"):
        losses = [row["nats"] for row in quantised.losses if row["split"] == split]
        assert losses == sorted(losses)
    with np.load(quantised.job.folder / "sums.npz") as sums:
        assert len(sums["select_nats"]) == len(sums["measure_nats"]) == 3


# ------------------------------------------------------------------------------- volume


def test_volumes_and_their_contrast(made: Made, tmp_path: Path) -> None:
    labels = [label for label in made.trainings if "failed" not in label]
    job = made.job("volume", [*labels, "training/two/tiny/failed/i0-o0"], tmp_path)
    assert volume.make(job) == {"members": 4, "windows": 8}
    rows = rows_of(tmp_path, "local_volume")
    assert [row["model"] for row in rows] == [made.trainings[label].key for label in labels]
    context = made.trainings[labels[0]].manifest.settings["training"]["context"]
    stream = TokenStream.open(made.tokens.files("select/"))
    windows = torch.from_numpy(stream.spread(8, context))
    for label, row in zip(labels, rows, strict=True):
        d = made.trainings[label].figures["parameters"]
        assert (row["weights"], row["directions"], row["windows"]) == (d, 3, 8)
        assert row["eps_nats"] == 0.05
        assert row["log_radius_low"] < row["log_radius"] < row["log_radius_high"]
        assert row["log_volume"] == pytest.approx(d * row["log_radius"])
        assert row["log_volume_per_weight"] == row["log_radius"]
        assert row["log_volume_sampled"] >= row["log_volume"]
        # By hand, one direction: at the mean radius the losses are eps on average, nearly.
        model = load_members([made.trainings[label]], CPU).requires_grad_(False)
        own = float(model.nats(windows[None]))
        weights = read_weights(made.trainings[label].file("weights.safetensors"))
        excess = []
        for seed in range(3):
            moved = volume.direction(weights, seed)
            for name, weight in model.weights_of(0).items():
                weight.copy_(weights[name] + np.exp(row["log_radius"]) * moved[name])
            excess.append(float(model.nats(windows[None])) - own)
        assert np.exp(np.mean(np.log(excess))) == pytest.approx(0.05, rel=0.2)
    (contrast,) = rows_of(tmp_path, "contrast")
    names = ("claim", "corpus", "subject", "baseline", "within")
    assert [contrast[name] for name in names] == ["volume", "two", "wide", "tiny", "causal"]
    radius = {label: row["log_radius"] for label, row in zip(labels, rows, strict=True)}
    means = [
        np.mean([value for label, value in radius.items() if size in label])
        for size in ("wide", "tiny")
    ]
    assert contrast["estimate"] == pytest.approx(means[0] - means[1])
    assert contrast["low"] < contrast["estimate"] < contrast["high"]
    assert contrast["inits"] == 2
    assert contrast["documents"] is None
    assert "is_primary" not in contrast


def test_code_lengths(made: Made, tmp_path: Path) -> None:
    labels = [label for label in made.trainings if "failed" not in label]
    job = made.job("code_length", labels, tmp_path)
    assert code_length.make(job) == {"members": 4, "windows": 8}
    rows, constants = rows_of(tmp_path, "code_length"), rows_of(tmp_path, "code_constant")
    context = made.trainings[labels[0]].manifest.settings["training"]["context"]
    stream = TokenStream.open(made.tokens.files("measure/"))
    windows = torch.from_numpy(stream.spread(8, context))
    for label, constant in zip(labels, constants, strict=True):
        training = made.trainings[label]
        mine = [row for row in rows if row["model"] == training.key]
        assert [row["aimed_excess"] for row in mine] == [0.01, 0.1, 0.5]
        bits = [row["bits"] for row in mine]
        assert bits == sorted(bits, reverse=True)
        for row in mine:
            assert row["bits_per_weight"] == row["bits"] / training.figures["parameters"]
        own = float(load_members([training], CPU).requires_grad_(False).nats(windows[None]))
        assert constant["measure_nats"] == pytest.approx(own, abs=1e-6)
    assert {row["eps_nats"] for row in rows_of(tmp_path, "code_bits")} == {0.1}
    quantities = {row["quantity"] for row in rows_of(tmp_path, "prediction")}
    assert quantities == {"slope", "range of the constant over seeds"}
