"""What is trained: tokenizers, sizes, variants, the budget, seeds, and the search for a rate."""

from typing import TYPE_CHECKING, Annotated, Literal, Self

from pydantic import Field, model_validator

from manymasks.config.settings import Name, Settings
from manymasks.models.gradient_flow import GRADIENTS, GradientFlow

Seed = Annotated[int, Field(ge=0, lt=2**63)]
Precision = Literal["float32", "bf16"]
Rate = Annotated[float, Field(gt=0)] | Literal["tune"]


class Tokenizer(Settings):
    """How text becomes tokens."""

    kind: Literal["bpe", "bytes", "characters"] = "bpe"
    """Byte-level BPE trained on the train split, raw bytes, or the train split's characters."""
    vocabulary: Annotated[int, Field(ge=257, le=1_000_000)] = 1024
    """Number of tokens, the 256 bytes and the end of text among them; only BPE is told it."""


class Size(Settings):
    """The shape of a model."""

    width: Annotated[int, Field(ge=2)]
    """Width of the residual stream."""
    layers: Annotated[int, Field(ge=1)] = 2
    """Number of blocks, each attention and then an MLP."""
    heads: Annotated[int, Field(ge=1)] = 2
    """Attention heads; the width must be divisible by twice this (rotary pairs)."""
    mlp: Annotated[int, Field(ge=1)] = 4
    """Hidden width of the MLP in units of the width."""
    positions: Literal["rotary", "learned"] = "rotary"
    """How a model knows where it is: queries and keys turned by it, or a vector added to tokens."""
    rotary_base: Annotated[float, Field(gt=1)] = 10_000.0
    """`rotary` only: the slowest pair turns about 1/base a position. A low one tells near
    neighbours apart better."""
    embedding_sd: Annotated[float, Field(gt=0)] = 0.02
    """Standard deviation of the embeddings of tokens at the start. Training moves them by far more
    than 0.02; a myopic member needs them told apart from the start, for what only later positions
    read of a token it never learns to write."""
    activation: Literal["gelu", "relu2"] = "gelu"
    """Nonlinearity of the MLP: GELU or squared ReLU."""
    learning_rate: Rate | None = None
    """Peak learning rate of this size; null takes training.learning_rate. `tune` finds one for
    each variant of it, on the grid of `tune`."""

    @property
    def block_weights(self) -> int:
        """Weights of the matrices of all blocks: what orders sizes."""
        return self.layers * (4 + 2 * self.mlp) * self.width**2

    @model_validator(mode="after")
    def _heads_divide_the_width(self) -> Self:
        if self.width % (2 * self.heads):
            raise ValueError(
                f"width {self.width} is not divisible by 2 x heads ({self.heads} heads): each "
                "head needs an even number of dimensions for its rotary positions"
            )
        return self


if TYPE_CHECKING:
    Gradient = str
else:
    Gradient = Literal[tuple(GRADIENTS)]


class Variant(Settings):
    """How gradients flow through attention."""

    gradient: Gradient
    """`causal`: ordinary attention. `myopic`: no gradient reaches earlier hidden states; W_K and
    W_V still learn from all pairs. `myopic-kv`: earlier keys and values are detached too.
    `discount`: gamma^(i-j) of the gradient from i reaches position j. Two are controls: `local`,
    trained while all earlier positions stay those of a finished member, and `bigram`, which sees
    no earlier position."""
    past_from: Name | None = None
    """`local` only: the variant that provides the past, by its member of the same size and seeds.
    """
    starts_from: Name | None = None
    """The variant whose weights this one starts from, by its member of the same size and seeds: it
    shows what this gradient does to a solution found under another."""
    gamma: Annotated[float, Field(ge=0, le=1)] | None = None
    """`discount` only: the share that reaches the position before; 0 is myopic, 1 is causal."""
    learning_rate: Rate | None = None
    """Peak learning rate of this variant; null takes that of the size."""

    @property
    def flow(self) -> GradientFlow:
        """The row of its gradient."""
        return GRADIENTS[self.gradient]

    @property
    def is_control(self) -> bool:
        """Whether it is trained for comparison only: in no Rashomon set and no divergence."""
        return self.flow.is_control or self.starts_from is not None

    @model_validator(mode="after")
    def _has_what_its_gradient_needs(self) -> Self:
        needing = {
            "gamma": [name for name, flow in GRADIENTS.items() if flow.takes_gamma],
            "past_from": [name for name, flow in GRADIENTS.items() if flow.past == "given"],
        }
        for setting, gradients in needing.items():
            is_given = getattr(self, setting) is not None
            if is_given != (self.gradient in gradients):
                raise ValueError(
                    f"{setting} belongs to gradient {' or '.join(gradients)}: "
                    + (f"this one is {self.gradient}" if is_given else "it is missing here")
                )
        return self


