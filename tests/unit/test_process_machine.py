"""Machines: what they draw, and what they say of a prefix, against sums over every single path."""

import itertools
import math
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
import pytest
from example_processes import joint_law, latent_law
from hypothesis import given, settings
from hypothesis import strategies as st

from manymasks.corpora.processes.machine import (
    ENDED,
    Drawn,
    Machine,
    entropy,
    losses,
    machine_from_matrices,
    machine_from_steps,
    stationary,
)

# ------------------------------------------------------------------------------ by hand


@dataclass(frozen=True)
class Spec:
    """A machine as lists, for sums that share no code with the one under test."""

    tokens: int
    start: list[float]
    edges: list[list[tuple[float, int, int]]]
    """Of each state: probability, token, target."""
    labels: list[int]

    def machine(self) -> Machine:
        flat = [(s, *edge) for s, edges in enumerate(self.edges) for edge in edges]
        # In an order that is not that of the states.
        source, probability, token, target = (
            np.array(each) for each in zip(*reversed(flat), strict=True)
        )
        return Machine(
            vocabulary=tuple("xyz"[: self.tokens]),
            start=np.array(self.start),
            source=source,
            token=token,
            target=target,
            probability=probability,
            latents={"label": np.array(self.labels)},
        )

    def paths(self, length: int) -> Iterator[tuple[float, tuple[int, ...], int]]:
        """Every path of this many tokens: probability, what it says, where it ends."""
        for state, chance in enumerate(self.start):
            if chance:
                yield from self.on(chance, (), state, length)

    def on(
        self, chance: float, said: tuple[int, ...], state: int, length: int
    ) -> Iterator[tuple[float, tuple[int, ...], int]]:
        if len(said) == length:
            yield chance, said, state
            return
        for probability, token, target in self.edges[state]:
            yield from self.on(chance * probability, (*said, token), target, length)

    def mass(self, length: int) -> tuple[dict[Any, float], dict[Any, float]]:
        """p(said), and p(said, state then), for everything of this length that can be said."""
        of: dict[Any, float] = {}
        of_state: dict[Any, float] = {}
        for chance, said, state in self.paths(length):
            of[said] = of.get(said, 0.0) + chance
            of_state[said, state] = of_state.get((said, state), 0.0) + chance
        return of, of_state


@st.composite
def specs(draw: st.DrawFn) -> Spec:
    """Up to 4 states and 3 tokens: ends, doubled edges, silent tokens, states out of reach."""
    states, tokens = draw(st.integers(1, 4)), draw(st.integers(1, 3))
    edge = st.tuples(st.integers(1, 5), st.integers(0, tokens - 1), st.integers(0, states - 1))
    edges = []
    for state in range(states):
        given = draw(st.lists(edge, min_size=0 if state else 1, max_size=4))
        total = sum(weight for weight, _, _ in given)
        edges.append([(weight / total, token, target) for weight, token, target in given])
    weights = draw(st.lists(st.integers(0, 3), min_size=states, max_size=states))
    weights[0] += 1
    start = [weight / sum(weights) for weight in weights]
    labels = draw(st.lists(st.integers(-1, 2), min_size=states, max_size=states))
    return Spec(tokens, start, edges, labels)


LENGTH = 3
"""Tokens of the prefixes that are gone through."""


@settings(max_examples=60, deadline=None)
@given(specs())
def test_laws_and_beliefs_are_sums_over_paths(spec: Spec) -> None:
    machine = spec.machine()
    every = np.array(list(itertools.product(range(spec.tokens), repeat=LENGTH)))
    laws = machine.laws(every)
    assert laws.shape == (len(every), LENGTH, spec.tokens)
    beliefs = list(machine.beliefs(every))
    assert len(beliefs) == LENGTH + 1
    for length in range(LENGTH + 1):
        of, of_state = spec.mass(length)
        longer, _ = spec.mass(length + 1)
        for row, document in enumerate(every.tolist()):
            said = tuple(document[:length])
            if said not in of:
                assert np.isnan(beliefs[length][row]).all()
                continue
            expected = [of_state.get((said, s), 0) / of[said] for s in range(len(spec.start))]
            np.testing.assert_allclose(beliefs[length][row], expected, atol=1e-12)
            if length < LENGTH:
                law = [longer.get((*said, x), 0) / of[said] for x in range(spec.tokens)]
                np.testing.assert_allclose(laws[row, length], law, atol=1e-12)


