"""Logistic maps against their conditions, exact laws against enumeration, areas against loops."""

import itertools
from typing import Any

import numpy as np
import pytest
from scipy import optimize

from manymasks.config.analyses import Statistics
from manymasks.corpora.processes import tally
from manymasks.corpora.processes.registry import process
from manymasks.statistics.bootstrap import document_weights
from manymasks.truth import speculation
from manymasks.truth.logistic import frequencies, logistic_map
from manymasks.truth.speculation import (
    MOST,
    auc,
    auc_rows,
    halves,
    labelled_pairs,
    questions,
    speculation_rows,
)

STATISTICS = Statistics(resamples=200)
RNG = np.random.default_rng
NAMES = ["masks", "mess3", "rrxor", "tally", "tally1"]


def asked_of(name: str, tokens: Any, ahead: Any) -> Any:
    return questions(process(name), tokens, ahead, 0)


# -------------------------------------------------------------------------- the logistic map


def objective(x: Any, classes: Any, count: int, ridge: float, weights: Any, shift: Any) -> float:
    """What a map is the least of, written down as it is defined."""
    centred = x - x.mean(0)
    start = np.log(frequencies(classes, count))
    loss = 0.0
    for row, own in zip(centred, classes, strict=True):
        logits = row @ weights + shift + start
        loss += np.log(np.exp(logits).sum()) - logits[own]
    penalty = ridge * x.var(0).mean() * (weights**2).sum() + ridge * (shift**2).sum()
    return float(loss / len(x) + penalty / 2)


@pytest.mark.parametrize(("count", "ridge"), [(2, 1e-3), (4, 1e-2), (4, 1.0)])
def test_a_map_is_the_least_of_its_objective(count: int, ridge: float) -> None:
    rng = RNG(0)
    x = rng.normal(size=(60, 3)) * [1, 10, 0.1] + 4
    classes = (rng.random(60) + (x[:, 0] > 4)).astype(int) % count
    fitted = logistic_map(x, classes, count, ridge)
    start = np.log(frequencies(classes, count))

    def flat(values: Any) -> float:
        weights = values[: 3 * count].reshape(3, count)
        return objective(x, classes, count, ridge, weights, values[3 * count :])

    own = np.append(fitted.weights.ravel(), fitted.offset - start)
    least = optimize.minimize(flat, np.zeros(4 * count), tol=1e-9)
    assert flat(own) == pytest.approx(least.fun, abs=1e-6)
    law = fitted(x)
    np.testing.assert_allclose(np.exp(law).sum(1), 1)


def test_the_unit_of_the_features_does_not_matter() -> None:
    rng = RNG(1)
    x = rng.normal(size=(200, 5))
    classes = (x[:, 0] + rng.normal(size=200) > 0).astype(int)
    one, other = logistic_map(x, classes, 2, 1e-2), logistic_map(1e3 * x - 1, classes, 2, 1e-2)
    np.testing.assert_allclose(one(x), other(1e3 * x - 1), atol=1e-4)


def test_without_features_there_are_frequencies() -> None:
    classes = RNG(2).integers(0, 3, 500)
    law = logistic_map(np.ones((500, 4)), classes, 5, 1e-3)(np.ones((1, 4)))[0]
    np.testing.assert_allclose(np.exp(law), frequencies(classes, 5), atol=2e-3)
    assert np.isfinite(law).all()
    np.testing.assert_allclose(frequencies(np.array([0, 0, 2]), 3), np.array([2.5, 0.5, 1.5]) / 4.5)


# --------------------------------------------------------------------------- tokens to come


@pytest.mark.parametrize("steps", [1, 2, 3])
def test_laws_some_steps_ahead_are_sums_over_what_comes_between(steps: int) -> None:
    tokens = process("mess3").draw(5, RNG(3))[:, :6]
    law = process("mess3").ahead(tokens, steps)
    # By hand, on matrices: BOS, then letters 1..3 from states that move and speak.
    x, a = 0.05, 0.85
    moves = (1 - 3 * x) * np.eye(3) + x
    says = (1 - a) / 2 + (a - (1 - a) / 2) * np.eye(3)

    def chance(letters: Any) -> float:
        state = np.full(3, 1 / 3)
        for letter in letters:
            state = (state @ moves) * says[:, letter]
        return float(state.sum())

    for document, place in itertools.product(range(5), range(6)):
        before = list(tokens[document, 1 : place + 1] - 1)
        for last in range(3):
            together = sum(
                chance([*before, *between, last])
                for between in itertools.product(range(3), repeat=steps - 1)
            )
            expected = together / chance(before)
            assert law[document, place, last + 1] == pytest.approx(expected, abs=1e-12)
    np.testing.assert_allclose(law[..., 0], 0, atol=1e-15)


