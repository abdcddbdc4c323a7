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

import numpy as np

from manymasks.corpora.processes import chains, fork, hierarchy, masks, recall, tally
from manymasks.corpora.processes.machine import ENDED, Floats, Ints, Machine

CHAIN_LENGTH = 64
"""Tokens of a document of a single chain, BOS among them: as many as in `masks` and `tally`."""

COUNTED = "counted"
"""The stratum that every process has: 0 where a token counts, -1 where it does not. BOS never
counts, nor what is said after a document's end: there is nothing to predict in it."""

Strata = Mapping[str, Ints]
Laws = Callable[[Ints], Floats]


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
    strata: Callable[[Ints], Strata]
    """Tokens of whole documents -> by name of the stratum (documents, length)."""
    levels: Mapping[str, tuple[str, ...]]
    """The names of the values of each stratum."""
    posteriors: Callable[[Ints], Mapping[str, Floats]] = lambda tokens: {}
    """Tokens -> by name of what is hidden (documents, length, values): what the tokens up to and
    with each say of it. Rows add up to 1 from where it is decided, and are NaN before."""
    ablated: Mapping[str, Laws] = field(default_factory=dict)
    """By capability: the laws, as `laws`, of a predictor that lacks it. They are the truth where
    the capability does not matter."""


def of_machine(
    machine: Machine,
    length: int,
    strata: Callable[[Ints], Strata],
    levels: Mapping[str, tuple[str, ...]],
    ablated: Mapping[str, Laws],
    posteriors: Callable[[Ints], Mapping[str, Floats]] = lambda tokens: {},
) -> Process:
    """A process whose documents are what its machine says of a length."""
    return Process(
        vocabulary=machine.vocabulary,
        length=length,
        draw=lambda documents, rng: machine.draw(documents, length, rng).tokens,
        laws=machine.laws,
        strata=lambda tokens: counted(strata(tokens), tokens),
        levels={COUNTED: (COUNTED,), **levels},
        posteriors=posteriors,
        ablated=ablated,
    )


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
        functools.partial(
            posteriors_of,
            masks.masks(),
            {
                "mask": ("mask",),
                "letter_state": ("letter_state",),
                "state": ("mask", "letter_state"),
            },
        ),
    )


# ------------------------------------------------------------------------------------- tally


def of_tally(machine: Machine, ablated: Mapping[str, Laws]) -> Process:
    """`tally` or its control. Strata: role, W of the block, and W of the answers alone."""

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
    return of_machine(
        machine,
        tally.LENGTH,
        strata,
        {"role": tally.ROLES[1:], "pairs": by_pairs, "answers by W": by_pairs},
        ablated,
    )


# -------------------------------------------------------------------------------------- fork

EOS = fork.PLACE["EOS"]
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

    def draw(documents: int, rng: np.random.Generator) -> Ints:
        tokens = machine.draw(documents, fork.LENGTH, rng).tokens
        return np.where(tokens == ENDED, EOS, tokens)

    def laws(tokens: Ints) -> Floats:
        over = ended(tokens)
        found = machine.laws(np.where(over, ENDED, tokens))
        # The machine has nothing to say after the end: 0 of everything.
        found[over, EOS] += 1
        return found

    ablated = {
        "no-answer": lambda tokens: fork.guessed(laws(tokens), "A"),
        "forget-cue": lambda tokens: fork.guessed(laws(tokens), "RB"),
    }
    if eps:
        # Otherwise no document is asked what the rules disagree on.
        ablated["either-word"] = lambda tokens: fork.either_word(tokens, laws(tokens))
    return Process(
        vocabulary=machine.vocabulary,
        length=fork.LENGTH,
        draw=draw,
        laws=laws,
        strata=fork_strata,
        levels={COUNTED: (COUNTED,), "role": tuple(FORK_ROLES), "kind": tuple(fork.KINDS)},
        ablated=ablated,
    )


