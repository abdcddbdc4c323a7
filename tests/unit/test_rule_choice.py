"""Rule choice: members whose answers are known, and what is said of them over seeds."""

import itertools
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow.parquet as pq
import pytest
from example_processes import swapped
from scipy import stats

import kit
from kit import diagonal
from manymasks.config.analyses import Statistics
from manymasks.config.training import Size
from manymasks.corpora.processes import fork
from manymasks.corpora.processes.machine import ENDED
from manymasks.corpora.processes.registry import process
from manymasks.models.transformer import Transformer, initialise
from manymasks.stages import rule_choice as stage
from manymasks.statistics.bootstrap import document_weights
from manymasks.statistics.components import components
from manymasks.statistics.paired import mean_over_seeds
from manymasks.store.job import Artifact
from manymasks.training.checkpoint import save_weights
from manymasks.truth.rule_choice import (
    ConflictQuestions,
    agreement,
    answered_positions,
    choice_row,
    conflict_questions,
    preferences,
    share_intervals,
    sign_p,
    spread_row,
)

STATISTICS = Statistics(resamples=200)
Row = dict[str, Any]
Array = np.ndarray[Any, np.dtype[np.float64]]
Seeded = list[tuple[int, int]]


def answering(questions: ConflictQuestions, probability: Array) -> Row:
    """The row of a member that gives the rule's answer these probabilities, and the other rest."""
    with np.errstate(divide="ignore"):
        log_probs = np.log(np.stack([probability, 1 - probability], 1))
    return chosen(questions, log_probs, np.zeros(0))


def chosen(questions: ConflictQuestions, log_probs: Array, right: Array) -> Row:
    weights = document_weights(len(log_probs), STATISTICS.resamples, STATISTICS.seed)
    return choice_row(questions, log_probs, right, weights, STATISTICS.confidence)


def spread(
    questions: ConflictQuestions, seeds: Seeded, soft: Array, statistics: Statistics = STATISTICS
) -> Row:
    weights = document_weights(soft.shape[1], statistics.resamples, statistics.seed)
    return spread_row(questions, seeds, soft, weights, statistics)


# ------------------------------------------------------------------------------- questions


def test_questions_match_the_process() -> None:
    twin, before = conflict_questions(100, 3)
    assert (twin.question, twin.rule, twin.other, twin.mark) == ("twin", "red", "blue", "?t")
    assert (before.question, before.rule, before.other) == ("before", "depth 0", "first")
    for questions in (twin, before):
        rows = np.arange(100)
        assert (questions.tokens[rows, questions.lengths - 1] == fork.TOKEN[questions.mark]).all()
        after = np.arange(questions.tokens.shape[1]) >= questions.lengths[:, None]
        assert ((questions.tokens == fork.TOKEN["EOS"]) == after).all()
    # The rule's word is the red one, or the one outside the brackets, which comes second.
    red = np.sort(np.where(twin.tokens < fork.FIRST["B"], twin.tokens, 0), 1)[:, -1]
    np.testing.assert_array_equal(twin.answers[:, 0] - fork.FIRST["A"], red - fork.FIRST["R"])
    assert twin.is_first.sum() == 50
    assert not before.is_first.any()
    asked_at = fork.fork(0.1).laws(np.where(before.tokens == 1, ENDED, before.tokens))
    for row, length in enumerate(before.lengths[before.lengths < 11]):
        short = np.flatnonzero(before.lengths < 11)[row]
        assert asked_at[short, length, before.answers[short, 0]] == pytest.approx(1)
    again = conflict_questions(100, 3)[1]
    np.testing.assert_array_equal(again.tokens, before.tokens)
    assert (conflict_questions(100, 4)[1].tokens[:, :5] != before.tokens[:, :5]).any()


