"""Where a text can be cut so that its pieces have the tokens of the whole.

The pattern of byte-level BPE (GPT-2's) matches from left to right without looking back. No match
holds a character that is not white space before one that is, and only matches of white space
look ahead. So a cut between the two leaves both sides as they are in the whole.
"""

from collections.abc import Iterator

SPACES = " \n\t\r"
"""White space to Python and to the pattern alike."""
CUT_AT = 2**16
"""Characters after which a text is cut at the next boundary."""
LONGEST_WORD = 2**18
"""Characters without a boundary after which a text is cut anyway: the memory of BPE grows with the
length of a word. Text with such words has other tokens there than it would have in one piece."""


def pieces(text: str, length: int = CUT_AT, longest: int = LONGEST_WORD) -> Iterator[str]:
    """Pieces of a text of about `length` characters, at most `length` + `longest`."""
    begin = 0
    while len(text) - begin > length:
        end = boundary(text, begin + length, longest)
        if end >= len(text):
            break
        yield text[begin:end]
        begin = end
    yield text[begin:] if begin else text


def boundary(text: str, start: int, longest: int) -> int:
    """The first place from `start` on, after a character that is not white space and before one of
    SPACES; `longest` characters later if there is none."""
    stop = min(len(text), start + longest)
    for place in range(max(1, start), stop):
        if text[place] in SPACES and not text[place - 1].isspace():
            return place
    return stop
