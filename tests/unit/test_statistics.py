"""Intervals and tests: closed forms, naive recomputation, published numbers and coverage."""

import ast
import math
import sys
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats
from statsmodels.stats.multitest import multipletests

from kit import diagonal
from manymasks.statistics.bootstrap import (
    central_range,
    document_columns,
    document_weights,
    effective_documents,
    interval_over_documents,
    percentile_interval,
    ratio,
    ratio_interval,
    ratio_resamples,
    standard_error,
)
from manymasks.statistics.corrections import benjamini_yekutieli, holm
from manymasks.statistics.correlation import correlation
from manymasks.statistics.intervals import (
    NO_ERROR,
    StandardError,
    finite,
    joined,
    satterthwaite,
    summed,
)
from manymasks.statistics.jackknife import (
    cross_mean,
    jackknife_error,
    pair_mean,
    pair_means_without,
)
from manymasks.statistics.model_classes import Member, classes, one_corpus, paired_by_seeds
from manymasks.statistics.modes import dip
from manymasks.statistics.paired import paired_mean
from manymasks.statistics.pools import pool_mean, pools_of
from manymasks.statistics.proportions import wilson
from manymasks.statistics.spread_ratio import log_ratio_of_spreads


def _symmetric(m: int, seed: int) -> np.ndarray:
    points = np.random.default_rng(seed).normal(size=(m, 4))
    return np.square(points[:, None] - points[None]).sum(-1)


def _member(corpus: str, variant: str, init: int, order: int) -> Member:
    label = f"{corpus}/s/{variant}"
    return Member(f"{label}-{init}-{order}", label, corpus, "s", variant, init, order)


def test_weights_are_counts_of_whole_documents_and_repeatable() -> None:
    weights = document_weights(7, 50, seed=3)
    assert weights.shape == (50, 7)
    assert (weights.sum(axis=1) == 7).all()
    assert np.array_equal(weights, np.round(weights))
    assert np.array_equal(weights, document_weights(7, 50, seed=3))
    assert not np.array_equal(weights, document_weights(7, 50, seed=4))
    with pytest.raises(ValueError, match="at least one document"):
        document_weights(0, 50, seed=3)


def test_bootstrap_of_a_mean_has_the_analytic_error() -> None:
    values = np.random.default_rng(0).normal(size=300)
    resamples = ratio_resamples(values, np.ones(300), document_weights(300, 4000, 1))
    error = standard_error(resamples, np.ones(300))
    assert error.error == pytest.approx(values.std() / math.sqrt(300), rel=0.05)
    assert error.degrees == pytest.approx(299)
    low, high = percentile_interval(resamples, 0.95, np.ones(300))
    half = 1.96 * values.std() / math.sqrt(300)
    assert [low, high] == pytest.approx([values.mean() - half, values.mean() + half], abs=0.01)


def test_bootstrap_of_a_ratio_has_the_delta_method_error() -> None:
    generator = np.random.default_rng(1)
    tokens = generator.integers(20, 200, size=400).astype(float)
    nats = tokens * generator.normal(3, 0.5, size=400)
    rate = nats.sum() / tokens.sum()
    delta = math.sqrt(np.square(nats - rate * tokens).sum()) / tokens.sum()
    resamples = ratio_resamples(nats, tokens, document_weights(400, 4000, 2))
    assert ratio(nats, tokens) == pytest.approx(rate)
    assert standard_error(resamples, tokens).error == pytest.approx(delta, rel=0.06)


def test_effective_documents_are_those_of_kish() -> None:
    assert effective_documents(np.full(8, 3.0)) == pytest.approx(8)
    assert effective_documents(np.array([4.0, 2.0, 0.0])) == pytest.approx(36 / 20)
    assert np.isnan(effective_documents(np.zeros(3)))
    by_row = effective_documents(np.array([[1.0, 1.0], [1.0, 0.0]]))
    assert by_row == pytest.approx([2, 1])
    columns = document_columns(np.array([4.0, 2.0, 0.0]))
    assert columns == {"documents": 2, "effective_documents": pytest.approx(1.8)}


