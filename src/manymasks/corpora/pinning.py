"""What settings name: the files of a dataset, a tokenizer or a checkpoint, and their digests.

The only module that asks the Hub which files there are. Offline, `datasets` answers with another
revision than the one asked for, so every address is compared with the commit.
"""

import glob
import re
import tempfile
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from manymasks.config.corpora import DatasetCorpus
from manymasks.config.training import TOKENIZER_FILE, TokenizerSettings
from manymasks.corpora.dataset import BUILDERS, quiet_datasets, splits_of
from manymasks.downloads.download import file_sha256
from manymasks.downloads.hub import HubRevision, download_from_hub, hub_error
from manymasks.errors import UserError

COMMIT = 40
"""Hex digits of a commit."""
CONFIG = "config.json"
WEIGHTS = "model.safetensors"
SHARD = re.compile(r"model-\d+-of-\d+\.safetensors")


@dataclass(frozen=True)
class Pinned:
    """Files of a dataset with their digests, as settings of its corpus."""

    revision: str | None
    data_files: dict[str, list[str]] | None
    """Files by split of the dataset; None if one split is read."""
    files: dict[str, str]


def pin_dataset(settings: DatasetCorpus, base: Path, revision: str | None = None) -> Pinned:
    """Resolve the files that a dataset's settings name, and their digests. `base`: folder that
    local paths start at. `revision`: branch, tag or commit to resolve; None takes that of the
    settings, or else the main branch. Raises UserError if something is missing."""
    local = _local_folder(settings, base)
    if settings.path in BUILDERS or local is not None:
        folder = local or base
        by_split = _wanted(settings, _local_files(settings, folder))
        files = {name: file_sha256(folder / name) for name in _all(by_split)}
        return Pinned(None, _data_files(settings, by_split), files)
    source = _commit(HubRevision(settings.path, revision or settings.revision or "main"))
    by_split = _wanted(settings, _hub_files(settings, source))
    return Pinned(
        source.revision, _data_files(settings, by_split), hub_digests(source, _all(by_split))
    )


def pin_tokenizer(
    settings: TokenizerSettings, base: Path, revision: str | None = None
) -> dict[str, str]:
    """Settings that pin a pretrained tokenizer: the digest of its file, and the commit of its
    repository if it has one. `base`: folder that local paths start at. `revision`: as in
    `pin_dataset`. Raises UserError if something is missing."""
    if settings.repository is None:
        path = base / Path(str(settings.path)).expanduser()
        try:
            return {"sha256": file_sha256(path)}
        except OSError as error:
            raise UserError(
                f"tokenizer.path: {path} cannot be read ({error.strerror}). Give the path of a "
                "tokenizer.json."
            ) from error
    name = settings.path or TOKENIZER_FILE
    requested = revision or settings.revision or "main"
    source = _commit(HubRevision(settings.repository, requested, "model"))
    return {"revision": source.revision, "sha256": hub_digests(source, [name])[name]}


def pin_checkpoint(
    path: str | None,
    repository: str | None,
    revision: str | None,
    base: Path,
    *,
    remote_code: bool = False,
) -> dict[str, Any]:
    """The files of a checkpoint of `transformers` with their digests, and its commit. `path`: its
    folder; or else its `repository`, with the branch, tag or commit to resolve. `remote_code`:
    whether its Python files are among them. Raises UserError if something is missing, and for
    weights that are pickles."""
    if path is not None:
        folder = base / Path(path).expanduser()
        if not folder.is_dir():
            raise UserError(
                f"{folder}: is not a folder. Give path the folder of a checkpoint, relative to "
                f"{base.resolve()}."
            )
        names = sorted(file.name for file in folder.iterdir() if file.is_file())
        chosen = _of_checkpoint(names, str(folder), remote_code)
        return {"files": {name: file_sha256(folder / name) for name in chosen}}
    source = _commit(HubRevision(str(repository), revision or "main", "model"))
    from huggingface_hub import HfApi

    try:
        listed = HfApi().list_repo_files(source.repository, revision=source.revision)
    except Exception as error:
        raise hub_error(source, "", error) from error
    where = f"{source.repository}@{source.revision[:12]}"
    chosen = _of_checkpoint(sorted(listed), where, remote_code)
    return {"revision": source.revision, "files": hub_digests(source, chosen)}


