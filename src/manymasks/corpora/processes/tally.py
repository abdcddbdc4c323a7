"""`tally`: a question at the end of a block, which can be worked on before it is asked.

A document is BOS and then blocks, packed up to a length, the last one cut off. A block is W pairs
of digits (a, b), with W uniform on 1..6 and digits uniform on 0..3, then '=', then the number of
pairs that count, one of the tokens n0..n6. In `tally` a pair counts if a = b. In its control
`tally1` it counts if b = 0. In both, a pair counts with probability 1/4, so the entropies of all
tokens are the same. But `tally` requires binding each a to its b, which only the answer rewards;
`tally1` has nothing to bind.

W is not drawn in advance: after w pairs the block ends with probability 1 / (6 - w + 1), which is
P(W = w | W >= w). A state then holds the number of pairs so far, how many of them counted, and
after an a the b that would count. The state is a function of the prefix.
"""

import dataclasses
import functools
import itertools
from collections.abc import Callable, Iterator, Mapping
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
from scipy.special import comb, factorial

from manymasks.arrays import Floats, Ints
from manymasks.corpora.processes.machine import Machine, entropy, machine_from_steps
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
"""Tokens of a document, BOS included."""

VOCABULARY = PROCESSES["tally"].vocabulary
"""13 tokens: BOS is 0, the digits 1..4, '=' 5, the answers 0..6 are 6..12."""
BOS = VOCABULARY.index("BOS")
FIRST_DIGIT = VOCABULARY.index("0")
EQUALS = VOCABULARY.index("=")
FIRST_ANSWER = VOCABULARY.index("n0")

ROLES = ("BOS", "a", "b", "=", "answer")
"""Roles of a token in its block. The latent `role` counts in this order."""


class BlockState(NamedTuple):
    """What the next token depends on, and the role of the last one."""

    role: str
    pairs: int = 0
    hits: int = 0
    wanted: int = -1
    """After an a: the b that would count."""


@functools.cache
def tally() -> Machine:
    """A pair counts if a = b. Latents as `block_machine`."""
    return block_machine(lambda a: a)


@functools.cache
def tally1() -> Machine:
    """The control: a pair counts if b = 0, for any a. Latents as `block_machine`."""
    return block_machine(lambda a: 0)


def block_machine(wanted: Callable[[int], int]) -> Machine:
    """The machine of blocks in which a pair (a, b) counts if b = wanted(a); it never ends. Latents:
    `role` of the last token, as `ROLES` (-1 before BOS); `pairs`, the number of complete pairs of
    the block, which is W from '=' on and 0 again after the answer."""

    def step(state: BlockState) -> Iterator[tuple[float, str, BlockState]]:
        role, pairs, hits = state.role, state.pairs, state.hits
        if role == "":
            yield 1.0, "BOS", BlockState("BOS")
        elif role == "=":
            yield 1.0, f"n{hits}", BlockState("answer")
        elif role == "a":
            for b in range(DIGITS):
                yield 1 / DIGITS, str(b), BlockState("b", pairs + 1, hits + (b == state.wanted))
        else:
            ends = 1 / (LONGEST - pairs + 1) if role == "b" else 0.0
            yield ends, "=", BlockState("=", pairs, hits)
            for a in range(DIGITS):
                yield (1 - ends) / DIGITS, str(a), BlockState("a", pairs, hits, wanted(a))

    def latents(state: BlockState) -> dict[str, int]:
        if state.role == "":
            return {}
        return {"role": ROLES.index(state.role), "pairs": state.pairs}

    return machine_from_steps(VOCABULARY, {BlockState(""): 1.0}, step, latents)


def answers(length: int = LENGTH) -> Floats:
    """The expected number of answers in a document by W, (LONGEST + 1,); 0 at W = 0. With `ceiling`
    this prices a predictor: the sum over W of their products, divided by the length - 1 targets, in
    nats per target."""
    machine = tally()
    expected = np.zeros(LONGEST + 1)
    questions = np.flatnonzero(machine.latents["role"] == ROLES.index("="))
    state = machine.start
    for _ in range(length):
        np.add.at(expected, machine.latents["pairs"][questions], state[questions])
        state = state @ machine.transition
    return expected


# -------------------------------------------------------------------------- roles of positions


