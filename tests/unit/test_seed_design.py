"""Errors over members whose seeds are paired or crossed: closed forms, and a simulated study."""

import math
from itertools import product

import numpy as np
import pytest
from scipy import stats

from kit import diagonal
from manymasks.statistics.intervals import NO_ERROR
from manymasks.statistics.jackknife import jackknife_error, pair_mean
from manymasks.statistics.paired import paired_mean
from manymasks.statistics.seed_design import (
    is_crossed,
    mean_error,
    seed_error,
    seed_factors,
    share_nothing,
)


def grid(inits: int, orders: int) -> list[tuple[int, int]]:
    return list(product(range(inits), range(orders)))


def test_factors_are_one_on_a_diagonal_and_two_if_crossed() -> None:
    assert [label.tolist() for label in seed_factors(diagonal(3))] == [[0, 1, 2]]
    assert [label.tolist() for label in seed_factors([(5, 9), (7, 2), (5, 9)])] == [[0, 1, 0]]
    inits, orders = seed_factors(grid(2, 3))
    assert inits.tolist() == [0, 0, 0, 1, 1, 1]
    assert orders.tolist() == [0, 1, 2, 0, 1, 2]
    # One data order for all is part of the setting; draws from one parent differ by the draw.
    assert [label.tolist() for label in seed_factors(grid(3, 1))] == [[0, 1, 2]]
    assert [label.tolist() for label in seed_factors([(4, 4)] * 3)] == [[0, 1, 2]]
    assert not is_crossed(diagonal(4)) and not is_crossed([(4, 4)] * 3)
    assert is_crossed(grid(2, 2)) and not is_crossed(grid(3, 1))


def test_pairs_that_share_nothing_differ_in_both_seeds() -> None:
    seeds = grid(2, 2)
    expected = [[a != c and b != d for c, d in seeds] for a, b in seeds]
    assert share_nothing(seeds).tolist() == expected
    assert (share_nothing(diagonal(4)) == ~np.eye(4, dtype=bool)).all()
    assert share_nothing(grid(3, 1)).sum() == 6
    assert share_nothing([(4, 4)] * 3).sum() == 6
    assert not share_nothing(diagonal(1)).any()


def test_error_of_independent_members_is_that_of_the_mean() -> None:
    values = np.random.default_rng(0).normal(size=7)
    error = mean_error(values, diagonal(7))
    assert (error.error, error.degrees) == pytest.approx((stats.sem(values), 6))
    without = (values.sum() - values) / 6
    assert seed_error(without, diagonal(7)).error == pytest.approx(jackknife_error(without))


def test_error_of_crossed_members_has_the_two_mean_squares() -> None:
    table = np.random.default_rng(1).normal(size=(4, 5))
    error = mean_error(table.ravel(), grid(4, 5))
    rows = stats.sem(table.mean(1)) ** 2
    columns = stats.sem(table.mean(0)) ** 2
    assert error.error**2 == pytest.approx(rows + columns)
    assert error.degrees == pytest.approx((rows + columns) ** 2 / (rows**2 / 3 + columns**2 / 4))


def test_one_member_has_no_error() -> None:
    assert math.isnan(mean_error(np.ones(1), diagonal(1)).error)
    assert math.isnan(mean_error(np.ones(0), []).error)


# ------------------------------------------------------- a study in which the data order matters

INIT, ORDER, REST = 0.1, 0.8, 0.1
"""Shares of the variance, as in losses of the default study."""


def losses(seeds: list[tuple[int, int]], generator: np.random.Generator) -> np.ndarray:
    inits, orders = (generator.normal(size=1 + max(side)) for side in zip(*seeds, strict=True))
    rest = generator.normal(size=len(seeds)) * math.sqrt(REST)
    return rest + [
        math.sqrt(INIT) * inits[init] + math.sqrt(ORDER) * orders[order] for init, order in seeds
    ]


def coverage(seeds: list[tuple[int, int]], treated_as: list[tuple[int, int]]) -> float:
    generator = np.random.default_rng(len(seeds))
    intervals = [
        paired_mean(losses(seeds, generator), treated_as, NO_ERROR, 0.95) for _ in range(2000)
    ]
    return float(np.mean([interval.low <= 0 <= interval.high for interval in intervals]))


@pytest.mark.parametrize("seeds", [diagonal(4), diagonal(6), grid(4, 4), grid(4, 6)])
def test_means_cover_with_either_design(seeds: list[tuple[int, int]]) -> None:
    assert 0.93 <= coverage(seeds, seeds) <= 0.97


@pytest.mark.parametrize(
    ("seeds", "at_most"), [(grid(2, 2), 0.82), (grid(5, 2), 0.6), (grid(4, 4), 0.65)]
)
def test_crossed_members_taken_for_independent_do_not_cover(
    seeds: list[tuple[int, int]], at_most: float
) -> None:
    assert coverage(seeds, diagonal(len(seeds))) <= at_most


def test_mean_over_pairs_does_not_depend_on_the_grid() -> None:
    """Members are points that both seeds move: pairs with a common data order are closer."""
    generator = np.random.default_rng(3)

    def distances(seeds: list[tuple[int, int]]) -> np.ndarray:
        steps = [
            generator.normal(size=(1 + max(side), 200)) * math.sqrt(share)
            for side, share in zip(zip(*seeds, strict=True), (INIT, ORDER), strict=True)
        ]
        points = np.array([steps[0][init] + steps[1][order] for init, order in seeds])
        return np.square(points[:, None] - points[None]).mean(-1)

    truth = 2 * (INIT + ORDER)
    for seeds in (diagonal(6), grid(4, 4), grid(3, 2)):
        means = [pair_mean(distances(seeds), seeds).estimate for _ in range(200)]
        assert np.mean(means) == pytest.approx(truth, rel=0.02)
    apart = ~np.eye(6, dtype=bool)
    means = [pair_mean(distances(grid(3, 2)), grid(3, 2), apart).estimate for _ in range(200)]
    assert np.mean(means) < 0.75 * truth
