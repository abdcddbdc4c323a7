"""manymasks pin: files and their digests, written into the configuration that names them."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from manymasks.config.corpora import DatasetCorpus
from manymasks.config.loading import load_study
from manymasks.config.study import Study
from manymasks.config.yaml_editing import NotEditable, block, with_settings
from manymasks.config.yaml_reading import read_yaml
from manymasks.disk.atomic import replacing
from manymasks.errors import UserError

TOKENIZER = "tokenizer"


def pin_files(name: str, files: Sequence[Path], revision: str | None, *, dry_run: bool) -> str:
    """Resolve the files of a corpus, or of the tokenizer, and write them into the configuration
    file that sets it; what was done, in words. `name`: a corpus, or `tokenizer` unless a corpus is
    named so. `files`: configuration files, later ones over earlier ones. Raises UserError if there
    is nothing of that name to pin, or its file cannot be edited."""
    study = load_study(files)
    if name == TOKENIZER and name not in study.corpora:
        return _write((TOKENIZER,), _tokenizer(study, revision), files, dry_run)
    return _write(("corpora", name), _corpus(study, name, revision), files, dry_run)


def _corpus(study: Study, name: str, revision: str | None) -> dict[str, Any]:
    settings = study.corpora.get(name)
    if settings is None:
        raise UserError(
            f"'{name}' is not a corpus. Corpora: {', '.join(study.corpora)}; `manymasks pin "
            f"{TOKENIZER}` pins a pretrained tokenizer"
        )
    if not isinstance(settings, DatasetCorpus):
        raise UserError(
            f"corpora.{name}: is of kind {settings.kind}, and only `dataset` needs to be pinned"
        )
    from manymasks.corpora.pinning import pin_dataset

    pinned = pin_dataset(settings, Path(), revision)
    return {
        "revision": pinned.revision,
        **({"data_files": pinned.data_files} if pinned.data_files is not None else {}),
        "files": pinned.files,
    }


def _tokenizer(study: Study, revision: str | None) -> dict[str, Any]:
    if study.tokenizer.kind != "pretrained":
        raise UserError(
            f"tokenizer: is of kind {study.tokenizer.kind}, and only `pretrained` needs to be "
            "pinned"
        )
    from manymasks.corpora.pinning import pin_tokenizer

    return pin_tokenizer(study.tokenizer, Path(), revision)


def _write(
    where: tuple[str, ...], values: Mapping[str, Any], files: Sequence[Path], dry_run: bool
) -> str:
    """Write settings into the last file that sets `where`."""
    name = ".".join(where)
    shown = block(
        {key: value for key, value in values.items() if value is not None}, 2 * len(where)
    )
    number = len(values.get("files", ("one",)))
    count = f"{number} file{'s' * (number != 1)}"
    if dry_run:
        return f"{name}: {count}\n{shown}"
    path = next((path for path in reversed(files) if where in read_yaml(path).lines), None)
    if path is None:
        raise UserError(f"{name}: is not set in {', '.join(map(str, files))}")
    try:
        text = with_settings(path.read_text(encoding="utf-8"), where, values)
    except NotEditable as error:
        raise UserError(f"{path}: {error}. Paste these lines there yourself:\n{shown}") from error
    with replacing(path) as temporary:
        temporary.write_text(text, encoding="utf-8")
    return f"{path}: {name} is pinned to {count}\n{shown}"
