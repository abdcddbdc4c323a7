"""A study becomes nodes: one for each artifact, keyed by its settings, code and inputs.

    corpus -> tokenizer -> tokens -> training -> evaluation, candidates -> rashomon, myopia
                                  -> tuning -> training, where a learning rate is to be found
                                  -> probe -> divergence -> funnel, severity   (with training)
                                  -> rollout, representation
                                  -> multiplicity, volume, floor, gradient, truth, ...
    everything -> database -> report

A corpus that is drawn from a known process has the stage `process` in place of `corpus`: so a
change to a process makes no text stale.

Names of corpora, sizes and variants are labels: they are in the keys of the analyses, whose
tables show them, and of nothing that is expensive to make. Sizes come from small to large and
all else by name, so that the order of a file's keys changes nothing.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from functools import cached_property
from itertools import compress, product
from pathlib import Path
from typing import Any

from manymasks.config.analyses import Analysis
from manymasks.config.corpora import Corpus, FilesCorpus, ProcessCorpus, ProcessName, PydocsCorpus
from manymasks.config.settings import identity
from manymasks.config.study import Study
from manymasks.config.training import Size, Training
from manymasks.corpora.processes.shapes import SHAPES
from manymasks.corpora.versions import versions
from manymasks.errors import UserError
from manymasks.plan.canonical import digest
from manymasks.plan.closure import code_of
from manymasks.plan.sources import digests

SCHEME = 1
ANALYSES_OF: dict[ProcessName, tuple[Analysis, ...]] = {
    "masks": ("truth", "spectroscopy", "belief", "swap"),
    "tally": ("truth", "belief"),
    "tally1": ("truth", "belief"),
    "fork": ("truth", "rules"),
    "recall": ("truth",),
    "markov": ("truth",),
    "mess3": ("truth", "belief"),
    "rrxor": ("truth", "belief"),
    "hierarchy": ("truth",),
}
"""What is measured on a process, beside what is measured on any text."""
STAGES = (
    "corpus", "process", "tokenizer", "tokens", "tuning", "training", "evaluation", "probe",
    "sampled", "search", "candidates", "rashomon", "multiplicity", "volume", "divergence", "funnel",
    "severity", "rollout", "representation", "floor", "gradient", "myopia", "truth", "spectroscopy",
    "belief", "rules", "swap", "database", "report",
)  # fmt: skip


@dataclass(frozen=True, eq=False)
class Node:
    """One artifact that a study needs."""

    stage: str
    label: str
    settings: dict[str, Any]
    inputs: dict[str, tuple["Node", ...]] = field(default_factory=dict)
    operational: dict[str, Any] = field(default_factory=dict)

    @cached_property
    def code(self) -> dict[str, str]:
        """Digest of each module of the stage's code."""
        return code_of(self.stage)

    @cached_property
    def digest(self) -> str:
        """SHA-256 of what the artifact is made of."""
        return digest_of(
            self.stage,
            self.settings,
            self.code,
            {role: [node.digest for node in nodes] for role, nodes in self.inputs.items()},
        )

    @property
    def key(self) -> str:
        """The first 12 hex digits of the digest: its name on disk."""
        return self.digest[:12]

    def ancestors(self) -> Iterator["Node"]:
        """Direct inputs, in order."""
        for nodes in self.inputs.values():
            yield from nodes


def digest_of(
    stage: str, settings: dict[str, Any], code: dict[str, str], inputs: dict[str, list[str]]
) -> str:
    """The digest that a node's key is the beginning of."""
    return digest(
        {"scheme": SCHEME, "stage": stage, "settings": settings, "code": code, "inputs": inputs}
    )


def member_label(member: dict[str, Any]) -> str:
    """`corpus/size/variant/i0-o1`."""
    return "{corpus}/{size}/{variant}/i{seed_init}-o{seed_order}".format(**member)


