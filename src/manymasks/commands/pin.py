"""manymasks pin: the files of a dataset and their digests, written into the configuration."""

from collections.abc import Sequence
from pathlib import Path

from manymasks.config.corpora import DatasetCorpus
from manymasks.config.loading import load_study
from manymasks.config.yaml_editing import NotEditable, block, with_settings
from manymasks.config.yaml_reading import read_yaml
from manymasks.disk.atomic import replacing
from manymasks.errors import UserError


def pin_corpus(name: str, files: Sequence[Path], revision: str | None, *, dry_run: bool) -> str:
    """Resolve the files of a corpus and write them into the configuration file that sets it; what
    was done, in words. `files`: configuration files, later ones over earlier ones. Raises UserError
    if the corpus does not exist or is no dataset, or its file cannot be edited."""
    corpora = load_study(files).corpora
    settings = corpora.get(name)
    if settings is None:
        raise UserError(f"'{name}' is not a corpus. Corpora: {', '.join(corpora)}")
    if not isinstance(settings, DatasetCorpus):
        raise UserError(
            f"corpora.{name}: is of kind {settings.kind}, and only `dataset` needs to be pinned"
        )
    from manymasks.corpora.pinning import pin_dataset

    pinned = pin_dataset(settings, Path(), revision)
    values = {
        "revision": pinned.revision,
        **({"data_files": pinned.data_files} if pinned.data_files is not None else {}),
        "files": pinned.files,
    }
    shown = block({key: value for key, value in values.items() if value is not None}, 4)
    count = f"{len(pinned.files)} file{'s' * (len(pinned.files) != 1)}"
    if dry_run:
        return f"corpora.{name}: {count}\n{shown}"
    path = _file_of(name, files)
    try:
        text = with_settings(path.read_text(encoding="utf-8"), ("corpora", name), values)
    except NotEditable as error:
        raise UserError(f"{path}: {error}. Paste these lines there yourself:\n{shown}") from error
    with replacing(path) as temporary:
        temporary.write_text(text, encoding="utf-8")
    return f"{path}: corpora.{name} is pinned to {count}\n{shown}"


def _file_of(name: str, files: Sequence[Path]) -> Path:
    """The last file that sets a corpus."""
    for path in reversed(files):
        if ("corpora", name) in read_yaml(path).lines:
            return path
    raise UserError(f"corpora.{name}: is not set in {', '.join(map(str, files))}")
