"""manymasks corpora: the named corpora, and the settings of one to start from."""

from pathlib import Path

from manymasks.config.corpora import DatasetCorpus
from manymasks.config.corpus_registry import REGISTRY, NamedCorpus, read_registry
from manymasks.config.yaml_editing import block
from manymasks.errors import UserError
from manymasks.store.layout import Layout


def list_corpora(layout: Layout, registry: Path = REGISTRY) -> str:
    """One line for each named corpus: size, licence, digests, and what is downloaded."""
    named = read_registry(registry)
    width = max(len(name) for name in named)
    lines = [
        f"{name:<{width}}  {item.bytes / 1e6:>9,.1f} MB  {item.licence:<22}  digests "
        f"{item.digests:<12}  {_cached(item, layout):<14}  {item.summary}"
        for name, item in named.items()
    ]
    return "\n".join([*lines, "", "An overlay for one of them: manymasks corpora NAME > my.yaml"])


def overlay_of(name: str, registry: Path = REGISTRY) -> str:
    """A configuration file with one named corpus."""
    named = read_registry(registry)
    if name not in named:
        raise UserError(f"'{name}' is not in {registry}. Corpora: {', '.join(named)}")
    item = named[name]
    settings = item.corpus.model_dump(mode="json", exclude_unset=True)
    pin = ""
    if isinstance(item.corpus, DatasetCorpus) and not item.corpus.files:
        pin = f"# First: manymasks pin {name} --configfile FILE\n"
    return (
        f"# {item.summary}\n# {item.citation}\n{pin}name: {name}\nprimary: []\ncorpora:\n"
        f'  "*": null\n  {name}:\n{block(settings, 4)}'
    )


def _cached(item: NamedCorpus, layout: Layout) -> str:
    digests = item.sha256
    if not digests:
        return "not pinned"
    there = sum((layout.downloads / digest).is_file() for digest in digests)
    return f"{there} of {len(digests)} cached"
