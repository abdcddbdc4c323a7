"""Witnesses: exhaustive maxima against brute force, the search, and what members share."""

import itertools
import math

import numpy as np
import pytest
import torch
from test_universal_bounds import layer_of, member

from manymasks.arrays import Floats, Ints
from manymasks.config.training import Size
from manymasks.models.kv_cache import CachedTransformer
from manymasks.models.transformer import Transformer
from manymasks.universal.ball import ball_maxima
from manymasks.universal.certificate import bounds_of_points
from manymasks.universal.elites import Elites, log_p_after, offer_windows
from manymasks.universal.prefix_search import search_prefixes
from manymasks.universal.proof_sharing import (
    ProvedMember,
    statement_rows,
    transfer_pairs,
    transfer_row,
    transferred_bounds,
)
from manymasks.universal.short_prefixes import exhausted_length, offer_short_prefixes
from manymasks.universal.universal_tables import witness_rows

VOCABULARY = 11
LEARNED = Size(width=8, layers=1, heads=2, positions="learned", embedding_sd=1.0)


def all_prefixes(length: int) -> Ints:
    return np.array(list(itertools.product(range(VOCABULARY), repeat=length)), np.int64)


def brute_force(model: Transformer, longest: int) -> Floats:
    """ln P of every token after its best prefix of up to a length, by a pass of every prefix."""
    best = np.full(VOCABULARY, -np.inf)
    for length in range(1, longest + 1):
        logits = model(torch.from_numpy(all_prefixes(length))[None])[0][:, -1].double()
        best = np.maximum(best, torch.log_softmax(logits, -1).amax(0).numpy())
    return best


def bounds_of(model: Transformer) -> ProvedMember:
    layer = layer_of(model)
    points = ball_maxima(layer, tolerance=1e-4, limit=500).points
    bounds = bounds_of_points(layer, points).float32
    elites = Elites.empty(VOCABULARY)
    offer_short_prefixes(model, 2, elites)
    return ProvedMember(layer, points, bounds, elites.log_p)


@pytest.mark.parametrize("longest", [1, 2, 3])
@pytest.mark.parametrize("size", [None, LEARNED])
def test_exhaustive_maxima_agree_with_brute_force(longest: int, size: Size | None) -> None:
    model = member(7, size=size)
    elites = Elites.empty(VOCABULARY)
    seen: list[int] = []
    offer_short_prefixes(model, longest, elites, report=lambda done, total: seen.append(done))
    np.testing.assert_allclose(elites.log_p, brute_force(model, longest), atol=2e-6)
    assert seen[-1] == VOCABULARY ** (longest - 1)
    # A prefix gives what is said of it.
    again = log_p_after(model, elites.prefixes, np.arange(VOCABULARY), 4)
    np.testing.assert_allclose(again, elites.log_p, atol=2e-6)
    assert {prefix.size for prefix in elites.prefixes} <= set(range(1, longest + 1))


def test_exhaustive_maxima_are_below_the_bounds_and_above_those_of_shorter_prefixes() -> None:
    for seed in range(5):
        model = member(seed, scale=40)
        proved = bounds_of(model)
        shorter = brute_force(model, 1)
        assert (proved.best <= proved.bounds).all()
        assert (proved.best >= shorter - 2e-6).all()


@pytest.mark.parametrize(
    ("vocabulary", "most", "context", "length"),
    [(1024, 10_000, 128, 1), (1024, 1 << 20, 128, 2), (10, 1000, 128, 3), (10, 999, 128, 2),
     (512, 100, 9, 0), (2, 1 << 20, 5, 5)],
)  # fmt: skip
def test_the_length_follows_from_the_number(
    vocabulary: int, most: int, context: int, length: int
) -> None:
    assert exhausted_length(vocabulary, most, context) == length


