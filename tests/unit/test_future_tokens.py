"""Logistic maps against their conditions, exact laws against enumeration, areas against loops."""

import itertools
from typing import Any

import numpy as np
import pytest
from scipy import optimize

from manymasks.config.analyses import Statistics
from manymasks.corpora.processes import tally
from manymasks.corpora.processes.registry import process
from manymasks.statistics.bootstrap import document_weights, percentile_interval
from manymasks.truth.future_tokens import (
    MOST_ROWS,
    FutureToken,
    auc_columns,
    auc_rows,
    future_tokens,
    labelled_pairs,
    speculation_rows,
    split_halves,
)
from manymasks.truth.logistic import fit_logistic, frequencies

STATISTICS = Statistics(resamples=200)
RNG = np.random.default_rng
NAMES = ["masks", "mess3", "rrxor", "tally", "tally1"]


def targets_of(name: str, tokens: Any, ahead: Any) -> Any:
    return future_tokens(process(name), tokens, ahead, 0)


# -------------------------------------------------------------------------- logistic regression


def objective(x: Any, classes: Any, count: int, ridge: float, weights: Any, shift: Any) -> float:
    """The objective of a fit, by its definition."""
    centred = x - x.mean(0)
    start = np.log(frequencies(classes, count))
    loss = 0.0
    for row, label in zip(centred, classes, strict=True):
        logits = row @ weights + shift + start
        loss += np.log(np.exp(logits).sum()) - logits[label]
    penalty = ridge * x.var(0).mean() * (weights**2).sum() + ridge * (shift**2).sum()
    return float(loss / len(x) + penalty / 2)


@pytest.mark.parametrize(("count", "ridge"), [(2, 1e-3), (4, 1e-2), (4, 1.0)])
def test_fit_minimises_its_objective(count: int, ridge: float) -> None:
    rng = RNG(0)
    x = rng.normal(size=(60, 3)) * [1, 10, 0.1] + 4
    classes = (rng.random(60) + (x[:, 0] > 4)).astype(int) % count
    fitted = fit_logistic(x, classes, count, ridge)
    start = np.log(frequencies(classes, count))

    def flat(vector: Any) -> float:
        weights = vector[: 3 * count].reshape(3, count)
        return objective(x, classes, count, ridge, weights, vector[3 * count :])

    values = np.append(fitted.weights.ravel(), fitted.offset - start)
    least = optimize.minimize(flat, np.zeros(4 * count), tol=1e-9)
    assert flat(values) == pytest.approx(least.fun, abs=1e-6)
    law = fitted(x)
    np.testing.assert_allclose(np.exp(law).sum(1), 1)


def test_the_unit_of_the_features_does_not_matter() -> None:
    rng = RNG(1)
    x = rng.normal(size=(200, 5))
    classes = (x[:, 0] + rng.normal(size=200) > 0).astype(int)
    one, other = fit_logistic(x, classes, 2, 1e-2), fit_logistic(1e3 * x - 1, classes, 2, 1e-2)
    np.testing.assert_allclose(one(x), other(1e3 * x - 1), atol=1e-4)


def test_constant_features_give_frequencies() -> None:
    classes = RNG(2).integers(0, 3, 500)
    law = fit_logistic(np.ones((500, 4)), classes, 5, 1e-3)(np.ones((1, 4)))[0]
    np.testing.assert_allclose(np.exp(law), frequencies(classes, 5), atol=2e-3)
    assert np.isfinite(law).all()
    np.testing.assert_allclose(frequencies(np.array([0, 0, 2]), 3), np.array([2.5, 0.5, 1.5]) / 4.5)


# --------------------------------------------------------------------------- later tokens


@pytest.mark.parametrize("steps", [1, 2, 3])
def test_law_some_steps_ahead_sums_over_tokens_between(steps: int) -> None:
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

    for document, position in itertools.product(range(5), range(6)):
        before = list(tokens[document, 1 : position + 1] - 1)
        for last in range(3):
            together = sum(
                chance([*before, *between, last])
                for between in itertools.product(range(3), repeat=steps - 1)
            )
            expected = together / chance(before)
            assert law[document, position, last + 1] == pytest.approx(expected, abs=1e-12)
    np.testing.assert_allclose(law[..., 0], 0, atol=1e-15)


