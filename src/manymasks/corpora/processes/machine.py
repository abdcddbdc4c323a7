"""Processes as machines: states, and edges that say a token and lead to another state.

A machine is all that is needed to draw documents and to know, after any prefix, the law of what
comes next: the states that could have said the prefix, weighed by Bayes (Rabiner 1989, the
forward pass). Everything is float64 and exact up to its rounding; units are nats.

A process of matrices has its hidden states as states. A process of document layouts has what
must be remembered of a document so far: `machine_from_steps` finds the states.
Latents, such as who is speaking, are labels of states, so what the prefix says about them is a
sum over states.
"""

from collections.abc import Callable, Hashable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import numpy as np
import numpy.typing as npt
from scipy import sparse

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]

ENDED = -1
"""In place of a token where a document has ended."""
SUMS_TO_ONE = 1e-9
"""How far from 1 the probabilities of the edges of a state may add up."""


@dataclass(frozen=True)
class Drawn:
    """Documents as they were drawn."""

    tokens: Ints
    """(documents, length); `ENDED` after the end of a document."""
    states: Ints
    """(documents, length + 1): the state before each token, and the last one."""


@dataclass(frozen=True, eq=False)
class Machine:
    """States and labelled edges between them.

    Args:
        vocabulary: the tokens' names; a token is its place among them.
        start: (states,) probabilities of the state before the first token.
        source, token, target: (edges,) each.
        probability: (edges,); those of the edges of one state add up to 1, and a state without
            edges is an end.
        latents: what is hidden, by name: (states,) its value in each state, or -1 where it is not
            decided yet.

    Raises:
        ValueError: where probabilities are negative or do not add up to 1.
    """

    vocabulary: tuple[str, ...]
    start: Floats
    source: Ints
    token: Ints
    target: Ints
    probability: Floats
    latents: Mapping[str, Ints] = field(default_factory=dict)

    def __post_init__(self) -> None:
        out = np.bincount(self.source, self.probability, minlength=self.states)
        has_edges = np.bincount(self.source, minlength=self.states) > 0
        if not (self.probability.min() >= 0 and self.start.min() >= 0):
            raise ValueError("a probability is negative or not a number")
        wrong = np.flatnonzero(has_edges & (np.abs(out - 1) > SUMS_TO_ONE))
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
        """(states, states): the law of the next state, whatever is said on the way."""
        shape = self.states, self.states
        return sparse.csr_array((self.probability, (self.source, self.target)), shape=shape)

    @cached_property
    def saying(self) -> tuple[sparse.csr_array, ...]:
        """For each token (states, states): the probability to say it and to be there then."""
        shape = self.states, self.states
        return tuple(
            sparse.csr_array(
                (self.probability[of], (self.source[of], self.target[of])), shape=shape
            )
            for of in (self.token == token for token in range(len(self.vocabulary)))
        )

    def draw(self, documents: int, length: int, rng: np.random.Generator) -> Drawn:
        """Documents of up to `length` tokens, those that have not ended by then cut off."""
        order = np.argsort(self.source, kind="stable")
        first = np.searchsorted(self.source[order], np.arange(self.states + 1))
        # Edges of state s end at s + their cumulative share: one search serves all states.
        ends = np.cumsum(self.probability[order])
        before = np.concatenate(([0.0], ends))[first]
        ends = self.source[order] + (ends - before[self.source[order]])
        states = np.full((documents, length + 1), -1, dtype=np.int64)
        tokens = np.full((documents, length), ENDED, dtype=np.int64)
        states[:, 0] = rng.choice(self.states, documents, p=self.start / self.start.sum())
        for t in range(length):
            here = states[:, t]
            going = np.flatnonzero(first[here + 1] > first[here])
            at = here[going]
            place = np.searchsorted(ends, at + rng.random(len(going)), side="right")
            # Rounding must not lead over the border to another state's edges.
            edge = order[np.clip(place, first[at], first[at + 1] - 1)]
            tokens[going, t] = self.token[edge]
            states[:, t + 1] = here
            states[going, t + 1] = self.target[edge]
        return Drawn(tokens, states)

    def beliefs(self, tokens: Ints) -> Iterator[Floats]:
        """What is known of the state, (documents, states), before each token and after the last.

        Rows are NaN from where no state can have said the prefix, and stay as they are from
        where a document has ended.

        Args:
            tokens: (documents, length).
        """
        belief = np.repeat(self.start[None], len(tokens), 0)
        yield belief
        for t in range(tokens.shape[1]):
            belief = self.updated(belief, tokens[:, t])
            yield belief

    def updated(self, belief: Floats, said: Ints) -> Floats:
        """Beliefs (documents, states) after one more token (documents,) of each."""
        found = belief.copy()
        for token in np.unique(said[said != ENDED]):
            of = np.flatnonzero(said == token)
            joint = belief[of] @ self.saying[token]
            with np.errstate(invalid="ignore", divide="ignore"):
                found[of] = joint / joint.sum(1, keepdims=True)
        return found

    def laws(self, tokens: Ints) -> Floats:
        """The law of each token given those before it, (documents, length, vocabulary)."""
        return np.stack([self.ahead(belief) for belief in self.beliefs(tokens[:, :-1])], 1)

    def ahead(self, belief: Floats, steps: int = 1) -> Floats:
        """The law of the token `steps` from here, (documents, vocabulary).

        It adds up to less than 1 where a document may have ended by then.
        """
        for _ in range(steps - 1):
            belief = belief @ self.transition
        return known(belief, belief @ self.emission)

    def joint(self, belief: Floats, steps: int) -> Floats:
        """The law of the next `steps` tokens together, (documents, vocabulary, ..., vocabulary)."""
        if steps == 1:
            return self.ahead(belief)
        parts = [self.joint(np.asarray(belief @ each), steps - 1) for each in self.saying]
        return np.stack(parts, 1)

    def posterior(self, belief: Floats, latent: str) -> Floats:
        """The law of a latent, (documents, values); its last column is: not decided yet."""
        labels = self.latents[latent]
        values = int(labels.max()) + 1
        shape = self.states, values + 1
        place = np.where(labels < 0, values, labels)
        sums = sparse.csr_array(
            (np.ones(self.states), (np.arange(self.states), place)), shape=shape
        )
        return known(belief, belief @ sums)


