"""Downloads: resumed, retried, and accepted only with the right digest."""

import email.utils
import errno
import hashlib
import http.client
import os
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from pathlib import Path
from typing import IO, Any

from manymasks.callbacks import OnMessage, ignore_message
from manymasks.disk.lock import locked
from manymasks.errors import UserError

OnDownload = Callable[[int, int | None], None]
"""Takes the bytes done and the bytes in total, None if the server does not give them."""

BLOCK = 2**20
TIMEOUT = 30.0
"""Seconds without a byte after which a connection counts as broken."""
LONGEST_WAIT = 300.0
"""Seconds: the longest wait, even if a server asks for more (Retry-After)."""


class _Interrupted(Exception):
    """A temporary failure; `wait` is the time in seconds that the server asks for."""

    def __init__(self, reason: str, wait: float = 0.0) -> None:
        super().__init__(reason)
        self.wait = wait


def quiet(done: int, total: int | None) -> None:
    """Report nothing."""


def fetch(
    url: str,
    sha256: str,
    folder: Path,
    *,
    report: OnDownload = quiet,
    say: OnMessage = ignore_message,
    attempts: int = 5,
    wait: float = 1.0,
) -> Path:
    """The file of a digest, as `folder/<sha256>`; downloaded from `url` unless it exists.

    An existing file is verified, and replaced if damaged. Bytes go to `<sha256>.part`, which a
    later call resumes (HTTP Range). Lost connections, short bodies, 408, 429 and 5xx are retried,
    up to `attempts` times without a new byte in between, after `wait`, 2 `wait`, 4 `wait`, ...
    seconds or the time that the server asks for. A lock file prevents concurrent downloads; `say`
    is told of the process that holds it. Raises
    UserError at once for any other status, after the last attempt, and if the complete file has
    another digest (it is then kept as `.mismatch`).
    """
    if not url.startswith(("http://", "https://")):
        raise UserError(
            f"url: '{url}' is not a web address (http or https). For a local file set local."
        )
    target = folder / sha256
    part = folder / f"{sha256}.part"
    with download_lock(target, say):
        if target.is_file() and file_sha256(target) == sha256:
            return target
        resumed = part.exists()
        _download(url, part, report, attempts, wait)
        digest = file_sha256(part)
        if digest != sha256 and resumed:
            # The resumed part may stem from an earlier file at this address: start over.
            part.unlink()
            _download(url, part, report, attempts, wait)
            digest = file_sha256(part)
        if digest != sha256:
            kept = folder / f"{sha256}.mismatch"
            size = part.stat().st_size
            part.replace(kept)
            raise UserError(
                f"{url}: the download has another digest than the study expects.\n"
                f"  expected sha256 {sha256}\n"
                f"  found    sha256 {digest} ({size} bytes, kept as {kept})\n"
                "If the file was changed on purpose, read it, then set sha256 to what was found. "
                "If not, look for another source (url) or a copy (local)."
            )
        part.replace(target)
    return target


def download_lock(target: Path, say: OnMessage) -> AbstractContextManager[None]:
    """Hold the lock of a future file, `<target>.lock`, during the block; says who is waited for.
    The lock file is never removed: two processes could then lock different files of that name."""

    def say_waiting(holder: str) -> None:
        say(f"{target} is being downloaded by {holder}; waiting (Ctrl-C stops waiting)")

    return locked(target.with_name(target.name + ".lock"), say_waiting)


def verify_local(path: Path, sha256: str) -> Path:
    """A local copy, once its digest is verified; raises UserError."""
    try:
        digest = file_sha256(path)
    except OSError as error:
        raise UserError(
            f"local: {path} cannot be read ({error.strerror}). Correct the path, or set local to "
            "null to download the file."
        ) from error
    if digest != sha256:
        raise UserError(
            f"local: {path} is not the file the study expects.\n"
            f"  expected sha256 {sha256}\n"
            f"  found    sha256 {digest} ({path.stat().st_size} bytes)\n"
            "Give the right copy, or set local to null to download it."
        )
    return path


def verify_pinned(path: Path, sha256: str, name: str = "NAME") -> Path:
    """A local file, once its digest is verified; raises UserError. `name`: what `manymasks pin`
    writes the digest for."""
    again = f"`manymasks pin {name}` writes the digests of the files as they are now"
    try:
        digest = file_sha256(path)
    except OSError as error:
        raise UserError(
            f"{path}: cannot be read ({error.strerror}). Restore the file, or correct path: "
            f"{again}."
        ) from error
    if digest != sha256:
        raise UserError(
            f"{path}: is not the file that was pinned.\n"
            f"  expected sha256 {sha256}\n"
            f"  found    sha256 {digest} ({path.stat().st_size} bytes)\n"
            f"If it was changed on purpose: {again}."
        )
    return path


