"""Documents of every kind of corpus, from its settings."""

import os
from collections.abc import Iterator
from pathlib import Path

from manymasks.config.corpora import FilesCorpus, PydocsCorpus, TextCorpus, UrlCorpus
from manymasks.corpora.documents import Raw
from manymasks.corpora.download import OnDownload, fetch, quiet, verify_local
from manymasks.corpora.files import expand, read_files
from manymasks.corpora.hub import fetch_hub
from manymasks.corpora.pydocs import read_pydocs
from manymasks.corpora.versions import versions


def collect(
    settings: TextCorpus, *, downloads: Path, base: Path, report: OnDownload = quiet
) -> Iterator[Raw]:
    """Documents of a corpus, in a fixed order. `downloads`: folder that keeps downloaded files by
    digest. `base`: folder that relative paths start at. `report`: takes bytes done and in total of
    a download. Raises UserError if a source is missing, damaged or unreadable."""
    if isinstance(settings, PydocsCorpus):
        return read_pydocs(settings)
    if isinstance(settings, FilesCorpus):
        paths = expand(settings.paths, base)
        return read_files(paths, settings, names(paths, base))
    if isinstance(settings, UrlCorpus):
        if settings.local is not None:
            path = verify_local(base / Path(settings.local).expanduser(), settings.sha256)
        else:
            path = fetch(settings.url, settings.sha256, downloads, report=report)
        # Named by the digest, not by the URL: the source of a file must not change the split.
        return read_files([path], settings, [settings.sha256[:12]])
    fetched = fetch_hub(settings, downloads)
    return read_files(fetched, settings, [file.path for file in settings.files])


def names(paths: list[Path], base: Path) -> list[str]:
    """Names of local files: relative to `base`, or to their common folder outside it."""
    absolute = [path.absolute() for path in paths]
    root = base.absolute()
    if not all(path.is_relative_to(root) for path in absolute):
        root = Path(os.path.commonpath([path.parent for path in absolute]))
    return [path.relative_to(root).as_posix() for path in absolute]


def describe(settings: TextCorpus) -> str:
    """The source of the text, with versions, in one line."""
    if isinstance(settings, PydocsCorpus):
        packages = versions(settings)
        python = f"Python {packages.pop('python')}: topics and standard library"
        return "; ".join([python, *(f"{name} {version}" for name, version in packages.items())])
    if isinstance(settings, FilesCorpus):
        return "files: " + ", ".join(settings.paths)
    if isinstance(settings, UrlCorpus):
        return f"{settings.url} (sha256 {settings.sha256})"
    files = ", ".join(file.path for file in settings.files)
    return f"Hugging Face dataset {settings.repository} at {settings.revision}: {files}"
