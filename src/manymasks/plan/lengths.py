"""Is there enough text for the context? What can be told before a job starts."""

from collections.abc import Iterator
from pathlib import Path

from manymasks.config.corpora import Corpus, FilesCorpus
from manymasks.errors import UserError
from manymasks.plan.graph import Plan
from manymasks.plan.members import training_of
from manymasks.plan.node import Node
from manymasks.store.layout import Layout
from manymasks.store.manifest import read_manifest


def check_lengths(plan: Plan, layout: Layout, base: Path) -> None:
    """Refuse a context that a split is too short for.

    A split's tokens are known once they have been made. Before that, a corpus of local text
    has a token a byte at the most, and a split about its share of them.

    Raises:
        UserError: names each corpus, split, its tokens and the context.
    """
    problems = [
        f"corpora.{corpus}: its {split} split has {count}, too short for training.context "
        f"({context}), which needs {2 * context}: lower the context or give {split} more text"
        for node in plan.nodes
        if node.stage == "tokens"
        for corpus in [node.label.partition("/")[2]]
        for context in [training_of(plan.study, plan.study.corpora[corpus]).context]
        for split, tokens, count in _tokens(node, plan.study.corpora[corpus], layout, base)
        if tokens < 2 * context
    ]
    if problems:
        raise UserError("\n".join(problems))


def _tokens(
    node: Node, settings: Corpus, layout: Layout, base: Path
) -> Iterator[tuple[str, int, str]]:
    """Tokens of each split, as a number and in words, where something is known of them."""
    manifest = layout.manifest(node.stage, node.key)
    if manifest.exists():
        for split, tokens in read_manifest(manifest).figures["tokens"].items():
            yield split, tokens, f"{tokens} tokens"
    elif isinstance(settings, FilesCorpus) and settings.format == "text":
        # Only studies with files of their own pay for what finding them needs.
        from manymasks.corpora.files import expand

        size = sum(path.stat().st_size for path in expand(settings.paths, base))
        shares = {"select": settings.select, "measure": settings.measure}
        for split, share in {"train": 1 - sum(shares.values()), **shares}.items():
            tokens = round(size * share)
            yield split, tokens, f"about {tokens} tokens at the most"
