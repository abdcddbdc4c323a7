"""Hidden Markov machines: states, and edges that emit a token and lead to another state.

A machine draws documents, and gives the exact law of the next token after any prefix: the
posterior over states given the prefix (Rabiner 1989, the forward pass). Everything is float64 and
exact up to rounding; units are nats.

A process of matrices has its hidden states as states. A process of document layouts has whatever
must be remembered of a document so far: `machine_from_steps` finds the states. Latents, such as
the mask that speaks, are labels of states, so their posteriors are sums over states.
"""

from collections.abc import Callable, Hashable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import numpy as np
from scipy import sparse

from manymasks.arrays import Floats, Ints

ENDED = -1
"""In place of a token after the end of a document."""
SUMS_TO_ONE = 1e-9
"""Tolerance of sums of probabilities."""


@dataclass(frozen=True)
class Drawn:
    """Documents and the states behind them."""

    tokens: Ints
    """(documents, length); `ENDED` after the end of a document."""
    states: Ints
    """(documents, length + 1): the state before each token, and the final one."""


@dataclass(frozen=True, eq=False)
class Machine:
    """States and labelled edges between them.

    A token is an index into the vocabulary. `start` has the probability of each state before the
    first token. `source`, `token`, `target`, `probability`: of each edge; edges of one state sum to
    1, else ValueError, and a state without edges ends the document. `latents`: by name the value of
    a hidden variable in each state, or -1 where it is not decided yet.
    """

    vocabulary: tuple[str, ...]
    start: Floats
    source: Ints
    token: Ints
    target: Ints
    probability: Floats
    latents: Mapping[str, Ints] = field(default_factory=dict)

    def __post_init__(self) -> None:
        sums = np.bincount(self.source, self.probability, minlength=self.states)
        has_edges = np.bincount(self.source, minlength=self.states) > 0
        if not (self.probability.min() >= 0 and self.start.min() >= 0):
            raise ValueError("a probability is negative or not a number")
        wrong = np.flatnonzero(has_edges & (np.abs(sums - 1) > SUMS_TO_ONE))
        if wrong.size or abs(self.start.sum() - 1) > SUMS_TO_ONE:
            raise ValueError(
                f"probabilities do not add up to 1: start {self.start.sum()}, states {wrong[:5]}"
            )

    @property
    def states(self) -> int:
        """Number of states."""
        return len(self.start)

    @cached_property
    def emission(self) -> sparse.csr_array:
        """(states, vocabulary): the law of the next token in each state."""
        shape = self.states, len(self.vocabulary)
        return sparse.csr_array((self.probability, (self.source, self.token)), shape=shape)

    @cached_property
    def transition(self) -> sparse.csr_array:
        """(states, states): the law of the next state, whatever token is emitted."""
        shape = self.states, self.states
        return sparse.csr_array((self.probability, (self.source, self.target)), shape=shape)

    @cached_property
    def token_transitions(self) -> tuple[sparse.csr_array, ...]:
        """For each token (states, states): the probability to emit it and go to a state."""
        matrices = []
        for token in range(len(self.vocabulary)):
            edges = self.token == token
            ends = self.source[edges], self.target[edges]
            matrices.append(
                sparse.csr_array((self.probability[edges], ends), shape=(self.states, self.states))
            )
        return tuple(matrices)

    def draw(self, documents: int, length: int, rng: np.random.Generator) -> Drawn:
        """Documents of at most `length` tokens; longer ones are cut off."""
        order = np.argsort(self.source, kind="stable")
        first = np.searchsorted(self.source[order], np.arange(self.states + 1))
        # Edges of state s end at s + their cumulative share, so one search serves all states.
        ends = np.cumsum(self.probability[order])
        before = np.concatenate(([0.0], ends))[first]
        ends = self.source[order] + (ends - before[self.source[order]])
        states = np.full((documents, length + 1), -1, dtype=np.int64)
        tokens = np.full((documents, length), ENDED, dtype=np.int64)
        states[:, 0] = rng.choice(self.states, documents, p=self.start / self.start.sum())
        for t in range(length):
            current = states[:, t]
            rows = np.flatnonzero(first[current + 1] > first[current])
            source = current[rows]
            drawn = np.searchsorted(ends, source + rng.random(len(rows)), side="right")
            # Rounding must not lead to an edge of another state.
            edge = order[np.clip(drawn, first[source], first[source + 1] - 1)]
            tokens[rows, t] = self.token[edge]
            states[:, t + 1] = current
            states[rows, t + 1] = self.target[edge]
        return Drawn(tokens, states)

    def beliefs(self, tokens: Ints) -> Iterator[Floats]:
        """Posterior of the state, (documents, states), before each token and after the last. Rows
        are NaN after an impossible prefix, and do not change after the end of a document. `tokens`
        (documents, length)."""
        belief = np.repeat(self.start[None], len(tokens), 0)
        yield belief
        for t in range(tokens.shape[1]):
            belief = self.updated(belief, tokens[:, t])
            yield belief

    def updated(self, belief: Floats, tokens: Ints) -> Floats:
        """Beliefs (documents, states) after one more token (documents,) of each."""
        posterior = belief.copy()
        for token in np.unique(tokens[tokens != ENDED]):
            rows = np.flatnonzero(tokens == token)
            joint = belief[rows] @ self.token_transitions[token]
            with np.errstate(invalid="ignore", divide="ignore"):
                posterior[rows] = joint / joint.sum(1, keepdims=True)
        return posterior

    def laws(self, tokens: Ints) -> Floats:
        """The law of each token given those before it, (documents, length, vocabulary)."""
        return np.stack([self.ahead(belief) for belief in self.beliefs(tokens[:, :-1])], 1)

    def ahead(self, belief: Floats, steps: int = 1) -> Floats:
        """The law of the token `steps` ahead, (documents, vocabulary). It sums to less than 1 where
        a document may have ended by then."""
        for _ in range(steps - 1):
            belief = belief @ self.transition
        impossible = np.isnan(belief).any(1, keepdims=True)
        return np.where(impossible, np.nan, belief @ self.emission)


