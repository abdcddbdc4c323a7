"""config/corpora.yaml: named corpora with their licence, citation and size."""

from pathlib import Path
from typing import Annotated, Literal

from pydantic import Field, TypeAdapter, ValidationError

from manymasks.config.corpora import Corpus, DatasetCorpus, FilesCorpus, HubCorpus, UrlCorpus
from manymasks.config.settings import Name, Settings
from manymasks.config.yaml_reading import read_yaml
from manymasks.errors import UserError

REGISTRY = Path("config/corpora.yaml")


class NamedCorpus(Settings):
    """A corpus of the registry."""

    summary: str
    """What it is, in one line."""
    bytes: Annotated[int, Field(ge=1)]
    """Bytes of the download, about."""
    citation: str
    """Where it is described."""
    digests: Literal["published", "cited", "on first use"]
    """Who states the digests that are written here: its source, or several projects that use the
    file. The others are those that `manymasks pin` receives from the source at the first use, and
    every later one must match."""
    corpus: Corpus
    """Settings of the corpus."""

    @property
    def licence(self) -> str:
        """Licence of the text."""
        return str(getattr(self.corpus, "licence", None) or "not stated")

    @property
    def sha256(self) -> tuple[str, ...]:
        """Digests of its files, as far as they are pinned."""
        match self.corpus:
            case DatasetCorpus(files=files):
                return tuple(files.values())
            case HubCorpus(files=hub_files):
                return tuple(file.sha256 for file in hub_files)
            case UrlCorpus(sha256=sha256):
                return (sha256,)
        return ()


def read_registry(path: Path = REGISTRY) -> dict[str, NamedCorpus]:
    """Named corpora of a registry file. Raises UserError if one is not valid."""
    document = read_yaml(path)
    if document.problems:
        raise UserError("\n".join(document.problems))
    try:
        adapter = TypeAdapter(dict[Name, NamedCorpus])
        named = adapter.validate_python(document.values)
    except ValidationError as error:
        raise UserError(f"{path}: is not a registry of corpora: {error}") from error
    for name, item in named.items():
        if isinstance(item.corpus, FilesCorpus):
            raise UserError(f"{path}: {name}: local files cannot be registered")
    return named
