"""How far a computation is, for whoever asked to be told."""

from collections.abc import Callable

Report = Callable[[int, int], None]
"""Told how much is done, and of how much."""


def unheard(done: int, total: int) -> None:
    """Where nobody asked."""
