"""Settings of Rashomon sets: references, thresholds, derived members, multiplicity, volume."""

from typing import Annotated, Literal, Self

from pydantic import Field, model_validator

from manymasks.config.settings import DISTINCT, RISING, Name, Settings, Share

Method = Literal["noise", "dropout", "checkpoint", "quantised"]


class Reference(Settings):
    """The loss that members are compared with."""

    kind: Literal["best_of_class", "best_of_pool", "absolute", "mean_minus_sd"]
    """Loss of the best member of the class, or of the pool; a fixed loss; or the class mean minus k
    standard deviations."""
    nats: Annotated[float, Field(gt=0)] | None = None
    """`absolute` only: the loss, in nats per token."""
    k: Annotated[float, Field(ge=0)] | None = None
    """`mean_minus_sd` only: the number of standard deviations over the seeds."""

    @model_validator(mode="after")
    def _has_what_its_kind_needs(self) -> Self:
        for kind, name in (("absolute", "nats"), ("mean_minus_sd", "k")):
            given = getattr(self, name) is not None
            if given != (self.kind == kind):
                raise ValueError(
                    f"{name} belongs to references of kind {kind}: "
                    + ("it is missing here" if not given else f"this one is {self.kind}")
                )
        return self


class Epsilons(Settings):
    """Thresholds: how far above the reference the loss of a member may be, in three units."""

    nats: tuple[Annotated[float, Field(ge=0)], ...] = (0.01, 0.02, 0.05)
    """Nats per token."""
    percent: tuple[Annotated[float, Field(ge=0)], ...] = (1.0,)
    """Per cent of the reference loss."""
    seed_sd: tuple[Annotated[float, Field(ge=0)], ...] = (2.0,)
    """Standard deviations of the loss over the seeds of the class."""

    @model_validator(mode="after")
    def _each_once(self) -> Self:
        for unit in ("nats", "percent", "seed_sd"):
            # A set is named by six digits of its threshold.
            values = [f"{eps:g}" for eps in getattr(self, unit)]
            twice = [value for value in values if values.count(value) > 1]
            if twice:
                raise ValueError(f"{unit} has the threshold {twice[0]} more than once")
        return self


class Rashomon(Settings):
    """Which models fit equally well."""

    references: dict[Name, Reference] = {
        "best-of-class": Reference(kind="best_of_class"),
        "best-of-pool": Reference(kind="best_of_pool"),
    }
    """Named references."""
    eps: Epsilons = Epsilons()
    """Thresholds; each is combined with each reference."""


class Derived(Settings):
    """Members that are derived from trained ones, at far lower cost."""

    methods: Annotated[tuple[Method, ...], DISTINCT] = ("noise", "dropout", "checkpoint")
    """`noise`: weights plus noise. `dropout`: one fixed mask per member, for all inputs.
    `checkpoint`: weights from late in training, at the shares of `training.late`. `quantised`:
    weights rounded by the codec of `code_length`, as coarsely as each of `rises` allows."""
    parents: Annotated[int, Field(ge=1)] = 1
    """Trained members per class that others are derived from: the first ones by their seeds."""
    draws: Annotated[int, Field(ge=2)] = 4
    """Members derived from each parent, by noise and by dropout each."""
    eps: Annotated[float, Field(gt=0)] = 0.02
    """Target for the mean increase in loss, in nats per token: it sets the scale of the noise and
    the dropout rate."""
    windows: Annotated[int, Field(ge=1)] = 32
    """Windows of the select split on which scale and rate are set, and codes are chosen."""
    rises: Annotated[tuple[Annotated[float, Field(gt=0)], ...], Field(min_length=1), RISING] = (
        0.005, 0.01, 0.02, 0.04,
    )  # fmt: skip
    """`quantised` only: rises of the loss that codes are aimed at, in nats per token, rising; a
    member for each."""
    seed: Annotated[int, Field(ge=0)] = 0
    """Seed of the draws, and of the noise by which the sensitivity of matrices is measured."""


class Multiplicity(Settings):
    """How differently the members of a set predict the next token."""

    windows: Annotated[int, Field(ge=2)] = 48
    """Windows of the measure split on which all sets are compared, stratified over documents."""
    scored: Annotated[int, Field(ge=1)] | None = None
    """Positions scored in each window, drawn at random; null scores all. Many windows with few
    positions have more documents than few windows with many."""
    batch: Annotated[int, Field(ge=1)] = 4
    """Windows in one pass of all members of a class, with the full vocabulary."""
    top_k: Annotated[int, Field(ge=2)] = 5
    """Two members differ at a position if their sets of this many top tokens differ."""
    tv: Share = 0.25
    """Total variation above which two next-token laws differ."""
    tolerance: Annotated[float, Field(gt=0)] = 1e-3
    """Largest certified gap of a capacity, in nats."""
    subsets: Annotated[int, Field(ge=1)] = 8
    """Sets over which metrics are averaged: the most frequent ones under resampled documents. The
    share of resamples that they cover is reported."""
    kept: Annotated[int, Field(ge=0)] = 256
    """Positions per set that are stored individually."""
    seed: Annotated[int, Field(ge=0)] = 0
    """Seed of the windows and positions."""


class Volume(Settings):
    """How far weights can move in random directions before the loss rises by eps."""

    eps: Annotated[float, Field(gt=0)] = 0.02
    """Largest increase in loss, in nats per token."""
    directions: Annotated[int, Field(ge=2)] = 8
    """Random directions per member."""
    windows: Annotated[int, Field(ge=1)] = 32
    """Windows of the select split on which the loss is measured."""
    seed: Annotated[int, Field(ge=0)] = 0
    """Seed of the directions."""


class CodeLength(Settings):
    """The fewest bits that describe a member within a rise of its loss."""

    excess: Annotated[tuple[Annotated[float, Field(gt=0)], ...], Field(min_length=2), RISING] = (
        0.004,
        0.008,
        0.016,
        0.03,
        0.06,
        0.12,
        0.25,
        0.5,
        1.0,
    )
    """Rises of the loss that codes are aimed at, in nats per token, rising."""
    eps: Annotated[tuple[Annotated[float, Field(gt=0)], ...], Field(min_length=1), RISING] = (
        0.01, 0.03, 0.1,
    )  # fmt: skip
    """Rises of the loss for which bits are listed, in nats per token, rising."""
    windows: Annotated[int, Field(ge=1)] = 96
    """Windows of select on which codes are chosen; as many of measure give their loss."""
    seed: Annotated[int, Field(ge=0)] = 0
    """Seed of the noise by which the sensitivity of matrices is measured."""


class Funnel(Settings):
    """How many members pass, and how differently they behave, as constraints are added."""

    seed_sd: Annotated[float, Field(ge=0)] = 1.0
    """A constraint is a loss on some text. A member passes if its loss is within this many standard
    deviations, over its pool, of the best loss there."""
    splits: Annotated[int, Field(ge=1)] = 4
    """Parts of the measure split, divided by document; each part is a constraint."""
    orders: Annotated[int, Field(ge=10)] = 200
    """Random orders in which constraints are added."""
    seed: Annotated[int, Field(ge=0)] = 0
    """Seed of the orders."""