def test_targets_are_predictable_tokens() -> None:
    for name, steps in itertools.product(("masks", "tally"), (1, 3)):
        tokens = process(name).draw(20, RNG(5))
        (target,) = targets_of(name, tokens, [steps])
        positions = 64 - steps - (2 - steps if name == "masks" and steps == 1 else 0)
        assert len(target.halves.fit.position) == len(target.halves.test.position) == 10 * positions
        assert set(target.halves.fit.document) == set(range(10))
        assert set(target.halves.test.document) == set(range(10, 20))
        assert target.halves.test.position.max() + steps == 63
        # Neither BOS nor, in masks, a premise is a target; every other token is.
        assert target.count <= (3 if name == "masks" else 12)
        assert target.halves.test.classes.max() < target.count
        coming = tokens[target.halves.test.document, target.halves.test.position + steps]
        _, numbers = np.unique(coming, return_inverse=True)
        if name == "masks":
            np.testing.assert_array_equal(target.halves.test.classes, numbers)


def test_losses_match_each_row() -> None:
    tokens = process("rrxor").draw(30, RNG(6))
    (target,) = targets_of("rrxor", tokens, [2])
    law = process("rrxor").ahead(tokens, 2)
    shares = frequencies(target.halves.fit.classes, 2)
    for row in range(0, len(target.exact), 7):
        test = target.halves.test
        document, position = test.document[row], test.position[row]
        token = tokens[document, position + 2]
        assert target.exact[row] == -np.log(law[document, position, token])
        assert target.marginal[row] == -np.log(shares[token - 1])


def test_large_halves_are_subsampled() -> None:
    allowed = np.ones((300, 64), dtype=bool)
    halves = split_halves(allowed, np.zeros((300, 64), dtype=np.int64), [0])
    fit, test = halves.fit, halves.test
    assert len(fit.position) == len(test.position) == MOST_ROWS
    assert len(set(zip(fit.document, fit.position, strict=True))) == MOST_ROWS
    assert (fit.document.max(), test.document.min()) == (149, 150)
    again = split_halves(allowed, np.zeros((300, 64), dtype=np.int64), [0]).fit
    np.testing.assert_array_equal(again.position, fit.position)


def test_steps_beyond_every_document_are_left_out() -> None:
    tokens = process("mess3").draw(6, RNG(7))
    assert [target.ahead for target in targets_of("mess3", tokens, [1, 63, 64, 99])] == [1, 63]


def test_tokens_after_the_end_are_not_targets() -> None:
    known = process("fork")
    tokens = known.draw(60, RNG(17))
    (target,) = targets_of("fork", tokens, [2])
    counts = known.strata(tokens)["counted"]
    for rows in (target.halves.fit, target.halves.test):
        assert (counts[rows.document, rows.position + 2] == 0).all()
    assert (
        len(target.halves.fit.position) + len(target.halves.test.position)
        == (counts[:, 2:] == 0).sum()
    )


@pytest.mark.parametrize("name", NAMES)
def test_features_with_the_exact_law_have_efficiency_one(name: str) -> None:
    tokens = process(name).draw(240, RNG(8))
    steps = [1, 3]
    laws = {ahead: process(name).ahead(tokens, ahead) for ahead in steps}
    noise = RNG(9).normal(size=(*tokens.shape, 4))
    for target in targets_of(name, tokens, steps):
        # The best fit gives these logits; impossible tokens have a very low one.
        informed = np.log(np.maximum(laws[target.ahead], 1e-4))
        noisy, exact = speculation_rows([noise, informed], [target], "none", 1e-5, STATISTICS)
        if (name, target.ahead) == ("rrxor", 3):
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


def test_efficiency_is_none_without_a_possible_gain() -> None:
    tokens = process("tally").draw(6, RNG(10))
    (target,) = targets_of("tally", tokens, [1])
    other = FutureToken(1, target.halves, target.exact + 1e-6, target.exact, target.count)
    (row,) = speculation_rows([np.zeros((6, 64, 2))], [other], "none", 1e-3, STATISTICS)
    assert row["efficiency"] is row["efficiency_low"] is None
    assert row["marginal"] == pytest.approx(row["exact"] + 1e-6)


