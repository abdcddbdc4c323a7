"""The order of the data: every window once an epoch, from the step alone, as if at random."""

import hashlib
from collections import Counter

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from manymasks.tokens.order import permute, starts_of_step, windows_of_step, windows_of_stream


@settings(max_examples=150)
@given(st.integers(1, 3000), st.integers(0, 2**40))
def test_every_n_is_permuted(n: int, seed: int) -> None:
    found = permute(np.arange(n), n, seed)
    assert found.dtype == np.int64
    np.testing.assert_array_equal(np.sort(found), np.arange(n))


@pytest.mark.parametrize("n", [1, 2, 3, 4, 5, 15, 16, 17, 64, 65, 4**8, 4**8 + 1])
def test_powers_of_two_and_their_neighbours(n: int) -> None:
    np.testing.assert_array_equal(np.sort(permute(np.arange(n), n, (3, 4))), np.arange(n))


def test_large_ranges_need_no_memory() -> None:
    n = 3 * 10**15
    positions = np.arange(n - 1000, n)
    found = permute(positions, n, 0)
    assert len(set(found.tolist())) == 1000
    assert 0 <= found.min() <= found.max() < n
    assert found.max() - found.min() > n / 2


def test_each_position_alone_gives_the_same() -> None:
    together = permute(np.arange(100).reshape(4, 25), 100, 5)
    assert together.shape == (4, 25)
    alone = [int(permute(np.array([i]), 100, 5)[0]) for i in range(100)]
    assert together.reshape(-1).tolist() == alone


def test_the_order_stays_what_it_is() -> None:
    # Trainings of other days can be continued only if this never changes.
    assert permute(np.arange(10), 10, 0).tolist() == [3, 7, 2, 8, 1, 6, 5, 9, 4, 0]
    starts = starts_of_step(3, batch=4, context=8, tokens=100, seed_order=1)
    assert starts.tolist() == [39, 47, 87, 15]


def naive(position: int, n: int, seed: int) -> int:
    """The same permutation with Python's integers, from its description."""
    half = 1
    while 4**half < n:
        half += 1
    word = 2**64 - 1
    while True:
        left, right = divmod(position, 2**half)
        for i in range(6):
            key = int(hashlib.sha256(f"{seed}/{i}".encode()).hexdigest()[:16], 16)
            z = right ^ key
            z = ((z ^ (z >> 30)) * 0xBF58476D1CE4E5B9) & word
            z = ((z ^ (z >> 27)) * 0x94D049BB133111EB) & word
            left, right = right, left ^ ((z ^ (z >> 31)) % 2**half)
        position = left * 2**half + right
        if position < n:
            return position


@pytest.mark.parametrize("n", [2, 10, 100, 10**6, 10**12])
def test_permutation_is_the_one_described(n: int) -> None:
    positions = np.unique(np.linspace(0, n - 1, 50).astype(np.int64))
    assert permute(positions, n, 11).tolist() == [naive(int(p), n, 11) for p in positions]


def test_positions_outside_are_refused() -> None:
    for position in (-1, 10):
        with pytest.raises(ValueError, match=r"outside range\(10\)"):
            permute(np.array([position]), 10, 0)


def test_orders_of_different_seeds_are_unrelated() -> None:
    n = 1000
    orders = [permute(np.arange(n), n, seed) for seed in [*range(20), *((0, e) for e in range(20))]]
    for i, one in enumerate(orders):
        for other in [np.arange(n), *orders[:i]]:
            # The number of common places is Poisson(1): above 8 once in 900,000.
            assert int((one == other).sum()) <= 8


@pytest.mark.parametrize("n", [5, 16, 37])
def test_images_are_uniform_over_seeds(n: int) -> None:
    seeds = 3000
    found = np.stack([permute(np.arange(n), n, ("uniform", s)) for s in range(seeds)])
    for position in (0, 1, n - 1):
        counts = np.bincount(found[:, position], minlength=n)
        assert stats.chisquare(counts).pvalue > 1e-4
    # Neighbours are as independent as a permutation lets them be.
    pairs = (found[:, 1] - found[:, 0]) % n
    assert stats.chisquare(np.bincount(pairs, minlength=n)[1:]).pvalue > 1e-4


