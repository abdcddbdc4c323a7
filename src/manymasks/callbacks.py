"""How computations report their progress."""

from collections.abc import Callable

OnProgress = Callable[[int, int], None]
"""Called with the number of units done and their total."""


def ignore_progress(done: int, total: int) -> None:
    """The default: nothing happens."""
