"""Claims that a study names before it is run, and what each is called where it is tested."""

from typing import Literal, Self

from pydantic import model_validator

from manymasks.config.settings import Name, Settings

Claim = Literal["gap", "spread", "share", "volume", "headroom"]


class Primary(Settings):
    """A claim that is named before the run: its p is corrected among the named ones alone."""

    claim: Claim
    """`gap`: loss of variant `of` less that of `against`, of a size. `spread`: logarithm of how far
    members of size `of` are apart to how far those of `against` are, of a variant. `share`: how
    many candidates of the two sizes are under one threshold. `volume`: local log-volume of the
    two. `headroom`: what averaging members of size `against` gains, less what the best of `of`
    does."""
    corpus: Name
    """The corpus."""
    of: Name
    """A variant for `gap`, else the larger size."""
    against: Name
    """What it is compared with: a variant for `gap`, else the smaller size."""
    within: Name
    """What both share: a size for `gap`, else a variant."""
    probe: Name | None = None
    """`spread` only: the probe on which it is measured, at severity 0."""

    @model_validator(mode="after")
    def _has_its_probe(self) -> Self:
        if (self.claim == "spread") != (self.probe is not None):
            raise ValueError(
                "a claim of kind spread names a probe"
                if self.claim == "spread"
                else f"probe belongs to claims of kind spread: this one is {self.claim}"
            )
        if self.of == self.against:
            raise ValueError(f"'{self.of}' cannot be compared with itself")
        return self

    @property
    def text(self) -> str:
        """What the claim is called in the table `contrast`."""
        text = claim_text(self.claim, self.corpus, self.of, self.against, self.within)
        return text if self.probe is None else f"{text}, probe {self.probe} severity 0"


def claim_text(claim: Claim, corpus: str, of: str, against: str, within: str) -> str:
    """What a claim is called, for the settings that name it and the analysis that tests it."""
    if claim == "gap":
        return f"myopia gap {of} - {against}, {corpus}/{within}"
    larger, smaller = f"{corpus}/{of}/{within}", f"{corpus}/{against}/{within}"
    match claim:
        case "spread":
            return f"log ratio of kl within {larger} to {smaller}"
        case "share":
            return f"share under one loss of {larger} less {smaller}"
        case "volume":
            return f"log volume per weight of {larger} less {smaller}"
        case "headroom":
            return f"ensemble gain of {smaller} less its headroom to {larger}"
