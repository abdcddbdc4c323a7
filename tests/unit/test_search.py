"""The divergence search: what it keeps, what it may not do, and that it finds what there is."""

from itertools import pairwise
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
from scipy.special import log_softmax

import kit
from manymasks.config.analyses import Statistics
from manymasks.config.probes import Probe
from manymasks.config.settings import identity
from manymasks.errors import UserError
from manymasks.probes.distance import ngram_surprise, ngrams, train_counts
from manymasks.probes.search import (
    Disagreement,
    Step,
    Surprise,
    information,
    member_information,
    plausibility,
    search,
    step_rows,
)
from manymasks.probes.windows import Tokens
from manymasks.rashomon.capacity import information_at
from manymasks.stages import search as stage
from manymasks.stages.inputs.weights import load_members

V = 12
CONTEXT = 16
SCORED = 4
WIDTH = CONTEXT + 1 - SCORED
MARKER = 7
CPU = torch.device("cpu")
COUNTS = np.arange(V)[::-1] + 1
PROBE = Probe(family="search", windows=5, scored=SCORED, severities=(1, 3, 6), population=4, seed=2)

Floats = npt.NDArray[np.float64]


def documents(seed: int = 1) -> list[tuple[str, Tokens]]:
    generator = np.random.default_rng(seed)
    return [(f"d{i}", generator.integers(1, MARKER, size=40)) for i in range(4)]


def hashed(windows: Tokens) -> Floats:
    """A made-up disagreement of two classes with no shape that a search could climb."""
    weights = np.random.default_rng(0).normal(size=(2, windows.shape[1]))
    return np.asarray(np.sin(windows @ weights.T) ** 2, dtype=np.float64)


def found(
    probe: Probe = PROBE,
    disagreement: Disagreement = hashed,
    surprising: Surprise | None = None,
) -> tuple[Tokens, list[Step]]:
    contexts, steps = search(
        probe,
        documents(),
        disagreement,
        context=CONTEXT,
        end_of_text=0,
        counts=COUNTS,
        surprise=surprising,
    )
    assert len(contexts.tokens) == len(steps) == len(contexts.descriptions)
    return contexts.tokens, steps


def with_settings(**changed: Any) -> Probe:
    return PROBE.model_copy(update=changed)


def test_only_the_context_changes_and_it_gets_no_end_of_text() -> None:
    tokens, steps = found()
    assert tokens.shape == (4, 5, CONTEXT + 1)
    assert (tokens[:, :, WIDTH:] == tokens[0, :, WIDTH:]).all()
    assert (tokens[:, :, 0] == tokens[0, :, 0]).all()
    assert (tokens[:, :, 1:] > 0).all()
    assert (tokens[1:] != tokens[0]).any((1, 2)).all()
    assert [step.generations for step in steps] == [0, 1, 3, 6]


def test_it_is_a_pure_function_of_the_seed() -> None:
    tokens, steps = found()
    again, same = found()
    assert (tokens == again).all()
    assert [step.searched.tolist() for step in steps] == [step.searched.tolist() for step in same]
    other, _ = found(with_settings(seed=3, windows=5))
    assert (tokens != other).any()


def test_more_generations_begin_with_the_same_ones() -> None:
    short, _ = found(with_settings(severities=(1, 3)))
    long, _ = found()
    assert (short == long[:3]).all()


@settings(max_examples=15, deadline=None)
@given(st.integers(0, 2**31), st.integers(2, 6))
def test_the_best_never_falls_and_has_the_reported_value(seed: int, population: int) -> None:
    tokens, steps = found(with_settings(seed=seed, population=population))
    for level, step in zip(tokens, steps, strict=True):
        assert step.searched == pytest.approx(hashed(level), abs=1e-12)
    for before, after in pairwise(steps):
        assert (after.searched.mean(1) >= before.searched.mean(1)).all()
        assert after.searched.shape == (5, 2)