@settings(max_examples=60, deadline=None)
@given(specs(), st.integers(1, 3))
def test_the_law_of_the_next_tokens_together_and_of_each(spec: Spec, steps: int) -> None:
    machine = spec.machine()
    start = machine.start[None]
    of, _ = spec.mass(steps)
    expected = np.zeros((spec.tokens,) * steps)
    for said, chance in of.items():
        expected[said] = chance
    joint = joint_law(machine, start, steps)
    assert joint.shape == (1, *expected.shape)
    np.testing.assert_allclose(joint[0], expected, atol=1e-12)
    # The last of them alone: the others summed out. Where a document has ended there is none.
    alone = joint.reshape(-1, spec.tokens).sum(0)
    np.testing.assert_allclose(machine.ahead(start, steps)[0], alone, atol=1e-12)
    assert alone.sum() == pytest.approx(sum(chance for chance, _, _ in spec.paths(steps)))
    # Beliefs in rows are on their own.
    two = joint_law(machine, np.vstack([machine.start, np.eye(machine.states)[0]]), steps)
    np.testing.assert_allclose(two[0], joint[0], atol=1e-15)


@settings(max_examples=60, deadline=None)
@given(specs())
def test_the_posterior_of_a_latent_is_a_sum_over_states(spec: Spec) -> None:
    machine = spec.machine()
    (*_, belief) = machine.beliefs(np.zeros((1, 2), dtype=np.int64))
    law = latent_law(machine, belief, "label")[0]
    values = max(spec.labels) + 1
    assert law.shape == (values + 1,)
    of, of_state = spec.mass(2)
    if (0, 0) not in of:
        assert np.isnan(belief).all()
        return
    expected = np.zeros(values + 1)
    for ((first, second), state), chance in of_state.items():
        if first == second == 0:
            # Python's -1 is the last column, that of what is not decided.
            expected[spec.labels[state]] += chance / of[0, 0]
    np.testing.assert_allclose(law, expected, atol=1e-12)


# ------------------------------------------------------------------------- a machine of words

# A document is x, then any number of y and z; z may end it. Its kind shows at the second token.
WORDS = Spec(
    tokens=3,
    start=[0.75, 0.0, 0.25, 0.0],
    edges=[
        [(1.0, 0, 1)],
        [(0.5, 1, 1), (0.2, 2, 2), (0.3, 2, 3)],
        [(0.25, 1, 2), (0.75, 2, 3)],
        [],
    ],
    labels=[-1, 0, 1, 1],
)


def test_frequencies_of_drawn_documents_follow_their_law() -> None:
    documents = 40_000
    drawn = WORDS.machine().draw(documents, 4, np.random.default_rng(0))
    found = Counter(tuple(token for token in row if token != ENDED) for row in drawn.tokens)
    expected: dict[tuple[int, ...], float] = {}
    for length in range(1, 5):
        for chance, said, state in WORDS.paths(length):
            if length == 4 or not WORDS.edges[state]:
                expected[said] = expected.get(said, 0) + chance
    assert sum(expected.values()) == pytest.approx(1)
    assert set(found) <= set(expected)
    for said, chance in expected.items():
        error = math.sqrt(chance * (1 - chance) / documents)
        assert found[said] / documents == pytest.approx(chance, abs=4.5 * error), said


def test_states_lie_beside_the_tokens_and_stay_at_the_end() -> None:
    machine = WORDS.machine()
    drawn = machine.draw(500, 6, np.random.default_rng(1))
    assert isinstance(drawn, Drawn)
    assert drawn.tokens.shape == (500, 6)
    assert drawn.states.shape == (500, 7)
    ends = 0
    for tokens, states in zip(drawn.tokens.tolist(), drawn.states.tolist(), strict=True):
        for token, here, there in zip(tokens, states, states[1:], strict=False):
            if token == ENDED:
                assert here == there == 3
                ends += 1
            else:
                assert any(edge[1:] == (token, there) for edge in WORDS.edges[here])
    assert ends > 100
    again = machine.draw(500, 6, np.random.default_rng(1))
    np.testing.assert_array_equal(drawn.tokens, again.tokens)
    other = machine.draw(500, 6, np.random.default_rng(2))
    assert (drawn.tokens != other.tokens).any()


