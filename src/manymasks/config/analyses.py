"""Settings of evaluation and of each analysis, and the fields of a study that hold them."""

from typing import TYPE_CHECKING, Annotated, Literal, Self

from pydantic import Field, model_validator

from manymasks.catalogue import ANALYSES
from manymasks.config.decomposition import Decomposition, TextSpectrum
from manymasks.config.probes import Probe
from manymasks.config.rashomon import (
    CodeLength,
    Derived,
    Funnel,
    Multiplicity,
    Rashomon,
    Volume,
)
from manymasks.config.rewards import RewardTraining
from manymasks.config.settings import RISING, Name, Settings, Share
from manymasks.config.steering import Steering

if TYPE_CHECKING:
    Analysis = str
else:
    Analysis = Literal[ANALYSES]


class Evaluation(Settings):
    """How members are scored on whole documents."""

    batch: Annotated[int, Field(ge=1)] = 64
    """Windows in one forward pass (in the key, because it changes last bits)."""
    position_edges: Annotated[
        tuple[Annotated[int, Field(ge=0)], ...], Field(min_length=1), RISING
    ] = (0, 1, 2, 4, 8, 16, 32, 64)
    """First positions of the buckets; the last bucket ends with the context."""

    @model_validator(mode="after")
    def _edges_begin_at_zero(self) -> Self:
        if self.position_edges[0]:
            raise ValueError(f"position_edges must rise from 0, found {list(self.position_edges)}")
        return self


class WithFloor(Settings):
    """Analyses with a noise floor: members are also run at a second batch size."""

    batch: Annotated[int, Field(ge=1)]
    floor_batch: Annotated[int, Field(ge=1)]

    @model_validator(mode="after")
    def _batches_differ(self) -> Self:
        if self.floor_batch == self.batch:
            raise ValueError(
                f"floor_batch is {self.floor_batch}, the same as batch: the noise floor "
                "compares two batch sizes"
            )
        return self


class Divergence(WithFloor):
    """How differently members behave."""

    batch: Annotated[int, Field(ge=1)] = 8
    """Windows in one pass of all members, with the full vocabulary."""
    floor_batch: Annotated[int, Field(ge=1)] = 3
    """Second batch size, for the noise floor: a member compared with itself at two batch sizes."""
    floor_windows: Annotated[int, Field(ge=1)] = 8
    """Windows per severity on which the noise floor is measured."""
    sampled: Annotated[int, Field(ge=2)] = 256
    """Positions per severity, sampled for quantities that do not follow from sums over all
    positions: total variation, Jensen-Shannon, temperatures and quantiles."""
    shown: Annotated[int, Field(ge=0)] = 64
    """Sampled positions per severity that are stored with their tokens."""
    bins: Annotated[int, Field(ge=2)] = 10
    """Bins of confidence for calibration."""
    memory_mb: Annotated[int, Field(ge=16)] = 512
    """MiB for arrays over the vocabulary; where a batch needs more, it is split (in the key,
    because it changes last bits)."""


class Explorer(Settings):
    """Contexts that the explorer shows token by token, with the laws of every member."""

    contexts: Annotated[int, Field(ge=1)] = 12
    """Contexts of a probe, over all its severities: as many windows at a severity as make these,
    and one at least."""
    scored: Annotated[int, Field(ge=1)] = 24
    """Tokens at the end of a context whose laws are stored, at most those that the probe scores. On
    text as it is, members also write as many after what comes before them."""
    ranks: Annotated[int, Field(ge=1)] = 5
    """First-ranked tokens of a law that are stored."""
    batch: Annotated[int, Field(ge=1)] = 16
    """Contexts in one forward pass."""
    memory_mb: Annotated[int, Field(ge=16)] = 512
    """MiB for laws of all members; where a batch needs more, it is split (in the key, because it
    changes last bits)."""
    seed: Annotated[int, Field(ge=0)] = 0
    """Seed of the choice of windows."""


