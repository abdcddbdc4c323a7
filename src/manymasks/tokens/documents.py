"""A stream of tokens by its documents, or from one end to the other."""

from collections.abc import Iterator, Sequence
from typing import Any, overload

import numpy as np

from manymasks.tokens.shards import Int64, TokenStream

PIECE = 2**20
"""Tokens that are read at once."""


def pieces(stream: TokenStream) -> Iterator[Int64]:
    """All positions of a stream, some at a time."""
    for begin in range(0, stream.positions, PIECE):
        length = min(PIECE, stream.positions - begin)
        yield stream.gather(np.array([begin]), length)[0]


class Documents(Sequence[tuple[str, Int64]]):
    """Documents of a stream, each read when it is asked for."""

    def __init__(self, stream: TokenStream) -> None:
        self._stream = stream

    def __len__(self) -> int:
        return len(self._stream.documents)

    @overload
    def __getitem__(self, place: int) -> tuple[str, Int64]: ...
    @overload
    def __getitem__(self, place: slice) -> list[tuple[str, Int64]]: ...
    def __getitem__(self, place: Any) -> Any:
        if isinstance(place, slice):
            return [self[i] for i in range(*place.indices(len(self)))]
        if not 0 <= place < len(self):
            raise IndexError(place)
        return self._stream.documents[place], self._stream.document(place)
