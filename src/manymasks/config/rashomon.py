"""Which models fit equally well, how many there are, and what they do: the settings."""

from typing import Annotated, Literal, Self

from pydantic import Field, model_validator

from manymasks.config.settings import Name, Settings, Share

Method = Literal["noise", "dropout", "checkpoint"]


class Reference(Settings):
    """What a member's loss is compared with."""

    kind: Literal["best_of_class", "best_of_pool", "absolute", "mean_minus_sd"]
    """Best member of its class, best of all, a fixed loss, or the class mean less k sd."""
    nats: Annotated[float, Field(gt=0)] | None = None
    """`absolute` only: the loss, in nats per token."""
    k: Annotated[float, Field(ge=0)] | None = None
    """`mean_minus_sd` only: how many standard deviations over the seeds."""

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
    """How much worse than the reference a member may be, in three units."""

    nats: tuple[Annotated[float, Field(ge=0)], ...] = (0.01, 0.02, 0.05)
    """In nats per token."""
    percent: tuple[Annotated[float, Field(ge=0)], ...] = (1.0,)
    """In per cent of the reference loss."""
    seed_sd: tuple[Annotated[float, Field(ge=0)], ...] = (2.0,)
    """In standard deviations of the loss over the seeds of the class."""

    @model_validator(mode="after")
    def _each_once(self) -> Self:
        for unit in ("nats", "percent", "seed_sd"):
            # Six digits are what a set is named by.
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
    """Thresholds; each is tried with each reference."""


class Derived(Settings):
    """Members that are derived from trained ones, and cost far less."""

    methods: tuple[Method, ...] = ("noise", "dropout", "checkpoint")
    """`noise`: weights plus noise. `dropout`: one mask a member, held for all inputs.
    `checkpoint`: weights from late in the training, at the shares that `training.late` names."""
    parents: Annotated[int, Field(ge=1)] = 1
    """Members of each class, the first by their seeds, that others are derived from."""
    draws: Annotated[int, Field(ge=2)] = 4
    """Members derived from each parent by noise, and by dropout."""
    eps: Annotated[float, Field(gt=0)] = 0.02
    """Nats per token that they are to lose on average: it sets the scale of the noise and the
    rate of the dropout."""
    windows: Annotated[int, Field(ge=1)] = 32
    """Windows of the select split on which that scale is found."""
    seed: Annotated[int, Field(ge=0)] = 0
    """Seed of the draws."""

    @model_validator(mode="after")
    def _each_once(self) -> Self:
        if len(set(self.methods)) < len(self.methods):
            raise ValueError(f"methods names one more than once: {list(self.methods)}")
        return self


class Multiplicity(Settings):
    """How differently the members of a set predict the next token, by position and as a whole."""

    windows: Annotated[int, Field(ge=2)] = 48
    """Windows of the measure split on which all sets are held together."""
    batch: Annotated[int, Field(ge=1)] = 4
    """Windows held at once, for all members of a class, with the full vocabulary."""
    top_k: Annotated[int, Field(ge=2)] = 5
    """Members that do not rank the same tokens among so many first ones differ."""
    tv: Share = 0.25
    """Total variation from which two laws of the next token differ."""
    tolerance: Annotated[float, Field(gt=0)] = 1e-3
    """Largest certified gap of a capacity, in nats."""
    subsets: Annotated[int, Field(ge=1)] = 8
    """Sets that document resamples give, the most frequent ones, over which metrics are averaged;
    beyond them the share of resamples that they cover is said."""
    kept: Annotated[int, Field(ge=0)] = 256
    """Positions of each set that are kept one by one."""
    seed: Annotated[int, Field(ge=0)] = 0
    """Seed of the choice of windows and positions."""


class Volume(Settings):
    """How far weights can be moved, in directions drawn at random, before eps is lost."""

    eps: Annotated[float, Field(gt=0)] = 0.02
    """Nats per token that may be lost."""
    directions: Annotated[int, Field(ge=2)] = 8
    """Directions drawn for each member."""
    windows: Annotated[int, Field(ge=1)] = 32
    """Windows of the select split on which the loss is taken."""
    seed: Annotated[int, Field(ge=0)] = 0
    """Seed of the directions."""


class Funnel(Settings):
    """How many models are left as constraints are added, and how differently these behave."""

    seed_sd: Annotated[float, Field(ge=0)] = 1.0
    """A constraint is a loss on some text: a member passes that is within so many standard
    deviations over its pool of the best there."""
    splits: Annotated[int, Field(ge=1)] = 4
    """Parts of the measure split, cut by document, that are a constraint each."""
    orders: Annotated[int, Field(ge=10)] = 200
    """Random orders in which constraints are added."""
    seed: Annotated[int, Field(ge=0)] = 0
    """Seed of the orders."""
