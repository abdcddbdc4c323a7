"""The stages probe and representation on small artifacts, and members beyond their context."""

from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import torch

import kit
from manymasks.config.training import Size
from manymasks.errors import UserError
from manymasks.evaluation.forward import streams
from manymasks.models.transformer import Transformer, initialise
from manymasks.stages import probe, representation
from manymasks.stages.inputs.weights import load_members
from manymasks.store.job import Artifact, Job
from manymasks.tokens.shards import write_shards
from manymasks.tokens.tokenizer import Tokenizer
from manymasks.training.checkpoint import save_weights

BYTES = Tokenizer("bytes", 257, "")
CONTEXT = 16
CPU = torch.device("cpu")


def text(documents: int, words: int, seed: int) -> list[str]:
    generator = np.random.default_rng(seed)
    letters = generator.integers(97, 123, size=(documents, words, 4))
    return [" ".join("".join(map(chr, word)) for word in document) for document in letters]


@pytest.fixture(scope="module")
def inputs(tmp_path_factory: pytest.TempPathFactory) -> dict[str, tuple[Artifact, ...]]:
    """Tokens and tokenizer of a corpus, and the documents of another, which is in capitals."""
    folder = tmp_path_factory.mktemp("corpus")
    for seed, split in enumerate(("train", "measure")):
        texts = text(6, 40, seed)
        found = zip(texts, BYTES.encode(texts), strict=True)
        rows = ((f"{split}-{i}", ids, len(own)) for i, (own, ids) in enumerate(found))
        write_shards(rows, folder / "tokens" / split, vocabulary=257, end_of_text=0)
    for name in ("tokenizer", "other"):
        (folder / name).mkdir()
    BYTES.save(folder / "tokenizer" / "tokenizer.json")
    texts = [each.upper()[:10] for each in text(9, 3, 2)]
    splits = ["measure", "train", "measure"] * 3
    table = pa.table({"id": [str(i) for i in range(9)], "split": splits, "text": texts})
    pq.write_table(table, folder / "other" / "documents.parquet")
    return {name: (kit.artifact(name, folder / name),) for name in ("tokens", "tokenizer", "other")}


def job(folder: Path, settings: dict[str, Any], inputs: Any) -> Job:
    common = {"context": CONTEXT, "statistics": {"resamples": 100}}
    return kit.job("example", {**common, **settings}, inputs, folder)


def rows_of(folder: Path, table: str) -> list[dict[str, Any]]:
    return list(pq.read_table(folder / "tables" / f"{table}.parquet").to_pylist())


# ----------------------------------------------------------------------------------------- probe


@pytest.mark.parametrize("family", ["held-out", "splice", "long", "other-corpus"])
def test_a_probe_is_written(family: str, tmp_path: Path, inputs: Any) -> None:
    settings: dict[str, Any] = {"family": family, "windows": 20}
    if family != "held-out":
        settings |= {"scored": 4, "severities": [1.5, 2] if family == "long" else [0.5, 1]}
    given = {**inputs}
    if family != "other-corpus":
        del given["other"]
    made = job(tmp_path, {"name": "mine", "corpus": "c", "probe": settings}, given)
    figures = probe.make(made)
    levels = 1 if family == "held-out" else 3
    assert figures == {
        "severities": levels,
        "windows": 20,
        "scored": settings.get("scored", CONTEXT),
    }
    with np.load(tmp_path / "contexts.npz") as saved:
        tokens = saved["tokens"]
        assert saved["documents"].shape == (20,)
        assert ("lengths" in saved) == (family == "long")
        if family == "long":
            assert saved["lengths"].tolist() == [16, 24, 32]
    assert tokens.shape == (levels, 20, 33 if family == "long" else 17)
    rows = rows_of(tmp_path, "probe")
    assert [row["severity"] for row in rows] == list(range(levels))
    assert {(row["probe"], row["corpus"], row["family"]) for row in rows} == {("mine", "c", family)}
    assert [row["changed"] > 0 for row in rows] == [False, True, True][:levels]
    distances = rows_of(tmp_path, "probe_distance")
    assert len(distances) == 3 * levels
    if family == "other-corpus":
        # Its documents of the measure split, one after the other, of which each has a place.
        taken = tokens[2][:, 1 : CONTEXT + 1 - 4]
        lower = (taken >= ord("a") + 1) & (taken <= ord("z") + 1)
        assert not lower.any()
        ends = [np.flatnonzero(row == 0).tolist() for row in taken]
        assert all(1 <= len(found) <= 2 for found in ends)
        assert {b - a for a, b in (found for found in ends if len(found) == 2)} == {11}
        nats = [row["value"] for row in distances if row["measure"] == "ngram_nats"]
        assert nats[0] < nats[1] < nats[2]


# ---------------------------------------------------------------------------- members


