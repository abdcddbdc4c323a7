"""A study, typed: every setting, its default and its range.

The same declarations generate config/schema.json and config/README.md, so a setting is
documented where it is defined and nowhere else.
"""

from collections.abc import Iterator
from typing import Annotated, Literal, Self

from pydantic import Field, model_validator

from manymasks.config.corpora import Corpus
from manymasks.config.settings import Name, Settings, Share, operational

Seed = Annotated[int, Field(ge=0, lt=2**63)]
Precision = Literal["float32", "bf16"]
Rate = Annotated[float, Field(gt=0)] | Literal["tune"]
Analysis = Literal["rashomon", "divergence", "myopia", "truth"]


class Tokenizer(Settings):
    """How text becomes tokens."""

    kind: Literal["bpe", "bytes", "characters"] = "bpe"
    """Byte-level BPE trained on the train split, raw bytes, or the train split's characters."""
    vocabulary: Annotated[int, Field(ge=257, le=1_000_000)] = 1024
    """Number of tokens, the 256 bytes and the end of text among them; only BPE is told it."""


# ---------------------------------------------------------------------- models and training


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
    activation: Literal["gelu", "relu2"] = "gelu"
    """Nonlinearity of the MLP: GELU or squared ReLU."""
    learning_rate: Rate | None = None
    """Peak learning rate of this size; null takes training.learning_rate. `tune` finds one for
    each variant of it, on the grid of `tune`."""

    @model_validator(mode="after")
    def _heads_divide_the_width(self) -> Self:
        if self.width % (2 * self.heads):
            raise ValueError(
                f"width {self.width} is not divisible by 2 x heads ({self.heads} heads): each "
                "head needs an even number of dimensions for its rotary positions"
            )
        return self


Gradient = Literal["causal", "myopic", "myopic-kv", "discount", "local", "bigram"]


