"""The plan of a study: one node per artifact, keyed by its settings, code and inputs.

The catalogue says which stage reads which; all nodes lead to the database and the report. A
corpus drawn from a process has the stage `process` in place of `corpus`, so that a change to a
process makes no other text stale.

Names of corpora, sizes and variants are labels. They are in the keys of the analyses, whose
tables show them, and in no key of an expensive artifact. Sizes are ordered by their weights and
everything else by name, so that the order of settings in a file changes no key.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from manymasks.catalogue import STAGES
from manymasks.config.claims import TESTED_BY
from manymasks.config.corpora import ProcessCorpus
from manymasks.config.settings import identity
from manymasks.config.study import Study
from manymasks.errors import UserError
from manymasks.plan.analyses import (
    control_nodes,
    fine_tuning_nodes,
    member_nodes,
    myopia_nodes,
    probe_nodes,
    process_nodes,
    set_nodes,
    thinking_nodes,
)
from manymasks.plan.node import Node, planned_code
from manymasks.plan.pretrained_nodes import pretrained_nodes
from manymasks.plan.requirements import requirements
from manymasks.plan.sources import corpus_settings, token_settings, tokenizer_settings
from manymasks.plan.trainings import PlannedCorpus, arms, reference_seeds


@dataclass(frozen=True)
class Plan:
    """All nodes of a study; inputs come before what is made from them."""

    study: Study
    nodes: tuple[Node, ...]

    @property
    def targets(self) -> tuple[Node, ...]:
        """What a run asks for, from which the rest follows: the database and the report."""
        return self.nodes[-2:]


def plan_study(study: Study, base: Path) -> Plan:
    """Plan a study. `study`: the settings. `base`: folder that paths of local text files are
    relative to. Raises UserError if a local file or package of a corpus does not exist, or two
    names stand for one artifact."""
    planned_code.cache_clear()
    documents = {name: _documents(study, name, base) for name in sorted(study.corpora)}
    nodes = list(documents.values())
    corpora: dict[str, PlannedCorpus] = {}
    for name in _starts_first(study):
        corpora[name], corpus_nodes = _corpus_nodes(study, name, documents, base, corpora)
        nodes += corpus_nodes
    nodes += control_nodes(corpora)
    nodes += thinking_nodes(corpora)

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
                f"{node.label} and {same} are the same artifact: equal text, settings and seeds "
                "under two names. Remove one of them."
            )
    # A claim that names a probe is about unchanged text, severity 0.
    primary = [
        {
            **identity(claim),
            "severity": None if claim.probe is None else 0,
            "stage": TESTED_BY[claim.claim],
        }
        for claim in study.primary
    ]
    database = Node("database", "database", {"labels": labels, "primary": primary}, by_stage)
    report = Node("report", "report", {"study": identity(study)}, {"database": (database,)})
    return Plan(study, (*nodes, database, report))


def _starts_first(study: Study) -> Iterator[str]:
    """Corpora by name, each after those whose members its own start from."""
    waiting = sorted(study.corpora)
    while waiting:
        name = next(name for name in waiting if study.starts_on(name).isdisjoint(waiting))
        waiting.remove(name)
        yield name


def _documents(study: Study, name: str, base: Path) -> Node:
    try:
        settings, operational = corpus_settings(study.corpora[name], base)
    except UserError as error:
        # It names the setting, as one of a corpus.
        raise UserError(f"corpora.{name}: {error}") from error
    stage = "process" if isinstance(study.corpora[name], ProcessCorpus) else "corpus"
    return Node(stage, f"{stage}/{name}", settings, operational=operational)


def _corpus_nodes(
    study: Study,
    name: str,
    documents: Mapping[str, Node],
    base: Path,
    planned: Mapping[str, PlannedCorpus],
) -> tuple[PlannedCorpus, list[Node]]:
    """A corpus, and all of its nodes after its documents. `planned`: the corpora before it."""
    inputs = {"corpus": (documents[name],)}
    settings, operational = tokenizer_settings(study, study.corpora[name], base)
    tokenizer = Node("tokenizer", f"tokenizer/{name}", settings, inputs, operational)
    inputs = {**inputs, "tokenizer": (tokenizer,)}
    needs = {"requirements": requirements(study, name)}
    tokens = Node("tokens", f"tokens/{name}", token_settings(study.corpora[name]), inputs, needs)
    tunings: list[Node] = []
    if study.corpora[name].members.pretrained is not None:
        members, references = pretrained_nodes(study, name, tokens, tokenizer)
    else:
        tunings, members = arms(study, name, tokens, planned)
        references = list(reference_seeds(study, name, tokens))
    nodes = [tokenizer, tokens, *tunings]
    for member in members:
        nodes += (member.training, member.evaluation)
    corpus = PlannedCorpus(study, name, tokenizer, tokens, tuple(members), tuple(references))
    nodes += set_nodes(corpus)
    nodes += probe_nodes(corpus, documents)
    nodes += myopia_nodes(corpus)
    nodes += process_nodes(corpus)
    nodes += member_nodes(corpus)
    nodes += fine_tuning_nodes(corpus)
    return corpus, nodes