@dataclass(frozen=True)
class Plan:
    """All nodes of a study, inputs before what is made from them."""

    study: Study
    nodes: tuple[Node, ...]

    @property
    def targets(self) -> tuple[Node, ...]:
        """What a run asks for: the database and the report. The rest follows from them."""
        return self.nodes[-2:]


def plan_study(study: Study, base: Path) -> Plan:
    """All nodes of a study.

    Args:
        study: the settings.
        base: folder that local text files are named from.

    Raises:
        UserError: for local files or packages that a corpus names and that are not there, and
            for two names of the same thing.
    """
    nodes: list[Node] = []

    def add(
        stage: str,
        label: str,
        settings: dict[str, Any],
        **inputs: tuple[Node, ...],
    ) -> Node:
        nodes.append(Node(stage, f"{stage}/{label}" if label else stage, settings, inputs))
        return nodes[-1]

    statistics = identity(study.statistics)
    texts = {name: _text_of(study, name, base) for name in sorted(study.corpora)}
    nodes += texts.values()
    for corpus_name, corpus_settings in sorted(study.corpora.items()):
        is_drawn = isinstance(corpus_settings, ProcessCorpus)
        budget = training_of(study, corpus_settings)
        corpus = texts[corpus_name]
        settings = _tokenizer_settings(study, corpus_settings)
        tokenizer = add("tokenizer", corpus_name, settings, corpus=(corpus,))
        tokens = add("tokens", corpus_name, {}, corpus=(corpus,), tokenizer=(tokenizer,))

        tunings, found = _arms(study, corpus_name, budget, tokens)
        nodes += tunings
        members = [member for member, _ in found]
        trained = [training for _, training in found]
        edges = [edge for edge in study.evaluation.position_edges if edge < budget.context]
        evaluation = {**identity(study.evaluation), "position_edges": edges}
        scored: list[Node] = []
        for member, training in found:
            nodes.append(training)
            settings = {"evaluation": evaluation, "statistics": statistics}
            past = {"past": training.inputs["past"]} if "past" in training.inputs else {}
            scored.append(
                add(
                    "evaluation",
                    member_label(member),
                    settings,
                    training=(training,),
                    tokens=(tokens,),
                    **past,
                )
            )
        # Variants that others are held against are no members of a set.
        own = [not study.variants[member["variant"]].is_control for member in members]

        myopia = identity(study.myopia)
        there = {member["variant"] for member in members}
        contrasts = [each for each in myopia.pop("contrasts") if there >= set(each.values())]

        analyses = study.analyses_of(corpus_name)
        everyone: dict[str, Any] = {"members": members, "statistics": statistics}
        shared = {**everyone, "members": list(compress(members, own))}
        of_set = tuple(compress(trained, own))
        derived: list[Node] = []
        if "candidates" in analyses:
            settings = {"candidates": identity(study.candidates), "evaluation": evaluation}
            settings["statistics"] = statistics
            for label, parents in _parents(study, compress(found, own)):
                derived.append(
                    add("candidates", label, settings, training=parents, tokens=(tokens,))
                )
        candidates = {"candidates": tuple(derived)} if derived else {}
        if "rashomon" in analyses:
            settings = {**shared, "rashomon": identity(study.rashomon)}
            of = tuple(compress(scored, own))
            sets = add("rashomon", corpus_name, settings, evaluation=of, **candidates)
            if "multiplicity" in analyses:
                settings = {**shared, "multiplicity": identity(study.multiplicity)}
                inputs = {"rashomon": (sets,), "training": of_set, "tokens": (tokens,)}
                inputs["tokenizer"] = (tokenizer,)
                add("multiplicity", corpus_name, settings, **inputs, **candidates)
        if "volume" in analyses:
            settings = {**shared, "volume": identity(study.volume)}
            add("volume", corpus_name, settings, training=of_set, tokens=(tokens,))
        of_text = {"tokens": (tokens,), "tokenizer": (tokenizer,)}
        if "divergence" in analyses:
            outside = tuple(_reference_seeds(study, corpus_name, budget, tokens))
            nodes += outside
            reference = {"reference": outside} if outside else {}
            probes: list[Node] = []
            pairs: list[Node] = []
            for name, probe_settings in sorted(study.probes.items()):
                if is_drawn and probe_settings.family != "held-out":
                    continue
                label = f"{corpus_name}/{name}"
                settings = {
                    "name": name,
                    "corpus": corpus_name,
                    "probe": identity(probe_settings),
                    "context": budget.context,
                    "statistics": statistics,
                }
                # What another corpus is called is in no key, nor what only a search needs.
                of_search = () if probe_settings.family == "search" else ("candidates", "plausible")
                for name_of_other in ("corpus", *of_search):
                    del settings["probe"][name_of_other]
                compared = [True] * len(of_set)
                if probe_settings.family == "self":
                    probe = add("sampled", label, settings, training=outside, **of_text)
                elif probe_settings.family == "search":
                    searched, compared = _halves(shared["members"])
                    settings["members"] = list(compress(shared["members"], searched))
                    half = tuple(compress(of_set, searched))
                    probe = add("search", label, settings, training=half, **of_text)
                else:
                    other = {}
                    if probe_settings.corpus is not None:
                        other["other"] = (texts[probe_settings.corpus],)
                    probe = add("probe", label, settings, **of_text, **other)
                probes.append(probe)
                settings = {**shared, "divergence": identity(study.divergence)}
                settings["members"] = list(compress(shared["members"], compared))
                inputs = {"probe": (probe,), "training": tuple(compress(of_set, compared))}
                inputs["tokenizer"] = (tokenizer,)
                pairs.append(add("divergence", label, settings, **inputs, **reference))
            if "funnel" in analyses and pairs:
                # What a search leaves out was not seen by all members.
                of_all = [node for node in pairs if node.inputs["training"] == of_set]
                settings = {**shared, "funnel": identity(study.funnel), "contrasts": contrasts}
                of = tuple(compress(scored, own))
                add("funnel", corpus_name, settings, evaluation=of, divergence=tuple(of_all))
            if "severity" in analyses and not is_drawn:
                inputs = {"probe": tuple(probes), "divergence": tuple(pairs)}
                add("severity", corpus_name, {"statistics": statistics}, **inputs)
        for analysis in ("rollout", "representation"):
            if analysis in analyses and not is_drawn:
                settings = {**shared, analysis: identity(getattr(study, analysis))}
                if analysis == "representation":
                    settings["context"] = budget.context
                add(analysis, corpus_name, settings, training=of_set, **of_text)
        if "myopia" in analyses and contrasts:
            settings = {"evaluation": evaluation, "statistics": statistics}
            settings |= {"corpus": corpus_name, "context": budget.context}
            floor = add("floor", corpus_name, settings, tokens=(tokens,))
            # Present and future are parts of a causal gradient.
            whole = [study.variants[member["variant"]].gradient == "causal" for member in members]
            if any(whole):
                settings = {**myopia, "members": list(compress(members, whole))}
                chosen = tuple(compress(trained, whole))
                add("gradient", corpus_name, settings, training=chosen, tokens=(tokens,))
            # What starts from another's weights is not what its gradient alone would find.
            found_alone = [study.variants[each["variant"]].starts_from is None for each in members]
            add(
                "myopia",
                corpus_name,
                {
                    **everyone,
                    "members": list(compress(members, found_alone)),
                    "contrasts": contrasts,
                },
                evaluation=tuple(compress(scored, found_alone)),
                training=tuple(compress(trained, found_alone)),
                floor=(floor,),
            )

        if isinstance(corpus_settings, ProcessCorpus):
            for analysis, settings, of in _known(study, corpus_settings, analyses, found):
                settings |= {"statistics": statistics}
                if analysis == "truth":
                    settings["contrasts"] = contrasts
                add(analysis, corpus_name, settings, training=of, tokens=(tokens,))

    by_stage = {
        stage: tuple(node for node in nodes if node.stage == stage)
        for stage in STAGES
        if any(node.stage == stage for node in nodes)
    }
    labels: dict[str, str] = {}
    for node in nodes:
        same = labels.setdefault(node.key, node.label)
        if same != node.label:
            raise UserError(
                f"{node.label} and {same} are one and the same: equal text, settings and seeds "
                "under two names. Give each once."
            )
    primary = [claim.text for claim in study.primary]
    database = add("database", "", {"labels": labels, "primary": primary}, **by_stage)
    settings = identity(study)
    add("report", "", {"study": settings}, database=(database,))
    return Plan(study, tuple(nodes))


