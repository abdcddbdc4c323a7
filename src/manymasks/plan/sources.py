"""Local text files that a study names, by what is in them."""

from pathlib import Path

from manymasks.config.corpora import FilesCorpus
from manymasks.store.manifest import sha256_of


def digests(settings: FilesCorpus, base: Path) -> dict[str, str]:
    """SHA-256 of each file of a corpus by the name its documents' ids begin with.

    Raises:
        UserError: if a pattern matches nothing.
    """
    # Only studies with files of their own pay for what reading them needs.
    from manymasks.corpora.collect import names
    from manymasks.corpora.files import expand

    paths = expand(settings.paths, base)
    return {name: sha256_of(path) for name, path in zip(names(paths, base), paths, strict=True)}