def positions(tokens: Ints) -> tuple[Ints, Ints]:
    """Role, as `ROLES`, and W of every position of documents, (documents, length) each. W is that
    of the block around the position, even where the prefix does not determine it; -1 at BOS and in
    a last block that is cut off before its '='."""
    position = np.broadcast_to(np.arange(tokens.shape[1]), tokens.shape)
    opening = openings(tokens)
    role = np.where((position - opening) % 2 == 1, ROLES.index("a"), ROLES.index("b"))
    role[tokens == BOS] = ROLES.index("BOS")
    role[tokens == EQUALS] = ROLES.index("=")
    role[tokens >= FIRST_ANSWER] = ROLES.index("answer")
    # The first '=' at or after each position; one beyond the end means none.
    none = tokens.shape[1]
    equals = np.where(tokens == EQUALS, position, none)
    following = np.minimum.accumulate(equals[:, ::-1], 1)[:, ::-1]
    closing = np.take_along_axis(following, np.maximum(opening, 0), 1)
    pairs = np.where((closing < none) & (tokens != BOS), (closing - opening - 1) // 2, -1)
    return role.astype(np.int64), pairs.astype(np.int64)


def openings(tokens: Ints) -> Ints:
    """The last position before each with a BOS or an answer; -1 at the first position."""
    position = np.broadcast_to(np.arange(tokens.shape[1]), tokens.shape)
    border = np.where((tokens == BOS) | (tokens >= FIRST_ANSWER), position, -1)
    last_border = np.full_like(tokens, -1)
    last_border[:, 1:] = np.maximum.accumulate(border, 1)[:, :-1]
    return last_border


def pairs_posterior(tokens: Ints) -> Floats:
    """The posterior of W given the tokens up to each, (documents, length, LONGEST), from 1 on.
    Within a block W is uniform on the numbers not below the pairs begun, and known from '=' on. At
    BOS and at an answer W is that of the next block."""
    position = np.broadcast_to(np.arange(tokens.shape[1]), tokens.shape)
    since = position - openings(tokens)
    is_border = (tokens == BOS) | (tokens >= FIRST_ANSWER)
    is_known = tokens == EQUALS
    begun = np.where(is_known, (since - 1) // 2, (since + 1) // 2)
    begun = np.where(is_border, 1, begun)[..., None]
    count = np.arange(1, LONGEST + 1)
    likely = np.where(is_known[..., None], count == begun, count >= begun)
    return np.asarray(likely / likely.sum(-1, keepdims=True))


def entropy_given_pairs(machine: Machine, tokens: Ints) -> Floats:
    """The mean entropy of each token given W, (documents, length), nats. W only decides whether a
    token is '=', so this is the entropy of the other tokens."""
    laws = machine.laws(tokens)
    laws[..., EQUALS] = 0.0
    rest = laws.sum(-1)
    return np.asarray(rest * entropy(laws / np.where(rest > 0, rest, 1.0)[..., None]))


# ---------------------------------------------------------------------------- without binding


def doubles(firsts: Ints, seconds: Ints) -> Floats:
    """The law of the number of pairs with a = b if it is unknown which a belongs to which b,
    (blocks, LONGEST + 1), from the numbers of a's and of b's of each digit (blocks, DIGITS).

    All matchings of the a's with the b's are then equally likely. Their number by doubles comes
    from the rook polynomial of a board of rectangles, one for each digit, and inclusion-exclusion
    (Riordan 1958, An Introduction to Combinatorial Analysis, chapter 7). All intermediate numbers
    are small integers, so float64 is exact.
    """
    sizes = np.arange(LONGEST + 1)
    rooks = np.zeros((len(firsts), LONGEST + 1))
    rooks[:, 0] = 1
    for digit in range(DIGITS):
        rows, columns = firsts[:, digit, None], seconds[:, digit, None]
        board = comb(rows, sizes) * comb(columns, sizes) * factorial(sizes)
        rooks = np.stack([(rooks[:, : k + 1] * board[:, k::-1]).sum(1) for k in sizes], 1)
    pairs = firsts.sum(1)[:, None]
    # Matchings that contain k chosen doubles, summed over the choices.
    chosen = rooks * factorial(np.maximum(pairs - sizes, 0))
    exactly = (-1.0) ** (sizes[:, None] - sizes) * comb(sizes[:, None], sizes)
    return np.asarray((chosen @ exactly) / factorial(pairs))


@functools.cache
def ceiling(pairs: int) -> float:
    """The least cross-entropy in nats of the answer in `tally` without binding, for W = `pairs`.
    This is H(count | W, the multiset of the a's, that of the b's): the optimum of a predictor that
    has read all digits but has bound no a to its b. In `tally1` the b's determine the count: 0."""
    multisets = np.array(
        [
            counts
            for counts in itertools.product(range(pairs + 1), repeat=DIGITS)
            if sum(counts) == pairs
        ]
    )
    chance = factorial(pairs) / factorial(multisets).prod(1) / DIGITS**pairs
    firsts = np.repeat(multisets, len(multisets), 0)
    seconds = np.tile(multisets, (len(multisets), 1))
    return float(np.outer(chance, chance).ravel() @ entropy(doubles(firsts, seconds)))


def prior(pairs: Ints) -> Floats:
    """The law of the answer given W alone, (blocks, LONGEST + 1): binomial with 1/DIGITS."""
    counts = np.arange(LONGEST + 1)
    ways = comb(pairs[:, None], counts)
    missed = np.maximum(pairs[:, None] - counts, 0)
    return np.asarray(ways * (1 / DIGITS) ** counts * (1 - 1 / DIGITS) ** missed)


def no_binding(tokens: Ints) -> Floats:
    """Laws (documents, length, vocabulary) of a predictor of `tally` that does not bind. The truth,
    except at answers, where the law is that of `doubles` and the loss is `ceiling` on average. In
    `tally1` binding is worth nothing, so there the truth stands for this predictor."""
    return with_answers(tokens, doubles)


def no_reading(tokens: Ints) -> Floats:
    """As `no_binding`, but answers are guessed from W alone, without reading the digits."""
    return with_answers(tokens, lambda firsts, seconds: prior(firsts.sum(1)))


def with_answers(tokens: Ints, answer: Callable[[Ints, Ints], Floats]) -> Floats:
    """The laws of `tally`, with other laws at answers. `tokens` (documents, length), each beginning
    with BOS. `answer`: numbers of each digit among the a's and among the b's of the blocks,
    (blocks, DIGITS) each -> laws of the count, (blocks, LONGEST + 1)."""
    laws = tally().laws(tokens)
    is_answer = np.zeros(tokens.shape, dtype=bool)
    is_answer[:, 1:] = tokens[:, :-1] == EQUALS
    # Laws after an impossible prefix stay NaN.
    document, position = np.nonzero(is_answer & ~np.isnan(laws[..., 0]))
    opening = openings(tokens)[document, position]
    parity = (np.arange(tokens.shape[1]) - openings(tokens)) % 2
    counts = []
    for odd in (1, 0):
        is_digit = tokens[..., None] == FIRST_DIGIT + np.arange(DIGITS)
        running = np.cumsum(is_digit & (parity == odd)[..., None], 1)
        counts.append(running[document, position - 1] - running[document, opening])
    laws[document, position] = 0.0
    laws[document, position, FIRST_ANSWER:] = answer(*counts)
    return laws


# ------------------------------------------------------------------------------ the processes


def tally_process() -> Process:
    """`tally`, where each a must be bound to its b."""
    pairs = np.arange(LONGEST + 1)
    without_binding = np.array([ceiling(count) for count in pairs.tolist()])
    return _block_process(
        tally(),
        {"no-binding": no_binding, "no-reading": no_reading},
        {"no-binding": without_binding, "no-reading": entropy(prior(pairs))},
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
    `answer_costs`: by capability, (LONGEST + 1,): what an answer costs on average without it, by W.
    `counts`: which pairs count, from the tokens of their digits."""

    def strata(tokens: Ints) -> Strata:
        role, pairs = positions(tokens)
        # Level 0 is W = 1; BOS and blocks without an end are -1.
        block = np.maximum(pairs - 1, -1)
        is_answer = role == ROLES.index("answer")
        return {"role": role - 1, "pairs": block, "answers by W": np.where(is_answer, block, -1)}

    def pair_labels(tokens: Ints) -> dict[str, Ints]:
        """At b, the second digit of a pair, and at the next token if another pair begins there. At
        '=' a model may count the pair because it is asked to."""
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
        posteriors=lambda tokens: {"pairs": pairs_posterior(tokens)},
        entropy_given_latent=functools.partial(entropy_given_pairs, machine),
        prices={name: prices(costs) for name, costs in answer_costs.items()},
        pair_labels=pair_labels,
    )
