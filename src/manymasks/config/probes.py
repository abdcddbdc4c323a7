"""Probes: families of contexts with a severity, and the severities that a family can have."""

from typing import TYPE_CHECKING, Annotated, Literal, Self

from pydantic import Field, model_validator

from manymasks.config.settings import Name, Settings
from manymasks.kinds.families import FAMILIES, FAMILY_SETTINGS

if TYPE_CHECKING:
    FamilyName = str
else:
    FamilyName = Literal[tuple(FAMILIES)]

_TEXTS = "; ".join(f"`{name}`: {family.text}" for name, family in FAMILIES.items())


class Probe(Settings):
    """A family of contexts with a severity; severity 0 is text as it is, or the easiest of
    synthetic windows."""

    family: FamilyName = Field(description=f"How contexts are made. {_TEXTS}.")
    windows: Annotated[int, Field(ge=2)] = 256
    """Windows of the measure split, or of the train split for `train-replay`, stratified over
    documents: the documents that intervals rest on are at most as many."""
    scored: Annotated[int, Field(ge=1)] | None = None
    """Tokens scored at the end of each window, the same at every severity; null scores all of them,
    which only families of unchanged text allow."""
    severities: tuple[Annotated[float, Field(gt=0)], ...] | None = None
    """Severity 1, 2, ... in the unit of the family, rising; null takes its default severities that
    fit the context."""
    corpus: Name | None = None
    """The other corpus, of `other-corpus`."""
    population: Annotated[int, Field(ge=2)] = 8
    """Contexts of each window that are alive in a generation, of `search`."""
    plausible: Annotated[float, Field(ge=0)] | None = None
    """How many nats per token less likely a context may be than its text, under trigram counts of
    the train split, of `search`; null sets no limit."""
    seed: Annotated[int, Field(ge=0)] = 0
    """Seed of the choice of windows and of the changes to them."""

    @model_validator(mode="after")
    def _settings_fit_the_family(self) -> Self:
        name, family, severities = self.family, FAMILIES[self.family], list(self.severities or ())
        for setting in FAMILY_SETTINGS:
            if setting in family.settings:
                continue
            if getattr(self, setting) != type(self).model_fields[setting].default:
                takers = [other for other in FAMILIES if setting in FAMILIES[other].settings]
                raise ValueError(
                    f"{setting} is for {' and '.join(takers)} probes; take it from this {name} "
                    "probe"
                )
        if "corpus" in family.settings and self.corpus is None:
            raise ValueError(f"a probe of family {name} needs corpus, the name of the other corpus")
        if family.unit is None:
            if severities:
                raise ValueError(f"a {name} probe has severity 0 only: take severities away")
            return self
        if self.severities == ():
            raise ValueError(
                f"a {name} probe needs severities: leave the setting out to take the defaults"
            )
        if severities != sorted(set(severities)):
            listed = ", ".join(f"{severity:g}" for severity in severities)
            raise ValueError(f"severities must rise, found [{listed}]")
        for severity in severities:
            if not family.unit.allows(severity):
                raise ValueError(
                    f"severities of a {name} probe are {family.unit.text}, found {severity:g}"
                )
        if self.scored is None:
            raise ValueError(
                f"a {name} probe needs scored: the tokens at the end of each window that are "
                "scored and stay the same"
            )
        if family.scored is not None and self.scored != family.scored:
            raise ValueError(
                f"a {name} probe needs scored: {family.scored}, found scored: {self.scored}"
            )
        return self


def too_large(probe: Probe, context: int) -> str | None:
    """Why a probe does not fit a context of this many tokens and what to do, or None."""
    scored = probe.scored or context
    family = FAMILIES[probe.family]
    largest = family.room(context, scored)
    if family.easiest is not None and largest < family.easiest:
        return (
            f"training.context ({context}) has no room for a {probe.family} probe with scored: "
            f"{scored}: lower scored"
        )
    for severity in probe.severities or ():
        if severity > largest:
            return (
                f"{severity:g} does not fit the context ({context} tokens, {scored} of them "
                f"scored): a {probe.family} probe has room for {largest:g}"
            )
    return None