def _of_checkpoint(names: list[str], where: str, remote_code: bool) -> list[str]:
    """Those of the files of a folder that a checkpoint needs."""
    if WEIGHTS in names:
        weights = [WEIGHTS]
    else:
        weights = [name for name in names if SHARD.fullmatch(name)]
        weights += [name for name in (f"{WEIGHTS}.index.json",) if name in names]
    if not weights:
        pickles = [name for name in names if name.endswith((".bin", ".pt", ".pth", ".ckpt"))]
        reason = (
            f"its weights are pickles ({', '.join(pickles)}), which may run code when read"
            if pickles
            else "it has no weights"
        )
        raise UserError(
            f"{where}: {reason}. Write them as safetensors: load the model where you trust it, "
            "and call save_pretrained(FOLDER); then give that folder as path."
        )
    if CONFIG not in names:
        raise UserError(f"{where}: has no {CONFIG}, so it is not a checkpoint of transformers.")
    code = [name for name in names if name.endswith(".py")] if remote_code else []
    return [CONFIG, *weights, *(name for name in (TOKENIZER_FILE,) if name in names), *code]


def _local_folder(settings: DatasetCorpus, base: Path) -> Path | None:
    if settings.path in BUILDERS or settings.revision is not None:
        return None
    folder = base / Path(settings.path).expanduser()
    if folder.is_dir():
        return folder
    if settings.path.count("/") != 1 or settings.path.startswith((".", "/", "~")):
        raise UserError(
            f"path: '{settings.path}' is neither a folder below {base.resolve()}, a dataset of the "
            f"Hub (owner/name), nor a builder ({', '.join(BUILDERS)})."
        )
    return None


def _commit(requested: HubRevision) -> HubRevision:
    """The repository at the commit that a branch, tag or commit stands for."""
    from huggingface_hub import HfApi

    repository, revision = requested.repository, requested.revision
    try:
        info = HfApi().repo_info(repository, repo_type=requested.holds, revision=revision)
    except Exception as error:
        raise hub_error(requested, "", error) from error
    commit = info.sha
    is_commit = len(revision) == COMMIT and set(revision) <= set("0123456789abcdef")
    if commit is None or (is_commit and commit != revision):
        raise UserError(
            f"{repository}: the Hub answers with revision {commit} to a request for "
            f"{revision}. Try again, or take another commit."
        )
    return HubRevision(repository, commit, requested.holds)


def _hub_files(settings: DatasetCorpus, source: HubRevision) -> dict[str, list[str]]:
    prefix = f"hf://datasets/{source.repository}@{source.revision}/"
    addresses = _resolved(
        settings,
        settings.path,
        data_files=_given(settings),
        data_dir=settings.data_dir,
        revision=source.revision,
    )
    for address in _all(addresses):
        if not address.startswith(prefix):
            raise UserError(
                f"{settings.path}: `datasets` resolves to {address}, which is not at revision "
                f"{source.revision}. Is the network up? Offline it takes what its cache holds."
            )
    return {
        split: [address.removeprefix(prefix) for address in listed]
        for split, listed in addresses.items()
    }


def _local_files(settings: DatasetCorpus, folder: Path) -> dict[str, list[str]]:
    """Paths below a folder by split; with a builder, absolute where the patterns are."""
    if settings.path in BUILDERS:
        if settings.data_files is None:
            raise UserError(
                f"data_files: is missing: the builder '{settings.path}' reads the files that it "
                "names"
            )
        root = folder / Path(settings.data_dir or "").expanduser()
        given = settings.data_files
        by_split = given if isinstance(given, dict) else {"train": given}
        return {
            split: [
                _below(path, folder) for pattern in _listed(files) for path in _glob(root, pattern)
            ]
            for split, files in by_split.items()
        }
    addresses = _resolved(
        settings, str(folder), data_files=_given(settings), data_dir=settings.data_dir
    )
    return {
        split: [_below(Path(address), folder) for address in listed]
        for split, listed in addresses.items()
    }