def entropy(law: Floats) -> Floats:
    """Entropy in nats of laws (..., values), with 0 ln 0 = 0."""
    safe = np.where(law > 0, law, 1.0)
    return np.asarray(-(law * np.log(safe)).sum(-1))


def divergence(truth: Floats, laws: Floats) -> Floats:
    """KL(truth || laws) in nats, of laws (..., values): infinite if the laws rule out the truth."""
    with np.errstate(divide="ignore"):
        ratio = np.log(np.where(truth > 0, truth, 1.0)) - np.log(np.where(truth > 0, laws, 1.0))
    return np.asarray((truth * ratio).sum(-1))


def losses(laws: Floats, tokens: Ints) -> Floats:
    """-ln p of each token, (documents, length), from laws (documents, length, vocabulary). NaN
    after the end of a document; infinite for an impossible token."""
    probability = np.take_along_axis(laws, np.maximum(tokens, 0)[..., None], -1)[..., 0]
    with np.errstate(divide="ignore"):
        return np.where(tokens == ENDED, np.nan, -np.log(probability))


Step = Callable[[Any], Iterable[tuple[float, str, Hashable]]]


def machine_from_steps(
    vocabulary: Sequence[str],
    start: Mapping[Any, float],
    step: Step,
    latents: Callable[[Any], Mapping[str, int]] = lambda state: {},
) -> Machine:
    """The machine of a step function: a state -> its edges (probability, token, next state).

    `start`: initial states with their probabilities. `latents`: a state -> the values of the
    latents that are decided in it. Raises ValueError as `Machine`; KeyError for an unknown token.
    """
    ids = {name: i for i, name in enumerate(vocabulary)}
    numbers = {state: i for i, state in enumerate(start)}
    edges: list[tuple[int, int, int, float]] = []
    # The list grows while it is walked through.
    states = list(start)
    for number, state in enumerate(states):
        for probability, token, target in step(state):
            if probability == 0:
                continue
            if target not in numbers:
                numbers[target] = len(numbers)
                states.append(target)
            edges.append((number, ids[token], numbers[target], probability))
    source, token_ids, target_ids, probabilities = (
        np.array(column) for column in zip(*edges, strict=True)
    )
    initial = np.zeros(len(states))
    initial[: len(start)] = list(start.values())
    labels = [latents(state) for state in states]
    names = sorted({name for values in labels for name in values})
    return Machine(
        vocabulary=tuple(vocabulary),
        start=initial,
        source=source,
        token=token_ids,
        target=target_ids,
        probability=probabilities,
        latents={
            name: np.array([values.get(name, -1) for values in labels], dtype=np.int64)
            for name in names
        },
    )


def machine_from_matrices(
    vocabulary: Sequence[str], matrices: Floats, start: Floats | None = None
) -> Machine:
    """The machine of labelled matrices (vocabulary, states, states): p(token x, state j | state i).
    Without a start it begins in the stationary distribution."""
    token, source, target = np.nonzero(matrices)
    return Machine(
        vocabulary=tuple(vocabulary),
        start=stationary(matrices.sum(0)) if start is None else start,
        source=source,
        token=token,
        target=target,
        probability=matrices[token, source, target],
    )


def stationary(transition: Floats) -> Floats:
    """A stationary distribution (states,) of a transition matrix (states, states)."""
    states = len(transition)
    equations = np.vstack([transition.T - np.eye(states), np.ones(states)])
    solution, *_ = np.linalg.lstsq(equations, np.eye(states + 1)[-1], rcond=None)
    return np.asarray(np.maximum(solution, 0) / np.maximum(solution, 0).sum())
