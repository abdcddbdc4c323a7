"""Settings of training: tokenizers, sizes, variants, the budget, seeds, and tuning."""

from itertools import product
from typing import TYPE_CHECKING, Annotated, Any, Literal, Self

from pydantic import Field, model_validator

from manymasks.config.settings import (
    DISTINCT,
    RISING,
    Commit,
    Name,
    Repository,
    Settings,
    Sha256,
    Share,
    identity,
    operational,
)
from manymasks.kinds.gradient_flows import GRADIENTS, GradientFlow
from manymasks.kinds.mixers import matched_hidden, mixer_weights

SeedList = Annotated[
    tuple[Annotated[int, Field(ge=0, lt=2**63)], ...], Field(min_length=1), DISTINCT
]
FEWEST_CROSSED = 4
"""Seeds of each kind in a crossing: fewer leave an error over one of them without degrees of
freedom."""
Kernels = Literal["auto", "native", "torch"]
Precision = Literal["float32", "bf16"]
Rate = Annotated[float, Field(gt=0)] | Literal["tune"]


TOKENIZER_FILE = "tokenizer.json"
"""Where a repository keeps its tokenizer."""


class TokenizerSettings(Settings):
    """How text becomes tokens."""

    kind: Literal["bpe", "bytes", "characters", "pretrained"] = "bpe"
    """Byte-level BPE trained on the train split, or on about 500 MB of it; raw bytes; the train
    split's characters; or a `tokenizer.json` of the library `tokenizers`."""
    vocabulary: Annotated[int, Field(ge=257, le=1_000_000)] = 1024
    """`bpe` only: number of tokens, including the 256 bytes and the end of text."""
    path: Annotated[str, Field(min_length=1)] | None = operational(None)
    """`pretrained` only: the `tokenizer.json`, relative to the folder of the run, or to the
    repository if one is set; null takes `tokenizer.json` of the repository."""
    repository: Repository | None = operational(None)
    """`pretrained` only: model repository of the Hugging Face Hub that holds the file,
    `owner/name`."""
    revision: Commit | None = operational(None)
    """Commit of the repository, 40 hex digits; `manymasks pin tokenizer` writes it."""
    sha256: Sha256 | None = None
    """`pretrained` only: SHA-256 of the file, which identifies it; `manymasks pin tokenizer` writes
    it."""
    end_of_text: Annotated[str, Field(min_length=1)] | None = None
    """`pretrained` only: the token that ends a document; null takes the one with a usual name, such
    as `<|endoftext|>` or `</s>`."""

    @model_validator(mode="after")
    def _a_file_belongs_to_pretrained(self) -> Self:
        given = [
            name
            for name in ("path", "repository", "revision", "sha256", "end_of_text")
            if getattr(self, name) is not None
        ]
        if self.kind != "pretrained":
            if given:
                raise ValueError(
                    f"{given[0]} belongs to kind pretrained, this one is {self.kind}: set "
                    f"{given[0]} to null"
                )
            return self
        if self.path is None and self.repository is None:
            raise ValueError(
                "path is missing: kind pretrained needs a tokenizer.json (path), or a repository "
                "of the Hub that holds one"
            )
        if self.revision is not None and self.repository is None:
            raise ValueError("revision belongs to a repository, which is not set")
        return self


OF_MIXER = {
    "attention": ("heads", "positions", "rotary_base"),
    "recurrent": (
        "head_size", "chunk", "decay", "delta", "token_shift", "read_norm", "hidden",
    ),
}  # fmt: skip
"""Settings of a size that only one mixer reads."""