def test_answered_questions_and_their_right_answers() -> None:
    known = process("fork", answered=0.5)
    tokens = known.draw(2000, np.random.default_rng(0))
    laws, strata = known.laws(tokens), known.strata(tokens)
    answers = strata["role"] == known.levels["role"].index("answer")
    twin = strata["kind"] == known.levels["kind"].index("TWIN")
    for mark, expected in (("?t", answers & twin), ("?h", answers & ~twin)):
        rows, places = answered_positions(tokens, mark)
        np.testing.assert_array_equal([rows, places], np.nonzero(expected))
        np.testing.assert_allclose(laws[rows, places, tokens[rows, places]], 1, rtol=1e-12)
    # A document that ends with its question has no answer.
    cut = np.full((1, 5), fork.TOKEN["EOS"])
    cut[0, 3] = fork.TOKEN["?h"]
    assert len(answered_positions(cut, "?h")[0]) == 0


# ------------------------------------------------------------------------------- one member


def test_predictor_that_always_answers_red() -> None:
    twin, _ = conflict_questions(60, 0)
    found = answering(twin, np.ones(60))
    ends = found["preference"], found["preference_low"], found["preference_high"]
    assert ends == pytest.approx((1, 1, 1))
    assert (found["share"], found["mass"], found["order_effect"]) == (1, 1, 0)
    assert found["share_high"] == pytest.approx(1)
    assert found["share_low"] < 1
    assert found["p_right"] is None


@pytest.mark.parametrize(("place", "effect"), [("first", 1), ("last", -1)])
def test_predictor_that_depends_on_order(place: str, effect: int) -> None:
    twin, before = conflict_questions(60, 0)
    takes_first = twin.is_first if place == "first" else ~twin.is_first
    found = answering(twin, takes_first.astype(float))
    assert (found["preference"], found["share"]) == (0.5, 0.5)
    assert found["order_effect"] == effect
    # The word at depth 0 is never the first one: of order nothing can be said.
    assert answering(before, np.zeros(60))["order_effect"] is None


def test_preference_mass_and_answers_by_hand() -> None:
    twin, _ = conflict_questions(10, 0)
    log_probs = np.log(np.array([[0.3, 0.1]] * 5 + [[0.1, 0.4]] * 5))
    found = chosen(twin, log_probs, np.array([0.9, 0.7]))
    assert found["preference"] == pytest.approx((0.75 + 0.2) / 2)
    assert found["preference_low"] < found["preference"] < found["preference_high"]
    assert found["share"] == 0.5
    assert found["mass"] == pytest.approx(0.45)
    assert found["p_right"] == pytest.approx(0.8)
    # Red is first at even questions: three of the first five.
    assert found["order_effect"] == pytest.approx((3 * 0.75 + 2 * 0.2 - 2 * 0.75 - 3 * 0.2) / 5)
    # Probabilities that underflow still have a ratio.
    tiny = preferences(np.array([[-2000.0, -2000.0 - np.log(3)], [-3000.0, -100.0]]))
    np.testing.assert_allclose(tiny, [0.75, 0])


def test_the_interval_of_a_share_is_wilsons() -> None:
    twin, _ = conflict_questions(80, 0)
    found = answering(twin, np.where(np.arange(80) < 50, 0.9, 0.2))
    n, p, z = 80, 50 / 80, stats.norm.ppf(0.975)
    middle = (p + z**2 / (2 * n)) / (1 + z**2 / n)
    half = z / (1 + z**2 / n) * np.sqrt(p * (1 - p) / n + z**2 / (4 * n**2))
    assert found["share_low"] == pytest.approx(middle - half)
    assert found["share_high"] == pytest.approx(middle + half)


def test_the_interval_of_a_preference_is_over_questions() -> None:
    twin, _ = conflict_questions(100, 0)
    rng = np.random.default_rng(1)
    covered = []
    for _ in range(200):
        found = answering(twin, rng.beta(0.5, 1.0, 100))
        covered.append(found["preference_low"] < 1 / 3 < found["preference_high"])
    assert 0.89 < np.mean(covered) < 0.98


# --------------------------------------------------------------------------- the twin null