class Universal(Settings):
    """Statements about every prefix: upper bounds of probabilities, and prefixes that refute."""

    thresholds: Annotated[tuple[Share, ...], Field(min_length=1), RISING] = (
        0.05, 0.1, 0.25, 0.5, 0.9,
    )  # fmt: skip
    """Thresholds of the statements that a token has at most this probability after any prefix."""
    gap: Annotated[float, Field(gt=0)] = 1e-4
    """Largest duality gap, in nats: how far a bound may be above the best one of its kind."""
    iterations: Annotated[int, Field(ge=1)] = 1000
    """Iterations of the optimiser at most; a token that reaches them has a larger gap, and its
    bound holds all the same."""
    late: bool = False
    """Whether weights saved during training (`training.late`) are bounded too."""
    windows: Annotated[int, Field(ge=1)] = 32
    """Windows of the train split whose prefixes are tried as witnesses."""
    short_prefixes: Annotated[int, Field(ge=0)] = 10_000
    """All prefixes of a length are tried, up to the greatest length that has at most so many: of
    one token, or of two where the vocabulary has at most the root of this number."""
    rounds: Annotated[int, Field(ge=0)] = 0
    """Rounds of the search for witnesses; 0 for none."""
    candidates: Annotated[int, Field(ge=1)] = 128
    """Prefixes that a round of the search tries."""
    longest: Annotated[int, Field(ge=1)] = 8
    """Tokens of a prefix in the search."""
    pairs: Annotated[int, Field(ge=0)] = 24
    """Pairs of frequent tokens, for the statement that both are never above a threshold."""
    leads: Annotated[int, Field(ge=0)] = 12
    """Tokens, evenly over the ranks by frequency, for the statement that one is never ranked
    first."""
    lead: Annotated[float, Field(gt=0)] = 0.01
    """Nats by which a token may be ahead of all others and still count as never ranked first: no
    bound from the ball is below the allowance for float32."""
    possible_prefixes: Annotated[int, Field(ge=1)] = 10_000
    """On a known process: all prefixes that it can produce are tried, up to the greatest length
    that has at most so many."""
    attention_tokens: Annotated[int, Field(ge=0)] = 8
    """Tokens that are also bounded by the last token of the prefix, in members of one layer without
    an MLP (`mlp: 0`) with rotary attention, or with a recurrence that has `decay: scalar` and
    `delta`, `token_shift` and `read_norm` false: ends and middles of the ranks by frequency."""
    attention_gap: Annotated[float, Field(gt=0)] = 0.02
    """Nats by which such a bound may be above what a mixture attains."""
    attention_lengths: Annotated[
        tuple[Annotated[int, Field(ge=2)], ...], Field(min_length=1), RISING
    ] = (8, 64, 256)
    """Lengths of the prefixes that approach it."""
    batch: Annotated[int, Field(ge=1)] = 16
    """Windows in one forward pass."""
    seed: Annotated[int, Field(ge=0)] = 0
    """Seed of the search."""


class Rollout(WithFloor):
    """What members write after the same prompts, and when two of them first differ."""

    prompts: Annotated[int, Field(ge=2)] = 48
    """Number of prompts: beginnings of windows of the measure split, stratified over documents."""
    prompt: Annotated[int, Field(ge=1)] = 24
    """Tokens in a prompt."""
    length: Annotated[int, Field(ge=2)] = 40
    """Tokens written after a prompt; both together must fit training.context."""
    temperature: Annotated[float, Field(gt=0)] = 1.0
    """Sampling temperature."""
    batch: Annotated[int, Field(ge=1)] = 48
    """Prompts in one forward pass."""
    floor_batch: Annotated[int, Field(ge=1)] = 7
    """Second batch size, for the noise floor."""
    seed: Annotated[int, Field(ge=0)] = 0
    """Seed of the prompts and of sampling."""