def test_the_budget_is_counted() -> None:
    asked: list[int] = []

    def counted(windows: Tokens) -> Floats:
        asked.append(len(windows))
        return hashed(windows)

    _, steps = found(disagreement=counted)
    most = [5, 5 + 20, 5 + 3 * 20, 5 + 6 * 20]
    for step, limit in zip(steps, most, strict=True):
        # A mutation that changes nothing is not tried.
        assert 0.7 * limit < step.evaluations <= limit
    assert sum(asked) == steps[-1].evaluations
    asked.clear()
    # Where only the text is plausible nothing is tried.
    text = {tuple(row) for row in found()[0][0, :, :WIDTH].tolist()}

    def strict(contexts: Tokens) -> Floats:
        return np.array([float(tuple(row) not in text) for row in contexts.tolist()])

    tokens, steps = found(with_settings(plausible=0.5), counted, strict)
    assert (tokens == tokens[0]).all()
    assert asked == [5]
    assert [step.evaluations for step in steps] == [5] * 4


@pytest.mark.parametrize("plausible", [0.0, 0.1, 0.2])
def test_implausible_children_are_dropped(plausible: float) -> None:
    def one_class(windows: Tokens) -> Floats:
        return hashed(windows)[:, :1]

    train = np.random.default_rng(5).integers(1, 9, size=600)
    unigrams = train_counts([train], V)
    asked = plausibility(lambda: [train[:200], train[200:]], unigrams)
    tokens, steps = found(with_settings(plausible=plausible), one_class, asked)
    contexts = tokens[:, :, :WIDTH]
    nats = ngram_surprise(contexts, unigrams, ngrams([train], contexts, V)).mean(-1)
    assert (nats <= nats[0] + plausible + 1e-12).all()
    for level, expected in zip(contexts, nats, strict=True):
        assert asked(level) == pytest.approx(expected, abs=1e-12)
    assert steps[-1].evaluations <= 5 + 6 * 20
    # Without the bound it goes further.
    far = found(disagreement=one_class)[0][:, :, :WIDTH]
    free = ngram_surprise(far, unigrams, ngrams([train], far, V)).mean(-1)
    assert (free > nats[0] + plausible).any()


def test_search_finds_tokens_that_two_models_disagree_on() -> None:
    """Two members are alike but after a marker, which is in no text and is drawn now and then."""
    sure = np.full(V, -20.0)
    sure[3] = 20.0

    def pair(windows: Tokens) -> Floats:
        marked = (windows[:, :WIDTH] == MARKER).any(1)
        logits = np.zeros((2, len(windows), SCORED, V), dtype=np.float32)
        logits[1, marked] = sure
        logp = torch.log_softmax(torch.from_numpy(logits), -1)
        return np.asarray(information(logp).double().mean(1, keepdim=True).numpy())

    tokens, steps = found(with_settings(severities=(1, 12), population=8), pair)
    assert (steps[0].searched == 0).all()
    assert not (tokens[0] == MARKER).any()
    assert (tokens[-1, :, :WIDTH] == MARKER).any(1).all()
    # Of a law that is certain and one that is uniform: H((1 + 1/V)/2, ...) - ln(V) / 2.
    mean = np.full(V, 1 / (2 * V))
    mean[3] += 0.5
    expected = -(mean * np.log(mean)).sum() - np.log(V) / 2
    assert steps[-1].searched == pytest.approx(expected, abs=1e-5)


def test_windows_share_nothing_but_their_texts() -> None:
    """A context that helps in one window is not handed to another: windows vary as documents do."""
    chosen = found()[0][0, 0, WIDTH:]

    def of_one(windows: Tokens) -> Floats:
        own = (windows[:, WIDTH:] == chosen).all(1)
        return np.where(own, (windows == 1).sum(1), 0).astype(np.float64)[:, None]

    tokens, steps = found(disagreement=of_one)
    others = ~(tokens[0, :, WIDTH:] == chosen).all(1)
    assert others.any()
    # What gains nothing stays: the older is kept where another is as good.
    assert (tokens[:, others] == tokens[0, others]).all()
    assert (steps[-1].searched[~others] > steps[0].searched[~others]).all()


