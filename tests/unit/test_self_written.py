"""Contexts that models write: the draws against their law, who writes what, and what stays."""

from pathlib import Path
from typing import Any

import example_members
import numpy as np
import numpy.typing as npt
import pyarrow.parquet as pq
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.special import softmax

import kit
from manymasks.config.analyses import Statistics
from manymasks.config.probes import Probe
from manymasks.config.settings import identity
from manymasks.errors import UserError
from manymasks.models.transformer import Transformer
from manymasks.probes.self_written import Reading, Writer, self_written_contexts, written
from manymasks.probes.windows import Tokens
from manymasks.stages import self_written
from manymasks.stages.inputs.weights import load_members

V = 6
CONTEXT = 12
PROBE = Probe(family="self-written", windows=7, scored=4, severities=(0.5, 1.0, 2.0), seed=3)


def documents(count: int = 4, length: int = 30) -> list[tuple[str, Tokens]]:
    generator = np.random.default_rng(1)
    return [(f"d{i}", generator.integers(1, V, size=length)) for i in range(count)]


def of_law(logits: list[float]) -> Writer:
    """A writer that never looks back."""

    def law(new: Tokens) -> npt.NDArray[np.float32]:
        return np.tile(np.array(logits, dtype=np.float32), (len(new), 1))

    return lambda texts, longest: law


def chain(seed: int) -> Writer:
    """A Markov writer."""
    table = np.random.default_rng(seed).normal(scale=2, size=(V, V)).astype(np.float32)
    return lambda texts, longest: lambda new: table[new[:, -1]]


def made(writers: list[Writer], probe: Probe = PROBE) -> npt.NDArray[np.int64]:
    contexts = self_written_contexts(probe, documents(), writers, context=CONTEXT, end_of_text=0)
    return contexts.tokens


def test_only_contexts_are_written_by_the_model() -> None:
    contexts = self_written_contexts(PROBE, documents(), [chain(0)], context=CONTEXT, end_of_text=0)
    assert contexts.tokens.shape == (4, 7, CONTEXT + 1)
    assert (contexts.tokens[:, :, -4:] == contexts.tokens[0, :, -4:]).all()
    assert (contexts.tokens[:, :, 0] == contexts.tokens[0, :, 0]).all()
    assert (contexts.tokens[1:, :, 1:] > 0).all(), "an end of text was written"
    assert contexts.descriptions[0] == "text as it is"
    assert "temperature 0.5" in contexts.descriptions[1]
    assert (contexts.changed()[1:] > 0.2).all()
    whole = self_written_contexts(
        PROBE.model_copy(update={"severities": None}),
        documents(), [chain(0)], context=CONTEXT, end_of_text=0,
    )  # fmt: skip
    assert len(whole.tokens) == 6, "the family's own temperatures"


def test_they_are_a_pure_function_of_the_seed() -> None:
    once = made([chain(0), chain(1)])
    assert (once == made([chain(0), chain(1)])).all()
    other = made([chain(0), chain(1)], PROBE.model_copy(update={"seed": 4}))
    assert (once != other).any()


def test_the_windows_are_dealt_to_the_writers() -> None:
    writers = [of_law([0.0] + [200.0 * (i == token) for i in range(1, V)]) for token in (2, 5)]
    found = written(np.ones((7, 1), dtype=np.int64), 3, writers, [1.0], never=0, seed=0)
    assert (found[0, 0::2, 1:] == 2).all()
    assert (found[0, 1::2, 1:] == 5).all()
    assert (found[..., 0] == 1).all()


def test_two_equal_writers_write_the_same_as_one() -> None:
    begin = np.array([[1], [2], [3], [1], [2]])
    one = written(begin, 6, [chain(0)], [0.7, 1.3], never=0, seed=5)
    assert (written(begin, 6, [chain(0)] * 2, [0.7, 1.3], never=0, seed=5) == one).all()
    # More writers than windows: those without one are not asked.
    assert (written(begin, 6, [chain(0)] * 9, [0.7, 1.3], never=0, seed=5) == one).all()


def test_temperatures_share_their_noise() -> None:
    # Where all tokens are as likely the temperature changes nothing, so noise alone speaks.
    found = written(np.ones((9, 1), int), 5, [of_law([0.0] * V)], [0.1, 1.0, 9.0], never=0, seed=2)
    assert (found == found[0]).all()
    assert len(np.unique(found[0, :, 1:])) > 2
    # One temperature alone draws what it draws beside others.
    alone = written(np.ones((9, 1), int), 5, [chain(0)], [1.0], never=0, seed=2)
    beside = written(np.ones((9, 1), int), 5, [chain(0)], [0.5, 1.0], never=0, seed=2)
    assert (alone[0] == beside[1]).all()


@pytest.mark.parametrize("temperature", [0.5, 1.0, 2.0])
def test_draws_follow_the_tempered_law(temperature: float) -> None:
    logits = [3.0, 1.0, 0.0, -1.0, 0.5, 2.0]
    count = 20_000
    found = written(
        np.ones((count, 1), int), 1, [of_law(logits)], [temperature], never=0, seed=0
    )[0, :, 1]  # fmt: skip
    law = softmax(np.array(logits[1:]) / temperature)
    observed = np.bincount(found, minlength=V)[1:]
    squares = ((observed - count * law) ** 2 / (count * law)).sum()
    assert squares < 18.5, "chi-square with 4 degrees of freedom is above this once in 1,000"


