"""A study becomes nodes: one for each artifact, keyed by its settings, code and inputs.

Which stage reads which is in the catalogue; everything ends in the database and the report. A
corpus drawn from a process has the stage `process` in place of `corpus`, so that a change to a
process makes no text stale.

Names of corpora, sizes and variants are labels: they are in the keys of the analyses, whose
tables show them, and in no key of what is expensive to make. Sizes come from small to large and
everything else by name, so that the order of keys in a file changes nothing.
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
from manymasks.plan.analyses import behaviour, known, myopia, probes, sets
from manymasks.plan.members import Text, arms
from manymasks.plan.node import Node, planned_code
from manymasks.plan.sources import corpus_settings, tokenizer_settings


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
    planned_code.cache_clear()
    texts = {name: _drawn_or_read(study, name, base) for name in sorted(study.corpora)}
    nodes = list(texts.values())
    for name in texts:
        nodes += _of_corpus(study, name, texts)

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
    # A claim about a probe is about text as it is, severity 0.
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


def _drawn_or_read(study: Study, name: str, base: Path) -> Node:
    """The documents of a corpus."""
    settings, operational = corpus_settings(study.corpora[name], base)
    stage = "process" if isinstance(study.corpora[name], ProcessCorpus) else "corpus"
    return Node(stage, f"{stage}/{name}", settings, operational=operational)


def _of_corpus(study: Study, name: str, texts: Mapping[str, Node]) -> Iterator[Node]:
    """All nodes of a corpus, `texts` the documents of each."""
    corpus = study.corpora[name]
    of_text = {"corpus": (texts[name],)}
    settings = tokenizer_settings(study, corpus)
    tokenizer = Node("tokenizer", f"tokenizer/{name}", settings, of_text)
    tokens = Node("tokens", f"tokens/{name}", {}, {**of_text, "tokenizer": (tokenizer,)})
    yield from (tokenizer, tokens)
    tunings, members = arms(study, name, tokens)
    yield from tunings
    for member in members:
        yield from (member.training, member.evaluation)
    text = Text(study, name, tokenizer, tokens, tuple(members))
    yield from sets(text)
    yield from probes(text, texts)
    yield from behaviour(text)
    yield from myopia(text)
    yield from known(text)
