"""Pieces of text files, cut at a separator or at line ends."""

import re
from collections.abc import Iterator
from pathlib import Path

from manymasks.corpora.records import LONGEST, TOO_LONG, Fault, Piece, decoded
from manymasks.corpora.streams import BLOCK, Source, streams
from manymasks.errors import UserError

LINE_END = rb"(?>\r\n|\n|\r)"
"""Any kind of line end; atomic, so that CR LF is never two."""


class Separator:
    """The text between documents. A line end in it stands for any kind of line end."""

    def __init__(self, separator: str) -> None:
        if not separator:
            raise UserError(
                "separator: is empty, which would cut between all characters. Give the text "
                "between documents, or null to make each file one document."
            )
        self.text = separator
        normal = separator.replace("\r\n", "\n").replace("\r", "\n")
        self.plain = normal.encode()
        self.has_line_ends = "\n" in normal
        parts = (re.escape(part.encode()) for part in normal.split("\n"))
        self.pattern = re.compile(LINE_END.join(parts))
        self.longest = len(self.plain) + normal.count("\n")
        self.occurrences = 0
        self._first: tuple[str, bytes] | None = None

    def find(self, data: bytearray, start: int, is_end: bool) -> tuple[int, int] | None:
        """Begin and end of the next separator; None if there is none before the end of the data,
        where a separator may go on."""
        if not self.has_line_ends or b"\r" not in data:
            begin = data.find(self.plain, start)
            return None if begin < 0 else (begin, begin + len(self.plain))
        match = self.pattern.search(data, start)
        if match is None or (match.end() == len(data) and not is_end):
            return None
        return match.span()

    def observe(self, name: str, block: bytes) -> None:
        """Keep the start of the first file, for the message if the separator occurs nowhere."""
        if self._first is None and block:
            self._first = (name, block)

    def refuse_if_absent(self) -> None:
        """Raise UserError if no file so far had the separator."""
        if self.occurrences or self._first is None:
            return
        name, block = self._first
        ends = re.findall(LINE_END, block)
        counts = {end: ends.count(end) for end in (b"\n", b"\r\n", b"\r")}
        kinds = ", ".join(f"{n} of {end.decode()!r}" for end, n in counts.items() if n)
        quotes = (
            f' In YAML a backslash is an escape in double quotes alone: separator: "{self.text}".'
            if "\\" in self.text
            else ""
        )
        raise UserError(
            f"separator: {self.text!r} occurs in no file. {name} begins with {block[:60]!r}; line "
            f"ends at its start: {kinds or 'none'}.{quotes} Give the text between documents, or "
            "null to make each file one document."
        )


def read_text(path: Path, separator: Separator | None) -> Iterator[Piece]:
    """Pieces of a text file; without a separator each file (or member of a zip file) is one piece.
    Memory holds the longest piece, which is at most LONGEST bytes: longer text is cut at white
    space."""
    for name, stream in streams(path):
        source = Source(name, stream)
        if source.encoding is not None:
            yield Fault(f"{source.encoding}, not UTF-8", f"{name}: convert it to UTF-8")
            continue
        for number, data in enumerate(_pieces(source, separator)):
            yield decoded(data, f"{name}, piece {number}")


def read_text_lines(path: Path) -> Iterator[Piece]:
    """Lines of a text file, without their line ends."""
    for name, stream in streams(path):
        source = Source(name, stream)
        if source.encoding is not None:
            yield Fault(f"{source.encoding}, not UTF-8", f"{name}: convert it to UTF-8")
            continue
        for number, line in enumerate(source.lines(LONGEST), start=1):
            where = f"{name}:{number}"
            if line is None:
                yield Fault(TOO_LONG, where)
            else:
                yield decoded(line.rstrip(b"\r\n"), where)


def _pieces(source: Source, mark: Separator | None) -> Iterator[bytes]:
    waiting = bytearray()
    start = 0
    is_end = False
    while not is_end:
        block = source.read(BLOCK)
        is_end = not block
        waiting += block
        done = 0
        if mark is not None:
            mark.observe(source.name, block)
            while span := mark.find(waiting, start, is_end):
                yield bytes(waiting[done : span[0]])
                done = start = span[1]
                mark.occurrences += 1
        del waiting[:done]
        while len(waiting) > LONGEST:
            cut = _white_space(waiting)
            yield bytes(waiting[:cut])
            del waiting[:cut]
        # A separator may cross the border of blocks.
        start = 0 if mark is None else max(0, len(waiting) - mark.longest)
    if waiting or mark is None:
        yield bytes(waiting)


def _white_space(data: bytearray) -> int:
    """Where to cut a document that is too long: at its last white space, or else between two
    characters."""
    cut = max(data.rfind(space, LONGEST // 2, LONGEST) for space in (b"\n", b" "))
    if cut > 0:
        return cut + 1
    cut = LONGEST
    while cut > LONGEST - 4 and data[cut] & 0xC0 == 0x80:
        cut -= 1
    return cut