def test_rare_edges_and_edges_of_no_probability() -> None:
    # Many states, so that the place among edges loses digits, and none may stray to a neighbour.
    states = 400
    matrices = np.zeros((3, states, states))
    ring = np.roll(np.eye(states), 1, axis=1)
    matrices[0], matrices[1] = 1e-3 * ring, (1 - 1e-3) * ring
    here = np.arange(states)
    machine = Machine(
        vocabulary=("rare", "often", "never"),
        start=np.full(states, 1 / states),
        source=np.tile(here, 3),
        token=np.repeat([2, 0, 1], states),
        target=np.tile((here + 1) % states, 3),
        probability=np.repeat([0.0, 1e-3, 1 - 1e-3], states),
    )
    drawn = machine.draw(2000, 50, np.random.default_rng(0))
    np.testing.assert_array_equal(np.diff(drawn.states, axis=1) % states, 1)
    counts = np.bincount(drawn.tokens.ravel(), minlength=3)
    assert counts[2] == 0
    assert counts[0] == pytest.approx(100, abs=45)
    np.testing.assert_array_equal(
        machine.transition.toarray(), machine_from_matrices("abc", matrices).transition.toarray()
    )


def test_nothing_follows_the_end_of_a_document() -> None:
    machine = WORDS.machine()
    tokens = np.array([[0, 2, 2, ENDED], [0, 2, ENDED, ENDED], [0, 1, 1, 1]])
    laws = machine.laws(tokens)
    # After x z the document is at its end with 0.6; after x z z surely.
    np.testing.assert_allclose(laws[0, 2], [0, 0.4 * 0.25, 0.4 * 0.75])
    np.testing.assert_allclose(laws[0, 3], 0, atol=1e-15)
    # The belief stays as it is, so the law does too.
    np.testing.assert_array_equal(laws[1, 3], laws[1, 2])
    found = losses(laws, tokens)
    np.testing.assert_array_equal(np.isnan(found), tokens == ENDED)
    np.testing.assert_allclose(found[0, :3], -np.log([0.75, 0.5, 0.3]))


def test_beliefs_are_nan_after_an_impossible_token() -> None:
    machine = WORDS.machine()
    tokens = np.array([[0, 0, 1], [0, 1, 1]])
    laws = machine.laws(tokens)
    found = losses(laws, tokens)
    assert found[0, 1] == np.inf
    assert np.isnan(found[0, 2])
    np.testing.assert_allclose(found[1], -np.log([0.75, 0.5, 0.5]))
    before = machine.start[None].copy()
    after = machine.updated(before, np.array([0]))
    assert np.isnan(machine.updated(after, np.array([0]))).all()
    assert np.isnan(machine.updated(np.full((1, 4), np.nan), np.array([1]))).all()
    # It takes nothing from what it is given.
    np.testing.assert_array_equal(before[0], machine.start)
    np.testing.assert_array_equal(machine.updated(after, np.array([ENDED])), after)


def test_a_latent_that_is_not_decided_yet() -> None:
    machine = WORDS.machine()
    laws = [
        latent_law(machine, belief, "label")[0] for belief in machine.beliefs(np.array([[0, 2]]))
    ]
    np.testing.assert_allclose(laws, [[0, 0.25, 0.75], [1, 0, 0], [0, 1, 0]], atol=1e-15)
    with pytest.raises(KeyError):
        latent_law(machine, machine.start[None], "other")


def test_a_prefix_is_as_likely_as_the_product_of_its_laws() -> None:
    machine = WORDS.machine()
    drawn = machine.draw(50, 5, np.random.default_rng(3))
    of = {said: p for n in range(1, 6) for said, p in WORDS.mass(n)[0].items()}
    total = np.nansum(losses(machine.laws(drawn.tokens), drawn.tokens), 1)
    for tokens, nats in zip(drawn.tokens, total, strict=True):
        assert nats == pytest.approx(-math.log(of[tuple(tokens[tokens != ENDED].tolist())]))


# ----------------------------------------------------------------------------------- building


