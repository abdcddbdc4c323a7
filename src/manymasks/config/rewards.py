"""Rewards by which members of `masks` are fine-tuned."""

from typing import Annotated, Literal, Self

from pydantic import Field, model_validator

from manymasks.config.settings import RISING, Settings, Share


class Reward(Settings):
    """What the letters of a document are worth, in nats of KL to the member at the start."""

    letter: Literal["a", "b", "c"] | None = None
    """The letter that is counted."""
    nats: Annotated[float, Field(gt=0)] | None = None
    """`letter` only: the reward of one letter over the weight of the KL penalty."""
    mask: Literal["sticky", "clockwise", "anticlockwise", "jitter"] | None = None
    """The reward is ln P(mask given the whole document), with a penalty of weight 1. Its optimum is
    the law of this mask, a re-weighting and nothing else: the control."""

    @model_validator(mode="after")
    def _rewards_one_thing(self) -> Self:
        if (self.letter is None) == (self.mask is None):
            raise ValueError("rewards a letter (letter) or a mask (mask), one of them")
        if (self.letter is None) != (self.nats is None):
            raise ValueError("nats is what one letter is worth: it belongs to letter")
        return self


class RewardTraining(Settings):
    """Fine-tuning by rewards, on documents of the members."""

    rewards: Annotated[tuple[Reward, ...], Field(max_length=2)] = ()
    """One of a letter and one of a mask; none by default. Members of `masks` are fine-tuned by each
    of them, and on documents of its optimum, on corpora without a changed law whose members are
    all from drawn weights."""
    steps: Annotated[int, Field(ge=1)] = 100
    """Optimiser steps of a member and reward."""
    batch: Annotated[int, Field(ge=10, multiple_of=5)] = 60
    """Documents in a step, as many under each premise."""
    learning_rate: Annotated[float, Field(gt=0)] = 1e-3
    """Peak rate of AdamW, without weight decay; it falls to 0 over the second half of the steps."""
    late: Annotated[tuple[Share, ...], RISING] = (0.12, 0.25, 0.5)
    """Shares of the steps, rising, after which members are measured, beside the last."""
    members: Annotated[int, Field(ge=1)] = 4
    """Members of a class that are trained, the first ones by their seeds."""
    seed: Annotated[int, Field(ge=0)] = 0
    """Seed of the documents."""

    @model_validator(mode="after")
    def _arms_are_told_apart(self) -> Self:
        letters = sum(reward.letter is not None for reward in self.rewards)
        masks = len(self.rewards) - letters
        if max(letters, masks) > 1:
            raise ValueError(
                f"at most one reward of a letter and one of a mask, found {letters} and {masks}"
            )
        return self