def test_objective_is_the_mean_over_classes() -> None:
    """One class gains by a token by which another, of which there is less, loses."""

    def two(windows: Tokens) -> Floats:
        ones = (windows[:, :WIDTH] == 1).sum(1)
        return np.stack([3.0 * ones, 20.0 - ones], axis=1)

    tokens, steps = found(disagreement=two)
    for level, step in zip(tokens, steps, strict=True):
        np.testing.assert_array_equal(step.searched, two(level))
    gain = steps[-1].searched - steps[0].searched
    assert (gain[:, 0] > 0).all() and (gain[:, 1] < 0).all()


def test_information_has_its_closed_forms() -> None:
    p, q = 0.9, 0.2

    def entropy(x: float) -> float:
        return float(-x * np.log(x) - (1 - x) * np.log(1 - x))

    laws = torch.tensor([[p, 1 - p], [q, 1 - q]], dtype=torch.float64)
    expected = entropy((p + q) / 2) - (entropy(p) + entropy(q)) / 2
    assert information(laws.log()).item() == pytest.approx(expected, abs=1e-12)
    alike = torch.log_softmax(torch.randn(5), -1).expand(3, 5)
    assert abs(information(alike).item()) < 1e-6


@settings(max_examples=30, deadline=None)
@given(st.integers(0, 2**31), st.integers(2, 5), st.floats(0.01, 30))
def test_information_is_that_of_the_slow_way_and_within_its_bounds(
    seed: int, members: int, scale: float
) -> None:
    logits = np.random.default_rng(seed).normal(scale=scale, size=(members, 3, V))
    logp = torch.from_numpy(log_softmax(logits, -1).astype(np.float32))
    quick = information(logp).numpy()
    weights = torch.full((members,), 1 / members, dtype=torch.float64)
    assert quick == pytest.approx(information_at(logp, weights).numpy(), abs=1e-5)
    laws = np.exp(log_softmax(logits, -1))
    centre = laws.mean(0)
    entropies = -(laws * np.log(laws + 1e-300)).sum(-1).mean(0)
    naive = -(centre * np.log(centre + 1e-300)).sum(-1) - entropies
    assert quick == pytest.approx(naive, abs=2e-5)
    assert (quick > -1e-5).all()
    assert (quick < np.log(members) + 1e-5).all()


def test_rows_have_intervals_over_documents() -> None:
    statistics = Statistics(resamples=200)
    searched = np.array([[1.0, 0.0], [2.0, 3.0], [6.0, 0.0]])
    steps = [Step(0, 3, searched), Step(2, 9, np.full((3, 2), 7.0))]
    models = {"two/tiny/causal": 4, "two/wide/causal": 2}
    rows = list(step_rows("sought", steps, ("a", "a", "b"), models, statistics))
    assert [row["severity"] for row in rows] == [0, 0, 1, 1]
    assert [row["searched"] for row in rows] == [3.0, 1.0, 7.0, 7.0]
    for row in rows[:2]:
        assert row["low"] <= row["searched"] <= row["high"]
    assert rows[2] == {
        "probe": "sought", "severity": 1, "pool": "two/tiny/causal", "generations": 2,
        "evaluations": 9, "searched": 7.0, "low": 7.0, "high": 7.0, "models": 4, "documents": 2,
        "effective_documents": pytest.approx(9 / 5),
    }  # fmt: skip
    assert (rows[3]["pool"], rows[3]["models"]) == ("two/wide/causal", 2)
    alone, _ = step_rows("sought", steps[:1], ("a", "a", "a"), models, statistics)
    assert alone["low"] is None
    assert alone["high"] is None


def test_rejects_incomplete_settings() -> None:
    with pytest.raises(ValueError, match="scored"):
        found(Probe(family="held-out", windows=5))
    with pytest.raises(ValueError, match="surprise"):
        found(with_settings(plausible=0.5))
    with pytest.raises(UserError, match=r"search probe .* with 16 tokens"):
        search(
            PROBE, documents()[:1], hashed, context=CONTEXT, end_of_text=0, counts=COUNTS
        )  # fmt: skip