def colour_blind(tokens: Any, answers: Any) -> Array:
    """Probabilities (questions, 2) of a member that takes red and blue for the same.

    It goes by the number of each cue, by their places and by the fillers.
    """
    red, blue = fork.FIRST["R"], fork.FIRST["B"]
    is_blue = (tokens >= blue) & (tokens < blue + fork.WORDS)
    seen = np.where(is_blue, tokens - blue + red, tokens)
    found = []
    for prompt, pair in zip(seen, answers, strict=True):
        law = np.random.default_rng(prompt).dirichlet(np.full(fork.WORDS, 0.3))
        found.append(law[pair - fork.FIRST["A"]])
    return np.array(found)


def test_colour_blind_predictor_has_no_preference() -> None:
    twin, _ = conflict_questions(2000, 5)
    law = colour_blind(twin.tokens, twin.answers)
    np.testing.assert_array_equal(law, colour_blind(swapped(twin.tokens), twin.answers))
    soft = preferences(np.log(law))
    assert soft.std() > 0.3
    found = chosen(twin, np.log(law), np.zeros(0))
    assert abs(found["preference"] - 0.5) < 4 * soft.std() / np.sqrt(2000)
    assert abs(found["order_effect"]) < 8 * soft.std() / np.sqrt(2000)
    # With each question its twin of the other colours is asked: then it is exact.
    other = preferences(np.log(colour_blind(swapped(twin.tokens), twin.answers[:, ::-1])))
    np.testing.assert_allclose(soft + other, 1, rtol=1e-12)


def test_questions_are_balanced_under_the_swap() -> None:
    twin, _ = conflict_questions(20_000, 6)
    kinds = []
    for tokens in (twin.tokens, swapped(twin.tokens)):
        cues = (tokens >= fork.FIRST["R"]) & (tokens < fork.FIRST["M"])
        slots = np.nonzero(cues)[1].reshape(-1, 2)
        one, two = tokens[cues].reshape(-1, 2).T - fork.FIRST["R"]
        kinds.append(np.column_stack([slots, one, two]))
    # The first cue's colour exactly, each slot and each word but for chance.
    assert (kinds[0][:, 2] < fork.WORDS).mean() == (kinds[1][:, 2] < fork.WORDS).mean() == 0.5
    for column in range(4):
        one, two = (np.bincount(each[:, column], minlength=12) for each in kinds)
        assert np.abs(one - two).max() < 5 * np.sqrt(2 * one.max())


# -------------------------------------------------------------------------------- over seeds


CROSSED = list(itertools.product(range(3), range(4)))


def test_spread_by_hand() -> None:
    twin, _ = conflict_questions(30, 0)
    rng = np.random.default_rng(2)
    soft = rng.beta(0.4, 0.5, (12, 30))
    found = spread(twin, CROSSED, soft)
    each = soft.mean(1)
    assert found["mean"] == pytest.approx(each.mean())
    assert found["mean_low"] < found["mean"] < found["mean_high"]
    assert found["sd"] == pytest.approx(np.std(each, ddof=1))
    assert (found["lowest"], found["highest"]) == (each.min(), each.max())
    assert found["above_half"] == sum(each > 0.5)
    assert (found["members"], found["inits"], found["questions"]) == (12, 3, 30)
    picks = soft > 0.5
    # Members with a common seed are similar, so they are no pair.
    pairs = [
        (a, b)
        for a, b in itertools.combinations(range(12), 2)
        if all(one != other for one, other in zip(CROSSED[a], CROSSED[b], strict=True))
    ]
    agreement = [np.mean(picks[a] == picks[b]) for a, b in pairs]
    assert found["agreement"] == pytest.approx(np.mean(agreement))
    shares = [(picks[a].mean(), picks[b].mean()) for a, b in pairs]
    expected = [a * b + (1 - a) * (1 - b) for a, b in shares]
    assert found["agreement_expected"] == pytest.approx(np.mean(expected))
    assert found["from_init"] + found["from_order"] + found["from_both"] == pytest.approx(1)
    for name in ("from_init", "from_order", "from_both"):
        assert 0 <= found[f"{name}_low"] <= found[name] <= found[f"{name}_high"] <= 1