def known(belief: Floats, sums: Floats) -> Floats:
    """Sums over states (documents, values), NaN where of the state nothing can be known."""
    return np.where(np.isnan(belief).any(1, keepdims=True), np.nan, sums)


def entropy(law: Floats) -> Floats:
    """Entropy in nats of laws (..., values), with 0 ln 0 = 0."""
    safe = np.where(law > 0, law, 1.0)
    return np.asarray(-(law * np.log(safe)).sum(-1))


def divergence(truth: Floats, laws: Floats) -> Floats:
    """KL(truth || laws) in nats, of laws (..., values): infinite where the truth is ruled out."""
    with np.errstate(divide="ignore"):
        ratio = np.log(np.where(truth > 0, truth, 1.0)) - np.log(np.where(truth > 0, laws, 1.0))
    return np.asarray((truth * ratio).sum(-1))


def losses(laws: Floats, tokens: Ints) -> Floats:
    """-ln of what was said, (documents, length), from laws (documents, length, vocabulary).

    NaN after a document's end; infinite where what was said could not be said.
    """
    said = np.take_along_axis(laws, np.maximum(tokens, 0)[..., None], -1)[..., 0]
    with np.errstate(divide="ignore"):
        return np.where(tokens == ENDED, np.nan, -np.log(said))


def path_entropy(of: Machine) -> float:
    """The entropy in nats of the paths of a machine whose paths all end.

    Along a path the entropies of its start and of its edges add up (the chain rule), so this is
    the entropy of the start and the sum over states of expected visits by entropy of edges. It is
    the entropy of documents where no document can be said on two paths.
    """
    each = np.bincount(of.source, -of.probability * np.log(of.probability), minlength=of.states)
    total = float(entropy(of.start))
    state = of.start
    while state.sum() > 0:
        total += float(state @ each)
        state = state @ of.transition
    return total


Step = Callable[[Any], Iterable[tuple[float, str, Hashable]]]


def machine_from_steps(
    vocabulary: Sequence[str],
    start: Mapping[Any, float],
    step: Step,
    latents: Callable[[Any], Mapping[str, int]] = lambda state: {},
) -> Machine:
    """The machine of a step function.

    Args:
        vocabulary: the tokens' names.
        start: states a document may begin in, with their probabilities.
        step: a state -> its edges: probability, token, next state. None of them: an end.
        latents: a state -> the values of what is hidden, as far as they are decided.

    Raises:
        ValueError: as `Machine`; KeyError for a token that is not in the vocabulary.
    """
    ids = {name: i for i, name in enumerate(vocabulary)}
    places = {state: i for i, state in enumerate(start)}
    edges: list[tuple[int, int, int, float]] = []
    # States are found while they are gone through.
    for_each = list(start)
    for here, state in enumerate(for_each):
        for probability, token, target in step(state):
            if probability == 0:
                continue
            if target not in places:
                places[target] = len(places)
                for_each.append(target)
            edges.append((here, ids[token], places[target], probability))
    source, token_ids, target_ids, probabilities = (
        np.array(each) for each in zip(*edges, strict=True)
    )
    beginning = np.zeros(len(places))
    beginning[: len(start)] = list(start.values())
    labels = [latents(state) for state in for_each]
    names = sorted({name for each in labels for name in each})
    return Machine(
        vocabulary=tuple(vocabulary),
        start=beginning,
        source=source,
        token=token_ids,
        target=target_ids,
        probability=probabilities,
        latents={
            name: np.array([each.get(name, -1) for each in labels], dtype=np.int64)
            for name in names
        },
    )


def machine_from_matrices(
    vocabulary: Sequence[str], matrices: Floats, start: Floats | None = None
) -> Machine:
    """The machine of labelled matrices (vocabulary, states, states): p(say x, go to j | i).

    Without a start it begins in the stationary law.
    """
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
    """The law (states,) that (states, states) leaves as it is; where there are several, one."""
    states = len(transition)
    equations = np.vstack([transition.T - np.eye(states), np.ones(states)])
    found, *_ = np.linalg.lstsq(equations, np.eye(states + 1)[-1], rcond=None)
    return np.asarray(np.maximum(found, 0) / np.maximum(found, 0).sum())
