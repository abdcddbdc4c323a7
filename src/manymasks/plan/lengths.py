"""Refuse a study that its text is too short for, or whose text cannot be read, before any job."""

from collections.abc import Iterator
from pathlib import Path

from manymasks.config.corpora import Corpus, FilesCorpus, ProcessCorpus
from manymasks.errors import UserError
from manymasks.plan.graph import Plan
from manymasks.plan.node import Node
from manymasks.plan.sources import sources_problem
from manymasks.store.layout import Layout
from manymasks.store.manifest import read_manifest
from manymasks.tokens.document_lengths import Requirement, read_lengths, shortfalls, too_short


def check_lengths(plan: Plan, layout: Layout, base: Path) -> None:
    """Refuse, with a UserError for all of them, corpora that are too small for their members and
    analyses, or that have no text. The lengths of documents are known once their tokens are made.
    Before that, a corpus of local text has at most one token per byte, divided over the splits by
    their shares, and the first records of each local file show whether it is read as it should
    be."""
    problems: list[str] = []
    for node in plan.nodes:
        name = node.label.partition("/")[2]
        if node.stage == "tokens":
            problems += _shortfalls(node, name, plan.study.corpora[name], layout, base)
        elif node.stage == "corpus" and not layout.manifest(node.stage, node.key).exists():
            corpus = plan.study.corpora[name]
            assert not isinstance(corpus, ProcessCorpus)
            problem = sources_problem(corpus, base)
            problems += [] if problem is None else [f"corpora.{name}: {problem}"]
    if problems:
        raise UserError("\n".join(problems))


def _shortfalls(
    node: Node, name: str, settings: Corpus, layout: Layout, base: Path
) -> Iterator[str]:
    """What the text of a corpus is too short for, as far as it can be known."""
    needed = [Requirement(**fields) for fields in node.operational["requirements"]]
    if layout.manifest(node.stage, node.key).exists():
        tokens = read_manifest(layout.manifest(node.stage, node.key)).figures["tokens"]
        lengths = read_lengths(layout.folder(node.stage, node.key))
        if lengths is not None:
            yield from shortfalls(name, needed, lengths)
            return
        # The file is gone: the tokens of a split are known all the same.
        for requirement in needed:
            there = tokens.get(requirement.split)
            if there is not None and there < requirement.tokens:
                yield too_short(name, requirement, f"{there} tokens", requirement.tokens)
        return
    if not isinstance(settings, FilesCorpus) or settings.format != "text":
        return
    # Imported here: only studies of local files need it.
    from manymasks.corpora.paths import expand

    size = sum(path.stat().st_size for path in expand(settings.paths, base))
    shares = {"select": settings.select, "measure": settings.measure}
    shares["train"] = 1 - sum(shares.values())
    for requirement in needed:
        tokens = round(size * shares[requirement.split])
        if tokens < requirement.tokens:
            yield too_short(name, requirement, f"at most about {tokens} tokens", requirement.tokens)
