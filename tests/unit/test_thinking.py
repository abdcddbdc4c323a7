"""Answers of `lag`: exact predictors through the estimator, the stage, predictions and views."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import duckdb
import example_thinking
import numpy as np
import pytest
import torch
from example_results import ExampleResults
from numpy.testing import assert_allclose
from test_process_lag import SMALL, every_data

from manymasks.arrays import Floats, Ints
from manymasks.config.loading import load_study
from manymasks.config.training import Size
from manymasks.corpora.processes import lag
from manymasks.corpora.processes.lag import LagSizes
from manymasks.database.load import load
from manymasks.engine.job_file import description_of
from manymasks.engine.jobs import run_job
from manymasks.models.attention import Route
from manymasks.models.parts import rotary_table
from manymasks.models.transformer import Transformer, initialise
from manymasks.plan.graph import plan_study
from manymasks.statistics.model_classes import Member
from manymasks.store.layout import Layout
from manymasks.truth.lag_answers import (
    LagQuestions,
    Predict,
    answer_row,
    answer_scores,
    drawn_questions,
    formats_of,
    pairs_bound,
    price_rows,
    step_rows,
)
from manymasks.truth.thinking_predictions import PREDICTIONS, rows_of_predictions

pytestmark = pytest.mark.unit

THREE = LagSizes(pairs=2, lags=2, letters=3, questions=2)


def predictor(laws: Callable[[Ints], Floats]) -> Predict:
    """From laws of whole documents."""

    def predict(tokens: Ints, last: int) -> Floats:
        # A law depends on what comes before, so any token can stand at the end.
        with np.errstate(divide="ignore"):
            exact = laws(np.pad(tokens, ((0, 0), (0, 1))))[:, 1:][:, -last:]
            # What follows steps that are never written does not matter.
            return np.log(np.where(np.isnan(exact), 1 / exact.shape[-1], exact))

    return predict


def scored(
    answer_format: str, bound: int | None, sizes: LagSizes
) -> tuple[dict[str, Any], list[dict[str, Any]]]:
    """Rows of a predictor that binds so many pairs, over all letters and lags."""
    questions = LagQuestions(every_data(sizes), answer_format, sizes)
    predict = predictor(lambda tokens: lag.laws(tokens, answer_format, sizes, bound))
    scores = answer_scores(questions, predict, len(questions.data.x))
    return answer_row(questions, scores), step_rows(questions, scores)


@pytest.mark.parametrize("answer_format", ["direct", "filler", "steps"])
@pytest.mark.parametrize("sizes", [SMALL, THREE], ids=["2 letters", "3 letters"])
def test_the_exact_predictor_answers_everything(answer_format: str, sizes: LagSizes) -> None:
    row, steps = scored(answer_format, None, sizes)
    for name in ("nats", "nats_free", "nats_repeated", "nats_later"):
        assert_allclose(row[name], 0, atol=1e-12, err_msg=name)
    assert (row["accuracy"], row["accuracy_free"]) == (1, 1)
    assert_allclose(row["pairs_bound"], sizes.pairs)
    assert (row["step_nats"] is None) == (answer_format != "steps")
    for step in steps:
        assert_allclose([step["nats"], step["accuracy"]], [0, 1], atol=1e-12)


@pytest.mark.parametrize("answer_format", ["direct", "filler"])
@pytest.mark.parametrize("bound", [0, 1])
def test_a_predictor_that_binds_some_pairs_lands_on_its_rung(
    answer_format: str, bound: int
) -> None:
    row, _ = scored(answer_format, bound, THREE)
    rung = lag.ladder(THREE)[bound]
    assert_allclose([row["nats"], row["nats_free"], row["nats_later"]], rung)
    assert_allclose(row["pairs_bound"], bound, atol=1e-12)


def test_steps_that_are_guessed_cost_at_the_steps_and_when_they_are_read_again() -> None:
    row, steps = scored("steps", 0, THREE)
    assert_allclose(row["nats"], 0, atol=1e-12)
    assert_allclose([step["nats"] for step in steps], lag.step_cost(THREE))
    assert_allclose(row["step_nats"], lag.step_cost(THREE))
    assert_allclose([step["accuracy"] for step in steps], 2 / 3)
    assert_allclose(row["nats_free"], lag.ladder(THREE)[0])
    # Of no, one and two matches the first two are equally likely.
    assert_allclose(row["accuracy_free"], 4 / 9)
    assert_allclose(row["pairs_bound"], 0, atol=1e-12)
    half, _ = scored("steps", 1, THREE)
    assert_allclose(half["nats_free"], lag.ladder(THREE)[1])
    assert_allclose([half["accuracy_free"], half["pairs_bound"]], [2 / 3, 1])


def test_copies_are_read_off_the_second_answer() -> None:
    questions = LagQuestions(every_data(THREE), "direct", THREE)
    predict = predictor(lambda tokens: lag.repeats_only(tokens, "direct", THREE))
    row = answer_row(questions, answer_scores(questions, predict, 9))
    prior = lag.ladder(THREE)[0]
    assert_allclose(row["nats_repeated"], 0, atol=1e-12)
    assert_allclose([row["nats"], row["nats_later"]], prior)
    # Over both questions it would read as bound pairs that it does not bind.
    both = answer_scores(questions, predict, 9).nats.mean()
    assert_allclose(both, lag.repeat_costs(THREE).mean())
    assert pairs_bound(both, THREE) > 0.2


def test_pairs_are_read_off_the_ladder() -> None:
    ladder = lag.ladder()
    assert_allclose([pairs_bound(nats) for nats in ladder], np.arange(5), atol=1e-12)
    assert pairs_bound(5.0) == 0
    assert 2 < pairs_bound((ladder[2] + ladder[3]) / 2) < 3
    prices = {row["capability"]: row["nats"] for row in price_rows()}
    assert_allclose([prices[f"binds-{j}"] for j in range(5)], ladder)
    assert_allclose(prices["no-pairing"], 0.959, atol=5e-4)


def test_questions_are_those_of_every_format() -> None:
    data = drawn_questions(80, 3)
    answers = [LagQuestions(data, name).answers for name in ("direct", "filler", "steps")]
    np.testing.assert_array_equal(answers[0], answers[1])
    np.testing.assert_array_equal(answers[0], answers[2])
    assert formats_of("mixed") == ("filler", "steps")
    assert formats_of("direct") == ("direct",)
    np.testing.assert_array_equal(
        LagQuestions(data, "steps").is_repeated[:, 1], data.lag[:, 0] == data.lag[:, 1]
    )
    other = drawn_questions(80, 4)
    assert (other.x != data.x).any()


@pytest.mark.parametrize("gradient", ["causal", "myopic"])
def test_no_gradient_of_an_answer_reaches_the_fillers_of_myopic_members(gradient: str) -> None:
    """In float64, with respect to what enters at each position: a proof of what fillers cannot be
    trained for."""
    size = Size(width=16, layers=2, heads=2, mlp=2, rotary_base=100, embedding_sd=1)
    tokens = torch.from_numpy(LagQuestions(drawn_questions(4, 0), "filler").tokens)
    length = tokens.shape[1] - 1
    network = Transformer(size, len(lag.DEFAULT.vocabulary), length, [Route(gradient)])
    initialise(network, [0])
    network = network.double()
    network.rotary = rotary_table(length, 8, 100.0).double()
    x = network.embed(tokens[None, :, :-1]).detach().requires_grad_()
    at = torch.from_numpy(lag.DEFAULT.answers("filler"))
    logits = network.from_embedding(x)[0]
    loss = torch.nn.functional.cross_entropy(
        logits[:, at - 1].flatten(0, 1), tokens[:, at].flatten()
    )
    (gradient_at,) = torch.autograd.grad(loss, x)
    reached = gradient_at.abs().sum((0, 1, 3)).numpy()
    slots = lag.DEFAULT.slots("filler").ravel()
    assert (reached[at - 1] > 0).all()
    assert (reached[slots] > 0).all() if gradient == "causal" else (reached[slots] == 0).all()


# -------------------------------------------------------------------------------- predictions


def member(corpus: str, variant: str, seed: int) -> Member:
    label = f"{corpus}/near/{variant}"
    return Member(f"{label}/{seed}", label, corpus, "near", variant, seed, seed)


FORMATS = {"d": "direct", "f": "filler", "m": "mixed", "s": "steps"}


def test_predictions_are_answered_by_pairs_of_seeds() -> None:
    """By hand, from the made-up rows."""
    members = [
        member(corpus, variant, seed)
        for corpus in FORMATS
        for variant in ("causal", "myopic")
        for seed in (0, 1, 2)
    ]
    models = [
        {"model": one.model, "corpus": one.corpus, "gradient": one.variant,
         "seed_init": one.seed_init}
        for one in members
    ]  # fmt: skip
    tables = example_thinking.thinking(models, FORMATS)
    gradients = {one.model: one.variant for one in members}
    rows = rows_of_predictions(tables["thinking_answer"], members, FORMATS, gradients, 0.95)
    seen = {(FORMATS[row["corpus"]], row["variant"], row["quantity"]): row["seen"] for row in rows}
    assert len(rows) == sum(len(predictions) for predictions in PREDICTIONS.values())
    for (form, gradient), predictions in PREDICTIONS.items():
        for prediction in predictions:
            assert seen[form, gradient, prediction.quantity] is not None
    assert_allclose(seen["steps", "myopic", "myopic minus causal, nats"], 0.001)
    assert_allclose(seen["filler", "myopic", "myopic minus causal, nats"], 1.14)
    assert_allclose(seen["filler", "causal", "filler minus direct, nats"], -0.01)
    ratio = "tokens of filler over direct until half the prior"
    assert_allclose(seen["filler", "causal", ratio], 32 / 18)
    assert_allclose(seen["mixed", "myopic", "answer after free steps, nats"], 1.16)
    assert_allclose(
        seen["steps", "causal", "tokens until half the prior, millions"], 200 * 32 / 1e6
    )


def test_two_members_that_learn_nothing_have_no_ratio_of_tokens() -> None:
    """Their budgets would say that fillers are no faster."""
    members = [member(corpus, "causal", seed) for corpus in "df" for seed in (0, 1, 2)]
    prior = lag.ladder()[0]
    ends = {"d": {0: 0.1, 1: 2.0, 2: 0.1}, "f": {0: 0.1, 1: 2.0, 2: 2.0}}
    rows = [
        {"model": one.model, "answer_format": FORMATS[one.corpus], "step": step,
         "tokens": step * (200 if one.corpus == "d" else 300),
         "nats_free": prior if step == 1 else ends[one.corpus][one.seed_init]}
        for one in members for step in (1, 2)
    ]  # fmt: skip
    ratio = "tokens of filler over direct until half the prior"

    def price(kept: list[Member]) -> float | None:
        gradients = {one.model: "causal" for one in kept}
        table = rows_of_predictions(rows, kept, FORMATS, gradients, 0.95)
        return next(row["seen"] for row in table if row["quantity"] == ratio)

    assert price(members) == 1.5
    assert price([one for one in members if one.seed_init == 1]) is None


# ---------------------------------------------------------------------------- stage and views

STUDY = """\
corpora:
  direct: &lag
    kind: process
    process: lag
    documents: 400
    members: {variants: [causal, myopic], analyses: [thinking, truth]}
  mixed: {<<: *lag, answer_format: mixed}
