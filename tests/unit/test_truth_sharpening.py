"""How far members are apart, against loops in double precision and laws whose answer is known."""

import math
from typing import Any

import numpy as np
import pytest

from kit import diagonal
from manymasks.config.analyses import Statistics
from manymasks.truth.sharpening import (
    jensen_shannon,
    normalised,
    pair_divergences,
    spread_rows,
)

STATISTICS = Statistics(resamples=200)
EVERY = np.ones((5, 3), dtype=bool)


def logs(*shape: int, seed: int = 0) -> np.ndarray[Any, np.dtype[np.float32]]:
    laws = np.random.default_rng(seed).dirichlet(np.ones(shape[-1]), shape[:-1])
    return np.log(laws).astype(np.float32)


def kl(p: Any, q: Any) -> float:
    return float(sum(x * (math.log(x) - math.log(y)) for x, y in zip(p, q, strict=True)))


def test_pair_divergences_match_a_loop() -> None:
    law = normalised(logs(4, 5, 6))
    p = np.exp(law)
    np.testing.assert_allclose(p.sum(-1), 1, rtol=1e-14)
    expected = [[[kl(p[i, d], p[j, d]) for j in range(4)] for i in range(4)] for d in range(5)]
    np.testing.assert_allclose(pair_divergences(law), expected, atol=1e-14)
    each = []
    for i in range(4):
        for j in range(i):
            for d in range(5):
                middle = (p[i, d] + p[j, d]) / 2
                each.append((kl(p[i, d], middle) + kl(p[j, d], middle)) / 2)
    assert jensen_shannon(law, ~np.eye(len(law), dtype=bool)) == pytest.approx(
        np.mean(each), rel=1e-12
    )


def test_rows_by_position() -> None:
    given = logs(4, 5, 3, 6)
    counted = EVERY.copy()
    counted[:, 0] = False
    counted[3:, 2] = False
    rows = spread_rows(given, diagonal(len(given)), given[:, :2], counted, STATISTICS)
    assert [(row["position"], row["documents"], row["models"]) for row in rows] == [
        (1, 5, 4),
        (2, 3, 4),
    ]
    for row, documents in zip(rows, (5, 3), strict=True):
        law = normalised(given[:, :documents, row["position"]])
        pairs = pair_divergences(law)
        assert row["kl"] == pytest.approx(pairs.sum() / 12 / documents)
        assert row["js"] == pytest.approx(jensen_shannon(law, ~np.eye(len(law), dtype=bool)))
        assert 0 <= row["kl_low"] < row["kl"] < row["kl_high"]
        assert row["floor"] == 0


def test_equal_members_have_zero_divergence() -> None:
    given = np.repeat(logs(1, 5, 3, 6), 4, 0)
    for row in spread_rows(given, diagonal(len(given)), given[:, :2], EVERY, STATISTICS):
        assert row["kl"] == pytest.approx(0, abs=1e-15)
        assert row["js"] == pytest.approx(0, abs=1e-15)
        assert (row["kl_low"], row["kl_high"]) == pytest.approx((0, 0), abs=1e-14)


def test_opposite_members_have_divergence_ln_2() -> None:
    # JS is bounded by ln 2, and two laws with nothing in common reach it.
    laws = np.log(np.array([[1 - 1e-12, 1e-12], [1e-12, 1 - 1e-12]]))
    given = np.repeat(laws[:, None, None], 5, 1).astype(np.float32)
    (row,) = spread_rows(given, diagonal(len(given)), given, EVERY[:, :1], STATISTICS)
    assert row["js"] == pytest.approx(math.log(2), rel=1e-6)
    assert row["kl"] == pytest.approx(12 * math.log(10), rel=1e-6)


@pytest.mark.parametrize("members", [1, 2])
def test_few_members_have_no_interval(members: int) -> None:
    given = logs(members, 5, 3, 6)
    rows = spread_rows(given, diagonal(len(given)), given, EVERY, STATISTICS)
    assert len(rows) == 3
    for row in rows:
        assert row["kl_low"] is row["kl_high"] is None
        assert (row["kl"] is None) == (row["js"] is None) == (members == 1)
        assert row["floor"] == 0


def test_one_document_has_no_interval() -> None:
    given = logs(4, 1, 3, 6)
    rows = spread_rows(given, diagonal(len(given)), given, EVERY[:1], STATISTICS)
    assert all(row["kl"] > 0 and row["kl_low"] is None for row in rows)


def test_noise_floor_is_the_largest_of_the_members() -> None:
    given = logs(3, 5, 3, 6)
    again = given[:, :2].copy()
    again[1, 0, 1, 0] += 0.1
    again[2, 1, 1, 0] += 0.2
    rows = spread_rows(given, diagonal(len(given)), again, EVERY, STATISTICS)
    assert rows[0]["floor"] == rows[2]["floor"] == 0
    each = [
        np.mean(
            [kl(*np.exp(normalised(np.stack([given[m, d, 1], again[m, d, 1]])))) for d in (0, 1)]
        )
        for m in range(3)
    ]
    assert rows[1]["floor"] == pytest.approx(max(each))
    assert each[0] == pytest.approx(0, abs=1e-16)
    # A position that is over in the first documents has no floor.
    counted = EVERY.copy()
    counted[:2, 1] = False
    assert spread_rows(given, diagonal(len(given)), again, counted, STATISTICS)[1]["floor"] is None


def test_rounding_of_single_precision_is_normalised_away() -> None:
    given = logs(1, 200, 1, 30)
    noisy = given + np.random.default_rng(1).normal(0, 1e-7, given.shape).astype(np.float32)
    (row,) = spread_rows(
        given, diagonal(len(given)), noisy, np.ones((200, 1), dtype=bool), STATISTICS
    )
    # A KL is of second order: without sums of exactly 1 it would be of first.
    assert row["floor"] < 1e-12


def test_intervals_cover_the_mean_over_pairs() -> None:
    rng = np.random.default_rng(0)
    covered = []
    for _ in range(100):
        # KL between members that shift a fair coin's logits: about the mean squared difference / 8.
        shift = rng.normal(0, 0.2, (12, 1)) + rng.normal(0, 0.1, (12, 80))
        law = np.stack([np.zeros_like(shift), shift], -1)
        law = law - np.log(np.exp(law).sum(-1, keepdims=True))
        given = law[:, :, None].astype(np.float32)
        (row,) = spread_rows(
            given, diagonal(len(given)), given, np.ones((80, 1), dtype=bool), STATISTICS
        )
        covered.append(row["kl_low"] < 2 * (0.2**2 + 0.1**2) / 8 < row["kl_high"])
    assert np.mean(covered) > 0.8
