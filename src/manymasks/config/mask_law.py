"""Changed laws of the process `masks`, for fine-tuning."""

import math
from typing import Annotated, Literal, Self

from pydantic import Field, model_validator

from manymasks.config.settings import Settings

MaskName = Literal["sticky", "clockwise", "anticlockwise", "jitter", "sink"]
Premise = Literal["P0", "P1", "P2", "P3", "P4"]
ROUNDING = 1e-9


class MaskLaw(Settings):
    """A changed law of the masks: one mask alone, or another prior."""

    only: MaskName | None = None
    """The mask of all documents: one of the four, or `sink`, a fifth mask that no mixture of the
    four reaches."""
    prior: (
        Annotated[
            tuple[Annotated[float, Field(gt=0, lt=1)], ...], Field(min_length=4, max_length=4)
        ]
        | None
    ) = None
    """Probabilities of the four masks, whatever the premise."""
    premise: Premise | None = None
    """The premise of all documents, under which alone the law is changed; null changes it under
    all premises, which stay equally likely."""

    @model_validator(mode="after")
    def _changes_one_thing(self) -> Self:
        if (self.only is None) == (self.prior is None):
            raise ValueError("names one mask (only) or the probabilities of all four (prior)")
        if self.prior is not None and not math.isclose(sum(self.prior), 1, abs_tol=ROUNDING):
            raise ValueError(f"prior must sum to 1, found {sum(self.prior):g}")
        return self

    def __str__(self) -> str:
        """As the source of a corpus has it: `only sticky under P4`."""
        masks = f"only {self.only}" if self.prior is None else f"prior {self.prior}"
        return masks if self.premise is None else f"{masks} under {self.premise}"
