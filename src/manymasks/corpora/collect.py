"""Documents of every kind of corpus, from its settings."""

from collections.abc import Iterator
from pathlib import Path

from manymasks.callbacks import OnMessage, ignore_message
from manymasks.config.corpora import (
    DatasetCorpus,
    FilesCorpus,
    PydocsCorpus,
    TextCorpus,
    UrlCorpus,
)
from manymasks.corpora.dataset import read_dataset
from manymasks.corpora.documents import Raw
from manymasks.corpora.files import read_files
from manymasks.corpora.paths import expand, names
from manymasks.corpora.pydocs import read_pydocs
from manymasks.corpora.versions import versions
from manymasks.downloads.download import OnDownload, fetch, quiet, verify_local
from manymasks.downloads.hub import HubRevision, fetch_hub


def collect(
    settings: TextCorpus,
    *,
    downloads: Path,
    base: Path,
    cache: Path,
    report: OnDownload = quiet,
    say: OnMessage = ignore_message,
) -> Iterator[Raw]:
    """Documents of a corpus, in a fixed order. `downloads`: folder that keeps downloaded files by
    digest. `base`: folder that relative paths start at. `cache`: folder for temporary files of
    `datasets`. `report`: takes bytes done and in total of a download. `say`: is told of another
    process that downloads the same. Raises UserError if a source
    is missing, damaged or unreadable."""
    if isinstance(settings, PydocsCorpus):
        return read_pydocs(settings)
    if isinstance(settings, DatasetCorpus):
        return read_dataset(settings, downloads=downloads, base=base, cache=cache, say=say)
    if isinstance(settings, FilesCorpus):
        paths = expand(settings.paths, base)
        return read_files(paths, settings, names(paths, base))
    if isinstance(settings, UrlCorpus):
        if settings.local is not None:
            path = verify_local(base / Path(settings.local).expanduser(), settings.sha256)
        else:
            path = fetch(settings.url, settings.sha256, downloads, report=report, say=say)
        # Named by the digest, not by the URL: the source of a file must not change the split.
        return read_files([path], settings, [settings.sha256[:12]])
    files = {file.path: file.sha256 for file in settings.files}
    fetched = fetch_hub(HubRevision(settings.repository, settings.revision), files, downloads, say)
    return read_files(fetched, settings, list(files))


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
    if isinstance(settings, DatasetCorpus):
        revision = f" at {settings.revision}" if settings.revision else ""
        name = f" ({settings.name})" if settings.name else ""
        return f"dataset {settings.path}{name}{revision}: {', '.join(settings.files)}"
    files = ", ".join(file.path for file in settings.files)
    return f"Hugging Face dataset {settings.repository} at {settings.revision}: {files}"
