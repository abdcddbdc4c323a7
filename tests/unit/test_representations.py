"""Similarity of representations against loops and definitions, and against chance."""

from itertools import permutations
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st
from scipy.stats import ortho_group

from kit import diagonal
from manymasks.config.analyses import Representation, Statistics
from manymasks.divergence.representations import (
    alignment,
    calibrated,
    chance,
    matched_tokens,
    matchings,
    neighbourhood,
    representation_rows,
    similarities,
)
from manymasks.statistics.jackknife import pair_mean
from manymasks.statistics.model_classes import Member

K = 5


def noise(seed: int, tokens: int = 30, width: int = 8) -> Any:
    return np.random.default_rng(seed).normal(size=(tokens, width))


def cka(x: Any, y: Any) -> float:
    return float((alignment(x) * alignment(y)).sum())


def knn(x: Any, y: Any, k: int = K) -> float:
    return float((neighbourhood(x, k) * neighbourhood(y, k)).sum())


# ------------------------------------------------------------------------------------- measures


def unbiased_hsic(x: Any, y: Any) -> float:
    """Equation 5 of Song et al. (2012)."""
    n = len(x)
    k, m = x @ x.T, y @ y.T
    np.fill_diagonal(k, 0)
    np.fill_diagonal(m, 0)
    ones = np.ones(n)
    total = (ones @ k @ ones) * (ones @ m @ ones) / ((n - 1) * (n - 2))
    return float((np.trace(k @ m) + total - 2 / (n - 2) * (ones @ k @ m @ ones)) / (n * (n - 3)))


def hsic_of_quadruples(x: Any, y: Any) -> float:
    """The mean over four different tokens that it estimates."""
    k, m = x @ x.T, y @ y.T
    terms = [
        k[i, j] * (m[i, j] + m[q, r] - 2 * m[i, q]) for i, j, q, r in permutations(range(len(x)), 4)
    ]
    return float(np.mean(terms))


def test_alignment_agrees_with_the_unbiased_hsic() -> None:
    x, y = noise(0, 7, 3), noise(1, 7, 5)
    assert unbiased_hsic(x, y) == pytest.approx(hsic_of_quadruples(x, y), rel=1e-12)
    y += np.pad(x, ((0, 0), (0, 2)))
    expected = unbiased_hsic(x, y) / np.sqrt(unbiased_hsic(x, x) * unbiased_hsic(y, y))
    assert cka(x, y) == pytest.approx(expected, rel=1e-12)
    assert abs(expected) > 0.05
    # A mean that is large against what varies is no matter.
    assert cka(x + 1e5, y) == pytest.approx(expected, rel=1e-6)


def test_mutual_neighbours_agree_with_a_loop() -> None:
    x, y = noise(0, 25, 3), noise(1, 25, 4)
    y[:, :3] += 2 * x

    def nearest(rows: Any, i: int) -> set[int]:
        unit = rows / np.linalg.norm(rows, axis=1, keepdims=True)
        order = sorted((j for j in range(len(rows)) if j != i), key=lambda j: -unit[i] @ unit[j])
        return set(order[:K])

    shared = [len(nearest(x, i) & nearest(y, i)) / K for i in range(25)]
    assert knn(x, y) == pytest.approx(np.mean(shared), rel=1e-12)
    assert 0.3 < np.mean(shared) < 1


def test_tied_neighbours_share_the_weight() -> None:
    # Token 0 has one nearer neighbour and three that are alike, for two places.
    x = np.array([[1, 0], [1, 0.01], [1, 1], [1, 1], [2, 2], [-1, 0]], dtype=float)
    row = neighbourhood(x, 2)[0]
    np.testing.assert_allclose(row[1:] / row[1], [1, 1 / 3, 1 / 3, 1 / 3, 0], atol=1e-9)
    assert knn(x, x, 2) == pytest.approx(1)
    # In whatever order the tokens stand.
    order = np.random.default_rng(0).permutation(6)
    np.testing.assert_allclose(neighbourhood(x[order], 2), neighbourhood(x, 2)[order][:, order])


@hypothesis_settings(max_examples=30, deadline=None)
@given(st.integers(0, 10**6), st.floats(1e-3, 1e3))
def test_alignment_is_invariant_to_rotation_and_scale(seed: int, scale: float) -> None:
    x, y = noise(seed, 20, 6), noise(seed + 1, 20, 3)
    x[:, :3] += y
    turn = ortho_group.rvs(6, random_state=seed)
    for measure in (cka, knn):
        assert measure(scale * x @ turn, y) == pytest.approx(measure(x, y), abs=1e-9)
        assert measure(scale * x @ turn, x) == pytest.approx(1, abs=1e-9)
        assert measure(x, y) == pytest.approx(measure(y, x), abs=1e-12)
        assert -1 - 1e-12 <= measure(x, y) <= 1 + 1e-12
    assert cka(x + 3, y) == pytest.approx(cka(x, y), abs=1e-9)


