"""Families of probes, a row each: what a severity is, in numbers and in words.

Settings and plans read this table, so it needs the standard library alone. To add a family, write
a function like those in `changes` and a row.
"""

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Literal


@dataclass(frozen=True)
class Unit:
    """What the severities of a family count."""

    text: str
    allows: Callable[[float], bool]


SHARE = Unit("shares of the context, above 0 and at most 1", lambda value: 0 < value <= 1)
FACTOR = Unit("times the context trained on, above 1", lambda value: value > 1)
TEMPERATURE = Unit("temperatures above 0", lambda value: value > 0)


def whole_numbers(least: int) -> Unit:
    """Whole numbers from `least` on."""
    return Unit(
        f"whole numbers from {least} on", lambda value: value >= least and value == int(value)
    )


@dataclass(frozen=True)
class Family:
    """How the contexts of a family are made."""

    text: str
    """What they are, for the documentation of the settings."""
    unit: Unit | None = None
    """None where there is severity 0 only."""
    severities: tuple[float, ...] = ()
    """Default severities."""
    meaning: str = ""
    """Description of a severity: {} is its number, {:%} its share."""
    change: str | None = None
    """`module:function` below the package, imported on first use. The function makes contexts
    (windows, context + 1 - scored) at a severity. None if the family leaves text unchanged, only
    lengthens it, or is written by models."""
    stage: Literal["probe", "self_written", "search"] = "probe"
    """The stage that makes them."""
    split: Literal["measure", "train"] = "measure"
    """Where the windows come from."""
    draws_anew: bool = False
    """Whether each severity draws other random numbers, so that changes are not nested."""
    easiest: float | None = None
    """Severity 0 of a family that generates whole windows, scored tokens included."""
    lengthens: bool = False
    """Whether the contexts are longer than in training."""
    scored: int | None = None
    """The only possible number of scored tokens, if there is one."""
    settings: tuple[str, ...] = ()
    """Settings of a probe that only this family has."""
    room: Callable[[int, int], float] = lambda context, scored: math.inf
    """Tokens of a context, of them scored -> the largest severity that fits. Where that is below
    `easiest`, not even severity 0 does."""

    @property
    def is_synthetic(self) -> bool:
        """Whether whole windows are generated."""
        return self.easiest is not None


def before_scored(context: int, scored: int) -> float:
    """Tokens before the scored ones."""
    return context - scored


def between_copies(context: int, scored: int) -> float:
    """Tokens between two segments as long as the scored one."""
    return context - 2 * scored


def pairs_before_question(context: int, scored: int) -> float:
    """Pairs of a key and a value of `scored` tokens before one of them is asked again."""
    return context // (1 + scored) - 1


def nested_pairs(context: int, scored: int) -> float:
    """Brackets that can be opened and closed."""
    return context // 2


SHARES = (0.05, 0.1, 0.25, 0.5, 1.0)
LENGTHS = (2, 4, 8, 16, 32)

FAMILIES: Mapping[str, Family] = {
    "held-out": Family("unchanged text of the measure split"),
    "train-replay": Family("unchanged text of the train split", split="train"),
    "shuffle": Family("tokens permuted within blocks, by their length", whole_numbers(2), LENGTHS,
        "context tokens permuted within blocks of {}", "probes.changes:shuffle", draws_anew=True,
        room=before_scored),
    "unigram-noise": Family(
        "a share of the tokens replaced by draws from the token frequencies of train", SHARE,
        SHARES, "{:%} of context tokens drawn as often as in train",
        "probes.changes:unigram_noise"),
    "uniform-noise": Family("a share of the tokens replaced by uniform draws", SHARE, SHARES,
        "{:%} of context tokens drawn, all as likely", "probes.changes:uniform_noise"),
    "character-noise": Family("a share of the characters misspelt", SHARE,
        (0.01, 0.03, 0.1, 0.2, 0.4), "{:%} of characters misspelt",
        "probes.spelling:character_noise"),
    "case": Family("a share of the words in the other case or without the space before them", SHARE,
        SHARES, "{:%} of words in other case or without their space", "probes.spelling:case"),
    "deletion": Family("a share of the tokens dropped", SHARE, (0.05, 0.1, 0.25, 0.5, 0.75),
        "{:%} of tokens dropped", "probes.changes:deletion"),
    "repetition": Family("the end of the context repeated, by the number of times",
        whole_numbers(2), LENGTHS, "the end of the context {} times", "probes.changes:repetition",
        room=before_scored),
    "reversal": Family("tokens reversed within blocks, by their length", whole_numbers(2), LENGTHS,
        "spans of {} context tokens reversed", "probes.changes:reversal", room=before_scored),
    "splice": Family("a first share of the context from another document", SHARE, SHARES,
        "first {:%} of the context of another document", "probes.changes:splice"),
    "offset": Family(
        "a first share of the context from the end of another document, so the text begins later",
        SHARE, SHARES, "text begins after {:%} of the context", "probes.changes:offset"),
    "rare": Family("a share of the tokens replaced by some of the rarest", SHARE, SHARES,
        "{:%} of context tokens among the rarest in train", "probes.changes:rare"),
    "copy": Family("synthetic windows: a random segment again after a gap, by its length",
        whole_numbers(1), LENGTHS, "a segment again after a gap of {}", "probes.synthetic:copy",
        easiest=0, room=between_copies),
    "recall": Family("synthetic windows: the value of a key in a list of pairs, by their number",
        whole_numbers(2), LENGTHS, "the value of one of {} keys", "probes.synthetic:recall",
        easiest=1, room=pairs_before_question),
    "brackets": Family("synthetic windows: the last of nested brackets, by their depth",
        whole_numbers(2), (2, 3, 4, 6, 8), "brackets nested {} deep", "probes.synthetic:brackets",
        easiest=1, scored=1, room=nested_pairs),
    "long": Family("contexts longer than in training, by the factor", FACTOR, (1.25, 1.5, 2, 3, 4),
        "{} times the context trained on", lengthens=True),
    "other-corpus": Family("a first share of the context from another corpus", SHARE, SHARES,
        "first {:%} of the context of another corpus", "probes.changes:other_corpus",
        settings=("corpus",)),
    "self-written": Family("contexts that the reference seeds write, by temperature", TEMPERATURE,
        (0.5, 0.7, 1.0, 1.3, 2.0), "context written by a reference member at temperature {}",
        stage="self_written"),
    "search": Family(
        "contexts evolved to make one half of the seeds diverge and tried on the other half, by "
        "generations", whole_numbers(1), (1, 2, 4, 8, 16), "the best of generation {}",
        stage="search", settings=("population", "plausible")),
}  # fmt: skip
"""By name."""

FAMILY_SETTINGS = tuple(name for family in FAMILIES.values() for name in family.settings)
"""Settings of a probe that one family alone has."""

UNCHANGED = "text as it is"
"""What severity 0 does where windows are of text."""


def description(name: str, severity: float) -> str:
    """What a severity of a family does; 0 is the text, or the easiest of synthetic windows."""
    family = FAMILIES[name]
    if not severity and not family.is_synthetic:
        return UNCHANGED
    return family.meaning.replace("{:%}", f"{100 * severity:g}%").format(f"{severity:g}")
