"""Metrics by position: naive float64 loops, closed forms, bounds."""

import math
from itertools import combinations

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from manymasks.rashomon import multiplicity
from manymasks.rashomon.multiplicity import (
    Facts,
    PositionMetrics,
    block_facts,
    by_document,
    pair_sums,
    position_metrics,
    rarefied_metrics,
)

TOP_K, TV, TOLERANCE = 3, 0.3, 1e-4


def _logp(m: int, n: int, v: int, seed: int, spread: float = 1.0) -> torch.Tensor:
    generator = torch.Generator().manual_seed(seed)
    common = 2 * torch.randn(1, n, v, generator=generator)
    own = spread * torch.randn(m, n, v, generator=generator)
    return (common + own).log_softmax(-1)


def _targets(n: int, v: int) -> torch.Tensor:
    return torch.randint(v, (n,), generator=torch.Generator().manual_seed(99))


def _measured(
    logp: torch.Tensor, subset: list[int], reference: int = 0
) -> tuple[Facts, PositionMetrics]:
    facts = block_facts(logp, _targets(*logp.shape[1:]), min(TOP_K, logp.shape[2]))
    found = position_metrics(facts, logp, np.array(subset), reference, TV, TOLERANCE)
    return facts, found


def _naive(logp: np.ndarray, y: int, reference: int) -> dict[str, float]:
    """The metrics of one position from laws (k, V), as their definitions read."""
    p, k = np.exp(logp), len(logp)
    first = logp.argmax(-1)
    tops = [frozenset(np.argsort(-law)[:TOP_K]) for law in logp]
    tv = np.array([[np.abs(a - b).sum() / 2 for b in p] for a in p])
    shares = np.bincount(first) / k
    mean, q = p.mean(0), p[:, y]
    return {
        "ambiguity": max(first[i] != first[reference] for i in range(k)),
        "ambiguity_top_k": max(tops[i] != tops[reference] for i in range(k)),
        "ambiguity_tv": max(tv[i, reference] >= TV for i in range(k)),
        "pair_ambiguity": max(a != b for a, b in combinations(first, 2)),
        "pair_range": max(tv[a, b] for a, b in combinations(range(k), 2)),
        "vote_disagreement": k / (k - 1) * (1 - (shares**2).sum()),
        "distinct_top1": len(set(first)),
        "p_low": min(q),
        "p_high": max(q),
        "p_range": max(q) - min(q),
        "log_p_low": math.log(min(q)),
        "log_p_high": math.log(max(q)),
        "log_p_range": math.log(max(q)) - math.log(min(q)),
        "p_variance": sum((one - q.mean()) ** 2 for one in q) / (k - 1),
        "log_p_variance": np.var(np.log(q), ddof=1),
        "information": (p * np.log(p)).sum(-1).mean() - (mean * np.log(mean)).sum(),
        "ensemble_gain": math.log(q.mean()) - np.log(q).mean(),
    }


