"""Intervals: closed forms, naive recomputation, published numbers and coverage."""

import math

import numpy as np
import pytest
from scipy import stats

from manymasks.statistics.documents import (
    document_weights,
    percentile_interval,
    ratio,
    ratio_resamples,
    standard_error,
)
from manymasks.statistics.intervals import finite, joined
from manymasks.statistics.members import Member, classes, one_corpus, paired_by_seeds
from manymasks.statistics.models import cross_mean, pair_mean, pair_means_without
from manymasks.statistics.paired import paired_mean
from manymasks.statistics.proportions import wilson


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
    assert standard_error(resamples) == pytest.approx(values.std() / math.sqrt(300), rel=0.05)
    low, high = percentile_interval(resamples, 0.95)
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
    assert standard_error(resamples) == pytest.approx(delta, rel=0.06)


def test_resamples_without_tokens_and_single_documents_are_unknown() -> None:
    weights = np.array([[2.0, 0.0], [1.0, 1.0]])
    resamples = ratio_resamples(np.array([0.0, 4.0]), np.array([0.0, 2.0]), weights)
    assert np.isnan(resamples[0])
    assert resamples[1] == 2
    assert np.isnan(ratio_resamples(np.ones(1), np.ones(1), np.ones((5, 1)))).all()
    assert np.isnan(percentile_interval(np.full((2, 5), np.nan), 0.9)).all()
    assert math.isnan(ratio(np.ones(2), np.zeros(2)))


def test_pair_mean_is_the_mean_over_pairs_and_its_jackknife_the_naive_one() -> None:
    distances = _symmetric(7, 0)
    estimate = pair_mean(distances)
    upper = np.triu_indices(7, 1)
    assert estimate.estimate == pytest.approx(distances[upper].mean())
    without = []
    for i in range(7):
        rest = np.delete(np.delete(distances, i, 0), i, 1)
        without.append(rest[np.triu_indices(6, 1)].mean())
    assert pair_means_without(distances) == pytest.approx(without)
    naive = math.sqrt(6 / 7 * np.square(without - np.mean(without)).sum())
    assert estimate.standard_error == pytest.approx(naive)
    assert estimate.degrees == 6
    noisy = distances + np.diag(np.full(7, 99.0))
    assert pair_mean(noisy) == estimate


def test_pair_mean_jackknife_has_the_closed_form_of_the_projection() -> None:
    # SE^2 = 4 / m * var(h) * ((m - 1) / (m - 2))^2 with h the mean distance to the others.
    distances = _symmetric(9, 4)
    h = distances.sum(axis=1) / 8
    closed = 4 / 9 * h.var(ddof=1) * (8 / 7) ** 2
    assert pair_mean(distances).standard_error ** 2 == pytest.approx(closed)


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
    assert math.isnan(pair_mean(np.zeros((1, 1))).estimate)
    two = pair_mean(_symmetric(2, 0))
    assert two.estimate > 0
    assert math.isnan(two.standard_error)
    one = cross_mean(np.ones((1, 5)))
    assert one.estimate == 1
    assert math.isnan(one.standard_error)
    assert math.isnan(cross_mean(np.ones((0, 5))).estimate)
    interval = joined(two.estimate, two.standard_error, 0.1, two.degrees, 0.95)
    assert (finite(interval.low), finite(interval.high), interval.p) == (None, None, None)


def test_joined_adds_variances_under_a_t_quantile() -> None:
    interval = joined(2.0, 0.3, 0.4, 5, 0.95)
    assert interval.high - 2 == pytest.approx(0.5 * 2.570582, rel=1e-6)
    assert interval.low + interval.high == pytest.approx(4)
    assert interval.p == pytest.approx(2 * stats.t.sf(4, 5))
    assert joined(0.1, 0.3, 0.4, 5, 0.95, at_least=0).low == 0
    assert joined(0.0, 0.0, 0.0, 5, 0.95).p == 1
    assert joined(1.0, 0.0, 0.0, 5, 0.95).p == 0


def test_paired_mean_is_the_one_sample_t_test() -> None:
    differences = np.array([0.1, 0.3, -0.05, 0.2, 0.15])
    interval = paired_mean(differences, 0.0, 0.9)
    reference = stats.ttest_1samp(differences, 0)
    assert interval.p == pytest.approx(reference.pvalue)
    ends = reference.confidence_interval(0.9)
    assert (interval.low, interval.high) == pytest.approx((ends.low, ends.high))
    wider = paired_mean(differences, 0.1, 0.9)
    assert wider.low < interval.low
    assert paired_mean(differences[:1], 0.0, 0.9).p is None
    assert math.isnan(paired_mean(differences[:0], 0.0, 0.9).estimate)


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
        estimate = pair_mean(distances)
        interval = joined(estimate.estimate, estimate.standard_error, 0.0, m - 1, 0.95)
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


def test_percentiles_of_nothing_are_nothing() -> None:
    low, high = percentile_interval(np.empty((0, 50)), 0.95)
    assert low.shape == high.shape == (0,)
