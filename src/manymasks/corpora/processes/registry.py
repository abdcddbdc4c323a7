"""All processes under one face: documents, exact laws, what each token is, ablated predictors.

Whoever measures members against the truth needs no more than this. Every document begins with
BOS, which is token 0, and all documents of a process are equally long: one of `fork` that ends
early says EOS again until then.
"""

import dataclasses
import functools
import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt

from manymasks.corpora.processes import chains, fork, hierarchy, masks, recall, tally
from manymasks.corpora.processes.machine import ENDED, Floats, Ints, Machine, entropy
from manymasks.corpora.processes.shapes import SHAPES

CHAIN_LENGTH = 64
"""Tokens of a document of a single chain, BOS among them: as many as in `masks` and `tally`."""

BOS, EOS = "BOS", "EOS"
NOTHING: Mapping[str, Any] = {}

COUNTED = "counted"
"""The stratum that every process has: 0 where a token counts, -1 where it does not. BOS never
counts, nor what is said after a document's end: there is nothing to predict in it."""

ALL = ("all", "all")
"""The stratum and the level of all tokens that count."""

Strata = Mapping[str, Ints]
Laws = Callable[[Ints], Floats]
Prices = Mapping[tuple[str, str], float]
"""By stratum and level, nats per token of it that counts."""


@dataclass(frozen=True)
class Process:
    """What is known of a process.

    In `strata` each value is the place of its name in `levels`, or -1: the token is not of this
    stratum. A stratum may go by what a document says only later, such as its kind.
    """

    vocabulary: tuple[str, ...]
    """Names of the tokens. Token 0 is BOS: in a stream of documents it ends the one before."""
    length: int
    """Tokens of every document, BOS first."""
    draw: Callable[[int, np.random.Generator], Ints]
    """Number of documents, generator -> tokens, (documents, length)."""
    laws: Laws
    """Tokens -> (documents, length, vocabulary): the law of each token given those before it.
    NaN from where the prefix cannot be said, which in drawn documents is nowhere."""
    ahead: Callable[[Ints, int], Floats]
    """Tokens, steps -> (documents, length, vocabulary): at each place, the law of the token that
    many steps after it given those up to and with it. All zero beyond the end of every document."""
    strata: Callable[[Ints], Strata]
    """Tokens of whole documents -> by name of the stratum (documents, length)."""
    levels: Mapping[str, tuple[str, ...]]
    """The names of the values of each stratum."""
    posteriors: Callable[[Ints], Mapping[str, Floats]] = lambda tokens: {}
    """Tokens -> by name of what is hidden (documents, length, values): what the tokens up to and
    with each say of it. Rows add up to 1 from where it is decided, and are NaN before. The first
    name is that of the latent that matters most: who speaks, or how much is to be counted."""
    told: Laws | None = None
    """Tokens -> (documents, length): the mean entropy of each token for whoever is told that first
    latent, weighed by its posterior. What it is below the entropy of `laws` is the information
    that the latent has about the token. None where nothing is hidden."""
    ablated: Mapping[str, Laws] = field(default_factory=dict)
    """By capability: the laws, as `laws`, of a predictor that lacks it. They are the truth where
    the capability does not matter."""
    prices: Mapping[str, Prices] = field(default_factory=dict)
    """By capability what it is worth where that has a closed form: the expectation of
    KL(laws || ablated)."""


def of_machine(
    machine: Machine,
    length: int,
    strata: Callable[[Ints], Strata] = lambda tokens: {},
    levels: Mapping[str, tuple[str, ...]] = NOTHING,
    ablated: Mapping[str, Laws] = NOTHING,
    latents: Mapping[str, tuple[str, ...]] | None = None,
) -> Process:
    """A process whose documents are what its machine says of a length, the first token BOS.

    Documents that end before that end with EOS, and say it again until then: nothing is to be
    predicted there, so it does not count.

    Args:
        latents: by name of what is hidden, the latents of the machine that it is together, each by
            itself unless they are given. `told` tells of the first one alone.
    """
    eos = machine.vocabulary.index(EOS) if EOS in machine.vocabulary else None
    hidden = {name: (name,) for name in machine.latents} if latents is None else latents

    def over(tokens: Ints) -> npt.NDArray[np.bool_]:
        is_end = tokens == (ENDED if eos is None else eos)
        return np.asarray(np.cumsum(is_end, 1) - is_end > 0)

    def said(tokens: Ints) -> Ints:
        return np.where(over(tokens), ENDED, tokens)

    def draw(documents: int, rng: np.random.Generator) -> Ints:
        tokens = machine.draw(documents, length, rng).tokens
        return tokens if eos is None else np.where(tokens == ENDED, eos, tokens)

    def laws(tokens: Ints) -> Floats:
        found = machine.laws(said(tokens))
        # The machine has nothing to say after the end: 0 of everything.
        if eos is not None:
            found[over(tokens), eos] += 1
        return found

    def ahead(tokens: Ints, steps: int) -> Floats:
        _, *after = machine.beliefs(said(tokens))
        found = np.stack([machine.ahead(belief, steps) for belief in after], 1)
        if eos is not None:
            found[..., eos] += np.maximum(1 - found.sum(-1), 0)
        return found

    def all_strata(tokens: Ints) -> Strata:
        found = counted(strata(tokens), tokens)
        return {name: np.where(over(tokens), -1, each) for name, each in found.items()}

    first = next(iter(hidden), None)
    return Process(
        vocabulary=machine.vocabulary,
        length=length,
        draw=draw,
        laws=laws,
        ahead=ahead,
        strata=all_strata,
        levels={COUNTED: (COUNTED,), **levels},
        posteriors=lambda tokens: posteriors_of(machine, hidden, said(tokens)),
        told=None if first is None else lambda tokens: told_of(machine, first, said(tokens)),
        ablated=ablated,
    )


