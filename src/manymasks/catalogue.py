"""What stages there are: a row each, in the order in which data flows.

The plan, the Snakemake rules, the engine and the documentation read this table. Science, stages
and the database never do: a changed row changes no artifact.

To add a stage is a row here, its settings in `config/analyses.py`, a node in `plan/analyses.py`,
a file in `stages/`, and its science, tables, views and figures.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Literal

Unit = Literal["corpus", "arm", "member", "class", "probe", "study"]


@dataclass(frozen=True)
class Stage:
    """One stage of a study."""

    name: str
    """Its module in `stages/`, its folder in `results/` and the name of its rule."""
    unit: Unit
    """What there is one artifact for. An arm is a size and a variant; a class, on a corpus."""
    summary: str
    """What the artifact holds, one sentence."""
    message: str
    """What a job says that it does, with `{label}` for what it is done to."""
    inputs: tuple[str, ...] = ()
    """Stages whose artifacts it may read."""
    tables: tuple[str, ...] = ()
    """Database tables that it writes."""
    uses_models: bool = False
    """Whether it computes with models, so that a job needs a place on a GPU where there is one."""
    mem_mb: int | None = None
    """Memory that a job asks a cluster for; None leaves that to the profile."""
    lower: str = "batch sizes"
    """Settings to lower when memory ends."""
    is_analysis: bool = False
    """Whether a study chooses it in `analyses`, and has a section of its name."""
    needs_process: bool = False
    """Whether it needs a corpus whose next-token law is known."""
    is_stacked: bool = False
    """Whether one process may make several of these artifacts at once."""


CONTEXTS = ("probe", "self_written", "search")
"""Stages that make the contexts of a probe."""

_ROWS = (
    Stage(
        "corpus",
        unit="corpus",
        summary="Documents read from packages, files or downloads, split by document.",
        message="reading the documents of {label}",
        tables=("corpus",),
    ),
    Stage(
        "process",
        unit="corpus",
        summary="Documents drawn from a process whose next-token law is known.",
        message="drawing the documents of {label}",
        tables=("corpus",),
    ),
    Stage(
        "tokenizer",
        unit="corpus",
        summary="The tokenizer, trained on the train split.",
        message="training the tokenizer of {label}",
        inputs=("corpus", "process"),
        tables=("tokenizer",),
    ),
    Stage(
        "tokens",
        unit="corpus",
        summary="The documents of each split as token ids, in Arrow shards.",
        message="tokenizing {label}",
        inputs=("corpus", "process", "tokenizer"),
    ),
    Stage(
        "tuning",
        unit="arm",
        summary="The learning rate with the lowest mean loss on the select split, over a grid.",
        message="tuning the learning rate of {label}",
        inputs=("tokens", "training"),
        tables=("tuning",),
        uses_models=True,
        mem_mb=4000,
        lower="training.batch, training.context",
    ),
    Stage(
        "training",
        unit="member",
        summary="The weights of one member and its loss curves.",
        message="training {label}",
        inputs=("tokens", "tuning", "training"),
        tables=("model", "training_curve"),
        uses_models=True,
        mem_mb=4000,
        lower="training.batch, training.context",
        is_stacked=True,
    ),
    Stage(
        "evaluation",
        unit="member",
        summary="The loss of one member by document and position, on select and measure.",
        message="scoring {label}",
        inputs=("training", "tokens"),
        tables=("model_loss", "document_loss", "position_loss"),
        uses_models=True,
        mem_mb=4000,
        lower="evaluation.batch",
        is_stacked=True,
    ),
    Stage(
        "derived",
        unit="class",
        summary="Members derived from trained ones: weight noise, dropout masks, checkpoints.",
        message="deriving members of {label}",
        inputs=("training", "tokens"),
        tables=("model", "model_loss"),
        uses_models=True,
        mem_mb=4000,
        lower="evaluation.batch, derived.draws",
        is_analysis=True,
    ),
    Stage(
        "rashomon",
        unit="corpus",
        summary="Which members fit equally well, by reference and threshold.",
        message="finding the Rashomon sets of {label}",
        inputs=("evaluation", "derived"),
        tables=(
            "rashomon_set",
            "rashomon_member",
            "rashomon_metric",
            "rashomon_curve_point",
            "contrast",
        ),
        is_analysis=True,
    ),
    Stage(
        "multiplicity",
        unit="corpus",
        summary="How differently the members of each Rashomon set predict.",
        message="measuring multiplicity in the sets of {label}",
        inputs=("rashomon", "training", "tokens", "tokenizer", "derived"),
        tables=(
            "rashomon_metric",
            "position_multiplicity",
            "set_weight",
            "headroom",
            "variance_component",
            "contrast",
        ),
        uses_models=True,
        mem_mb=4000,
        lower="multiplicity.batch",
        is_analysis=True,
    ),
    Stage(
        "volume",
        unit="corpus",
        summary="How far the weights of each member can move before the loss rises by eps.",
        message="measuring local volume on {label}",
        inputs=("training", "tokens"),
        tables=("local_volume", "contrast"),
        uses_models=True,
        mem_mb=4000,
        lower="volume.directions, volume.windows",
        is_analysis=True,
    ),
    Stage(
        "probe",
        unit="probe",
        summary="The contexts of one probe at all its severities, and their distance from text.",
        message="making the contexts of {label}",
        inputs=("tokens", "tokenizer", "corpus", "process"),
        tables=("probe", "probe_distance"),
    ),
    Stage(
        "self_written",
        unit="probe",
        summary="Contexts that reference seeds write, by temperature.",
        message="letting reference seeds write the contexts of {label}",
        inputs=("tokens", "training"),
        tables=("probe", "probe_distance"),
        uses_models=True,
        mem_mb=4000,
        lower="windows of the probe",
    ),
    Stage(
        "search",
        unit="probe",
        summary="Contexts evolved to set one half of the seeds apart.",
        message="searching for the contexts of {label}",
        inputs=("tokens", "training"),
        tables=("probe", "probe_distance", "search_step"),
        uses_models=True,
        mem_mb=4000,
        lower="windows and population of the probe",
    ),
    Stage(
        "divergence",
        unit="probe",
        summary="How differently members behave on one probe, by severity.",
        message="comparing members on {label}",
        inputs=(*CONTEXTS, "training", "tokenizer"),
        tables=(
            "model_probe",
            "pair_divergence",
            "pool_divergence",
            "noise_floor",
            "behaviour_component",
            "probe_item",
            "calibration_bin",
            "position_divergence",
            "probe_distance",
            "contrast",
        ),
        uses_models=True,
        mem_mb=4000,
        lower="divergence.memory_mb, divergence.batch",
        is_analysis=True,
    ),
    Stage(
        "funnel",
        unit="corpus",
        summary="How many members are left, and how diverse, as constraints are added.",
        message="adding constraints to the members of {label}",
        inputs=("evaluation", "divergence"),
        tables=("funnel_constraint", "funnel_step", "pattern"),
        is_analysis=True,
    ),
    Stage(
        "severity",
        unit="corpus",
        summary="How divergence changes with severity, and loss on probes beside loss on text.",
        message="following divergence by severity on {label}",
        inputs=(*CONTEXTS, "divergence"),
        tables=("severity_trend", "line_fit", "line_residual", "contrast"),
        is_analysis=True,
    ),
    Stage(
        "rollout",
        unit="corpus",
        summary="What members write after the same prompts, and where two of them first differ.",
        message="letting members of {label} write",
        inputs=("training", "tokens", "tokenizer"),
        tables=(
            "rollout",
            "first_divergence",
            "agreement_survival",
            "rollout_pool",
            "sequence_divergence",
        ),
        uses_models=True,
        mem_mb=4000,
        lower="rollout.batch",
        is_analysis=True,
    ),
    Stage(
        "representation",
        unit="corpus",
        summary="How similarly members represent the same tokens.",
        message="comparing representations on {label}",
        inputs=("training", "tokens"),
        tables=("representation_similarity", "representation_pool"),
        uses_models=True,
        mem_mb=4000,
        lower="representation.batch",
        is_analysis=True,
    ),
    Stage(
        "ngram_baseline",
        unit="corpus",
        summary="The loss of unigram and bigram counts, by document and position.",
        message="counting n-grams of {label}",
        inputs=("tokens",),
        tables=("ngram_loss", "ngram_position_loss"),
    ),
    Stage(
        "gradient",
        unit="corpus",
        summary="How much of a causal gradient comes from later positions.",
        message="splitting gradients into present and future on {label}",
        inputs=("training", "tokens"),
        tables=("myopia_gradient",),
        uses_models=True,
        lower="myopia.gradient_windows",
    ),
    Stage(
        "myopia",
        unit="corpus",
        summary="What a variant's restricted gradients cost, by position.",
        message="measuring the myopia gap on {label}",
        inputs=("evaluation", "training", "ngram_baseline"),
        tables=(
            "myopia_gap",
            "myopia_arm",
            "myopia_part",
            "myopia_curve",
            "myopia_horizon",
            "contrast",
        ),
        is_analysis=True,
    ),
    Stage(
        "truth",
        unit="corpus",
        summary="Members compared with the exact next-token law of their text.",
        message="comparing members of {label} with the exact law",
        inputs=("training", "tokens"),
        tables=(
            "process_truth",
            "capability_price",
            "excess_loss",
            "capability_kept",
            "demand_gap",
            "priced_set",
            "priced_member",
            "position_spread",
        ),
        uses_models=True,
        mem_mb=4000,
        lower="truth.batch, truth.documents",
        is_analysis=True,
        needs_process=True,
    ),
    Stage(
        "spectroscopy",
        unit="corpus",
        summary="Which mixture of masks each member's prediction is, and how fast it changes.",
        message="resolving the masks of {label}",
        inputs=("training", "tokens"),
        tables=("mask_weights", "mask_fit", "mask_inertia", "mask_pair", "mask_class"),
        uses_models=True,
        mem_mb=4000,
        lower="spectroscopy.batch, spectroscopy.documents",
        is_analysis=True,
        needs_process=True,
    ),
    Stage(
        "belief",
        unit="corpus",
        summary="What linear maps read from residual streams: beliefs, posteriors, later tokens.",
        message="reading beliefs from the residual streams of {label}",
        inputs=("training", "tokens"),
        tables=("belief_fit", "belief_point", "speculation", "speculation_auc"),
        uses_models=True,
        mem_mb=4000,
        lower="belief.batch, belief.documents",
        is_analysis=True,
        needs_process=True,
    ),
    Stage(
        "rule_choice",
        unit="corpus",
        summary="Which of two rules members follow where training text does not decide.",
        message="asking members of {label} which rule they follow",
        inputs=("training", "tokens"),
        tables=("rule_choice", "rule_spread"),
        uses_models=True,
        mem_mb=4000,
        lower="rule_choice.questions",
        is_analysis=True,
        needs_process=True,
    ),
    Stage(
        "swap",
        unit="corpus",
        summary="What a prediction follows when part of the past comes from a donor document.",
        message="swapping pasts in members of {label}",
        inputs=("training", "tokens"),
        tables=("mask_swap",),
        uses_models=True,
        mem_mb=4000,
        lower="swap.batch, swap.documents",
        is_analysis=True,
        needs_process=True,
    ),
    Stage(
        "database",
        unit="study",
        summary="Every artifact of the results folder in one DuckDB file.",
        message="loading the database",
    ),
    Stage(
        "report",
        unit="study",
        summary="The report and its pictures, drawn from the database.",
        message="drawing the report",
        inputs=("database",),
    ),
)

STAGES: Mapping[str, Stage] = MappingProxyType({stage.name: stage for stage in _ROWS})
"""Every stage by its name, inputs before what is made from them."""
ANALYSES = tuple(stage.name for stage in _ROWS if stage.is_analysis)
"""What a study may choose in `analyses`."""
