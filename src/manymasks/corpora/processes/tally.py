"""`tally`: a question at the end of a block, for which work can be done before it is asked.

A document is BOS and then blocks, packed up to a length, the last one cut off. A block is W pairs
of digits (a, b), W uniform on 1..6 and digits uniform on 0..3, then '=', then the number of pairs
that count, a token of its own: n0..n6. In `tally` a pair counts where a = b. In its control
`tally1` it counts where b = 0. In both each pair counts with probability 1/4, so the entropies of
all tokens are the same. But in `tally` somebody has to hold each a against its b, and nothing but
the answer rewards that work; in `tally1` there is nothing to bind.

W is not drawn ahead: after w pairs the block ends with probability 1 / (6 - w + 1), which is
P(W = w | W >= w). A state then holds the pairs so far, how many of them counted, and after an a
which b would count. The state is a function of the prefix.
"""

import dataclasses
import functools
import itertools
from collections.abc import Callable, Iterator, Mapping
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
from scipy.special import comb, factorial

from manymasks.corpora.processes.machine import (
    Floats,
    Ints,
    Machine,
    entropy,
    machine_from_steps,
)
from manymasks.corpora.processes.process import (
    ALL,
    Laws,
    Prices,
    Process,
    Strata,
    process_from_machine,
)
from manymasks.kinds.processes import PROCESSES

DIGITS = 4
LONGEST = 6
"""Most pairs in a block."""
LENGTH = PROCESSES["tally"].length
"""Tokens of a document, BOS among them."""

VOCABULARY = PROCESSES["tally"].vocabulary
"""13 tokens: BOS is 0, the digits 1..4, '=' 5, the answers 0..6 are 6..12."""
BOS = VOCABULARY.index("BOS")
FIRST_DIGIT = VOCABULARY.index("0")
EQUALS = VOCABULARY.index("=")
FIRST_ANSWER = VOCABULARY.index("n0")

ROLES = ("BOS", "a", "b", "=", "answer")
"""What a token is in its block. The latent `role` counts in this order."""


class State(NamedTuple):
    """What the next token depends on, and the role of the last one."""

    role: str
    pairs: int = 0
    hits: int = 0
    wanted: int = -1
    """After an a: the b that would count."""


@functools.cache
def tally() -> Machine:
    """A pair counts where a = b. Latents as `machine`."""
    return machine(lambda a: a)


@functools.cache
def tally1() -> Machine:
    """The control: a pair counts where b = 0, whatever a is. Latents as `machine`."""
    return machine(lambda a: 0)


def machine(wanted: Callable[[int], int]) -> Machine:
    """The machine of blocks in which a pair (a, b) counts where b = wanted(a).

    It does not end: documents are what is drawn of a length. Latents of a state: `role`, that of
    the last token said (-1 before BOS), as `ROLES`; `pairs`, how many pairs of the block are
    complete, which is W once '=' has been said; it is 0 again after the answer.
    """

    def step(state: State) -> Iterator[tuple[float, str, State]]:
        role, pairs, hits = state.role, state.pairs, state.hits
        if role == "":
            yield 1.0, "BOS", State("BOS")
        elif role == "=":
            yield 1.0, f"n{hits}", State("answer")
        elif role == "a":
            for b in range(DIGITS):
                yield 1 / DIGITS, str(b), State("b", pairs + 1, hits + (b == state.wanted))
        else:
            ends = 1 / (LONGEST - pairs + 1) if role == "b" else 0.0
            yield ends, "=", State("=", pairs, hits)
            for a in range(DIGITS):
                yield (1 - ends) / DIGITS, str(a), State("a", pairs, hits, wanted(a))

    def latents(state: State) -> dict[str, int]:
        if state.role == "":
            return {}
        return {"role": ROLES.index(state.role), "pairs": state.pairs}

    return machine_from_steps(VOCABULARY, {State(""): 1.0}, step, latents)