class Training(Settings):
    """The training budget and the optimiser, with a warmup-stable-decay schedule."""

    context: Annotated[int, Field(ge=2)] = 128
    """Tokens a model sees at once."""
    shift: bool = True
    """Whether each epoch cuts the text at other places; false for documents of one length."""
    batch: Annotated[int, Field(ge=1)] = 16
    """Windows of `context` tokens in one step."""
    steps: Annotated[int, Field(ge=1)] = 1000
    """Optimiser steps."""
    optimizer: Literal["adamw", "muon"] = "muon"
    """`muon`: orthogonalised momentum for the matrices of the blocks, AdamW for the rest."""
    learning_rate: Rate = 1.2e-2
    """Peak learning rate; `tune` finds one for each size and variant, on the grid of `tune`."""
    warmup: Annotated[float, Field(ge=0, le=1)] = 0.05
    """Share of the steps over which the learning rate rises from 0."""
    decay: Annotated[float, Field(ge=0, le=1)] = 0.3
    """Share of the steps at the end over which the learning rate falls to 0."""
    weight_decay: Annotated[float, Field(ge=0)] = 0.1
    """Decoupled weight decay of the matrices."""
    beta1: Annotated[float, Field(ge=0, lt=1)] = 0.9
    """AdamW's decay of the first moment."""
    beta2: Annotated[float, Field(ge=0, lt=1)] = 0.95
    """AdamW's decay of the second moment."""
    clip: Annotated[float, Field(gt=0)] = 1.0
    """A member's gradient is scaled down to this norm."""
    precision: Precision = "float32"
    """Of the matrix products, and of attention on a GPU; all else is float32. On the text of the
    default study `bf16` ended within 0.007 nats of float32 in the mean of each class."""
    curve_every: Annotated[int, Field(ge=1)] = 100
    """Steps between two points of the loss curves."""
    curve_windows: Annotated[int, Field(ge=1)] = 64
    """Windows of the select split scored for a point of the select curve."""
    late: tuple[Annotated[float, Field(gt=0, lt=1)], ...] = ()
    """Shares of the steps after which weights are kept too, as candidates; rising."""

    @model_validator(mode="after")
    def _late_rises(self) -> Self:
        if list(self.late) != sorted(set(self.late)):
            raise ValueError(f"late must rise, found {list(self.late)}")
        return self

    @model_validator(mode="after")
    def _schedule_fits(self) -> Self:
        if self.warmup + self.decay > 1:
            raise ValueError(
                f"warmup {self.warmup:g} and decay {self.decay:g} are shares of the steps: "
                "together they must not exceed 1"
            )
        return self


class Seeds(Settings):
    """Initial weights and data order are seeded apart and crossed: one model for each pair."""

    init: Annotated[tuple[Seed, ...], Field(min_length=1)] = (0, 1, 2)
    """Seeds of the initial weights."""
    order: Annotated[tuple[Seed, ...], Field(min_length=1)] = (0, 1)
    """Seeds of the data order."""

    @model_validator(mode="after")
    def _each_once(self) -> Self:
        for name in ("init", "order"):
            seeds = getattr(self, name)
            twice = sorted({seed for seed in seeds if seeds.count(seed) > 1})
            if twice:
                raise ValueError(f"{name} names the seed {twice[0]} more than once")
        return self


class TrialSeeds(Seeds):
    """Seeds of the trials, crossed; none may be a seed of the study."""

    init: Annotated[tuple[Seed, ...], Field(min_length=1)] = (1000, 1001)
    """Seeds of the initial weights."""
    order: Annotated[tuple[Seed, ...], Field(min_length=1)] = (1000,)
    """Seeds of the data order."""


class ReferenceSeeds(Seeds):
    """Members that take part in no analysis: their loss says how far a probe is from training, and
    they write the contexts of `self` probes. None of their seeds may be one of the study.
    """

    init: Annotated[tuple[Seed, ...], Field(min_length=1)] = (900,)
    """Seeds of the initial weights."""
    order: Annotated[tuple[Seed, ...], Field(min_length=1)] = (900,)
    """Seeds of the data order."""
    size: Name | None = None
    """Their size; null takes the smallest, which costs least."""
    variant: Name | None = None
    """Their variant; null takes the first by name whose gradient is causal."""


class Tune(Settings):
    """The grid on which learning rates are found, for sizes and variants that ask to `tune`.

    Each rate is tried with seeds of its own; the best mean loss on the select split wins.
    """

    rates: Annotated[tuple[Annotated[float, Field(gt=0)], ...], Field(min_length=2)] = (
        3e-3,
        6e-3,
        1.2e-2,
        2.4e-2,
    )
    """Peak learning rates that are tried, rising."""
    seeds: TrialSeeds = TrialSeeds()
    """Seeds of the trials, crossed; none may be a seed of the study."""
    steps: Annotated[int, Field(ge=1)] | None = None
    """Optimiser steps of a trial; null takes training.steps."""

    @model_validator(mode="after")
    def _rates_rise(self) -> Self:
        if list(self.rates) != sorted(set(self.rates)):
            raise ValueError(f"rates must rise, found {[f'{rate:g}' for rate in self.rates]}")
        return self