def test_disagreement_is_the_information_in_each_class(tmp_path: Path) -> None:
    trained = {
        size: [example_members.member(tmp_path / f"{size}{i}", size, i) for i in range(count)]
        for size, count in (("tiny", 3), ("wide", 2))
    }
    generator = np.random.default_rng(0)
    windows = generator.integers(1, example_members.VOCABULARY, size=(5, CONTEXT + 1))
    with torch.no_grad():
        stacks = [load_members(each, CPU) for each in trained.values()]
        quick = member_information(stacks, SCORED, CPU)(windows)
        one_by_one = np.concatenate(
            [member_information(stacks, SCORED, CPU)(windows[i : i + 1]) for i in range(5)]
        )
        naive = np.zeros((5, 2))
        for of_class, each in enumerate(trained.values()):
            models = [load_members([one], CPU) for one in each]
            for row, window in enumerate(windows):
                logits = [m(torch.from_numpy(window[None, None, :-1]))[0, 0] for m in models]
                laws = torch.stack(logits)[:, -SCORED:].double().softmax(-1).numpy()
                centre = laws.mean(0)
                own = -(laws * np.log(laws)).sum(-1).mean(0)
                naive[row, of_class] = (-(centre * np.log(centre)).sum(-1) - own).mean()
    assert naive.min() > 0.01
    assert quick == pytest.approx(naive, abs=1e-6)
    assert one_by_one == pytest.approx(quick, abs=1e-6)


def make(folder: Path, statuses: list[str], **changed: Any) -> tuple[Any, dict[str, Any]]:
    probe = Probe(family="search", windows=6, scored=5, severities=(1, 4), population=3, **changed)
    names, trained = [], []
    for size in ("tiny", "wide"):
        for seed, status in enumerate(statuses):
            one = example_members.member(folder / f"{size}{seed}", size, seed, status)
            trained.append(one)
            names.append(
                {
                    "corpus": "two",
                    "size": size,
                    "variant": "causal",
                    "seed_init": seed,
                    "seed_order": 0,
                }
            )
    of_probe = identity(probe)
    del of_probe["corpus"]
    job = kit.job(
        "search",
        {
            "name": "sought",
            "corpus": "two",
            "probe": of_probe,
            "context": example_members.CONTEXT,
            "statistics": identity(Statistics(resamples=100)),
            "members": names,
        },
        {"training": tuple(trained), "tokens": (example_members.text(folder / "text"),)},
        folder / "made",
    )
    return job, stage.make(job)


@pytest.mark.parametrize("plausible", [None, 0.3])
def test_stage_writes_contexts_and_steps(tmp_path: Path, plausible: float | None) -> None:
    job, figures = make(tmp_path, ["trained", "failed", "trained"], plausible=plausible)
    assert figures["members"] == 4
    assert figures["evaluations"] <= 6 + 4 * 18
    with np.load(job.folder / "contexts.npz") as saved:
        tokens = saved["tokens"]
    assert tokens.shape == (3, 6, example_members.CONTEXT + 1)
    steps = pq.read_table(job.folder / "tables/search_step.parquet").to_pylist()
    assert [row["severity"] for row in steps] == [0, 0, 1, 1, 2, 2]
    assert [row["generations"] for row in steps] == [0, 0, 1, 1, 4, 4]
    assert [row["pool"] for row in steps] == ["two/tiny/causal", "two/wide/causal"] * 3
    means = [
        (one["searched"] + two["searched"]) / 2
        for one, two in zip(steps[::2], steps[1::2], strict=True)
    ]
    assert means[0] < means[1] < means[2]
    assert {row["models"] for row in steps} == {2}
    distances = pq.read_table(job.folder / "tables/probe_distance.parquet").to_pylist()
    nats = [row["value"] for row in distances if row["measure"] == "ngram_nats"]
    if plausible is not None:
        assert max(nats) <= nats[0] + plausible + 1e-9
    probes = pq.read_table(job.folder / "tables/probe.parquet").to_pylist()
    assert [row["family"] for row in probes] == ["search"] * 3


def test_stage_refuses_too_few_members(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="two members in the half"):
        make(tmp_path, ["trained", "failed"])
