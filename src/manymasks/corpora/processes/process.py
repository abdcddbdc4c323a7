"""A process as its analyses see it: documents, exact laws, strata, posteriors, ablated predictors.

Every document begins with BOS, which is token 0, and all documents of a process are equally long:
where a document of `fork` ends early, EOS repeats up to that length.
"""

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt

from manymasks.arrays import Floats, Ints
from manymasks.corpora.processes.machine import ENDED, Machine, entropy

BOS, EOS = "BOS", "EOS"
NOTHING: Mapping[str, Any] = {}

COUNTED = "counted"
"""The stratum that every process has: 0 where a token counts, -1 elsewhere. BOS and whatever
follows the end of a document never count: there is nothing to predict."""

ALL = ("all", "all")
"""The stratum and the level of all tokens that count."""

Strata = Mapping[str, Ints]
Laws = Callable[[Ints], Floats]
Prices = Mapping[tuple[str, str], float]
"""By stratum and level: nats per counted token of that level."""


@dataclass(frozen=True)
class Process:
    """What is known of a process. A value in `strata` is an index into `levels`, or -1 where the
    token is not in the stratum. A stratum may depend on later tokens of the document, such as its
    kind."""

    vocabulary: tuple[str, ...]
    """Names of the tokens. Token 0 is BOS: in a stream of documents it ends the previous one."""
    length: int
    """Tokens of every document, BOS included."""
    draw: Callable[[int, np.random.Generator], Ints]
    """Number of documents, generator -> tokens, (documents, length)."""
    laws: Laws
    """Tokens -> (documents, length, vocabulary): the law of each token given those before it.
    NaN after an impossible prefix, which no drawn document has."""
    ahead: Callable[[Ints, int], Floats]
    """Tokens, steps -> (documents, length, vocabulary): at each position, the law of the token
    `steps` later given the tokens up to this position. All zero beyond the end of the document."""
    strata: Callable[[Ints], Strata]
    """Tokens of whole documents -> by name of the stratum (documents, length)."""
    levels: Mapping[str, tuple[str, ...]]
    """The names of the values of each stratum."""
    posteriors: Callable[[Ints], Mapping[str, Floats]] = lambda tokens: {}
    """Tokens -> by name of the latent (documents, length, values): its posterior given the tokens
    up to each position. Rows sum to 1 once the latent is decided and are NaN before. The first
    latent is the one that matters most, such as the mask."""
    entropy_given_latent: Laws | None = None
    """Tokens -> (documents, length): the entropy of each token given the first latent and the
    prefix, averaged over the posterior. The entropy of `laws` minus this is the information of the
    latent about the token. None where nothing is hidden."""
    ablated: Mapping[str, Laws] = field(default_factory=dict)
    """By capability: the laws, as `laws`, of a predictor that lacks it. They equal the truth where
    the capability does not matter."""
    prices: Mapping[str, Prices] = field(default_factory=dict)
    """By capability what it is worth where that has a closed form: the expectation of
    KL(laws || ablated)."""
    predictable: str = COUNTED
    """The stratum of the tokens that earlier tokens predict: where it is not -1."""
    premise: int | None = None
    """Position of the token that tells what kind of document follows, if there is one."""
    pair_labels: Callable[[Ints], Mapping[str, Ints]] = lambda tokens: {}
    """Tokens -> by position relative to a pair of tokens (documents, length): 1 where the pair
    counts for a later answer, 0 where it does not, -1 at all other tokens."""


