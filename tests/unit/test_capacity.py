"""Rashomon capacity: closed forms, its certificate, and a naive plain iteration."""

import math

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from manymasks.rashomon import capacity
from manymasks.rashomon.capacity import capacities, information_at, shared_capacity


def _laws(*laws: list[float]) -> torch.Tensor:
    """Members at one position, (m, 1, V)."""
    return torch.tensor(laws, dtype=torch.float64).log()[:, None]


def _random(m: int, n: int, v: int, seed: int, spread: float = 1.0) -> torch.Tensor:
    generator = torch.Generator().manual_seed(seed)
    common = 2 * torch.randn(1, n, v, generator=generator)
    own = spread * torch.randn(m, n, v, generator=generator)
    return (common + own).log_softmax(-1)


def _plain(logp: torch.Tensor, tolerance: float) -> tuple[float, float, int]:
    """Blahut-Arimoto of one position, logp (m, V), as textbooks write it."""
    p = logp.double().softmax(-1).numpy()
    w = np.full(len(p), 1 / len(p))
    iteration = 0
    while True:
        kl = (p * np.log(p / (w @ p))).sum(-1)
        if kl.max() - w @ kl <= tolerance:
            return float(w @ kl), float(kl.max()), iteration
        w = w * np.exp(kl)
        w /= w.sum()
        iteration += 1


@pytest.mark.parametrize(
    ("laws", "expected"),
    [
        ([[1, 0], [0.5, 0.5]], math.log(5 / 4)),  # a Z-channel: .3219 bits
        ([[1, 0], [0, 1]], math.log(2)),
        ([[0.7, 0.1, 0.2]] * 5, 0),
        ([[0.9, 0.1]] * 9 + [[0.1, 0.9]], 0.531 * math.log(2)),
        ([[0.89, 0.11], [0.11, 0.89]], 0.5001 * math.log(2)),
        ([[0.6, 0.4, 0], [0, 0.4, 0.6]], 0.6 * math.log(2)),  # erasures
        ([[1, 0, 0], [0, 1, 0], [0, 0, 1], [1 / 3, 1 / 3, 1 / 3]], math.log(3)),
    ],
)
def test_closed_forms(laws: list[list[float]], expected: float) -> None:
    found = capacities(_laws(*laws), tolerance=1e-6)
    assert found.nats.item() == pytest.approx(expected, abs=3e-5)
    assert found.gap.item() <= 1e-6
    assert found.weights.sum().item() == pytest.approx(1)


def test_z_channel_has_the_published_capacity() -> None:
    found = capacities(_laws([1, 0], [0.5, 0.5]), tolerance=1e-9)
    assert found.nats.item() / math.log(2) == pytest.approx(0.3219, abs=5e-5)
    assert found.weights[0].tolist() == pytest.approx([0.6, 0.4], abs=1e-3)


def test_identical_members_have_no_capacity() -> None:
    found = capacities(_random(1, 6, 40, 0).expand(7, -1, -1))
    assert found.nats.max() < 1e-12
    assert found.information.max() < 1e-12
    alone = capacities(_random(1, 6, 40, 0))
    assert alone.nats.max() < 1e-12
    assert (alone.weights == 1).all()
    assert (alone.iterations == 0).all()