class Size(Settings):
    """The shape of a model."""

    mixer: Literal["attention", "recurrent"] = "attention"
    """What carries information between positions. `recurrent`: a matrix for each head, decayed and
    written at every position, in the style of RWKV-7; computed by torch kernels. The MLP is then as
    wide as gives a block as many weights as one of attention with the same width and `mlp`."""
    width: Annotated[int, Field(ge=2)]
    """Width of the residual stream."""
    layers: Annotated[int, Field(ge=1)] = 2
    """Number of blocks, each of a mixer and an MLP."""
    heads: Annotated[int, Field(ge=1)] = 2
    """Attention heads; the width must be divisible by twice this number (rotary pairs)."""
    mlp: Annotated[int, Field(ge=0)] = 4
    """Hidden width of the MLP, in units of the width. 0 leaves attention alone, computed by torch
    kernels: in one layer with rotary positions, the stage `universal` then bounds tokens by the
    last token of the prefix too."""
    positions: Literal["rotary", "learned"] = "rotary"
    """Position embedding: rotary queries and keys, or a learned vector added to each token."""
    rotary_base: Annotated[float, Field(gt=1)] = 10_000.0
    """`rotary` only: the slowest pair rotates about 1/base radians per position. A low base
    resolves nearby positions."""
    embedding_sd: Annotated[float, Field(gt=0)] = 0.02
    """Standard deviation of the token embeddings at step 0. Training moves embeddings by far more
    than 0.02. A myopic member needs a large value, which separates tokens from step 0: what only
    later positions read from a token, it never learns to write there."""
    activation: Literal["gelu", "relu2"] = "gelu"
    """Nonlinearity of the MLP: GELU or squared ReLU."""
    head_size: Annotated[int, Field(ge=2)] = 16
    """`recurrent` only: keys and values of a head's matrix; the width must be divisible by it."""
    chunk: Annotated[int, Field(ge=1, le=128)] = 32
    """`recurrent` only: positions that are computed at once (in the key, because it changes last
    bits)."""
    decay: Literal["channel", "scalar"] = "channel"
    """`recurrent` only: whether each channel of the keys decays at a rate of its own, or all of a
    head at one."""
    delta: bool = True
    """`recurrent` only: the delta rule, by which a write first removes what the state holds under
    its key."""
    token_shift: bool = True
    """`recurrent` only: whether the inputs of a position are mixed with those of the position
    before."""
    read_norm: bool = True
    """`recurrent` only: whether the read-out of each head is normalised."""
    hidden: Annotated[int, Field(ge=0)] | None = None
    """`recurrent` only: hidden width of the MLP; null takes the width that matches the number of
    weights."""
    learning_rate: Rate | None = None
    """Peak learning rate of this size; null takes training.learning_rate. `tune` finds one for each
    of its variants, on the grid of `tune`."""

    @property
    def block_weights(self) -> int:
        """Number of weights in the matrices of all blocks, by which sizes are ordered."""
        return self.layers * (4 + 2 * self.mlp) * self.width**2

    @property
    def is_recurrent(self) -> bool:
        """Whether a recurrence stands in the place of attention."""
        return self.mixer == "recurrent"

    @property
    def matched_hidden(self) -> int:
        """Hidden width of the MLP of a recurrent block."""
        if self.hidden is not None:
            return self.hidden
        weights = mixer_weights(
            self.width,
            self.head_size,
            self.decay,
            delta=self.delta,
            token_shift=self.token_shift,
            read_norm=self.read_norm,
        )
        return matched_hidden(self.width, self.mlp, weights)

    @model_validator(mode="after")
    def _has_settings_of_its_mixer(self) -> Self:
        for mixer, names in OF_MIXER.items():
            changed = [n for n in names if getattr(self, n) != type(self).model_fields[n].default]
            if changed and self.mixer != mixer:
                raise ValueError(
                    f"{changed[0]} belongs to mixer {mixer}, this one is {self.mixer}: remove it"
                )
        return self

    @model_validator(mode="after")
    def _heads_divide_the_width(self) -> Self:
        if self.is_recurrent:
            if self.width % self.head_size:
                raise ValueError(
                    f"width {self.width} is not divisible by head_size ({self.head_size}): every "
                    "head of a recurrence has as many channels"
                )
            if self.mlp and self.matched_hidden < 1:
                raise ValueError(
                    f"a recurrent block of width {self.width} has more weights than one of "
                    f"attention with mlp {self.mlp}: raise mlp, or the width, or give hidden"
                )
        elif self.width % (2 * self.heads):
            raise ValueError(
                f"width {self.width} is not divisible by 2 x heads ({self.heads} heads): each "
                "head needs an even number of dimensions for its rotary positions"
            )
        return self


if TYPE_CHECKING:
    Gradient = str
else:
    Gradient = Literal[tuple(GRADIENTS)]


REPLACED = ("optimizer", "weight_decay", "steps", "warmup", "decay", "late")
"""Settings of training that a variant may replace."""


