"""Refuse a context that is too long for the text, before any job starts."""

from collections.abc import Iterator
from pathlib import Path

from manymasks.config.corpora import Corpus, FilesCorpus
from manymasks.errors import UserError
from manymasks.plan.graph import Plan
from manymasks.plan.node import Node
from manymasks.plan.trainings import training_of
from manymasks.store.layout import Layout
from manymasks.store.manifest import read_manifest


def check_lengths(plan: Plan, layout: Layout, base: Path) -> None:
    """Refuse, with a UserError for all of them, a context that a split is too short for. The number
    of tokens in a split is known once its tokens are made. Before that, a corpus of local text has
    at most one token per byte, divided over the splits by their shares."""
    problems: list[str] = []
    for node in plan.nodes:
        if node.stage != "tokens":
            continue
        name = node.label.partition("/")[2]
        corpus = plan.study.corpora[name]
        context = training_of(plan.study, corpus).context
        problems += [
            f"corpora.{name}: its {split} split has {count}, too short for training.context "
            f"({context}), which needs {2 * context}: lower the context or give {split} more text"
            for split, tokens, count in _tokens(node, corpus, layout, base)
            if tokens < 2 * context
        ]
    if problems:
        raise UserError("\n".join(problems))


def _tokens(
    node: Node, settings: Corpus, layout: Layout, base: Path
) -> Iterator[tuple[str, int, str]]:
    """Name, number of tokens and that number in words of each split, where it can be known."""
    manifest = layout.manifest(node.stage, node.key)
    if manifest.exists():
        for split, tokens in read_manifest(manifest).figures["tokens"].items():
            yield split, tokens, f"{tokens} tokens"
    elif isinstance(settings, FilesCorpus) and settings.format == "text":
        # Imported here: only studies of local files need it.
        from manymasks.corpora.paths import expand

        size = sum(path.stat().st_size for path in expand(settings.paths, base))
        shares = {"select": settings.select, "measure": settings.measure}
        for split, share in {"train": 1 - sum(shares.values()), **shares}.items():
            tokens = round(size * share)
            yield split, tokens, f"at most about {tokens} tokens"
