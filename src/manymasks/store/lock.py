"""Locks that die with the process that holds them.

An artifact is made by one process at a time, whichever run or machine it belongs to; a run
holds a lock of its own, by which a stale lock of Snakemake's can be told from a live one.
"""

import contextlib
import errno
import fcntl
import json
import os
import socket
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import IO


def try_lock(path: Path) -> IO[str] | None:
    """Take the lock and write down who holds it; None if someone else does.

    The lock is held until the returned file is closed, by the process or by its death.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    file = path.open("a+", encoding="utf-8")
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError as error:
        file.close()
        if error.errno in (errno.EAGAIN, errno.EACCES):
            return None
        raise
    file.truncate(0)
    since = datetime.now(UTC).strftime("%H:%M:%S UTC")
    file.write(json.dumps({"pid": os.getpid(), "host": socket.gethostname(), "since": since}))
    file.flush()
    return file


def holder(path: Path) -> str:
    """Who holds a lock, in words."""
    try:
        who = json.loads(path.read_text(encoding="utf-8"))
        return f"process {who['pid']} on {who['host']} since {who['since']}"
    except (OSError, ValueError, KeyError):
        return "another process"


@contextlib.contextmanager
def locked(path: Path, waiting: Callable[[str], None]) -> Iterator[None]:
    """Hold the lock, waiting for it if need be; `waiting` is told once who has it."""
    file = try_lock(path)
    if file is None:
        waiting(holder(path))
        while file is None:
            time.sleep(0.2)
            file = try_lock(path)
    with file:
        yield
