"""The funnel: exact means against every order, ranges, spread of survivors, pools, patterns."""

from itertools import combinations, permutations
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given
from hypothesis import strategies as st

from manymasks.config.analyses import Contrast
from manymasks.config.rashomon import Funnel
from manymasks.rashomon.funnel import (
    Constraint,
    funnel_pools,
    funnel_rows,
    orders_of,
    passed,
    pattern_rows,
    split_constraints,
    spread_of,
    step_rows,
    subset_means,
    survivors,
)
from manymasks.statistics.model_classes import Member
from manymasks.statistics.proportions import wilson

SETTINGS = Funnel(seed_sd=1.0, splits=2, orders=200, seed=0)
CONTRASTS = (Contrast(baseline="causal", variant="myopic"),)

tables_of_passes = st.tuples(
    st.integers(2, 6), st.integers(1, 5), st.integers(0, 2**32 - 1), st.floats(0.2, 0.9)
).map(lambda v: np.random.default_rng(v[2]).random((v[0], v[1])) < v[3])


def _members(*variants: str, count: int = 3, size: str = "base") -> list[Member]:
    return [
        Member(f"{size}-{variant}-{i}", f"c/{size}/{variant}", "c", size, variant, i, 0)
        for variant in variants
        for i in range(count)
    ]


def _distances(m: int, seed: int = 0) -> npt.NDArray[np.float64]:
    square = np.random.default_rng(seed).random((m, m))
    return square + square.T


def _by_enumeration(
    inside: npt.NDArray[np.bool_], kl: npt.NDArray[np.float64], k: int
) -> tuple[list[int], list[float], float]:
    """Survivors and mean divergence after k of every order, and the independent share."""
    counts, spreads, shares = [], [], []
    for order in permutations(range(inside.shape[1])):
        left = [i for i in range(len(inside)) if all(inside[i, j] for j in order[:k])]
        counts.append(len(left))
        pairs = [kl[i, j] for i, j in combinations(left, 2)]
        if pairs:
            spreads.append(sum(pairs) / len(pairs))
        shares.append(float(np.prod([inside[:, j].mean() for j in order[:k]])))
    return counts, spreads, sum(shares) / len(shares)


@given(tables_of_passes)
def test_steps_agree_with_all_orders(inside: npt.NDArray[np.bool_]) -> None:
    m, c = inside.shape
    kl = _distances(m)
    rows = step_rows(inside, kl, SETTINGS, 0.95)
    assert [row["constraints"] for row in rows] == list(range(c + 1))
    for k, row in enumerate(rows):
        counts, spreads, independent = _by_enumeration(inside, kl, k)
        assert row["survivors"] == pytest.approx(np.mean(counts), abs=1e-12)
        assert row["share"] == pytest.approx(np.mean(counts) / m, abs=1e-12)
        assert row["independent_share"] == pytest.approx(independent, abs=1e-12)
        low, high = np.quantile(counts, [0.025, 0.975])
        assert (row["survivors_lower_quantile"], row["survivors_upper_quantile"]) == pytest.approx(
            (low, high)
        )
        if spreads:
            assert row["kl"] == pytest.approx(np.mean(spreads))
            low, high = np.quantile(spreads, [0.025, 0.975])
            assert (row["kl_lower_quantile"], row["kl_upper_quantile"]) == pytest.approx(
                (low, high)
            )
        else:
            assert row["kl"] is row["kl_lower_quantile"] is row["kl_upper_quantile"] is None
        if np.mean(counts) and independent:
            assert row["log_ratio"] == pytest.approx(np.log(np.mean(counts) / m / independent))
        else:
            assert row["log_ratio"] is None
    assert rows[-1]["orders"] == np.prod(range(1, c + 1))
    final = wilson(round(rows[-1]["survivors"]), m, 0.95)
    assert (rows[-1]["share_low"], rows[-1]["share_high"]) == pytest.approx(final)
    assert rows[0]["share"] == rows[0]["independent_share"] == 1
    assert rows[0]["kl"] == pytest.approx(kl[np.triu_indices(m, 1)].mean())
    shares = [row["share"] for row in rows]
    assert shares == sorted(shares, reverse=True)


@given(st.lists(st.floats(0, 1), min_size=1, max_size=7))
def test_means_over_subsets(values: list[float]) -> None:
    means = subset_means(np.array(values))
    for k in range(len(values) + 1):
        products = [np.prod(chosen) for chosen in combinations(values, k)]
        assert means[k] == pytest.approx(np.mean(products), abs=1e-12)


