"""How computations report their progress."""

from collections.abc import Callable

OnProgress = Callable[[int, int], None]
"""Called with the number of units done and their total."""


OnMessage = Callable[[str], None]
"""Called with a line for the person who waits."""


def ignore_progress(done: int, total: int) -> None:
    """The default: nothing happens."""


def ignore_message(message: str) -> None:
    """The default: nothing is shown."""
