"""The stage `explorer`: its tables against the members themselves."""

from pathlib import Path
from typing import Any

import example_members as example
import numpy as np
import pyarrow.parquet as pq
import pytest
import torch

import kit
from manymasks.config.analyses import Explorer
from manymasks.config.settings import identity
from manymasks.explorer.context_laws import Context, chosen_items, parts
from manymasks.stages import explorer
from manymasks.stages.inputs.weights import load_members
from manymasks.store.job import Artifact, Job
from manymasks.tokens.tokenizer import word_tokenizer

CPU = torch.device("cpu")
WINDOWS, LENGTH, SCORED = 7, example.CONTEXT, 5
SETTINGS = Explorer(contexts=6, scored=4, ranks=3, batch=2)
SHOWN = 4
"""Scored tokens: as many as the settings ask, fewer than the probe has."""
Rows = list[dict[str, Any]]


@pytest.fixture(scope="module")
def trainings(tmp_path_factory: pytest.TempPathFactory) -> tuple[Artifact, ...]:
    folder = tmp_path_factory.mktemp("members")
    members = [
        example.member(folder / f"{size}{seed}", size, seed)
        for size in ("tiny", "wide")
        for seed in (0, 1)
    ]
    return (*members, example.member(folder / "failed", "wide", 2, "failed"))


def _job(trainings: tuple[Artifact, ...], folder: Path, severities: int) -> Job:
    words, probe = folder / "tokenizer", folder / "probe"
    words.mkdir(parents=True)
    word_tokenizer([f"w{i}" for i in range(example.VOCABULARY)]).save(words / "tokenizer.json")
    probe.mkdir()
    tokens = np.random.default_rng(3).integers(
        1, example.VOCABULARY, size=(severities, WINDOWS, LENGTH + 1)
    )
    documents = np.array([f"d{window}" for window in range(WINDOWS)])
    np.savez(probe / "contexts.npz", tokens=tokens, documents=documents)
    named = {"corpus": "c", "variant": "causal", "seed_order": 0}
    members = [
        {**named, "size": size, "seed_init": seed} for size in ("tiny", "wide") for seed in (0, 1)
    ]
    members.append({**named, "size": "wide", "seed_init": 2})
    inputs = {
        "training": trainings,
        "tokenizer": (kit.artifact("tokenizer", words),),
        "probe": (
            kit.artifact("probe", probe, settings={"name": "text"}, figures={"scored": SCORED}),
        ),
    }
    settings = {"members": members, "explorer": identity(SETTINGS)}
    return kit.job("explorer", settings, inputs, folder / "made")


def token_id(text: str) -> int:
    """The number of a token of the example, of which the first is the end of text."""
    return 0 if text == "<|endoftext|>" else int(text.removeprefix("w"))


class Made:
    """The tables of a job with the text that they are of."""

    def __init__(self, trainings: tuple[Artifact, ...], folder: Path, severities: int) -> None:
        job = _job(trainings, folder, severities)
        self.figures = explorer.make(job)
        self.tables: dict[str, Rows] = {
            path.stem: pq.read_table(path).to_pylist()
            for path in (job.folder / "tables").glob("*.parquet")
        }
        with np.load(job.input("probe").file("contexts.npz")) as saved:
            self.tokens = saved["tokens"]
        self.models = {t.key: load_members([t], CPU) for t in trainings if t.is_trained}

    def log_law(self, model: str, read: np.ndarray) -> np.ndarray:
        """(V,) log-probabilities of a member after some tokens."""
        with torch.no_grad():
            logits = self.models[model](torch.from_numpy(read[None, None]))[0, 0, -1]
        law: np.ndarray = logits.double().log_softmax(-1).numpy()
        return law


@pytest.fixture(scope="module")
def made(trainings: tuple[Artifact, ...], tmp_path_factory: pytest.TempPathFactory) -> Made:
    return Made(trainings, tmp_path_factory.mktemp("text"), 1)


def test_windows_are_shared_by_severities_and_as_many_as_make_the_contexts() -> None:
    items = chosen_items(48, 6, Explorer(contexts=12))
    assert len(items) == 2 and sorted(set(items.tolist())) == items.tolist()
    assert len(chosen_items(5, 1, Explorer(contexts=12))) == 5
    assert len(chosen_items(5, 6, Explorer(contexts=1))) == 1


def test_contexts_of_one_length_are_read_together_as_memory_allows() -> None:
    contexts = [Context(s, 0, "d", np.zeros(n, np.int64)) for s, n in enumerate((9, 7, 9, 9))]
    settings = Explorer(batch=2, memory_mb=16)
    assert [[c.severity for c in part] for part in parts(contexts, 3, 4, 50, settings)] == [
        [1], [0, 2], [3],
    ]  # fmt: skip
    # The laws of one context alone exceed the memory.
    assert [len(part) for part in parts(contexts, 40, 24, 50_000, settings)] == [1, 1, 1, 1]


