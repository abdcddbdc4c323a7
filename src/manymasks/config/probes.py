"""Probes: families of contexts with a severity, and which severities a family can have."""

from typing import Annotated, Literal, Self

from pydantic import Field, model_validator

from manymasks.config.settings import Name, Settings

FamilyName = Literal[
    "held-out", "train-replay", "shuffle", "unigram-noise", "uniform-noise", "character-noise",
    "case", "deletion", "repetition", "reversal", "splice", "offset", "rare", "copy", "recall",
    "brackets", "long", "other-corpus", "self", "search",
]  # fmt: skip

ZERO_ONLY = ("held-out", "train-replay")
"""Families of text as it is."""
SHARES = (
    "unigram-noise", "uniform-noise", "character-noise", "case", "deletion", "splice", "offset",
    "rare", "other-corpus",
)  # fmt: skip
"""Families whose severities are shares, in (0, 1]."""
LEAST = {
    "shuffle": 2, "reversal": 2, "repetition": 2, "copy": 1, "recall": 2, "brackets": 2,
    "search": 1,
}  # fmt: skip
"""Families whose severities are whole numbers, with the smallest. What is in none of the three
may have any severity above 0."""
BY_MODELS = ("self", "search")
"""Families whose contexts models make."""


class Probe(Settings):
    """A family of contexts with a severity; severity 0 is text as it is, or the easiest of windows
    that are made."""

    family: FamilyName
    """Text as it is: `held-out`, and `train-replay`, of the train split. A share of the context
    changed: tokens drawn by how often they are in train (`unigram-noise`), all alike
    (`uniform-noise`) or from the rarest (`rare`); characters (`character-noise`); words in the
    other case or without the space before them (`case`); tokens dropped (`deletion`); taken from
    another document (`splice`), or from its end, so that the document itself begins later
    (`offset`). By a length: tokens permuted (`shuffle`) or reversed (`reversal`) within blocks. By
    a number: the end of the context repeated (`repetition`). Made, the scored tokens too: a segment
    again after a gap (`copy`), the value of a key in a list of pairs (`recall`), the last of nested
    brackets (`brackets`). Longer than trained, by how many times (`long`). From elsewhere: a share
    of another corpus (`other-corpus`); written by the reference seeds, by temperature (`self`);
    evolved to set one half of the seeds apart and tried on the other half, by generations
    (`search`)."""
    windows: Annotated[int, Field(ge=2)] = 256
    """Windows of the measure split that are tried; of the train split for `train-replay`."""
    scored: Annotated[int, Field(ge=1)] | None = None
    """Tokens scored at the end of each window, the same at every severity; null scores them all,
    which only text as it is can do."""
    severities: tuple[Annotated[float, Field(gt=0)], ...] | None = None
    """Severity 1, 2, ... in what the family counts: shares, lengths, numbers, gaps, pairs or
    depths, rising; null takes the family's own that fit the context."""
    corpus: Name | None = None
    """The other corpus, of `other-corpus`."""
    candidates: Annotated[int, Field(ge=2)] = 8
    """Contexts of each window that live in a generation, of `search`."""
    plausible: Annotated[float, Field(ge=0)] | None = None
    """How many nats a token a context may be less likely than the text it comes from, by counts of
    up to three tokens of the train split, of `search`; null lets it be anything."""
    seed: Annotated[int, Field(ge=0)] = 0
    """Seed of the choice of windows and of the changes to them."""

    @model_validator(mode="after")
    def _severities_fit_the_family(self) -> Self:
        name, found = self.family, list(self.severities or ())
        if name in ZERO_ONLY:
            if found:
                raise ValueError(f"a {name} probe has severity 0 only: take severities away")
            return self
        if self.severities == ():
            raise ValueError(
                f"a {name} probe needs severities: leave the setting out to have its own"
            )
        if found != sorted(set(found)):
            raise ValueError(f"severities must rise, found [{', '.join(f'{s:g}' for s in found)}]")
        for severity in found:
            if name in SHARES and severity > 1:
                raise ValueError(
                    f"severities of a {name} probe are shares of the context, above 0 and at most "
                    f"1, found {severity:g}"
                )
            if name == "long" and severity <= 1:
                raise ValueError(
                    f"severities of a long probe are times the context trained on, above 1, found "
                    f"{severity:g}"
                )
            if name in LEAST and (severity < LEAST[name] or severity != int(severity)):
                raise ValueError(
                    f"severities of a {name} probe are whole numbers from {LEAST[name]} on, found "
                    f"{severity:g}"
                )
        if self.scored is None:
            raise ValueError(
                f"a {name} probe needs scored: the tokens at the end of each window that are "
                "scored and stay the same"
            )
        if (name == "other-corpus") != (self.corpus is not None):
            raise ValueError(
                "corpus names the other corpus of an other-corpus probe"
                + (": name it" if name == "other-corpus" else f"; take it from this {name} probe")
            )
        for setting in ("candidates", "plausible"):
            default = type(self).model_fields[setting].default
            if name != "search" and getattr(self, setting) != default:
                raise ValueError(f"{setting} is for search probes; take it from this {name} probe")
        if name == "brackets" and self.scored != 1:
            raise ValueError(
                f"a brackets probe scores one token, the last bracket, found scored: {self.scored}"
            )
        return self


def most(family: str, context: int, scored: int) -> float:
    """The largest severity that a context of this many tokens has room for.

    For `copy` and `recall` that is below 0 and below 1 where even severity 0 has none.
    """
    match family:
        case "shuffle" | "reversal" | "repetition":
            return context - scored
        case "copy":
            return context - 2 * scored
        case "recall":
            return context // (1 + scored) - 1
        case "brackets":
            return context // 2
    return float("inf")


def too_large(probe: Probe, context: int) -> str | None:
    """What is wrong with a probe for a context of this many tokens, and what to do."""
    scored = probe.scored or context
    largest = most(probe.family, context, scored)
    needed = {"copy": 0, "recall": 1}.get(probe.family, -1)
    if largest < needed:
        return (
            f"training.context ({context}) has no room for a {probe.family} probe with scored: "
            f"{scored}: lower scored"
        )
    for severity in probe.severities or ():
        if severity <= largest:
            continue
        if probe.family in ("shuffle", "reversal"):
            return (
                f"a block of {severity:g} tokens is longer than the context before the scored "
                f"tokens ({context} - {scored})"
            )
        return (
            f"{severity:g} does not fit the context ({context} tokens, {scored} of them scored): "
            f"a {probe.family} probe has room for {largest:g}"
        )
    return None
