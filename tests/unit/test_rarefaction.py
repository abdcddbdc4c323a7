"""Rarefaction: closed forms against all subsets."""

import math
from itertools import combinations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from manymasks.rashomon.rarefaction import (
    chance_missed,
    expected_ambiguity,
    expected_distinct,
    expected_pair_ambiguity,
    expected_patterns,
    votes,
)


def _first(m: int, n: int, seed: int) -> np.ndarray:
    return np.random.default_rng(seed).integers(0, 4, (m, n))


@given(m=st.integers(0, 12), data=st.data())
def test_chance_missed_is_a_ratio_of_binomials(m: int, data: st.DataObject) -> None:
    k = data.draw(st.integers(0, m))
    exact = [math.comb(m - d, k) / math.comb(m, k) for d in range(m + 1)]
    assert chance_missed(m, k) == pytest.approx(exact, rel=1e-12)


def test_large_numbers_stay_exact() -> None:
    found = chance_missed(20_000, 500)
    for d in (1, 7, 100, 3000):
        exact = math.comb(20_000 - d, 500) / math.comb(20_000, 500)
        assert found[d] == pytest.approx(exact, rel=1e-10)
    assert chance_missed(10, 11 - 1)[1:].tolist() == [0] * 10
    with pytest.raises(ValueError, match="cannot draw 6 of 5"):
        chance_missed(5, 6)


@settings(deadline=None, max_examples=30)
@given(m=st.integers(1, 7), seed=st.integers(0, 99), data=st.data())
def test_expectations_are_means_over_all_subsets(m: int, seed: int, data: st.DataObject) -> None:
    k = data.draw(st.integers(1, m))
    first = _first(m, 6, seed)
    subsets = [list(subset) for subset in combinations(range(m), k)]
    distinct = [[len(set(first[s, x])) for x in range(6)] for s in subsets]
    assert expected_distinct(first, k) == pytest.approx(np.mean(distinct, axis=0))
    differ = np.array(distinct) > 1
    assert expected_pair_ambiguity(first, k) == pytest.approx(differ.mean(axis=0), abs=1e-12)
    passes = np.random.default_rng(seed).random((m, 2)) < 0.5
    patterns = [len({tuple(row) for row in passes[s]}) for s in subsets]
    assert expected_patterns(passes, k) == pytest.approx(np.mean(patterns))


@settings(deadline=None, max_examples=30)
@given(m=st.integers(2, 7), seed=st.integers(0, 99), data=st.data())
def test_ambiguity_is_a_mean_over_all_subsets_of_the_others(
    m: int, seed: int, data: st.DataObject
) -> None:
    k = data.draw(st.integers(0, m - 1))
    first = _first(m, 6, seed)
    differs = first[1:] != first[0]
    subsets = [list(subset) for subset in combinations(range(m - 1), k)]
    mean = np.mean([differs[s].any(axis=0) for s in subsets], axis=0)
    found = expected_ambiguity(differs.sum(axis=0), m - 1, k)
    assert found == pytest.approx(mean, abs=1e-12)


def test_rarefying_to_all_members_changes_nothing() -> None:
    first = _first(9, 50, 3)
    counted = [len(set(column)) for column in first.T]
    differ = (np.array(counted) > 1).astype(float)
    assert expected_distinct(first, 9) == pytest.approx(counted)
    assert expected_pair_ambiguity(first, 9) == pytest.approx(differ, abs=1e-12)
    assert expected_distinct(first, 1) == pytest.approx(np.ones(50))
    assert votes(first)[:, 0].tolist() == [list(first[:, 0]).count(one) for one in first[:, 0]]
    assert expected_pair_ambiguity(first, 1) == pytest.approx(np.zeros(50), abs=1e-12)
    alike = np.zeros((9, 4), dtype=int)
    assert (expected_pair_ambiguity(alike, 5) == 0).all()


def test_pair_ambiguity_of_two_is_the_vote_disagreement() -> None:
    first = _first(9, 50, 4)
    pairs = np.mean([first[a] != first[b] for a, b in combinations(range(9), 2)], axis=0)
    assert expected_pair_ambiguity(first, 2) == pytest.approx(pairs)


def test_rarefied_metrics_grow_with_k() -> None:
    first, passes = _first(12, 30, 5), np.random.default_rng(6).random((12, 5)) < 0.5
    for k in range(1, 12):
        assert (expected_distinct(first, k) <= expected_distinct(first, k + 1) + 1e-12).all()
        now, next_ = expected_pair_ambiguity(first, k), expected_pair_ambiguity(first, k + 1)
        assert (now <= next_ + 1e-12).all()
        assert expected_patterns(passes, k) <= expected_patterns(passes, k + 1) + 1e-12


def test_patterns_without_rows_or_columns() -> None:
    assert expected_patterns(np.zeros((5, 0), dtype=bool), 3) == 1
    assert expected_patterns(np.zeros((5, 0), dtype=bool), 0) == 0
    assert expected_patterns(np.zeros((0, 4), dtype=bool), 0) == 0
    assert expected_patterns(np.eye(4, dtype=bool), 4) == pytest.approx(4)
    with pytest.raises(ValueError, match="at least 1 member"):
        expected_pair_ambiguity(np.zeros((3, 2), dtype=int), 0)