def test_constant_representations_have_no_alignment() -> None:
    assert np.isnan(alignment(np.ones((6, 3)))).all()


# --------------------------------------------------------------------------------------- chance


def test_all_pairs_at_once_agree_with_one_pair_at_a_time(monkeypatch: pytest.MonkeyPatch) -> None:
    streams = [noise(i, 12, 4 + i) for i in range(3)]
    orders = matchings(12, 9, seed=1)
    assert [sorted(order) for order in orders.tolist()] == [list(range(12))] * 9
    monkeypatch.setattr("manymasks.divergence.representations.ELEMENTS", 300)
    for matrix_of, measure in ((alignment, cka), (lambda x: neighbourhood(x, K), knn)):
        matrices = np.stack([matrix_of(stream) for stream in streams])  # type: ignore[operator]
        values, null = similarities(matrices), chance(matrices, orders)
        assert np.isnan(null[:, range(3), range(3)]).all()
        for a in range(3):
            for b in range(a + 1, 3):
                assert values[a, b] == pytest.approx(measure(streams[a], streams[b]))
                expected = [measure(streams[a], streams[b][order]) for order in orders]
                np.testing.assert_allclose(null[:, a, b], expected, atol=1e-12)
                np.testing.assert_array_equal(null[:, a, b], null[:, b, a])


def biased_cka(x: Any, y: Any) -> float:
    x, y = x - x.mean(axis=0), y - y.mean(axis=0)
    return float(np.linalg.norm(x.T @ y) ** 2 / (np.linalg.norm(x.T @ x) * np.linalg.norm(y.T @ y)))


@pytest.mark.parametrize("width", [4, 256])
def test_independent_noise_has_chance_similarity(width: int) -> None:
    tokens, pairs = 40, 60
    orders = matchings(tokens, 99, seed=0)
    for matrix_of in (alignment, lambda x: neighbourhood(x, K)):
        found, p = [], []
        for pair in range(pairs):
            streams = [noise(1000 * i + pair, tokens, width) for i in range(2)]
            matrices = np.stack([matrix_of(stream) for stream in streams])  # type: ignore[operator]
            value = similarities(matrices)[0, 1]
            null = chance(matrices, orders)[:, 0, 1]
            found.append((value, calibrated(value, np.quantile(null, 0.95))))
            p.append((1 + (null >= value - 1e-12).sum()) / 100)
        values, scores = np.array(found).T
        expected = 0 if matrix_of is alignment else K / (tokens - 1)
        assert values.mean() == pytest.approx(expected, abs=4 * values.std() / pairs**0.5)
        # One in twenty is above what chance reaches in 95%.
        assert (scores > 0).mean() <= 0.15
        assert scores.mean() < 0.005
        assert 0.35 < np.mean(p) < 0.65
        assert 0 < (np.array(p) < 0.25).mean() < 0.5
    # What the biased kind makes of the same noise is a matter of its width.
    inflated = biased_cka(noise(0, tokens, width), noise(1000, tokens, width))
    assert inflated == pytest.approx({4: 0.1, 256: 0.87}[width], abs=0.1)


def test_calibrated_by_hand() -> None:
    found = calibrated(np.array([1.0, 0.6, 0.1]), np.array([0.3, 0.2, 0.2]))
    np.testing.assert_allclose(found, [1, 0.5, 0])


# ---------------------------------------------------------------------------------------- tokens


@pytest.mark.parametrize(("windows", "positions", "tokens"), [(5, 7, 12), (3, 4, 12), (9, 6, 4)])
def test_tokens_are_drawn_evenly(windows: int, positions: int, tokens: int) -> None:
    rows, columns = matched_tokens(windows, positions, tokens, seed=3)
    places = list(zip(rows.tolist(), columns.tolist(), strict=True))
    assert places == sorted(set(places))
    assert len(places) == tokens
    counts = np.bincount(rows, minlength=windows)
    assert counts.max() - counts.min() <= 1
    assert columns.max() < positions
    again, other = (matched_tokens(windows, positions, tokens, seed) for seed in (3, 4))
    np.testing.assert_array_equal(again, [rows, columns])
    if tokens < windows * positions:
        assert not np.array_equal(other, again)
    with pytest.raises(ValueError, match="have no 100 tokens"):
        matched_tokens(windows, positions, 100, seed=0)


# ------------------------------------------------------------------------------------------ rows