def test_branches_of_one_past_are_the_texts_themselves() -> None:
    model = member(3, size=Size(width=16, layers=2, heads=2, embedding_sd=1.0))
    starts = torch.tensor([[1, 2], [3, 4], [5, 6]])
    cached = CachedTransformer(model, 3, 4)
    cached.read(starts)
    ends = torch.arange(4).repeat(3)[:, None]
    branches = cached.repeated(4)
    read = branches.read(ends)
    whole = torch.cat([starts.repeat_interleave(4, 0), ends], 1)
    torch.testing.assert_close(read, model(whole[None])[0][:, -1], atol=1e-4, rtol=1e-4)
    # The original goes on as before.
    after = cached.read(torch.tensor([[7], [8], [9]]))
    expected = model(torch.cat([starts, torch.tensor([[7], [8], [9]])], 1)[None])[0][:, -1]
    torch.testing.assert_close(after, expected, atol=1e-4, rtol=1e-4)


def test_windows_offer_each_of_their_prefixes() -> None:
    model = member(2)
    windows = np.random.default_rng(0).integers(VOCABULARY, size=(9, 12))
    elites = Elites.empty(VOCABULARY)
    offer_windows(model, windows, 4, elites)
    log_p = torch.log_softmax(model(torch.from_numpy(windows)[None])[0].double(), -1)
    np.testing.assert_allclose(elites.log_p, log_p.amax((0, 1)).numpy(), atol=1e-6)
    for prefix in elites.prefixes:
        assert any(np.array_equal(window[: prefix.size], prefix) for window in windows)
    # A worse offer changes nothing.
    before = elites.copy()
    offer_windows(model, windows[:1], 4, elites)
    assert (elites.log_p == before.log_p).all()


def test_shared_beginnings_are_scored_as_if_alone() -> None:
    model = member(5)
    texts = ([1], [1, 2], [1, 2, 3], [4], [1, 2, 4, 4], [], [1, 2])
    prefixes = [np.array(text, np.int64) for text in texts]
    tokens = np.array([0, 1, 2, 3, 4, 5, 6])
    values = log_p_after(model, prefixes, tokens, 2)
    assert math.isnan(values[5])
    for prefix, token, value in zip(prefixes, tokens, values, strict=True):
        if prefix.size:
            logits = model(torch.from_numpy(prefix)[None, None])[0, 0, -1].double()
            assert value == pytest.approx(float(torch.log_softmax(logits, -1)[token]), abs=1e-5)


def test_the_search_improves_and_repeats() -> None:
    model = member(4, scale=30)
    layer = layer_of(model)
    bounds = bounds_of_points(layer, ball_maxima(layer, tolerance=1e-4, limit=500).points).float32
    start = Elites.empty(VOCABULARY)
    offer_short_prefixes(model, 1, start)
    runs = []
    for _ in range(2):
        elites = start.copy()
        search_prefixes(model, elites, bounds, rounds=15, candidates=32, longest=6, batch=8, seed=3)
        runs.append(elites)
    assert (runs[0].log_p == runs[1].log_p).all()
    assert (runs[0].log_p >= start.log_p).all() and (runs[0].log_p > start.log_p).any()
    assert (runs[0].log_p <= bounds).all()
    assert max(prefix.size for prefix in runs[0].prefixes) <= 6
    again = log_p_after(model, runs[0].prefixes, np.arange(VOCABULARY), 4)
    np.testing.assert_allclose(again, runs[0].log_p, atol=1e-5)


def test_a_witness_above_its_bound_is_an_error() -> None:
    elites = Elites.empty(3)
    elites.log_p[:] = [-1.0, -2.0, -np.inf]
    elites.prefixes[:2] = [np.array([2, 0]), np.array([1])]
    bounds = np.array([-0.9, -1.0, -1.0])
    rows = witness_rows("text", elites, bounds, lambda prefix: f"{prefix.size} tokens")
    assert [row["prefix_tokens"] for row in rows] == ["2 0", "1"]
    assert [row["prefix"] for row in rows] == ["2 tokens", "1 tokens"]
    with pytest.raises(ValueError, match=r"token 0 has ln P -1\.0.*the bound is wrong"):
        witness_rows("text", elites, bounds - 0.2, str)


