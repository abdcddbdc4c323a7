"""Results of a query on their way to a file or a stream, without a copy on the disk."""

import errno
import os
import shutil
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO

import duckdb

from manymasks.disk.atomic import replacing


@contextmanager
def replaced(out: BinaryIO | Path) -> Iterator[BinaryIO]:
    """A stream to write to; a regular file is replaced once all is written."""
    if not isinstance(out, Path):
        yield out
    elif out.exists() and not out.is_file():
        with out.open("wb") as device:
            yield device
    else:
        if not out.parent.is_dir():
            raise FileNotFoundError(errno.ENOENT, os.strerror(errno.ENOENT), str(out))
        with replacing(out, is_kept=False) as temporary, temporary.open("wb") as file:
            yield file


@contextmanager
def copied(pipe: Path, out: BinaryIO) -> Iterator[None]:
    """Copy what DuckDB writes to a named pipe in the block to a stream. Raises the error of the
    stream, or that of DuckDB."""
    errors: list[OSError | duckdb.Error] = []
    reading = os.open(pipe, os.O_RDONLY | os.O_NONBLOCK)
    # Held open: the pipe ends when the block ends, even if DuckDB never opens it.
    writing = os.open(pipe, os.O_WRONLY)
    os.set_blocking(reading, True)

    def copy() -> None:
        with os.fdopen(reading, "rb") as source:
            try:
                shutil.copyfileobj(source, out, 1 << 20)
            except OSError as error:
                errors.append(error)

    thread = threading.Thread(target=copy)
    thread.start()
    try:
        yield
    except duckdb.Error as error:
        errors.append(error)
    finally:
        os.close(writing)
        thread.join()
    # Where the stream ended first, DuckDB only says that the pipe is broken.
    errors.sort(key=lambda error: isinstance(error, duckdb.Error))
    if errors:
        raise errors[0]
