"""Members window by window, their calibration, and positions with their tokens."""

import math

import numpy as np
import pytest
import torch

from manymasks.config.analyses import Statistics
from manymasks.divergence import calibration
from manymasks.divergence.calibration import calibration_rows, item_rows, item_sums
from manymasks.divergence.grouping import summed
from manymasks.divergence.position_examples import CONTEXT, position_rows, prediction_rows
from manymasks.divergence.position_sample import sampled_positions
from manymasks.statistics.model_classes import Member

STATISTICS = Statistics(resamples=200)


def _members(m: int) -> list[Member]:
    return [Member(f"m{i}", "c/s/v", "c", "s", "v", i, 0) for i in range(m)]


def _logp(m: int, w: int, s: int, v: int, seed: int) -> torch.Tensor:
    generator = torch.Generator().manual_seed(seed)
    return (2 * torch.randn(m, w, s, v, generator=generator)).log_softmax(-1)


def _targets(w: int, s: int, v: int) -> torch.Tensor:
    return torch.randint(v, (w, s), generator=torch.Generator().manual_seed(99))


def _decode(ids: np.ndarray) -> str:
    return " ".join(map(str, ids.tolist()))


@pytest.mark.parametrize("block", [1, 300, 1 << 20])
def test_items_agree_with_a_naive_loop(block: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(calibration.BLOCK_ELEMENTS, "cpu", block)
    m, w, s, v, bins = 3, 4, 5, 11, 4
    logp, targets = _logp(m, w, s, v, 0), _targets(w, s, v)
    sums = item_sums(logp, targets, bins)
    rows = item_rows(sums, _members(m), ["a", "b", "a", "c"])
    assert [(row["item"], row["document"], row["model"]) for row in rows[:4]] == [
        (0, "a", "m0"), (0, "a", "m1"), (0, "a", "m2"), (1, "b", "m0")
    ]  # fmt: skip
    log, y = logp.double().numpy(), targets.numpy()
    for row in rows:
        k, i = row["item"], int(row["model"][1])
        of = log[i, k]
        ranked = np.sort(of, -1)[:, ::-1]
        true = of[np.arange(s), y[k]]
        by_rank = [1 + list(np.argsort(-of[t])).index(y[k, t]) for t in range(s)]
        assert row["nats"] == pytest.approx(-true.mean(), rel=1e-6)
        assert row["entropy"] == pytest.approx(-(np.exp(of) * of).sum(-1).mean(), rel=1e-5)
        assert row["top1"] == pytest.approx((of.argmax(-1) == y[k]).mean())
        assert row["margin"] == pytest.approx((ranked[:, 0] - ranked[:, 1]).mean(), rel=1e-5)
        assert row["rank"] == pytest.approx(np.mean(by_rank))
        assert row["tokens"] == s
    best = np.exp(log.max(-1))
    which = np.minimum((best * bins).astype(int), bins - 1)
    right = log.argmax(-1) == y
    for k in range(w):
        for i in range(m):
            for b in range(bins):
                inside = which[i, k] == b
                assert sums.count[k, i, b] == inside.sum()
                assert sums.right[k, i, b] == (inside & right[i, k]).sum()
                total = best[i, k][inside].sum()
                assert sums.confidence[k, i, b] == pytest.approx(total, abs=1e-6)


def test_parts_of_windows_add_up_to_windows() -> None:
    logp, targets = _logp(2, 3, 6, 9, 1), _targets(3, 6, 9)
    whole = item_sums(logp, targets, 5)
    parts = [
        item_sums(logp[:, w : w + 1, half], targets[w : w + 1, half], 5)
        for w in range(3)
        for half in (slice(0, 2), slice(2, 6))
    ]
    joined = summed(parts, np.repeat(np.arange(3), 2))
    for name in ("nats", "entropy", "top1", "margin", "rank", "count", "confidence", "right"):
        assert getattr(joined, name) == pytest.approx(getattr(whole, name), rel=1e-6), name
    assert joined.tokens.tolist() == whole.tokens.tolist() == [6, 6, 6]
    with pytest.raises(ValueError, match="owner"):
        summed(parts, np.arange(3))
    with pytest.raises(ValueError, match="unit"):
        summed([], np.arange(3))


def test_the_first_of_equals_is_ranked_first_and_a_sure_member_is_in_the_last_bin() -> None:
    even = torch.full((4,), -math.log(4.0))
    sure = torch.tensor([0.0, -200.0, -200.0, -200.0])
    logp = torch.stack([even, sure])[:, None, None]
    sums = item_sums(logp, torch.tensor([[1]]), 10)
    assert sums.rank[0].tolist() == [1, 2]
    assert sums.top1[0].tolist() == [0, 0]
    assert sums.margin[0].tolist() == [0, 200]
    assert sums.count[0].argmax(-1).tolist() == [2, 9]
    with pytest.raises(ValueError, match="finite"):
        item_sums(torch.full((1, 1, 1, 4), torch.nan), torch.tensor([[1]]), 10)


def test_a_calibrated_member_lies_on_the_diagonal() -> None:
    w, s = 60, 50
    generator = torch.Generator().manual_seed(3)
    sure = torch.rand(w, s, generator=generator) * 0.5 + 0.5
    logp = torch.stack([sure, 1 - sure], -1).log()[None]
    targets = (torch.rand(w, s, generator=generator) > sure).long()
    sums = item_sums(logp, targets, 10)
    rows = calibration_rows(sums, _members(1), np.arange(w) // 2, STATISTICS)
    assert [row["bin"] for row in rows] == [5, 6, 7, 8, 9]
    assert sum(row["tokens"] for row in rows) == w * s
    for row in rows:
        assert row["bin"] / 10 <= row["confidence"] <= row["bin"] / 10 + 0.1
        assert row["low"] <= row["accuracy"] <= row["high"]
        assert abs(row["accuracy"] - row["confidence"]) < 0.06
        assert row["documents"] == 30


def test_a_bin_with_one_document_has_no_interval() -> None:
    logp = torch.tensor([[0.95, 0.05], [0.6, 0.4], [0.6, 0.4]]).log()[None, :, None]
    sums = item_sums(logp, torch.tensor([[0], [0], [1]]), 10)
    low, high = calibration_rows(sums, _members(1), np.array([0, 1, 2]), STATISTICS)
    assert (low["bin"], low["documents"], low["accuracy"]) == (6, 2, 0.5)
    assert 0 < low["low"] < 0.01
    assert 0.99 < low["high"] < 1
    assert (high["bin"], high["documents"], high["accuracy"]) == (9, 1, 1)
    assert high["low"] is high["high"] is None


def test_positions_agree_with_naive_sums_and_carry_their_tokens() -> None:
    m, windows, length, scored, v = 4, 5, 40, 6, 13
    tokens = np.random.default_rng(0).integers(v, size=(windows, length + 1))
    logp = _logp(m, windows, scored, v, 4)
    positions = sampled_positions(windows, scored, 7, 3)
    documents = [f"d{w}" for w in range(windows)]
    of_positions = logp.flatten(1, 2)[:, positions]
    rows = position_rows(of_positions, tokens, scored, positions, documents, _decode)
    log = logp.double().log_softmax(-1).numpy()
    for row, window, place in zip(rows, *divmod(positions, scored), strict=True):
        of = log[:, window, place]
        p = np.exp(of)
        mean = p.mean(0)
        kl = [(p[i] * (of[i] - of[j])).sum() for i in range(m) for j in range(m) if i != j]
        entropy = -(mean * np.log(mean)).sum()
        true = tokens[window, length + 1 - scored + place]
        assert row["item"] == window
        assert row["document"] == f"d{window}"
        assert row["position"] == length + 1 - scored + place
        assert row["token"] == str(true)
        assert row["context"] == _decode(tokens[window, row["position"] - 24 : row["position"]])
        assert len(row["context"].split()) == CONTEXT
        assert row["kl"] == pytest.approx(np.mean(kl), rel=1e-9)
        assert row["entropy"] == pytest.approx(entropy, rel=1e-9)
        assert row["information"] == pytest.approx(entropy + (p * of).sum(-1).mean(), rel=1e-9)
        assert row["nats"] == pytest.approx(-of[:, true].mean(), rel=1e-9)
        assert row["distinct_top1"] == len(set(of.argmax(-1).tolist()))
        assert row["models"] == m


def test_predictions_of_each_member_are_those_of_its_law() -> None:
    laws = torch.tensor([[0.1, 0.6, 0.3], [0.6, 0.1, 0.3]]).log()[:, None]
    rows = prediction_rows(laws, np.array([[5, 2]]), 1, np.array([0]), lambda ids: f"t{ids[0]}")
    assert [(row["model"], row["item"], row["position"]) for row in rows] == [(0, 0, 1), (1, 0, 1)]
    assert [row["first_token"] for row in rows] == ["t1", "t0"]
    assert [row["p_first"] for row in rows] == pytest.approx([0.6, 0.6])
    assert [row["log_p"] for row in rows] == pytest.approx([np.log(0.3)] * 2)


def test_first_ranked_tokens_are_listed_by_frequency() -> None:
    laws = torch.tensor([[0.1, 0.6, 0.3], [0.6, 0.1, 0.3], [0.2, 0.7, 0.1]]).log()[:, None]
    one = np.array([0])
    (row,) = position_rows(laws, np.array([[5, 2]]), 1, one, ["d"], lambda ids: f'<"{ids[0]}>')
    assert row["first_tokens"] == r'"<\"1>" 2, "<\"0>" 1'
    assert row["distinct_top1"] == 2
    assert row["context"] == '<"5>'
    (alone,) = position_rows(laws[:1], np.array([[5, 2]]), 1, one, ["d"], lambda ids: "")
    assert alone["kl"] is None
    assert alone["information"] == pytest.approx(0, abs=1e-12)