def test_percentiles_are_expanded_for_few_and_for_unequal_documents() -> None:
    draws = np.random.default_rng(0).normal(size=200_000)
    for sizes in (np.ones(10), np.array([9.0, 3, 3, 3, 3, 3, 1, 1])):
        n = float(effective_documents(sizes))
        low, high = percentile_interval(draws, 0.95, sizes)
        # Hesterberg (2015), The American Statistician 69, section 5.
        end = math.sqrt(n / (n - 1)) * stats.t.isf(0.025, n - 1)
        assert (low, high) == pytest.approx((-end, end), rel=0.02)
        error = standard_error(draws, sizes)
        assert error.error == pytest.approx(math.sqrt(n / (n - 1)), rel=0.01)
        assert error.degrees == pytest.approx(n - 1)
    one = np.array([0.0, 5.0, 0.0])
    assert np.isnan(percentile_interval(draws, 0.95, one)).all()
    assert math.isnan(standard_error(draws, one).error)
    assert interval_over_documents("x", 1.5, draws, one, 0.95) == {
        "x": 1.5,
        "x_low": None,
        "x_high": None,
    }


def test_rows_of_other_sizes_have_percentiles_of_their_own() -> None:
    draws = np.random.default_rng(1).normal(size=(3, 500))
    draws[0, ::2] = np.nan
    sizes = np.array([[1.0, 1, 1, 1], [5, 1, 1, 1], [1, 0, 0, 0]])
    low, high = percentile_interval(draws, 0.9, sizes)
    for row in range(2):
        ends = percentile_interval(draws[row], 0.9, sizes[row])
        assert (low[row], high[row]) == pytest.approx([float(end) for end in ends])
    assert np.isnan([low[2], high[2]]).all()


