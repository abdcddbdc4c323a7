"""Settings of corpora and tokenizers: what is in a text and how it is split, not its location."""

from collections.abc import Sequence
from fnmatch import fnmatch
from importlib.metadata import version
from pathlib import Path
from typing import Any

from manymasks.config.corpora import (
    Corpus,
    DatasetCorpus,
    FilesCorpus,
    HubCorpus,
    ProcessCorpus,
    PydocsCorpus,
    TextCorpus,
    UrlCorpus,
)
from manymasks.config.settings import identity
from manymasks.config.study import Study
from manymasks.config.training import TokenizerSettings
from manymasks.corpora.versions import versions
from manymasks.errors import UserError
from manymasks.kinds.processes import PROCESSES
from manymasks.store.manifest import sha256_of

USED_BY_TOKENIZER: dict[str, set[str]] = {
    "bpe": {"vocabulary"},
    "pretrained": {"sha256", "end_of_text", "path", "repository", "revision"},
}
"""Settings that a kind of tokenizer depends on, besides its kind."""


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


def tokenizer_settings(
    study: Study, corpus: Corpus, base: Path
) -> tuple[dict[str, Any], dict[str, Any]]:
    """Identity and operational settings of the tokenizer of a corpus; a process has a fixed
    vocabulary. Raises UserError if a pretrained tokenizer is not pinned, or its local file is not
    the one that was pinned."""
    if isinstance(corpus, ProcessCorpus):
        return {"words": list(PROCESSES[corpus.process].vocabulary)}, {}
    settings = study.tokenizer
    names = USED_BY_TOKENIZER.get(settings.kind, set())
    if settings.kind == "pretrained":
        _verify_tokenizer(settings, base)
    values = {name: value for name, value in identity(settings).items() if name in names}
    located = settings.model_dump(mode="json", include=names - values.keys())
    return {"tokenizer": {"kind": settings.kind, **values}}, located


def sources_problem(settings: TextCorpus, base: Path) -> str | None:
    """What is wrong with the local files of a corpus, by their first records; None if nothing."""
    match settings:
        case PydocsCorpus() | HubCorpus():
            return None
        case FilesCorpus(format="text") | UrlCorpus(local=None):
            return None
    # Imported here: only studies of such files need it.
    from manymasks.corpora.preview import refuse_unreadable

    try:
        refuse_unreadable(settings, base)
    except UserError as error:
        return str(error)
    return None


def _verify_tokenizer(settings: TokenizerSettings, base: Path) -> None:
    is_remote = settings.repository is not None
    if settings.sha256 is None or (is_remote and settings.revision is None):
        missing = "sha256" if settings.sha256 is None else "revision"
        raise UserError(
            f"tokenizer.{missing}: is missing: a pretrained tokenizer is identified by the digest "
            "of its file. `manymasks pin tokenizer` writes it into the configuration."
        )
    if not is_remote:
        # Imported here: only studies of local files need it.
        from manymasks.downloads.download import verify_pinned

        verify_pinned(base / Path(str(settings.path)).expanduser(), settings.sha256, "tokenizer")


OUTPUTS = tuple(
    ("results", "training", "0123456789ab", name) for name in ("log.txt", "manifest.json")
)
"""Files like those that a run writes."""


def _parts(pattern: str, base: Path) -> tuple[str, ...]:
    """The parts of a pattern below `base`; none if it matches nothing there."""
    path = base.absolute() / Path(pattern).expanduser()
    try:
        return path.relative_to(base.absolute()).parts
    except ValueError:
        return ()


def _can_match(pattern: Sequence[str], parts: Sequence[str]) -> bool:
    """Whether a pattern with ** matches a path, by the parts of each."""
    if not parts:
        return all(part == "**" for part in pattern)
    if not pattern:
        return False
    if pattern[0] == "**":
        return _can_match(pattern[1:], parts) or _can_match(pattern, parts[1:])
    return fnmatch(parts[0], pattern[0]) and _can_match(pattern[1:], parts[1:])


def digests(settings: FilesCorpus, base: Path) -> dict[str, str]:
    """SHA-256 of each file of a corpus, by the prefix of its documents' ids. Raises UserError if a
    pattern matches no file, or could match what a run writes."""
    for pattern in settings.paths:
        for output in OUTPUTS:
            if _can_match(_parts(pattern, base), output):
                raise UserError(
                    f"paths: {pattern!r} matches {'/'.join(output)} too, which runs write, so "
                    "the text would change with every run. Name the folder of the text, such as "
                    "'texts/**/*.txt'"
                )
    # Imported here: only studies of local files need it.
    from manymasks.corpora.paths import expand, names

    paths = expand(settings.paths, base)
    return {name: sha256_of(path) for name, path in zip(names(paths, base), paths, strict=True)}