def test_random_orders_approximate_the_exact_means() -> None:
    inside = np.random.default_rng(1).random((12, 8)) < 0.7
    orders = orders_of(8, 4000, 0)
    assert orders.shape == (4000, 8)
    assert (np.sort(orders, axis=1) == np.arange(8)).all()
    assert (orders == orders_of(8, 4000, 0)).all()
    drawn = survivors(inside, orders).sum(-1)
    exact = subset_means(inside.astype(float)).sum(0)
    error = drawn.std(0) / np.sqrt(len(orders))
    assert (np.abs(drawn.mean(0) - exact) <= 4 * error + 1e-9).all()


def test_repeated_constraints_remove_no_further_member() -> None:
    one = np.array([True, True, False, True])
    rows = step_rows(np.stack([one] * 6, axis=1), None, SETTINGS, 0.95)
    assert [row["share"] for row in rows] == pytest.approx([1] + [0.75] * 6)
    assert [row["log_ratio"] for row in rows[1:]] == pytest.approx(
        [-k * np.log(0.75) + np.log(0.75) for k in range(1, 7)]
    )
    assert all(row["kl"] is None for row in rows)


def test_independent_constraints_agree_with_the_baseline() -> None:
    inside = np.random.default_rng(2).random((200_000, 5)) < np.array([0.9, 0.8, 0.7, 0.6, 0.5])
    rows = step_rows(inside, None, Funnel(orders=10), 0.95)
    for row in rows:
        assert row["log_ratio"] == pytest.approx(0, abs=0.02)
    assert rows[-1]["share"] == pytest.approx(0.9 * 0.8 * 0.7 * 0.6 * 0.5, rel=0.02)


def test_the_baseline_is_the_mean_over_random_assignments_of_passes() -> None:
    """For four members exactly, not only for many: passes dealt to members in every way."""
    inside = np.array([[1, 1, 0], [1, 0, 1], [0, 1, 0], [1, 1, 0]], dtype=bool)
    dealt = [
        np.mean(inside[:, 0] & inside[list(a), 1] & inside[list(b), 2])
        for a in permutations(range(4))
        for b in permutations(range(4))
    ]
    assert subset_means(inside.mean(0))[-1] == pytest.approx(np.mean(dealt))


def test_disjoint_constraints_leave_no_survivor() -> None:
    inside = np.array([[True, False], [False, True]])
    last = step_rows(inside, _distances(2), SETTINGS, 0.95)[-1]
    assert last["survivors"] == 0
    assert last["log_ratio"] is last["kl"] is None


def test_members_that_pass_a_loss_threshold() -> None:
    losses = np.array([1.0, 1.1, 1.3, np.nan])
    threshold = 1.0 + 0.5 * losses[:3].std(ddof=1)
    found = passed(losses, 0.5)
    assert found.best == 1.0
    assert found.threshold == pytest.approx(threshold)
    assert found.passes.tolist() == [True, threshold >= 1.1, False, False]
    assert passed(losses, 0.0).passes.tolist() == [True, False, False, False]
    assert passed(np.array([np.nan, 2.0]), 1.0).passes.tolist() == [False, True]
    assert not passed(np.array([np.nan, np.nan]), 1.0).passes.any()
    has = np.array([True, False])
    assert passed(has, 1.0).passes.tolist() == has.tolist()
    assert np.isnan(passed(has, 1.0).threshold)


def test_spread_of_survivors_needs_every_pair() -> None:
    kl = _distances(3)
    kl[0, 1] = kl[1, 0] = np.nan
    left = np.array([[1, 1, 1], [0, 1, 1], [1, 0, 0], [1, 1, 0]], dtype=bool)
    assert spread_of(left, kl) == pytest.approx([np.nan, kl[1, 2], np.nan, np.nan], nan_ok=True)


def test_measure_is_split_by_document() -> None:
    tokens = np.array([10.0, 20.0, 30.0, 40.0, 0.0])
    nats = np.arange(10.0).reshape(2, 5)
    found = split_constraints(nats, tokens, 2)
    assert [each.name for each in found] == ["measure part 1 of 2", "measure part 2 of 2"]
    assert found[0].column == pytest.approx([(0 + 2 + 4) / 40, (5 + 7 + 9) / 40])
    assert found[1].column == pytest.approx([(1 + 3) / 60, (6 + 8) / 60])
    # Parts that have no tokens are no constraint.
    assert [each.name for each in split_constraints(nats, tokens, 5)] == [
        f"measure part {k} of 5" for k in (1, 2, 3, 4)
    ]


