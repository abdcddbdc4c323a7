"""The Rashomon curve: shares under shared thresholds, and their difference between two sizes."""

from itertools import combinations, product

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from statsmodels.stats.proportion import confint_proportions_2indep

from manymasks.rashomon.curve import curve_rows, difference_of_shares, share_difference
from manymasks.statistics.model_classes import Member
from manymasks.statistics.proportions import wilson


def _members(size: str, variant: str, count: int, corpus: str = "c") -> list[Member]:
    return [
        Member(f"{size}{variant}{i}", f"{corpus}/{size}/{variant}", corpus, size, variant, i, 0)
        for i in range(count)
    ]


def test_points_are_shares_at_or_below_each_loss() -> None:
    members = _members("tiny", "causal", 3) + _members("base", "causal", 2)
    nats = np.array([2.0, 1.5, 2.5, 1.5, 1.2])
    points = curve_rows(nats, members, ["tiny", "base"], 0.95)["rashomon_curve_point"]
    found = {(row["model_class"], row["threshold_nats"]): row for row in points}
    assert len(found) == len(points) == 2 * 4
    for (label, threshold), row in found.items():
        own = nats[:3] if label == "c/tiny/causal" else nats[3:]
        under = int((own <= threshold).sum())
        assert (row["members"], row["candidates"]) == (under, own.size)
        assert row["share"] == under / own.size
        assert (row["share_low"], row["share_high"]) == pytest.approx(wilson(under, own.size, 0.95))
    shares = [found["c/tiny/causal", threshold]["share"] for threshold in (1.2, 1.5, 2.0, 2.5)]
    assert shares == [0, 1 / 3, 2 / 3, 1]


@given(st.integers(1, 5), st.integers(0, 1000))
def test_the_share_of_fewer_members_is_the_share_itself(k: int, seed: int) -> None:
    """The mean over all subsets of k members at a fixed loss; so numbers need not be equal."""
    losses = np.random.default_rng(seed).normal(size=5)
    for threshold in losses:
        shares = [np.mean(np.array(some) <= threshold) for some in combinations(losses, k)]
        assert np.mean(shares) == pytest.approx(np.mean(losses <= threshold))


@pytest.mark.parametrize(
    ("under", "low", "high"),
    [
        # Newcombe (1998), table II, method 10: cases a, e, f and g.
        ((56, 70, 48, 80), 0.0524, 0.3339),
        ((5, 56, 0, 29), -0.0381, 0.1926),
        ((10, 10, 0, 20), 0.6791, 1.0),
        ((10, 10, 0, 10), 0.6075, 1.0),
    ],
)
def test_the_interval_matches_the_published_one(
    under: tuple[int, int, int, int], low: float, high: float
) -> None:
    a, m, b, n = under
    found = difference_of_shares((a, b), (m, n), 0.95)
    assert found.estimate == pytest.approx(a / m - b / n)
    assert (found.low, found.high) == pytest.approx((low, high), abs=6e-5)


def test_four_members_reveal_a_class_that_is_better_throughout() -> None:
    found = share_difference(np.arange(4.0), 10 + np.arange(4.0), 0.95)
    assert found.estimate == 1
    assert found.p == pytest.approx(2 / 70)  # 8 over 4 tables, both ends
    same = share_difference(np.arange(4.0), np.arange(4.0), 0.95)
    assert (same.estimate, same.p) == (0, 1)
    assert same.low == pytest.approx(-same.high)


def test_p_is_valid_although_the_losses_choose_the_threshold() -> None:
    generator = np.random.default_rng(0)
    found = [
        share_difference(generator.normal(size=9), generator.normal(size=8), 0.95).p
        for _ in range(500)
    ]
    for level in (0.05, 0.1, 0.2):
        assert np.mean(np.array(found) <= level) <= level + 2.5 * np.sqrt(level / 500)


def test_contrasts_are_of_sizes_within_a_variant() -> None:
    members = [
        *_members("tiny", "causal", 3),
        *_members("tiny", "myopic", 3),
        *_members("base", "causal", 3),
        *_members("wide", "causal", 3),
    ]
    nats = np.concatenate([2 + np.arange(3.0), 2 + np.arange(3.0), np.arange(6.0) / 100])
    rows = curve_rows(nats, members, ["tiny", "base", "wide"], 0.95)["contrast"]
    names = ("claim", "corpus", "subject", "baseline", "within")
    assert [tuple(row[name] for name in names) for row in rows] == [
        ("share", "c", "base", "tiny", "causal"),
        ("share", "c", "wide", "tiny", "causal"),
        ("share", "c", "wide", "base", "causal"),
    ]
    assert [row["estimate"] for row in rows] == [1, 1, -1]


def test_rejects_members_of_several_corpora_and_other_numbers_of_losses() -> None:
    members = _members("tiny", "causal", 2)
    with pytest.raises(ValueError, match="one a member"):
        curve_rows(np.zeros(3), members, ["tiny"], 0.95)
    both = members + _members("tiny", "causal", 1, corpus="d")
    with pytest.raises(ValueError, match="one corpus"):
        curve_rows(np.zeros(3), both, ["tiny"], 0.95)


@pytest.mark.parametrize("confidence", [0.8, 0.95])
@pytest.mark.parametrize("trials", [(1, 1), (5, 3), (12, 40)])
def test_differences_of_shares_are_those_of_statsmodels(
    trials: tuple[int, int], confidence: float
) -> None:
    for successes in product(range(trials[0] + 1), range(trials[1] + 1)):
        interval = difference_of_shares(successes, trials, confidence)
        expected = confint_proportions_2indep(
            successes[0], trials[0], successes[1], trials[1],
            method="newcomb", compare="diff", alpha=1 - confidence,
        )  # fmt: skip
        assert (interval.low, interval.high) == pytest.approx(expected, abs=1e-12)