class Representation(WithFloor):
    """Similarity of representations, with permutation nulls."""

    windows: Annotated[int, Field(ge=2)] = 64
    """Windows of the measure split, stratified over documents."""
    tokens: Annotated[int, Field(ge=20)] = 256
    """Tokens to compare, sampled evenly from the windows."""
    neighbours: Annotated[int, Field(ge=1)] = 10
    """Nearest neighbours of a token, which two members may share."""
    permutations: Annotated[int, Field(ge=19)] = 100
    """Random matchings of tokens in the null."""
    batch: Annotated[int, Field(ge=1)] = 32
    """Windows in one forward pass."""
    floor_batch: Annotated[int, Field(ge=1)] = 3
    """Second batch size, for the noise floor."""
    seed: Annotated[int, Field(ge=0)] = 0
    """Seed of the tokens and the matchings."""

    @model_validator(mode="after")
    def _neighbours_are_some(self) -> Self:
        if self.neighbours >= self.tokens - 1:
            raise ValueError(
                f"neighbours ({self.neighbours}) must be fewer than the other tokens "
                f"({self.tokens - 1})"
            )
        return self


class Contrast(Settings):
    """Two variants that differ only in their gradients, compared over shared seeds."""

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
    """The cost of restricting gradients to earlier positions."""

    contrasts: tuple[Contrast, ...] = (Contrast(baseline="causal", variant="myopic"),)
    """Pairs of variants."""
    gradient_windows: Annotated[int, Field(ge=2)] = 64
    """Windows of the train split on which present and future gradients are compared."""
    gammas: tuple[Annotated[float, Field(ge=0, le=1)], ...] = (0.0, 0.25, 0.5, 0.75, 0.9, 1.0)
    """Discounts at which gradients are compared; 0 (the present alone) and 1 (all) are always
    included."""

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
    """Documents: the first ones of each split. `excess` compares members on the same documents."""
    pricing: Annotated[int, Field(ge=2)] = 8192
    """Documents sampled to estimate the price of a capability that has no closed form."""


class Excess(WithFloor):
    """Members compared with the exact law of the process behind their text (needs `truth`)."""

    batch: Annotated[int, Field(ge=1)] = 64
    """Documents in one forward pass."""
    floor_batch: Annotated[int, Field(ge=1)] = 3
    """Second batch size, for the noise floor."""
    shares: tuple[Annotated[float, Field(gt=0)], ...] = (0.5, 1.0, 1.5, 2.0)
    """Thresholds of sets, as shares of the price of the cheapest capability."""


class Spectroscopy(Settings):
    """The mixture of masks that best explains a member's law of the next letters (`masks`)."""

    documents: Annotated[int, Field(ge=2)] = 100
    """Documents: the first ones of the measure split."""
    letters: Annotated[
        tuple[Annotated[int, Field(ge=0, le=59)], ...], Field(min_length=1), RISING
    ] = (0, 1, 2, 4, 8, 16, 32, 56)
    """Lengths of the prefixes at which weights are fitted, rising; three more letters must fit a
    document."""
    splice: Annotated[int, Field(ge=1, le=58)] = 16
    """Letters of one mask before another mask takes over; after 16, Bayes needs 21 to notice."""
    splices: Annotated[int, Field(ge=2)] = 60
    """Documents spliced from two documents of different masks."""
    batch: Annotated[int, Field(ge=1)] = 256
    """Prefixes in one forward pass."""
    seed: Annotated[int, Field(ge=0)] = 0
    """Seed of the spliced documents."""


