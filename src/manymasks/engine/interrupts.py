"""Ctrl-C ends a command at once, except where it tidies up first.

Python turns the signal into an exception at whatever line runs. Inside a callback of an extension
that is printed and forgotten, and the command goes on. So the process ends where it is: whatever a
kill can leave behind is cleared by the next holder of its lock.
"""

import contextlib
import os
import signal
import sys
from collections.abc import Iterator
from types import FrameType

from manymasks.engine.progress import FOLLOWED

INTERRUPTED = "\nInterrupted. Completed artifacts are kept.\n"
STATUS = 130
"""The exit status of an interrupted command, as shells have it."""


def end_at_interrupts() -> None:
    """From now on, Ctrl-C ends this process with a message."""
    signal.signal(signal.SIGINT, _end)


def last_words() -> str:
    """What an interrupted command prints; nothing in a job, whose run says it."""
    return "" if FOLLOWED in os.environ else INTERRUPTED


def _end(number: int, frame: FrameType | None) -> None:
    with contextlib.suppress(OSError, ValueError):
        sys.stdout.flush()
    # The interpreter may be in the middle of a line of standard error.
    with contextlib.suppress(OSError):
        os.write(2, last_words().encode())
    os._exit(STATUS)


@contextlib.contextmanager
def interrupts_raised() -> Iterator[None]:
    """Ctrl-C raises KeyboardInterrupt in the block, where the command would else end at once."""
    is_ended = signal.getsignal(signal.SIGINT) is _end
    if is_ended:
        signal.signal(signal.SIGINT, signal.default_int_handler)
    try:
        yield
    finally:
        if is_ended:
            signal.signal(signal.SIGINT, _end)
