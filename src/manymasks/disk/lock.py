"""File locks that end with the process that holds them.

A lock per artifact lets one process at a time make it, across runs and machines. A lock per run
tells a stale lock of Snakemake from that of a live run.
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
    """Take the lock and record its holder; None if another process holds it. The lock is held until
    the returned file is closed or the process ends."""
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


def is_held(path: Path) -> bool:
    """Whether a process holds the lock."""
    try:
        file = path.open(encoding="utf-8")
    except OSError:
        return False
    with file:
        try:
            # Shared and given back at once: nobody is kept out for longer than a moment.
            fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)
        except OSError as error:
            return error.errno in (errno.EAGAIN, errno.EACCES)
    return False


def holder(path: Path) -> str:
    """The process that holds a lock, such as "process 12 on host since 10:15:00 UTC"."""
    try:
        process = json.loads(path.read_text(encoding="utf-8"))
        return f"process {process['pid']} on {process['host']} since {process['since']}"
    except (OSError, ValueError, KeyError):
        return "another process"


@contextlib.contextmanager
def locked(path: Path, on_wait: Callable[[str], None]) -> Iterator[None]:
    """Hold the lock during the block. `path`: file of the lock. `on_wait`: called once with the
    holder if the lock is taken."""
    file = try_lock(path)
    if file is None:
        on_wait(holder(path))
        while file is None:
            time.sleep(0.2)
            file = try_lock(path)
    with file:
        yield
