"""Claims that a study names before it is run."""

from typing import Literal, Self

from pydantic import model_validator

from manymasks.config.analyses import Analysis
from manymasks.config.settings import Name, Settings

Claim = Literal["gap", "gap_beyond_control", "spread", "share", "volume", "headroom"]

TESTED_BY: dict[Claim, Analysis] = {
    "gap": "myopia",
    "gap_beyond_control": "myopia",
    "spread": "divergence",
    "share": "rashomon",
    "volume": "volume",
    "headroom": "multiplicity",
}
"""The analysis that tests each kind of claim."""


class Primary(Settings):
    """A claim that is named before the run: its p is corrected among the named ones alone."""

    claim: Claim
    """`gap`: loss of variant `subject` minus that of `baseline`, at one size.
    `gap_beyond_control`: gap of variant `within` at size `subject` on a process, minus that on the
    corpus `baseline` of its control. `spread`: log ratio
    of the mean KL within size `subject` to that within `baseline`, for one variant. `share`:
    share of the members of size `subject` under a common loss minus that of `baseline`. `volume`:
    local log-volume per weight of size `subject` minus that of `baseline`. `headroom`: gain of
    averaging members of size `baseline` minus the advantage of the best member of `subject`."""
    corpus: Name
    """The corpus."""
    subject: Name
    """A variant for `gap`, a size for `gap_beyond_control`, else the larger size."""
    baseline: Name
    """What `subject` is compared with: a variant for `gap`, the corpus of the control for
    `gap_beyond_control`, else the smaller size."""
    within: Name
    """What both share: a size for `gap`, else a variant."""
    probe: Name | None = None
    """`spread` only: the probe on which it is measured, at severity 0."""
    exploratory: str | None = None
    """Why the claim is exploratory although it is named, such as a size that was chosen for its
    result on the same seeds. It is then corrected with the exploratory ones, and tables show
    why."""

    @model_validator(mode="after")
    def _has_its_probe(self) -> Self:
        if (self.claim == "spread") != (self.probe is not None):
            raise ValueError(
                "a claim of kind spread names a probe"
                if self.claim == "spread"
                else f"probe belongs to claims of kind spread: this one is {self.claim}"
            )
        if self.subject == self.baseline:
            raise ValueError(f"'{self.subject}' cannot be compared with itself")
        return self
