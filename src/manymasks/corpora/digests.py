"""Digests of all texts seen so far, each with a small number, in eight bytes and some slack."""

import hashlib
from array import array

EMPTY = 0
FULL = 0.6
"""Share of the slots in use at which their number is doubled."""


class DigestTable:
    """Numbers from 0 to 2 by the digest of a text, in an open hash table.

    A digest has 62 bits: of n texts, two different ones are taken for one with probability
    n^2 / 2^63, 1e-5 for ten million.
    """

    def __init__(self) -> None:
        self.slots = array("Q", bytes(8 * 1024))
        self.used = 0

    def put(self, data: bytes, number: int) -> int | None:
        """The number of equal data that was put earlier; else None, and the data is kept."""
        digest = int.from_bytes(hashlib.sha256(data).digest()[:8], "big") & ~3 | (number + 1)
        slots = self.slots
        mask = len(slots) - 1
        slot = digest >> 20 & mask
        while (value := slots[slot]) != EMPTY:
            if value | 3 == digest | 3:
                return (value & 3) - 1
            slot = slot + 1 & mask
        slots[slot] = digest
        self.used += 1
        if self.used > FULL * len(slots):
            self._double()
        return None

    def _double(self) -> None:
        old = self.slots
        slots = array("Q", bytes(8)) * (2 * len(old))
        mask = len(slots) - 1
        for digest in old:
            if digest != EMPTY:
                slot = digest >> 20 & mask
                while slots[slot] != EMPTY:
                    slot = slot + 1 & mask
                slots[slot] = digest
        self.slots = slots