def told_of(machine: Machine, latent: str, tokens: Ints) -> Floats:
    """`Process.told` of a latent of a machine. To be told that it is not decided yet is to be told
    as well."""
    labels = machine.latents[latent]
    found = []
    for belief in machine.beliefs(tokens[:, :-1]):
        total = np.zeros(len(tokens))
        for value in np.unique(labels):
            joint = belief * (labels == value)
            weight = joint.sum(1)
            law = (joint @ machine.emission) / np.where(weight > 0, weight, 1.0)[:, None]
            total += weight * entropy(law)
        found.append(total)
    return np.stack(found, 1)


def counted(strata: Strata, tokens: Ints) -> Strata:
    """Strata with that of the tokens that count: all but the first one."""
    found = np.zeros_like(tokens)
    found[:, 0] = -1
    return {COUNTED: found, **strata}


def posteriors_of(
    machine: Machine, latents: Mapping[str, tuple[str, ...]], tokens: Ints
) -> dict[str, Floats]:
    """`Process.posteriors` of latents of a machine, each by itself or several together.

    Several together count as the digits of a number do, the last one fastest.
    """
    states = {}
    for name, parts in latents.items():
        values = [machine.latents[part] for part in parts]
        sizes = [int(each.max()) + 1 for each in values]
        of_state = np.ravel_multi_index([np.maximum(each, 0) for each in values], sizes)
        is_decided = np.all([each >= 0 for each in values], axis=0)
        sums = np.eye(math.prod(sizes))[of_state]
        states[name] = np.where(is_decided[:, None], sums, 0.0), is_decided
    found: dict[str, list[Floats]] = {name: [] for name in latents}
    _, *after = machine.beliefs(tokens)
    for belief in after:
        for name, (sums, is_decided) in states.items():
            decided = belief @ is_decided > 0.5
            found[name].append(np.where(decided[:, None], belief @ sums, np.nan))
    return {name: np.stack(each, 1) for name, each in found.items()}


def along(places: Ints, tokens: Ints) -> Ints:
    """What depends on the place alone, (length,), in each document, (documents, length)."""
    return np.repeat(places[None], len(tokens), 0)


# ------------------------------------------------------------------------------------- masks