def test_the_interval_of_the_mean_has_the_seeds_as_units() -> None:
    twin, _ = conflict_questions(40, 0)
    rng = np.random.default_rng(6)
    init = np.repeat(rng.normal(0, 0.1, 5), 2)
    soft = (0.5 + init + rng.normal(0, 0.02, 10))[:, None] + rng.normal(0, 0.05, 40)
    seeds = list(itertools.product(range(5), range(2)))
    found = spread(twin, seeds, soft)
    weights = document_weights(40, STATISTICS.resamples, STATISTICS.seed)
    expected = mean_over_seeds(soft, seeds, np.ones(40), weights, STATISTICS.confidence)
    assert found["mean"] == pytest.approx(soft.mean())
    assert found["mean_low"] == pytest.approx(expected.low)
    assert found["mean_high"] == pytest.approx(expected.high)
    alone = spread(twin, diagonal(10), soft)
    # Taken for independent, ten members that five weights decide look more certain.
    assert alone["mean_high"] - alone["mean_low"] < expected.high - expected.low
    # Without one member the table of seeds has a hole, and no components.
    fewer = spread(twin, seeds[:-1], soft[:-1])
    assert fewer["from_init"] is fewer["from_init_low"] is None


def test_intervals_of_the_mean_cover_where_members_share_seeds() -> None:
    twin, _ = conflict_questions(2, 0)
    rng = np.random.default_rng(7)
    seeds = list(itertools.product(range(5), range(2)))
    covered = []
    for _ in range(400):
        each = 0.5 + np.repeat(rng.normal(0, 0.1, 5), 2) + rng.normal(0, 0.06, 10)
        found = spread(twin, seeds, np.repeat(each[:, None], 2, 1), Statistics(resamples=100))
        covered.append(found["mean_low"] < 0.5 < found["mean_high"])
    assert 0.92 < np.mean(covered) < 0.98


# ------------------------------------------------------------------------ shares of the variance


@pytest.mark.parametrize("shape", [(5, 2), (4, 4)])
@pytest.mark.parametrize("shares", [(0.7, 0.0, 0.3), (0.2, 0.4, 0.4), (0.0, 0.0, 1.0)])
def test_intervals_of_shares_cover(shape: tuple[int, int], shares: tuple[float, ...]) -> None:
    rng = np.random.default_rng(8)
    init, order, both = np.sqrt(shares)
    covered = []
    for seed in range(300):
        table = init * rng.normal(size=(shape[0], 1)) + order * rng.normal(size=(1, shape[1]))
        table = table + both * rng.normal(size=shape)
        low, high = share_intervals(table, Statistics(resamples=300, seed=seed))
        below, above = np.array(low) - 1e-9, np.array(high) + 1e-9
        covered.append((below <= shares) & (shares <= above))
    assert (np.mean(covered, 0) > 0.89).all()


def test_without_an_order_effect_the_interval_matches_an_f_law() -> None:
    """Where orders are alike but for the rest, the exact interval of one way is known."""
    rows = np.array([0.0, 1.0, 2.0, 4.0, 8.0, 3.0])
    rest = np.array([0.5, -0.4, 0.3, -0.6, 0.1, 0.1])
    table = rows[:, None] + rest[:, None] * np.array([1.0, -1.0])
    assert components(table)[1] == 0  # type: ignore[index]
    low, high = share_intervals(table, Statistics(resamples=40_000))
    ratio = (2 * table.mean(1).var(ddof=1)) / ((rest**2).sum() * 2 / 5)
    ends = [max((ratio / stats.f.ppf(at, 5, 5) - 1) / 2, 0) for at in (0.975, 0.025)]
    expected = [end / (1 + end) for end in ends]
    np.testing.assert_allclose([low[0], high[0]], expected, atol=0.01)
    np.testing.assert_allclose([low[2], high[2]], [1 - expected[1], 1 - expected[0]], atol=0.01)
    # Neither the unit nor the mean of preferences matters.
    again = share_intervals(7 - 3 * table, Statistics(resamples=40_000))
    np.testing.assert_allclose(again, (low, high), atol=1e-12)


