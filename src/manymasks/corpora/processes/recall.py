"""`recall`: pairs of a key and a value, then a question about each key.

A document is BOS, 4 pairs, then 4 questions: a key and its value, 17 tokens in all. Keys are 4 of
8, values 4 of 8, both without replacement, and the order of the questions is random. All documents
are equally likely, so each has the same surprise: 2 (ln 8 + ln 7 + ln 6 + ln 5) + ln 24 = 18.03
nats. Answers are certain. Without binding keys to values, the q-th answer is one of the 4 - q + 1
values that have not been given yet, and costs the logarithm of that number.

A `Machine` would need about 370,000 states for the pairs not asked yet. So the laws are written
down: whatever is open is uniform. Nothing is hidden, so there are no latents.
"""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from manymasks.arrays import Floats, Ints
from manymasks.corpora.processes import process


@dataclass(frozen=True)
class Sizes:
    """Pairs of a document, and keys and values to choose from."""

    pairs: int = 4
    keys: int = 8
    values: int = 8

    @property
    def length(self) -> int:
        """Tokens of a document: 17."""
        return 1 + 4 * self.pairs

    @property
    def vocabulary(self) -> tuple[str, ...]:
        """BOS, the keys and the values: 17 tokens."""
        keys = (f"K{i}" for i in range(self.keys))
        return ("BOS", *keys, *(f"V{i}" for i in range(self.values)))


DEFAULT = Sizes()


def draw(documents: int, rng: np.random.Generator, sizes: Sizes = DEFAULT) -> Ints:
    """Documents, (documents, length)."""
    n = sizes.pairs
    keys, values, order = (
        rng.permuted(np.tile(np.arange(size), (documents, 1)), axis=1)[:, :n]
        for size in (sizes.keys, sizes.values, n)
    )
    tokens = np.zeros((documents, sizes.length), dtype=np.int64)
    tokens[:, 1 : 2 * n + 1 : 2] = 1 + keys
    tokens[:, 2 : 2 * n + 1 : 2] = 1 + sizes.keys + values
    tokens[:, 2 * n + 1 :: 2] = 1 + np.take_along_axis(keys, order, 1)
    tokens[:, 2 * n + 2 :: 2] = 1 + sizes.keys + np.take_along_axis(values, order, 1)
    return tokens


def ahead(prefix: Ints, steps: int = 1, sizes: Sizes = DEFAULT) -> Floats:
    """The law of the token `steps` from the end of prefixes, (documents, vocabulary). All zero
    beyond the end of a document. `prefix` (documents, tokens), each possible."""
    documents, length = prefix.shape
    position = length + steps - 1
    law = np.zeros((documents, len(sizes.vocabulary)))
    if position == 0:
        law[:, 0] = 1
    if position == 0 or position >= sizes.length:
        return law
    n = sizes.pairs
    keys, values = prefix[:, 1 : 2 * n + 1 : 2] - 1, prefix[:, 2 : 2 * n + 1 : 2] - 1 - sizes.keys
    questions = prefix[:, 2 * n + 1 :: 2] - 1
    is_key = position % 2 == 1
    first, size = (1, sizes.keys) if is_key else (1 + sizes.keys, sizes.values)
    written = keys if is_key else values
    seen = occurring(written, size)
    if position <= 2 * n:
        law[:, first : first + size] = ~seen / (size - written.shape[1])
        return law
    # (documents, questions, pairs): which known pair each question is about.
    used = questions[:, :, None] == keys[:, None, :]
    if not is_key and steps == 1:
        answer = (used[:, -1] * values).sum(1)
        law[np.arange(documents), first + answer] = 1
        return law
    gone = questions
    if not is_key and questions.size:
        gone = (used * values[:, None, :]).sum(2)
    left = 1 / (n - questions.shape[1])
    law[:, first : first + size] = (seen & ~occurring(gone, size)) * left
    if written.shape[1] < n:
        # The pairs that are still to come share the rest of the probability.
        unseen = (n - written.shape[1]) / n / (size - written.shape[1])
        law[:, first : first + size] += ~seen * unseen
    return law


def occurring(ids: Ints, size: int) -> npt.NDArray[np.bool_]:
    """Which of 0..size-1 occur in ids (rows, any number), (rows, size)."""
    return np.asarray((ids[:, :, None] == np.arange(size)).any(1))


def laws(tokens: Ints, sizes: Sizes = DEFAULT) -> Floats:
    """The law of each token given those before it, (documents, length, vocabulary). NaN after an
    impossible prefix."""
    exact = np.full((*tokens.shape, len(sizes.vocabulary)), np.nan)
    possible = np.arange(len(tokens))
    for t in range(tokens.shape[1]):
        law = ahead(tokens[possible, :t], 1, sizes)
        exact[possible, t] = law
        possible = possible[law[np.arange(len(law)), tokens[possible, t]] > 0]
    return exact


def no_binding(tokens: Ints, sizes: Sizes = DEFAULT) -> Floats:
    """The laws of a predictor that binds no value to its key, as `laws`. The truth, except that an
    answer is any of the values that have not been given yet."""
    ablated = laws(tokens, sizes)
    n, first = sizes.pairs, 1 + sizes.keys
    written = occurring(tokens[:, 2 : 2 * n + 1 : 2] - first, sizes.values)
    for q in range(n):
        position = 2 * n + 2 + 2 * q
        possible = ~np.isnan(ablated[:, position, 0])
        given = occurring(tokens[:, 2 * n + 2 : position : 2] - first, sizes.values)
        ablated[possible, position] = 0
        ablated[possible, position, first:] = (written & ~given)[possible] / (n - q)
    return ablated


def recall_process() -> process.Process:
    """`recall` with the strata role and answers by their turn."""
    pairs = DEFAULT.pairs
    roles = ("key", "value", "question", "answer")

    def strata(tokens: Ints) -> process.Strata:
        position = np.arange(tokens.shape[1])
        is_asked = position > 2 * pairs
        role = np.where(position == 0, -1, (position - 1) % 2 + 2 * is_asked)
        turn = np.where(role == roles.index("answer"), (position - 1) // 2 - pairs, -1)
        by_name = {
            "role": process.by_position(role, tokens),
            "answers by turn": process.by_position(turn, tokens),
        }
        return process.with_counted(by_name, tokens)

    return process.Process(
        vocabulary=DEFAULT.vocabulary,
        length=DEFAULT.length,
        draw=draw,
        laws=laws,
        ahead=process.by_prefix(ahead),
        strata=strata,
        levels={
            process.COUNTED: (process.COUNTED,),
            "role": roles,
            "answers by turn": tuple(str(turn + 1) for turn in range(pairs)),
        },
        ablated={"no-binding": no_binding},
    )