class Belief(Settings):
    """Linear maps from residual streams to beliefs, posteriors and later tokens."""

    documents: Annotated[int, Field(ge=10)] = 200
    """Documents: the first ones of the measure split. Maps are fitted on the first half of them and
    tested on the second."""
    ridge: Annotated[float, Field(gt=0)] = 1e-4
    """Ridge penalty, as a share of the mean variance of the stream's directions."""
    last_letters: Annotated[int, Field(ge=1)] = 3
    """Tokens that the controls see: the last ones; in `masks`, a second control also sees the
    premise."""
    ahead: Annotated[tuple[Annotated[int, Field(ge=1)], ...], Field(min_length=1)] = (1, 2, 3, 4)
    """Distances, in tokens, at which linear maps predict a later token."""
    points: Annotated[int, Field(ge=0)] = 1200
    """Positions per member whose beliefs are stored for the figure."""
    paths: Annotated[int, Field(ge=0)] = 4
    """Documents whose beliefs are stored letter by letter, for the explorer."""
    batch: Annotated[int, Field(ge=1)] = 64
    """Documents in one forward pass."""
    seed: Annotated[int, Field(ge=0)] = 0
    """Seed of the controls."""


class RuleChoice(Settings):
    """Which of two rules members follow where training text does not decide (`fork`)."""

    questions: Annotated[int, Field(ge=10)] = 600
    """Questions of each kind."""
    seed: Annotated[int, Field(ge=0)] = 0
    """Seed of the questions."""


class Swap(Settings):
    """What a prediction follows when part of the past comes from a donor document (`masks`)."""

    documents: Annotated[int, Field(ge=2)] = 200
    """Documents; each has a donor of another mask and a donor of the same mask."""
    letters: Annotated[tuple[Annotated[int, Field(ge=1)], ...], Field(min_length=1)] = (8, 31)
    """Lengths of the prefixes after which predictions are compared, rising."""
    batch: Annotated[int, Field(ge=1)] = 64
    """Pairs in one forward pass."""
    seed: Annotated[int, Field(ge=0)] = 0
    """Seed of the pairs."""


class Recurrence(Settings):
    """What can be read from members at matched dimension, and edits of recurrent states."""

    documents: Annotated[int, Field(ge=4)] = 160
    """Documents: the first ones of the measure split. Maps are fitted on the first half of them and
    tested on the second, whose states are edited."""
    positions: Annotated[int, Field(ge=1)] = 12
    """Positions of a document, evenly, at which members are read."""
    components: Annotated[tuple[Annotated[int, Field(ge=1)], ...], Field(min_length=1), RISING] = (
        4,
        8,
        16,
        32,
        64,
        128,
        256,
    )
    """Numbers of principal components, rising, that a map may use; all of them come last."""
    ridge: Annotated[float, Field(gt=0)] = 1e-4
    """Ridge penalty, as a share of the mean variance of the components."""
    last_letters: Annotated[int, Field(ge=1)] = 3
    """Tokens that a control sees: the last ones."""
    patched: Annotated[tuple[Annotated[int, Field(ge=1)], ...], Field(min_length=1), RISING] = (
        16, 40,
    )  # fmt: skip
    """Positions, rising, after which states are edited and writes deleted."""
    read_on: Annotated[int, Field(ge=1)] = 8
    """Tokens that are read after an edit, whose predictions are compared with the exact law."""
    lags: Annotated[tuple[Annotated[int, Field(ge=1)], ...], Field(min_length=1), RISING] = (
        1, 4, 16,
    )  # fmt: skip
    """Distances, in tokens, at which the effect of a deleted write is measured."""
    writes: Annotated[int, Field(ge=2)] = 32
    """Documents in which writes are deleted."""
    batch: Annotated[int, Field(ge=1)] = 64
    """Documents in one forward pass."""
    seed: Annotated[int, Field(ge=0)] = 0
    """Seed of the controls and of the MLP."""


