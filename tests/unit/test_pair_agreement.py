"""Agreement of two members beyond chance: published numbers, closed forms and naive counts."""

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from manymasks.config.analyses import Statistics
from manymasks.divergence.pair_metrics import agreements
from manymasks.divergence.pair_tables import divergence_rows
from manymasks.divergence.pairs import Sums, by_document, pair_sums
from manymasks.statistics.model_classes import Member


def _sums(logp: torch.Tensor, targets: torch.Tensor) -> Sums:
    """Sums of members (m, n, V) with true tokens (n,), a window and document each."""
    batch = pair_sums(logp[:, :, None], targets[:, None], [np.arange(len(logp))])
    return by_document([batch], np.arange(len(targets)))


def _choosing(first: list[list[int]], v: int) -> torch.Tensor:
    """Log-probabilities (m, n, V) of members that rank the given tokens first."""
    return (6.0 * torch.nn.functional.one_hot(torch.tensor(first), v)).log_softmax(-1)


def test_kappa_of_a_textbook_table() -> None:
    """Of 50 judged by two readers: 20 both yes, 15 both no, 5 and 10 otherwise: kappa 0.4."""
    a = [1] * 20 + [1] * 5 + [0] * 10 + [0] * 15
    b = [1] * 20 + [0] * 5 + [1] * 10 + [0] * 15
    found = agreements(_sums(_choosing([a, b], 2), torch.zeros(50, dtype=torch.int64)))
    assert found["kappa"][0, 1] == pytest.approx(0.4)
    assert found["kappa"][0, 0] == pytest.approx(1)


def test_counts_agree_with_a_loop_over_positions() -> None:
    generator = torch.Generator().manual_seed(0)
    common = 2 * torch.randn(1, 40, 6, generator=generator)
    logp = (common + torch.randn(3, 40, 6, generator=generator)).log_softmax(-1)
    y = torch.randint(6, (40,), generator=generator)
    found = agreements(_sums(logp, y))
    first, y = logp.argmax(-1).numpy(), y.numpy()
    p = logp.double().exp().numpy()
    for a in range(3):
        for b in range(3):
            is_a, is_b = first[a] == y, first[b] == y
            assert found["flips_ab"][a, b] == pytest.approx((is_a & ~is_b).mean())
            wrong = ~is_a & ~is_b
            same = (first[a] == first[b])[wrong].mean()
            assert found["both_wrong_agreement"][a, b] == pytest.approx(same)
            chance = sum((first[a] == v).mean() * (first[b] == v).mean() for v in range(6))
            kappa = ((first[a] == first[b]).mean() - chance) / (1 - chance)
            assert found["kappa"][a, b] == pytest.approx(kappa)
            by_chance = p[a].mean(0) @ p[b].mean(0)
            c_ab, c_aa, c_bb = ((p[i] * p[j]).sum(-1).mean() for i, j in ((a, b), (a, a), (b, b)))
            soft = (c_ab - by_chance) / (np.sqrt(c_aa * c_bb) - by_chance)
            assert found["soft_agreement"][a, b] == pytest.approx(soft, rel=1e-5)


def test_identical_members_agree_fully_at_any_entropy() -> None:
    """Both uniform over two of four tokens, other ones at each position."""
    law = torch.tensor([[0.5, 0.5, 1e-9, 1e-9], [1e-9, 1e-9, 0.5, 0.5]]).log()
    found = agreements(_sums(law.expand(2, -1, -1), torch.tensor([0, 0])))
    assert found["soft_agreement"][0, 1] == pytest.approx(1, abs=1e-5)


def test_one_law_at_all_positions_has_no_agreement_beyond_chance() -> None:
    law = torch.tensor([0.7, 0.2, 0.1]).log().expand(2, 5, 3)
    found = agreements(_sums(law, torch.zeros(5, dtype=torch.int64)))
    for name in ("kappa", "soft_agreement", "both_wrong_agreement"):
        assert np.isnan(found[name][0, 1]), name
    assert found["flips_ab"][0, 1] == 0


def test_undefined_metrics_are_null() -> None:
    law = torch.tensor([0.7, 0.2, 0.1]).log().expand(2, 5, 3)
    sums = _sums(law, torch.zeros(5, dtype=torch.int64))
    members = [Member(f"m{i}", "c/s/v", "c", "s", "v", i, i) for i in range(2)]
    rows = divergence_rows({0: sums}, {}, members, "p", "b", Statistics(resamples=100))
    (row,) = rows["pair_divergence"]
    empty = ("kappa", "soft_agreement", "both_wrong_agreement", "hidden_ratio")
    assert [row[name] for name in empty] == [None] * 4
    assert row["visible"] == 0


def test_flips_and_the_hidden_ratio_have_a_direction() -> None:
    logp = _choosing([[0, 0, 0, 1, 1], [0, 1, 1, 1, 0]], 2)
    sums = _sums(logp, torch.zeros(5, dtype=torch.int64))
    members = [Member(f"m{i}", "c/s/v", "c", "s", "v", i, i) for i in range(2)]
    rows = divergence_rows({0: sums}, {}, members, "p", "b", Statistics(resamples=100))
    (row,) = rows["pair_divergence"]
    assert row["flips_ab"] == pytest.approx(0.4)
    assert row["flips_ba"] == pytest.approx(0.2)
    # log p(y) is that of the first-ranked or 6 less; a is right once more: d is 6 twice, -6 once.
    assert row["visible"] == pytest.approx(6 / 5)
    assert row["hidden"] == pytest.approx((3 * 36 / 5 - (6 / 5) ** 2) / 2)
    assert row["hidden_ratio"] == pytest.approx(row["hidden"] / row["visible"])


@settings(max_examples=40, deadline=None)
@given(st.integers(0, 10_000), st.floats(0.05, 5))
def test_bounds(seed: int, spread: float) -> None:
    generator = torch.Generator().manual_seed(seed)
    common = 2 * torch.randn(1, 8, 5, generator=generator)
    logp = (common + spread * torch.randn(3, 8, 5, generator=generator)).log_softmax(-1)
    sums = _sums(logp, torch.randint(5, (8,), generator=generator))
    found = agreements(sums)
    kappa, soft = found["kappa"], found["soft_agreement"]
    assert np.nanmax(kappa) <= 1 + 1e-12
    assert np.nanmax(soft) <= 1 + 1e-6
    flips = found["flips_ab"]
    top1 = sums.top1.sum(0) / 8
    assert flips - flips.T == pytest.approx(top1[:, None] - top1[None, :])
    # Averaging the laws is no loss, and the mean is no better than the best of them.
    gain = sums.gain[:, 0]
    assert gain.min() >= -1e-9
    assert (gain <= sums.log_p.max(1) - sums.log_p.mean(1) + 1e-9).all()
