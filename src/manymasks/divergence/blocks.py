"""How much of the vocabulary's size is held at once: windows, positions and cache-sized blocks."""

from collections.abc import Iterator, Mapping

from torch import Tensor

from manymasks.config.analyses import Divergence

BLOCK_ELEMENTS = {"cpu": 1 << 20, "cuda": 1 << 24}
"""Log-probabilities in one block: on a CPU 4 MiB, so that a block's passes stay in the cache; on
a GPU as many as keep it busy."""

TINY = 1e-37
"""Stands in for probabilities that round to 0, whose p log p is 0."""

COPIES = 2
"""Log-probabilities of all members, and as much again for what is made of them at once."""

LOGITS = 3
"""Logits of the member whose turn it is, with what is made on the way to its log-probabilities."""

RESERVE = 64 << 20
"""Bytes for the temporaries of one block on a CPU: a dozen of 4 MiB, and the allocator's slack."""


def blocks(logp: Tensor, elements: Mapping[str, int]) -> Iterator[slice]:
    """Slices of the positions of logp (m, n, V) that make up its blocks.

    `elements`: type of a device, `cpu` or `cuda` -> elements in one block there. A block has at
    least one position.
    """
    members, positions, vocabulary = logp.shape
    step = max(1, elements[logp.device.type] // (members * vocabulary))
    for start in range(0, positions, step):
        yield slice(start, start + step)


def windows_at_once(members: int, scored: int, vocabulary: int, settings: Divergence) -> int:
    """Windows whose log-probabilities fit `memory_mb` together, at least 1, at most `batch`.

    The bound covers what grows with members x positions x vocabulary: the log-probabilities
    (members, windows, scored, V) in float32 with as much again for what is made of them, the
    logits of one member, and the temporaries of a block. It covers neither the weights nor what a
    forward pass makes before its logits, nor sums over pairs of members. It holds where the
    log-probabilities are written to one buffer that all batches share: tensors that are made anew
    for each leave holes between what is kept.
    """
    return max(1, min(settings.batch, _positions(members, vocabulary, settings) // scored))


def positions_at_once(members: int, scored: int, vocabulary: int, settings: Divergence) -> int:
    """Scored positions of one window that fit `memory_mb`: all where a window does, at least 1."""
    return max(1, min(scored, _positions(members, vocabulary, settings)))


def _positions(members: int, vocabulary: int, settings: Divergence) -> int:
    """Positions that fit; a small bound keeps half for them."""
    bound = settings.memory_mb << 20
    each = 4 * vocabulary * (COPIES * members + LOGITS)
    return max(bound - RESERVE, bound // 2) // each
