"""Settings of corpora and tokenizers: what is in a text and how it is split, not its location."""

from importlib.metadata import version
from pathlib import Path
from typing import Any

from manymasks.config.corpora import (
    Corpus,
    DatasetCorpus,
    FilesCorpus,
    ProcessCorpus,
    PydocsCorpus,
)
from manymasks.config.settings import identity
from manymasks.config.study import Study
from manymasks.corpora.versions import versions
from manymasks.kinds.processes import PROCESSES
from manymasks.store.manifest import sha256_of


def corpus_settings(settings: Corpus, base: Path) -> tuple[dict[str, Any], dict[str, Any]]:
    """Identity and operational settings of a corpus. Versions of packages and digests of files are
    added to the identity: a corpus is its text. Raises UserError if a local file or package does
    not exist."""
    resolved: dict[str, Any] = {"corpus": identity(settings)}
    operational = settings.model_dump(mode="json", exclude=set(resolved["corpus"]))
    # Neither the members trained on it nor what counts of it change the text.
    del resolved["corpus"]["members"]
    resolved["corpus"].pop("held_out_tokens", None)
    if isinstance(settings, PydocsCorpus):
        resolved["versions"] = versions(settings)
    if isinstance(settings, FilesCorpus):
        resolved["sha256"] = digests(settings, base)
    if isinstance(settings, DatasetCorpus):
        # The text depends on how these parse a file.
        resolved["versions"] = {name: version(name) for name in ("datasets", "pyarrow")}
    return resolved, operational


def token_settings(corpus: Corpus) -> dict[str, Any]:
    """Settings of the tokens of a corpus. Documents of a process count whole."""
    if isinstance(corpus, ProcessCorpus):
        return {"held_out_tokens": None}
    return {"held_out_tokens": corpus.held_out_tokens}


def tokenizer_settings(study: Study, corpus: Corpus) -> dict[str, Any]:
    """Settings of the tokenizer of a corpus; a process has a fixed vocabulary."""
    if isinstance(corpus, ProcessCorpus):
        return {"words": list(PROCESSES[corpus.process].vocabulary)}
    settings = identity(study.tokenizer)
    if study.tokenizer.kind != "bpe":
        del settings["vocabulary"]
    return {"tokenizer": settings}


def digests(settings: FilesCorpus, base: Path) -> dict[str, str]:
    """SHA-256 of each file of a corpus, by the prefix of its documents' ids. Raises UserError if a
    pattern matches no file."""
    # Imported here: only studies of local files need it.
    from manymasks.corpora.paths import expand, names

    paths = expand(settings.paths, base)
    return {name: sha256_of(path) for name, path in zip(names(paths, base), paths, strict=True)}