class Variant(Settings):
    """How gradients flow through attention, and what else of training differs."""

    gradient: Gradient
    """`causal`: ordinary attention. `myopic`: no gradient reaches earlier hidden states; W_K and
    W_V still learn from all pairs. `myopic-kv`: earlier keys and values are detached too.
    `discount`: gamma^(i-j) of the gradient from i reaches position j. Three are controls: `local`,
    trained while all earlier positions stay those of a finished member; `bigram`, which sees no
    earlier position; and `reservoir`, in which only reading is trained, and what is written for any
    position keeps its random weights. A recurrence has neither `myopic-kv` nor `local`."""
    past_from: Name | None = None
    """`local` only: the variant that provides the past, by its member of the same size and seeds.
    """
    starts_from: Name | None = None
    """The variant whose weights this one starts from, by its member of the same size and seeds: it
    shows what this gradient does to a solution found under another."""
    starts_on: Name | None = None
    """`starts_from` only: the corpus on which that member was trained, whose vocabulary is the
    same; null takes the corpus of this member. It may be a fine-tuned member itself."""
    gamma: Annotated[float, Field(ge=0, le=1)] | None = None
    """`discount` only: the share of the gradient that reaches the previous position; 0 is myopic, 1
    is causal."""
    learning_rate: Rate | None = None
    """Peak learning rate of this variant; null takes that of the size."""
    optimizer: Literal["adamw", "muon"] | None = None
    """Optimiser of this variant; null takes training.optimizer."""
    weight_decay: Annotated[float, Field(ge=0)] | None = None
    """Weight decay of this variant; null takes training.weight_decay."""
    steps: Annotated[int, Field(ge=1)] | None = None
    """Optimiser steps of this variant; null takes those of the corpus or of training."""
    warmup: Annotated[float, Field(ge=0, le=1)] | None = None
    """Share of the steps over which the learning rate of this variant rises from 0; null takes
    training.warmup."""
    decay: Annotated[float, Field(ge=0, le=1)] | None = None
    """Share of the steps at the end over which the learning rate of this variant falls to 0; null
    takes training.decay."""
    late: Annotated[tuple[Share, ...], RISING] | None = None
    """Shares of the steps of this variant, rising, after which weights are saved too; null takes
    training.late."""

    @property
    def replaced_training(self) -> dict[str, Any]:
        """Settings of training that this variant replaces."""
        values = identity(self)
        return {name: values[name] for name in REPLACED if values[name] is not None}

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
        if self.starts_on is not None and self.starts_from is None:
            raise ValueError(
                "starts_on names the corpus of the member that starts_from names, which is not "
                "set: add starts_from, or remove starts_on"
            )
        return self


class Training(Settings):
    """The training budget and the optimiser, with a warmup-stable-decay schedule."""

    context: Annotated[int, Field(ge=2)] = 128
    """Tokens a model sees at once."""
    shift: bool = True
    """Whether windows begin at other tokens in each epoch; false for documents of one length."""
    batch: Annotated[int, Field(ge=1)] = 16
    """Windows of `context` tokens in one step."""
    steps: Annotated[int, Field(ge=1)] = 1000
    """Optimiser steps."""
    optimizer: Literal["adamw", "muon"] = "muon"
    """`muon`: orthogonalised momentum for the matrices of the blocks, AdamW for other weights."""
    learning_rate: Rate = 1.2e-2
    """Peak learning rate; `tune` finds one for each size and variant, on the grid of `tune`."""
    warmup: Annotated[float, Field(ge=0, le=1)] = 0.05
    """Share of the steps over which the learning rate rises from 0."""
    decay: Annotated[float, Field(ge=0, le=1)] = 0.3
    """Share of the steps at the end over which the learning rate falls to 0."""
    weight_decay: Annotated[float, Field(ge=0)] = 0.1
    """Decoupled weight decay of the matrices."""
    beta1: Annotated[float, Field(ge=0, lt=1)] = 0.9
    """Decay of AdamW's first moment."""
    beta2: Annotated[float, Field(ge=0, lt=1)] = 0.95
    """Decay of AdamW's second moment."""
    clip: Annotated[float, Field(gt=0)] = 1.0
    """Largest norm of a member's gradient, which is scaled down to it."""
    precision: Precision = "float32"
    """Precision of matrix products, and of attention on a GPU; all else is float32. On the text of
    the default study, the mean loss of each class with `bf16` was within 0.007 nats of float32."""
    kernels: Kernels = "auto"
    """Kernels of members on a CPU: `native` ones, in C++, or those of `torch`, which are slower and
    the only ones on a GPU, and for bf16 on a CPU without AVX512-BF16. Their last bits differ, so
    the choice is part of what a member is. `auto` is native where the native kernels are built or
    can be built."""
    curve_every: Annotated[int, Field(ge=1)] = 100
    """Steps between two points of the loss curves."""
    curve_windows: Annotated[int, Field(ge=1)] = 64
    """Windows of the select split that are scored for a point of its loss curve."""
    late: Annotated[tuple[Share, ...], RISING] = ()
    """Shares of the steps, rising, after which weights are saved too: parents of derived members.
    """

    @model_validator(mode="after")
    def _schedule_fits(self) -> Self:
        if self.warmup + self.decay > 1:
            raise ValueError(
                f"warmup {self.warmup:g} and decay {self.decay:g} are shares of the steps: "
                "together they must not exceed 1"
            )
        return self


