"""Loops: texts that end in a repetition (Holtzman et al. 2020)."""

from dataclasses import dataclass

import numpy as np

from manymasks.arrays import Ints

TWICE = 2
LEAST = 6
"""Fewest tokens of a loop: one or two tokens occur twice by chance."""


@dataclass(frozen=True)
class Loop:
    """From token `entry` (the first is 1) a text repeats `period` tokens to its end."""

    entry: int
    period: int


def find_loop(text: Ints) -> Loop | None:
    """The loop with the shortest period at the end of a text (n,), or None. A loop has at least two
    periods and `LEAST` tokens: one token six times, two three times, three or more twice. The last
    period may be incomplete."""
    for period in range(1, len(text) // TWICE + 1):
        differs = np.flatnonzero(text[period:] != text[:-period])
        entry = int(differs[-1]) + 1 if differs.size else 0
        if len(text) - entry >= max(TWICE * period, LEAST):
            return Loop(entry + 1, period)
    return None