def training(folder: Path, seed: int, status: str = "trained", **size: Any) -> Artifact:
    """A member that was never trained."""
    shape = Size(**{"width": 16, "layers": 2, "heads": 2, **size})
    folder.mkdir()
    network = Transformer(shape, 257, CONTEXT)
    initialise(network, [seed])
    save_weights(network, 0, folder / "weights.safetensors")
    settings = {
        "size": shape.model_dump(mode="json"),
        "training": {"context": CONTEXT},
        "variant": {"gradient": "causal"},
    }
    figures = {"vocabulary": 257, "status": status}
    return kit.artifact("training", folder, settings=settings, figures=figures)


def test_rotary_members_see_further_than_they_were_trained(tmp_path: Path) -> None:
    made = training(tmp_path / "one", 0)
    tokens = torch.randint(257, (1, 3, 2 * CONTEXT), generator=torch.Generator().manual_seed(0))
    plain, longer = load_members([made], CPU), load_members([made], CPU, context=2 * CONTEXT)
    with torch.no_grad():
        whole = longer(tokens)
        torch.testing.assert_close(whole[:, :, :CONTEXT], plain(tokens[..., :CONTEXT]))
    assert whole.shape == (1, 3, 2 * CONTEXT, 257)
    assert (plain.context, longer.context) == (CONTEXT, 2 * CONTEXT)
    # As a model that was made for it.
    own = Transformer(Size(width=16, layers=2, heads=2), 257, 2 * CONTEXT)
    initialise(own, [0])
    torch.testing.assert_close(own(tokens), whole)


def test_learned_positions_end_with_the_context(tmp_path: Path) -> None:
    made = training(tmp_path / "one", 0, positions="learned")
    tokens = torch.ones(1, 2, CONTEXT, dtype=torch.long)
    same = load_members([made], CPU, context=CONTEXT // 2)(tokens)
    torch.testing.assert_close(same, load_members([made], CPU)(tokens))
    with pytest.raises(UserError, match=r"learned 16 positions, and windows of 17 tokens"):
        load_members([made], CPU, context=CONTEXT + 1)


# -------------------------------------------------------------------------------- representation


def members(tmp_path: Path) -> tuple[tuple[Artifact, ...], list[dict[str, Any]]]:
    """Two sizes of three seeds, of which one failed."""
    artifacts, names = [], []
    for size, layers in (("small", 1), ("large", 2)):
        for seed in range(3):
            status = "failed" if (size, seed) == ("large", 2) else "trained"
            artifacts.append(training(tmp_path / f"{size}{seed}", seed, status, layers=layers))
            name = {"corpus": "c", "size": size, "variant": "causal"}
            names.append({**name, "seed_init": seed, "seed_order": 0})
    return tuple(artifacts), names


def test_failed_members_are_left_out(tmp_path: Path, inputs: Any) -> None:
    artifacts, names = members(tmp_path)
    own = {"windows": 10, "tokens": 30, "neighbours": 4, "permutations": 19}
    settings = {"members": names, "representation": own}
    figures = representation.make(
        job(tmp_path / "made", settings, {**inputs, "training": artifacts})
    )
    assert (figures["members"], figures["tokens"]) == (5, 30)
    assert 2 <= figures["documents"] <= 6
    pairs = rows_of(tmp_path / "made", "representation_similarity")
    # Ten pairs before the first block and after the last, and that of the larger size between.
    assert len(pairs) == 2 * (10 + 10 + 1)
    pools = rows_of(tmp_path / "made", "representation_pool")
    assert max(row["floor"] for row in pools) < 1e-6
    assert {row["models"] for row in pools if row["pool"] == row["other"]} == {2, 3}
    # Two classes of random weights see the same tokens.
    assert min(row["calibrated"] for row in pools if row["layer"] == 0) > 0.2


def test_more_tokens_than_windows_have(tmp_path: Path, inputs: Any) -> None:
    artifacts, names = members(tmp_path)
    settings = {"members": names, "representation": {"windows": 2, "tokens": 33}}
    with pytest.raises(UserError, match=r"tokens is 33, and 2 windows of 16 have fewer: .* to 32"):
        representation.make(job(tmp_path / "made", settings, {**inputs, "training": artifacts}))


@pytest.mark.parametrize("batch", [1, 3, 20])
def test_streams_are_those_of_the_matched_tokens(batch: int, tmp_path: Path) -> None:
    model = load_members([training(tmp_path / "one", 0)], CPU)
    seen = torch.randint(257, (7, CONTEXT), generator=torch.Generator().manual_seed(0))
    rows, columns = np.array([0, 0, 2, 5, 6]), np.array([3, 9, 0, 15, 1])
    found = streams(model, seen.numpy(), batch, (rows, columns))
    with torch.no_grad():
        whole = model.streams(seen.unsqueeze(0))
    assert len(found) == len(whole) == 3
    for level, expected in zip(found, whole, strict=True):
        np.testing.assert_allclose(level, expected[0, rows, columns].numpy(), atol=1e-5)
