"""Blocks of positions that are small enough for a device's caches."""

from collections.abc import Iterator, Mapping

from torch import Tensor


def blocks(logp: Tensor, elements: Mapping[str, int]) -> Iterator[slice]:
    """Slices of the positions of logp (m, n, V) that make up its blocks.

    `elements`: type of a device, `cpu` or `cuda` -> elements in one block there. A block has at
    least one position.
    """
    members, positions, vocabulary = logp.shape
    step = max(1, elements[logp.device.type] // (members * vocabulary))
    for start in range(0, positions, step):
        yield slice(start, start + step)