def test_all_orders_of_three_come_up_equally_often() -> None:
    found = Counter(tuple(permute(np.arange(3), 3, s).tolist()) for s in range(6000))
    assert len(found) == 6
    assert stats.chisquare(list(found.values())).pvalue > 1e-4


@given(st.integers(1, 50), st.integers(1, 60), st.integers(0, 5))
@settings(max_examples=60)
def test_every_window_comes_once_an_epoch(windows: int, batch: int, seed: int) -> None:
    steps = -(-3 * windows // batch)
    slices = [
        windows_of_step(s, batch=batch, windows=windows, seed_order=seed) for s in range(steps)
    ]
    epochs = np.concatenate([epoch for epoch, _ in slices])
    order = np.concatenate([window for _, window in slices])
    assert all(epoch.shape == window.shape == (batch,) for epoch, window in slices)
    np.testing.assert_array_equal(epochs, np.arange(steps * batch) // windows)
    for epoch in range(3):
        np.testing.assert_array_equal(np.sort(order[epochs == epoch]), np.arange(windows))


def test_orders_differ_by_epoch_and_seed() -> None:
    def order(epoch: int, seed: int) -> list[int]:
        _, found = windows_of_step(epoch, batch=200, windows=200, seed_order=seed)
        return [int(window) for window in found]

    orders = [order(epoch, seed) for epoch in range(4) for seed in range(4)]
    assert len({tuple(one) for one in orders}) == 16
    assert order(2, 3) == order(2, 3)


def test_batches_of_another_size_see_the_same_sequence() -> None:
    small = [windows_of_step(s, batch=3, windows=7, seed_order=0)[1] for s in range(10)]
    large = [windows_of_step(s, batch=10, windows=7, seed_order=0)[1] for s in range(3)]
    assert np.concatenate(small).tolist() == np.concatenate(large).tolist()


@given(st.integers(1, 9), st.integers(0, 200), st.integers(1, 8), st.integers(0, 3))
@settings(max_examples=100)
def test_windows_fit_and_cover(context: int, more: int, batch: int, seed: int) -> None:
    tokens = 2 * context - 1 + more
    windows = windows_of_stream(tokens, context)
    starts = np.concatenate(
        [
            starts_of_step(s, batch=batch, context=context, tokens=tokens, seed_order=seed)
            for s in range(-(-2 * windows // batch))
        ]
    )
    assert starts.dtype == np.int64
    assert starts.min() >= 0
    assert starts.max() + context + 1 <= tokens + 1
    # One more window would reach beyond the stream at the largest offset.
    assert windows * context + (context - 1) + context + 1 > tokens + 1
    for epoch in range(2):
        cut = np.sort(starts[epoch * windows : (epoch + 1) * windows])
        assert (np.diff(cut) == context).all()
        assert cut[0] < context


def test_offsets_of_epochs_are_spread() -> None:
    def offset(epoch: int, seed: int) -> int:
        return int(starts_of_step(epoch, batch=1, context=64, tokens=127, seed_order=seed)[0])

    counts = np.bincount([offset(e, seed) for e in range(640) for seed in range(3)], minlength=64)
    assert counts.size == 64
    assert stats.chisquare(counts).pvalue > 1e-4


def test_a_stream_too_short_is_refused() -> None:
    assert windows_of_stream(15, 8) == 1
    with pytest.raises(ValueError, match="14 tokens are too few for windows of 8: 15 are needed"):
        starts_of_step(0, batch=1, context=8, tokens=14, seed_order=0)
    with pytest.raises(ValueError, match="0 windows"):
        windows_of_step(0, batch=1, windows=0, seed_order=0)


def test_without_a_shift_windows_are_documents_of_one_length() -> None:
    """Every epoch has every document once, and every window begins where a document does."""
    length, documents = 8, 6
    tokens = length * documents
    assert windows_of_stream(tokens, length, shift=False) == documents
    with pytest.raises(ValueError, match="8 are needed"):
        windows_of_stream(length - 1, length, shift=False)
    for epoch in range(3):
        starts = [
            starts_of_step(
                step, batch=2, context=length, tokens=tokens, seed_order=5, shift=False
            ).tolist()
            for step in range(3 * epoch, 3 * epoch + 3)
        ]
        assert sorted(np.ravel(starts)) == [length * i for i in range(documents)]
