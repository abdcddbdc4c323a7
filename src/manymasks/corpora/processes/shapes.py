"""The words and the length of documents of each process: all that a plan needs to know of it.

A plan is made in well under a second and does without the arrays in which the processes are.
"""

from collections.abc import Mapping
from dataclasses import dataclass


@dataclass(frozen=True)
class Shape:
    """What the documents of a process look like."""

    vocabulary: tuple[str, ...]
    """Names of the tokens. Token 0 is BOS."""
    length: int
    """Tokens of every document, BOS first."""


def numbered(sign: str, count: int) -> tuple[str, ...]:
    """`numbered("n", 2)` is `("n0", "n1")`."""
    return tuple(f"{sign}{i}" for i in range(count))


TALLY = Shape(("BOS", *numbered("", 4), "=", *numbered("n", 7)), 64)
SHAPES: Mapping[str, Shape] = {
    "masks": Shape(("BOS", *numbered("P", 5), "a", "b", "c"), 64),
    "tally": TALLY,
    "tally1": TALLY,
    "fork": Shape(
        (
            "BOS",
            "EOS",
            *numbered("f", 4),
            *(word for family in "RBM" for word in numbered(family, 6)),
            *("(", ")", "?t", "?h", "."),
            *numbered("A", 6),
        ),
        13,
    ),
    "recall": Shape(("BOS", *numbered("K", 8), *numbered("V", 8)), 17),
    "markov": Shape(("BOS", *numbered("", 8)), 64),
    "mess3": Shape(("BOS", "a", "b", "c"), 64),
    "rrxor": Shape(("BOS", "0", "1"), 64),
    "hierarchy": Shape(("BOS", *numbered("s", 8)), 17),
}
