"""Files of a Hugging Face dataset, pinned by revision and digest.

The Hub's client compares sizes only, so a damaged file of the right size passes. This module
compares digests.
"""

import os
import shutil
from pathlib import Path

from manymasks.config.corpora import HubCorpus, HubFile
from manymasks.corpora.download import file_sha256, locked
from manymasks.errors import UserError


def fetch_hub(settings: HubCorpus, folder: Path) -> list[Path]:
    """Files of a dataset repository, in order, each as `folder/<sha256>`.

    An existing file with its digest needs no network. Others come through the cache of the client;
    a file with a wrong digest is downloaded once more. Raises UserError if a repository, revision
    or file is missing, the Hub cannot be reached, or the digest is wrong twice.
    """
    return [_fetch(settings, file, folder) for file in settings.files]


def _fetch(settings: HubCorpus, file: HubFile, folder: Path) -> Path:
    target = folder / file.sha256
    # Not `.part`, which a download by URL would append to: this one may be a link.
    copy = folder / f"{file.sha256}.copy"
    with locked(target):
        if target.is_file() and file_sha256(target) == file.sha256:
            return target
        for again in (False, True):
            _copy(_download(settings, file, force=again), copy)
            digest = file_sha256(copy)
            if digest == file.sha256:
                copy.replace(target)
                return target
        kept = folder / f"{file.sha256}.mismatch"
        copy.replace(kept)
    raise UserError(
        f"{_named(settings, file)}: the download has another digest than the study expects, twice."
        f"\n  expected sha256 {file.sha256}\n"
        f"  found    sha256 {digest} ({kept.stat().st_size} bytes, kept as {kept})\n"
        "Check revision and sha256 of this file in the study; the Hub's page of a file shows both."
    )


def _download(settings: HubCorpus, file: HubFile, *, force: bool) -> Path:
    """Path of a file in the cache of the Hub's client."""
    # Imported late: the client is slow to import, and a verified file does not need it.
    from huggingface_hub import errors, hf_hub_download

    name = _named(settings, file)
    try:
        path = hf_hub_download(
            settings.repository,
            file.path,
            repo_type="dataset",
            revision=settings.revision,
            force_download=force,
        )
    except errors.GatedRepoError as error:
        raise UserError(
            f"{name}: this dataset asks for consent. Accept its terms on its page, then log in "
            "with `hf auth login` or set HF_TOKEN."
        ) from error
    except errors.RepositoryNotFoundError as error:
        raise UserError(
            f"{name}: the Hub has no dataset '{settings.repository}', or it is private. Correct "
            "repository, or log in with `hf auth login`."
        ) from error
    except errors.RevisionNotFoundError as error:
        raise UserError(
            f"{name}: the dataset has no revision {settings.revision}. Take a commit from its "
            "history."
        ) from error
    except errors.RemoteEntryNotFoundError as error:
        raise UserError(
            f"{name}: the dataset has no file '{file.path}' at this revision. Correct the path, "
            "or take another revision."
        ) from error
    except Exception as error:
        # The exception for a broken network depends on the HTTP library of the client.
        status = getattr(getattr(error, "response", None), "status_code", None)
        limit = " The Hub limits anonymous requests: set HF_TOKEN." if status == 429 else ""
        cause = str(error.__cause__ or error).strip().split("\n")[0]
        raise UserError(
            f"{name}: could not be downloaded from the Hub ({type(error).__name__}: {cause})."
            f"{limit}\nRun again when the network is back (downloaded bytes are kept). Without "
            "one, copy the file here by other means and use a corpus of kind files; HF_ENDPOINT "
            "names a mirror."
        ) from error
    return Path(str(path)).resolve()


def _copy(source: Path, copy: Path) -> None:
    copy.unlink(missing_ok=True)
    try:
        os.link(source, copy)
    except OSError:
        shutil.copyfile(source, copy)


def _named(settings: HubCorpus, file: HubFile) -> str:
    return f"{settings.repository}@{settings.revision[:12]} {file.path}"