def of_masks() -> Process:
    """`masks`. Strata: role, and the letters by whether they come before letter 32.

    The price of a window is over the later letters, that of the others over all of them
    (`masks.PRICED_OVER`).
    """
    half = masks.SECOND_HALF.start
    letters = masks.LENGTH - masks.OPENING

    def strata(tokens: Ints) -> Strata:
        place = np.arange(tokens.shape[1])
        letter = place - masks.OPENING
        late = np.where(letter < 0, -1, letter // half)
        return {
            "role": along(np.minimum(place - 1, 1), tokens),
            "letters": along(late, tokens),
        }

    def ablated(of_letters: Laws, tokens: Ints) -> Floats:
        found = masks.masks().laws(tokens)
        found[:, masks.OPENING :] = of_letters(tokens)
        return found

    return of_machine(
        masks.masks(),
        masks.LENGTH,
        strata,
        {"role": ("premise", "letter"), "letters": (f"1-{half}", f"{half + 1}-{letters}")},
        {name: functools.partial(ablated, each) for name, each in masks.ABLATED.items()},
        {
            "mask": ("mask",),
            "letter_state": ("letter_state",),
            "state": ("mask", "letter_state"),
        },
    )


# ------------------------------------------------------------------------------------- tally


def of_tally(
    machine: Machine, ablated: Mapping[str, Laws], answers: Mapping[str, Floats]
) -> Process:
    """`tally` or its control. Strata: role, W of the block, and W of the answers alone.

    Args:
        answers: by capability, (LONGEST + 1,): what an answer costs in the mean without it, by W.
    """

    def strata(tokens: Ints) -> Strata:
        role, pairs = tally.positions(tokens)
        # From here on BOS and blocks without an end are -1, and W counts from 0.
        block = np.maximum(pairs - 1, -1)
        is_answer = role == tally.ROLES.index("answer")
        return {
            "role": role - 1,
            "pairs": block,
            "answers by W": np.where(is_answer, block, -1),
        }

    by_pairs = tuple(str(pairs) for pairs in range(1, tally.LONGEST + 1))
    plain = of_machine(
        machine,
        tally.LENGTH,
        strata,
        {"role": tally.ROLES[1:], "pairs": by_pairs, "answers by W": by_pairs},
        ablated,
        {},
    )
    expected = tally.answers()

    def prices(costs: Floats) -> Prices:
        total = float(expected @ costs)
        by_w = {("answers by W", w): float(costs[int(w)]) for w in by_pairs}
        answer = {("role", "answer"): total / float(expected.sum())}
        return {ALL: total / (tally.LENGTH - 1), **answer, **by_w}

    return dataclasses.replace(
        plain,
        posteriors=lambda tokens: {"pairs": tally.unfinished(tokens)},
        told=functools.partial(tally.told, machine),
        prices={name: prices(costs) for name, costs in answers.items()},
    )


# -------------------------------------------------------------------------------------- fork

FORK_ROLES = {
    "cue": "RB",
    "filler": "f",
    "marked": "M",
    "bracket": "()",
    "question": "?",
    "answer": "A",
    "end": ".E",
}
"""What a token of `fork` is, by the first sign of its name. A full stop and the EOS after it, or
after an answer, are both `end`."""


def of_fork(eps: float) -> Process:
    """`fork`. Strata: role, and the kind of the document."""
    machine = fork.fork(eps)
    kinds = {"kind": ("kind",), "answer": ("answer",)}
    levels = {"role": tuple(FORK_ROLES), "kind": tuple(fork.KINDS)}
    plain = of_machine(machine, fork.LENGTH, fork_strata, levels, latents=kinds)
    ablated = {
        "no-answer": lambda tokens: fork.guessed(plain.laws(tokens), "A"),
        "forget-cue": lambda tokens: fork.guessed(plain.laws(tokens), "RB"),
    }
    if eps:
        # Otherwise no document is asked what the rules disagree on.
        ablated["either-word"] = lambda tokens: fork.either_word(tokens, plain.laws(tokens))
    prices = {name: {ALL: nats} for name, nats in fork.prices(eps).items()}
    return dataclasses.replace(plain, ablated=ablated, prices=prices)


def fork_role(name: str) -> int:
    """The place in `FORK_ROLES` of what a token is."""
    return next(i for i, signs in enumerate(FORK_ROLES.values()) if name[0] in signs)


def fork_strata(tokens: Ints) -> Strata:
    """Strata of whole documents of `fork`; the kind can be read off its signs."""
    of_token = np.array([-1 if name == "BOS" else fork_role(name) for name in fork.VOCABULARY])
    role = of_token[tokens]
    is_twin = (tokens == fork.PLACE["?t"]).any(1)
    opens = tokens == fork.PLACE["("]
    marked = role == list(FORK_ROLES).index("marked")
    # TWIN has a question of its own, PLAIN no brackets, and of the other two AFTER begins with
    # the marked word at depth 0.
    after = marked.argmax(1) < opens.argmax(1)
    names = list(fork.KINDS)
    kind = np.where(after, names.index("AFTER"), names.index("BEFORE"))
    kind[~opens.any(1)] = names.index("PLAIN")
    kind[is_twin] = names.index("TWIN")
    return {"role": role, "kind": np.where(role < 0, -1, kind[:, None])}


# ------------------------------------------------------------------------- recall and others


def of_recall() -> Process:
    """`recall`. Strata: role, and the answers by their turn."""
    pairs = recall.DEFAULT.pairs
    roles = ("key", "value", "question", "answer")

    def strata(tokens: Ints) -> Strata:
        place = np.arange(tokens.shape[1])
        asked = place > 2 * pairs
        role = np.where(place == 0, -1, (place - 1) % 2 + 2 * asked)
        turn = np.where(role == roles.index("answer"), (place - 1) // 2 - pairs, -1)
        by_place = {"role": along(role, tokens), "answers by turn": along(turn, tokens)}
        return counted(by_place, tokens)

    return Process(
        vocabulary=recall.DEFAULT.vocabulary,
        length=recall.DEFAULT.length,
        draw=recall.draw,
        laws=recall.laws,
        ahead=by_prefix(recall.ahead),
        strata=strata,
        levels={
            COUNTED: (COUNTED,),
            "role": roles,
            "answers by turn": tuple(str(turn + 1) for turn in range(pairs)),
        },
        ablated={"no-binding": recall.no_binding},
    )


def by_prefix(ahead: Callable[[Ints, int], Floats]) -> Callable[[Ints, int], Floats]:
    """`Process.ahead` from the law of the token some steps from the end of prefixes."""

    def found(tokens: Ints, steps: int) -> Floats:
        return np.stack([ahead(tokens[:, : t + 1], steps) for t in range(tokens.shape[1])], 1)

    return found


def of_chain(machine: Machine) -> Process:
    """A single chain behind a BOS. No strata but that of what counts."""
    states = np.arange(machine.states)
    labelled = introduced(dataclasses.replace(machine, latents={"state": states}))
    ablated = {
        "memoryless": functools.partial(chains.memoryless, labelled),
        "last-token": functools.partial(chains.last_token, labelled),
    }
    return of_machine(labelled, CHAIN_LENGTH, ablated=ablated)


def introduced(machine: Machine) -> Machine:
    """A machine that says BOS first, which becomes token 0, and is then as it was."""
    first = np.flatnonzero(machine.start)
    bos = np.zeros_like(first)
    return Machine(
        vocabulary=(BOS, *machine.vocabulary),
        start=np.eye(machine.states + 1)[-1],
        source=np.concatenate([machine.source, bos + machine.states]),
        token=np.concatenate([machine.token + 1, bos]),
        target=np.concatenate([machine.target, first]),
        probability=np.concatenate([machine.probability, machine.start[first]]),
        latents={name: np.append(each, -1) for name, each in machine.latents.items()},
    )


def of_hierarchy() -> Process:
    """The random hierarchy model whose rules are those of seed 0. Strata as of a chain."""
    grammar = hierarchy.grammar(np.random.default_rng(0))
    return Process(
        vocabulary=grammar.vocabulary,
        length=1 + grammar.leaves,
        draw=lambda documents, rng: hierarchy.draw(grammar, documents, rng)[0],
        laws=functools.partial(hierarchy.laws, grammar),
        ahead=by_prefix(functools.partial(hierarchy.ahead, grammar)),
        strata=functools.partial(counted, {}),
        levels={COUNTED: (COUNTED,)},
        posteriors=lambda tokens: {"root": hierarchy.roots(grammar, tokens)},
    )


# ------------------------------------------------------------------------------- by their name

MAKERS: Mapping[str, Callable[[], Process | Machine]] = {
    "masks": of_masks,
    "tally": lambda: of_tally(
        tally.tally(),
        {"no-binding": tally.no_binding, "no-reading": tally.no_reading},
        {"no-binding": tally.unbound(), "no-reading": tally.unread()},
    ),
    # Nothing is to be bound there, so the truth is what a predictor without binding says.
    "tally1": lambda: of_tally(
        tally.tally1(),
        {"no-binding": tally.tally1().laws},
        {"no-binding": np.zeros(tally.LONGEST + 1)},
    ),
    "fork": lambda: of_fork(0.0),
    "recall": of_recall,
    "markov": lambda: of_chain(chains.markov()),
    "mess3": lambda: of_chain(chains.mess3()),
    "rrxor": lambda: of_chain(chains.rrxor()),
    "hierarchy": of_hierarchy,
}
"""By name, what makes a process. A machine by itself will do: behind a BOS, if it says none, its
documents are of the length in `SHAPES`, and what is hidden in it are its latents."""


@functools.cache
def process(name: str, eps: float = 0.0) -> Process:
    """The process of a name.

    Args:
        name: one of `SHAPES`.
        eps: of `fork`: the share of its BEFORE documents that end with a question.

    Raises:
        KeyError: for another name.
        ValueError: where eps is no probability, or is given to another process.
    """
    if eps and name != "fork":
        raise ValueError(f"eps belongs to fork, not to {name}")
    if eps:
        return of_fork(eps)
    made = MAKERS[name]()
    if isinstance(made, Process):
        return made
    opened = made if made.vocabulary[0] == BOS else introduced(made)
    return of_machine(opened, SHAPES[name].length)
