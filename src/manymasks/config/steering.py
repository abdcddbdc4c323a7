"""Settings of the measurement of steering."""

from typing import Annotated, Self

from pydantic import Field, model_validator

from manymasks.config.settings import RISING, Settings

FEWEST = 2
"""Documents in which a member chooses."""


class Steering(Settings):
    """Whether members that choose what comes next make it easier to predict (`steer`)."""

    steps: Annotated[int, Field(ge=1)] = 200
    """Steps of an arm with AdamW."""
    batch: Annotated[int, Field(ge=4)] = 64
    """Documents in a step of any arm."""
    learning_rate: Annotated[float, Field(gt=0)] = 2e-3
    """Peak rate of an arm with AdamW."""
    betas: Annotated[tuple[Annotated[float, Field(gt=0)], ...], Field(min_length=1), RISING] = (
        1.0, 2.0, 4.0,
    )  # fmt: skip
    """Weights, rising, of the KL penalty beside a return, in nats of cost for a nat of KL: the
    slope moves by 1 over it. `pathwise` is trained with the first."""
    share: Annotated[float, Field(gt=0, lt=1)] = 0.2
    """Share of `mixed` documents in which the member chooses and is rewarded for ease."""
    runs: Annotated[int, Field(ge=1)] = 4
    """Runs of `self` with AdamW, and as many by SGD, whose noise has a closed form."""
    run_steps: Annotated[int, Field(ge=1)] = 150
    """Steps of a run by SGD."""
    run_rate: Annotated[float, Field(gt=0)] = 0.01
    """Rate of such a run; the closed form is of first order, so it holds while ln p moves by less
    than about one half."""
    path_every: Annotated[int, Field(ge=1)] = 30
    """Steps between two points of the path of a run by SGD."""
    exact_steps: Annotated[int, Field(ge=1)] = 300
    """Steps of `total` along the exact gradient of its expected loss."""
    exact_rate: Annotated[float, Field(gt=0)] = 0.05
    """Rate of these."""
    seed: Annotated[int, Field(ge=0)] = 0
    """Seed of the documents that arms draw."""

    @model_validator(mode="after")
    def _a_return_is_compared_with_others(self) -> Self:
        if round(self.share * self.batch) < FEWEST:
            raise ValueError(
                f"share {self.share:g} of batch {self.batch} is less than {FEWEST} documents, and "
                "the return of a document is compared with that of others"
            )
        return self