class FineTuning(Settings):
    """What fine-tuning changed in members of `masks`: the probabilities of the masks, or the
    rest."""

    documents: Annotated[int, Field(ge=5)] = 30
    """Documents of each mask whose prefixes are the prompts."""
    letters: Annotated[
        tuple[Annotated[int, Field(ge=0, le=59)], ...], Field(min_length=2), RISING
    ] = (0, 4, 8, 16, 32, 56)
    """Lengths of the prompts in letters, rising; three more letters must fit a document."""
    alphas: Annotated[tuple[float, ...], Field(min_length=3), RISING] = (
        -0.5, 0.0, 0.25, 0.5, 0.75, 1.0, 1.25, 1.5,
    )  # fmt: skip
    """Shares of the evidence, rising, at which the profile is computed that shows whether the share
    that a member reads is identified."""
    batch: Annotated[int, Field(ge=1)] = 256
    """Prompts in one forward pass."""
    seed: Annotated[int, Field(ge=0)] = 0
    """Seed of the documents."""
    reward: RewardTraining = RewardTraining()
    """Fine-tuning by rewards, on documents that members write themselves."""


class Thinking(Settings):
    """Answers of members of `lag`, by the format of the text before them."""

    documents: Annotated[int, Field(ge=50)] = 1000
    """Documents that are drawn for the questions, the same for every format."""
    free: Annotated[int, Field(ge=50)] = 300
    """Documents, the first of these, in which members write their steps themselves: they are asked
    after all steps that they could write."""
    batch: Annotated[int, Field(ge=1)] = 500
    """Documents in one forward pass."""
    seed: Annotated[int, Field(ge=0)] = 0
    """Seed of the documents."""


class Analyses(Settings):
    """What is measured. The section of an analysis has the name of its stage."""

    evaluation: Evaluation = Evaluation()
    """Scoring on whole documents."""
    rashomon: Rashomon = Rashomon()
    """Rashomon sets."""
    derived: Derived = Derived()
    """Members derived from trained ones."""
    multiplicity: Multiplicity = Multiplicity()
    """How differently the members of a set predict."""
    volume: Volume = Volume()
    """Local volume."""
    code_length: CodeLength = CodeLength()
    """Bits of a member."""
    universal: Universal = Universal()
    """Statements about every prefix."""
    funnel: Funnel = Funnel()
    """The constraint funnel."""
    probes: Annotated[dict[Name, Probe], Field(min_length=1)] = {
        "held-out": Probe(family="held-out"),
        "shuffle": Probe(family="shuffle", scored=32, severities=(2, 4, 8, 16, 32)),
    }
    """Named probes."""
    divergence: Divergence = Divergence()
    """Behavioural divergence."""
    explorer: Explorer = Explorer()
    """Contexts of the explorer."""
    rollout: Rollout = Rollout()
    """What members write."""
    representation: Representation = Representation()
    """How members represent the same tokens."""
    myopia: Myopia = Myopia()
    """The myopia gap."""
    truth: Truth = Truth()
    """The exact law, where it is known."""
    excess: Excess = Excess()
    """Loss above the exact law."""
    spectroscopy: Spectroscopy = Spectroscopy()
    """Which mixture of masks a member predicts with."""
    decomposition: Decomposition = Decomposition()
    """Who speaks, from behaviour alone."""
    text_spectrum: TextSpectrum = TextSpectrum()
    """What members on text carry from token to token, from their own laws."""
    belief: Belief = Belief()
    """Beliefs in the residual stream."""
    rule_choice: RuleChoice = RuleChoice()
    """Rule choice."""
    swap: Swap = Swap()
    """Swapped pasts."""
    recurrence: Recurrence = Recurrence()
    """States of recurrent members, beside what attention holds."""
    fine_tuning: FineTuning = FineTuning()
    """What fine-tuning changed."""
    steering: Steering = Steering()
    """Whether members make what comes next easier to predict."""
    thinking: Thinking = Thinking()
    """Answers in the residual stream, after fillers, or after written steps."""


class Statistics(Settings):
    """Intervals."""

    confidence: Share = 0.95
    """Nominal coverage of intervals."""
    resamples: Annotated[int, Field(ge=100)] = 1000
    """Resamples of a document bootstrap."""
    seed: Annotated[int, Field(ge=0)] = 0
    """Seed of the bootstrap."""
