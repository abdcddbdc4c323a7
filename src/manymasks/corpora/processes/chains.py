"""Single chains: a Markov chain of order 1, Mess3 and RRXOR.

They start in their stationary distribution and never end, so documents are cut at a length. The
law of a token then depends on the number of earlier tokens in the document alone, not on absolute
time.
"""

import dataclasses
import functools
from collections.abc import Iterator

import numpy as np

from manymasks.arrays import Floats, Ints
from manymasks.corpora.processes.machine import Machine, machine_from_matrices, machine_from_steps
from manymasks.corpora.processes.process import Process, process_from_machine, with_bos


@functools.cache
def markov(seed: int = 0, symbols: int = 8, concentration: float = 1.0) -> Machine:
    """A chain of order 1 whose rows are drawn once, from a symmetric Dirichlet distribution.

    The law of the next token depends on the last token alone, which its position sees directly. So
    a model that computes nothing for later positions can be optimal, and myopic training loses
    exactly 0. A small `concentration` gives nearly deterministic rows.
    """
    rng = np.random.default_rng(seed)
    rows = rng.dirichlet(np.full(symbols, concentration), symbols)
    target = np.eye(symbols)
    # (token, source, target): the token is the target state.
    return machine_from_matrices(
        tuple(str(i) for i in range(symbols)), rows.T[:, :, None] * target[:, None]
    )


@functools.cache
def mess3(x: float = 0.05, a: float = 0.85) -> Machine:
    """Mess3: three hidden states and beliefs that never repeat (a fractal on the simplex).

    The state moves, to each of the other two with probability x, and then emits its letter with
    probability a and each other letter with (1 - a) / 2. For x = 0.05 and a = 0.85 the entropy rate
    is 0.7935 nats, and the first letters cost 1.0986, 0.8577, ..., 0.7947 (the fifth), as in Shai
    et al. 2024, arXiv:2405.15943. Latent: `letter_state`, the state that emitted the last letter.
    """
    identity = np.eye(3)
    moves = (1 - 3 * x) * identity + x
    emissions = (1 - a) / 2 + (a - (1 - a) / 2) * identity
    # (token, source, target): the target state emits.
    machine = machine_from_matrices(
        ("a", "b", "c"), moves * emissions.T[:, None, :], np.full(3, 1 / 3)
    )
    return dataclasses.replace(machine, latents={"letter_state": np.arange(3)})


@functools.cache
def rrxor() -> Machine:
    """RRXOR: two fair bits, their exclusive or, and again from the start (Shai et al. 2024).

    The document begins anywhere in a triple, so the phase must be inferred. Two tokens of three are
    fair, so the entropy rate is 2 ln 2 / 3 = 0.4621 nats; the first, the second and the fifth cost
    0.6931, 0.6931 and 0.5987. Latent: `phase`, the number of tokens of the triple so far, 0 to 2.
    """

    def step(state: tuple[int, int]) -> Iterator[tuple[float, str, tuple[int, int]]]:
        phase, parity = state
        if phase == 2:
            yield 1.0, str(parity), (0, 0)
            return
        for bit in (0, 1):
            yield 0.5, str(bit), (phase + 1, bit ^ parity)

    start = {(0, 0): 1 / 3, (1, 0): 1 / 6, (1, 1): 1 / 6, (2, 0): 1 / 6, (2, 1): 1 / 6}
    return machine_from_steps(("0", "1"), start, step, lambda state: {"phase": state[0]})


# ------------------------------------------------------------------------- ablated predictors


def memoryless(machine: Machine, tokens: Ints) -> Floats:
    """Laws (documents, length, vocabulary) of a predictor that knows the position alone. Its price
    at a position is the information of all earlier tokens about the one there."""
    states = _state_laws(machine, tokens.shape[1])
    law = np.stack([machine.ahead(state[None])[0] for state in states])
    return np.repeat(law[None], len(tokens), 0)


def last_token(machine: Machine, tokens: Ints) -> Floats:
    """Laws of a predictor that knows the last token and the position: the best bigram. NaN after a
    token that is impossible at its position. For a chain of order 1 it is the truth."""
    laws = memoryless(machine, tokens)
    for t, state in enumerate(_state_laws(machine, tokens.shape[1] - 1)):
        before = np.repeat(state[None], len(machine.vocabulary), 0)
        after = machine.updated(before, np.arange(len(machine.vocabulary)))
        laws[:, t + 1] = machine.ahead(after)[tokens[:, t]]
    return laws


def _state_laws(machine: Machine, positions: int) -> Iterator[Floats]:
    """The unconditional law of the state (states,) before each position."""
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
