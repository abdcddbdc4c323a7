"""Ensemble gain and headroom: against loops, identities, and a simulation of the interval."""

import math

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given
from hypothesis import strategies as st

from kit import diagonal
from manymasks.config.analyses import Statistics
from manymasks.rashomon.headroom import LossSums, below_zero, headroom_of, headroom_rows, loss_sums
from manymasks.statistics.bootstrap import document_weights, standard_error
from manymasks.statistics.intervals import Interval, StandardError, joined

STATISTICS = Statistics(resamples=300)


def _log_p(k: int, n: int, seed: int, spread: float = 0.5) -> npt.NDArray[np.float64]:
    generator = np.random.default_rng(seed)
    common = generator.normal(-2.0, 1.0, n)
    return np.minimum(common + spread * generator.normal(size=(k, n)), -1e-3)


def _sums(k: int = 4, n: int = 300, documents: int = 10, seed: int = 0) -> LossSums:
    log_p = _log_p(k + 1, n, seed)
    return loss_sums(log_p[:k], log_p[k], np.arange(n) % documents, documents, diagonal(k))


@given(st.integers(1, 6), st.integers(0, 1000))
def test_sums_agree_with_loops(k: int, seed: int) -> None:
    n, documents = 25, 4
    log_p = _log_p(k + 1, n, seed, spread=3.0)
    owners = np.arange(n) % (documents - 1)
    found = loss_sums(log_p[:k].astype(np.float32), log_p[k], owners, documents, diagonal(k))
    p = np.exp(log_p[:k].astype(np.float32).astype(np.float64))
    for document in range(documents):
        here = owners == document
        assert found.tokens[document] == here.sum()
        assert found.members[:, document] == pytest.approx(-np.log(p)[:, here].sum(1))
        assert found.ensemble[document] == pytest.approx(-np.log(p.mean(0))[here].sum())
        assert found.next_best[document] == pytest.approx(-log_p[k, here].sum())
        for i in range(k):
            rest = np.delete(p, i, axis=0)
            if k > 1:
                without = -np.log(rest.mean(0))[here].sum()
                assert found.without[i, document] == pytest.approx(without)
            else:
                assert np.isnan(found.without[i, document]) or not here.any()


def test_leaving_out_a_dominant_member_is_exact() -> None:
    """exp(-700) beside 1 is lost in a difference of sums."""
    log_p = np.array([[-1e-9], [-700.0], [-701.0]])
    found = loss_sums(log_p, log_p[0], np.zeros(1, dtype=int), 1, diagonal(3))
    expected = 700 + math.log(2) - math.log1p(math.exp(-1))
    assert found.without[0, 0] == pytest.approx(expected, rel=1e-12)


def test_estimates_and_errors_agree_with_a_naive_computation() -> None:
    k, n, documents = 5, 300, 10
    log_p = _log_p(k + 1, n, 1)
    owners = np.arange(n) % documents
    sums = loss_sums(log_p[:k], log_p[k], owners, documents, diagonal(k))
    gain, headroom, remaining = headroom_of(sums, STATISTICS)

    def three(log_p: npt.NDArray[np.float64], weight: npt.NDArray[np.float64]) -> list[float]:
        mean_loss = float(-(log_p[:-1].mean(0) * weight).sum() / weight.sum())
        mixed = float(-(np.log(np.exp(log_p[:-1]).mean(0)) * weight).sum() / weight.sum())
        best = float(-(log_p[-1] * weight).sum() / weight.sum())
        return [mean_loss - mixed, mean_loss - best, mixed - best]

    once = np.ones(n)
    values = three(log_p, once)
    assert [gain.estimate, headroom.estimate, remaining.estimate] == pytest.approx(values)
    left_out = np.array([three(np.delete(log_p, i, axis=0), once) for i in range(k)])
    over_models = np.sqrt((k - 1) / k * ((left_out - left_out.mean(0)) ** 2).sum(0))
    weights = document_weights(documents, STATISTICS.resamples, STATISTICS.seed)
    resampled = np.array([three(log_p, row[owners]) for row in weights])
    over_documents = [standard_error(column, sums.tokens) for column in resampled.T]
    for interval, value, a, b in zip(
        (gain, headroom, remaining), values, over_models, over_documents, strict=True
    ):
        plain = joined(value, StandardError(a, k - 1), b, 0.95, 0 if interval is gain else None)
        assert (interval.low, interval.high) == pytest.approx((plain.low, plain.high))
        assert interval.p == pytest.approx(plain.p)
    assert remaining.estimate == pytest.approx(headroom.estimate - gain.estimate)