def test_a_machine_of_steps() -> None:
    # Up to two letters that are remembered in order, then a stop and an end.
    def step(state: str) -> Iterator[tuple[float, str, str]]:
        if state == "end":
            return
        for letter in "ab":
            yield (0.25 if len(state) < 2 else 0.0), letter, "".join(sorted(state + letter))
        yield (0.5 if len(state) < 2 else 1.0), ".", "end"

    machine = machine_from_steps(
        "ab.", {"": 0.5, "a": 0.5}, step, lambda state: {"last": 1} if state == "bb" else {}
    )
    # "", a, b, aa, ab, bb, end: ab and ba are one, and what has no probability is not found.
    assert machine.states == 7
    assert machine.vocabulary == ("a", "b", ".")
    assert (machine.probability > 0).all()
    np.testing.assert_allclose(machine.start[:2], 0.5)
    assert sorted(machine.latents["last"].tolist()) == [-1] * 6 + [1]
    np.testing.assert_allclose(machine.laws(np.array([[0, 1, 2]]))[0, 0], [0.25, 0.25, 0.5])
    # Who begins at "a" has two letters after "a" and could not have said "b".
    np.testing.assert_allclose(machine.laws(np.array([[0, 1, 2]]))[0, 2], [0, 0, 1])


@pytest.mark.parametrize(
    ("start", "edges", "error"),
    [
        ({"s": 1.0}, [(0.5, "a", "s")], ValueError),
        ({"s": 1.0}, [(0.7, "a", "s"), (0.7, "b", "s")], ValueError),
        ({"s": 1.0}, [(1.5, "a", "s"), (-0.5, "b", "s")], ValueError),
        ({"s": 0.5}, [(1.0, "a", "s")], ValueError),
        ({"s": 1.5, "t": -0.5}, [(1.0, "a", "s")], ValueError),
        ({"s": 1.0}, [(1.0, "c", "s")], KeyError),
    ],
)
def test_rejects_values_that_are_no_log_probabilities(
    start: dict[str, float], edges: list[tuple[float, str, str]], error: type[Exception]
) -> None:
    with pytest.raises(error):
        machine_from_steps("ab", start, lambda state: edges)


def test_accepts_rounding_errors() -> None:
    machine = machine_from_steps(
        "abc", {"s": 1.0}, lambda state: [(0.1 + 0.2, "a", "s"), (0.7, "b", "s")]
    )
    assert machine.states == 1


def test_stationary_distribution() -> None:
    np.testing.assert_allclose(stationary(np.array([[0.9, 0.1], [0.3, 0.7]])), [0.75, 0.25])
    # A cycle has one too, although nothing settles there, and a state that is left for good.
    np.testing.assert_allclose(stationary(np.roll(np.eye(3), 1, axis=1)), 1 / 3)
    np.testing.assert_allclose(stationary(np.array([[0.5, 0.5], [0.0, 1.0]])), [0, 1], atol=1e-15)


@settings(max_examples=30, deadline=None)
@given(st.integers(2, 6), st.integers(0, 2**32 - 1))
def test_matrices_start_in_the_stationary_distribution(states: int, seed: int) -> None:
    rng = np.random.default_rng(seed)
    both = rng.dirichlet(np.ones(2 * states), states).reshape(states, 2, states)
    matrices = both.transpose(1, 0, 2)
    machine = machine_from_matrices("ab", matrices)
    np.testing.assert_allclose(machine.start @ matrices.sum(0), machine.start, atol=1e-10)
    np.testing.assert_allclose(machine.emission.toarray(), matrices.sum(2).T, atol=1e-15)
    np.testing.assert_allclose(machine.transition.toarray(), matrices.sum(0), atol=1e-15)
    for token in range(2):
        np.testing.assert_array_equal(machine.token_transitions[token].toarray(), matrices[token])
    # Nobody can tell how long it has been going on.
    np.testing.assert_allclose(
        machine.ahead(machine.start[None], 4), machine.ahead(machine.start[None]), atol=1e-10
    )
    assert machine_from_matrices("ab", matrices, np.eye(states)[1]).start.tolist() == list(
        np.eye(states)[1]
    )
    with pytest.raises(ValueError, match="add up"):
        machine_from_matrices("ab", matrices * 0.9, np.eye(states)[0])


def test_entropy_in_nats() -> None:
    laws = np.array([[0.5, 0.5, 0.0], [1.0, 0.0, 0.0], [1 / 3, 1 / 3, 1 / 3]])
    np.testing.assert_allclose(entropy(laws), [math.log(2), 0, math.log(3)], atol=1e-15)
    assert entropy(laws.reshape(3, 1, 3)).shape == (3, 1)
