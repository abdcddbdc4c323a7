"""manymasks pin: files and their digests, written into the configuration that names them."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from manymasks.config.corpora import Corpus, DatasetCorpus
from manymasks.config.loading import load_study
from manymasks.config.study import Study
from manymasks.config.yaml_editing import NotEditable, block, with_settings
from manymasks.config.yaml_reading import read_yaml
from manymasks.disk.atomic import replacing
from manymasks.errors import UserError

TOKENIZER = "tokenizer"


def pin_files(name: str, files: Sequence[Path], revision: str | None, *, dry_run: bool) -> str:
    """Resolve the files of a corpus with its pretrained members, or of the tokenizer, and write
    them into the configuration file that sets it; what was done, in words. `name`: a corpus, or
    `tokenizer` unless a corpus is named so. `files`: configuration files, later ones over earlier
    ones. Raises UserError if there is nothing of that name to pin, or its file cannot be edited.
    """
    study = load_study(files)
    if name == TOKENIZER and name not in study.corpora:
        return _write((TOKENIZER,), _tokenizer(study, revision), files, dry_run)
    settings = study.corpora.get(name)
    if settings is None:
        raise UserError(
            f"'{name}' is not a corpus. Corpora: {', '.join(study.corpora)}; `manymasks pin "
            f"{TOKENIZER}` pins a pretrained tokenizer"
        )
    done = []
    if settings.members.pretrained is not None:
        where = ("corpora", name, "members")
        done.append(_write(where, {"pinned": _pretrained(study, name)}, files, dry_run))
    if isinstance(settings, DatasetCorpus) or not done:
        pinned = _corpus(settings, name, revision)
        done.append(_write(("corpora", name), pinned, files, dry_run))
    return "\n".join(done)


def _pretrained(study: Study, name: str) -> dict[str, Any]:
    """Files of the pretrained members of a corpus, by their folder or repository."""
    from manymasks.corpora.pinning import pin_checkpoint

    return {
        member.location: pin_checkpoint(
            member.path,
            member.repository,
            member.revision,
            Path(),
            remote_code=member.remote_code,
        )
        for member in study.corpora[name].members.pretrained_members
    }


def _corpus(settings: Corpus, name: str, revision: str | None) -> dict[str, Any]:
    if not isinstance(settings, DatasetCorpus):
        raise UserError(
            f"corpora.{name}: is of kind {settings.kind}, and only `dataset` and pretrained "
            "members need to be pinned"
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
    pinned = values.get("pinned")
    number = len(pinned if pinned is not None else values.get("files", ("one",)))
    count = f"{number} {'file' if pinned is None else 'checkpoint'}{'s' * (number != 1)}"
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