sizes: {tiny: {width: 8, layers: 1, heads: 1, learning_rate: 0.01}}
variants:
  causal: {gradient: causal, late: [0.5]}
  myopic: {gradient: myopic}
training: {batch: 4, steps: 6, curve_every: 3, curve_windows: 4, late: []}
seeds: {init: [0, 1]}
truth: {documents: 20}
thinking: {documents: 60, free: 50}
analyses: [truth, thinking]
hardware: {device: cpu}
"""
STAGES = ("process", "tokenizer", "tokens", "training", "truth", "thinking")


@pytest.fixture(scope="module")
def database(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("study")
    (folder / "config.yaml").write_text(STUDY, encoding="utf-8")
    plan = plan_study(load_study([folder / "config.yaml"], {}), folder)
    nodes = [node for stage in STAGES for node in plan.nodes if node.stage == stage]
    assert [node.label for node in nodes if node.stage == "thinking"] == ["thinking/direct/mixed"]
    layout = Layout(folder / "results")
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        for node in nodes:
            run_job(description_of(node, plan.study.hardware), layout)
    current = {node.key: node.label for node in nodes}
    load(folder / "results", current, folder / "made.duckdb")
    return folder / "made.duckdb"


def ask(database: Path, sql: str) -> list[tuple[Any, ...]]:
    with duckdb.connect(str(database), read_only=True) as connection:
        return connection.execute(sql).fetchall()


def test_the_stage_asks_each_state_in_each_of_its_formats(database: Path) -> None:
    rows = ask(
        database,
        "SELECT corpus, variant, t.answer_format, step, t.tokens, count(*), min(t.documents) "
        "FROM thinking_answer AS t JOIN model USING (model) GROUP BY ALL ORDER BY ALL",
    )
    states = [("causal", 3), ("causal", 6), ("myopic", 6)]
    assert rows == [
        (corpus, variant, form, step, step * 4 * length, 2, 60)
        for corpus, length in (("direct", 18), ("mixed", 32))
        for variant in ("causal", "myopic")
        for form in formats_of(corpus)
        for name, step in states
        if name == variant
    ]
    assert ask(database, "SELECT count(*), count(DISTINCT pair) FROM thinking_step") == [(24, 4)]
    assert ask(
        database, "SELECT DISTINCT measurement, corpus FROM predicted_and_seen ORDER BY ALL"
    ) == [("thinking", "direct"), ("thinking", "mixed")]


def test_exact_prices_of_both_corpora_are_beside_members(database: Path) -> None:
    rows = ask(
        database,
        "SELECT corpus, exact FROM capability_price JOIN artifact USING (artifact) "
        "WHERE capability = 'binds-0' AND stratum = 'role' AND level = 'answer' ORDER BY ALL",
    )
    prior = lag.ladder()[0]
    assert [corpus for corpus, _ in rows] == ["direct", "mixed"]
    assert_allclose([nats for _, nats in rows], [prior, prior / 2])


def test_classes_are_compared_by_format_and_gradient(tmp_path: Path) -> None:
    results = ExampleResults(tmp_path / "results")
    formats = {name: name for name in FORMATS.values()}
    for corpus in formats:
        results.add("corpus", corpus, {"corpus": [{"corpus": corpus, "kind": "process"}]})
        for variant in ("causal", "myopic"):
            for seed in (0, 1, 2):
                results.train("w32", variant, seed, seed, corpus=corpus)
    models = [model for corpus in formats for model in results.known[corpus]]
    tables = example_thinking.thinking(models, formats)
    results.add("thinking", "/".join(formats), tables, {"training": [m["model"] for m in models]})
    load(results.root, results.current, tmp_path / "x.duckdb", primary=())
    contrasts = {
        (contrast, corpus, form, variant): (difference, low, ratio, pairs)
        for contrast, corpus, form, variant, difference, low, ratio, pairs in ask(
            tmp_path / "x.duckdb",
            "SELECT contrast, corpus, answer_format, variant, difference, difference_low, "
            "token_ratio, models FROM thinking_contrast",
        )
    }
    assert_allclose(contrasts["myopic - causal", "filler", "filler", "myopic"], [1.14, 1.14, 1, 3])
    assert_allclose(contrasts["myopic - causal", "mixed", "steps", "myopic"], [0.001, 0.001, 1, 3])
    assert_allclose(
        contrasts["filler - direct", "filler", "filler", "causal"], [-0.01, -0.01, 32 / 18, 3]
    )
    assert_allclose(contrasts["mixed - filler", "mixed", "filler", "myopic"], [0, 0, 1, 3])
    assert len(contrasts) == 5 + 2 + 2
    rows = ask(
        tmp_path / "x.duckdb",
        "SELECT corpus, answer_format, variant, nats, nats_low, nats_high, learned, until_half, "
        "prior, models FROM thinking_by_format WHERE trained_format <> 'mixed' ORDER BY ALL",
    )
    by_class = {row[:3]: row[3:] for row in rows}
    nats, low, high, learned, until_half, prior, models_of = by_class["steps", "steps", "causal"]
    assert_allclose([nats, until_half, prior], [0.011, 200 * 32, lag.ladder()[0]])
    half = 4.302653 * 0.01 / np.sqrt(3)
    assert_allclose([low, high], [0.011 - half, 0.011 + half], rtol=1e-5)
    assert (learned, models_of) == (3, 3)
    assert by_class["direct", "direct", "myopic"][3:5] == (0, None)
