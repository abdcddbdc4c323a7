"""Files of the Hugging Face Hub, pinned by revision and digest.

The Hub's client compares sizes only, so a damaged file of the right size passes. This module
compares digests.
"""

import os
import shutil
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from manymasks.callbacks import OnMessage, ignore_message
from manymasks.downloads.download import download_lock, file_sha256
from manymasks.errors import UserError


@dataclass(frozen=True)
class HubRevision:
    """A repository at a commit."""

    repository: str
    revision: str
    holds: Literal["dataset", "model"] = "dataset"

    def named(self, path: str) -> str:
        """A file of it in messages."""
        return f"{self.repository}@{self.revision[:12]} {path}"


def fetch_hub(
    source: HubRevision, files: Mapping[str, str], folder: Path, say: OnMessage = ignore_message
) -> list[Path]:
    """Files of a repository, from path to digest, in order, each as `folder/<sha256>`.

    An existing file with its digest needs no network. Others come through the cache of the client;
    a file with a wrong digest is downloaded once more. Raises UserError if a repository, revision
    or file is missing, the Hub cannot be reached, or the digest is wrong twice.
    """
    return [_fetch(source, path, sha256, folder, say) for path, sha256 in files.items()]


def _fetch(source: HubRevision, path: str, sha256: str, folder: Path, say: OnMessage) -> Path:
    target = folder / sha256
    # Not `.part`, which a download by URL would append to: this one may be a link.
    copy = folder / f"{sha256}.copy"
    with download_lock(target, say):
        if target.is_file() and file_sha256(target) == sha256:
            return target
        for again in (False, True):
            _copy(download_from_hub(source, path, force=again), copy)
            digest = file_sha256(copy)
            if digest == sha256:
                copy.replace(target)
                return target
        kept = folder / f"{sha256}.mismatch"
        copy.replace(kept)
    raise UserError(
        f"{source.named(path)}: the download has another digest than the study expects, twice."
        f"\n  expected sha256 {sha256}\n"
        f"  found    sha256 {digest} ({kept.stat().st_size} bytes, kept as {kept})\n"
        "Check revision and sha256 of this file in the study; the Hub's page of a file shows both."
    )


def download_from_hub(source: HubRevision, path: str, *, force: bool = False) -> Path:
    """Path of a file in the cache of the Hub's client; its digest is not verified. Raises
    UserError."""
    # Imported late: the client is slow to import, and a verified file does not need it.
    from huggingface_hub import hf_hub_download

    try:
        file = hf_hub_download(
            source.repository,
            path,
            repo_type=source.holds,
            revision=source.revision,
            force_download=force,
        )
    except Exception as error:
        raise hub_error(source, path, error) from error
    return Path(str(file)).resolve()


def hub_error(source: HubRevision, path: str, error: Exception) -> UserError:
    """The message for an error of the Hub's client; `path`: what was asked for."""
    from huggingface_hub import errors

    name, holds = source.named(path), source.holds

    if isinstance(error, errors.GatedRepoError):
        return UserError(
            f"{name}: this {holds} asks for consent. Accept its terms on its page, then log in "
            "with `hf auth login` or set HF_TOKEN."
        )
    if isinstance(error, errors.RepositoryNotFoundError):
        return UserError(
            f"{name}: the Hub has no {holds} '{source.repository}', or it is private. Correct "
            "its name, or log in with `hf auth login`."
        )
    if isinstance(error, errors.RevisionNotFoundError):
        return UserError(
            f"{name}: the {holds} has no revision {source.revision}. Take a commit from its "
            "history."
        )
    if isinstance(error, errors.RemoteEntryNotFoundError):
        return UserError(
            f"{name}: the {holds} has no file '{path}' at this revision. Correct the path, or "
            "take another revision."
        )
    # The exception for a broken network depends on the HTTP library of the client.
    status = getattr(getattr(error, "response", None), "status_code", None)
    limit = " The Hub limits anonymous requests: set HF_TOKEN." if status == 429 else ""
    instead = "use a corpus of kind files" if holds == "dataset" else "set path alone"
    cause = str(error.__cause__ or error).strip().split("\n")[0]
    return UserError(
        f"{name}: could not be downloaded from the Hub ({type(error).__name__}: {cause})."
        f"{limit}\nRun again when the network is back (downloaded bytes are kept). Without "
        f"one, copy the file here by other means and {instead}; HF_ENDPOINT "
        "names a mirror."
    )


def _copy(source: Path, copy: Path) -> None:
    copy.unlink(missing_ok=True)
    try:
        os.link(source, copy)
    except OSError:
        shutil.copyfile(source, copy)
