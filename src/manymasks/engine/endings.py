"""Why a run or a job ended before its work was done, in words."""

import errno
import signal
from types import FrameType

from manymasks.training.memory import is_out_of_memory

KEPT = (
    "Completed artifacts are kept, and an interrupted training resumes from its last saved state: "
    "rerun the command."
)
FAILED = (
    "A job failed. Its message is above, and in results/<stage>/<key>/log.txt. Completed "
    "artifacts are kept. Fix the cause and rerun the command."
)
SIGNALLED = {
    signal.SIGINT: f"Interrupted by a person (SIGINT, as Ctrl-C sends it). {KEPT}",
    signal.SIGTERM: f"Told to stop (SIGTERM), which it did when the running jobs had ended. {KEPT}",
}
DISK = {
    errno.ENOSPC: "the disk is full",
    errno.EDQUOT: "the quota of the disk is used up",
    errno.EROFS: "the disk is read-only",
    errno.EACCES: "permission is denied",
    errno.EPERM: "permission is denied",
    errno.EIO: "the disk reports an error",
    errno.EMFILE: "too many files are open",
    errno.ENFILE: "too many files are open",
}
"""Errors of the machine rather than of this program."""
FULL = "No space left on device"
"""How libraries that have errors of their own put it."""


class Signals:
    """Which signals reached this process; they are handled as before."""

    def __init__(self) -> None:
        self.received: list[int] = []
        self._before = {number: signal.getsignal(number) for number in SIGNALLED}
        for number, handler in self._before.items():
            if callable(handler):
                signal.signal(number, self._receive)

    def _receive(self, number: int, frame: FrameType | None) -> None:
        self.received.append(number)
        handler = self._before[signal.Signals(number)]
        if callable(handler):
            handler(number, frame)

    def ending(self) -> str:
        """Why a run that did not succeed ended."""
        return next((SIGNALLED[signal.Signals(number)] for number in self.received), FAILED)


def machine_fault(error: BaseException | None) -> str | None:
    """What the machine lacks, if that is what an error, or one in its context, says."""
    if is_out_of_memory(error):
        return "memory is short"
    while error is not None:
        if isinstance(error, OSError) and error.errno in DISK:
            where = f" ({error.filename})" if error.filename else ""
            return f"{DISK[error.errno]}{where}"
        if FULL in str(error):
            return DISK[errno.ENOSPC]
        error = error.__cause__ or error.__context__
    return None
