"""The stage `divergence`: its tables against each other and against the members themselves."""

import math
from pathlib import Path
from typing import Any

import example_members as example
import numpy as np
import pyarrow.parquet as pq
import pytest
import torch

import kit
from manymasks.config.analyses import Divergence, Statistics
from manymasks.config.settings import identity
from manymasks.divergence import probe_pass
from manymasks.stages import divergence
from manymasks.stages.inputs.weights import load_members
from manymasks.store.job import Artifact, Job
from manymasks.tokens.tokenizer import word_tokenizer

CPU = torch.device("cpu")
WINDOWS, SCORED, SEVERITIES, LENGTH = 7, 5, 2, example.CONTEXT
LENGTHS = (12, LENGTH)
DOCUMENTS = ["c", "a", "a", "b", "c", "b", "b"]
SETTINGS = Divergence(batch=4, floor_batch=3, floor_windows=5, sampled=12, shown=5, bins=4)
TABLES = (
    "model_probe", "pair_divergence", "noise_floor", "pool_divergence", "behaviour_component",
    "probe_item", "calibration_bin", "position_divergence", "position_prediction",
    "probe_distance",
)  # fmt: skip
KEYS = ("severity", "model", "model_a", "model_b", "pool", "other", "metric", "item", "position",
        "bin", "kind", "ordering", "component", "measure", "perturbation")  # fmt: skip

Rows = list[dict[str, Any]]


@pytest.fixture(scope="module")
def inputs(tmp_path_factory: pytest.TempPathFactory) -> dict[str, tuple[Artifact, ...]]:
    folder = tmp_path_factory.mktemp("inputs")
    training = [
        example.member(folder / f"{size}{seed}", size, seed)
        for size in ("tiny", "wide")
        for seed in (0, 1)
    ]
    training.append(example.member(folder / "failed", "wide", 2, "failed"))
    reference = [
        example.member(folder / "reference", "tiny", 5),
        example.member(folder / "another", "wide", 6),
        example.member(folder / "lost", "tiny", 7, "failed"),
    ]
    words = folder / "tokenizer"
    words.mkdir()
    word_tokenizer([f"w{i}" for i in range(example.VOCABULARY)]).save(words / "tokenizer.json")
    probe = folder / "probe"
    probe.mkdir()
    tokens = np.random.default_rng(0).integers(
        1, example.VOCABULARY, size=(SEVERITIES, WINDOWS, LENGTH + 1)
    )
    np.savez(
        probe / "contexts.npz",
        tokens=tokens,
        documents=np.array(DOCUMENTS),
        lengths=np.array(LENGTHS),
    )
    return {
        "training": tuple(training),
        "reference": tuple(reference),
        "tokenizer": (kit.artifact("tokenizer", words),),
        "probe": (
            kit.artifact("probe", probe, settings={"name": "longer"}, figures={"scored": SCORED}),
        ),
    }


def _job(inputs: dict[str, tuple[Artifact, ...]], folder: Path) -> Job:
    named = {"corpus": "c", "variant": "causal", "seed_order": 0}
    members = [
        {**named, "size": size, "seed_init": seed} for size in ("tiny", "wide") for seed in (0, 1)
    ]
    members.append({**named, "size": "wide", "seed_init": 2})
    settings = {
        "members": members,
        "divergence": identity(SETTINGS),
        "statistics": identity(Statistics(resamples=100)),
    }
    return kit.job("divergence", settings, inputs, folder)


def _read(folder: Path) -> dict[str, Rows]:
    return {
        path.stem: pq.read_table(path).to_pylist() for path in (folder / "tables").glob("*.parquet")
    }


@pytest.fixture(scope="module")
def made(
    inputs: dict[str, tuple[Artifact, ...]], tmp_path_factory: pytest.TempPathFactory
) -> tuple[dict[str, Rows], Path]:
    folder = tmp_path_factory.mktemp("made") / "a"
    assert divergence.make(_job(inputs, folder)) == {"members": 4, "pairs": 6}
    return _read(folder), folder