def _reference_seeds(study: Study, corpus: str, budget: Training, tokens: Node) -> Iterator[Node]:
    """Members outside all analyses, where the study names seeds of theirs."""
    arm, seeds = study.reference_arm(corpus), study.reference_seeds
    if arm is None or seeds is None:
        return
    size_name, variant_name = arm
    shape, chosen, training = map(
        identity, (study.sizes_of(corpus)[size_name], study.variants[variant_name], budget)
    )
    for each in (shape, chosen, training):
        del each["learning_rate"]
    chosen["of"] = chosen["starts_from"] = None
    rate = study.learning_rate(corpus, size_name, variant_name)
    settings = {
        "size": shape,
        "variant": chosen,
        "training": {**training, "late": [], "learning_rate": rate},
    }
    for seed_init, seed_order in product(sorted(seeds.init), sorted(seeds.order)):
        of_member = {"seed_init": seed_init, "seed_order": seed_order}
        member = {"corpus": corpus, "size": size_name, "variant": variant_name, **of_member}
        label = f"training/{member_label(member)}"
        yield Node("training", label, settings | of_member, {"tokens": (tokens,)})


def _halves(members: list[dict[str, Any]]) -> tuple[list[bool], list[bool]]:
    """Which members a search looks at and which it is tried on: halves of the initial seeds."""
    inits = sorted({member["seed_init"] for member in members})
    searched = [member["seed_init"] in inits[: len(inits) // 2] for member in members]
    return searched, [not each for each in searched]


def _parents(
    study: Study, found: Iterable[tuple[dict[str, Any], Node]]
) -> Iterator[tuple[str, tuple[Node, ...]]]:
    """Of each class its label, and the training of the members that others are derived from: the
    first by their seeds."""
    of_class: dict[str, list[Node]] = {}
    for member, training in found:
        of_class.setdefault(member_label(member).rpartition("/")[0], []).append(training)
    for label, several in of_class.items():
        yield label, tuple(several[: study.candidates.parents])


def _known(
    study: Study,
    corpus: ProcessCorpus,
    analyses: tuple[Analysis, ...],
    found: list[tuple[dict[str, Any], Node]],
) -> Iterator[tuple[Analysis, dict[str, Any], tuple[Node, ...]]]:
    """What is measured on a process: each analysis with its settings and the members it is of.

    Those that start from another's weights are among them, but not those that see another past or
    none: the law is that of text as it is.
    """
    of = [
        (member, training)
        for member, training in found
        if study.variants[member["variant"]].gradient not in ("local", "bigram")
    ]
    process = identity(corpus)
    del process["members"]
    for analysis in ANALYSES_OF[corpus.process] if of else ():
        if analysis in analyses:
            own = identity(getattr(study, analysis))
            named = [member for member, _ in of]
            settings = {"process": process, "members": named, analysis: own}
            yield analysis, settings, tuple(training for _, training in of)


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


def _arms(
    study: Study, corpus: str, budget: Training, tokens: Node
) -> tuple[list[Node], list[tuple[dict[str, Any], Node]]]:
    """The tuning of each size and variant that asks for it, and every member with its training."""
    tunings: list[Node] = []
    trained: dict[tuple[Any, ...], Node] = {}
    members: list[tuple[dict[str, Any], Node]] = []
    of_corpus = study.seeds_of(corpus)
    seeds = list(product(sorted(of_corpus.init), sorted(of_corpus.order)))
    # What a variant needs of another is trained before it.
    by_need = sorted(
        study.variants_of(corpus).items(),
        key=lambda named: (bool(named[1].of or named[1].starts_from), named[0]),
    )
    for size_name, size in sorted(study.sizes_of(corpus).items(), key=_by_parameters):
        for variant_name, variant in by_need:
            training, shape, chosen, tune = map(identity, (budget, size, variant, study.tune))
            for each in (training, shape, chosen):
                del each["learning_rate"]
            # The past is an input, in that role: what its variant is called is in no key.
            chosen["of"] = "past" if variant.of else None
            chosen["starts_from"] = "start" if variant.starts_from else None
            rate = study.learning_rate(corpus, size_name, variant_name)
            shared = {"size": shape, "variant": chosen}
            inputs: dict[str, tuple[Node, ...]] = {"tokens": (tokens,)}
            if rate == "tune":
                label = f"tuning/{corpus}/{size_name}/{variant_name}"
                steps = tune.pop("steps") or training["steps"]
                trial = {**training, "steps": steps, "late": []}
                needs = dict(inputs)
                if variant.of is not None:
                    needs["past"] = (trained[size_name, variant.of, *seeds[0]],)
                tunings.append(
                    Node("tuning", label, {**shared, "training": trial, "tune": tune}, needs)
                )
                inputs["tuning"] = (tunings[-1],)
            for seed_init, seed_order in seeds:
                of_member = {"seed_init": seed_init, "seed_order": seed_order}
                member = {"corpus": corpus, "size": size_name, "variant": variant_name, **of_member}
                needs = dict(inputs)
                for role, other in (("past", variant.of), ("start", variant.starts_from)):
                    if other is not None:
                        needs[role] = (trained[size_name, other, seed_init, seed_order],)
                settings = {**shared, "training": {**training, "learning_rate": rate}, **of_member}
                node = Node("training", f"training/{member_label(member)}", settings, needs)
                trained[size_name, variant_name, seed_init, seed_order] = node
                members.append((member, node))
    return tunings, members


def _by_parameters(named: tuple[str, Size]) -> tuple[int, str]:
    """Weights of the blocks, then the name."""
    name, size = named
    return size.block_weights, name


def _text_of(study: Study, name: str, base: Path) -> Node:
    """The documents of a corpus."""
    settings, operational = _corpus_settings(study.corpora[name], base)
    stage = "process" if isinstance(study.corpora[name], ProcessCorpus) else "corpus"
    return Node(stage, f"{stage}/{name}", settings, operational=operational)


def _corpus_settings(settings: Corpus, base: Path) -> tuple[dict[str, Any], dict[str, Any]]:
    """A corpus is its text: versions and digests belong in the key, not where it lies."""
    resolved: dict[str, Any] = {"corpus": identity(settings)}
    operational = settings.model_dump(mode="json", exclude=set(resolved["corpus"]))
    # What is trained on it is no matter of the text.
    del resolved["corpus"]["members"]
    if isinstance(settings, PydocsCorpus):
        resolved["versions"] = versions(settings)
    if isinstance(settings, FilesCorpus):
        resolved["sha256"] = digests(settings, base)
    return resolved, operational


def _tokenizer_settings(study: Study, corpus: Corpus) -> dict[str, Any]:
    if isinstance(corpus, ProcessCorpus):
        return {"words": list(SHAPES[corpus.process].vocabulary)}
    settings = identity(study.tokenizer)
    if study.tokenizer.kind != "bpe":
        del settings["vocabulary"]
    return {"tokenizer": settings}
