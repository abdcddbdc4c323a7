"""Families that generate whole windows, scored tokens included; severity 0 is the easiest window.

Each returns windows (windows, context + 1). The random numbers are the same at each severity: a
window has the same question, further away or among more alternatives.
"""

import numpy as np

from manymasks.errors import UserError
from manymasks.probes.windows import ProbeSource, Tokens

PAIRS = (("(", ")"), ("[", "]"), ("{", "}"), ("<", ">"))


def copy(source: ProbeSource, gap: float, generator: np.random.Generator) -> Tokens:
    """A random segment, a gap of random tokens, and the segment again, which is scored. An end of
    text and random tokens precede it. All tokens are uniform."""
    shape = source.windows.tokens.shape
    made = generator.choice(source.words, size=shape)
    segment = generator.choice(source.words, size=(shape[0], source.scored))
    made[:, 0] = source.end_of_text
    first = shape[1] - 2 * source.scored - int(gap)
    made[:, first : first + source.scored] = segment
    made[:, shape[1] - source.scored :] = segment
    return made


def recall(source: ProbeSource, pairs: float, generator: np.random.Generator) -> Tokens:
    """Pairs of a key and a value, one of the keys again, and its value, which is scored. A key is a
    token that occurs nowhere else; a value has as many tokens as are scored. Random tokens that are
    not keys precede the list. Raises UserError if the vocabulary is too small for so many keys."""
    count, width = source.windows.tokens.shape
    words, scored, pairs = source.words, source.scored, int(pairs)
    keys = min((width - 1) // (1 + scored) - 1, len(words) // 2)
    if pairs > keys:
        raise UserError(
            f"a recall probe of {pairs} pairs needs {2 * pairs} tokens to choose from, and the "
            f"tokenizer has {len(words)}: lower the probe's severities to {keys}"
        )
    made = np.empty((count, width), dtype=np.int64)
    for row in made:
        order = generator.permutation(words)
        row[:] = generator.choice(order[keys:], size=width)
        row[0] = source.end_of_text
        values = generator.choice(order[keys:], size=(keys, scored))
        question = int(generator.random() * pairs)
        # The queried pair is the first one drawn, so it is the same at every severity.
        listed = np.column_stack([order[:keys], values])[:pairs]
        listed[[0, question]] = listed[[question, 0]]
        tail = np.concatenate([listed.ravel(), listed[question]])
        row[width - len(tail) :] = tail
    return made


def brackets(source: ProbeSource, depth: float, generator: np.random.Generator) -> Tokens:
    """Brackets nested this deep at the end of a window of text; the last one, which closes the
    first, is scored. Raises UserError if the tokenizer has fewer than two kinds of brackets that
    are single tokens."""
    encoded = [np.concatenate(source.text.encode(pair)) for pair in PAIRS]
    single = [ids for ids in encoded if len(ids) == 2 and not source.text.unknown(ids)]
    if len(single) < 2:
        raise UserError(
            f"a brackets probe needs two kinds of {' '.join(a + b for a, b in PAIRS)} that are a "
            f"token each way, and the {source.text.kind} tokenizer has {len(single)}: remove "
            "the probe, or use a tokenizer of kind bpe or bytes"
        )
    kinds = np.array(single, dtype=np.int64)
    made = source.windows.tokens.copy()
    width, depth = made.shape[1], int(depth)
    drawn = generator.integers(len(kinds), size=(len(made), width // 2))[:, :depth]
    opening, closing = kinds[drawn, 0], kinds[drawn, 1]
    made[:, width - 2 * depth :] = np.concatenate([opening, closing[:, ::-1]], axis=1)
    return made