@given(st.integers(1, 40), st.floats(0, 0.5), st.integers(0, 99))
def test_central_ranges_are_quantiles_of_numpy(n: int, tail: float, seed: int) -> None:
    draws = np.random.default_rng(seed).normal(size=(4, n))
    draws[1, : n // 2] = np.nan
    draws[2] = np.nan
    low, high = central_range(draws, tail)
    for row in (0, 1, 3):
        expected = np.nanquantile(draws[row], [tail, 1 - tail])
        assert (low[row], high[row]) == pytest.approx(tuple(expected))
    assert np.isnan([low[2], high[2]]).all()


def test_ratio_interval_combines_ratio_and_percentiles() -> None:
    generator = np.random.default_rng(2)
    sums, sizes = generator.gamma(2, size=30), generator.integers(1, 9, size=30).astype(float)
    weights = document_weights(30, 500, 3)
    low, high = percentile_interval(ratio_resamples(sums, sizes, weights), 0.9, sizes)
    assert ratio_interval(sums, sizes, weights, 0.9) == (ratio(sums, sizes), low, high)
    alone = ratio_interval(sums[:1], sizes[:1], np.ones((5, 1)), 0.9)
    assert alone[0] == sums[0] / sizes[0]
    assert np.isnan(alone[1:]).all()


@given(st.integers(2, 12), st.integers(1, 5), st.integers(0, 2**32 - 1))
def test_correlations_are_those_of_numpy(n: int, several: int, seed: int) -> None:
    generator = np.random.default_rng(seed)
    x, y = generator.normal(size=n), generator.normal(size=(several, n))
    found = correlation(x, y)
    assert found == pytest.approx([np.corrcoef(x, each)[0, 1] for each in y], abs=1e-9)
    assert (np.abs(found) <= 1).all()
    assert correlation(x, 3 - 2 * x) == pytest.approx(-1)


def test_correlation_with_a_constant_is_nan() -> None:
    x = np.arange(3.0)
    assert np.isnan(correlation(x, np.ones(3)))
    assert np.isnan(correlation(np.ones(3), np.stack([x, x]))).all()
    assert correlation(x, np.stack([x, -x])).tolist() == [1, -1]


def test_resamples_without_tokens_and_single_documents_are_nan() -> None:
    weights = np.array([[2.0, 0.0], [1.0, 1.0]])
    resamples = ratio_resamples(np.array([0.0, 4.0]), np.array([0.0, 2.0]), weights)
    assert np.isnan(resamples[0])
    assert resamples[1] == 2
    assert np.isnan(ratio_resamples(np.ones(1), np.ones(1), np.ones((5, 1)))).all()
    assert np.isnan(percentile_interval(np.full((2, 5), np.nan), 0.9, np.ones(4))).all()
    assert math.isnan(ratio(np.ones(2), np.zeros(2)))


def test_pair_mean_and_its_jackknife_agree_with_naive_loops() -> None:
    distances = _symmetric(7, 0)
    estimate = pair_mean(distances, diagonal(len(distances)))
    upper = np.triu_indices(7, 1)
    assert estimate.estimate == pytest.approx(distances[upper].mean())
    without = []
    for i in range(7):
        rest = np.delete(np.delete(distances, i, 0), i, 1)
        without.append(rest[np.triu_indices(6, 1)].mean())
    assert pair_means_without(distances, ~np.eye(len(distances), dtype=bool)) == pytest.approx(
        without
    )
    naive = math.sqrt(6 / 7 * np.square(without - np.mean(without)).sum())
    assert estimate.standard_error == pytest.approx(naive)
    assert estimate.degrees == 6
    noisy = distances + np.diag(np.full(7, 99.0))
    assert pair_mean(noisy, diagonal(len(noisy))) == estimate


def test_pair_mean_jackknife_has_the_closed_form_of_the_projection() -> None:
    # SE^2 = 4 / m * var(h) * ((m - 1) / (m - 2))^2 with h the mean distance to the others.
    distances = _symmetric(9, 4)
    h = distances.sum(axis=1) / 8
    closed = 4 / 9 * h.var(ddof=1) * (8 / 7) ** 2
    assert pair_mean(distances, diagonal(len(distances))).standard_error ** 2 == pytest.approx(
        closed
    )


def test_cross_mean_has_the_naive_two_sample_jackknife() -> None:
    distances = np.random.default_rng(5).random((4, 6))
    estimate = cross_mean(distances)
    variance = 0.0
    for axis, m in enumerate(distances.shape):
        without = np.array([np.delete(distances, i, axis).mean() for i in range(m)])
        variance += (m - 1) / m * np.square(without - without.mean()).sum()
    assert estimate.estimate == pytest.approx(distances.mean())
    assert estimate.standard_error == pytest.approx(math.sqrt(variance))
    assert estimate.degrees == 3


def test_too_few_models_leave_the_error_unknown() -> None:
    assert math.isnan(pair_mean(np.zeros((1, 1)), diagonal(1)).estimate)
    two = pair_mean(_symmetric(2, 0), diagonal(2))
    assert two.estimate > 0
    assert math.isnan(two.standard_error)
    one = cross_mean(np.ones((1, 5)))
    assert one.estimate == 1
    assert math.isnan(one.standard_error)
    assert math.isnan(cross_mean(np.ones((0, 5))).estimate)
    interval = two.interval(StandardError(0.1, 20), 0.95)
    assert (finite(interval.low), finite(interval.high), interval.p) == (None, None, None)


def test_joined_adds_variances_and_degrees_of_freedom() -> None:
    interval = joined(2.0, StandardError(0.3, 5), StandardError(0.4, 20), 0.95)
    # Satterthwaite (1946).
    degrees = 0.25**2 / (0.09**2 / 5 + 0.16**2 / 20)
    assert interval.degrees == pytest.approx(degrees)
    assert interval.high - 2 == pytest.approx(0.5 * stats.t.isf(0.025, degrees), rel=1e-9)
    assert interval.low + interval.high == pytest.approx(4)
    assert interval.p == pytest.approx(2 * stats.t.sf(4, degrees))
    models = joined(2.0, StandardError(0.5, 5), NO_ERROR, 0.95)
    assert models.high - 2 == pytest.approx(0.5 * 2.570582, rel=1e-6)
    assert models.p == pytest.approx(2 * stats.t.sf(4, 5))
    documents = joined(2.0, StandardError(0.0, 5), StandardError(0.5, 46), 0.95)
    assert documents.degrees == pytest.approx(46)
    assert documents.p == pytest.approx(2 * stats.t.sf(4, 46))
    assert joined(0.1, StandardError(0.3, 5), NO_ERROR, 0.95, at_least=0).low == 0
    assert joined(0.0, StandardError(0.0, 5), NO_ERROR, 0.95).p == 1
    assert joined(1.0, StandardError(0.0, 5), NO_ERROR, 0.95).p == 0


def test_paired_mean_is_the_one_sample_t_test() -> None:
    differences = np.array([0.1, 0.3, -0.05, 0.2, 0.15])
    interval = paired_mean(differences, diagonal(len(differences)), NO_ERROR, 0.9)
    reference = stats.ttest_1samp(differences, 0)
    assert interval.p == pytest.approx(reference.pvalue)
    ends = reference.confidence_interval(0.9)
    assert (interval.low, interval.high) == pytest.approx((ends.low, ends.high))
    wider = paired_mean(differences, diagonal(len(differences)), StandardError(0.1, 20), 0.9)
    assert wider.low < interval.low
    assert paired_mean(differences[:1], diagonal(1), NO_ERROR, 0.9).p is None
    assert math.isnan(paired_mean(differences[:0], [], NO_ERROR, 0.9).estimate)


def test_wilson_matches_published_numbers() -> None:
    # Newcombe (1998), Statistics in Medicine 17, table I, method 3.
    assert wilson(81, 263, 0.95) == pytest.approx((0.2553, 0.3662), abs=5e-5)
    assert wilson(15, 148, 0.95) == pytest.approx((0.0624, 0.1605), abs=5e-5)
    assert wilson(0, 20, 0.95) == pytest.approx((0.0, 0.1611), abs=5e-5)
    assert all(math.isnan(end) for end in wilson(0, 0, 0.95))


def test_jackknife_over_models_covers_and_independent_pairs_do_not() -> None:
    m, dimensions, repetitions = 10, 60, 400
    generator = np.random.default_rng(11)
    outlyingness = generator.lognormal(0, 0.15, size=(repetitions, m, 1))
    points = generator.normal(size=(repetitions, m, dimensions)) * outlyingness
    truth = 2 * dimensions * math.exp(2 * 0.15**2)
    upper = np.triu_indices(m, 1)
    covered = np.zeros(2)
    for sample in points:
        distances = np.square(sample[:, None] - sample[None]).sum(-1)
        estimate = pair_mean(distances, diagonal(len(distances)))
        interval = estimate.interval(NO_ERROR, 0.95)
        covered[0] += interval.low <= truth <= interval.high
        pairs = distances[upper]
        half = 1.96 * pairs.std(ddof=1) / math.sqrt(pairs.size)
        covered[1] += abs(pairs.mean() - truth) <= half
    jackknife, independent = covered / repetitions
    assert jackknife >= 0.90
    assert independent <= 0.75


def test_members_are_grouped_in_order_and_paired_by_both_seeds() -> None:
    members = [
        _member("c", "myopic", 0, 1),
        _member("c", "causal", 1, 0),
        _member("c", "causal", 0, 1),
        _member("c", "myopic", 1, 0),
        _member("c", "myopic", 0, 0),
    ]
    groups = classes(members)
    assert list(groups) == ["c/s/myopic", "c/s/causal"]
    assert groups["c/s/myopic"].tolist() == [0, 3, 4]
    a, b = paired_by_seeds(members, *groups.values())
    assert (a.tolist(), b.tolist()) == ([0, 3], [2, 1])
    a, b = paired_by_seeds(members, [4], [1, 2])
    assert a.size == b.size == 0
    assert one_corpus(members) == "c"
    with pytest.raises(ValueError, match="one corpus"):
        one_corpus([*members, _member("d", "causal", 0, 0)])


def test_pools_are_the_classes_and_every_two_of_them() -> None:
    members = [_member("c", variant, init, 0) for variant in "ab" for init in range(3)]
    members += [_member("c", "c", init, 0) for init in (2, 9)]  # one pair of seeds in common
    members += [_member("c", "d", 0, 0)]
    pools = {(pool.label[-1], pool.other[-1]): pool for pool in pools_of(members)}
    within, matched, across = "aa bb cc", "ab", "ac ad bc bd cd"
    assert ["".join(labels) for labels in pools] == [*within.split(), matched, *across.split()]
    square = _symmetric(len(members), 5) + np.random.default_rng(0).random((9, 9))
    square += square.T
    for (label, other), pool in pools.items():
        a, b = (
            [i for i, one in enumerate(members) if one.variant == name] for name in label + other
        )
        pairs = {
            (i, j)
            for i in a
            for j in b
            if (i < j if label == other else members[i].seeds != members[j].seeds)
            or (label + other) not in (label * 2, matched)
        }
        found = list(zip(*(side.tolist() for side in pool.pairs), strict=True))
        assert set(found) == pairs and len(found) == len(pairs)
        assert pool.is_matched == (label + other == matched)
        assert sorted(pool.members.tolist()) == sorted({*a, *b})
        mean = pool_mean(square, pool)
        assert mean.estimate == pytest.approx(np.mean([square[pair] for pair in pairs]))
        units = min(len(a), len(b))
        assert mean.degrees == units - 1
        assert math.isfinite(mean.standard_error) == (
            units > (2 if label + other in (*within.split(), matched) else 1)
        )


def test_the_jackknife_of_matched_variants_leaves_out_a_pair_of_seeds() -> None:
    members = [_member("c", variant, init, 0) for variant in "ab" for init in range(5)]
    square = _symmetric(10, 6)
    pool = pools_of(members)[-1]
    assert pool.is_matched
    rests = []
    for seed in range(5):
        kept = [k for k in range(5) if k != seed]
        rests.append(np.mean([square[i, 5 + j] for i in kept for j in kept if i != j]))
    assert pool_mean(square, pool).standard_error == pytest.approx(jackknife_error(np.array(rests)))


def test_percentiles_of_empty_resamples_are_nan() -> None:
    low, high = percentile_interval(np.empty((0, 50)), 0.95, np.ones(3))
    assert low.shape == high.shape == (0,)


positive = st.floats(1e-3, 1e3)


@given(
    st.floats(-1e3, 1e3),
    positive,
    positive,
    st.integers(1, 60),
    st.floats(1, 100),
    st.floats(0.5, 0.99),
)
def test_p_is_below_the_level_exactly_if_the_interval_excludes_0(
    estimate: float,
    models: float,
    documents: float,
    degrees: int,
    of_documents: float,
    confidence: float,
) -> None:
    interval = joined(
        estimate,
        StandardError(models, degrees),
        StandardError(documents, of_documents),
        confidence,
    )
    p = interval.p
    assert p is not None
    assert 0 <= p <= 1
    if abs(p - (1 - confidence)) > 1e-6:
        assert (p < 1 - confidence) == (interval.low > 0 or interval.high < 0)
    half, error = interval.high - estimate, math.hypot(models, documents)
    most = float(stats.t.ppf((1 + confidence) / 2, min(degrees, of_documents))) * error
    assert half <= most * (1 + 1e-9) + 1e-9
    assert half >= float(stats.norm.ppf((1 + confidence) / 2)) * error * (1 - 1e-9) - 1e-9


def test_very_small_p_do_not_underflow() -> None:
    for models, documents in ((0.3, 0.4), (1e-9, 0.4), (0.3, 1e-9), (0.0, 0.4), (0.3, 0.0)):
        found = joined(1e6, StandardError(models, 300), StandardError(documents, 300), 0.95).p
        assert found is not None
        assert 0 <= found < 1e-100


# ---------------------------------------------------------------------- spreads of two groups


def test_log_ratio_of_spreads_leaves_a_seed_out_of_both_classes() -> None:
    a, b, m = 2 * _symmetric(7, 0), _symmetric(7, 1), 7
    resamples = np.random.default_rng(0).random((2, 50)) + 1
    found = log_ratio_of_spreads(a, b, diagonal(m), *resamples, np.ones(30), 0.95)

    def naive(kept: list[int]) -> float:
        pairs = [(i, j) for i in kept for j in kept if i < j]
        return math.log(sum(a[pair] for pair in pairs) / sum(b[pair] for pair in pairs))

    assert found.estimate == pytest.approx(naive(list(range(m))))
    without = [naive([i for i in range(m) if i != k]) for k in range(m)]
    documents = standard_error(np.log(resamples[0] / resamples[1]), np.ones(30))
    models = StandardError(jackknife_error(np.array(without)), m - 1)
    whole = joined(found.estimate, models, documents, 0.95)
    expected = whole.low, whole.high, whole.degrees
    assert (found.low, found.high, found.degrees) == pytest.approx(expected)
    other = log_ratio_of_spreads(b, a, diagonal(m), *resamples[::-1], np.ones(30), 0.95)
    assert (other.low, other.high) == pytest.approx((-found.high, -found.low))
    assert other.p == pytest.approx(found.p)


def test_what_a_seed_does_to_both_spreads_cancels() -> None:
    a = _symmetric(6, 0)
    found = log_ratio_of_spreads(2 * a, a, diagonal(6), *np.ones((3, 5)), 0.95)
    assert (found.low, found.high) == pytest.approx((math.log(2), math.log(2)))


def test_classes_without_a_spread_have_no_log_ratio() -> None:
    same = np.zeros((4, 4))
    found = log_ratio_of_spreads(same, _symmetric(4, 0), diagonal(4), *np.ones((3, 5)), 0.95)
    assert math.isnan(found.estimate)
    assert found.p is None
    two = log_ratio_of_spreads(
        _symmetric(2, 0), _symmetric(2, 1), diagonal(2), *np.ones((3, 5)), 0.95
    )
    assert math.isfinite(two.estimate)
    assert math.isnan(two.low)


def test_satterthwaite_degrees_are_those_of_welch_in_scipy() -> None:
    a, b = np.random.default_rng(0).normal(size=(2, 12))
    b = 3 * b[:7]
    reference = stats.ttest_ind(a, b, equal_var=False)
    errors = [StandardError(stats.sem(values), values.size - 1) for values in (a, b)]
    assert satterthwaite(errors) == pytest.approx(reference.df)
    assert summed(errors).error == pytest.approx(math.hypot(*(one.error for one in errors)))
    assert satterthwaite([StandardError(0.0, 11), StandardError(0.0, 6)]) == 6
    assert satterthwaite([StandardError(1.0, 11), StandardError(0.0, 6)]) == pytest.approx(11)
    assert satterthwaite([StandardError(math.nan, 11), StandardError(1.0, 6)]) == 6


# ------------------------------------------------------------------------------ corrections


def _stepped(p: list[float]) -> tuple[list[float], list[float]]:
    """Holm and Benjamini-Yekutieli by their definitions."""
    n, order = len(p), sorted(range(len(p)), key=lambda i: p[i])
    any_dependence = sum(1 / k for k in range(1, n + 1))
    down, up = [0.0] * n, [0.0] * n
    for place, i in enumerate(order):
        down[i] = min(1, max((n - k) * p[order[k]] for k in range(place + 1)))
        up[i] = min(1, any_dependence * min(n / (k + 1) * p[order[k]] for k in range(place, n)))
    return down, up


# Few, because statsmodels collects garbage at every call.
@settings(max_examples=10, deadline=None)
@given(st.lists(st.floats(0, 1), min_size=1, max_size=12))
def test_corrections_follow_their_definitions(p: list[float]) -> None:
    down, up = _stepped(p)
    assert holm(np.array(p)) == pytest.approx(down)
    assert benjamini_yekutieli(np.array(p)) == pytest.approx(up)


@pytest.mark.parametrize("n", [1, 2, 7, 100])
def test_corrections_are_those_of_statsmodels(n: int) -> None:
    rng = np.random.default_rng(n)
    p = np.round(rng.random(n), 2)  # with ties
    for ours, method in ((holm, "holm"), (benjamini_yekutieli, "fdr_by")):
        np.testing.assert_allclose(ours(p), multipletests(p, method=method)[1], atol=1e-15)


def test_nan_p_do_not_count_as_tests() -> None:
    p = np.array([0.01, np.nan, 0.04, 0.03, np.nan])
    for correct, method in ((holm, "holm"), (benjamini_yekutieli, "fdr_by")):
        found = correct(p)
        assert np.isnan(found[[1, 4]]).all()
        assert found[[0, 2, 3]] == pytest.approx(
            multipletests([0.01, 0.04, 0.03], method=method)[1]
        )
    assert holm(p)[[0, 2, 3]] == pytest.approx([0.03, 0.06, 0.06])
    assert np.isnan(benjamini_yekutieli(np.full(3, np.nan))).all()
    assert holm(np.empty(0)).shape == (0,)


# ------------------------------------------------------------------------------------- modes


def test_dip_matches_the_published_number() -> None:
    # Ages of 63 members of a faculty (Hartigan and Hartigan 1985): 0.0595, p 0.087 in R's diptest.
    ages = """30 33 35 36 37 37 39 39 39 39 39 40 40 40 40 41 42 43 43 43 44 44 45 45 46 47 47 48 48
        48 49 50 50 51 52 52 53 53 53 53 53 54 54 57 57 59 60 60 60 61 61 61 61 62 62 62 62 63 66
        70 72 72 72"""
    found = dip(np.array(ages.split(), dtype=float))
    assert found is not None
    assert found.statistic == pytest.approx(0.05952381, abs=1e-7)
    assert found.p == pytest.approx(0.087, abs=0.002)


def test_dip_detects_two_modes_and_not_one() -> None:
    rng = np.random.default_rng(0)
    heaps = np.r_[rng.normal(0, 0.05, 10), rng.normal(1, 0.05, 10)]
    found = dip(np.r_[heaps, np.nan])
    assert found is not None
    assert found.p < 0.01
    exact = dip(np.repeat([0.0, 1.0], 5))
    assert exact is not None
    assert exact.statistic == pytest.approx(0.25)
    same = dip(np.ones(6))
    assert same is not None
    assert same.p == 1
    assert dip(np.array([0.0, 0.0, 1.0])) is None
    assert dip(np.array([0.0, 0.5, 1.0, np.nan])) is None
    of_one_heap = [dip(rng.normal(size=12)) for _ in range(300)]
    assert np.mean([one is not None and one.p < 0.05 for one in of_one_heap]) <= 0.05


# ------------------------------------------------------------------------------- the package


def test_the_package_imports_only_arrays_and_settings() -> None:
    import manymasks.statistics

    allowed = {
        "numpy", "scipy", "diptest",
        "manymasks.statistics", "manymasks.arrays", "manymasks.config",
    }  # fmt: skip
    for path in Path(manymasks.statistics.__file__).parent.glob("*.py"):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            names = []
            if isinstance(node, ast.Import):
                names = [alias.name for alias in node.names]
            elif isinstance(node, ast.ImportFrom):
                assert not node.level, path.name
                names = [node.module or ""]
            for name in names:
                ours = ".".join(name.split(".")[:2])
                root = name.split(".")[0]
                assert {ours, root} & allowed or root in sys.stdlib_module_names, (path.name, name)