def ended(tokens: Ints) -> np.ndarray[tuple[int, ...], np.dtype[np.bool_]]:
    """Where a document of `fork` is over, (documents, length): after its first EOS."""
    is_end = tokens == EOS
    return np.asarray(np.cumsum(is_end, 1) - is_end > 0)


def fork_role(name: str) -> int:
    """The place in `FORK_ROLES` of what a token is."""
    return next(i for i, signs in enumerate(FORK_ROLES.values()) if name[0] in signs)


def fork_strata(tokens: Ints) -> Strata:
    """Strata of whole documents of `fork`; the kind can be read off its signs."""
    of_token = np.array([-1 if name == "BOS" else fork_role(name) for name in fork.VOCABULARY])
    role = np.where(ended(tokens), -1, of_token[tokens])
    is_twin = (tokens == fork.PLACE["?t"]).any(1)
    opens = tokens == fork.PLACE["("]
    marked = of_token[tokens] == list(FORK_ROLES).index("marked")
    # TWIN has a question of its own, PLAIN no brackets, and of the other two AFTER begins with
    # the marked word at depth 0.
    after = marked.argmax(1) < opens.argmax(1)
    names = list(fork.KINDS)
    kind = np.where(after, names.index("AFTER"), names.index("BEFORE"))
    kind[~opens.any(1)] = names.index("PLAIN")
    kind[is_twin] = names.index("TWIN")
    none = role < 0
    return {
        COUNTED: np.where(none, -1, 0),
        "role": role,
        "kind": np.where(none, -1, kind[:, None]),
    }


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
        strata=strata,
        levels={
            COUNTED: (COUNTED,),
            "role": roles,
            "answers by turn": tuple(str(turn + 1) for turn in range(pairs)),
        },
        ablated={"no-binding": recall.no_binding},
    )


def of_chain(machine: Machine) -> Process:
    """A single chain behind a BOS. No strata but that of what counts."""
    # The state before BOS is the last one, and none of the chain's.
    states = np.append(np.arange(machine.states), -1)
    labelled = dataclasses.replace(introduced(machine), latents={"state": states})
    hidden = functools.partial(posteriors_of, labelled, {"state": ("state",)})
    ablated = {
        "memoryless": functools.partial(chains.memoryless, labelled),
        "last-token": functools.partial(chains.last_token, labelled),
    }
    return of_machine(labelled, CHAIN_LENGTH, lambda tokens: {}, {}, ablated, hidden)


def introduced(machine: Machine) -> Machine:
    """A machine that says BOS first, which becomes token 0, and is then as it was."""
    first = np.flatnonzero(machine.start)
    bos = np.zeros_like(first)
    return Machine(
        vocabulary=("BOS", *machine.vocabulary),
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
        strata=functools.partial(counted, {}),
        levels={COUNTED: (COUNTED,)},
    )


# ------------------------------------------------------------------------------- by their name

MAKERS: Mapping[str, Callable[[], Process]] = {
    "masks": of_masks,
    "tally": lambda: of_tally(
        tally.tally(), {"no-binding": tally.no_binding, "no-reading": tally.no_reading}
    ),
    # Nothing is to be bound there, so the truth is what a predictor without binding says.
    "tally1": lambda: of_tally(tally.tally1(), {"no-binding": tally.tally1().laws}),
    "fork": lambda: of_fork(0.0),
    "recall": of_recall,
    "markov": lambda: of_chain(chains.markov()),
    "mess3": lambda: of_chain(chains.mess3()),
    "rrxor": lambda: of_chain(chains.rrxor()),
    "hierarchy": of_hierarchy,
}
NAMES = tuple(MAKERS)


@functools.cache
def process(name: str, eps: float = 0.0) -> Process:
    """The process of a name.

    Args:
        name: one of `NAMES`.
        eps: of `fork`: the share of its BEFORE documents that end with a question.

    Raises:
        KeyError: for another name.
        ValueError: where eps is no probability, or is given to another process.
    """
    if eps and name != "fork":
        raise ValueError(f"eps belongs to fork, not to {name}")
    return of_fork(eps) if eps else MAKERS[name]()