def process_from_machine(
    machine: Machine,
    length: int,
    strata: Callable[[Ints], Strata] = lambda tokens: {},
    levels: Mapping[str, tuple[str, ...]] = NOTHING,
    ablated: Mapping[str, Laws] = NOTHING,
    latents: Mapping[str, tuple[str, ...]] | None = None,
) -> Process:
    """A process whose documents are those of a machine, cut at a length; the first token is BOS. A
    document that ends early repeats EOS, and the repeats do not count. `latents`: by name those of
    the machine that are joined into one; `entropy_given_latent` conditions on the first one."""
    eos = machine.vocabulary.index(EOS) if EOS in machine.vocabulary else None
    joined = {name: (name,) for name in machine.latents} if latents is None else latents

    def is_over(tokens: Ints) -> npt.NDArray[np.bool_]:
        is_end = tokens == (ENDED if eos is None else eos)
        return np.asarray(np.cumsum(is_end, 1) - is_end > 0)

    def without_padding(tokens: Ints) -> Ints:
        return np.where(is_over(tokens), ENDED, tokens)

    def draw(documents: int, rng: np.random.Generator) -> Ints:
        tokens = machine.draw(documents, length, rng).tokens
        return tokens if eos is None else np.where(tokens == ENDED, eos, tokens)

    def laws(tokens: Ints) -> Floats:
        law = machine.laws(without_padding(tokens))
        # After the end the machine gives every token the probability 0.
        if eos is not None:
            law[is_over(tokens), eos] += 1
        return law

    def ahead(tokens: Ints, steps: int) -> Floats:
        _, *beliefs = machine.beliefs(without_padding(tokens))
        law = np.stack([machine.ahead(belief, steps) for belief in beliefs], 1)
        if eos is not None:
            law[..., eos] += np.maximum(1 - law.sum(-1), 0)
        return law

    def counted_strata(tokens: Ints) -> Strata:
        over = is_over(tokens)
        return {
            name: np.where(over, -1, values)
            for name, values in with_counted(strata(tokens), tokens).items()
        }

    first = next(iter(joined), None)
    return Process(
        vocabulary=machine.vocabulary,
        length=length,
        draw=draw,
        laws=laws,
        ahead=ahead,
        strata=counted_strata,
        levels={COUNTED: (COUNTED,), **levels},
        posteriors=lambda tokens: joint_posteriors(machine, joined, without_padding(tokens)),
        entropy_given_latent=None
        if first is None
        else lambda tokens: entropy_given(machine, first, without_padding(tokens)),
        ablated=ablated,
    )


def entropy_given(machine: Machine, latent: str, tokens: Ints) -> Floats:
    """`Process.entropy_given_latent` of a latent of a machine. "Undecided" counts as a value."""
    labels = machine.latents[latent]
    entropies = []
    for belief in machine.beliefs(tokens[:, :-1]):
        total = np.zeros(len(tokens))
        for value in np.unique(labels):
            joint = belief * (labels == value)
            weight = joint.sum(1)
            law = (joint @ machine.emission) / np.where(weight > 0, weight, 1.0)[:, None]
            total += weight * entropy(law)
        entropies.append(total)
    return np.stack(entropies, 1)


def with_counted(strata: Strata, tokens: Ints) -> Strata:
    """Strata with `COUNTED` added: every token but the first."""
    counted = np.zeros_like(tokens)
    counted[:, 0] = -1
    return {COUNTED: counted, **strata}


def joint_posteriors(
    machine: Machine, latents: Mapping[str, tuple[str, ...]], tokens: Ints
) -> dict[str, Floats]:
    """`Process.posteriors` of latents of a machine, each by itself or several together. The values
    of several latents together are numbered in C order: the last one varies fastest."""
    states = {}
    for name, parts in latents.items():
        values = [machine.latents[part] for part in parts]
        sizes = [int(value.max()) + 1 for value in values]
        joint = np.ravel_multi_index([np.maximum(value, 0) for value in values], sizes)
        is_decided = np.all([value >= 0 for value in values], axis=0)
        sums = np.eye(math.prod(sizes))[joint]
        states[name] = np.where(is_decided[:, None], sums, 0.0), is_decided
    posteriors: dict[str, list[Floats]] = {name: [] for name in latents}
    _, *beliefs = machine.beliefs(tokens)
    for belief in beliefs:
        for name, (sums, is_decided) in states.items():
            decided = belief @ is_decided > 0.5
            posteriors[name].append(np.where(decided[:, None], belief @ sums, np.nan))
    return {name: np.stack(rows, 1) for name, rows in posteriors.items()}


def by_position(values: Ints, tokens: Ints) -> Ints:
    """Values of positions, (length,), repeated for each document: (documents, length)."""
    return np.repeat(values[None], len(tokens), 0)


def by_prefix(ahead: Callable[[Ints, int], Floats]) -> Callable[[Ints, int], Floats]:
    """`Process.ahead` from a function of prefixes: the law of the token `steps` from their end."""

    def laws(tokens: Ints, steps: int) -> Floats:
        return np.stack([ahead(tokens[:, : t + 1], steps) for t in range(tokens.shape[1])], 1)

    return laws


def with_bos(machine: Machine) -> Machine:
    """A machine that emits BOS first, which becomes token 0, and then behaves as before."""
    first = np.flatnonzero(machine.start)
    bos = np.zeros_like(first)
    return Machine(
        vocabulary=(BOS, *machine.vocabulary),
        start=np.eye(machine.states + 1)[-1],
        source=np.concatenate([machine.source, bos + machine.states]),
        token=np.concatenate([machine.token + 1, bos]),
        target=np.concatenate([machine.target, first]),
        probability=np.concatenate([machine.probability, machine.start[first]]),
        latents={name: np.append(values, -1) for name, values in machine.latents.items()},
    )
