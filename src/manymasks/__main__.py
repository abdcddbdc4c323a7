"""`python -m manymasks` is the command `manymasks`."""

import signal

IS_INTERRUPTED_QUIETLY = signal.getsignal(signal.SIGINT) is signal.default_int_handler
if IS_INTERRUPTED_QUIETLY:
    # Ctrl-C among imports would print where in them it came.
    signal.signal(signal.SIGINT, signal.SIG_DFL)

import os  # noqa: E402
import sys  # noqa: E402
from typing import NoReturn  # noqa: E402

from manymasks.engine.client import run_in_worker  # noqa: E402
from manymasks.engine.environment import restart_with_environment  # noqa: E402


def program() -> NoReturn:
    """Run one command and end the process at once. To take torch and DuckDB down piece by piece
    takes a moment in every job, and DuckDB's binding prints what it could not let go of. Nothing is
    left to be done: files are closed, locks are those of the process."""
    for name in ("stdout", "stderr"):
        # A stream that was closed before the start.
        if getattr(sys, name) is None:
            setattr(sys, name, open(os.devnull, "w"))  # noqa: PTH123, SIM115
    status = _status(sys.argv[1:])
    try:
        sys.stdout.flush()
        sys.stderr.flush()
    except BrokenPipeError:
        # A reader such as `head` closed the pipe.
        pass
    except OSError as error:
        print(f"\nthe output cannot be written: {error.strerror}\n", file=sys.stderr)
        status = 1
    os._exit(status)


def _status(arguments: list[str]) -> int:
    if arguments[:1] == ["run"]:
        status = run_in_worker(arguments)
        if status is not None:
            return status
        restart_with_environment()
    # Imported here: a job that has a server does not need it.
    from manymasks.cli import main

    if IS_INTERRUPTED_QUIETLY:
        from manymasks.engine.interrupts import end_at_interrupts

        end_at_interrupts()
    if arguments[:1] == ["serve"]:
        from manymasks.engine.server import serve

        descriptor, *stages = arguments[1:]
        serve(int(descriptor), stages, main)
        return 0
    return main(arguments)


if __name__ == "__main__":
    program()