def optimum(of: Machine, length: int = LENGTH) -> Floats:
    """The least possible loss of each target in nats, (length - 1,): of all tokens but BOS.

    Only for machines whose state is a function of the prefix, as here: then the entropy of a
    position is the mean of the states' entropies, weighed by the law of the state.
    """
    each = entropy(of.emission.toarray())
    state = of.start @ of.transition
    found = []
    for _ in range(length - 1):
        found.append(state @ each)
        state = state @ of.transition
    return np.array(found)


def answers(length: int = LENGTH) -> Floats:
    """The expected number of answers in a document by W, (LONGEST + 1,); none at W = 0.

    With `ceiling` this prices a predictor: the sum over W of their product, by length - 1
    targets, in nats a target.
    """
    of = tally()
    found = np.zeros(LONGEST + 1)
    asked = np.flatnonzero(of.latents["role"] == ROLES.index("="))
    state = of.start
    for _ in range(length):
        np.add.at(found, of.latents["pairs"][asked], state[asked])
        state = state @ of.transition
    return found


# ---------------------------------------------------------------------- what each position is


def positions(tokens: Ints) -> tuple[Ints, Ints]:
    """Role and W of every position of documents, (documents, length) each.

    Roles count as `ROLES`. W is that of the block in which the position lies, also at positions
    where nobody could know it yet; -1 at BOS and in a last block that is cut off before its '='.

    Args:
        tokens: (documents, length), each beginning with BOS.
    """
    place = np.broadcast_to(np.arange(tokens.shape[1]), tokens.shape)
    opening = openings(tokens)
    role = np.where((place - opening) % 2 == 1, ROLES.index("a"), ROLES.index("b"))
    role[tokens == BOS] = ROLES.index("BOS")
    role[tokens == EQUALS] = ROLES.index("=")
    role[tokens >= FIRST_ANSWER] = ROLES.index("answer")
    # The first '=' at or after each place; a place beyond the end stands for none.
    none = tokens.shape[1]
    equals = np.where(tokens == EQUALS, place, none)
    following = np.minimum.accumulate(equals[:, ::-1], 1)[:, ::-1]
    closing = np.take_along_axis(following, np.maximum(opening, 0), 1)
    pairs = np.where((closing < none) & (tokens != BOS), (closing - opening - 1) // 2, -1)
    return role.astype(np.int64), pairs.astype(np.int64)


def openings(tokens: Ints) -> Ints:
    """The last place before each position with a BOS or an answer; -1 at the first position."""
    place = np.broadcast_to(np.arange(tokens.shape[1]), tokens.shape)
    border = np.where((tokens == BOS) | (tokens >= FIRST_ANSWER), place, -1)
    found = np.full_like(tokens, -1)
    found[:, 1:] = np.maximum.accumulate(border, 1)[:, :-1]
    return found


def unfinished(tokens: Ints) -> Floats:
    """What the tokens up to and with each say of W, (documents, length, LONGEST), from 1 on.

    Within a block it is that block's W: uniform on the numbers not below the pairs begun, and
    known from '=' on. At BOS and at an answer it is that of the block to come.
    """
    place = np.broadcast_to(np.arange(tokens.shape[1]), tokens.shape)
    since = place - openings(tokens)
    is_border = (tokens == BOS) | (tokens >= FIRST_ANSWER)
    is_known = tokens == EQUALS
    begun = np.where(is_known, (since - 1) // 2, (since + 1) // 2)
    begun = np.where(is_border, 1, begun)[..., None]
    count = np.arange(1, LONGEST + 1)
    likely = np.where(is_known[..., None], count == begun, count >= begun)
    return np.asarray(likely / likely.sum(-1, keepdims=True))


def entropy_given_pairs(machine: Machine, tokens: Ints) -> Floats:
    """The mean entropy of each token given W, (documents, length), nats.

    W only decides whether a token is '=', so this is the entropy of the other tokens.
    """
    laws = machine.laws(tokens)
    laws[..., EQUALS] = 0.0
    rest = laws.sum(-1)
    return np.asarray(rest * entropy(laws / np.where(rest > 0, rest, 1.0)[..., None]))


# ---------------------------------------------------------------------------- without binding


def doubles(firsts: Ints, seconds: Ints) -> Floats:
    """The law of the number of pairs with a = b where it is unknown which a goes with which b.

    All matchings of the a's with the b's are then equally likely, as pairs are independent and
    alike. Their number by doubles comes from the rook polynomial of a board of rectangles, one
    for each digit, and inclusion and exclusion (Riordan 1958, An Introduction to Combinatorial
    Analysis, chapter 7). All numbers on the way are whole and small, so float64 holds them.

    Args:
        firsts: (blocks, DIGITS), how many a's are each digit.
        seconds: (blocks, DIGITS), the same of the b's; as many in all.

    Returns:
        (blocks, LONGEST + 1).
    """
    sizes = np.arange(LONGEST + 1)
    rooks = np.zeros((len(firsts), LONGEST + 1))
    rooks[:, 0] = 1
    for digit in range(DIGITS):
        rows, columns = firsts[:, digit, None], seconds[:, digit, None]
        here = comb(rows, sizes) * comb(columns, sizes) * factorial(sizes)
        rooks = np.stack([(rooks[:, : k + 1] * here[:, k::-1]).sum(1) for k in sizes], 1)
    pairs = firsts.sum(1)[:, None]
    # Matchings in which k chosen doubles are sure, summed over the choices.
    chosen = rooks * factorial(np.maximum(pairs - sizes, 0))
    exactly = (-1.0) ** (sizes[:, None] - sizes) * comb(sizes[:, None], sizes)
    return np.asarray((chosen @ exactly) / factorial(pairs))


@functools.cache
def ceiling(pairs: int) -> float:
    """The least cross-entropy in nats of the answer in `tally` without binding, for W = `pairs`.

    Defined as H(count | W, the multiset of the a's, the multiset of the b's). A predictor that
    has seen all digits and knows which of them are a's and which are b's, but has not held any
    a against its b, can do no better. In `tally1` the multiset of the b's says the count: 0.
    """
    every = np.array(
        [each for each in itertools.product(range(pairs + 1), repeat=DIGITS) if sum(each) == pairs]
    )
    chance = factorial(pairs) / factorial(every).prod(1) / DIGITS**pairs
    firsts = np.repeat(every, len(every), 0)
    seconds = np.tile(every, (len(every), 1))
    return float(np.outer(chance, chance).ravel() @ entropy(doubles(firsts, seconds)))


def prior(pairs: Ints) -> Floats:
    """The law of the answer given W alone, (blocks, LONGEST + 1): binomial with 1/DIGITS."""
    counts = np.arange(LONGEST + 1)
    ways = comb(pairs[:, None], counts)
    missed = np.maximum(pairs[:, None] - counts, 0)
    return np.asarray(ways * (1 / DIGITS) ** counts * (1 - 1 / DIGITS) ** missed)


def unbound() -> Floats:
    """`ceiling` of each W, (LONGEST + 1,)."""
    return np.array([ceiling(pairs) for pairs in range(LONGEST + 1)])


def unread() -> Floats:
    """What an answer costs from W alone, (LONGEST + 1,): the entropy of `prior`."""
    return entropy(prior(np.arange(LONGEST + 1)))


def no_binding(tokens: Ints) -> Floats:
    """Laws (documents, length, vocabulary) of a predictor of `tally` that does not bind.

    As the truth, but at answers that of `doubles`: its loss there is `ceiling` in the mean.
    On `tally1` not to bind costs nothing, so there the truth stands for this predictor.
    """
    return with_answers(tokens, doubles)


def no_reading(tokens: Ints) -> Floats:
    """As `no_binding`, but answers are guessed from W alone, without a look at the digits."""
    return with_answers(tokens, lambda firsts, seconds: prior(firsts.sum(1)))


def with_answers(tokens: Ints, answer: Callable[[Ints, Ints], Floats]) -> Floats:
    """The laws of `tally`, at answers replaced by what is said of the numbers of each digit.

    Args:
        tokens: (documents, length), each beginning with BOS.
        answer: numbers of each digit among the a's and among the b's of the blocks,
            (blocks, DIGITS) each -> laws of the count, (blocks, LONGEST + 1).
    """
    laws = tally().laws(tokens)
    asked = np.zeros(tokens.shape, dtype=bool)
    asked[:, 1:] = tokens[:, :-1] == EQUALS
    # What cannot be in a document is NaN in the truth, and stays so.
    document, place = np.nonzero(asked & ~np.isnan(laws[..., 0]))
    opening = openings(tokens)[document, place]
    parity = (np.arange(tokens.shape[1]) - openings(tokens)) % 2
    counts = []
    for odd in (1, 0):
        is_digit = tokens[..., None] == FIRST_DIGIT + np.arange(DIGITS)
        running = np.cumsum(is_digit & (parity == odd)[..., None], 1)
        counts.append(running[document, place - 1] - running[document, opening])
    laws[document, place] = 0.0
    laws[document, place, FIRST_ANSWER:] = answer(*counts)
    return laws


# ------------------------------------------------------------------------------ the processes


def tally_process() -> Process:
    """`tally`, where each a must be bound to its b."""
    return _block_process(
        tally(),
        {"no-binding": no_binding, "no-reading": no_reading},
        {"no-binding": unbound(), "no-reading": unread()},
        lambda a, b: a == b,
    )


def tally1_process() -> Process:
    """`tally1`, the control: a predictor without binding is exact."""
    return _block_process(
        tally1(),
        {"no-binding": tally1().laws},
        {"no-binding": np.zeros(LONGEST + 1)},
        lambda a, b: b == FIRST_DIGIT,
    )


def _block_process(
    machine: Machine,
    ablated: Mapping[str, Laws],
    answer_costs: Mapping[str, Floats],
    counts: Callable[[Ints, Ints], npt.NDArray[np.bool_]],
) -> Process:
    """A process of blocks with the strata role, W of the block, and W of the answers alone.

    Args:
        answer_costs: by capability, (LONGEST + 1,): what an answer costs on average without it,
            by W.
        counts: which pairs count, from the tokens of their digits.
    """

    def strata(tokens: Ints) -> Strata:
        role, pairs = positions(tokens)
        # From here on BOS and blocks without an end are -1, and W counts from 0.
        block = np.maximum(pairs - 1, -1)
        is_answer = role == ROLES.index("answer")
        return {
            "role": role - 1,
            "pairs": block,
            "answers by W": np.where(is_answer, block, -1),
        }

    def pair_labels(tokens: Ints) -> dict[str, Ints]:
        """At b, the second digit of a pair, and at the next token where another pair begins.

        Where the next token is '=', a model may count the pair because it is asked to.
        """
        role, _ = positions(tokens)
        at_b = np.full(tokens.shape, -1)
        at_b[:, 1:] = counts(tokens[:, :-1], tokens[:, 1:])
        at_b[role != ROLES.index("b")] = -1
        at_next = np.full_like(at_b, -1)
        at_next[:, 1:] = at_b[:, :-1]
        at_next[role != ROLES.index("a")] = -1
        return {"b": at_b, "next": at_next}

    by_pairs = tuple(str(pairs) for pairs in range(1, LONGEST + 1))
    levels = {"role": ROLES[1:], "pairs": by_pairs, "answers by W": by_pairs}
    process = process_from_machine(machine, LENGTH, strata, levels, ablated, {})
    expected = answers()

    def prices(costs: Floats) -> Prices:
        total = float(expected @ costs)
        by_w = {("answers by W", w): float(costs[int(w)]) for w in by_pairs}
        answer = {("role", "answer"): total / float(expected.sum())}
        return {ALL: total / (LENGTH - 1), **answer, **by_w}

    return dataclasses.replace(
        process,
        posteriors=lambda tokens: {"pairs": unfinished(tokens)},
        entropy_given_latent=functools.partial(entropy_given_pairs, machine),
        prices={name: prices(costs) for name, costs in answer_costs.items()},
        pair_labels=pair_labels,
    )
