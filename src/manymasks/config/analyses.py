"""What is measured of trained members: the settings of each analysis."""

from typing import TYPE_CHECKING, Annotated, Literal, Self

from pydantic import Field, model_validator

from manymasks.catalogue import ANALYSES
from manymasks.config.settings import Name, Settings, Share

if TYPE_CHECKING:
    Analysis = str
else:
    Analysis = Literal[ANALYSES]


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


class WithFloor(Settings):
    """What computes members in two sizes of a batch: they must give nearly the same."""

    batch: Annotated[int, Field(ge=1)]
    floor_batch: Annotated[int, Field(ge=1)]

    @model_validator(mode="after")
    def _batches_differ(self) -> Self:
        if self.floor_batch == self.batch:
            raise ValueError(
                f"floor_batch is {self.floor_batch}, the same as batch: the noise floor "
                "compares two"
            )
        return self


class Divergence(WithFloor):
    """How differently members behave."""

    batch: Annotated[int, Field(ge=1)] = 8
    """Windows held at once, for all members, with the full vocabulary."""
    floor_batch: Annotated[int, Field(ge=1)] = 3
    """The other batch size of the noise floor: the same member must give nearly the same."""
    floor_windows: Annotated[int, Field(ge=1)] = 8
    """Windows of each severity on which the noise floor is measured."""
    sampled: Annotated[int, Field(ge=2)] = 256
    """Positions of each severity on which is measured what does not follow from sums over all of
    them: total variation, Jensen-Shannon, temperatures and quantiles."""
    shown: Annotated[int, Field(ge=0)] = 64
    """Positions of these that are kept with their tokens, of each severity."""
    bins: Annotated[int, Field(ge=2)] = 10
    """Bins of confidence for calibration."""
    memory_mb: Annotated[int, Field(ge=16)] = 512
    """Memory, in MiB, that what has the size of the vocabulary may take; where a batch of windows
    needs more, fewer are held at once (it changes the last bits, so it is part of the key)."""


class Rollout(WithFloor):
    """What members write after the same prompts, and when two of them first differ."""

    prompts: Annotated[int, Field(ge=2)] = 48
    """Prompts, beginnings of windows of the measure split."""
    prompt: Annotated[int, Field(ge=1)] = 24
    """Tokens of a prompt."""
    length: Annotated[int, Field(ge=2)] = 40
    """Tokens that are written after it; both together fit training.context."""
    temperature: Annotated[float, Field(gt=0)] = 1.0
    """Of the laws that are sampled from."""
    batch: Annotated[int, Field(ge=1)] = 48
    """Prompts in one forward pass."""
    floor_batch: Annotated[int, Field(ge=1)] = 7
    """The other batch size of the noise floor."""
    seed: Annotated[int, Field(ge=0)] = 0
    """Seed of the prompts and of the noise."""