# ----------------------------------------------------------------------------------- sharing


@pytest.fixture(scope="module")
def members() -> list[ProvedMember]:
    sizes = (None, Size(width=16, layers=1, heads=2, embedding_sd=1.0))
    return [bounds_of(member(seed, scale=25, size=size)) for size in sizes for seed in range(3)]


def test_proofs_of_others_are_valid_and_weaker(members: list[ProvedMember]) -> None:
    pairs = transfer_pairs({"a": [0, 1, 2], "b": [3, 4, 5]})
    assert len(pairs) == 14 and (0, 3) in pairs and (3, 0) in pairs and (1, 4) not in pairs
    moved, shared = transferred_bounds(members, pairs, [(0, 1, 2), (3,), ()])
    for (_, target), bounds in moved.items():
        assert (bounds >= members[target].bounds - 1e-4).all()
        assert (bounds >= members[target].best).all()
    # The mean proof of one member is its proof.
    np.testing.assert_allclose(shared[1][0], members[3].bounds, atol=1e-9)
    assert (shared[0] >= np.stack([m.bounds for m in members[:3]]) - 1e-4).all()
    assert shared[2].shape == (0, VOCABULARY)
    same, _ = transferred_bounds(members, [(0, 0)], [])
    np.testing.assert_allclose(same[0, 0], members[0].bounds, atol=1e-9)


def test_the_cost_of_a_transfer(members: list[ProvedMember]) -> None:
    source, target = members[0], members[1]
    away = source.best - 1
    away[2] = np.nan
    row = transfer_row(source, target, target.bounds + 0.3, away)
    assert row["cost_median"] == pytest.approx(0.3) == row["cost_high"]
    kept = np.delete(source.best, 2)
    assert row["witness_home"] == pytest.approx(np.median(kept))
    assert row["witness_away"] == pytest.approx(np.median(kept) - 1)
    assert row["witness_correlation"] == pytest.approx(1)


def made(bounds: list[float], best: list[float], seed: int = 0) -> ProvedMember:
    layer = layer_of(member(0))
    log = np.log
    return ProvedMember(layer, np.zeros((4, 8), np.float32), log(bounds), log(best), (seed, seed))


def test_statements_by_hand() -> None:
    """Of four tokens at 0.5: proved of both; refuted of both; contested; open."""
    a = made([0.1, 0.9, 0.4, 0.9], [0.05, 0.6, 0.2, 0.3], 0)
    b = made([0.2, 0.8, 0.9, 0.4], [0.05, 0.7, 0.8, 0.1], 1)
    shared = np.log([[0.3, 0.9, 0.9, 0.9], [0.6, 0.9, 0.9, 0.45]])
    half, all_ = statement_rows([a, b], shared, (0.5, 0.95), 0.95)
    names = ("core", "refuted", "contested", "open", "shared", "statements")
    assert [half[name] for name in names] == [1, 1, 1, 1, 0, 4]
    assert half["proved_mean"] == 0.5 and half["discrepancy"] == 0.25
    # Proved of a: 0 and 2; of b: 0 and 3.
    assert half["jaccard"] == pytest.approx(1 / 3) == half["jaccard_by_chance"]
    assert half["jaccard_low"] is None
    assert [all_[name] for name in names] == [4, 0, 0, 0, 4, 4]
    (none,) = statement_rows([a, b], shared, (0.01,), 0.95)
    assert none["jaccard"] is None and none["core"] == 0
    c = made([0.1, 0.9, 0.4, 0.9], [0.05, 0.6, 0.2, 0.3], 2)
    three = statement_rows([a, b, c], np.vstack([shared, shared[:1]]), (0.5,), 0.95)[0]
    assert three["jaccard_low"] is not None
