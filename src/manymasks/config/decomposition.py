"""Settings of the decomposition into ergodic parts, and of the spectrum on text."""

from typing import Annotated

from pydantic import Field

from manymasks.config.settings import RISING, Settings, Share


class Decomposition(Settings):
    """The ergodic parts of members, from their laws of the next letters alone (`masks`)."""

    documents: Annotated[int, Field(ge=2)] = 400
    """Documents: the first ones of the measure split."""
    letters: Annotated[
        tuple[Annotated[int, Field(ge=1, le=58)], ...], Field(min_length=1), RISING
    ] = (4, 8, 12, 16, 24, 32, 44, 56)
    """Lengths of the prompts, rising; four more letters must fit a document. Only long prompts are
    pure, and without those the corners of the simplex are not reached."""
    least_singular: Share = 0.03
    """Singular values of the laws above this share of the first one give the directions that are
    kept."""
    memory: Annotated[float, Field(gt=0)] = 16
    """Letters over which a coordinate must keep 1/e of its value to count as a part."""
    nearest: Annotated[int, Field(ge=1)] = 40
    """Prompts around a corner of the simplex whose mean it is."""
    windows: Annotated[tuple[Annotated[int, Field(ge=1)], ...], RISING] = (4, 8, 16)
    """Letters that exact predictors with a window see, rising: a part that they lack needs more."""
    batch: Annotated[int, Field(ge=1)] = 100
    """Documents read at once, each with its continuations."""
    seed: Annotated[int, Field(ge=0)] = 0
    """Seed of the noise and of the exchange of errors."""


class TextSpectrum(Settings):
    """What members on text carry from token to token, from their laws of the next token alone."""

    windows: Annotated[int, Field(ge=2)] = 256
    """Windows of the measure split, evenly spread."""
    tokens: Annotated[tuple[Annotated[int, Field(ge=1)], ...], Field(min_length=1), RISING] = (
        16, 24, 32, 40, 48, 56, 64, 72, 80, 88, 96, 104, 112, 120,
    )  # fmt: skip
    """Lengths of the prompts, rising; those that fill the context are left out."""
    classes: Annotated[int, Field(ge=4)] = 1024
    """Classes of tokens whose laws are read: the most frequent tokens of the train split, each a
    class, and all others together."""
    directions: Annotated[int, Field(ge=2)] = 64
    """Leading directions of the laws that are kept. Slow coordinates are not among the first ones,
    and the more are kept, the slower is the slowest."""
    draws: Annotated[int, Field(ge=1)] = 8
    """Next tokens drawn from a member's law after each prompt, systematically: the mean of the laws
    after them stands for that over all next tokens."""
    batch: Annotated[int, Field(ge=1)] = 16
    """Windows read at once, each with its draws."""
    seed: Annotated[int, Field(ge=0)] = 0
    """Seed of the draws, the noise and the exchange of prompts."""
