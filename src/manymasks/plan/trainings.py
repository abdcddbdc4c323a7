"""The members of a corpus: the nodes of their training, tuning and evaluation."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from itertools import product
from typing import Any

from manymasks.config.analyses import Analysis
from manymasks.config.corpora import Corpus, ProcessCorpus
from manymasks.config.settings import identity
from manymasks.config.study import Study
from manymasks.config.training import OF_MIXER, REPLACED, Training, Variant
from manymasks.kinds.processes import PROCESSES
from manymasks.native.build import resolved
from manymasks.plan.node import Node, member_label
from manymasks.store.canonical import digest

SEEDS = ("seed_init", "seed_order")
PARTS_OF_NAME = ("corpus", "size", "variant", *SEEDS)
"""By which a member is found."""


@dataclass(frozen=True)
class PlannedMember:
    """A member with its nodes; its name is corpus, size, variant and two seeds, with its mixer and
    shape where some members of the corpus are recurrent."""

    name: dict[str, Any]
    variant: Variant
    training: Node
    evaluation: Node


@dataclass(frozen=True)
class PlannedCorpus:
    """A corpus with its tokens and members: what all its analyses start from."""

    study: Study
    name: str
    tokenizer: Node
    tokens: Node
    members: tuple[PlannedMember, ...]
    references: tuple[Node, ...] = ()
    """Reference seeds or models, which are in no analysis."""

    @property
    def settings(self) -> Corpus:
        return self.study.corpora[self.name]

    @property
    def context(self) -> int:
        """Tokens in a window."""
        return training_of(self.study, self.settings).context

    @property
    def set_members(self) -> tuple[PlannedMember, ...]:
        """Members without controls, which are in no Rashomon set and no divergence."""
        return tuple(member for member in self.members if not member.variant.is_control)

    @property
    def own_past_members(self) -> tuple[PlannedMember, ...]:
        """Members that see their own past; the law of a process is that of a token given it all."""
        return tuple(member for member in self.members if member.variant.flow.past == "own")

    @property
    def is_process(self) -> bool:
        """Whether the text is drawn from a process, whose next-token law is known."""
        return isinstance(self.settings, ProcessCorpus)

    def is_control_of(self, other: "PlannedCorpus") -> bool:
        """Whether this is drawn from the control of the process that the other is drawn from."""
        mine, theirs = self.settings, other.settings
        if not isinstance(mine, ProcessCorpus) or not isinstance(theirs, ProcessCorpus):
            return False
        return PROCESSES[mine.process].control_of == theirs.process

    @property
    def process(self) -> dict[str, Any]:
        """Settings of the process, without those of its members."""
        settings = identity(self.settings)
        del settings["members"]
        return settings

    @property
    def process_analyses(self) -> tuple[Analysis, ...]:
        """Analyses of this process, beside those of any; none for other text."""
        corpus = self.settings
        return corpus.process_analyses if isinstance(corpus, ProcessCorpus) else ()

    @property
    def statistics(self) -> dict[str, Any]:
        return identity(self.study.statistics)

    @property
    def contrasts(self) -> list[dict[str, Any]]:
        """Contrasts of the study with both variants trained on this corpus."""
        variants = {member.name["variant"] for member in self.members}
        contrasts = identity(self.study.myopia)["contrasts"]
        return [contrast for contrast in contrasts if variants >= set(contrast.values())]

    def has_analysis(self, analysis: Analysis) -> bool:
        return analysis in self.study.analyses_of(self.name)

    def inputs(self, members: Iterable[PlannedMember]) -> dict[str, tuple[Node, ...]]:
        """Trainings of members, their text, and its tokenizer."""
        nodes = {"training": trainings(members), "tokens": (self.tokens,)}
        return {**nodes, "tokenizer": (self.tokenizer,)}

    def analysis_settings(
        self, analysis: Analysis, members: Iterable[PlannedMember]
    ) -> dict[str, Any]:
        """Settings of an analysis of members, with their names, which its tables show."""
        section = identity(getattr(self.study, analysis))
        return {"members": names(members), "statistics": self.statistics, analysis: section}


def names(members: Iterable[PlannedMember]) -> list[dict[str, Any]]:
    return [member.name for member in members]


def trainings(members: Iterable[PlannedMember]) -> tuple[Node, ...]:
    return tuple(member.training for member in members)


def evaluations(members: Iterable[PlannedMember]) -> tuple[Node, ...]:
    return tuple(member.evaluation for member in members)


def training_of(study: Study, corpus: Corpus) -> Training:
    """The training budget on a corpus; on a process, a window is one document."""
    overrides: dict[str, Any] = {
        name: getattr(corpus.members, name)
        for name in ("batch", "steps")
        if getattr(corpus.members, name) is not None
    }
    if isinstance(corpus, ProcessCorpus):
        overrides |= {"context": corpus.document_length, "shift": False}
    overrides["kernels"] = resolved(study.training.kernels, study.training.precision)
    return study.training.model_copy(update=overrides)


def _arm_settings(study: Study, corpus: str, size: str, variant_name: str) -> dict[str, Any]:
    """Training settings of a size and variant, without seeds."""
    variant = study.variants[variant_name]
    settings: dict[str, Any] = {
        "size": identity(study.sizes_of(corpus)[size]),
        "variant": identity(variant),
        "training": identity(training_of(study, study.corpora[corpus])),
    }
    for section in settings.values():
        del section["learning_rate"]
    settings["training"] |= variant.replaced_training
    for name in (*REPLACED, "starts_on"):
        # Where a variant replaces a setting of training, that is in the key, and nothing else is.
        del settings["variant"][name]
    shape = study.sizes_of(corpus)[size]
    other = OF_MIXER["attention" if shape.is_recurrent else "recurrent"]
    settings["size"] = {k: v for k, v in settings["size"].items() if k not in other}
    if shape.is_recurrent:
        settings["size"]["hidden"] = shape.matched_hidden
    else:
        del settings["size"]["mixer"]
    if shape.is_recurrent or not shape.mlp or variant.flow.freezes_writes:
        # Native kernels have attention and an MLP in every block, and train both.
        settings["training"]["kernels"] = "torch"
    # Other members are inputs, named by their role: names of variants are in no key.
    settings["variant"]["past_from"] = "past" if variant.past_from else None
    settings["variant"]["starts_from"] = "start" if variant.starts_from else None
    settings["training"]["learning_rate"] = study.learning_rate(corpus, size, variant_name)
    return settings


def arms(
    study: Study, corpus: str, tokens: Node, planned: Mapping[str, PlannedCorpus]
) -> tuple[list[Node], list[PlannedMember]]:
    """Tunings of the sizes and variants whose learning rate is `tune`, and all members. `planned`:
    by name, at least the corpora whose members those of this corpus start from."""
    tunings: list[Node] = []
    trained: dict[tuple[Any, ...], Node] = {
        tuple(member.name[part] for part in PARTS_OF_NAME): member.training
        for name in study.starts_on(corpus)
        for member in planned[name].members
    }
    members: list[PlannedMember] = []
    seeds = study.seeds_of(corpus).pairs
    evaluated = {
        "evaluation": evaluation_settings(study, corpus),
        "statistics": identity(study.statistics),
    }
    has_mixers = any(size.is_recurrent for size in study.sizes_of(corpus).values())
    # A variant that needs the weights of another comes after it.
    variants = sorted(
        study.variants_of(corpus).items(),
        key=lambda item: (bool(item[1].past_from or item[1].starts_from), item[0]),
    )
    for size, (variant_name, variant) in product(study.sizes_by_weights(corpus), variants):
        settings = _arm_settings(study, corpus, size, variant_name)
        arm_inputs: dict[str, tuple[Node, ...]] = {"tokens": (tokens,)}
        if settings["training"]["learning_rate"] == "tune":
            inputs = dict(arm_inputs)
            if variant.past_from is not None:
                inputs["past"] = (trained[corpus, size, variant.past_from, *seeds[0]],)
            label = f"tuning/{corpus}/{size}/{variant_name}"
            tunings.append(Node("tuning", label, _tuning_settings(study, settings), inputs))
            arm_inputs["tuning"] = (tunings[-1],)
        for seed_init, seed_order in seeds:
            member_seeds = {"seed_init": seed_init, "seed_order": seed_order}
            member = {"corpus": corpus, "size": size, "variant": variant_name, **member_seeds}
            if has_mixers:
                shape = study.sizes_of(corpus)[size]
                member |= {"mixer": shape.mixer, "shape": f"{shape.width}x{shape.layers}"}
            inputs = dict(arm_inputs)
            if variant.past_from is not None:
                inputs["past"] = (trained[corpus, size, variant.past_from, seed_init, seed_order],)
            if variant.starts_from is not None:
                on = variant.starts_on or corpus
                start = trained[on, size, variant.starts_from, seed_init, seed_order]
                inputs["start"] = (start,)
                if on != corpus:
                    settings["start_class"] = _class_of(start)
            label = f"training/{member_label(member)}"
            training = Node("training", label, settings | member_seeds, inputs)
            trained[corpus, size, variant_name, seed_init, seed_order] = training
            evaluation = evaluation_node(member, training, evaluated)
            members.append(PlannedMember(member, variant, training, evaluation))
    return tunings, members


def _class_of(training: Node) -> str:
    """A digest of all of a training except its seeds, and of what it starts from: fine-tuned
    members are of one class where their starts are."""
    shared = {name: value for name, value in training.settings.items() if name not in SEEDS}
    return digest([shared, training.inputs["tokens"][0].digest])[:12]


def _tuning_settings(study: Study, settings: dict[str, Any]) -> dict[str, Any]:
    tune = identity(study.tune)
    training = {**settings["training"], "late": []}
    del training["learning_rate"]
    training["steps"] = tune.pop("steps") or training["steps"]
    return {**settings, "training": training, "tune": tune}


def evaluation_node(member: dict[str, Any], training: Node, settings: dict[str, Any]) -> Node:
    """Losses of a member on the tokens of its corpus."""
    inputs = {"training": (training,), "tokens": training.inputs["tokens"]}
    if "past" in training.inputs:
        inputs["past"] = training.inputs["past"]
    return Node("evaluation", f"evaluation/{member_label(member)}", settings, inputs)


def evaluation_settings(study: Study, corpus: str) -> dict[str, Any]:
    """Settings of scoring on a corpus: without buckets of positions that no window reaches."""
    context = training_of(study, study.corpora[corpus]).context
    edges = [edge for edge in study.evaluation.position_edges if edge < context]
    return {**identity(study.evaluation), "position_edges": edges}


def reference_seeds(study: Study, corpus: str, tokens: Node) -> Iterator[Node]:
    """Trainings of the reference seeds, which are in no analysis."""
    arm, seeds = study.reference_arm(corpus), study.reference_seeds
    if arm is None or seeds is None:
        return
    size, variant = arm
    settings = _arm_settings(study, corpus, size, variant)
    # Only their last weights are used.
    settings["training"]["late"] = []
    settings["variant"]["past_from"] = settings["variant"]["starts_from"] = None
    for seed_init, seed_order in seeds.pairs:
        member_seeds = {"seed_init": seed_init, "seed_order": seed_order}
        member = {"corpus": corpus, "size": size, "variant": variant, **member_seeds}
        label = f"training/{member_label(member)}"
        yield Node("training", label, settings | member_seeds, {"tokens": (tokens,)})