class Seeds(Settings):
    """Seeds of initial weights and data order, and how they are combined to members."""

    design: Literal["paired", "crossed"] = "paired"
    """`paired`: the first of one with the first of the other, and so on, so members are
    independent; a single seed of one kind is that of all members, and results hold for this seed
    alone. `crossed`: all combinations of at least four of each, which separates the variance due to
    initial weights from that due to data order; with as many trainings, all else is less
    precise."""
    init: SeedList = (0, 1, 2, 3, 4, 5)
    """Seeds of the initial weights."""
    order: SeedList | None = None
    """Seeds of the data order; null takes the numbers of the initial weights."""

    @property
    def orders(self) -> tuple[int, ...]:
        """Seeds of the data order, in the order in which they are paired."""
        return self.init if self.order is None else self.order

    @property
    def count(self) -> int:
        """The number of pairs, which need not be made for it."""
        inits, orders = len(self.init), len(self.orders)
        return inits * orders if self.design == "crossed" else max(inits, orders)

    @property
    def pairs(self) -> list[tuple[int, int]]:
        """Seeds of each member, sorted: initial weights and data order."""
        if self.design == "crossed":
            return sorted(product(self.init, self.orders))
        shared = 1 in (len(self.init), len(self.orders))
        return sorted((product if shared else zip)(self.init, self.orders))

    @model_validator(mode="after")
    def _makes_independent_members(self) -> Self:
        inits, orders = len(self.init), len(self.orders)
        if self.design == "paired" and inits != orders and 1 not in (inits, orders):
            raise ValueError(
                f"`paired` takes as many of each, or one of a kind: init has {inits} and order "
                f"{orders}. Leave `order` out to use the same numbers for both, or set "
                "`design: crossed`"
            )
        if self.design == "crossed" and min(inits, orders) < FEWEST_CROSSED:
            raise ValueError(
                f"`crossed` takes at least {FEWEST_CROSSED} of each, for an error over either: "
                f"init has {inits} and order {orders}. Add seeds, or leave `design` out"
            )
        return self


class TrialSeeds(Seeds):
    """Seeds of the trials. No trial may have a seed of the study."""

    init: SeedList = (1000, 1001)
    """Seeds of the initial weights."""


class ReferenceSeeds(Seeds):
    """Members that are in no analysis. Their loss measures the distance of a probe from training
    text, and they write the contexts of self-written probes. No seed of the study may be among
    their seeds."""

    init: SeedList = (900,)
    """Seeds of the initial weights."""
    size: Name | None = None
    """Their size; null takes the smallest one."""
    variant: Name | None = None
    """Their variant; null takes the first causal one by name."""


class Tune(Settings):
    """The grid of learning rates, for sizes and variants whose rate is `tune`. The rate with the
    lowest mean loss on the select split is taken."""

    rates: Annotated[tuple[Annotated[float, Field(gt=0)], ...], Field(min_length=2), RISING] = (
        3e-3, 6e-3, 1.2e-2, 2.4e-2,
    )  # fmt: skip
    """Peak learning rates to try, rising."""
    seeds: TrialSeeds = TrialSeeds()
    """Seeds of the trials."""
    steps: Annotated[int, Field(ge=1)] | None = None
    """Optimiser steps of a trial; null takes training.steps."""