def file_sha256(path: Path) -> str:
    """SHA-256 of a file, in hex."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _download(url: str, part: Path, report: OnDownload, attempts: int, wait: float) -> None:
    """Fill `part` to the end of the file, over as many requests as needed."""
    failures: list[str] = []
    farthest = part.stat().st_size if part.exists() else 0
    while True:
        try:
            _request(url, part, report)
            return
        except _Interrupted as error:
            size = part.stat().st_size if part.exists() else 0
            if size > farthest:
                farthest, failures = size, []
            failures.append(str(error))
            if len(failures) >= attempts:
                raise UserError(
                    f"{url}: could not be downloaded, {len(failures)} attempts without a new byte "
                    f"(the last: {failures[-1]}; {farthest} bytes are kept in {part}).\n"
                    "Run again later to go on from there. Without a network, copy the file here "
                    "by other means and set local to its path, or use a corpus of kind pydocs, "
                    "which downloads nothing."
                ) from error
            time.sleep(min(LONGEST_WAIT, max(error.wait, wait * 2 ** (len(failures) - 1))))


def _request(url: str, part: Path, report: OnDownload) -> None:
    """Request the missing rest of `part`; raises _Interrupted if a retry may help."""
    size = part.stat().st_size if part.exists() else 0
    headers = {"User-Agent": "manymasks", "Accept-Encoding": "identity"}
    if size:
        headers["Range"] = f"bytes={size}-"
    try:
        response = urllib.request.urlopen(
            urllib.request.Request(url, headers=headers), timeout=TIMEOUT
        )
    except urllib.error.HTTPError as error:
        error.close()
        if error.code == 416 and size:
            return _past_the_end(part, size, error.headers.get("Content-Range"))
        if error.code in (408, 429) or error.code >= 500:
            seconds = seconds_to_wait(error.headers.get("Retry-After"))
            raise _Interrupted(f"HTTP {error.code} {error.reason}", seconds) from error
        raise UserError(
            f"{url}: the server answered {error.code} {error.reason}. Correct the url, or set "
            "local to a copy of the file."
        ) from error
    except (OSError, http.client.HTTPException) as error:
        raise _Interrupted(_reason(error)) from error
    with response:
        resumed = response.status == 206
        if resumed and not str(response.headers["Content-Range"]).startswith(f"bytes {size}-"):
            # Not the requested range: without a part, the next request is for the whole file.
            part.unlink(missing_ok=True)
            raise _Interrupted("the server sent another range than was asked for")
        length = response.headers.get("Content-Length")
        done = size if resumed else 0
        total = done + int(length) if length is not None else None
        try:
            with part.open("ab" if resumed else "wb") as file:
                for block in _blocks(response):
                    file.write(block)
                    done += len(block)
                    report(done, total)
                file.flush()
                os.fsync(file.fileno())
        except OSError as error:
            if error.errno != errno.ENOSPC:
                raise
            needed = "" if total is None else f" of {total}"
            raise UserError(
                f"{part}: the disk is full after {done}{needed} bytes of {url}. Make room and run "
                "again: the download goes on from there."
            ) from error
    if total is not None and done < total:
        raise _Interrupted(f"the connection ended after {done} of {total} bytes")


def _blocks(response: IO[Any]) -> Iterator[bytes]:
    while True:
        try:
            block = response.read(BLOCK)
        except (OSError, http.client.HTTPException) as error:
            raise _Interrupted(_reason(error)) from error
        if not block:
            return
        yield block


def _past_the_end(part: Path, size: int, content_range: str | None) -> None:
    """The part is complete, unless the file has become shorter."""
    total = (content_range or "").rpartition("/")[2]
    if total.isdigit() and int(total) != size:
        part.unlink()
        raise _Interrupted(f"the file now has {total} bytes, and the part has {size}")


def seconds_to_wait(value: str | None) -> float:
    """Seconds of a Retry-After header, which holds seconds or a date (RFC 9110, 10.2.3)."""
    if value is None:
        return 0.0
    if value.strip().isdigit():
        return float(value)
    try:
        return max(0.0, email.utils.parsedate_to_datetime(value).timestamp() - time.time())
    except ValueError:
        return 0.0


def _reason(error: Exception) -> str:
    if isinstance(error, urllib.error.URLError):
        return str(error.reason)
    return str(error) or type(error).__name__
