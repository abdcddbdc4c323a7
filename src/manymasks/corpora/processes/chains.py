"""Single chains: Markov, where the last token is all there is to know, Mess3 and RRXOR.

They begin in their stationary law and go on for ever, so a document is what is drawn of a length
and there is no token before the first. The law of a token then depends on how many came before
it, but not on when one began to listen.
"""

import dataclasses
import functools
from collections.abc import Iterator

import numpy as np

from manymasks.corpora.processes.machine import (
    Floats,
    Ints,
    Machine,
    machine_from_matrices,
    machine_from_steps,
)
from manymasks.corpora.processes.process import Process, process_from_machine, with_bos


@functools.cache
def markov(seed: int = 0, symbols: int = 8, concentration: float = 1.0) -> Machine:
    """A chain of order 1 whose rows are drawn once, from a symmetric Dirichlet law.

    The next token's law is a function of the last token, which every position sees by itself.
    The best predictor is then within reach of a model that leaves nothing for later positions,
    and what myopic training loses is exactly 0.

    Args:
        seed: of the rows; documents have seeds of their own.
        symbols: the number of tokens, named by their numbers. A state is the last token.
        concentration: of the Dirichlet law; small makes rows that are nearly certain.
    """
    rng = np.random.default_rng(seed)
    rows = rng.dirichlet(np.full(symbols, concentration), symbols)
    to = np.eye(symbols)
    # (token, from, to): the token is the state that is gone to.
    return machine_from_matrices(
        tuple(str(i) for i in range(symbols)), rows.T[:, :, None] * to[:, None]
    )


@functools.cache
def mess3(x: float = 0.05, a: float = 0.85) -> Machine:
    """Mess3: three states, all hidden, and beliefs that never repeat (a fractal on the simplex).

    The state moves, to each of the other two with probability x, and then says its own letter
    with probability a, each other one with (1 - a) / 2. Where x is 0.05 and a is 0.85 the entropy
    rate is 0.7935 nats, and the first letters cost 1.0986, 0.8577, ..., 0.7947 (the fifth).
    The process and these values are those of Shai et al. 2024, arXiv:2405.15943.

    Latent: `letter_state`, the state that said the last letter.
    """
    here = np.eye(3)
    moves = (1 - 3 * x) * here + x
    says = (1 - a) / 2 + (a - (1 - a) / 2) * here
    # (token, from, to): the state that is gone to speaks.
    machine = machine_from_matrices(("a", "b", "c"), moves * says.T[:, None, :], np.full(3, 1 / 3))
    return dataclasses.replace(machine, latents={"letter_state": np.arange(3)})


@functools.cache
def rrxor() -> Machine:
    """RRXOR: two fair bits, then whether they differ, and again from the start.

    The document begins anywhere in a triple, and which token is the third has to be found out.
    Two tokens of three are fair, so the entropy rate is 2 ln 2 / 3 = 0.4621 nats; the first, the
    second and the fifth cost 0.6931, 0.6931 and 0.5987. The process is that of Shai et al. 2024,
    arXiv:2405.15943.

    Latent: `place`, how many tokens of the triple have been said, 0 to 2.
    """

    def step(here: tuple[int, int]) -> Iterator[tuple[float, str, tuple[int, int]]]:
        place, kept = here
        if place == 2:
            yield 1.0, str(kept), (0, 0)
            return
        for bit in (0, 1):
            # Of the first bit itself, of two bits only whether they differ must be kept.
            yield 0.5, str(bit), (place + 1, bit ^ kept)

    start = {(0, 0): 1 / 3, (1, 0): 1 / 6, (1, 1): 1 / 6, (2, 0): 1 / 6, (2, 1): 1 / 6}
    return machine_from_steps(("0", "1"), start, step, lambda here: {"place": here[0]})


# ------------------------------------------------------------------------- ablated predictors


def memoryless(machine: Machine, tokens: Ints) -> Floats:
    """Laws (documents, length, vocabulary) of a predictor that knows the position alone.

    What it costs at a position is what all earlier tokens together say of the one there.
    """
    states = _states(machine, tokens.shape[1])
    law = np.stack([machine.ahead(state[None])[0] for state in states])
    return np.repeat(law[None], len(tokens), 0)


def last_token(machine: Machine, tokens: Ints) -> Floats:
    """The same of one that knows the last token and the position: the best of all bigrams.

    NaN where the last token cannot be said at its position. Of a chain of order 1 it is the truth.
    """
    found = memoryless(machine, tokens)
    for t, state in enumerate(_states(machine, tokens.shape[1] - 1)):
        before = np.repeat(state[None], len(machine.vocabulary), 0)
        after = machine.updated(before, np.arange(len(machine.vocabulary)))
        found[:, t + 1] = machine.ahead(after)[tokens[:, t]]
    return found


def _states(machine: Machine, positions: int) -> Iterator[Floats]:
    """The law of the state (states,) before each position, whatever has been said."""
    state = machine.start
    for _ in range(positions):
        yield state
        state = state @ machine.transition


# ------------------------------------------------------------------------------ the processes

LENGTH = 64
"""Tokens of a document of a single chain, BOS included: as many as in `masks` and `tally`."""


def markov_process() -> Process:
    """`markov` behind a BOS."""
    return _chain_process(markov())


def mess3_process() -> Process:
    """`mess3` behind a BOS."""
    return _chain_process(mess3())


def rrxor_process() -> Process:
    """`rrxor` behind a BOS."""
    return _chain_process(rrxor())


def _chain_process(machine: Machine) -> Process:
    """A single chain behind a BOS, its state the only latent."""
    states = np.arange(machine.states)
    chain = with_bos(dataclasses.replace(machine, latents={"state": states}))
    ablated = {
        "memoryless": functools.partial(memoryless, chain),
        "last-token": functools.partial(last_token, chain),
    }
    return process_from_machine(chain, LENGTH, ablated=ablated)
