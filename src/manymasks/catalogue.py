"""The stages of a study, a row each, in the order in which data flows.

The plan, the Snakemake rules, the engine and the documentation read this table. Science, stages
and the database never do, so a change here makes no artifact stale.

CONTRIBUTING.md lists what a new stage takes.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Literal

Unit = Literal["corpus", "class", "member", "probe", "study"]
"""A class is a size and a variant on a corpus; a probe is tried on a corpus."""


@dataclass(frozen=True)
class Stage:
    """A stage of a study."""

    name: str
    """Name of its module in `stages/`, of its folder in `results/` and of its rule."""
    unit: Unit
    """What it makes one artifact for."""
    summary: str
    """What an artifact holds, in one sentence."""
    message: str
    """What a job does, as the log of a run shows it; `{label}` names the corpus or member."""
    outcome: str = ""
    """Main figure of an artifact, as the log of a run shows it once the job has finished; the
    names are those of figures in its manifest."""
    inputs: tuple[str, ...] = ()
    """Stages whose artifacts it reads. The database reads every stage."""
    reads: str = ""
    """Prefix of those files of its inputs that it reads."""
    tables: tuple[str, ...] = ()
    """Database tables that it writes."""
    uses_models: bool = False
    """Whether it runs models, so that its jobs take a slot on a GPU where there is one."""
    if_out_of_memory: str = "the number of documents or members"
    """What to lower if a job runs out of memory: settings, where they have names."""
    is_analysis: bool = False
    """Whether `analyses` of a study chooses it, and a section of its name configures it."""
    needs_process: bool = False
    """Whether it needs text drawn from a process, whose next-token law is known."""
    needs_attention: bool = False
    """Whether it has no form for recurrent members."""
    needs_training: bool = False
    """Whether it needs members that are trained here: it leaves out pretrained ones."""
    skips_processes: bool = False
    """Whether it leaves out text drawn from a process."""
    compares: Literal["non-controls", "own-past"] | None = None
    """Members of an analysis that reads only members and their text: its node of the plan follows
    from this row. None for a node written in `plan/analyses.py`."""
    is_stacked: bool = False
    """Whether one process can make several of its artifacts at once."""
    seconds: int = 1
    """Seconds of a job in the default study, or in the preset that has the stage, roughly: jobs on
    a long path go first, and a plan is expected to take them."""

    holds_mb: int | None = None
    """Memory that a job holds at most, whatever it reads."""

    @property
    def mem_mb(self) -> int | None:
        """Memory that its jobs request from a cluster; None leaves that to the profile."""
        return 4000 if self.uses_models else self.holds_mb


CONTEXTS = ("probe", "self_written", "search")
"""Stages that make the contexts of probes."""

MODELS = ("training", "pretrained")
"""Stages that make members with weights of their own."""

_ROWS = (
    # Text.
    Stage("corpus", unit="corpus",
        summary="Documents read from packages, files or downloads, split into train, select and "
            "measure by a hash of their id.", message="reading documents of {label}",
        outcome="{documents:,} documents",
        tables=("corpus", "dropped_documents"), holds_mb=1000),
    Stage("process", unit="corpus",
        summary="Documents drawn from a process whose next-token law is known, split like any "
            "corpus.", message="drawing documents of {label}",
        outcome="{documents:,} documents",
        tables=("corpus", "dropped_documents")),
    Stage("tokenizer", unit="corpus",
        summary="The tokenizer: BPE trained on the train split, bytes, characters, or the words "
            "of a process.", message="training the tokenizer of {label}",
        outcome="{vocabulary:,} tokens, {bytes_per_token:.2f} bytes each",
        inputs=("corpus", "process"), tables=("tokenizer",)),
    Stage("tokens", unit="corpus",
        summary="The documents of each split as token ids, in Arrow shards.",
        message="tokenizing {label}",
        outcome="{tokens[train]:,} tokens to train on", inputs=("corpus", "process", "tokenizer"),
        tables=("split_tokens",), holds_mb=1000),
    # Members.
    Stage("tuning", unit="class",
        summary="The learning rate with the lowest mean loss on the select split, over a grid of "
            "trials.", message="tuning the learning rate of {label}",
        outcome="rate {learning_rate:g}, {select_nats:.3f} nats per token on select",
        inputs=("tokens", "training"),
        tables=("tuning",), uses_models=True, if_out_of_memory="training.batch, training.context",
        seconds=40),
    Stage("training", unit="member", summary="Weights and loss curves of one member.",
        message="training {label}",
        outcome="{select_nats:.3f} nats per token on select",
        inputs=("tokens", "tuning", "training"),
        tables=("model", "training_curve"), uses_models=True,
        if_out_of_memory="training.batch, training.context", is_stacked=True, seconds=3),
    Stage("pretrained", unit="member",
        summary="A checkpoint of `transformers` as a member: its files, verified by their digests, "
            "with its size, vocabulary and context.",
        message="verifying {label}",
        outcome="{parameters:,} weights, {vocabulary:,} tokens",
        inputs=("tokens", "tokenizer"), tables=("model", "pretrained_model"), uses_models=True,
        if_out_of_memory="training.context", seconds=5),
    Stage("evaluation", unit="member",
        summary="Loss of one member by document and by position, on select and measure.",
        message="scoring {label}",
        outcome="{measure_nats:.3f} nats per token on measure",
        inputs=(*MODELS, "tokens"),
        tables=("model_loss", "document_loss", "position_loss"), uses_models=True,
        if_out_of_memory="evaluation.batch", is_stacked=True),
    # Rashomon sets.
    Stage("derived", unit="class",
        summary="Members derived from trained ones by weight noise, dropout masks, rounding to few "
            "bits and late checkpoints.", message="deriving members of {label}",
        outcome="{members} derived members", inputs=("training", "tokens"),
        tables=("model", "model_loss", "quantised_model"), uses_models=True,
        if_out_of_memory="evaluation.batch, derived.draws", is_analysis=True,
        needs_training=True, seconds=3),
    Stage("rashomon", unit="corpus",
        summary="Which members are within eps of each reference, decided on select under "
            "resampled documents, and their losses on measure.",
        message="finding the Rashomon sets of {label}",
        outcome="{sets} sets of {members} members", inputs=("evaluation", "derived"),
        tables=("rashomon_set", "rashomon_member", "rashomon_metric", "rashomon_curve_point",
            "contrast"), is_analysis=True),
    Stage("multiplicity", unit="corpus",
        summary="How differently the members of each Rashomon set predict: capacity, prediction "
            "ranges, votes, and the gain of averaging.",
        message="measuring multiplicity in the sets of {label}",
        outcome="{positions:,} positions of {pools} sets",
        inputs=("rashomon", *MODELS, "tokens", "tokenizer", "derived"),
        tables=("rashomon_metric", "position_multiplicity", "set_weight", "headroom",
            "variance_component", "contrast"), uses_models=True,
        if_out_of_memory="multiplicity.batch", is_analysis=True, seconds=5),
    Stage("volume", unit="corpus",
        summary="How far the weights of each member move in random directions before the loss "
            "rises by eps.", message="measuring local volume on {label}",
        outcome="{members} members",
        inputs=("training", "tokens"), tables=("local_volume", "contrast"), uses_models=True,
        if_out_of_memory="volume.directions, volume.windows", is_analysis=True,
        needs_training=True, compares="non-controls", seconds=4),
    Stage("code_length", unit="corpus",
        summary="The fewest bits that describe each member within a rise of its loss, over a "
            "family of codes.",
        message="coding members of {label} in fewer and fewer bits",
        outcome="{members} members on {windows} windows",
        inputs=("training", "tokens"),
        tables=("code_length", "code_constant", "code_bits", "prediction"), uses_models=True,
        if_out_of_memory="code_length.windows", is_analysis=True, needs_training=True,
        compares="non-controls", seconds=17),
    Stage("universal", unit="corpus",
        summary="Certified upper bounds of every token's probability after any prefix, prefixes "
            "that come close, and how far the members of a set share proofs.",
        message="bounding every token of members of {label} over all prefixes",
        outcome="{proved_half:.0%} of tokens proved below one half",
        inputs=("rashomon", *MODELS, "tokens", "tokenizer"),
        tables=("universal_bound", "universal_certificate", "witness", "proof_transfer",
            "statement_multiplicity", "attention_bound", "last_token_bound", "never_both",
            "never_first", "process_statement", "unbounded_member"), uses_models=True,
        if_out_of_memory="universal.windows, universal.batch", is_analysis=True, seconds=25),
    # Behaviour on probes.
    Stage("probe", unit="probe",
        summary="The contexts of a probe at each severity, and their distance from training text.",
        message="making the contexts of {label}",
        outcome="{windows} contexts, severities: {severities}",
        inputs=("tokens", "tokenizer", "corpus", "process"), tables=("probe", "probe_distance")),
    Stage("self_written", unit="probe",
        summary="Contexts sampled from the reference seeds, by temperature, and their distance "
            "from training text.", message="sampling the contexts of {label} from reference seeds",
        outcome="{windows} contexts, severities: {severities}",
        inputs=("tokens", *MODELS), tables=("probe", "probe_distance"), uses_models=True,
        if_out_of_memory="windows of the probe"),
    Stage("search", unit="probe",
        summary="Contexts evolved to make one half of the seeds diverge, and their distance from "
            "training text.", message="searching for the contexts of {label}",
        outcome="{evaluations:,} contexts tried",
        inputs=("tokens", *MODELS), tables=("probe", "probe_distance", "search_step"),
        uses_models=True, if_out_of_memory="windows and population of the probe", seconds=7),
    Stage("divergence", unit="probe",
        summary="How differently members behave on a probe, by severity: every member, every "
            "pair, and the behaviour ANOVA of the pool, with noise floors.",
        message="comparing members on {label}",
        outcome="{pairs} pairs of {members} members", inputs=(*CONTEXTS, *MODELS, "tokenizer"),
        tables=("model_probe", "pair_divergence", "pool_divergence", "noise_floor",
            "behaviour_component", "probe_item", "calibration_bin", "position_divergence",
            "position_prediction", "probe_distance", "contrast"), uses_models=True,
        if_out_of_memory="divergence.memory_mb, divergence.batch", is_analysis=True, seconds=6),
    Stage("explorer", unit="probe",
        summary="The laws of every member at the tokens of a few contexts of a probe, the KL of "
            "pairs there, and what members write after them.",
        message="reading contexts of {label} for the explorer",
        outcome="{contexts} contexts, {members} members",
        inputs=(*CONTEXTS, *MODELS, "tokenizer"),
        tables=("explored_token", "explored_prediction", "explored_continuation", "explored_pair"),
        uses_models=True, if_out_of_memory="explorer.memory_mb, explorer.contexts",
        is_analysis=True, seconds=2),
    Stage("funnel", unit="corpus",
        summary="How many members pass, and how diverse they are, as constraints on loss are "
            "added.", message="adding constraints to the members of {label}",
        outcome="{members} members, {constraints} constraints",
        inputs=("evaluation", "divergence"),
        tables=("funnel_loss", "funnel_constraint", "funnel_step", "pattern"), is_analysis=True),
    Stage("severity", unit="corpus",
        summary="Trends of divergence with severity and distance, and the line of loss on probes "
            "against loss on text.", message="fitting divergence by severity on {label}",
        outcome="{trends} trends",
        inputs=(*CONTEXTS, "divergence"),
        tables=("severity_trend", "line_fit", "line_residual", "contrast"), is_analysis=True),
    # Behaviour on text.
    Stage("rollout", unit="corpus",
        summary="What members write after the same prompts, when two of them first differ, and "
            "their exact KL along it.", message="sampling text from members of {label}",
        outcome="{tokens:,} tokens written by {members} members",
        inputs=(*MODELS, "tokens", "tokenizer"),
        tables=("rollout", "first_divergence", "agreement_survival", "rollout_pool",
            "sequence_divergence"), uses_models=True, if_out_of_memory="rollout.batch",
        is_analysis=True, compares="non-controls", skips_processes=True, seconds=11),
    Stage("representation", unit="corpus",
        summary="Similarity of the members' representations of the same tokens, with permutation "
            "nulls.", message="comparing representations on {label}",
        outcome="{members} members", inputs=(*MODELS, "tokens"),
        tables=("representation_similarity", "representation_pool"), uses_models=True,
        if_out_of_memory="representation.batch", is_analysis=True, compares="non-controls",
        skips_processes=True, seconds=4),
    Stage("text_spectrum", unit="corpus",
        summary="What members carry from token to token, from their laws of the next token alone, "
            "beside exchanged prompts, noise and members at initialisation.",
        message="reading what members of {label} carry from token to token",
        outcome="slowest eigenvalue {slowest:.3f}, mean over {members} members",
        inputs=("training", "tokens", "tokenizer"), tables=("text_spectrum",), uses_models=True,
        if_out_of_memory="text_spectrum.windows, text_spectrum.classes, text_spectrum.batch",
        is_analysis=True, needs_training=True, compares="non-controls", skips_processes=True,
        seconds=60),
    # Myopia.
    Stage("ngram_baseline", unit="corpus",
        summary="Losses of unigram and bigram counts, by document and position.",
        message="counting n-grams of {label}",
        outcome="bigrams: {measure_bigram:.3f} nats per token on measure", inputs=("tokens",),
        tables=("ngram_loss", "ngram_position_loss")),
    Stage("gradient", unit="corpus",
        summary="Shares of the causal gradient that come from the present position and from later "
            "ones.", message="splitting gradients into present and future on {label}",
        outcome="{members} members",
        inputs=("training", "tokens"), tables=("myopia_gradient",), uses_models=True,
        if_out_of_memory="myopia.gradient_windows", seconds=3),
    Stage("myopia", unit="corpus",
        summary="The loss that restricting gradients costs a variant, by position, size and "
            "tokens seen.", message="measuring the myopia gap on {label}",
        outcome="{gaps} gaps between {members} members",
        inputs=("evaluation", "training", "ngram_baseline"),
        tables=("myopia_gap", "myopia_arm", "myopia_part", "myopia_curve", "myopia_horizon",
            "contrast"), is_analysis=True, needs_training=True),
    Stage("control", unit="corpus",
        summary="The myopia gap of a process beyond that of its control, seed by seed.",
        message="comparing the myopia gap on {label} with that of the control",
        outcome="{members} members",
        inputs=("evaluation",), tables=("contrast",)),
    # Text whose next-token law is known.
    Stage("truth", unit="corpus",
        summary="The exact next-token law of a process, and prices of capabilities.",
        message="computing the exact law of {label}",
        outcome="exact law of {documents:,} documents", inputs=("tokens",),
        tables=("process_truth", "capability_price"),
        if_out_of_memory="truth.documents, truth.pricing", is_analysis=True, needs_process=True,
        seconds=2),
    Stage("excess", unit="corpus",
        summary="Members against the exact law: excess loss, capabilities that members lack, sets "
            "by price, and divergence by position.",
        message="comparing members of {label} with the exact law",
        outcome="{members} members on {documents:,} documents",
        inputs=("truth", "training", "tokens"),
        tables=("excess_loss", "capability_kept", "demand_gap", "priced_set", "priced_member",
            "position_spread"), uses_models=True, if_out_of_memory="excess.batch, truth.documents",
        is_analysis=True, needs_process=True, seconds=2),
    Stage("spectroscopy", unit="corpus",
        summary="The mixture of masks that best explains each member's law of the next letters, "
            "against Bayes.", message="fitting mask weights to members of {label}",
        outcome="{members} members on {documents:,} documents",
        inputs=("training", "tokens"),
        tables=("mask_weights", "mask_fit", "mask_inertia", "mask_pair", "mask_class"),
        uses_models=True, if_out_of_memory="spectroscopy.batch, spectroscopy.documents",
        is_analysis=True, compares="own-past", needs_process=True, seconds=3),
    Stage("decomposition", unit="corpus",
        summary="The ergodic parts of members, from their laws of the next letters alone, beside "
            "exact predictors with windows and noise as large as their errors.",
        message="decomposing members of {label} into parts",
        outcome="parts of {members} members: {parts}",
        inputs=("training", "tokens"),
        tables=("operator_spectrum", "decomposition", "part_weight", "decomposition_pair",
            "decomposition_class", "prediction"),
        uses_models=True, if_out_of_memory="decomposition.batch, decomposition.documents",
        is_analysis=True, compares="own-past", needs_process=True, seconds=14),
    Stage("belief", unit="corpus",
        summary="What linear maps read from residual streams: beliefs, exact posteriors and later "
            "tokens.", message="fitting linear maps to residual streams of {label}",
        outcome="{members} members on {documents:,} documents",
        inputs=("training", "tokens"),
        tables=("belief_fit", "belief_point", "belief_path", "speculation", "speculation_auc"),
        uses_models=True,
        if_out_of_memory="belief.batch, belief.documents", is_analysis=True,
        compares="own-past", needs_process=True, seconds=6),
    Stage("rule_choice", unit="corpus",
        summary="Which of two rules each member follows on questions that training text does not "
            "decide.", message="testing which rule members of {label} follow",
        outcome="{members} members on {questions} questions",
        inputs=("training", "tokens"), tables=("rule_choice", "rule_spread"), uses_models=True,
        if_out_of_memory="rule_choice.questions", is_analysis=True,
        compares="own-past", needs_process=True, seconds=2),
    Stage("swap", unit="corpus",
        summary="What predictions follow when part of the past comes from another document.",
        message="swapping pasts in members of {label}",
        outcome="{members} members on {documents:,} documents", inputs=("training", "tokens"),
        tables=("mask_swap",), uses_models=True, if_out_of_memory="swap.batch, swap.documents",
        is_analysis=True, compares="own-past", needs_process=True, needs_attention=True,
        seconds=2),
    Stage("recurrence", unit="corpus",
        summary="Posteriors read from residual streams and recurrent states at matched dimension; "
            "states that are swapped or edited, deleted writes, half-lives and ranks.",
        message="reading and editing states of members of {label}",
        outcome="{members} members at {positions} positions of {documents} documents",
        inputs=("training", "tokens"),
        tables=("state_reading", "state_patch", "write_effect", "state_statistic"),
        uses_models=True, if_out_of_memory="recurrence.documents, recurrence.positions",
        is_analysis=True, compares="own-past", needs_process=True, seconds=20),
    Stage("fine_tuning", unit="corpus",
        summary="What fine-tuning changed in members of `masks`, step by step: the probabilities "
            "of the masks, how evidence is read, or what no mask explains.",
        message="comparing fine-tuned members of {label} with their starts",
        outcome="{states} states of {members} members on {prompts} prompts",
        inputs=("training",),
        tables=("tuned_law", "tuned_reading", "tuned_shift", "tuned_profile", "tuned_wake",
            "tuned_premise", "prediction"),
        uses_models=True, if_out_of_memory="fine_tuning.batch, fine_tuning.documents",
        is_analysis=True, needs_process=True, seconds=60),
    Stage("steering", unit="corpus",
        summary="Whether members of `steer` that choose what comes next make it easier to predict, "
            "by what they are trained for.",
        message="training members of {label} on choices of their own",
        outcome="{runs} runs of {members} members",
        inputs=("training", "tokens"),
        tables=("steering", "steering_cue", "steering_path", "prediction"),
        uses_models=True, if_out_of_memory="steering.batch", is_analysis=True,
        compares="own-past", needs_process=True, needs_attention=True, needs_training=True,
        seconds=13),
    Stage("thinking", unit="corpus",
        summary="What answers of members of `lag` cost by the format of the text before them, "
            "step by step, beside exact prices.",
        message="asking members of {label}",
        outcome="{states} states of {members} members on {documents:,} documents",
        inputs=("training",),
        tables=("thinking_answer", "thinking_step", "thinking_price", "prediction"),
        uses_models=True, if_out_of_memory="thinking.batch, thinking.documents",
        is_analysis=True, needs_process=True, seconds=30),
    # Results.
    Stage("database", unit="study",
        summary="All artifacts of the results folder, in one DuckDB file.",
        message="loading the database", reads="tables/"),
    Stage("report", unit="study",
        summary="The report page and its pictures, and the explorer, drawn from the database.",
        message="drawing the report",
        outcome="{bytes:,} bytes", inputs=("database",), seconds=12),
)  # fmt: skip

STAGES: Mapping[str, Stage] = MappingProxyType({stage.name: stage for stage in _ROWS})
"""Stages by name; a stage comes after those whose artifacts it reads."""
ANALYSES = tuple(stage.name for stage in _ROWS if stage.is_analysis)
"""Stages that `analyses` of a study may name."""
