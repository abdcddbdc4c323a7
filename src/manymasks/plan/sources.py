"""What a corpus is made of: what is in it and how it is cut, not where it lies."""

from pathlib import Path
from typing import Any

from manymasks.config.corpora import Corpus, FilesCorpus, ProcessCorpus, PydocsCorpus
from manymasks.config.settings import identity
from manymasks.config.study import Study
from manymasks.corpora.processes.shapes import SHAPES
from manymasks.corpora.versions import versions
from manymasks.store.manifest import sha256_of


def corpus_settings(settings: Corpus, base: Path) -> tuple[dict[str, Any], dict[str, Any]]:
    """Settings of a corpus that belong in its key, and those that do not.

    A corpus is its text: versions and digests are in the key.

    Raises:
        UserError: for local files or packages that are not there.
    """
    resolved: dict[str, Any] = {"corpus": identity(settings)}
    operational = settings.model_dump(mode="json", exclude=set(resolved["corpus"]))
    # What is trained on it is no matter of the text.
    del resolved["corpus"]["members"]
    if isinstance(settings, PydocsCorpus):
        resolved["versions"] = versions(settings)
    if isinstance(settings, FilesCorpus):
        resolved["sha256"] = digests(settings, base)
    return resolved, operational


def tokenizer_settings(study: Study, corpus: Corpus) -> dict[str, Any]:
    """Settings of the tokenizer of a corpus: the words of a process are given."""
    if isinstance(corpus, ProcessCorpus):
        return {"words": list(SHAPES[corpus.process].vocabulary)}
    settings = identity(study.tokenizer)
    if study.tokenizer.kind != "bpe":
        del settings["vocabulary"]
    return {"tokenizer": settings}


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
