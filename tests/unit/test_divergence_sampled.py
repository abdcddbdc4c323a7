"""Measures on sampled positions: closed forms and a naive float64 reference."""

import math
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.optimize import minimize_scalar
from scipy.special import logsumexp

from manymasks.config.analyses import Statistics
from manymasks.divergence.blocks import BLOCK_ELEMENTS
from manymasks.divergence.pair_tables import divergence_rows
from manymasks.divergence.pairs import by_document, pair_sums
from manymasks.divergence.position_sample import (
    BETAS,
    Sampled,
    at_positions,
    sampled,
    sampled_positions,
)
from manymasks.statistics.model_classes import Member


def _logp(m: int, n: int, v: int, seed: int, spread: float = 0.5) -> torch.Tensor:
    generator = torch.Generator().manual_seed(seed)
    common = 2 * torch.randn(1, n, v, generator=generator)
    return (common + spread * torch.randn(m, n, v, generator=generator)).log_softmax(-1)


def _all(logp: torch.Tensor) -> Sampled:
    """All positions, of one document."""
    return sampled([at_positions(logp)], np.zeros(logp.shape[1], dtype=np.intp), 1)


def _kl(p: np.ndarray, q: np.ndarray) -> np.ndarray:
    return (p * (np.log(p) - np.log(q))).sum(-1)