def test_questions_are_of_places_where_the_token_comes() -> None:
    for name, steps in itertools.product(("masks", "tally"), (1, 3)):
        tokens = process(name).draw(20, RNG(5))
        (asked,) = asked_of(name, tokens, [steps])
        places = 64 - steps - (2 - steps if name == "masks" and steps == 1 else 0)
        assert len(asked.fit.place) == len(asked.test.place) == 10 * places
        assert set(asked.fit.document) == set(range(10))
        assert set(asked.test.document) == set(range(10, 20))
        assert asked.test.place.max() + steps == 63
        # Neither BOS nor, in masks, a premise is an answer, and all that comes has one.
        assert asked.count <= (3 if name == "masks" else 12)
        assert asked.test.classes.max() < asked.count
        coming = tokens[asked.test.document, asked.test.place + steps]
        _, numbers = np.unique(coming, return_inverse=True)
        if name == "masks":
            np.testing.assert_array_equal(asked.test.classes, numbers)


def test_losses_are_those_of_the_rows() -> None:
    tokens = process("rrxor").draw(30, RNG(6))
    (asked,) = asked_of("rrxor", tokens, [2])
    law = process("rrxor").ahead(tokens, 2)
    shares = frequencies(asked.fit.classes, 2)
    for row in range(0, len(asked.exact), 7):
        document, place = asked.test.document[row], asked.test.place[row]
        said = tokens[document, place + 2]
        assert asked.exact[row] == -np.log(law[document, place, said])
        assert asked.marginal[row] == -np.log(shares[said - 1])


def test_too_many_rows_are_thinned_out() -> None:
    allowed = np.ones((300, 64), dtype=bool)
    fit, test = halves(allowed, np.zeros((300, 64), dtype=np.int64), [0])
    assert len(fit.place) == len(test.place) == MOST
    assert len(set(zip(fit.document, fit.place, strict=True))) == MOST
    assert (fit.document.max(), test.document.min()) == (149, 150)
    again, _ = halves(allowed, np.zeros((300, 64), dtype=np.int64), [0])
    np.testing.assert_array_equal(again.place, fit.place)


def test_steps_out_of_every_document_are_left_out() -> None:
    tokens = process("mess3").draw(6, RNG(7))
    assert [each.ahead for each in asked_of("mess3", tokens, [1, 63, 64, 99])] == [1, 63]


def test_what_comes_after_the_end_is_no_answer() -> None:
    known = process("fork")
    tokens = known.draw(60, RNG(17))
    (asked,) = asked_of("fork", tokens, [2])
    counts = known.strata(tokens)["counted"]
    for rows in (asked.fit, asked.test):
        assert (counts[rows.document, rows.place + 2] == 0).all()
    assert len(asked.fit.place) + len(asked.test.place) == (counts[:, 2:] == 0).sum()


@pytest.mark.parametrize("name", NAMES)
def test_who_knows_the_exact_law_gains_all_that_can_be_gained(name: str) -> None:
    tokens = process(name).draw(240, RNG(8))
    steps = [1, 3]
    laws = {each: process(name).ahead(tokens, each) for each in steps}
    noise = RNG(9).normal(size=(*tokens.shape, 4))
    for asked in asked_of(name, tokens, steps):
        # Its logarithm is what the best map would say; what cannot be is far down.
        knowing = np.log(np.maximum(laws[asked.ahead], 1e-4))
        noisy, exact = speculation_rows([noise, knowing], [asked], "none", 1e-5, STATISTICS)
        if (name, asked.ahead) == ("rrxor", 3):
            # A token and the third one after it are independent, whatever came before.
            assert exact["efficiency"] is None
            assert exact["exact"] == pytest.approx(np.log(2))
            continue
        assert exact["efficiency"] == pytest.approx(1, abs=0.06)
        assert abs(noisy["efficiency"]) < 0.12
        for row in (noisy, exact):
            assert row["efficiency_low"] < row["efficiency"] < row["efficiency_high"]
            gain = (row["marginal"] - row["nats"]) / (row["marginal"] - row["exact"])
            assert row["efficiency"] == pytest.approx(gain)
        assert (noisy["layer"], exact["layer"]) == (0, 1)
        assert exact["documents"] == 120


def test_where_nothing_can_be_gained_there_is_no_share() -> None:
    tokens = process("tally").draw(6, RNG(10))
    (asked,) = asked_of("tally", tokens, [1])
    other = speculation.Question(
        1, asked.fit, asked.test, asked.exact + 1e-6, asked.exact, asked.count
    )
    (row,) = speculation_rows([np.zeros((6, 64, 2))], [other], "none", 1e-3, STATISTICS)
    assert row["efficiency"] is row["efficiency_low"] is None
    assert row["marginal"] == pytest.approx(row["exact"] + 1e-6)


def test_documents_are_those_that_rows_are_of() -> None:
    # The last document of two is the only one tested: it has an estimate and no interval.
    tokens = process("mess3").draw(2, RNG(11))
    asked = asked_of("mess3", tokens, [1])
    (row,) = speculation_rows([RNG(0).normal(size=(2, 64, 2))], asked, "none", 1e-3, STATISTICS)
    assert row["documents"] == 1
    assert row["efficiency"] is not None
    assert row["efficiency_low"] is row["efficiency_high"] is None


# ------------------------------------------------------------------------- pairs that count