@pytest.mark.parametrize("block", [1, 150, 1 << 19])
@pytest.mark.parametrize("spread", [0.1, 1.0, 4.0])
def test_agrees_with_a_naive_plain_iteration(
    block: int, spread: float, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(capacity.BLOCK_ELEMENTS, "cpu", block)
    logp = _random(6, 5, 17, 1, spread)
    found = capacities(logp, tolerance=1e-5)
    for x in range(5):
        lower, upper, iterations = _plain(logp[:, x], 1e-5)
        assert found.gap[x] <= 1e-5
        assert lower - 1e-5 <= found.nats[x] <= upper
        assert found.nats[x] + found.gap[x] >= lower
        assert found.iterations[x] <= 1.5 * iterations + 5
        p = logp[:, x].double().softmax(-1).numpy()
        w = found.weights[x].numpy()
        kl = (p * np.log(p / (w @ p))).sum(-1)
        assert found.nats[x].item() == pytest.approx(w @ kl, abs=1e-12)
        assert (found.nats + found.gap)[x].item() == pytest.approx(kl.max(), abs=1e-12)
        even = (p * np.log(p / p.mean(0))).sum(-1).mean()
        assert found.information[x].item() == pytest.approx(even, abs=1e-12)


@settings(deadline=None, max_examples=60)
@given(
    m=st.integers(1, 9),
    v=st.integers(2, 30),
    seed=st.integers(0, 10_000),
    spread=st.floats(0.001, 12),
)
def test_bounds(m: int, v: int, seed: int, spread: float) -> None:
    logp = _random(m, 2, v, seed, spread)
    found = capacities(logp)
    assert (found.gap <= 1e-3).all()
    assert (found.information <= found.nats + 1e-12).all()
    assert (found.nats <= math.log(min(m, v)) + 1e-9).all()
    assert (found.weights >= 0).all()
    assert torch.allclose(found.weights.sum(-1), torch.ones(2, dtype=torch.float64))


@settings(deadline=None, max_examples=30)
@given(seed=st.integers(0, 10_000), spread=st.floats(0.01, 6))
def test_capacity_grows_with_members_and_ignores_token_order(seed: int, spread: float) -> None:
    logp = _random(6, 3, 12, seed, spread)
    before = capacities(logp[:1])
    for m in range(2, 7):
        now = capacities(logp[:m])
        assert (now.nats + now.gap >= before.nats).all()
        before = now
    renamed = logp[..., torch.randperm(12, generator=torch.Generator().manual_seed(seed))]
    assert torch.allclose(capacities(renamed).nats, before.nats, atol=1e-10)
    twice = capacities(torch.cat([logp, logp]))
    assert ((twice.nats - before.nats).abs() <= 1e-3).all()


def test_a_redundant_member_gets_no_weight() -> None:
    middle = [0.5, 0.5]
    found = capacities(_laws([0.9, 0.1], middle, [0.1, 0.9]), tolerance=1e-7)
    assert found.weights[0].tolist() == pytest.approx([0.5, 0, 0.5], abs=1e-5)


@pytest.mark.parametrize("spread", [0.05, 0.3])
def test_acceleration_saves_iterations_for_similar_members(spread: float) -> None:
    logp = _random(16, 8, 200, 3, spread)
    found = capacities(logp, tolerance=1e-4)
    plain = sum(_plain(logp[:, x], 1e-4)[2] for x in range(8))
    assert found.iterations.sum() * 5 < plain


def test_positions_at_the_iteration_limit_keep_their_gap() -> None:
    logp = _random(12, 4, 50, 4)
    found = capacities(logp, tolerance=1e-9, max_iterations=3)
    assert (found.iterations == 3).all()
    assert (found.gap > 1e-9).all()
    exact = capacities(logp, tolerance=1e-9)
    assert (found.nats <= exact.nats).all()
    assert (found.nats + found.gap >= exact.nats).all()


def test_one_mixture_for_all_positions() -> None:
    logp = _random(5, 30, 20, 5)
    whole = shared_capacity(lambda: iter([logp]), tolerance=1e-5)
    parts = shared_capacity(lambda: iter(logp.split([1, 12, 17], dim=1)), tolerance=1e-5)
    assert parts.nats.item() == pytest.approx(whole.nats.item(), abs=1e-12)
    assert whole.gap.item() <= 1e-5
    assert whole.weights.shape == (1, 5)
    each = capacities(logp, tolerance=1e-5)
    assert each.information.mean().item() == pytest.approx(whole.information.item())
    assert whole.information <= whole.nats <= each.nats.mean() + 1e-5
    p, w = logp.double().softmax(-1).numpy(), whole.weights[0].numpy()
    kl = (p * np.log(p / np.einsum("m,mnv->nv", w, p))).sum(-1).mean(-1)
    assert whole.nats.item() == pytest.approx(w @ kl, abs=1e-12)
    assert (whole.nats + whole.gap).item() == pytest.approx(kl.max(), abs=1e-12)
    one = shared_capacity(lambda: [logp[:, :1]], tolerance=1e-5)
    assert one.nats.item() == pytest.approx(each.nats[0].item(), abs=1e-5)
    at = information_at(logp, whole.weights[0])
    assert at.mean().item() == pytest.approx(whole.nats.item(), abs=1e-12)
    assert (at <= each.nats + each.gap).all()


@settings(deadline=None, max_examples=30)
@given(m=st.integers(1, 9), seed=st.integers(0, 999), spread=st.floats(0.001, 12))
def test_one_mixture_is_certified_after_few_passes(m: int, seed: int, spread: float) -> None:
    logp = _random(m, 7, 11, seed, spread)
    found = shared_capacity(lambda: [logp], tolerance=1e-5)
    assert found.gap.item() <= 1e-5
    assert found.information.item() <= found.nats.item() + 1e-12
    assert found.nats.item() <= math.log(min(m, 11)) + 1e-12
    assert found.iterations.item() <= 15


def test_one_mixture_of_certain_members() -> None:
    """Laws with little in common, where a quadratic is a poor guide."""
    sure = torch.full((5, 6, 7), -200.0)
    for member in range(5):
        for x in range(6):
            sure[member, x, (member * x) % 7] = 0
    found = shared_capacity(lambda: [sure], tolerance=1e-6)
    assert found.gap.item() <= 1e-6
    # At the first position all say the same, at each other one they say five tokens.
    assert found.nats.item() == pytest.approx(5 / 6 * math.log(5), abs=1e-5)


def test_shared_capacity_is_below_the_mean_capacity() -> None:
    """Three positions, at each another one of three members stands out."""
    a, b = [0.9, 0.1], [0.1, 0.9]
    logp = torch.tensor([[b, a, a], [a, b, a], [a, a, b]], dtype=torch.float64).log()
    each, shared = capacities(logp, 1e-6), shared_capacity(lambda: [logp], 1e-6)
    assert (each.nats - shared.nats).min() > 0.03


def test_rejects_values_that_are_no_log_probabilities() -> None:
    with pytest.raises(ValueError, match="members, positions, vocabulary"):
        capacities(torch.zeros(3, 4))
    with pytest.raises(ValueError, match="tolerance"):
        capacities(_random(2, 2, 3, 0), tolerance=0)
    with pytest.raises(ValueError, match="NaN"):
        capacities(torch.full((2, 1, 3), torch.nan))
    with pytest.raises(ValueError, match="at least one position"):
        shared_capacity(lambda: [])