def _logp(artifact: Artifact, tokens: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Log-probabilities (windows, scored, V) and those of the true tokens, a window at a time."""
    model = load_members([artifact], CPU)
    with torch.no_grad():
        logits = torch.cat([model(torch.from_numpy(w[None, None, :-1])) for w in tokens], 1)[0]
    logp = logits[:, -SCORED:].double().log_softmax(-1).numpy()
    true = np.take_along_axis(logp, tokens[:, -SCORED:, None], -1)[..., 0]
    return logp, true


def _levels(inputs: dict[str, tuple[Artifact, ...]]) -> list[np.ndarray]:
    with np.load(inputs["probe"][0].file("contexts.npz")) as saved:
        return [
            level[:, -(length + 1) :]
            for level, length in zip(saved["tokens"], LENGTHS, strict=True)
        ]


def test_rows_have_the_columns_of_their_tables(made: tuple[dict[str, Rows], Path]) -> None:
    tables, _ = made
    assert set(tables) == {*TABLES, "contrast"}
    for name in TABLES:
        assert all(set(row) == kit.COLUMNS[name] for row in tables[name]), name
        assert {row["probe"] for row in tables[name]} == {"longer"}
        assert {row["severity"] for row in tables[name]} == {0, 1}


def test_saved_sums_are_those_of_the_members(
    made: tuple[dict[str, Rows], Path], inputs: dict[str, tuple[Artifact, ...]]
) -> None:
    names = ["a", "b", "c"]
    owner = np.array([names.index(each) for each in DOCUMENTS])
    trained = inputs["training"][:4]
    with np.load(made[1] / "sums.npz") as sums:
        assert sums["documents"].tolist() == names
        assert sums["models"].tolist() == [each.key for each in trained]
        assert sums["tokens"].tolist() == [[10, 15, 10]] * SEVERITIES
        for severity, tokens in enumerate(_levels(inputs)):
            both = [_logp(each, tokens) for each in trained]
            for i, (logp, true) in enumerate(both):
                p = np.exp(logp)
                for d in range(3):
                    of = owner == d
                    found = {name: sums[name][severity, d] for name in ("kl", "entropy", "log_p")}
                    entropy = -(p[of] * logp[of]).sum()
                    assert found["entropy"][i] == pytest.approx(entropy, rel=1e-5)
                    assert found["log_p"][i] == pytest.approx(true[of].sum(), rel=1e-5)
                    for j, (other, _) in enumerate(both):
                        kl = (p[of] * (logp[of] - other[of])).sum()
                        assert found["kl"][i, j] == pytest.approx(kl, rel=1e-4, abs=1e-5)


def test_items_and_components_agree_with_the_other_tables(
    made: tuple[dict[str, Rows], Path],
) -> None:
    tables, _ = made
    for row in tables["model_probe"]:
        of = [
            item
            for item in tables["probe_item"]
            if (item["model"], item["severity"]) == (row["model"], row["severity"])
        ]
        assert [item["item"] for item in of] == list(range(WINDOWS))
        assert [item["document"] for item in of] == DOCUMENTS
        for column in ("nats", "entropy", "top1"):
            mean = np.mean([item[column] for item in of])
            assert row[column] == pytest.approx(mean, rel=1e-5), column
        bins = [
            each
            for each in tables["calibration_bin"]
            if (each["model"], each["severity"]) == (row["model"], row["severity"])
        ]
        assert sum(each["tokens"] for each in bins) == row["tokens"]
        right = sum(each["tokens"] * each["accuracy"] for each in bins)
        assert right == pytest.approx(row["tokens"] * row["top1"])
    floor = np.mean([row["kl"] for row in tables["noise_floor"] if row["severity"] == 1])
    for row in tables["behaviour_component"]:
        assert row["models"] == 4
        if row["component"] == "total":
            assert 0 < row["value"] < math.log(4)
            if row["severity"] == 1:
                assert row["floor"] == pytest.approx(floor * 3 / 8)
    orderings = {row["ordering"] for row in tables["behaviour_component"]}
    assert orderings == {"size > seed", "seed > size", "interactions"}


def test_the_floor_is_low_and_names_its_perturbation(made: tuple[dict[str, Rows], Path]) -> None:
    rows = made[0]["noise_floor"]
    assert {row["perturbation"] for row in rows} == {"batch 4 -> 3, threads 1 -> 2"}
    assert all(0 <= row["kl"] < 1e-8 for row in rows)
    assert {row["tokens"] for row in rows} == {5 * SCORED}


def test_shown_positions_have_their_own_tokens(
    made: tuple[dict[str, Rows], Path], inputs: dict[str, tuple[Artifact, ...]]
) -> None:
    levels = _levels(inputs)
    by_severity = [
        [row for row in made[0]["position_divergence"] if row["severity"] == severity]
        for severity in range(SEVERITIES)
    ]
    for severity, rows in enumerate(by_severity):
        tokens = levels[severity]
        assert len(rows) == SETTINGS.shown
        both = [_logp(each, tokens) for each in inputs["training"][:4]]
        for row in rows:
            window, position = row["item"], row["position"]
            assert row["document"] == DOCUMENTS[window]
            assert row["token"] == f"w{tokens[window, position]}"
            assert row["context"] == " ".join(f"w{t}" for t in tokens[window, :position])
            place = position - (tokens.shape[1] - SCORED)
            nats = -np.mean([true[window, place] for _, true in both])
            assert row["nats"] == pytest.approx(nats, rel=1e-5)
            p = np.exp([logp[window, place] for logp, _ in both])
            information = -(p.mean(0) * np.log(p.mean(0))).sum() + (p * np.log(p)).sum() / 4
            assert row["information"] == pytest.approx(information, rel=1e-4)
            for i, (logp, true) in enumerate(both):
                (prediction,) = (
                    other
                    for other in made[0]["position_prediction"]
                    if all(other[key] == row[key] for key in ("severity", "item", "position"))
                    and other["model"] == inputs["training"][i].key
                )
                first = logp[window, place].argmax()
                assert prediction["first_token"] == (f"w{first}" if first else "<|endoftext|>")
                highest = np.exp(logp[window, place].max())
                assert prediction["p_first"] == pytest.approx(highest, rel=1e-4)
                assert prediction["log_p"] == pytest.approx(true[window, place], rel=1e-4)
    # The same places at all severities, counted from the first token each of them sees.
    moved = LENGTHS[1] - LENGTHS[0]
    assert [(row["item"], row["position"] + moved) for row in by_severity[0]] == [
        (row["item"], row["position"]) for row in by_severity[1]
    ]


def test_the_loss_of_reference_seeds_is_that_of_those_that_trained(
    made: tuple[dict[str, Rows], Path], inputs: dict[str, tuple[Artifact, ...]]
) -> None:
    rows = made[0]["probe_distance"]
    assert [row["measure"] for row in rows] == ["reference_nats"] * SEVERITIES
    for row, tokens in zip(rows, _levels(inputs), strict=True):
        nats = -np.mean([_logp(each, tokens)[1] for each in inputs["reference"][:2]])
        assert row["value"] == pytest.approx(nats, rel=1e-5)
        assert row["low"] <= row["value"] <= row["high"]
        assert row["documents"] == 3


@pytest.mark.parametrize(("at_once", "places"), [(1, 2), (3, SCORED)])
def test_smaller_pieces_change_only_rounding(
    made: tuple[dict[str, Rows], Path],
    inputs: dict[str, tuple[Artifact, ...]],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    at_once: int,
    places: int,
) -> None:
    monkeypatch.setattr(probe_pass, "windows_at_once", lambda *size: at_once)
    monkeypatch.setattr(probe_pass, "positions_at_once", lambda *size: places)
    without = {role: each for role, each in inputs.items() if role != "reference"}
    divergence.make(_job(without, tmp_path / "a"))
    tables = _read(tmp_path / "a")
    # The floor batch is another one where memory allows no more than it.
    other = {1: "batch 1 -> 3", 3: "batch 3 -> 4"}[at_once] + ", threads 1 -> 2"
    assert {row["perturbation"] for row in tables["noise_floor"]} == {other}
    assert "probe_distance" not in tables
    for name in set(TABLES) - {"noise_floor", "probe_distance"}:
        assert len(tables[name]) == len(made[0][name])
        for row, expected in zip(tables[name], made[0][name], strict=True):
            assert [row.get(key) for key in KEYS] == [expected.get(key) for key in KEYS]
            for column, value in expected.items():
                if isinstance(value, float) and "floor" not in column:
                    assert row[column] == pytest.approx(value, rel=1e-3, abs=2e-5), (name, column)
                elif value is None or isinstance(value, str):
                    assert row[column] == value, (name, column)
