"""Components of crossed seeds: closed forms, loops, and permutations that keep their level."""

import itertools
import math

import numpy as np
import pytest

from manymasks.statistics.components import (
    components,
    crossed,
    distance_components,
    score_components,
)


def test_components_of_exact_tables() -> None:
    rows = np.array([0.2, 0.4, 0.9])
    assert components(np.repeat(rows[:, None], 4, 1)) == pytest.approx((1, 0, 0))
    assert components(np.repeat(rows[None], 4, 0)) == pytest.approx((0, 1, 0))
    columns = np.array([0.1, 0.15])
    added = np.var(rows, ddof=1), np.var(columns, ddof=1)
    found = components(rows[:, None] + columns)
    assert found == pytest.approx((added[0] / sum(added), added[1] / sum(added), 0))
    assert components(np.array([[1.0, 0.0], [0.0, 1.0]])) == (0, 0, 1)
    assert components(np.full((3, 3), 0.5)) is None
    assert components(np.ones((1, 4))) is None
    assert components(None) is None


def test_components_recover_simulated_variances() -> None:
    rng = np.random.default_rng(5)
    rows, columns, both = rng.normal(0, 3, 300), rng.normal(0, 2, 300), rng.normal(0, 1, (300, 300))
    found = components(rows[:, None] + columns + both)
    np.testing.assert_allclose(found, np.array([9, 4, 1]) / 14, atol=0.06)


def test_components_agree_with_naive_loops() -> None:
    table = np.random.default_rng(6).random((4, 3))
    mean = table.mean()
    of_rows = sum(3 * (table[i].mean() - mean) ** 2 for i in range(4)) / 3
    of_columns = sum(4 * (table[:, j].mean() - mean) ** 2 for j in range(3)) / 2
    both = sum(
        (table[i, j] - table[i].mean() - table[:, j].mean() + mean) ** 2
        for i, j in itertools.product(range(4), range(3))
    )
    both /= 6
    parts = [max(0, (of_rows - both) / 3), max(0, (of_columns - both) / 4), both]
    np.testing.assert_allclose(components(table), np.array(parts) / sum(parts))


def test_only_whole_tables_are_crossed() -> None:
    values = np.arange(4.0)
    seeds = [(5, 1), (5, 0), (2, 1), (2, 0)]
    table = crossed(seeds, values)
    assert table is not None
    np.testing.assert_array_equal(table, [[3, 2], [1, 0]])
    assert crossed(seeds[:3], values[:3]) is None


def _moved(inits: int, orders: int, steps: tuple[float, float, float], seed: int = 0):
    """Squared distances of members that each seed moves in directions of its own, and seeds."""
    seeds = list(itertools.product(range(inits), range(10, 10 + orders)))
    rows = np.repeat(np.arange(inits), orders), np.tile(np.arange(orders), inits)
    squares = [
        step * (of[:, None] != of)
        for step, of in zip(steps, (*rows, np.arange(len(seeds))), strict=True)
    ]
    noise = np.random.default_rng(seed).normal(0, 1e-3, (len(seeds),) * 2)
    return np.sum(squares, 0) + noise + noise.T, seeds


def _drawn(inits: int, orders: int, deviations: tuple[float, float, float], rng):
    """Members as points in 60 dimensions: deviations of initial weights, data order, both."""
    of_init, of_order, of_both = (
        deviation * rng.normal(size=(*shape, 60))
        for deviation, shape in zip(
            deviations, ((inits, 1), (1, orders), (inits, orders)), strict=True
        )
    )
    points = (of_init + of_order + of_both).reshape(-1, 60)
    seeds = list(itertools.product(range(inits), range(orders)))
    return np.square(points[:, None] - points).sum(-1), seeds


def test_intervals_of_scores_agree_with_naive_jackknives_over_both_seeds() -> None:
    table = np.random.default_rng(0).normal(size=(5, 1)) + np.random.default_rng(1).random((5, 4))
    found = score_components(table, 0.95)
    assert found is not None
    assert (found.init.estimate, found.order.estimate, found.rest.estimate) == components(table)
    variance = 0.0
    for axis in (0, 1):
        # No component of these tables is negative, so `components` clips none.
        shares = [components(np.delete(table, i, axis))[0] for i in range(table.shape[axis])]
        variance += (len(shares) - 1) * np.var(shares)
    half = 3.182446 * math.sqrt(variance)
    assert found.init.low == pytest.approx(max(0, found.init.estimate - half), rel=1e-6)
    assert found.init.high == pytest.approx(min(1, found.init.estimate + half), rel=1e-6)