@given(st.integers(2, 6), st.integers(0, 1000))
def test_the_gain_is_never_negative(k: int, seed: int) -> None:
    gain, _, _ = headroom_of(_sums(k=k, n=40, documents=4, seed=seed), Statistics(resamples=100))
    assert gain.estimate >= 0


def test_identical_members_gain_nothing() -> None:
    log_p = np.repeat(_log_p(1, 100, 0), 4, axis=0)
    sums = loss_sums(log_p, log_p[0] + 0.1, np.arange(100) % 5, 5, diagonal(len(log_p)))
    gain, headroom, remaining = headroom_of(sums, STATISTICS)
    assert gain.estimate == pytest.approx(0, abs=1e-12)
    assert [headroom.estimate, remaining.estimate] == pytest.approx([0.1, 0.1])


def test_rows_and_both_sides_of_the_test() -> None:
    n, documents = 300, 10
    log_p = _log_p(4, n, 2, spread=1.0)
    owners = np.arange(n) % documents
    mixed = np.log(np.exp(log_p).mean(0))
    for shift in (0.3, -0.3):  # the next size is better than the mean law, and worse
        sums = loss_sums(log_p, mixed + shift, owners, documents, diagonal(len(log_p)))
        tables = headroom_rows(sums, "c", "causal", "tiny", "base", STATISTICS)
        (row,), (contrast,) = tables["headroom"], tables["contrast"]
        assert (row["model_class"], row["next_class"]) == ("c/tiny/causal", "c/base/causal")
        assert row["remaining"] == pytest.approx(shift)
        assert (row["models"], row["documents"]) == (4, documents)
        assert row["remaining_low"] < row["remaining"] < row["remaining_high"]
        assert (row["p"] < 0.05) == (shift < 0)
        assert (row["p"] > 0.95) == (shift > 0)
        assert (contrast["claim"], contrast["corpus"]) == ("headroom", "c")
        assert (contrast["subject"], contrast["baseline"]) == ("base", "tiny")
        assert contrast["within"] == "causal"
        assert contrast["estimate"] == -row["remaining"]
        assert (contrast["low"], contrast["high"]) == (
            -row["remaining_high"],
            -row["remaining_low"],
        )
        assert contrast["p"] == pytest.approx(2 * min(row["p"], 1 - row["p"]))
        assert (contrast["inits"], contrast["orders"]) == (4, 4)


def test_two_members_or_one_document_have_no_interval() -> None:
    for sums in (_sums(k=2), _sums(k=1), _sums(documents=1)):
        for interval in headroom_of(sums, STATISTICS):
            assert math.isfinite(interval.estimate)
            assert math.isnan(interval.low)
            assert interval.p is None
            assert below_zero(interval) is None


def test_one_sided_p() -> None:
    assert below_zero(Interval(-1.0, -2.0, 0.0, 0.04, 3)) == 0.02
    assert below_zero(Interval(1.0, 0.0, 2.0, 0.04, 3)) == 0.98
    assert below_zero(Interval(0.0, 0.0, 0.0, 1.0, 3)) == 0.5


@pytest.mark.slow
@pytest.mark.parametrize("k", [10, 20])
def test_intervals_cover_the_mean_over_many_draws(k: int) -> None:
    """Members and documents drawn anew; the value is the mean over all draws of k members.

    Each member's log-probability is the token's own, plus a level of the member, which the token
    has in each document a little more or less, and noise as wide as the member has it. Where
    members and documents interact and little else varies, intervals are too wide, since the
    interaction is in both errors; here its part is small.
    """
    generator = np.random.default_rng(0)
    documents, tokens, draws = 60, 20, 1500
    owners = np.repeat(np.arange(documents), tokens)
    intervals = []
    for _ in range(draws):
        of_document = generator.normal(0, 0.1, (1, documents))
        level = generator.normal(0, 0.05, (k, 1)) + generator.normal(0, 0.05, (k, documents))
        width = generator.uniform(0.2, 0.6, (k, 1))
        noise = width * generator.normal(size=(k, owners.size))
        own = -3.0 + (of_document + level)[:, owners] + noise
        sums = loss_sums(own, np.full(owners.size, -2.9), owners, documents, diagonal(len(own)))
        gain, _, remaining = headroom_of(sums, Statistics(resamples=200))
        intervals.append((gain, remaining))
    for found in zip(*intervals, strict=True):
        value = np.mean([each.estimate for each in found])
        covered = np.mean([each.low <= value <= each.high for each in found])
        assert 0.93 <= covered <= 0.97, covered