def _glob(folder: Path, pattern: str) -> list[Path]:
    path = folder / Path(pattern).expanduser()
    if path.is_file():
        return [path]
    root = Path(glob.escape(str(folder)))
    matched = glob.glob(str(root / Path(pattern).expanduser()), recursive=True)  # noqa: PTH207
    files = sorted(Path(name) for name in matched if Path(name).is_file())
    if not files:
        raise UserError(f"data_files: '{pattern}' matches no file below {folder.resolve()}.")
    return files


def _below(path: Path, folder: Path) -> str:
    absolute, root = path.absolute(), folder.absolute()
    if absolute.is_relative_to(root):
        return absolute.relative_to(root).as_posix()
    return absolute.as_posix()


def _resolved(settings: DatasetCorpus, path: str, **arguments: Any) -> dict[str, list[str]]:
    """Addresses of the data files by split, as `datasets` finds them."""
    datasets = quiet_datasets()
    with tempfile.TemporaryDirectory() as cache:
        try:
            builder = datasets.load_dataset_builder(
                path, settings.name, cache_dir=cache, **arguments
            )
        except Exception as error:
            # datasets raises many kinds, some of which say why only in their cause; a pattern
            # without a match is a bare StopIteration.
            cause = str(error.__cause__ or error).strip().split("\n")[0]
            reason = cause or "no file matches data_files"
            raise UserError(
                f"{settings.path}: `datasets` does not resolve it ({type(error).__name__}: "
                f"{reason}). Check path, name, revision, data_files and data_dir."
            ) from error
    data_files = builder.config.data_files or {}
    if not any(data_files.values()):
        raise UserError(f"{settings.path}: no file matches data_files and data_dir.")
    return {
        str(split): [str(address) for address in listed] for split, listed in data_files.items()
    }


def _given(settings: DatasetCorpus) -> Any:
    given = settings.data_files
    if isinstance(given, dict):
        return {split: _listed(files) for split, files in given.items()}
    return None if given is None else _listed(given)


def _listed(files: str | tuple[str, ...]) -> list[str]:
    return [files] if isinstance(files, str) else list(files)


def _all(by_split: dict[str, list[str]]) -> Iterable[str]:
    return dict.fromkeys(name for names in by_split.values() for name in names)


def _wanted(settings: DatasetCorpus, by_split: dict[str, list[str]]) -> dict[str, list[str]]:
    """Files of the splits that the corpus reads."""
    names = splits_of(settings).values()
    for name in names:
        if not by_split.get(name):
            raise UserError(
                f"split: the dataset '{settings.path}' has no split '{name}'. Splits: "
                f"{', '.join(by_split)}. Set split to one of them."
            )
    return {name: by_split[name] for name in names}


def _data_files(
    settings: DatasetCorpus, by_split: dict[str, list[str]]
) -> dict[str, list[str]] | None:
    is_one = len(by_split) == 1 and not isinstance(settings.data_files, dict)
    return None if is_one else by_split


def hub_digests(source: HubRevision, paths: Iterable[str]) -> dict[str, str]:
    """SHA-256 of files of a repository: those of large files as the Hub states them, and those of
    the others of their bytes."""
    from huggingface_hub import HfApi

    names = list(paths)
    try:
        infos = HfApi().get_paths_info(
            source.repository, names, repo_type=source.holds, revision=source.revision
        )
    except Exception as error:
        raise hub_error(source, ", ".join(names), error) from error
    stated = {info.path: getattr(getattr(info, "lfs", None), "sha256", None) for info in infos}
    missing = [name for name in names if name not in stated]
    if missing:
        raise UserError(f"{source.named(', '.join(missing))}: the repository has no such file.")
    return {name: stated[name] or file_sha256(download_from_hub(source, name)) for name in names}
