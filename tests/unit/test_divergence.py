"""Divergences: the fast path against a naive float64 one, closed forms, and the tables."""

import math
from dataclasses import fields
from itertools import combinations

import numpy as np
import pytest
import torch

import kit
from manymasks.config.analyses import Statistics
from manymasks.divergence.blocks import BLOCK_ELEMENTS
from manymasks.divergence.contrasts import beyond_seeds
from manymasks.divergence.pair_metrics import measure
from manymasks.divergence.pair_tables import divergence_rows, floor_means
from manymasks.divergence.pairs import (
    FloorSums,
    Sums,
    by_document,
    floor_sums,
    joined_members,
    pair_sums,
)
from manymasks.divergence.position_sample import Sampled, at_positions, sampled, sampled_positions
from manymasks.statistics.comparisons import Comparison
from manymasks.statistics.model_classes import Member, classes, seeds_of

STATISTICS = Statistics(resamples=200)
COMPARED = [field.name for field in fields(Comparison)]


def _logp(m: int, w: int, s: int, v: int, seed: int, spread: float = 1.0) -> torch.Tensor:
    generator = torch.Generator().manual_seed(seed)
    common = 2 * torch.randn(1, w, s, v, generator=generator)
    own = spread * torch.randn(m, w, s, v, generator=generator)
    return (common + own).log_softmax(-1)


def _targets(w: int, s: int, v: int) -> torch.Tensor:
    return torch.randint(v, (w, s), generator=torch.Generator().manual_seed(99))


def _laws(*laws: list[float]) -> torch.Tensor:
    """Members with one position each, (m, 1, 1, V)."""
    return torch.tensor(laws, dtype=torch.float64).log().float()[:, None, None]


def _entropy(p: np.ndarray) -> float:
    return float(-(p * np.log(p)).sum(-1).sum())


def _members(sizes: list[str], variants: list[str], inits: int, orders: int) -> list[Member]:
    return [
        Member(f"{9 - k}{size}{variant}{i}{o}", f"c/{size}/{variant}", "c", size, variant, i, o)
        for k, size in enumerate(sizes)
        for variant in variants
        for i in range(inits)
        for o in range(orders)
    ]


