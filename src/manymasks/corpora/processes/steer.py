"""`steer`: a choice, and letters that are easier to predict after some choices than after others.

18 tokens, 7 a document: BOS, a cue Q0..Q7, a choice C0..C3, SEP, three letters of a..d. The choice
depends on the cue alone, the letters on the choice alone: each is independently the choice's
favourite (a for C0, and so on) with one of the probabilities `FAVOURED`, and otherwise one of the
three others. SEP stands between, so that no letter is predicted at the position of the choice. With
uniform cues the logarithms of the probabilities of choices are rotations of one row and of its
reverse, so over cues they are uncorrelated with how easy the letters are.

In the three others cues Q4..Q7 are rare: each comes 4 times less often than the one before it, and
Q4 as much less than the common Q0..Q3. Choices after a rare cue are uniform, in all three, so that
whatever members do there is not of the rare cue's own law. They differ in the choices after common
cues: `steer-rare` has those of `steer`; in `steer-easy` they are weighted by exp(-cost / 2), as if
the authors preferred what is easy to predict; in `steer-hard`, its control, by exp(cost / 2).
"""

import dataclasses
import functools
from collections.abc import Callable, Hashable, Iterator, Mapping
from dataclasses import dataclass

import numpy as np

from manymasks.arrays import Floats, Ints
from manymasks.corpora.processes.machine import Machine, divergence, entropy, machine_from_steps
from manymasks.corpora.processes.process import (
    ALL,
    Process,
    Strata,
    by_position,
    process_from_machine,
    with_counted,
)
from manymasks.kinds.processes import PROCESSES

CUES, OPTIONS, LETTERS = 8, 4, 3
COMMON = 4
"""Cues that are common where the others are rare."""
FIRST_CUE, FIRST_CHOICE = 1, 1 + CUES
SEPARATOR = FIRST_CHOICE + OPTIONS
FIRST_LETTER = SEPARATOR + 1
VOCABULARY = PROCESSES["steer"].vocabulary
LENGTH = PROCESSES["steer"].length
ROLES = ("cue", "choice", "separator", "letter")

FAVOURED = (0.97, 0.85, 0.6, 0.25)
"""By choice: probability of its favourite letter."""
RARER = 4.0
"""How much less often a rare cue comes than the one before it."""
AUTHORS_BETA = 2.0
"""Nats of cost that change the odds of a choice by a factor of e, where authors choose by ease."""


def letter_laws() -> Floats:
    """Probabilities of a letter after each choice, (choices, letters)."""
    laws = np.repeat((1 - np.array(FAVOURED))[:, None] / (OPTIONS - 1), OPTIONS, axis=1)
    np.fill_diagonal(laws, FAVOURED)
    return laws


LETTER_LAWS = letter_laws()
COSTS: Floats = LETTERS * entropy(LETTER_LAWS)
"""By choice: nats of the letters after it, for a predictor that knows their law."""


@dataclass(frozen=True)
class SteerLaw:
    """Probabilities of cues and choices."""

    cues: Floats
    """(cues,)"""
    choices: Floats
    """After each cue, (cues, choices)."""
    common: int = CUES
    """Cues from this one on are rare."""
    ease: float = 0.0
    """By how much authors prefer ease after common cues, 1/nat; below 0 they prefer difficulty."""

    @property
    def has_rare_cues(self) -> bool:
        return self.common < len(self.cues)


def tilted(law: Floats, costs: Floats, ease: float) -> Floats:
    """A law (..., choices) weighted by exp(-ease x cost), with costs (choices,) in nats."""
    weights = law * np.exp(-ease * (costs - costs.mean()))
    return np.asarray(weights / weights.sum(-1, keepdims=True))


def even_law() -> SteerLaw:
    """All cues as often as each other."""
    row = np.array([0.4, 0.3, 0.2, 0.1])
    choices = [np.roll(rows, turn) for rows in (row, row[::-1]) for turn in range(CUES // 2)]
    return SteerLaw(np.full(CUES, 1 / CUES), np.stack(choices))


def rare_law(ease: float = 0.0) -> SteerLaw:
    """Rare cues, and authors who prefer ease after the common ones."""
    choices = even_law().choices
    cues = RARER ** -np.maximum(np.arange(CUES) - COMMON + 1.0, 0.0)
    choices[:COMMON] = tilted(choices[:COMMON], COSTS, ease)
    choices[COMMON:] = 1 / OPTIONS
    return SteerLaw(cues / cues.sum(), choices, COMMON, ease)


_LAWS: Mapping[str, Callable[[], SteerLaw]] = {
    "steer": even_law,
    "steer-rare": rare_law,
    "steer-easy": functools.partial(rare_law, 1 / AUTHORS_BETA),
    "steer-hard": functools.partial(rare_law, -1 / AUTHORS_BETA),
}


def steer_law(name: str) -> SteerLaw:
    """The law of a process by its name. Raises KeyError for a process of another kind."""
    return _LAWS[name]()


def machine_of(law: SteerLaw) -> Machine:
    """The machine of a law; its documents are to be cut after `LETTERS` letters."""

    def step(state: tuple[str, int]) -> Iterator[tuple[float, str, Hashable]]:
        kind, number = state
        if kind == "begin":
            yield 1.0, "BOS", ("cue", 0)
        elif kind == "cue":
            for cue, chance in enumerate(law.cues):
                yield float(chance), f"Q{cue}", ("choice", cue)
        elif kind == "choice":
            for choice, chance in enumerate(law.choices[number]):
                yield float(chance), f"C{choice}", ("separator", choice)
        elif kind == "separator":
            yield 1.0, "SEP", ("letter", number)
        else:
            for letter, chance in enumerate(LETTER_LAWS[number]):
                yield float(chance), "abcd"[letter], state

    return machine_from_steps(VOCABULARY, {("begin", 0): 1.0}, step)


def _process(name: str) -> Process:
    law = steer_law(name)
    chances = law.cues @ law.choices
    blind = chances @ LETTER_LAWS
    exact = process_from_machine(machine_of(law), LENGTH, _strata, {"role": ROLES})

    def no_cue(tokens: Ints) -> Floats:
        laws = exact.laws(tokens)
        laws[:, 2, FIRST_CHOICE:SEPARATOR] = chances
        return laws

    def no_choice(tokens: Ints) -> Floats:
        laws = exact.laws(tokens)
        laws[:, -LETTERS:, FIRST_LETTER:] = blind
        return laws

    # Means over the six tokens that count.
    counted = LENGTH - 1
    cue = law.cues @ divergence(law.choices, chances) / counted
    choice = LETTERS * (chances @ divergence(LETTER_LAWS, blind)) / counted
    return dataclasses.replace(
        exact,
        ablated={"no-cue": no_cue, "no-choice": no_choice},
        prices={"no-cue": {ALL: float(cue)}, "no-choice": {ALL: float(choice)}},
    )


def _strata(tokens: Ints) -> Strata:
    position = np.arange(tokens.shape[1])
    role = np.minimum(position - 1, len(ROLES) - 1)
    return with_counted({"role": by_position(role, tokens)}, tokens)


def steer_process() -> Process:
    """`steer` with the strata role: eight cues as often as each other, four choices, and letters
    that are easier to predict after some choices."""
    return _process("steer")


def rare_process() -> Process:
    """`steer` with four rare cues, after which choices are uniform."""
    return _process("steer-rare")


def easy_process() -> Process:
    """`steer-rare` whose authors choose by ease after common cues."""
    return _process("steer-easy")


def hard_process() -> Process:
    """`steer-rare` whose authors choose by difficulty after common cues."""
    return _process("steer-hard")