@pytest.mark.parametrize("block", [1, 200, 1 << 20])
def test_every_pair_agrees_with_a_naive_float64_loop(
    block: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(BLOCK_ELEMENTS, "cpu", block)
    logp = _logp(4, 9, 30, 0)
    found = at_positions(logp)
    p = logp.double().softmax(-1).numpy()
    for i in range(4):
        assert found.entropy[:, i] == pytest.approx(-(p[i] * np.log(p[i])).sum(-1), rel=1e-5)
        for j in range(4):
            middle = (p[i] + p[j]) / 2
            js = (_kl(p[i], middle) + _kl(p[j], middle)) / 2
            assert found.kl[:, i, j] == pytest.approx(_kl(p[i], p[j]), abs=2e-6)
            assert found.js[:, i, j] == pytest.approx(js, abs=1e-6)
            assert found.tv[:, i, j] == pytest.approx(np.abs(p[i] - p[j]).sum(-1) / 2, abs=1e-6)


def test_two_bernoulli_laws_have_their_closed_forms() -> None:
    a, b = 0.3, 0.8
    laws = torch.tensor([[a, 1 - a], [b, 1 - b]]).log()[:, None]
    found = _all(laws)
    kl = a * math.log(a / b) + (1 - a) * math.log((1 - a) / (1 - b))
    middle = (a + b) / 2
    entropies = [-x * math.log(x) - (1 - x) * math.log(1 - x) for x in (a, b, middle)]
    assert found.kl[0, 1] == pytest.approx(kl, rel=1e-5)
    assert found.tv[0, 0, 1] == pytest.approx(b - a, rel=1e-5)
    js = entropies[2] - (entropies[0] + entropies[1]) / 2
    assert found.js[0, 0, 1] == pytest.approx(js, rel=1e-5)
    # Two laws of opposite tendencies: no temperature turns one round; the flattest is best.
    assert found.temperature[0, 1] == pytest.approx(1 / BETAS[0])
    # Of the same tendency one is the other at the ratio of their log-odds.
    same = _all(torch.tensor([[0.6, 0.4], [0.8, 0.2]]).log()[:, None])
    ratio = math.log(0.8 / 0.2) / math.log(0.6 / 0.4)
    assert same.temperature[0, 1] == pytest.approx(ratio, rel=1e-4)
    assert same.temperature[1, 0] == pytest.approx(1 / ratio, rel=1e-4)
    assert same.kl_tempered[0, 1] == pytest.approx(0, abs=1e-6)
    assert same.kl[0, 1] > 0.05


def test_identical_members_have_zero_distance() -> None:
    found = _all(_logp(1, 20, 100, 1).expand(3, -1, -1))
    for values in (found.kl, found.kl_tempered, found.tv, found.js, *found.quantiles.values()):
        assert np.abs(values).max() < 2e-6
    assert found.temperature == pytest.approx(np.ones((3, 3)), abs=1e-3)


@pytest.mark.parametrize("tau", [0.3, 0.5, 0.8, 1.0, 1.7, 3.0, 6.0])
def test_the_best_temperature_recovers_the_one_applied(tau: float) -> None:
    one = _logp(1, 40, 200, 2)
    found = _all(torch.cat([one, (one / tau).log_softmax(-1)]))
    # To come close to the first, the second, which is flatter by tau, is sharpened by it.
    assert found.temperature[0, 1] == pytest.approx(1 / tau if tau <= 4 else 1 / 4, rel=1e-4)
    assert found.temperature[1, 0] == pytest.approx(tau if tau >= 0.25 else 1 / 4, rel=1e-4)
    assert found.kl_tempered[1, 0] == pytest.approx(0, abs=3e-6)
    if tau <= 4:
        assert found.kl_tempered[0, 1] == pytest.approx(0, abs=2e-5)


def test_best_temperature_agrees_with_a_direct_search() -> None:
    logp = _logp(4, 50, 60, 3, spread=0.8)
    found = _all(logp)
    log = logp.double().numpy()
    p = np.exp(log)
    for a, b in ((0, 1), (2, 1), (3, 0)):

        def left(beta: float, a: int = a, b: int = b) -> float:
            free = logsumexp(beta * log[b], axis=-1)
            return float(((p[a] * (log[a] - beta * log[b])).sum(-1) + free).mean())

        best = minimize_scalar(left, bounds=(0.125, 4), method="bounded", options={"xatol": 1e-9})
        assert found.kl_tempered[a, b] == pytest.approx(best.fun, abs=3e-6)
        assert found.temperature[a, b] == pytest.approx(1 / best.x, rel=1e-4)
        assert found.kl_tempered[a, b] <= found.kl[a, b]


def test_quantiles_and_documents_are_those_of_the_positions() -> None:
    logp = _logp(3, 12, 40, 4)
    parts = [at_positions(logp[:, :5]), at_positions(logp[:, 5:])]
    owners = np.array([3, 0, 0, 1, 3, 3, 0, 1, 1, 3, 0, 0])
    found = sampled(parts, owners, 5)
    whole = at_positions(logp)
    both = (whole.kl[:, 0, 1] + whole.kl[:, 1, 0]) / 2
    assert found.quantiles["kl_median"][0, 1] == pytest.approx(np.median(both))
    assert found.quantiles["kl_p95"][1, 0] == pytest.approx(np.quantile(both, 0.95))
    assert found.quantiles["kl_max"][0, 1] == pytest.approx(both.max())
    assert found.tokens.tolist() == [5, 3, 0, 4, 0]
    assert found.js[3] == pytest.approx(whole.js[owners == 3].sum(0))
    assert found.tv[[2, 4]].max() == 0
    assert found.kl == pytest.approx(whole.kl.mean(0))
    with pytest.raises(ValueError, match="12 positions"):
        sampled(parts, owners[:3], 5)


@settings(max_examples=40, deadline=None)
@given(st.integers(0, 10_000), st.floats(0.05, 4))
def test_bounds_between_the_measures(seed: int, spread: float) -> None:
    found = at_positions(_logp(3, 4, 12, seed, spread))
    slack = 1e-5
    assert found.js.min() >= -slack
    assert found.js.max() <= math.log(2) + slack
    assert found.tv.max() <= 1 + slack
    # Pinsker, for KL and, with both halves of it, for JS; JS is at most TV ln 2 (Lin 1991).
    assert (found.kl >= 2 * found.tv**2 - slack).all()
    assert (found.js >= found.tv**2 / 2 - slack).all()
    assert (found.js <= found.tv * math.log(2) + slack).all()
    root = np.sqrt(np.maximum(found.js, 0))
    assert (root[:, 0, 2] <= root[:, 0, 1] + root[:, 1, 2] + 1e-2).all()


def test_positions_are_drawn_evenly_without_repetition() -> None:
    found = sampled_positions(10, 7, 25, 3)
    assert np.unique(found).size == 25
    assert (found == sampled_positions(10, 7, 25, 3)).all()
    assert (found[:5] == sampled_positions(10, 7, 5, 3)).all()
    assert sorted(found[:10] // 7) == list(range(10))
    counts = np.bincount(found // 7, minlength=10)
    assert counts.min() == 2
    assert counts.max() == 3
    assert (found != sampled_positions(10, 7, 25, 4)).any()
    assert sorted(sampled_positions(3, 2, 99, 0)) == list(range(6))


def _pools(owners: np.ndarray, spread: float) -> dict[str, dict[str, Any]]:
    """Metric -> its row, of three seeds on twelve windows of six documents, all sampled.

    `owners` (12,): the document that the sampled position of each window is said to be of.
    """
    members = [Member(f"m{i}", "c/s/v", "c", "s", "v", i, 0) for i in range(3)]
    generator = torch.Generator().manual_seed(0)
    logp = (spread * torch.randn(3, 12, 1, 8, generator=generator)).log_softmax(-1)
    targets = torch.zeros(12, 1, dtype=torch.int64)
    sums = by_document([pair_sums(logp, targets, [np.arange(3)])], np.repeat(np.arange(6), 2))
    found = {0: sampled([at_positions(logp.flatten(1, 2))], owners, 6)}
    tables = divergence_rows({0: sums}, {}, members, "p", "batch", Statistics(), found)
    return {row["metric"]: row for row in tables["pool_divergence"]}


def test_positions_of_one_document_give_no_interval() -> None:
    several, one = _pools(np.repeat(np.arange(6), 2), 1.0), _pools(np.zeros(12, dtype=int), 1.0)
    for metric in ("js", "tv"):
        assert several[metric]["low"] is not None
        assert one[metric]["low"] is one[metric]["high"] is None
        assert one[metric]["value"] == pytest.approx(several[metric]["value"])
        assert one[metric]["documents"] == 1
    assert one["kl"]["low"] is not None


def test_intervals_of_shares_end_at_one() -> None:
    rows = _pools(np.repeat(np.arange(6), 2), 40.0)
    for metric in ("hellinger", "tv", "top1_disagreement"):
        assert rows[metric]["low"] < rows[metric]["value"] < rows[metric]["high"] == 1
    assert rows["kl"]["high"] > 1