@pytest.mark.parametrize("block", [1, 300, 1 << 20])
def test_fast_path_agrees_with_a_naive_float64_loop(
    block: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(BLOCK_ELEMENTS, "cpu", block)
    m, w, s, v = 5, 3, 7, 13
    logp, targets = _logp(m, w, s, v, 0), _targets(w, s, v)
    pools = [np.array([0, 3, 4]), np.array([1])]
    sums = pair_sums(logp, targets, pools)
    log = logp.double().log_softmax(-1).numpy()
    p, y = np.exp(log), targets.numpy()
    true = np.take_along_axis(log, np.broadcast_to(y, (m, w, s))[..., None], -1)[..., 0]
    first = log.argmax(-1)
    assert (sums.tokens == s).all()
    for k in range(w):
        for i in range(m):
            assert sums.kl[k, i, i] == 0
            assert sums.hellinger[k, i, i] == 0
            assert sums.entropy[k, i] == pytest.approx(_entropy(p[i, k]), rel=1e-5)
            assert sums.log_p[k, i] == pytest.approx(true[i, k].sum(), rel=1e-5)
            assert sums.top1[k, i] == (first[i, k] == y[k]).sum()
            for j in range(m):
                both = (first[i, k] == y[k]) & (first[j, k] == y[k])
                assert sums.both_top1[k, i, j] == both.sum()
                soft = (p[i, k] * p[j, k]).sum()
                assert sums.soft[k, i, j] == pytest.approx(soft, rel=1e-5)
                kl = (p[i, k] * (log[i, k] - log[j, k])).sum()
                hellinger = (1 - np.sqrt(p[i, k] * p[j, k]).sum(-1)).sum()
                products = (true[i, k] * true[j, k]).sum()
                assert sums.kl[k, i, j] == pytest.approx(kl, rel=1e-4, abs=1e-6)
                assert sums.hellinger[k, i, j] == pytest.approx(hellinger, rel=1e-4, abs=1e-6)
                assert sums.agree[k, i, j] == (first[i, k] == first[j, k]).sum()
                assert sums.log_p_products[k, i, j] == pytest.approx(products, rel=1e-5)
        for g, pool in enumerate(pools):
            information = _information(p[pool, k])
            assert sums.information[k, g] == pytest.approx(information, rel=1e-4, abs=1e-5)
            assert sums.gain[k, g] == pytest.approx(_gain(true[pool, k]), rel=1e-4, abs=1e-6)
        for i in pools[0]:
            others = [j for j in pools[0] if j != i]
            rest = _information(p[others, k])
            assert sums.information_without[k, i] == pytest.approx(rest, rel=1e-4, abs=1e-5)
            assert sums.gain_without[k, i] == pytest.approx(_gain(true[others, k]), abs=1e-5)
    assert np.isnan(sums.information_without[:, [1, 2]]).all()
    assert np.isnan(sums.gain_without[:, [1, 2]]).all()
    assert sums.first == pytest.approx(
        np.stack([np.bincount(f.ravel(), minlength=v) for f in first])
    )
    assert sums.laws == pytest.approx(p.sum((1, 2)), rel=1e-5)


def _gain(log_p: np.ndarray) -> float:
    return float((np.log(np.exp(log_p).mean(0)) - log_p.mean(0)).sum())


def _information(p: np.ndarray) -> float:
    return _entropy(p.mean(0)) - sum(_entropy(law) for law in p) / len(p)


def test_near_identical_models_are_near_zero_beside_very_different_ones() -> None:
    logp = _logp(7, 2, 64, 500, 1, spread=2)
    noise = 1e-6 * torch.randn(logp.shape[1:], generator=torch.Generator().manual_seed(2))
    logp[5] = logp[0] + noise
    logp[6] = logp[0] + 3e-6  # not normalised: first order in KL unless it is corrected
    sums = pair_sums(logp, _targets(2, 64, 500), [np.array([0, 5, 6])])
    assert sums.kl[:, 0, 1].min() / 64 > 1
    near = sums.kl[:, [0, 0, 5, 6, 5, 6], [5, 6, 0, 0, 6, 5]] / 64
    assert np.abs(near).max() < 2e-7
    assert np.abs(sums.information / 64).max() < 2e-7
    off = sums.kl + np.eye(7)
    assert off.min() > -1e-6 * 64


@pytest.mark.parametrize("m", [2, 5, 24])
def test_identical_models_do_not_diverge(m: int) -> None:
    logp = _logp(1, 2, 9, 200, 3).expand(m, -1, -1, -1)
    sums = pair_sums(logp, _targets(2, 9, 200), [np.arange(m)])
    assert (np.diagonal(sums.kl, axis1=1, axis2=2) == 0).all()
    assert np.abs(sums.kl).max() < 1e-9
    assert np.abs(sums.hellinger).max() < 1e-5
    assert np.abs(sums.information).max() < 1e-5
    assert (sums.agree == 9).all()
    same = floor_sums(logp, logp, _targets(2, 9, 200))
    assert (same.kl == 0).all()
    assert (same.hellinger == 0).all()
    assert (same.difference_squares == 0).all()
    assert (same.tv == 0).all()
    assert (same.js == 0).all()


def test_two_bernoulli_laws_have_their_closed_forms() -> None:
    a, b = 0.3, 0.8
    sums = pair_sums(_laws([a, 1 - a], [b, 1 - b]), torch.tensor([[0]]), [np.arange(2)])
    kl = a * math.log(a / b) + (1 - a) * math.log((1 - a) / (1 - b))
    assert sums.kl[0, 0, 1] == pytest.approx(kl, rel=1e-5)
    affinity = math.sqrt(a * b) + math.sqrt((1 - a) * (1 - b))
    assert sums.hellinger[0, 0, 1] == pytest.approx(1 - affinity, rel=1e-5)
    assert sums.agree[0].tolist() == [[1, 0], [0, 1]]
    assert sums.log_p[0] == pytest.approx([math.log(a), math.log(b)], rel=1e-6)
    assert sums.top1[0].tolist() == [0, 1]


def test_two_point_masses_tell_ln_2() -> None:
    tiny = 1e-30
    laws = _laws([1, tiny], [tiny, 1])
    sums = pair_sums(laws, torch.tensor([[0]]), [np.arange(2)])
    assert sums.information[0, 0] == pytest.approx(math.log(2), rel=1e-5)
    assert sums.information_without[0] == pytest.approx([0, 0], abs=1e-6)
    assert sums.hellinger[0, 0, 1] == pytest.approx(1, abs=1e-6)


def test_nine_copies_beside_one_opposite_law() -> None:
    sums = pair_sums(_laws(*[[0.9, 0.1]] * 9, [0.1, 0.9]), torch.tensor([[0]]), [np.arange(10)])
    kl = 0.8 * math.log(9)
    upper = np.triu_indices(10, 1)
    assert sums.kl[0][upper].mean() == pytest.approx(9 / 45 * kl, rel=1e-5)
    mean = _entropy(np.array([0.82, 0.18])) - _entropy(np.array([0.9, 0.1]))
    assert sums.information[0, 0] == pytest.approx(mean, rel=1e-5)
    assert sums.information_without[0, 9] == pytest.approx(0, abs=1e-6)
    eight = (8 * 0.9 + 0.1) / 9
    one_less = _entropy(np.array([eight, 1 - eight])) - _entropy(np.array([0.9, 0.1]))
    assert sums.information_without[0, 0] == pytest.approx(one_less, rel=1e-5)


def test_permuting_the_vocabulary_changes_nothing() -> None:
    logp, targets = _logp(4, 2, 6, 30, 5), _targets(2, 6, 30)
    order = torch.randperm(30, generator=torch.Generator().manual_seed(6))
    one = pair_sums(logp, targets, [np.arange(4)])
    two = pair_sums(logp[..., order], order.argsort()[targets], [np.arange(4)])
    for name in ("kl", "hellinger", "agree", "log_p", "top1", "entropy", "information"):
        assert getattr(two, name) == pytest.approx(getattr(one, name), rel=1e-5, abs=1e-6)


def test_floor_is_exact_far_below_the_rounding_of_float32() -> None:
    logp = _logp(2, 3, 5, 40, 7)
    noise = 1e-4 * torch.randn(logp.shape, generator=torch.Generator().manual_seed(8))
    targets = _targets(3, 5, 40)
    floor = floor_sums(logp, logp + noise, targets)
    d = noise.double().numpy()
    p = logp.double().softmax(-1).numpy()
    d = d - (p * d).sum(-1, keepdims=True)
    second_order = 0.5 * (p * d**2).sum((-1, -2)).T
    assert floor.kl == pytest.approx(second_order, rel=0.05)
    assert floor.hellinger == pytest.approx(second_order / 4, rel=0.05)
    assert floor.js == pytest.approx(second_order / 4, rel=0.05)
    assert floor.tv == pytest.approx((p * np.abs(d)).sum((-1, -2)).T / 2, rel=0.05)
    y = np.broadcast_to(targets.numpy(), (2, 3, 5))[..., None]
    own = np.take_along_axis(d, y, -1)[..., 0]
    assert floor.difference_squares == pytest.approx(np.square(own).sum(-1).T, rel=0.05)
    assert (floor.agree == 5).all()


def test_floor_of_two_bernoulli_laws_has_its_closed_forms() -> None:
    a, b = 0.3, 0.8
    one, other = _laws([a, 1 - a]), _laws([b, 1 - b])
    floor = floor_sums(one, other, torch.tensor([[0]]))
    entropies = [_entropy(np.array([x, 1 - x])) for x in (a, b, (a + b) / 2)]
    assert floor.js[0, 0] == pytest.approx(entropies[2] - (entropies[0] + entropies[1]) / 2)
    assert floor.tv[0, 0] == pytest.approx(b - a)
    affinity = math.sqrt(a * b) + math.sqrt((1 - a) * (1 - b))
    assert floor.hellinger[0, 0] == pytest.approx(1 - affinity)
    assert floor.kl[0, 0] == pytest.approx(
        a * math.log(a / b) + (1 - a) * math.log((1 - a) / (1 - b))
    )
    assert floor.agree[0, 0] == 0
    masses = floor_sums(_laws([1, 1e-30]), _laws([1e-30, 1]), torch.tensor([[0]]))
    assert masses.js[0, 0] == pytest.approx(math.log(2))


def test_rejects_invalid_input() -> None:
    logp, targets = _logp(2, 1, 3, 5, 0), _targets(1, 3, 5)
    with pytest.raises(ValueError, match="float32"):
        pair_sums(logp.double(), targets, [])
    with pytest.raises(ValueError, match="expected log-probabilities"):
        pair_sums(logp, targets[:, :2], [])
    with pytest.raises(ValueError, match="disjoint"):
        pair_sums(logp, targets, [np.array([0, 1]), np.array([1])])
    logp[0, 0, 0, 0] = -torch.inf
    with pytest.raises(ValueError, match="finite"):
        pair_sums(logp, targets, [])
    with pytest.raises(ValueError, match="finite"):
        floor_sums(logp, logp, targets)
    torch.set_float32_matmul_precision("medium")
    try:
        with pytest.raises(RuntimeError, match="highest"):
            pair_sums(_logp(2, 1, 3, 5, 0), targets, [])
    finally:
        torch.set_float32_matmul_precision("highest")


def test_windows_add_up_by_document_over_batches() -> None:
    logp, targets = _logp(3, 5, 4, 9, 9), _targets(5, 4, 9)
    pools = [np.arange(3)]
    batches = [pair_sums(logp[:, at], targets[at], pools) for at in (slice(0, 2), slice(2, 5))]
    documents = np.array([7, 2, 7, 2, 9])
    grouped = by_document(iter(batches), documents)
    whole = pair_sums(logp, targets, pools)
    assert grouped.tokens.tolist() == [8, 8, 4]
    assert grouped.kl[1] == pytest.approx(whole.kl[[0, 2]].sum(0))
    assert grouped.information[0] == pytest.approx(whole.information[[1, 3]].sum(0))
    assert grouped.laws == pytest.approx(whole.laws, rel=1e-6)
    assert (grouped.first == whole.first).all()
    halves = [pair_sums(logp[:, :, at], targets[:, at], pools) for at in (slice(0, 1), slice(1, 4))]
    of_parts = by_document(halves, np.tile(documents, 2))
    for field in fields(Sums):
        name = field.name
        np.testing.assert_allclose(
            getattr(of_parts, name), getattr(grouped, name), rtol=1e-5, atol=1e-6
        )
    with pytest.raises(ValueError, match="each window"):
        by_document(batches, np.array([7, 2]))
    with pytest.raises(ValueError, match="each window"):
        by_document([], documents)


@pytest.fixture(scope="module")
def study() -> tuple[list[Member], dict[int, Sums], dict[int, FloorSums], dict[int, Sampled]]:
    members = _members(["small", "large"], ["causal", "myopic"], 3, 1)
    pools = list(classes(members).values())
    documents = np.repeat(np.arange(6), 2)
    positions = sampled_positions(12, 8, 30, 0)
    sums, floors, on_sample = {}, {}, {}
    for severity in (0, 1, 2):
        logp, targets = _logp(12, 12, 8, 20, severity, spread=0.3 + severity), _targets(12, 8, 20)
        sums[severity] = by_document([pair_sums(logp, targets, pools)], documents)
        floors[severity] = floor_sums(logp, logp + 1e-4 * logp.sin(), targets)
        parts = [at_positions(logp.flatten(1, 2)[:, positions])]
        on_sample[severity] = sampled(parts, documents[positions // 8], 6)
    return members, sums, floors, on_sample


def test_tables_have_the_columns_and_grains_of_the_schema(study) -> None:
    members, sums, floors, on_sample = study
    tables = divergence_rows(
        sums, floors, members, "shuffle", "batch 8 -> 3", STATISTICS, on_sample
    )
    for table, rows in tables.items():
        assert rows
        assert all(set(row) == kit.COLUMNS[table] for row in rows), table
    assert len(tables["model_probe"]) == len(tables["noise_floor"]) == 3 * 12
    assert len(tables["pair_divergence"]) == 3 * 66
    assert len(tables["pool_divergence"]) == 3 * (4 * 8 + 6 * 6)
    assert len(tables["contrast"]) == 2 * (2 + 2)
    compared = {Comparison(**{name: row[name] for name in COMPARED}) for row in tables["contrast"]}
    assert compared == {
        Comparison(claim, "c", *names, probe="shuffle", severity=severity)
        for severity in (0, 2)
        for claim, *names in (
            ("beyond_seeds", "myopic", "causal", "small"),
            ("beyond_seeds", "myopic", "causal", "large"),
            ("spread", "large", "small", "causal"),
            ("spread", "large", "small", "myopic"),
        )
    }


def test_pair_rows_are_ordered_by_key_and_consistent(study) -> None:
    members, sums, floors, on_sample = study
    tables = divergence_rows(sums, floors, members, "shuffle", "batch", STATISTICS, on_sample)
    at = {member.model: i for i, member in enumerate(members)}
    nats = {r["model"]: r["nats"] for r in tables["model_probe"] if r["severity"] == 1}
    floor = {r["model"]: r["kl"] for r in tables["noise_floor"] if r["severity"] == 1}
    total = sums[1]
    tokens = total.tokens.sum()
    for row in (r for r in tables["pair_divergence"] if r["severity"] == 1):
        a, b = row["model_a"], row["model_b"]
        assert a < b
        i, j = at[a], at[b]
        assert row["kl_ab"] == pytest.approx(total.kl[:, i, j].sum() / tokens)
        assert row["kl"] == pytest.approx((row["kl_ab"] + row["kl_ba"]) / 2)
        assert row["kl_low"] < row["kl"] < row["kl_high"]
        assert row["visible"] == pytest.approx(nats[b] - nats[a])
        assert row["kl_floor"] == pytest.approx((floor[a] + floor[b]) / 2)
        assert row["tokens"] == 96
        assert row["documents"] == 6


def test_hidden_is_half_the_variance_over_tokens() -> None:
    logp, targets = _logp(2, 6, 5, 12, 4), _targets(6, 5, 12)
    sums = by_document([pair_sums(logp, targets, [np.arange(2)])], np.arange(6))
    true = logp.double().gather(-1, targets.expand(2, -1, -1)[..., None])
    d = (true[0] - true[1]).numpy()
    assert measure(sums, STATISTICS).means["hidden"][0, 1] == pytest.approx(d.var() / 2)


def test_pool_rows_are_means_over_pairs_with_floors_and_shares(study) -> None:
    members, sums, floors, on_sample = study
    tables = divergence_rows(sums, floors, members, "shuffle", "batch", STATISTICS, on_sample)
    pools = {
        (r["pool"], r["other"], r["metric"]): r
        for r in tables["pool_divergence"]
        if r["severity"] == 2
    }
    group = {member.model: member.model_class for member in members}
    seeds = {member.model: member.seeds for member in members}
    rows = [r for r in tables["pair_divergence"] if r["severity"] == 2]
    first, other = "c/small/causal", "c/large/causal"
    for wanted, key in (({first}, (first, first)), ({first, other}, (first, other))):
        chosen = [
            r
            for r in rows
            if {group[r["model_a"]], group[r["model_b"]]} == wanted
            and seeds[r["model_a"]] != seeds[r["model_b"]]
        ]
        for metric in ("kl", "hellinger", "js", "tv", "hidden"):
            row = pools[(*key, metric)]
            assert row["value"] == pytest.approx(np.mean([r[metric] for r in chosen]))
            assert 0 <= row["low"] < row["value"] < row["high"]
        disagreement = pools[(*key, "top1_disagreement")]
        agreement = np.mean([r["top1_agreement"] for r in chosen])
        assert disagreement["value"] == pytest.approx(1 - agreement)
        assert disagreement["entropy_share"] is None
    entropy = [
        r for r in tables["model_probe"] if r["severity"] == 2 and group[r["model"]] == first
    ]
    mean = np.mean([r["entropy"] for r in entropy])
    row = pools[(first, first, "information")]
    assert row["value"] == pytest.approx(sums[2].information[:, 0].sum() / 96)
    assert row["entropy_share"] == pytest.approx(row["value"] / mean)
    assert row["floor"] == pytest.approx(floor_means(floors[2])["kl"][:3].mean() / 3)
    assert row["models"] == 3
    gain = pools[(first, first, "ensemble_gain")]
    assert gain["value"] == pytest.approx(sums[2].gain[:, 0].sum() / 96)
    assert gain["entropy_share"] == pytest.approx(gain["value"] / mean)
    assert 0 <= gain["low"] < gain["value"] < gain["high"]
    assert gain["floor"] == pytest.approx(floor_means(floors[2])["hidden"][:3].mean() / 3)
    assert pools[(first, first, "js")]["entropy_share"] is not None
    assert pools[(first, first, "tv")]["entropy_share"] is None
    assert pools[(first, first, "tv")]["floor"] > 0
    assert pools[(first, other, "kl")]["models"] == 6


def test_information_floor_is_the_second_order_value() -> None:
    base = _logp(1, 2, 30, 50, 1).expand(8, -1, -1, -1)
    noisy = base + 0.02 * torch.randn(base.shape, generator=torch.Generator().manual_seed(5))
    sums = pair_sums(noisy.log_softmax(-1), _targets(2, 30, 50), [np.arange(8)])
    upper = np.triu_indices(8, 1)
    expected = 7 / 16 * sums.kl.sum(0)[upper].mean()
    assert sums.information.sum() == pytest.approx(expected, rel=0.02)


def test_gain_floor_is_the_second_order_value() -> None:
    base = _logp(1, 2, 400, 20, 1).expand(8, -1, -1, -1)
    noisy = base + 0.02 * torch.randn(base.shape, generator=torch.Generator().manual_seed(5))
    sums = pair_sums(noisy.log_softmax(-1), _targets(2, 400, 20), [np.arange(8)])
    by_document_of = by_document([sums], np.arange(2))
    hidden = measure(by_document_of, STATISTICS).means["hidden"][np.triu_indices(8, 1)].mean()
    assert sums.gain.sum() / 800 == pytest.approx(7 / 16 * hidden, rel=0.02)


def test_small_classes_and_missing_floors_leave_nulls() -> None:
    members = _members(["s"], ["causal", "myopic"], 2, 1)[:3]
    logp, targets = _logp(3, 4, 5, 9, 0), _targets(4, 5, 9)
    pools = list(classes(members).values())
    sums = by_document([pair_sums(logp, targets, pools)], np.arange(4))
    tables = divergence_rows({0: sums}, {}, members, "held-out", "batch", STATISTICS)
    assert tables["noise_floor"] == []
    assert tables["contrast"] == []
    assert all(row["kl_floor"] is None for row in tables["pair_divergence"])
    assert not {"js", "tv", "kl_tempered", "kl_p95", "sampled"} & set(tables["pair_divergence"][0])
    assert {row["metric"] for row in tables["pool_divergence"]}.isdisjoint({"js", "tv"})
    for row in tables["pool_divergence"]:
        assert row["value"] is not None
        assert row["low"] is row["high"] is row["floor"] is None
    one = by_document([pair_sums(logp, targets, pools)], np.zeros(4, dtype=int))
    tables = divergence_rows({0: one}, {}, members, "held-out", "batch", STATISTICS)
    assert tables["model_probe"][0]["nats_low"] is None


def _kl_only(kl: np.ndarray) -> Sums:
    """Documents with given kl (D, m, m) and one token each, all else zero."""
    documents, m, _ = kl.shape
    shapes = {"log_p": m, "top1": m, "entropy": m, "information_without": m, "gain_without": m}
    shapes |= {"information": 2, "gain": 2}
    zeros = {
        field.name: np.zeros((documents, shapes[field.name]))
        if field.name in shapes
        else np.zeros((documents, m, m))
        for field in fields(Sums)
    }
    none = np.zeros((m, 3))
    return Sums(**zeros | {"tokens": np.ones(documents), "kl": kl, "first": none, "laws": none})


def test_beyond_seeds_recovers_a_shift_for_any_effect_of_seeds() -> None:
    members = _members(["s"], ["causal", "myopic"], 3, 2)
    kl = np.zeros((5, 12, 12))
    for a, b in combinations(range(12), 2):
        one, two = members[a], members[b]
        value = (
            1 - 0.3 * (one.seed_init == two.seed_init) - 0.2 * (one.seed_order == two.seed_order)
        )
        kl[:, a, b] = kl[:, b, a] = value + 0.25 * (one.variant != two.variant)
    groups = list(classes(members).values())
    seeds = seeds_of(members, groups[0])
    interval = beyond_seeds(measure(_kl_only(kl), STATISTICS), *groups, seeds, STATISTICS)
    assert interval is not None
    assert interval.estimate == pytest.approx(0.25)
    assert interval.high - interval.low < 1e-9


def test_log_ratio_between_sizes_is_recovered() -> None:
    members = _members(["small", "large"], ["causal"], 4, 1)
    kl = np.full((5, 8, 8), 0.7)
    kl[:, :4, :4], kl[:, 4:, 4:] = 0.2, 0.3
    tables = divergence_rows({0: _kl_only(kl)}, {}, members, "p", "batch", STATISTICS)
    (row,) = tables["contrast"]
    assert row["estimate"] == pytest.approx(math.log(1.5))
    assert (row["claim"], row["subject"], row["baseline"]) == ("spread", "large", "small")
    assert (row["within"], row["probe"], row["severity"]) == ("causal", "p", 0)
    assert (row["inits"], row["orders"]) == (4, 1)


def test_between_variants_leaves_out_pairs_that_share_a_seed() -> None:
    """A variant that changes nothing: across is then as within, whatever seeds share."""
    members = _members(["s"], ["causal", "myopic"], 3, 2)
    kl = np.zeros((5, 12, 12))
    for a, b in combinations(range(12), 2):
        one, two = members[a], members[b]
        shared = (one.seed_init == two.seed_init) + (one.seed_order == two.seed_order)
        kl[:, a, b] = kl[:, b, a] = 1 - 0.3 * shared
    tables = divergence_rows({0: _kl_only(kl)}, {}, members, "held-out", "batch", STATISTICS)
    found = {
        (row["pool"], row["other"]): row["value"]
        for row in tables["pool_divergence"]
        if row["metric"] == "kl"
    }
    assert found["c/s/causal", "c/s/myopic"] == pytest.approx(found["c/s/causal", "c/s/causal"])


def test_members_compared_one_by_one_agree_with_all_at_once() -> None:
    once, again = _logp(3, 4, 5, 7, seed=1), _logp(3, 4, 5, 7, seed=2)
    targets = _targets(4, 5, 7)
    together = floor_sums(once, again, targets)
    apart = joined_members(
        [floor_sums(once[i : i + 1], again[i : i + 1], targets) for i in range(3)]
    )
    for name in ("tokens", "kl", "hellinger", "agree", "difference", "difference_squares"):
        np.testing.assert_allclose(getattr(apart, name), getattr(together, name), rtol=1e-12)