def test_negative_components_have_share_0() -> None:
    """The estimate is negative and put at 0, as in the default study: the interval says so."""
    twin, _ = conflict_questions(10, 0)
    each = np.array([0.88, 0.94, 0.76, 0.77, 0.49, 0.18, 0.50, 0.58, 0.76, 0.95])
    seeds = list(itertools.product(range(5), range(2)))
    found = spread(twin, seeds, np.repeat(each[:, None], 10, 1))
    assert (found["from_order"], found["from_order_low"]) == (0, 0)
    assert found["from_order_high"] > 0
    assert found["from_init_low"] < found["from_init"] < found["from_init_high"]


def test_agreement_of_independent_and_of_equal_answers() -> None:
    rng = np.random.default_rng(3)
    shares = np.array([[0.2], [0.5], [0.9]])
    picks = (rng.random((3, 200_000)) < shares).astype(float)
    np.testing.assert_allclose(agreement(picks)[0, 1:], agreement(shares)[0, 1:], atol=0.005)
    assert agreement(np.array([[1.0, 0.0], [1.0, 0.0]]))[0, 1] == 1


@pytest.mark.parametrize("members", [1, 2])
def test_few_members(members: int) -> None:
    twin, _ = conflict_questions(10, 0)
    found = spread(twin, CROSSED[:members], np.full((members, 10), 0.4))
    assert found["mean"] == pytest.approx(0.4)
    assert (found["from_init"], found["sign_p"], found["above_half"]) == (None, 1, 0)
    for name in ("from_init_low", "from_both_high"):
        assert found[name] is None, name
    if members == 1:
        for name in ("mean_low", "mean_high", "sd", "agreement", "agreement_expected"):
            assert found[name] is None, name
    else:
        assert (found["mean_low"], found["mean_high"]) == pytest.approx((0.4, 0.4))
        assert (found["sd"], found["agreement"]) == (0, 1)


def test_intervals_stay_between_0_and_1() -> None:
    twin, _ = conflict_questions(10, 0)
    soft = np.repeat([[0.1], [0.9]], 10, 1)
    found = spread(twin, [(0, 0), (1, 0)], soft)
    assert (found["mean_low"], found["mean_high"]) == (0, 1)


def test_two_modes_of_members_are_detected() -> None:
    twin, _ = conflict_questions(10, 0)
    seeds = list(itertools.product(range(10), range(2)))
    rng = np.random.default_rng(5)
    heaps = np.repeat([0.1, 0.9], 10) + 0.01 * rng.standard_normal(20)
    one = 0.5 + 0.1 * rng.standard_normal(20)

    def dip_p(each: np.ndarray) -> float | None:
        return spread(twin, seeds, np.repeat(each[:, None], 10, 1))["dip_p"]

    assert dip_p(heaps) < 0.01
    assert dip_p(one) > 0.1
    assert spread(twin, seeds[:3], np.full((3, 10), 0.5))["dip_p"] is None


def test_the_sign_test() -> None:
    assert sign_p(np.array([0.6, 0.7, 0.8, 0.9])) == pytest.approx(2 * 0.5**4)
    assert sign_p(np.array([0.4, 0.5, 0.6])) == 1
    assert sign_p(np.array([0.5])) is None
    # Members that share initial weights are one unit.
    twin, _ = conflict_questions(10, 0)
    seeds = list(itertools.product(range(2), range(8)))
    assert spread(twin, seeds, np.full((16, 10), 0.9))["sign_p"] == 0.5