def test_a_writer_reads_every_token_once() -> None:
    asked = []

    def rising(texts: int, longest: int) -> Reading:
        asked.append((texts, longest))
        seen: list[Tokens] = []

        def logits(new: Tokens) -> npt.NDArray[np.float32]:
            seen.append(new)
            past = np.concatenate(seen, axis=1)
            assert past.shape[1] <= longest
            expected = (past[:, :1] - 1 + np.arange(past.shape[1])) % (V - 1) + 1
            assert (past == expected).all()
            return np.eye(V, dtype=np.float32)[past[:, -1] % (V - 1) + 1] * 500

        return logits

    found = written(np.array([[1], [4]]), 8, [rising], [0.5, 2.0], never=0, seed=0)
    assert found[0, 1].tolist() == [4, 5, 1, 2, 3, 4, 5, 1, 2]
    assert asked == [(4, 9)], "two temperatures of two beginnings are read at once"


@settings(max_examples=20, deadline=None)
@given(st.integers(0, 2**31), st.integers(1, 4), st.integers(1, 3), st.integers(0, V - 1))
def test_written_by_a_loop_over_tokens(seed: int, count: int, writers: int, never: int) -> None:
    """One window, one temperature and one token at a time gives the same."""
    several = [chain(each) for each in range(writers)]
    temperatures = [0.4, 1.7]
    begin = np.random.default_rng(seed).integers(1, V, size=(count, 2))
    found = written(begin, 4, several, temperatures, never=never, seed=seed)
    for level, temperature in enumerate(temperatures):
        for row in range(count):
            tokens = begin[row].tolist()
            for place in range(2, 6):
                noise = np.random.default_rng([seed, place]).gumbel(size=(count, V))[row]
                reading = several[row % writers](1, 6)
                logits = reading(np.array([tokens]))[0].astype(float)
                logits[never] = -np.inf
                tokens.append(int(np.argmax(logits / temperature + noise)))
            assert found[level, row].tolist() == tokens


def test_rejects_missing_writers_or_scored_tokens() -> None:
    with pytest.raises(ValueError, match="a writer"):
        made([])
    held_out = Probe(family="held-out", windows=7)
    with pytest.raises(ValueError, match="scored"):
        made([chain(0)], held_out)
    with pytest.raises(UserError, match=r"self-written probe .* with 12 tokens"):
        self_written_contexts(PROBE, documents(1), [chain(0)], context=CONTEXT, end_of_text=0)


def test_members_agree_with_a_loop_over_whole_windows(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The writer of the stage, in batches, against a forward pass of each window as it grows."""
    cpu = torch.device("cpu")
    trained = [example_members.member(tmp_path / str(seed), "wide", seed) for seed in range(2)]
    models = [load_members([each], cpu) for each in trained]
    monkeypatch.setattr(self_written, "BATCH", 4)
    begin = np.random.default_rng(0).integers(1, example_members.VOCABULARY, size=(7, 2))

    def growing(model: Transformer) -> Writer:
        def begun(texts: int, longest: int) -> Reading:
            seen: list[Tokens] = []

            def logits(new: Tokens) -> npt.NDArray[np.float32]:
                seen.append(new)
                whole = torch.from_numpy(np.concatenate(seen, axis=1))
                return np.asarray(model(whole[None], 1)[0, :, 0].numpy())

            return logits

        return begun

    with torch.no_grad():
        quick, slow = (
            written(begin, 9, [of(each) for each in models], [0.5, 1.5], never=0, seed=3)
            for of in (lambda model: self_written.cached_writer(model, cpu), growing)
        )
    np.testing.assert_array_equal(quick, slow)


def stage(folder: Path, members: tuple[Any, ...]) -> tuple[Any, dict[str, Any]]:
    probe = identity(Probe(family="self-written", windows=6, scored=5, severities=(0.5, 1.5)))
    del probe["corpus"]
    job = kit.job(
        "self_written",
        {
            "name": "own",
            "corpus": "two",
            "probe": probe,
            "context": example_members.CONTEXT,
            "statistics": identity(Statistics(resamples=100)),
        },
        {"training": members, "tokens": (example_members.text(folder / "text"),)},
        folder / "made",
    )
    return job, self_written.make(job)


def test_stage_writes_contexts_and_distances(tmp_path: Path) -> None:
    failed = example_members.member(tmp_path / "failed", "tiny", 1, "failed")
    trained = example_members.member(tmp_path / "trained", "wide", 2)
    job, figures = stage(tmp_path, (failed, trained))
    assert figures == {"severities": 3, "windows": 6, "scored": 5, "writers": 1}
    with np.load(job.folder / "contexts.npz") as saved:
        tokens = saved["tokens"]
    assert tokens.shape == (3, 6, example_members.CONTEXT + 1)
    # What it wrote at the lowest temperature, it finds likelier than at the highest.
    model = load_members([trained], torch.device("cpu"))
    with torch.no_grad():
        nats = [model.nats(torch.from_numpy(level[None, :, :-5])).item() for level in tokens[1:]]
    assert nats[0] < nats[1]
    rows = pq.read_table(job.folder / "tables/probe.parquet").to_pylist()
    assert [row["severity"] for row in rows] == [0, 1, 2]
    assert {row["family"] for row in rows} == {"self-written"}
    measures = pq.read_table(job.folder / "tables/probe_distance.parquet").to_pylist()
    assert {row["measure"] for row in measures} >= {"ngram_nats", "unigram_kl"}


def test_stage_refuses_if_all_reference_seeds_failed(tmp_path: Path) -> None:
    failed = example_members.member(tmp_path / "failed", "tiny", 1, "failed")
    with pytest.raises(UserError, match="all reference seeds failed"):
        stage(tmp_path, (failed,))