def test_one_held_out_document_has_no_interval() -> None:
    # Of two documents one is held out.
    tokens = process("mess3").draw(2, RNG(11))
    targets = targets_of("mess3", tokens, [1])
    (row,) = speculation_rows([RNG(0).normal(size=(2, 64, 2))], targets, "none", 1e-3, STATISTICS)
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


def test_auc_matches_two_loops() -> None:
    rng = RNG(12)
    # Few values, so that many are tied.
    scores, counts = rng.integers(0, 6, 60).astype(float), rng.random(60) < 0.3
    document = rng.integers(0, 12, 60)
    weights = document_weights(12, 150, 0)
    found = auc_columns(scores, counts, document, weights, 0.9)
    assert found["auc"] == pytest.approx(wins(scores, counts, np.ones(60)), rel=1e-12)
    resamples = [wins(scores, counts, each[document]) for each in weights]
    rows = np.bincount(document, minlength=12).astype(float)
    low, high = percentile_interval(np.array(resamples), 0.9, rows)
    assert found["auc_low"] == pytest.approx(float(low), rel=1e-9)
    assert found["auc_high"] == pytest.approx(float(high), rel=1e-9)


def test_auc_of_perfect_reversed_and_tied_scores() -> None:
    counts = np.array([True, True, False, False])
    document, weights = np.array([0, 1, 0, 1]), document_weights(2, 100, 0)
    for scores, expected in (([3, 2, 1, 0], 1), ([0, 1, 2, 3], 0), ([1, 1, 1, 1], 0.5)):
        found = auc_columns(np.array(scores, dtype=float), counts, document, weights, 0.95)
        assert set(found.values()) == {expected}
    all_negative = auc_columns(np.zeros(4), np.zeros(4, dtype=bool), document, weights, 0.95)
    assert set(all_negative.values()) == {None}
    one_document = auc_columns(np.zeros(4), counts, np.zeros(4, dtype=np.int64), weights, 0.95)
    assert one_document == {"auc": 0.5, "auc_low": None, "auc_high": None}


@pytest.mark.parametrize("name", ["tally", "tally1"])
def test_pairs_match_the_blocks(name: str) -> None:
    tokens = process(name).draw(12, RNG(13))
    expected: dict[str, dict[tuple[int, int], bool]] = {"b": {}, "next": {}}
    for document, text in enumerate(tokens):
        opening = 0
        for position in range(1, 64):
            token = text[position]
            if token >= tally.FIRST_ANSWER:
                opening = position
            elif token != tally.EQUALS and (position - opening) % 2 == 0:
                a, b = text[position - 1] - tally.FIRST_DIGIT, token - tally.FIRST_DIGIT
                counts = bool(a == b if name == "tally" else b == 0)
                expected["b"][document, position] = counts
                if position < 63 and text[position + 1] != tally.EQUALS:
                    expected["next"][document, position + 1] = counts
    for site, pairs in labelled_pairs(process(name), tokens, 0).items():
        found = {
            (document, position): bool(counts)
            for part in (pairs.fit, pairs.test)
            for document, position, counts in zip(
                part.document, part.position, part.classes, strict=True
            )
        }
        assert found == expected.pop(site)
    assert not expected


def test_only_tally_has_pairs() -> None:
    assert labelled_pairs(process("masks"), process("masks").draw(4, RNG(0)), 0) == {}
    assert auc_rows([np.zeros((4, 64, 2))], {}, "none", 1e-3, STATISTICS) == []


def test_features_of_both_digits_separate_pairs_that_count() -> None:
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
    # Equality of two digits is not additive in their one-hot codes.
    for nothing in ((0, "b"), (1, "b"), (0, "next"), (1, "next"), (2, "next"), (3, "b")):
        assert abs(found.pop(nothing) - 0.5) < 0.1
    assert found == {(2, "b"): 1, (3, "next"): 1}
    assert {(row["control"], row["documents"]) for row in rows} == {("x", 30)}
    for row in rows:
        assert row["pairs"] == len(pairs[row["site"]].test.position)


def test_one_digit_separates_pairs_of_the_control() -> None:
    tokens = process("tally1").draw(40, RNG(16))
    pairs = {"b": labelled_pairs(process("tally1"), tokens, 0)["b"]}
    (row,) = auc_rows([np.eye(13)[tokens]], pairs, "none", 1e-3, STATISTICS)
    assert (row["auc"], row["auc_low"], row["auc_high"]) == (1, 1, 1)