def made() -> tuple[list[Any], list[Any], list[Member]]:
    """Two sizes of two and three layers, two variants of the smaller; seeds share what text is."""
    text = noise(99, 40, 6)
    members, streams = [], []
    for size, layers, width in (("small", 2, 8), ("large", 3, 16)):
        for variant in ("causal", "myopic") if size == "small" else ("causal",):
            for seed in range(3):
                label = f"c/{size}/{variant}"
                key = f"{9 - len(members)}{label}"
                members.append(Member(key, label, "c", size, variant, seed, 0))
                own = [noise(len(members) * 10 + level, 40, width) for level in range(layers + 1)]
                for level, stream in enumerate(own):
                    stream[:, :6] += (3 - level) * text
                streams.append([stream.astype(np.float32) for stream in own])
    again = [[stream + np.float32(1e-4) * stream**2 for stream in own] for own in streams]
    return streams, again, members


def test_rows_are_those_of_each_pair() -> None:
    streams, again, members = made()
    settings = Representation(tokens=40, neighbours=K, permutations=50)
    seen: list[Any] = []
    tables = representation_rows(
        streams, again, members, 7, settings, Statistics(), lambda *done: seen.append(done)
    )
    assert seen == [(i, 5) for i in range(5)]
    pairs, pools = tables["representation_similarity"], tables["representation_pool"]
    grain = ("layer", "model_a", "model_b", "measure")
    by_pair = {tuple(row[name] for name in grain): row for row in pairs}
    assert len(by_pair) == len(pairs)
    place = {member.model: i for i, member in enumerate(members)}
    layers: dict[tuple[int, ...], set[int]] = {}
    for layer, model_a, model_b, measure in by_pair:
        assert model_a < model_b
        a, b = streams[place[model_a]], streams[place[model_b]]
        depths = tuple(sorted((len(a) - 1, len(b) - 1)))
        layers.setdefault(depths, set()).add(layer)
        one, two = (own[-1] if layer == max(depths) else own[layer] for own in (a, b))
        row = by_pair[layer, model_a, model_b, measure]
        expected = (cka if measure == "cka" else knn)(one, two)
        assert row["value"] == pytest.approx(expected, abs=1e-9)
        assert row["null_mean"] < row["null_high"] < 1
        assert 1 / 51 <= row["p"] <= 1
        assert (row["p"] <= 0.05) == (row["calibrated"] > 0)
        assert (row["tokens"], row["documents"]) == (40, 7)
    # Others than as deep are compared at both ends.
    assert layers == {(2, 2): {0, 1, 2}, (3, 3): {0, 1, 2, 3}, (2, 3): {0, 3}}
    text = [row["calibrated"] for row in pairs if row["layer"] == 0]
    assert min(text) > 0.2

    grain = ("layer", "pool", "other", "measure")
    by_pool = {tuple(row[name] for name in grain): row for row in pools}
    assert len(by_pool) == len(pools) == 2 * (3 + 3 + 4 + 3 + 2 + 2)
    first = [i for i, member in enumerate(members) if member.model_class == "c/small/causal"]
    scores = np.zeros((3, 3))
    for a in range(3):
        for b in range(3):
            if a != b:
                key = sorted((members[first[a]].model, members[first[b]].model))
                scores[a, b] = by_pair[1, key[0], key[1], "cka"]["calibrated"]
    of = pair_mean(scores, diagonal(3))
    row = by_pool[1, "c/small/causal", "c/small/causal", "cka"]
    assert row["calibrated"] == pytest.approx(of.estimate)
    assert 0 <= row["low"] <= row["calibrated"] <= row["high"]
    assert row["models"] == 3
    floors = [1 - cka(streams[i][1], again[i][1]) for i in first]
    assert row["floor"] == pytest.approx(np.mean(floors), abs=1e-9)
    assert 0 < row["floor"] < 1e-4
    across = by_pool[0, "c/small/causal", "c/small/myopic", "cka"]
    assert across["models"] == 6
    # The three pairs that share both seeds are left out.
    unlike = [
        by_pair[0, *sorted((members[a].model, members[b].model)), "cka"]["value"]
        for a in first
        for b in range(3, 6)
        if members[a].seeds != members[b].seeds
    ]
    assert len(unlike) == 6
    assert across["value"] == pytest.approx(np.mean(unlike))


def test_a_class_of_one_has_no_row_and_unknown_values_are_null() -> None:
    streams, again, members = made()
    for own in (*streams, *again):
        own[0] = np.ones_like(own[0])
    settings = Representation(tokens=40, neighbours=K, permutations=19)
    kept = [0, 3, 4]
    tables = representation_rows(
        [streams[i] for i in kept],
        [again[i] for i in kept],
        [members[i] for i in kept],
        7,
        settings,
        Statistics(),
    )
    pools = {(row["pool"], row["other"]) for row in tables["representation_pool"]}
    small = "c/small/causal", "c/small/myopic"
    assert pools == {(small[1], small[1]), small}
    for row in tables["representation_similarity"]:
        if row["layer"] == 0 and row["measure"] == "cka":
            assert [row[name] for name in ("value", "null_high", "calibrated", "p")] == [None] * 4
    with pytest.raises(ValueError, match="must be of one corpus"):
        representation_rows([], [], [], 0, settings, Statistics())