def wins(scores: Any, counts: Any, times: Any) -> float:
    """The area under the curve by two loops; each row counts `times`."""
    won = played = 0.0
    for i, j in itertools.product(np.flatnonzero(counts), np.flatnonzero(~counts)):
        each = times[i] * times[j]
        played += each
        won += each * ((scores[i] > scores[j]) + 0.5 * (scores[i] == scores[j]))
    return won / played


def test_the_area_is_that_of_two_loops() -> None:
    rng = RNG(12)
    # Few values, so that many are tied.
    scores, counts = rng.integers(0, 6, 60).astype(float), rng.random(60) < 0.3
    document = rng.integers(0, 12, 60)
    weights = document_weights(12, 150, 0)
    found = auc(scores, counts, document, weights, 0.9)
    assert found["auc"] == pytest.approx(wins(scores, counts, np.ones(60)), rel=1e-12)
    resamples = [wins(scores, counts, each[document]) for each in weights]
    assert found["auc_low"] == pytest.approx(np.quantile(resamples, 0.05), rel=1e-9)
    assert found["auc_high"] == pytest.approx(np.quantile(resamples, 0.95), rel=1e-9)


def test_areas_at_their_ends() -> None:
    counts = np.array([True, True, False, False])
    document, weights = np.array([0, 1, 0, 1]), document_weights(2, 100, 0)
    for scores, expected in (([3, 2, 1, 0], 1), ([0, 1, 2, 3], 0), ([1, 1, 1, 1], 0.5)):
        found = auc(np.array(scores, dtype=float), counts, document, weights, 0.95)
        assert set(found.values()) == {expected}
    nobody = auc(np.zeros(4), np.zeros(4, dtype=bool), document, weights, 0.95)
    assert set(nobody.values()) == {None}
    alone = auc(np.zeros(4), counts, np.zeros(4, dtype=np.int64), weights, 0.95)
    assert alone == {"auc": 0.5, "auc_low": None, "auc_high": None}


@pytest.mark.parametrize("name", ["tally", "tally1"])
def test_pairs_are_those_of_the_blocks(name: str) -> None:
    tokens = process(name).draw(12, RNG(13))
    expected: dict[str, dict[tuple[int, int], bool]] = {"b": {}, "next": {}}
    for document, said in enumerate(tokens):
        opening = 0
        for place in range(1, 64):
            token = said[place]
            if token >= tally.FIRST_ANSWER:
                opening = place
            elif token != tally.EQUALS and (place - opening) % 2 == 0:
                a, b = said[place - 1] - tally.FIRST_DIGIT, token - tally.FIRST_DIGIT
                counts = bool(a == b if name == "tally" else b == 0)
                expected["b"][document, place] = counts
                if place < 63 and said[place + 1] != tally.EQUALS:
                    expected["next"][document, place + 1] = counts
    for at, pairs in labelled_pairs(process(name), tokens, 0).items():
        found = {
            (document, place): bool(counts)
            for part in (pairs.fit, pairs.test)
            for document, place, counts in zip(part.document, part.place, part.classes, strict=True)
        }
        assert found == expected.pop(at)
    assert not expected


def test_only_tally_has_pairs() -> None:
    assert labelled_pairs(process("masks"), process("masks").draw(4, RNG(0)), 0) == {}
    assert auc_rows([np.zeros((4, 64, 2))], {}, "none", 1e-3, STATISTICS) == []


def test_who_holds_the_pair_tells_that_it_counts() -> None:
    tokens = process("tally").draw(60, RNG(14))
    pairs = labelled_pairs(process("tally"), tokens, 0)
    noise = RNG(15).normal(size=(60, 64, 3))
    digit = np.eye(13)[tokens]
    before = np.concatenate([digit[:, :1], digit[:, :-1]], 1)
    both = (digit[..., None] * before[:, :, None]).reshape(60, 64, -1)
    later = np.concatenate([both[:, :1], both[:, :-1]], 1)
    levels = [noise, np.concatenate([digit, before], 2), both, later]
    rows = auc_rows(levels, pairs, "x", 1e-3, STATISTICS)
    found = {(row["layer"], row["site"]): row["auc"] for row in rows}
    # Whether two digits are alike is no sum over them.
    for nothing in ((0, "b"), (1, "b"), (0, "next"), (1, "next"), (2, "next"), (3, "b")):
        assert abs(found.pop(nothing) - 0.5) < 0.1
    assert found == {(2, "b"): 1, (3, "next"): 1}
    assert {(row["control"], row["documents"]) for row in rows} == {("x", 30)}
    for row in rows:
        assert row["pairs"] == len(pairs[row["site"]].test.place)


def test_in_the_control_the_digit_itself_says_it() -> None:
    tokens = process("tally1").draw(40, RNG(16))
    pairs = {"b": labelled_pairs(process("tally1"), tokens, 0)["b"]}
    (row,) = auc_rows([np.eye(13)[tokens]], pairs, "none", 1e-3, STATISTICS)
    assert (row["auc"], row["auc_low"], row["auc_high"]) == (1, 1, 1)
