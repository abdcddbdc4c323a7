"""Families that change the text of a context and encode it again.

Contexts are decoded from column 1 on, so a token that is cut in the middle of a character becomes
U+FFFD, only at the left end. Unchanged text may be encoded in different tokens, because BPE merges
depend on the text around them.
"""

import re
from collections.abc import Callable

import numpy as np

from manymasks.probes.windows import ProbeSource, Tokens


def character_noise(source: ProbeSource, rate: float, generator: np.random.Generator) -> Tokens:
    """Swap (with the next), delete, insert or double characters, with equal probability, at a rate.
    An inserted character comes from the same context."""
    return _edited(source, lambda text: _misspelt(text, rate, generator))


def case(source: ProbeSource, share: float, generator: np.random.Generator) -> Tokens:
    """Write a share of words in the other case or without the space before them."""
    return _edited(source, lambda text: _recased(text, share, generator))


def _edited(source: ProbeSource, edit: Callable[[str], str]) -> Tokens:
    texts = [edit(source.text.decode(tokens)) for tokens in source.context[:, 1:]]
    return source.from_the_right([ids.astype(np.int64) for ids in source.text.encode(texts)])


def _misspelt(text: str, rate: float, generator: np.random.Generator) -> str:
    hit = generator.random(len(text)) < rate
    kinds = generator.integers(4, size=len(text))
    others = generator.integers(max(len(text), 1), size=len(text))
    out: list[str] = []
    i = 0
    while i < len(text):
        character, following = text[i], text[i + 1 : i + 2]
        if not hit[i]:
            out.append(character)
        elif kinds[i] == 0:
            out.append(following + character)
            i += 1
        elif kinds[i] == 1:
            out.append(text[others[i]] + character)
        elif kinds[i] == 2:
            out.append(character + character)
        i += 1
    return "".join(out)


def _recased(text: str, share: float, generator: np.random.Generator) -> str:
    words = re.findall(r"\s*\S+|\s+$", text)
    hit = generator.random(len(words)) < share
    strip = generator.random(len(words)) < 0.5
    return "".join(
        (word.lstrip() if bare else word.swapcase()) if chosen else word
        for word, chosen, bare in zip(words, hit, strip, strict=True)
    )