class Variant(Settings):
    """How gradients flow through attention."""

    gradient: Gradient
    """`causal`: ordinary attention. `myopic`: the past may be read otherwise, not written.
    `myopic-kv`: nor read. `discount`: gamma^(i-j) of the gradient from i reaches position j.
    Two more are no models of their own but what the others are held against: `local`, trained
    while all earlier positions stay those of a finished member, and `bigram`, which sees no
    earlier position."""
    of: Name | None = None
    """`local` only: the variant whose member of the same size and seeds the past comes from."""
    gamma: Annotated[float, Field(ge=0, le=1)] | None = None
    """`discount` only: the share that reaches the position before; 0 is myopic, 1 is causal."""
    learning_rate: Rate | None = None
    """Peak learning rate of this variant; null takes that of the size."""

    @property
    def is_reference(self) -> bool:
        """Whether it is there to hold others against: in no Rashomon set and no divergence."""
        return self.gradient in ("local", "bigram")

    @model_validator(mode="after")
    def _has_what_its_gradient_needs(self) -> Self:
        for gradient, name in (("discount", "gamma"), ("local", "of")):
            given = getattr(self, name) is not None
            if given != (self.gradient == gradient):
                raise ValueError(
                    f"{name} belongs to gradient {gradient}: "
                    + ("it is missing here" if not given else f"this one is {self.gradient}")
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
    """Of the matrix products, and of attention on a GPU; all else is float32. In the default study
    `bf16` ended within 0.007 nats of float32 in the mean of each class."""
    curve_every: Annotated[int, Field(ge=1)] = 100
    """Steps between two points of the loss curves."""
    curve_windows: Annotated[int, Field(ge=1)] = 64
    """Windows of the select split scored for a point of the select curve."""

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


# ------------------------------------------------------------------------------- analyses


class Evaluation(Settings):
    """How members are scored on whole documents."""

    batch: Annotated[int, Field(ge=1)] = 64
    """Windows in one forward pass (it changes the last bits, so it is part of the key)."""
    position_edges: Annotated[tuple[Annotated[int, Field(ge=0)], ...], Field(min_length=1)] = (
        0,
        1,
        2,
        4,
        8,
        16,
        32,
        64,
    )
    """Where buckets of positions begin; the last one ends with the context."""

    @model_validator(mode="after")
    def _edges_rise_from_zero(self) -> Self:
        if list(self.position_edges) != sorted(set(self.position_edges)) or self.position_edges[0]:
            raise ValueError(f"position_edges must rise from 0, found {list(self.position_edges)}")
        return self


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


class Probe(Settings):
    """A family of contexts with a severity; severity 0 is the measure split untouched."""

    family: Literal["held-out", "shuffle"]
    """`held-out`: text as it is. `shuffle`: context tokens permuted within blocks."""
    windows: Annotated[int, Field(ge=2)] = 256
    """Windows of the measure split that are tried."""
    scored: Annotated[int, Field(ge=1)] | None = None
    """Tokens scored at the end of each window, never changed; null scores them all."""
    severities: tuple[Annotated[int, Field(ge=2)], ...] = ()
    """`shuffle` only: the block lengths of severity 1, 2, ..."""
    seed: Annotated[int, Field(ge=0)] = 0
    """Seed of the choice of windows and of the changes to them."""

    @model_validator(mode="after")
    def _severities_fit_the_family(self) -> Self:
        if self.family == "held-out" and self.severities:
            raise ValueError("a held-out probe has severity 0 only: take severities away")
        if self.family == "shuffle" and not self.severities:
            raise ValueError("a shuffle probe needs severities, such as [2, 4, 8]")
        if list(self.severities) != sorted(set(self.severities)):
            raise ValueError(f"severities must rise, found {list(self.severities)}")
        if self.family == "shuffle" and self.scored is None:
            raise ValueError(
                "a shuffle probe needs scored: the tokens at the end of each window that stay "
                "clean and are scored"
            )
        return self


class Divergence(Settings):
    """How differently members behave."""

    batch: Annotated[int, Field(ge=1)] = 8
    """Windows held at once, for all members, with the full vocabulary."""
    floor_batch: Annotated[int, Field(ge=1)] = 3
    """The other batch size of the noise floor: the same member must give nearly the same."""
    floor_windows: Annotated[int, Field(ge=1)] = 32
    """Windows of each severity on which the noise floor is measured."""

    @model_validator(mode="after")
    def _batches_differ(self) -> Self:
        if self.floor_batch == self.batch:
            raise ValueError(
                f"floor_batch is {self.floor_batch}, the same as batch: the noise floor "
                "compares two"
            )
        return self


class Contrast(Settings):
    """Two variants that differ in their gradients only, compared over shared seeds."""

    baseline: Name
    """The variant whose loss is subtracted."""
    variant: Name
    """The variant compared with it."""

    @model_validator(mode="after")
    def _of_two_variants(self) -> Self:
        if self.baseline == self.variant:
            raise ValueError(f"'{self.variant}' cannot be compared with itself")
        return self


class Myopia(Settings):
    """What forbidding gradients to earlier positions costs."""

    contrasts: tuple[Contrast, ...] = (Contrast(baseline="causal", variant="myopic"),)
    """Pairs of variants."""
    gradient_windows: Annotated[int, Field(ge=2)] = 64
    """Windows of the train split on which present and future gradients are compared."""
    gammas: tuple[Annotated[float, Field(ge=0, le=1)], ...] = (0.0, 0.25, 0.5, 0.75, 0.9, 1.0)
    """Discounts at which they are; 0, the present alone, and 1, everything, are always among
    them."""

    @model_validator(mode="after")
    def _each_once(self) -> Self:
        pairs = [(contrast.baseline, contrast.variant) for contrast in self.contrasts]
        twice = [pair for pair in pairs if pairs.count(pair) > 1]
        if twice:
            baseline, variant = twice[0]
            raise ValueError(f"contrasts has {variant} against {baseline} more than once")
        return self


class Truth(Settings):
    """Members held against the exact law of the process that drew their text."""

    documents: Annotated[int, Field(ge=2)] = 1000
    """Documents of the measure split that are tried, the first ones."""
    batch: Annotated[int, Field(ge=1)] = 64
    """Documents in one forward pass."""


class Statistics(Settings):
    """Intervals."""

    confidence: Share = 0.95
    """Coverage that intervals aim at."""
    resamples: Annotated[int, Field(ge=100)] = 1000
    """Resamples of a document bootstrap."""
    seed: Annotated[int, Field(ge=0)] = 0
    """Seed of the bootstrap."""


class Machine(Settings):
    """How the work is done; nothing here changes a result, but last bits on a GPU."""

    device: Literal["auto", "cpu", "cuda"] = operational("auto")
    """Where models run: `auto` takes a GPU where there is one."""
    members_per_gpu: int = operational(4, ge=1)
    """Jobs that may share one GPU at a time."""
    stack: Annotated[int, Field(ge=1)] | Literal["auto"] = operational("auto")
    """Members of one shape that one process trains: `auto` is 1 on a CPU and up to 32 on a GPU.
    A number is kept to on a GPU: with fewer members the rest are dummies, so that bits are the
    same whoever is missing."""
    log_seconds: float = operational(15.0, gt=0)
    """Seconds between two lines of progress in a log."""
    checkpoint_seconds: float = operational(20.0, ge=0)
    """Seconds between two resumable states of a training."""


class Study(Settings):
    """Everything that is trained and measured."""

    name: Name = "study"
    """Title of the study in the report."""
    corpora: Annotated[dict[Name, Corpus], Field(min_length=1)]
    """Named corpora; every size and variant is trained on each."""
    tokenizer: Tokenizer = Tokenizer()
    """The tokenizer, trained once for each corpus."""
    sizes: Annotated[dict[Name, Size], Field(min_length=1)]
    """Named model sizes."""
    variants: Annotated[dict[Name, Variant], Field(min_length=1)]
    """Named variants."""
    training: Training = Training()
    """The training budget, the same for all."""
    tune: Tune = Tune()
    """The grid of learning rates, used where a learning rate is `tune`."""
    seeds: Seeds = Seeds()
    """Seeds, crossed."""
    evaluation: Evaluation = Evaluation()
    """Scoring on whole documents."""
    rashomon: Rashomon = Rashomon()
    """Rashomon sets."""
    probes: Annotated[dict[Name, Probe], Field(min_length=1)] = {
        "held-out": Probe(family="held-out"),
        "shuffle": Probe(family="shuffle", scored=32, severities=(2, 4, 8, 16, 32)),
    }
    """Named probes."""
    divergence: Divergence = Divergence()
    """Behavioural divergence."""
    myopia: Myopia = Myopia()
    """The myopia gap."""
    truth: Truth = Truth()
    """The exact law, where it is known."""
    statistics: Statistics = Statistics()
    """Intervals."""
    analyses: tuple[Analysis, ...] = ("rashomon", "divergence", "myopia", "truth")
    """Which analyses are made; `truth` where a corpus is drawn from a known process."""
    machine: Machine = Machine()
    """How the work is done."""

    def learning_rate(self, size: str, variant: str) -> float | Literal["tune"]:
        """The peak learning rate of a size and variant, or `tune`."""
        named = (self.variants[variant].learning_rate, self.sizes[size].learning_rate)
        return next((rate for rate in named if rate is not None), self.training.learning_rate)

    def cross_field_problems(self) -> Iterator[tuple[str, str]]:
        """Mistakes that only the study as a whole shows, each with the setting it concerns."""
        for i, contrast in enumerate(self.myopia.contrasts if "myopia" in self.analyses else ()):
            for role in ("baseline", "variant"):
                named = getattr(contrast, role)
                if named not in self.variants:
                    yield (
                        f"myopia.contrasts.{i}.{role}",
                        f"'{named}' is not a variant. Variants: {', '.join(self.variants)}",
                    )
        for name, variant in self.variants.items():
            if variant.of is not None and variant.of not in self.variants:
                yield (
                    f"variants.{name}.of",
                    f"'{variant.of}' is not a variant. Variants: {', '.join(self.variants)}",
                )
            elif variant.of is not None and self.variants[variant.of].gradient == "local":
                yield f"variants.{name}.of", f"'{variant.of}' is itself local: name another"
        arms = [(size, variant) for size in self.sizes for variant in self.variants]
        tuned = any(self.learning_rate(*arm) == "tune" for arm in arms)
        for kind in ("init", "order") if tuned else ():
            shared = set(getattr(self.tune.seeds, kind)) & set(getattr(self.seeds, kind))
            if shared:
                yield (
                    f"tune.seeds.{kind}",
                    f"{min(shared)} is a seed of the study: trials need seeds of their own",
                )
        context = self.training.context
        for name, probe in self.probes.items():
            if probe.scored is not None and probe.scored >= context:
                yield (
                    f"probes.{name}.scored",
                    f"is {probe.scored}, which leaves no context: it must be less than "
                    f"training.context ({context})",
                )
                continue
            for block in probe.severities:
                if block > context - (probe.scored or 0):
                    yield (
                        f"probes.{name}.severities",
                        f"a block of {block} tokens is longer than the context before the scored "
                        f"tokens ({context} - {probe.scored})",
                    )
        if self.evaluation.position_edges[-1] >= context:
            yield (
                "evaluation.position_edges",
                f"the last bucket begins at {self.evaluation.position_edges[-1]}, but positions "
                f"end before training.context ({context})",
            )
        for what in ("sizes", "variants", "corpora"):
            seen: dict[str, str] = {}
            for name, settings in getattr(self, what).items():
                same = seen.setdefault(settings.model_dump_json(), name)
                if same != name:
                    yield f"{what}.{name}", f"is the same as {what}.{same}: give each once"