def test_pools_are_classes_and_sizes() -> None:
    members = [
        *_members("causal", "myopic", "other"),
        *_members("causal", size="big"),
        *_members("myopic", size="tiny", count=1),
        *_members("causal", "other", size="wide", count=1),
    ]
    found = funnel_pools(members, CONTRASTS)
    assert [(pool.label, pool.required_variants, pool.positions.tolist()) for pool in found] == [
        ("c/base/causal", (), [0, 1, 2]),
        ("c/base/myopic", (), [3, 4, 5]),
        ("c/base/other", (), [6, 7, 8]),
        ("c/big/causal", (), [9, 10, 11]),
        ("c/base", ("myopic",), list(range(9))),
        ("c/wide", (), [13, 14]),
    ]


def test_several_variants_are_one_constraint() -> None:
    members = _members("causal", "myopic", "other", count=1)
    both = (*CONTRASTS, Contrast(baseline="causal", variant="other"))
    losses = [Constraint("measure part 1 of 1", "split", np.array([1.0, 1.0, 1.0]))]
    tables = funnel_rows(losses, None, members, both, SETTINGS, 0.95)
    last = tables["funnel_constraint"][-1]
    assert last["constraint_name"] == "variant = myopic or other"
    assert last["passing"] == 2
    assert tables["funnel_step"][-1]["survivors"] == 2


def _rows(kl: npt.NDArray[np.float64] | None) -> dict[str, list[dict[str, Any]]]:
    split = np.array([1.0, 1.1, 1.4, 1.05, 1.2, 1.3])
    probe = np.array([2.0, 2.5, 2.1, 2.0, np.nan, 2.0])
    constraints = [
        Constraint("measure part 1 of 1", "split", split),
        Constraint("shuffle severity 1", "probe", probe),
    ]
    return funnel_rows(constraints, kl, _members("causal", "myopic"), CONTRASTS, SETTINGS, 0.95)


def test_rows_of_all_pools() -> None:
    tables = _rows(_distances(6))
    names = [(row["pool"], row["constraint_name"]) for row in tables["funnel_constraint"]]
    assert names == [
        *[
            (pool, name)
            for pool in ("c/base/causal", "c/base/myopic", "c/base")
            for name in ("measure part 1 of 1", "shuffle severity 1")
        ],
        ("c/base", "variant = myopic"),
    ]
    demanded = tables["funnel_constraint"][-1]
    assert demanded == {
        "pool": "c/base",
        "constraint_name": "variant = myopic",
        "kind": "variant",
        "nats_best": None,
        "threshold_nats": None,
        "passing": 3,
        "share": 0.5,
        "share_low": wilson(3, 6, 0.95)[0],
        "share_high": wilson(3, 6, 0.95)[1],
        "models": 6,
    }
    # The best is that of the pool, and so is the deviation.
    best = {(row["pool"], row["kind"]): row["nats_best"] for row in tables["funnel_constraint"]}
    assert best["c/base/myopic", "split"] == 1.05
    assert best["c/base", "split"] == 1.0
    steps = {(row["pool"], row["constraints"]): row for row in tables["funnel_step"]}
    assert len(steps) == len(tables["funnel_step"]) == 3 + 3 + 4
    assert steps["c/base", 0]["kl"] == pytest.approx(_distances(6)[np.triu_indices(6, 1)].mean())
    assert {(row["pool"], row["members_used"]) for row in tables["pattern"]} == {
        (pool, k)
        for pool, m in (("c/base/causal", 3), ("c/base/myopic", 3), ("c/base", 6))
        for k in range(1, m + 1)
    }
    assert {row["probes"] for row in tables["pattern"]} == {1}
    assert all(row["kl"] is None for row in _rows(None)["funnel_step"])


def test_members_of_one_corpus_only() -> None:
    members = [*_members("causal"), Member("x", "d/base/causal", "d", "base", "causal", 0, 0)]
    with pytest.raises(ValueError, match="one corpus"):
        funnel_rows([], None, members, CONTRASTS, SETTINGS, 0.95)


def test_patterns_agree_with_all_subsets() -> None:
    inside = np.random.default_rng(3).random((5, 3)) < 0.5
    rows = pattern_rows(inside)
    for row in rows:
        several = combinations(inside.tolist(), row["members_used"])
        counts = [len(set(map(tuple, chosen))) for chosen in several]
        assert row["patterns"] == pytest.approx(np.mean(counts))
    assert rows[0]["patterns"] == pytest.approx(1)
    assert pattern_rows(inside[:, :0]) == []