def test_few_seeds_have_shares_without_intervals() -> None:
    found = score_components(np.random.default_rng(0).random((2, 4)), 0.95)
    assert found is not None
    assert math.isnan(found.init.low)
    assert math.isnan(found.rest.high)
    assert score_components(np.eye(2), 0.95) is not None
    assert score_components(np.ones((3, 3)), 0.95) is None
    assert score_components(None, 0.95) is None


def test_components_of_distances_recover_simulated_steps() -> None:
    distances, seeds = _moved(4, 3, (0.5, 0.2, 0.3))
    found = distance_components(distances, seeds, 500, 0, 0.95)
    assert found is not None
    assert (found.same_init, found.same_order, found.neither) == pytest.approx(
        (0.5, 0.8, 1.0), abs=1e-3
    )
    shares = found.shares
    assert shares is not None
    parts = shares.init, shares.order, shares.rest
    assert [part.estimate for part in parts] == pytest.approx([0.5, 0.2, 0.3], abs=1e-3)
    assert all(part.low <= part.estimate <= part.high for part in parts)
    assert max(part.high - part.low for part in parts) < 0.02
    assert found.init_p == 1 / 501
    assert found.order_p <= 0.02


def test_mean_distances_agree_with_loops_in_any_order_of_members() -> None:
    rng = np.random.default_rng(2)
    distances, seeds = _drawn(3, 4, (1, 1, 1), rng)
    shuffled = rng.permutation(12)[:10]
    distances, seeds = distances[np.ix_(shuffled, shuffled)], [seeds[i] for i in shuffled]
    kinds: dict[tuple[bool, bool], list[float]] = {}
    for a, b in itertools.combinations(range(10), 2):
        kind = seeds[a][0] == seeds[b][0], seeds[a][1] == seeds[b][1]
        kinds.setdefault(kind, []).append(distances[a, b])
    found = distance_components(distances + np.diag(np.full(10, 9.0)), seeds, 50, 0, 0.95)
    assert found is not None
    assert found.same_init == pytest.approx(np.mean(kinds[True, False]))
    assert found.same_order == pytest.approx(np.mean(kinds[False, True]))
    assert found.neither == pytest.approx(np.mean(kinds[False, False]))
    assert found.shares is not None
    assert sum(
        (found.shares.init.estimate, found.shares.order.estimate, found.shares.rest.estimate)
    ) == pytest.approx(1)


def test_few_permutations_are_enumerated() -> None:
    distances, seeds = _moved(3, 3, (0.5, 0.0, 0.5))
    found = distance_components(distances, seeds, 216, 0, 0.95)
    assert found is not None
    # 6 of the 216 permutations only give other names to the same initial weights.
    assert found.init_p == 6 / 216
    assert found.order_p > 0.05
    distances, seeds = _moved(2, 2, (0.5, 0.2, 0.3))
    found = distance_components(distances, seeds, 100, 0, 0.95)
    assert found is not None
    assert found.init_p == found.order_p == 0.5
    assert found.shares is not None
    assert math.isnan(found.shares.init.low)


def test_distances_without_all_kinds_of_pairs_have_no_components() -> None:
    distances, seeds = _moved(4, 1, (1, 1, 1))
    assert distance_components(distances, seeds, 100, 0, 0.95) is None
    assert distance_components(distances[:1, :1], seeds[:1], 100, 0, 0.95) is None
    assert distance_components(distances[:0, :0], [], 100, 0, 0.95) is None
    zeros, seeds = _moved(3, 3, (0, 0, 0))
    found = distance_components(np.zeros_like(zeros), seeds, 100, 0, 0.95)
    assert found is not None
    assert found.shares is None
    assert found.init_p == found.order_p == 1


def test_permutations_find_the_seed_that_matters_and_keep_their_level() -> None:
    rng = np.random.default_rng(3)
    found = []
    for repetition in range(150):
        distances, seeds = _drawn(4, 4, (1, 0, 1), rng)
        one = distance_components(distances, seeds, 100, repetition, 0.95)
        assert one is not None
        found.append([one.init_p, one.order_p])
    of_init, of_order = (np.array(found) <= 0.05).mean(0)
    assert of_init == 1
    assert of_order <= 0.09
