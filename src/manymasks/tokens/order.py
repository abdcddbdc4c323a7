"""The order of the data: a pure function of the seed and the step, in O(1) memory.

An epoch visits every window once, in its own order; epochs follow each other without a gap. To
resume, a training needs only the number of its step.
"""

import functools
import hashlib
from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from manymasks.arrays import Ints

Seed = int | tuple[int | str, ...]

ROUNDS = 6
"""Four good rounds make a Feistel network pseudorandom (Luby & Rackoff 1988); two more because the
halves are small."""


def permute(positions: Ints, n: int, seed: Seed) -> Ints:
    """Images of positions under a permutation of range(n) that the seed selects, same shape: a
    balanced Feistel network on the smallest even number of bits that hold n, walked along its cycle
    until the value is below n (Black & Rogaway 2002). Raises ValueError for positions outside
    range(n)."""
    positions = np.asarray(positions, dtype=np.int64)
    if positions.size and not 0 <= positions.min() <= positions.max() < n:
        raise ValueError(f"positions {positions.min()} to {positions.max()} outside range({n})")
    half = max(1, ((n - 1).bit_length() + 1) // 2)
    keys = _keys(seed)
    out = _network(positions.reshape(-1).astype(np.uint64), half, keys)
    outside = np.flatnonzero(out >= n)
    while outside.size:
        out[outside] = _network(out[outside], half, keys)
        outside = outside[out[outside] >= n]
    return out.astype(np.int64).reshape(positions.shape)


def windows_of_step(step: int, *, batch: int, windows: int, seed_order: int) -> tuple[Ints, Ints]:
    """Epoch and window, (batch,) each, of the training batch of a step. It is the slice [step *
    batch, (step + 1) * batch) of the endless sequence of epochs of `windows` windows; a batch may
    reach into the next epoch. Raises ValueError without windows."""
    if windows < 1:
        raise ValueError(f"there are {windows} windows")
    positions = np.arange(step * batch, (step + 1) * batch, dtype=np.int64)
    epochs, positions = np.divmod(positions, windows)
    out = np.empty(batch, dtype=np.int64)
    for epoch in np.unique(epochs):
        rows = epochs == epoch
        out[rows] = permute(positions[rows], windows, (seed_order, int(epoch)))
    return epochs, out


def windows_of_stream(tokens: int, context: int, *, shift: bool = True) -> int:
    """Windows in an epoch over a stream of `tokens` tokens.

    A window takes context + 1 of the tokens + 1 positions (an end of text comes first) and begins a
    context after the previous one. With `shift` an epoch moves all windows by up to context - 1,
    and none may reach beyond the stream. Raises ValueError if not one window fits.
    """
    longest_shift = context - 1 if shift else 0
    windows = (tokens - longest_shift) // context
    if windows < 1:
        raise ValueError(
            f"{tokens} tokens are too few for windows of {context}: {context + longest_shift} are "
            "needed"
        )
    return windows


def starts_of_step(
    step: int, *, batch: int, context: int, tokens: int, seed_order: int, shift: bool = True
) -> Ints:
    """First positions, (batch,), of the windows of context + 1 positions of a step.

    Positions are those of `TokenStream.gather`. Window w of epoch e starts at w * context +
    offset(e). With `shift`, offset(e) in [0, context) is a pure function of (seed_order, e), so
    epochs cut the text at different points; without it the offset is 0, for documents that are all
    one context long. Raises ValueError for a stream too short for one window.
    """
    windows = windows_of_stream(tokens, context, shift=shift)
    epochs, window = windows_of_step(step, batch=batch, windows=windows, seed_order=seed_order)
    # 64 bits leave a bias below context / 2^64.
    offsets = {
        epoch: int(_keys((seed_order, epoch, "offset"))[0]) % context if shift else 0
        for epoch in set(epochs.tolist())
    }
    starts = window * context + np.array([offsets[e] for e in epochs.tolist()], dtype=np.int64)
    assert int(starts.max()) + context + 1 <= tokens + 1
    return starts


def starts_of_members(
    steps: Sequence[int],
    seeds_order: Sequence[int],
    *,
    batch: int,
    context: int,
    tokens: int,
    shift: bool = True,
) -> Ints:
    """`starts_of_step` of several members, each at its own step: (members, batch)."""
    budget = {"batch": batch, "context": context, "tokens": tokens}
    return np.stack(
        [
            starts_of_step(step, seed_order=seed, shift=shift, **budget)
            for step, seed in zip(steps, seeds_order, strict=True)
        ]
    )


@functools.lru_cache(maxsize=64)
def _keys(seed: Seed) -> tuple[np.uint64, ...]:
    """One 64-bit key per round, from SHA-256."""
    return tuple(
        np.uint64(int.from_bytes(hashlib.sha256(f"{seed!r}/{i}".encode()).digest()[:8], "big"))
        for i in range(ROUNDS)
    )


def _network(
    x: npt.NDArray[np.uint64], half: int, keys: tuple[np.uint64, ...]
) -> npt.NDArray[np.uint64]:
    """A bijection of range(4^half): each round changes one half by a hash of the other."""
    bits, mask = np.uint64(half), np.uint64(2**half - 1)
    left, right = x >> bits, x & mask
    for key in keys:
        left, right = right, left ^ (_mixed(right ^ key) & mask)
    return (left << bits) | right


def _mixed(x: npt.NDArray[np.uint64]) -> npt.NDArray[np.uint64]:
    """The finaliser of SplitMix64 (Steele, Lea & Flood 2014); products wrap on purpose."""
    x = (x ^ (x >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    x = (x ^ (x >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return x ^ (x >> np.uint64(31))