@pytest.mark.parametrize("block", [1, 300, 1 << 20])
@pytest.mark.parametrize("reference", [0, 2])
def test_metrics_agree_with_naive_float64_loops(
    block: int, reference: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(multiplicity.BLOCK_ELEMENTS, "cpu", block)
    logp, subset = _logp(6, 40, 11, 0), [1, 2, 5, 4]
    facts, found = _measured(logp, subset, reference)
    log, y = logp.double().log_softmax(-1).numpy(), _targets(40, 11).numpy()
    for x in range(40):
        for name, expected in _naive(log[subset, x], y[x], reference).items():
            near = pytest.approx(float(expected), rel=1e-5, abs=2e-6)
            assert found.metrics[name][x] == near, name
        for i in range(6):
            p = np.exp(log[i, x])
            assert facts.log_p[i, x] == pytest.approx(log[i, x, y[x]], rel=1e-6, abs=1e-6)
            assert facts.entropy[i, x] == pytest.approx(-(p * log[i, x]).sum(), rel=1e-5)
            assert facts.kl[i, i, x] == 0
            assert facts.tv[i, i, x] == 0
            for j in range(6):
                kl = (p * (log[i, x] - log[j, x])).sum()
                assert facts.kl[i, j, x] == pytest.approx(kl, rel=1e-4, abs=1e-6)
                tv = np.abs(p - np.exp(log[j, x])).sum() / 2
                assert facts.tv[i, j, x] == pytest.approx(tv, rel=1e-5, abs=1e-6)
    capacity, gap = found.metrics["capacity"], found.metrics["capacity_gap"]
    assert gap.max() <= TOLERANCE
    assert found.metrics["effective_models"] == pytest.approx(np.exp(capacity))
    p = np.exp(log[subset])
    kl = (p * (log[subset] - np.log(np.einsum("nk,knv->nv", found.weights, p)))).sum(-1)
    assert capacity == pytest.approx((found.weights.T * kl).sum(0), abs=1e-9)
    assert capacity + gap == pytest.approx(kl.max(0), abs=1e-9)
    for i in range(4):
        q = np.delete(np.exp(facts.log_p[subset]), i, axis=0)
        assert found.gain_without[i] == pytest.approx(np.log(q.mean(0)) - np.log(q).mean(0))


def test_identical_members_have_zero_metrics() -> None:
    _, found = _measured(_logp(1, 20, 50, 1).expand(5, -1, -1), [0, 1, 2, 3, 4], 3)
    ends = ("p_low", "p_high", "log_p_low", "log_p_high")
    for name, values in found.metrics.items():
        if name in ("distinct_top1", "effective_models"):
            assert values == pytest.approx(np.ones(20), abs=1e-12)
        elif name not in ends:
            assert values == pytest.approx(np.zeros(20), abs=1e-12), name
    for name in ("ambiguity", "ambiguity_top_k", "ambiguity_tv", "pair_ambiguity", "pair_range"):
        assert (found.metrics[name] == 0).all()


def test_a_single_member_has_zero_metrics() -> None:
    _, found = _measured(_logp(3, 20, 50, 2), [1])
    for name, values in found.metrics.items():
        if name in ("p_variance", "log_p_variance"):
            assert np.isnan(values).all()
        elif name in ("distinct_top1", "effective_models"):
            assert (values == 1).all()
        elif name not in ("p_low", "p_high", "log_p_low", "log_p_high"):
            assert (values == 0).all(), name
    assert np.isnan(found.gain_without).all()
    assert (found.weights == 1).all()


def test_two_members_certain_of_different_tokens() -> None:
    logp = torch.full((2, 1, 4), -80.0)
    logp[0, 0, 1] = logp[1, 0, 2] = 0
    facts = block_facts(logp, torch.tensor([1]), 1)
    found = position_metrics(facts, logp, np.arange(2), 0, 1.0, 1e-6).metrics
    for name in ("ambiguity", "ambiguity_top_k", "ambiguity_tv", "pair_range"):
        assert found[name][0] == 1, name
    assert found["capacity"][0] == pytest.approx(math.log(2))
    assert found["effective_models"][0] == pytest.approx(2)
    assert found["information"][0] == pytest.approx(math.log(2))
    assert found["p_range"][0] == pytest.approx(1)
    assert found["log_p_range"][0] == pytest.approx(80)
    assert found["ensemble_gain"][0] == pytest.approx(40 - math.log(2))
    assert found["vote_disagreement"][0] == 1


def test_gain_of_probabilities_that_round_to_0() -> None:
    logp = torch.tensor([[[-2000.0, 0.0]], [[-2010.0, 0.0]]])
    facts = block_facts(logp, torch.tensor([0]), 1)
    found = position_metrics(facts, logp, np.arange(2), 0, 0.5, 1e-3).metrics
    assert found["ensemble_gain"][0] == pytest.approx(5 + math.log((1 + math.exp(-10)) / 2))


@settings(deadline=None, max_examples=25)
@given(
    m=st.integers(2, 7),
    v=st.integers(2, 20),
    seed=st.integers(0, 10_000),
    spread=st.floats(0.01, 6),
)
def test_bounds_and_growth_with_the_members(m: int, v: int, seed: int, spread: float) -> None:
    logp = _logp(m, 5, v, seed, spread)
    before: dict[str, np.ndarray] = {}
    for k in range(1, m + 1):
        _, multiplicity_ = _measured(logp, list(range(k)))
        found = multiplicity_.metrics
        gap = found["capacity_gap"]
        assert (found["information"] <= found["capacity"] + 1e-12).all()
        assert (found["capacity"] <= math.log(min(k, v)) + 1e-9).all()
        assert (found["ambiguity"] <= found["pair_ambiguity"]).all()
        assert (found["vote_disagreement"] <= found["pair_ambiguity"] + 1e-12).all()
        assert (found["ensemble_gain"] >= -1e-12).all()
        for name, values in before.items():
            more = found[name] + (gap if name == "capacity" else 1e-9)
            assert (more >= values).all(), name
        grow = ("ambiguity", "ambiguity_top_k", "ambiguity_tv", "pair_ambiguity", "pair_range")
        ranges = ("p_range", "log_p_range", "p_high", "distinct_top1", "capacity")
        before = {name: found[name] for name in (*grow, *ranges)}


@settings(deadline=None, max_examples=10)
@given(seed=st.integers(0, 10_000), spread=st.floats(0.1, 3))
def test_metrics_are_invariant_to_token_order(seed: int, spread: float) -> None:
    logp, y = _logp(4, 6, 15, seed, spread), _targets(6, 15)
    renamed = torch.randperm(15, generator=torch.Generator().manual_seed(seed))
    there = renamed.argsort()[y]
    one, other = (
        position_metrics(block_facts(law, at, TOP_K), law, np.arange(4), 1, TV, TOLERANCE)
        for law, at in ((logp, y), (logp[..., renamed], there))
    )
    for name, values in one.metrics.items():
        # A total variation that rounds across the threshold may differ; none does here.
        assert other.metrics[name] == pytest.approx(values, abs=1e-6), name


def test_rarefied_metrics_are_means_over_all_subsets() -> None:
    logp = _logp(6, 12, 9, 7)
    facts, _ = _measured(logp, [0])
    pool = [5, 0, 3, 2, 1]
    for k in (2, 4, 5):
        rarefied = rarefied_metrics(facts, np.array(pool), 2, k)
        subsets = [s for s in combinations(pool, k) if 3 in s]
        ambiguity = [_measured(logp, list(s), s.index(3))[1].metrics["ambiguity"] for s in subsets]
        assert rarefied["ambiguity"] == pytest.approx(np.mean(ambiguity, axis=0))
        every = [_measured(logp, list(s))[1].metrics for s in combinations(pool, k)]
        for name in ("pair_ambiguity", "distinct_top1"):
            mean = np.mean([each[name] for each in every], axis=0)
            assert rarefied[name] == pytest.approx(mean)


def test_sums_of_pairs_by_document() -> None:
    logp = _logp(4, 30, 9, 8)
    facts, found = _measured(logp, [0, 1, 2, 3])
    documents = np.array([3, 0, 0, 1, 3] * 6)
    sums = pair_sums(facts, documents, 5, TV)
    assert sums.tokens.tolist() == [12, 6, 0, 12, 0]
    p = np.exp(facts.log_p)
    for d in range(5):
        at = documents == d
        assert sums.kl[d] == pytest.approx(facts.kl[..., at].sum(-1), rel=1e-5)
        assert sums.tv[d] == pytest.approx(facts.tv[..., at].sum(-1), rel=1e-5)
        assert (sums.top_k[d] == facts.top_k_differs[..., at].sum(-1)).all()
        for a, b in combinations(range(4), 2):
            assert sums.top1[d, a, b] == (facts.first[a, at] != facts.first[b, at]).sum()
            assert sums.tv_above[d, a, b] == (facts.tv[a, b, at] >= TV).sum()
            squares = ((p[a, at] - p[b, at]) ** 2).sum() / 2
            assert sums.p_squares[d, a, b] == pytest.approx(squares)
    for name, pair in (
        ("vote_disagreement", sums.top1),
        ("p_variance", sums.p_squares),
        ("log_p_variance", sums.log_p_squares),
    ):
        assert pair.sum() / 12 == pytest.approx(found.metrics[name].sum()), name
    twice = sums + sums
    assert (twice.kl == 2 * sums.kl).all()
    halves = [
        pair_sums(block_facts(logp[:, half], _targets(30, 9)[half], TOP_K), documents[half], 5, TV)
        for half in (slice(0, 13), slice(13, 30))
    ]
    assert (halves[0] + halves[1]).tv == pytest.approx(sums.tv)
    assert by_document(np.zeros((2, 0)), np.zeros(0, dtype=int), 3).tolist() == [[0, 0]] * 3


def test_the_diagonal_is_below_a_threshold_of_0() -> None:
    logp = _logp(3, 4, 9, 9)
    facts = block_facts(logp, _targets(4, 9), 2)
    sums = pair_sums(facts, np.zeros(4, dtype=int), 1, 0.0)
    assert np.diagonal(sums.tv_above[0]).tolist() == [0, 0, 0]
    found = position_metrics(facts, logp, np.array([1]), 0, 0.0, 1e-3)
    assert (found.metrics["ambiguity_tv"] == 0).all()


def test_rejects_invalid_log_probabilities() -> None:
    logp, y = _logp(2, 3, 5, 0), _targets(3, 5)
    with pytest.raises(ValueError, match="members, positions, vocabulary"):
        block_facts(logp, y[:2], 2)
    with pytest.raises(ValueError, match="float32"):
        block_facts(logp.double(), y, 2)
    with pytest.raises(ValueError, match="top_k must be from 1 to 5 tokens, found 6"):
        block_facts(logp, y, 6)
    with pytest.raises(ValueError, match="finite"):
        block_facts(torch.full_like(logp, torch.nan), y, 2)
    with pytest.raises(ValueError, match="member 2 of 2"):
        position_metrics(block_facts(logp, y, 2), logp, np.arange(2), 2, TV, TOLERANCE)
    with pytest.raises(ValueError, match="member 0 of 0"):
        position_metrics(block_facts(logp, y, 2), logp, np.arange(0), 0, TV, TOLERANCE)
    torch.set_float32_matmul_precision("high")
    try:
        with pytest.raises(RuntimeError, match="highest"):
            block_facts(logp, y, 2)
    finally:
        torch.set_float32_matmul_precision("highest")
