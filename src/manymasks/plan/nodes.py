"""A study becomes nodes: one for each artifact, keyed by its settings, code and inputs.

    corpus -> tokenizer -> tokens -> training -> evaluation -> rashomon, myopia
                                  -> probe ------------------> divergence   (with training)
    everything -> database -> report

Names of corpora, sizes and variants are labels: they are in the keys of the analyses, whose
tables show them, and of nothing that is expensive to make. Sizes come from small to large and
all else by name, so that the order of a file's keys changes nothing.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

from manymasks.config.corpora import Corpus, FilesCorpus, PydocsCorpus
from manymasks.config.settings import identity
from manymasks.config.study import Size, Study
from manymasks.corpora.versions import versions
from manymasks.errors import UserError
from manymasks.plan.canonical import digest
from manymasks.plan.closure import code_of
from manymasks.plan.sources import digests

SCHEME = 1
STAGES = (
    "corpus", "tokenizer", "tokens", "training", "evaluation", "probe", "rashomon", "divergence",
    "myopia", "database", "report",
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
    for corpus_name, corpus_settings in sorted(study.corpora.items()):
        settings, operational = _corpus_settings(corpus_settings, base)
        corpus = Node("corpus", f"corpus/{corpus_name}", settings, operational=operational)
        nodes.append(corpus)
        tokenizer = add("tokenizer", corpus_name, _tokenizer_settings(study), corpus=(corpus,))
        tokens = add("tokens", corpus_name, {}, corpus=(corpus,), tokenizer=(tokenizer,))

        members: list[dict[str, Any]] = []
        trained: list[Node] = []
        scored: list[Node] = []
        for member, settings in _members(study, corpus_name):
            label = member_label(member)
            training = add("training", label, settings, tokens=(tokens,))
            evaluation = add(
                "evaluation",
                label,
                {"evaluation": identity(study.evaluation), "statistics": statistics},
                training=(training,),
                tokens=(tokens,),
            )
            members.append(member)
            trained.append(training)
            scored.append(evaluation)

        shared = {"members": members, "statistics": statistics}
        if "rashomon" in study.analyses:
            settings = {**shared, "rashomon": identity(study.rashomon)}
            add("rashomon", corpus_name, settings, evaluation=tuple(scored))
        if "divergence" in study.analyses:
            for name, probe_settings in sorted(study.probes.items()):
                label = f"{corpus_name}/{name}"
                settings = {
                    "name": name,
                    "corpus": corpus_name,
                    "probe": identity(probe_settings),
                    "context": study.training.context,
                }
                probe = add("probe", label, settings, tokens=(tokens,))
                settings = {**shared, "divergence": identity(study.divergence)}
                add("divergence", label, settings, probe=(probe,), training=tuple(trained))
        if "myopia" in study.analyses:
            settings = {**shared, **identity(study.myopia)}
            add("myopia", corpus_name, settings, evaluation=tuple(scored))

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
    database = add("database", "", {"labels": labels}, **by_stage)
    settings = identity(study)
    add("report", "", {"study": settings}, database=(database,))
    return Plan(study, tuple(nodes))


def _members(study: Study, corpus: str) -> Iterator[tuple[dict[str, Any], dict[str, Any]]]:
    """Who each member is, and the settings of its training."""
    for size_name, size in sorted(study.sizes.items(), key=_by_parameters):
        for variant_name, variant in sorted(study.variants.items()):
            training, shape, chosen = map(identity, (study.training, size, variant))
            rates = [each.pop("learning_rate") for each in (chosen, shape, dict(training))]
            training["learning_rate"] = next(rate for rate in rates if rate is not None)
            for seed_init in sorted(study.seeds.init):
                for seed_order in sorted(study.seeds.order):
                    seeds = {"seed_init": seed_init, "seed_order": seed_order}
                    member = {"corpus": corpus, "size": size_name, "variant": variant_name, **seeds}
                    yield (
                        member,
                        {"size": shape, "variant": chosen, "training": training, **seeds},
                    )


def _by_parameters(named: tuple[str, Size]) -> tuple[int, str]:
    """Weights of the blocks' matrices, then the name."""
    name, size = named
    return size.layers * (4 + 2 * size.mlp) * size.width**2, name


def _corpus_settings(settings: Corpus, base: Path) -> tuple[dict[str, Any], dict[str, Any]]:
    """A corpus is its text: versions and digests belong in the key, not where it lies."""
    resolved: dict[str, Any] = {"corpus": identity(settings)}
    operational = settings.model_dump(mode="json", exclude=set(resolved["corpus"]))
    if isinstance(settings, PydocsCorpus):
        resolved["versions"] = versions(settings)
    if isinstance(settings, FilesCorpus):
        resolved["sha256"] = digests(settings, base)
    return resolved, operational


def _tokenizer_settings(study: Study) -> dict[str, Any]:
    settings = identity(study.tokenizer)
    if study.tokenizer.kind != "bpe":
        del settings["vocabulary"]
    return {"tokenizer": settings}