class Representation(WithFloor):
    """How alike members represent the same tokens, with nulls by permutation."""

    windows: Annotated[int, Field(ge=2)] = 64
    """Windows of the measure split."""
    tokens: Annotated[int, Field(ge=20)] = 256
    """Tokens of them that are compared, drawn evenly from the windows."""
    neighbours: Annotated[int, Field(ge=1)] = 10
    """Nearest neighbours of a token that two members may have in common."""
    permutations: Annotated[int, Field(ge=19)] = 100
    """Random matchings of tokens that the null is made of."""
    batch: Annotated[int, Field(ge=1)] = 32
    """Windows in one forward pass."""
    floor_batch: Annotated[int, Field(ge=1)] = 3
    """The other batch size of the noise floor."""
    seed: Annotated[int, Field(ge=0)] = 0
    """Seed of the tokens and of the matchings."""

    @model_validator(mode="after")
    def _neighbours_are_some(self) -> Self:
        if self.neighbours >= self.tokens - 1:
            raise ValueError(
                f"neighbours ({self.neighbours}) must be fewer than the other tokens "
                f"({self.tokens - 1})"
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
    """The exact law of the process behind a text, and what capabilities are worth."""

    documents: Annotated[int, Field(ge=2)] = 1000
    """Documents of each split that are measured, the first ones; `excess` measures members on the
    same."""
    pricing: Annotated[int, Field(ge=2)] = 8192
    """Documents drawn to price a capability where its price has no closed form."""


class Excess(WithFloor):
    """Members compared with the exact law of the process behind their text (needs `truth`)."""

    batch: Annotated[int, Field(ge=1)] = 64
    """Documents in one forward pass."""
    floor_batch: Annotated[int, Field(ge=1)] = 3
    """The other batch size of the noise floor: the same member must give nearly the same."""
    shares: tuple[Annotated[float, Field(gt=0)], ...] = (0.5, 1.0, 1.5, 2.0)
    """Thresholds of sets, as shares of the price of the cheapest capability."""


class Spectroscopy(Settings):
    """Which masks a member's own law of the next letters is made of, on the process `masks`."""

    documents: Annotated[int, Field(ge=2)] = 100
    """Documents of the measure split that are tried, the first ones."""
    letters: Annotated[tuple[Annotated[int, Field(ge=0, le=59)], ...], Field(min_length=1)] = (
        0, 1, 2, 4, 8, 16, 32, 56,
    )  # fmt: skip
    """After how many letters the weights are found, rising; a document has room for three more."""
    splice: Annotated[int, Field(ge=1, le=58)] = 16
    """Letters of one mask before another one takes over; after 16, Bayes needs 21 to notice."""
    splices: Annotated[int, Field(ge=2)] = 60
    """Documents that are spliced from two of different masks."""
    batch: Annotated[int, Field(ge=1)] = 256
    """Prefixes in one forward pass."""
    seed: Annotated[int, Field(ge=0)] = 0
    """Seed of the spliced documents."""

    @model_validator(mode="after")
    def _letters_rise(self) -> Self:
        if list(self.letters) != sorted(set(self.letters)):
            raise ValueError(f"letters must rise, found {list(self.letters)}")
        return self


class Belief(Settings):
    """What can be read off a member's residual stream by linear maps."""

    documents: Annotated[int, Field(ge=10)] = 200
    """Documents of the measure split that are tried, the first ones; maps are fitted on the first
    half of them and tested on the other."""
    ridge: Annotated[float, Field(gt=0)] = 1e-4
    """Weight of the penalty, as a share of the mean variance of the stream's directions."""
    last_letters: Annotated[int, Field(ge=1)] = 3
    """Tokens that the controls know: one nothing else, in `masks` another one the premise too."""
    ahead: Annotated[tuple[Annotated[int, Field(ge=1)], ...], Field(min_length=1)] = (1, 2, 3, 4)
    """How many tokens ahead linear maps try to foretell."""
    points: Annotated[int, Field(ge=0)] = 1200
    """Places of documents whose beliefs are kept for the picture, for each member."""
    batch: Annotated[int, Field(ge=1)] = 64
    """Documents in one forward pass."""
    seed: Annotated[int, Field(ge=0)] = 0
    """Seed of the controls."""


class RuleChoice(Settings):
    """Which of two rules members follow where training never told them apart (`fork`)."""

    questions: Annotated[int, Field(ge=10)] = 600
    """Questions of each kind."""
    seed: Annotated[int, Field(ge=0)] = 0
    """Seed of the questions."""


class Swap(Settings):
    """What a prediction follows when a part of the past is taken from a donor (`masks`)."""

    documents: Annotated[int, Field(ge=2)] = 200
    """Documents; each has a donor of another mask, and one of the same."""
    letters: Annotated[tuple[Annotated[int, Field(ge=1)], ...], Field(min_length=1)] = (8, 31)
    """After how many letters the prediction is looked at, rising."""
    batch: Annotated[int, Field(ge=1)] = 64
    """Pairs in one forward pass."""
    seed: Annotated[int, Field(ge=0)] = 0
    """Seed of the pairs."""


class Statistics(Settings):
    """Intervals."""

    confidence: Share = 0.95
    """Coverage that intervals aim at."""
    resamples: Annotated[int, Field(ge=100)] = 1000
    """Resamples of a document bootstrap."""
    seed: Annotated[int, Field(ge=0)] = 0
    """Seed of the bootstrap."""
