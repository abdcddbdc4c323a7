"""What is carried from token to token: closed forms, draws, and what stands beside members."""

from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
import pytest
import torch

import kit
from manymasks.arrays import Floats
from manymasks.config.decomposition import TextSpectrum
from manymasks.config.loading import load_study
from manymasks.config.settings import identity
from manymasks.config.training import Size
from manymasks.engine.job_file import description_of
from manymasks.engine.jobs import run_job
from manymasks.errors import UserError
from manymasks.models.transformer import Transformer, initialise
from manymasks.plan.graph import plan_study
from manymasks.stages import text_spectrum
from manymasks.store.job import Artifact
from manymasks.store.layout import Layout
from manymasks.truth.ergodic_parts import eigenvalue_errors
from manymasks.truth.token_laws import class_laws, systematic_draws, token_classes
from manymasks.truth.token_operator import (
    exchanged_prompts,
    held_out_slopes,
    named_tokens,
    text_operator,
    token_ends,
)

STATES, TOKENS = 3, 6
STAYS = 0.9
"""States change to any of the three with probability 0.1, so two eigenvalues are 0.9."""


def emissions() -> Floats:
    """Laws of the token in each state, (states, tokens): a pair of tokens is frequent in each."""
    return np.full((STATES, TOKENS), 0.05) + 0.35 * np.kron(np.eye(STATES), np.ones(2))


def hidden_markov(windows: int = 40, prompts: int = 5) -> tuple[Floats, Floats]:
    """Laws of the next token after random beliefs, and their exact means one token later."""
    beliefs = np.random.default_rng(0).dirichlet(np.ones(STATES), (windows, prompts))
    move = STAYS * np.eye(STATES) + (1 - STAYS) / STATES
    return beliefs @ emissions(), beliefs @ move @ emissions()


def test_eigenvalues_are_those_of_the_transition_matrix() -> None:
    before, after = hidden_markov()
    operator = text_operator(before, after, 2)
    np.testing.assert_allclose(operator.eigenvalues, [[STAYS, 0], [STAYS, 0]], atol=1e-8)
    documents = np.arange(len(before)) // 2
    slopes = held_out_slopes(operator, documents)
    np.testing.assert_allclose(slopes[np.isfinite(slopes)], STAYS, atol=1e-8)
    assert np.isnan(held_out_slopes(operator, np.zeros(len(before), dtype=int))).all()


def test_a_mixture_has_a_coordinate_that_stays() -> None:
    """Two processes that never meet: beliefs in which is a martingale, states within are not."""
    rng = np.random.default_rng(1)
    beliefs = rng.dirichlet(np.ones(4), (60, 4))
    move = np.kron(np.eye(2), np.array([[0.7, 0.3], [0.3, 0.7]]))
    laws = rng.dirichlet(np.ones(8), 4)
    operator = text_operator(beliefs @ laws, beliefs @ move @ laws, 3)
    np.testing.assert_allclose(operator.eigenvalues[:, 0], [1, 0.4, 0.4], atol=1e-8)


def test_what_does_not_vary_is_not_kept_for_ever() -> None:
    """Rounding is the same before and after a token, so its eigenvalue would be 1."""
    documents = np.array([0, 0, 1, 1, 2, 2])
    for laws in (np.full((6, 3, 5), 0.2), np.random.default_rng(0).dirichlet(np.ones(5), (1, 1))):
        constant = np.broadcast_to(laws, (6, 3, 5)) * (1 + 1e-16)
        operator = text_operator(constant, constant, 4)
        np.testing.assert_array_equal(operator.eigenvalues, [[0, 0]])
        np.testing.assert_array_equal(eigenvalue_errors(operator, documents), [0])
        assert np.isnan(held_out_slopes(operator, documents)).all()
        assert not token_ends(operator, constant)
    # One coordinate that halves with every token, and nothing else.
    value = np.random.default_rng(0).normal(size=(6, 3, 1))
    move = np.array([0.01, -0.01, 0, 0, 0])
    operator = text_operator(0.2 + value * move, 0.2 + value / 2 * move, 4)
    np.testing.assert_allclose(operator.eigenvalues, [[0.5, 0]], atol=1e-9)


def test_a_coordinate_names_the_tokens_that_move_with_it() -> None:
    rng = np.random.default_rng(2)
    share = rng.random((30, 4, 1))
    law = share * np.array([0.5, 0.3, 0.1, 0.1]) + (1 - share) * np.array([0.1, 0.1, 0.3, 0.5])
    operator = text_operator(law, 0.8 * law, 1)
    ((high, low),) = token_ends(operator, law).values()
    assert {int(high[0]), int(low[0])} == {0, 3}
    assert named_tokens(np.array([1, 3]), ["a", "b", "c"]) == "'b' other"


def test_exchanged_prompts_have_the_same_last_token() -> None:
    rng = np.random.default_rng(3)
    last = rng.integers(3, size=(20, 2))
    last[0, 0] = 7
    last[5, 1] = 8
    laws = np.stack([last.astype(float), np.arange(40.0).reshape(20, 2)], -1)
    exchanged = exchanged_prompts(laws, last, rng)
    assert (exchanged[..., 1] != laws[..., 1]).all()
    assert sorted(exchanged[..., 1].ravel()) == list(range(40))
    # Tokens that end one prompt only are exchanged with each other.
    assert exchanged[0, 0, 0] == 8
    rest = np.ones((20, 2), bool)
    rest[0, 0] = rest[5, 1] = False
    assert (exchanged[rest][:, 0] == last[rest]).all()


