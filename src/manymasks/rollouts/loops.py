"""Loops: texts that repeat themselves to their end (Holtzman et al. 2020)."""

from dataclasses import dataclass

import numpy as np

from manymasks.arrays import IntArray

TWICE = 2
LEAST = 6
"""Tokens that what repeats itself covers: one or two tokens come twice by chance."""


@dataclass(frozen=True)
class Loop:
    """From token `entry` on, the first is 1, a text repeats its `period` tokens to its end."""

    entry: int
    period: int


def find_loop(text: IntArray) -> Loop | None:
    """The loop a text (n,) ends in, that of the shortest period; None where there is none.

    A loop is what is left of the text from the earliest token on from which each token is the one
    a period before it. It has the period at least twice, and `LEAST` tokens: one token six times,
    two three times, three or more twice. The last time may be cut short.
    """
    for period in range(1, len(text) // TWICE + 1):
        differs = np.flatnonzero(text[period:] != text[:-period])
        entry = int(differs[-1]) + 1 if differs.size else 0
        if len(text) - entry >= max(TWICE * period, LEAST):
            return Loop(entry + 1, period)
    return None