def test_every_token_is_there_and_the_last_ones_have_laws(made: Made) -> None:
    assert made.figures == {"members": 4, "contexts": 6}
    rows = made.tables["explored_token"]
    assert len(rows) == 6 * (LENGTH + 1)
    for row in rows:
        token = made.tokens[0, row["item"], row["position"]]
        assert (row["probe"], row["severity"], row["models"]) == ("text", 0, 4)
        assert (row["token"], row["document"]) == (f"w{token}", f"d{row['item']}")
        is_scored = row["position"] > LENGTH - SHOWN
        assert (row["nats"] is not None) == (row["information"] is not None) == is_scored


def test_predictions_are_those_of_the_members(made: Made) -> None:
    by_law: dict[tuple[Any, ...], Rows] = {}
    for row in made.tables["explored_prediction"]:
        by_law.setdefault((row["item"], row["position"], row["model"]), []).append(row)
    assert len(by_law) == 6 * SHOWN * 4
    for (item, position, model), rows in by_law.items():
        window = made.tokens[0, item]
        law = made.log_law(model, window[:position])
        order = np.argsort(-law, kind="stable")
        for row in rows:
            token = token_id(row["token"])
            assert row["p"] == pytest.approx(float(np.exp(law[token])), rel=1e-4)
            assert order[row["rank"] - 1] == token
            assert row["is_true"] == (token == window[position])
        assert sorted(row["rank"] for row in rows)[:3] == [1, 2, 3]
        assert sum(row["is_true"] for row in rows) == 1


def test_disagreement_is_that_of_the_laws(made: Made) -> None:
    classes = {"tiny": [], "wide": []}
    for key in made.models:
        classes[key[:4]].append(key)
    for row in made.tables["explored_token"]:
        if row["nats"] is None:
            continue
        window = made.tokens[0, row["item"]]
        laws = {key: made.log_law(key, window[: row["position"]]) for key in made.models}

        def information(keys: list[str], laws: dict[str, Any] = laws) -> float:
            p = np.exp([laws[key] for key in keys])
            mean = p.mean(0)
            return float(-(mean * np.log(mean)).sum() + (p * np.log(p)).sum(1).mean())

        assert row["information"] == pytest.approx(information(list(laws)), abs=1e-5)
        within = np.mean([information(keys) for keys in classes.values()])
        assert row["within_information"] == pytest.approx(within, abs=1e-5)


def test_members_write_what_they_rank_first_and_pairs_are_followed_until_they_part(
    made: Made,
) -> None:
    written: dict[tuple[int, str], list[int]] = {}
    for row in made.tables["explored_continuation"]:
        read = np.array(
            [
                *made.tokens[0, row["item"], : LENGTH + 1 - SHOWN],
                *written.get((row["item"], row["model"]), []),
            ]
        )
        assert len(read) == row["position"]
        law = made.log_law(row["model"], read)
        token = token_id(row["token"])
        assert law[token] == pytest.approx(law.max(), abs=1e-5)
        written.setdefault((row["item"], row["model"]), []).append(token)
    paths: dict[tuple[Any, ...], Rows] = {}
    for row in made.tables["explored_pair"]:
        paths.setdefault((row["path"], row["item"], row["model_a"], row["model_b"]), []).append(row)
    assert {(a, b) for _, _, a, b in paths} == {("tiny0", "tiny1"), ("wide0", "wide1")}
    for (path, item, a, b), rows in paths.items():
        one, other = written[item, a], written[item, b]
        same = [x == y for x, y in zip(one, other, strict=False)]
        steps = same.index(False) + 1 if False in same else len(same)
        assert len(rows) == (SHOWN if path == "text" else steps)
        for step, row in enumerate(sorted(rows, key=lambda row: row["position"])):
            window = made.tokens[0, item]
            begin = LENGTH + 1 - SHOWN
            read = (
                window[: row["position"]]
                if path == "text"
                else np.array([*window[:begin], *one[:step]])
            )
            p, q = made.log_law(a, read), made.log_law(b, read)
            kl = ((np.exp(p) - np.exp(q)) * (p - q)).sum() / 2
            assert row["kl"] == pytest.approx(kl, abs=1e-5)


def test_a_probe_with_severities_has_no_continuations(
    trainings: tuple[Artifact, ...], tmp_path: Path
) -> None:
    turned = Made(trainings, tmp_path, 3)
    assert "explored_continuation" not in turned.tables
    items = {(row["severity"], row["item"]) for row in turned.tables["explored_token"]}
    assert len(items) == 6 and len({item for _, item in items}) == 2
    assert {row["path"] for row in turned.tables["explored_pair"]} == {"text"}
