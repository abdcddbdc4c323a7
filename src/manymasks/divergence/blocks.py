"""Memory of arrays with the vocabulary: windows, positions and cache-sized blocks at once."""

from collections.abc import Iterator, Mapping

from torch import Tensor

from manymasks.config.analyses import Divergence

BLOCK_ELEMENTS = {"cpu": 1 << 20, "cuda": 1 << 24}
"""Log-probabilities in one block: 4 MiB on a CPU, which fits its cache; on a GPU enough to keep it
busy."""

TINY = 1e-37
"""Replaces probabilities that round to 0, because their p log p is 0."""

COPIES = 2
"""Log-probabilities of all members, and as much again for temporaries."""

LOGITS = 3
"""Logits of the current member, and the temporaries of its log-probabilities."""

RESERVE = 64 << 20
"""Bytes for the temporaries of one block on a CPU: a dozen of 4 MiB, and allocator overhead."""

TEMPORARIES = 12
"""Arrays of one block at once, where a single position of all members exceeds a block."""

TOTALS, TOTALS_OF_SEVERITY = 24, 16
"""Bytes for a token of the vocabulary and a member, of the totals in float64 while they are added
up, and of those that a severity leaves."""


def blocks(logp: Tensor, elements: Mapping[str, int]) -> Iterator[slice]:
    """Slices of the positions of logp (m, n, V), one for each block. `elements`: device type, `cpu`
    or `cuda` -> elements in one block. A block has at least one position."""
    members, positions, vocabulary = logp.shape
    step = max(1, elements[logp.device.type] // (members * vocabulary))
    for start in range(0, positions, step):
        yield slice(start, start + step)


def windows_at_once(
    members: int, scored: int, vocabulary: int, settings: Divergence, severities: int = 1
) -> int:
    """Windows whose log-probabilities fit `memory_mb` together, at least 1, at most `batch`.

    The bound covers arrays that grow with members x positions x vocabulary: the log-probabilities
    in float32 and as much again for temporaries, the logits of one member or of a batch of the
    noise floor, and the temporaries of a block; and the totals over positions, members x
    vocabulary. It covers neither weights and activations, nor sums over pairs of members. It
    assumes one buffer shared by all batches: separate allocations fragment the memory.
    """
    positions = _positions(members, vocabulary, settings, severities)
    return max(1, min(settings.batch, positions // scored))


def positions_at_once(
    members: int, scored: int, vocabulary: int, settings: Divergence, severities: int = 1
) -> int:
    """Scored positions of one window that fit `memory_mb`, at least 1."""
    return max(1, min(scored, _positions(members, vocabulary, settings, severities)))


def _positions(members: int, vocabulary: int, settings: Divergence, severities: int) -> int:
    """Positions that fit. Where the vocabulary is small, at least half of the bound is for them."""
    bound, laws = settings.memory_mb << 20, members * vocabulary
    totals = (TOTALS + TOTALS_OF_SEVERITY * severities) * laws
    excess = 4 * TEMPORARIES * max(0, laws - BLOCK_ELEMENTS["cpu"])
    # A second batch size may take one window with several others, and its logits twice.
    held = max(COPIES * members + LOGITS, members + 2 * (settings.floor_batch + 1))
    free = max(bound - RESERVE, bound // 2) - totals - excess
    return max(0, free) // (4 * vocabulary * held)