def test_under_the_null_the_sign_test_is_calibrated() -> None:
    """Members of a seed of initial weights are alike; p of 0.05 and less must be rare."""
    twin, _ = conflict_questions(10, 0)
    rng = np.random.default_rng(4)
    seeds = list(itertools.product(range(8), range(3)))
    found = []
    for _ in range(300):
        init = np.repeat(rng.normal(0, 0.1, 8), 3) + rng.normal(0, 0.02, 24)
        soft = np.repeat((0.5 + init)[:, None], 10, 1)
        found.append(spread(twin, seeds, soft, Statistics(resamples=100))["sign_p"])
    assert np.mean(np.array(found) < 0.05) < 0.03


# --------------------------------------------------------------------------------- the stage


SIZE = Size(width=8, layers=1, heads=1, positions="learned")


def artifact(folder: Path, seed: int, status: str = "trained") -> Artifact:
    """A member that was never trained."""
    folder.mkdir(parents=True)
    model = Transformer(SIZE, len(fork.VOCABULARY), fork.LENGTH)
    initialise(model, [seed])
    save_weights(model, 0, folder / "weights.safetensors")
    settings = {
        "size": SIZE.model_dump(mode="json"),
        "training": {"context": fork.LENGTH, "shift": False},
        "variant": {"gradient": "causal"},
    }
    figures = {"status": status, "vocabulary": len(fork.VOCABULARY)}
    return kit.artifact("training", folder, key=f"member{seed}", settings=settings, figures=figures)


def test_the_stage_writes_both_tables(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    tokens = process("fork", answered=0.02).draw(300, np.random.default_rng(0))
    monkeypatch.setattr(stage, "process_documents", lambda job, split, most: tokens[:most])
    seeds = [(0, 0), (1, 0), (2, 0)]
    job = kit.job(
        "rule_choice",
        {
            "process": {"kind": "process", "process": "fork", "answered": 0.02},
            "members": [
                {
                    "corpus": "known",
                    "size": "base",
                    "variant": "causal",
                    "seed_init": init,
                    "seed_order": order,
                }
                for init, order in seeds
            ],
            "statistics": {"resamples": 100},
            "rule_choice": {"questions": 30},
        },
        {
            "training": tuple(
                artifact(tmp_path / str(init), init, "failed" if init == 1 else "trained")
                for init, _ in seeds
            )
        },
        tmp_path,
    )
    assert stage.make(job) == {"members": 2, "questions": 30}
    choices = pq.read_table(tmp_path / "tables/rule_choice.parquet").to_pylist()
    assert [(row["model"], row["question"]) for row in choices] == [
        (model, question) for model in ("member0", "member2") for question in ("twin", "before")
    ]
    for row in choices:
        # An untrained member says nearly the same of every token.
        assert row["mass"] == pytest.approx(2 / 35, rel=0.1)
        assert row["p_right"] == pytest.approx(1 / 35, rel=0.1)
        assert row["preference"] == pytest.approx(0.5, abs=0.05)
        assert (row["corpus"], row["answered"]) == ("known", 0.02)
    spreads = pq.read_table(tmp_path / "tables/rule_spread.parquet").to_pylist()
    assert [row["question"] for row in spreads] == ["twin", "before"]
    assert {(row["members"], row["size"], row["variant"]) for row in spreads} == {
        (2, "base", "causal")
    }


def test_answers_are_scored_at_the_end_of_the_prompt() -> None:
    """What stands after a prompt changes nothing, and prompts may be read in parts."""
    model = Transformer(SIZE, len(fork.VOCABULARY), fork.LENGTH)
    initialise(model, [0])
    _, before = conflict_questions(20, 0)
    found = stage.score_answers(model, before.tokens, before.lengths, before.answers)
    for row in range(20):
        alone = replace(before, tokens=before.tokens[row : row + 1, : before.lengths[row]])
        own = slice(row, row + 1)
        one = stage.score_answers(model, alone.tokens, before.lengths[own], before.answers[own])
        np.testing.assert_allclose(one[0], found[row], rtol=1e-6)
    assert stage.score_answers(
        model, before.tokens[:0], before.lengths[:0], before.answers[:0]
    ).shape == (
        0,
        2,
    )
