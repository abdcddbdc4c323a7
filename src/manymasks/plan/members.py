"""The members of a corpus, and what all its analyses begin with."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import product
from typing import Any

from manymasks.config.analyses import Analysis
from manymasks.config.corpora import Corpus, ProcessCorpus
from manymasks.config.settings import identity
from manymasks.config.study import Study
from manymasks.config.training import Size, Training, Variant
from manymasks.corpora.processes.shapes import SHAPES
from manymasks.plan.node import Node, member_label


@dataclass(frozen=True)
class Member:
    """A member of a corpus: its name there, its variant, and the nodes of its own."""

    name: dict[str, Any]
    variant: Variant
    training: Node
    evaluation: Node


@dataclass(frozen=True)
class Text:
    """A corpus with its tokens and all that was trained on it: what its analyses begin with."""

    study: Study
    name: str
    tokenizer: Node
    tokens: Node
    members: tuple[Member, ...]

    @property
    def settings(self) -> Corpus:
        return self.study.corpora[self.name]

    @property
    def context(self) -> int:
        """Tokens that its members read."""
        return training_of(self.study, self.settings).context

    @property
    def of_set(self) -> tuple[Member, ...]:
        """Without variants that others are held against: those are no members of a set."""
        return tuple(each for each in self.members if not each.variant.is_control)

    @property
    def is_drawn(self) -> bool:
        return isinstance(self.settings, ProcessCorpus)

    @property
    def statistics(self) -> dict[str, Any]:
        return identity(self.study.statistics)

    @property
    def contrasts(self) -> list[dict[str, Any]]:
        """Those whose variants are both here."""
        there = {each.name["variant"] for each in self.members}
        contrasts = identity(self.study.myopia)["contrasts"]
        return [each for each in contrasts if there >= set(each.values())]

    def asks_for(self, analysis: Analysis) -> bool:
        return analysis in self.study.analyses_of(self.name)

    def of(self, members: Iterable[Member], analysis: Analysis) -> dict[str, Any]:
        """Settings of an analysis of some members, whose names its tables show."""
        own = identity(getattr(self.study, analysis))
        return {"members": names(members), "statistics": self.statistics, analysis: own}


def names(members: Iterable[Member]) -> list[dict[str, Any]]:
    return [each.name for each in members]


def trainings(members: Iterable[Member]) -> tuple[Node, ...]:
    return tuple(each.training for each in members)


def evaluations(members: Iterable[Member]) -> tuple[Node, ...]:
    return tuple(each.evaluation for each in members)


def training_of(study: Study, corpus: Corpus) -> Training:
    """The training budget on a corpus: a window is a document where a process draws them."""
    own: dict[str, Any] = {
        name: getattr(corpus.members, name)
        for name in ("batch", "steps")
        if getattr(corpus.members, name) is not None
    }
    if isinstance(corpus, ProcessCorpus):
        own |= {"context": SHAPES[corpus.process].length, "shift": False}
    return study.training.model_copy(update=own)


def _arm_settings(study: Study, corpus: str, size: str, variant: str) -> dict[str, Any]:
    """Settings of the trainings of an arm, but for their seeds."""
    chosen = study.variants[variant]
    parts: dict[str, Any] = {
        "size": identity(study.sizes_of(corpus)[size]),
        "variant": identity(chosen),
        "training": identity(training_of(study, study.corpora[corpus])),
    }
    for each in parts.values():
        del each["learning_rate"]
    # The past is an input, in that role: what its variant is called is in no key.
    parts["variant"]["past_from"] = "past" if chosen.past_from else None
    parts["variant"]["starts_from"] = "start" if chosen.starts_from else None
    parts["training"]["learning_rate"] = study.learning_rate(corpus, size, variant)
    return parts


def arms(study: Study, corpus: str, tokens: Node) -> tuple[list[Node], list[Member]]:
    """The tuning of each size and variant that asks for it, and every member."""
    tunings: list[Node] = []
    trained: dict[tuple[Any, ...], Node] = {}
    members: list[Member] = []
    of_corpus = study.seeds_of(corpus)
    seeds = list(product(sorted(of_corpus.init), sorted(of_corpus.order)))
    # What a variant needs of another is trained before it.
    by_need = sorted(
        study.variants_of(corpus).items(),
        key=lambda named: (bool(named[1].past_from or named[1].starts_from), named[0]),
    )
    sizes = [name for name, _ in sorted(study.sizes_of(corpus).items(), key=_by_parameters)]
    for size, (variant, chosen) in product(sizes, by_need):
        settings = _arm_settings(study, corpus, size, variant)
        inputs: dict[str, tuple[Node, ...]] = {"tokens": (tokens,)}
        if settings["training"]["learning_rate"] == "tune":
            tune = identity(study.tune)
            trial = {**settings["training"], "late": []}
            del trial["learning_rate"]
            trial["steps"] = tune.pop("steps") or trial["steps"]
            needs = dict(inputs)
            if chosen.past_from is not None:
                needs["past"] = (trained[size, chosen.past_from, *seeds[0]],)
            of_arm = {**settings, "training": trial, "tune": tune}
            tunings.append(Node("tuning", f"tuning/{corpus}/{size}/{variant}", of_arm, needs))
            inputs["tuning"] = (tunings[-1],)
        for seed_init, seed_order in seeds:
            of_member = {"seed_init": seed_init, "seed_order": seed_order}
            member = {"corpus": corpus, "size": size, "variant": variant, **of_member}
            needs = dict(inputs)
            for role, other in (("past", chosen.past_from), ("start", chosen.starts_from)):
                if other is not None:
                    needs[role] = (trained[size, other, seed_init, seed_order],)
            node = Node("training", f"training/{member_label(member)}", settings | of_member, needs)
            trained[size, variant, seed_init, seed_order] = node
            members.append(Member(member, chosen, node, _evaluation(study, member, node)))
    return tunings, members


def _by_parameters(named: tuple[str, Size]) -> tuple[int, str]:
    """Weights of the blocks, then the name."""
    name, size = named
    return size.block_weights, name


def _evaluation(study: Study, member: dict[str, Any], training: Node) -> Node:
    """What a member scores, of the tokens that it was trained on."""
    inputs = {"training": (training,), "tokens": training.inputs["tokens"]}
    if "past" in training.inputs:
        inputs["past"] = training.inputs["past"]
    settings = {
        "evaluation": evaluation_settings(study, member["corpus"]),
        "statistics": identity(study.statistics),
    }
    return Node("evaluation", f"evaluation/{member_label(member)}", settings, inputs)


def evaluation_settings(study: Study, corpus: str) -> dict[str, Any]:
    """How members on a corpus are scored: at edges that its windows reach."""
    context = training_of(study, study.corpora[corpus]).context
    edges = [edge for edge in study.evaluation.position_edges if edge < context]
    return {**identity(study.evaluation), "position_edges": edges}


def reference_seeds(text: Text) -> Iterator[Node]:
    """Members outside all analyses, where the study names seeds of theirs."""
    arm, seeds = text.study.reference_arm(text.name), text.study.reference_seeds
    if arm is None or seeds is None:
        return
    size, variant = arm
    settings = _arm_settings(text.study, text.name, size, variant)
    # Nothing is asked of them but their last weights.
    settings["training"]["late"] = []
    settings["variant"]["past_from"] = settings["variant"]["starts_from"] = None
    for seed_init, seed_order in product(sorted(seeds.init), sorted(seeds.order)):
        of_member = {"seed_init": seed_init, "seed_order": seed_order}
        member = {"corpus": text.name, "size": size, "variant": variant, **of_member}
        label = f"training/{member_label(member)}"
        yield Node("training", label, settings | of_member, {"tokens": (text.tokens,)})
