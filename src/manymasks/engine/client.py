"""Ask the server of a run to carry out a command, and end as its worker ends.

The server forks a worker from a process that has imported what jobs need (`engine.server`). The
worker has the arguments, folder, environment and streams of this process. Signals go on to it, and
it ends when this process does.
"""

import contextlib
import json
import os
import signal
import socket
import sys
from collections.abc import Sequence
from types import FrameType
from typing import Any

from manymasks.engine.environment import inherited

ADDRESS = "MANYMASKS_SERVER"
"""Environment variable with the socket of the server; only jobs of a run have it."""
FORWARDED = (signal.SIGINT, signal.SIGTSTP)
"""Signals of a terminal that a worker, in another session, does not get."""


def run_in_worker(arguments: Sequence[str]) -> int | None:
    """Exit status of a command that a worker carried out.

    None if there is no server, it does not serve this process, or it ended before its worker: then
    the command is still to be carried out, here. If a signal ended the worker, the same signal ends
    this process.
    """
    address = os.environ.get(ADDRESS)
    if address is None:
        return None
    request = {
        "arguments": list(arguments),
        "folder": os.getcwd(),  # noqa: PTH109, a string
        "environment": dict(os.environ),
        "inherited": inherited(),
    }
    # Until the worker is known, a signal has nowhere to go.
    signal.pthread_sigmask(signal.SIG_BLOCK, FORWARDED)
    handlers: dict[signal.Signals, Any] = {}
    try:
        with socket.socket(socket.AF_UNIX) as connection, contextlib.suppress(OSError):
            connection.connect(address)
            socket.send_fds(connection, [b"\n"], [0, 1, 2])
            connection.sendall(json.dumps(request).encode() + b"\n")
            replies = connection.makefile(encoding="ascii")
            # "worker 12", then "status 0"; the end of the stream in place of either.
            reply, _, worker = replies.readline().partition(" ")
            if reply != "worker":
                return None
            handlers = _forward_signals(int(worker))
            signal.pthread_sigmask(signal.SIG_UNBLOCK, FORWARDED)
            reply, _, status = replies.readline().partition(" ")
            if reply == "status":
                return _end_like(int(status))
        if handlers:
            print("the server of this run has ended; this job starts again", file=sys.stderr)
        return None
    finally:
        for number, handler in handlers.items():
            signal.signal(number, handler)
        signal.pthread_sigmask(signal.SIG_UNBLOCK, FORWARDED)


def _forward_signals(worker: int) -> dict[signal.Signals, Any]:
    """Pass signals on to a worker, except those that are ignored; the handlers before."""

    def send(number: int) -> None:
        with contextlib.suppress(ProcessLookupError):
            os.kill(worker, number)

    def interrupt(number: int, frame: FrameType | None) -> None:
        send(number)

    def pause(number: int, frame: FrameType | None) -> None:
        send(signal.SIGSTOP)
        os.kill(os.getpid(), signal.SIGSTOP)
        # Here this process was told to continue.
        send(signal.SIGCONT)

    return {
        number: signal.signal(number, handler)
        for number, handler in zip(FORWARDED, (interrupt, pause), strict=True)
        if signal.getsignal(number) != signal.SIG_IGN
    }


def _end_like(status: int) -> int:
    """The exit status of a worker; does not return if a signal ended the worker."""
    if status < 0:
        if status == -signal.SIGKILL:
            print(
                "the job was killed (SIGKILL): by a person, or by the system because memory was "
                "short. Fewer jobs at a time need less: lower snakemake --cores",
                file=sys.stderr,
            )
        # SIGKILL cannot be set, nor need it be.
        with contextlib.suppress(OSError):
            signal.signal(-status, signal.SIG_DFL)
        os.kill(os.getpid(), -status)
    return status
