"""Records of a file: their text, or the reason why a record has none."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from manymasks.errors import UserError

LONGEST = 64 * 2**20
"""Bytes of the longest document: longer text is cut there, longer records are dropped."""
NOT_UTF8 = "not UTF-8"
TOO_LONG = f"longer than {LONGEST // 2**20} MiB"


@dataclass(frozen=True)
class Fault:
    """A record without text."""

    reason: str
    """The kind of fault, by which such records are counted."""
    example: str
    """Place and details of this one."""


Piece = str | Fault


def decoded(data: bytes, where: str) -> Piece:
    """Text of UTF-8 bytes."""
    try:
        return data.decode()
    except UnicodeDecodeError as error:
        return Fault(NOT_UTF8, f"{where}: byte 0x{data[error.start]:02x} at {error.start}")


def checked(text: str, where: str) -> Piece:
    """The text, unless it holds a lone surrogate, which no UTF-8 can spell."""
    try:
        size = len(text.encode())
    except UnicodeEncodeError as error:
        return Fault(NOT_UTF8, f"{where}: lone surrogate U+{ord(text[error.start]):04X}")
    return text if size <= LONGEST else Fault(TOO_LONG, f"{where}: {size} bytes")


class FieldPath:
    """A path to the text of a record: `text`, `a.b`, `messages[].content`.

    A field that has the whole path as its name wins over the path. Texts of a list are joined.
    """

    def __init__(self, path: str, between: str) -> None:
        self.path = path
        self.between = between
        self.steps = [step for part in path.split(".") for step in re.split(r"(?=\[\])", part)]
        if not all(self.steps) or any(
            step.startswith("[]") and step != "[]" for step in self.steps
        ):
            raise UserError(
                f"field: {path!r} is not a path to a field. Examples: text, a.b, messages[].content"
            )

    @property
    def root(self) -> str:
        """Name of the first field."""
        return self.steps[0]

    def text(self, record: dict[str, Any], where: str) -> Piece:
        """The text of a record; a null is empty text."""
        if self.path in record:
            return self._joined(record[self.path], (), where)
        if self.root not in record:
            return self._missing(record, where)
        return self._joined(record[self.root], tuple(self.steps[1:]), where)

    def text_of_root(self, value: Any, where: str) -> Piece:
        """The text inside the value of the first field."""
        return self._joined(value, tuple(self.steps[1:]), where)

    def _joined(self, value: Any, steps: tuple[str, ...], where: str) -> Piece:
        texts: list[str] = []
        for leaf in self._leaves(value, steps, where):
            if isinstance(leaf, Fault):
                return leaf
            texts.append(leaf)
        return checked(self.between.join(texts), where)

    def _leaves(self, value: Any, steps: tuple[str, ...], where: str) -> Iterator[Piece]:
        if value is None:
            yield ""
        elif not steps:
            if isinstance(value, str):
                yield value
            elif isinstance(value, bytes):
                yield decoded(value, where)
            else:
                kind = type(value).__name__
                yield Fault(
                    "not text", f"{where}: the field '{self.path}' holds a {kind}: {value!r:.60}"
                )
        elif steps[0] == "[]":
            if isinstance(value, list):
                for item in value:
                    yield from self._leaves(item, steps[1:], where)
            else:
                yield Fault("not a list", f"{where}: '{self.path}' expects a list: {value!r:.60}")
        elif isinstance(value, dict) and steps[0] in value:
            yield from self._leaves(value[steps[0]], steps[1:], where)
        else:
            yield self._missing(value, where)

    def _missing(self, record: Any, where: str) -> Fault:
        known = ", ".join(sorted(map(str, record))) if isinstance(record, dict) else "none"
        return Fault(
            f"without the field {self.path!r}", f"{where}: fields found: {known or 'none'}"
        )
