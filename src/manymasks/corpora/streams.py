"""Files as streams of bytes: decompressed by their content, with a foreign encoding recognised."""

import bz2
import contextlib
import gzip
import lzma
import zipfile
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import Protocol

import pyarrow as pa

from manymasks.errors import UserError

BLOCK = 2**20
HEAD = 4096
"""Bytes by which an encoding is recognised."""
BYTE_ORDER_MARKS = {
    b"\xff\xfe\0\0": "UTF-32",
    b"\0\0\xfe\xff": "UTF-32",
    b"\xff\xfe": "UTF-16",
    b"\xfe\xff": "UTF-16",
}
DAMAGED = (EOFError, zlib.error, lzma.LZMAError, zipfile.BadZipFile, gzip.BadGzipFile, OSError)


class Readable(Protocol):
    """An open file, as far as it is read here."""

    def read(self, size: int, /) -> bytes:
        """At most `size` bytes; none at the end."""
        ...


@contextlib.contextmanager
def explained(path: Path) -> Iterator[None]:
    """Turn errors of reading and decompression inside the block into UserError."""
    try:
        yield
    except DAMAGED as error:
        reason = getattr(error, "strerror", None) or error
        raise UserError(
            f"{path}: cannot be read ({reason}). Is the file complete? Replace it, or take it "
            "from the corpus."
        ) from error


def streams(path: Path) -> Iterator[tuple[str, Readable]]:
    """Each stream of a file with its name in messages: the members of a zip file, or else the file
    itself. gzip, Zstandard, bzip2, xz and zip are recognised by their first bytes."""
    with path.open("rb") as file:
        start = file.read(6)
        if start.startswith(b"PK\x03\x04"):
            with zipfile.ZipFile(path) as archive:
                for member in archive.infolist():
                    if not member.is_dir():
                        with archive.open(member) as stream:
                            yield f"{path}:{member.filename}", stream
            return
        file.seek(0)
        if start.startswith(b"\x1f\x8b"):
            with gzip.open(file) as stream:
                yield str(path), stream
        elif start.startswith(b"\x28\xb5\x2f\xfd"):
            with pa.CompressedInputStream(pa.PythonFile(file), "zstd") as stream:
                yield str(path), stream
        elif start.startswith(b"BZh"):
            with bz2.open(file) as stream:
                yield str(path), stream
        elif start == b"\xfd7zXZ\0":
            with lzma.open(file) as stream:
                yield str(path), stream
        else:
            yield str(path), file


class Source:
    """A stream that is read in blocks or lines of bounded length, without a UTF-8 mark."""

    def __init__(self, name: str, stream: Readable) -> None:
        self.name = name
        self._stream = stream
        self._waiting = self._fill(b"", HEAD)
        self.encoding = foreign_encoding(self._waiting)
        """Name of an encoding other than UTF-8, if the first bytes show one."""
        self._waiting = self._waiting.removeprefix(b"\xef\xbb\xbf")

    def read(self, size: int) -> bytes:
        """The next bytes, at least one unless the stream has ended."""
        if self._waiting:
            block, self._waiting = self._waiting, b""
            return block
        return self._stream.read(size)

    def lines(self, longest: int) -> Iterator[bytes | None]:
        """Lines with their line ends, which may be of any kind; None for a line of more than
        `longest` bytes."""
        waiting = b""
        is_too_long = False
        while block := self.read(BLOCK):
            # bytes.splitlines cuts at line feeds and carriage returns alone. The last line may go
            # on in the next block, even after a carriage return.
            *lines, waiting = (waiting + block).splitlines(keepends=True)
            for line in lines:
                yield None if is_too_long or len(line) > longest else line
                is_too_long = False
            if len(waiting) > longest:
                is_too_long = True
                waiting = waiting[-1:]
        if waiting:
            yield None if is_too_long or len(waiting) > longest else waiting

    def _fill(self, data: bytes, size: int) -> bytes:
        while len(data) < size and (block := self._stream.read(size - len(data))):
            data += block
        return data


def foreign_encoding(head: bytes) -> str | None:
    """The encoding that the first bytes of a file show, if it is not UTF-8: by its mark, or by the
    zero bytes at every second place."""
    for mark, name in BYTE_ORDER_MARKS.items():
        if head.startswith(mark):
            return name
    for parity, name in ((0, "UTF-16BE"), (1, "UTF-16LE")):
        zeros = head[parity::2].count(0)
        others = head[1 - parity :: 2].count(0)
        if len(head) >= 8 and zeros > len(head) // 5 and not others:
            return name
    return None