def test_without_what_came_before_only_the_last_token_is_left() -> None:
    """Laws that depend on the last token and on a slow state: exchanged prompts lose the state."""
    rng = np.random.default_rng(4)
    last, state = rng.integers(2, size=(400, 4)), rng.random((400, 4))
    law = np.stack([0.2 + 0.3 * state, 0.5 - 0.3 * state], -1)
    law = np.where(last[..., None] == 0, np.concatenate([law, np.full((400, 4, 1), 0.3)], -1),
                   np.concatenate([law[..., ::-1], np.full((400, 4, 1), 0.3)], -1))  # fmt: skip
    operator = text_operator(law, 0.95 * law, 1)
    assert operator.eigenvalues[0, 0] == pytest.approx(0.95)
    exchanged = text_operator(exchanged_prompts(law, last, rng), 0.95 * law, 1)
    assert abs(exchanged.eigenvalues[0, 0]) < 0.6


def test_classes_are_the_most_frequent_tokens() -> None:
    assert token_classes(np.array([5, 9, 0, 7]), 3).tolist() == [2, 0, 2, 1]
    assert token_classes(np.array([5, 9, 0, 7]), 9).tolist() == [2, 0, 3, 1]


def test_systematic_draws_come_as_often_as_expected() -> None:
    law = torch.tensor([[0.5, 0.25, 0.25, 0.0]], dtype=torch.float64)
    for start in (0.0, 0.4, 0.99):
        drawn = systematic_draws(law, torch.tensor([start], dtype=torch.float64), 8)
        assert torch.bincount(drawn[0], minlength=4).tolist() == [4, 2, 2, 0]


def test_laws_after_all_next_tokens_are_the_exact_mean() -> None:
    model = Transformer(Size(width=16, layers=1, heads=2), 11, 8)
    initialise(model, [0])
    model.requires_grad_(False)
    rng = np.random.default_rng(5)
    tokens = rng.integers(11, size=(3, 8))
    classes = token_classes(np.arange(11), 6)
    draws = 4000
    before, after = class_laws(model, tokens, [2, 5], classes, rng.random((3, 2)), draws, 2)
    onehot = np.eye(6)[classes]
    for prompt, end in enumerate((2, 5)):
        texts = torch.from_numpy(tokens[:, :end])
        law = torch.softmax(model(texts[None])[0, :, -1].double(), -1).numpy()
        np.testing.assert_allclose(before[:, prompt], law @ onehot, atol=1e-6)
        expected = np.zeros((3, 6))
        for token in range(11):
            longer = torch.cat([texts, torch.full((3, 1), token)], 1)
            later = torch.softmax(model(longer[None])[0, :, -1].double(), -1).numpy()
            expected += law[:, [token]] * (later @ onehot)
        np.testing.assert_allclose(after[:, prompt], expected, atol=1e-4)


# ------------------------------------------------------------------------------- the stage

STUDY = """\
corpora: {two: {kind: process, process: tally, documents: 150}}
sizes: {tiny: {width: 8, layers: 1, heads: 1, learning_rate: 0.02}}
variants: {causal: {gradient: causal}}
training: {batch: 4, steps: 20, curve_every: 10, curve_windows: 4}
seeds: {init: [0, 1], order: [0]}
analyses: []
hardware: {device: cpu}
"""


def test_the_stage_on_two_members(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "config.yaml").write_text(STUDY, encoding="utf-8")
    monkeypatch.chdir(tmp_path)
    study = load_study([tmp_path / "config.yaml"], {})
    layout = Layout(tmp_path / "results")
    made: dict[str, list[Artifact]] = {}
    for node in plan_study(study, tmp_path).nodes:
        if node.stage in ("process", "tokenizer", "tokens", "training"):
            manifest = run_job(description_of(node, study.hardware), layout)
            artifact = Artifact(layout.folder(node.stage, node.key), manifest)
            made.setdefault(node.stage, []).append(artifact)
    names = [
        {"corpus": "two", "size": "tiny", "variant": "causal", "seed_init": i, "seed_order": 0}
        for i in (0, 1)
    ]
    chosen = TextSpectrum(windows=12, tokens=(3, 6, 500), classes=6, directions=4, draws=4)
    settings = {"text_spectrum": identity(chosen), "members": names}
    inputs = {stage: tuple(made[stage]) for stage in ("training", "tokens", "tokenizer")}
    job = kit.job("text_spectrum", settings, inputs, tmp_path / "job", layout=layout)
    figures = text_spectrum.make(job)
    # The prompt that fills the context is left out.
    assert (figures["members"], figures["prompts"]) == (2, 24)
    rows = pq.read_table(job.folder / "tables/text_spectrum.parquet").to_pylist()
    keys = {row["model"] for row in rows}
    for predictor, models in (
        ("member", 2),
        ("exchanged", 2),
        ("independent", 2),
        ("untrained", 1),
    ):
        mine = [row for row in rows if row["predictor"] == predictor]
        assert len(mine) == 4 * models
        assert len({row["model"] for row in mine} & keys) == models
    assert all(np.isfinite(row["re"]) and row["singular_value"] <= 1 for row in rows)
    named = [row for row in rows if row["tokens_high"] is not None]
    assert named
    assert all(row["predictor"] == "member" and row["im"] == 0 for row in named)
    settings["text_spectrum"] = identity(TextSpectrum(tokens=(500,)))
    with pytest.raises(UserError, match="no length below the context"):
        text_spectrum.make(
            kit.job("text_spectrum", settings, inputs, tmp_path / "b", layout=layout)
        )
