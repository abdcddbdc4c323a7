"""Files of the Hub against a fake one on loopback, through the real client.

The client reads its settings when it is imported, so each download is a process.
"""

import hashlib
import json
import os
import subprocess
import sys
from http.server import BaseHTTPRequestHandler
from pathlib import Path

import pytest
from loopback import Answer, refuse, send, serving

DATA = b"Once upon a time there was a hub.\n" * 1000
DIGEST = hashlib.sha256(DATA).hexdigest()
DAMAGED = DATA[:-2] + b"?\n"
REVISION = "0123456789abcdef0123456789abcdef01234567"
PATH = f"/datasets/owner/name/resolve/{REVISION}/data/a.txt"

SCRIPT = """
import json, sys
from pathlib import Path
from manymasks.config.corpora import HubCorpus
from manymasks.downloads.hub import HubRevision, fetch_hub
from manymasks.errors import UserError
settings = HubCorpus(kind="hub", **json.loads(sys.argv[1]))
try:
    source = HubRevision(settings.repository, settings.revision)
    files = {file.path: file.sha256 for file in settings.files}
    print(fetch_hub(source, files, Path(sys.argv[2]))[0])
except UserError as error:
    sys.exit(f"UserError: {error}")
print("client imported:", "huggingface_hub" in sys.modules)
"""


def download(
    url: str, folder: Path, *, sha256: str = DIGEST, **environment: str
) -> subprocess.CompletedProcess[str]:
    settings = {
        "repository": "owner/name",
        "revision": REVISION,
        "files": [{"path": "data/a.txt", "sha256": sha256}],
    }
    return subprocess.run(
        [sys.executable, "-c", SCRIPT, json.dumps(settings), str(folder / "downloads")],
        env={
            **os.environ,
            "PYTHONPATH": os.pathsep.join(path for path in sys.path if path),
            "HF_ENDPOINT": url,
            "HF_HOME": str(folder / "home"),
            "HF_HUB_DISABLE_PROGRESS_BARS": "1",
            "no_proxy": "127.0.0.1",
            **environment,
        },
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


def hub(*bodies: bytes) -> Answer:
    """A hub with one file; each download gets the next body, the last one from then on."""
    left = list(bodies)

    def answer(request: BaseHTTPRequestHandler) -> None:
        if request.path != PATH:
            return refuse(request, 404, {"X-Error-Code": "EntryNotFound"})
        body = left.pop(0) if request.command == "GET" and len(left) > 1 else left[0]
        return send(
            request,
            body,
            headers={
                "X-Repo-Commit": REVISION,
                "ETag": f'"{DIGEST}"',
                "X-Linked-Etag": f'"{DIGEST}"',
                "X-Linked-Size": str(len(body)),
            },
        )

    return answer


def test_a_verified_file_is_kept_and_needs_no_network_or_client(tmp_path: Path) -> None:
    with serving(hub(DATA)) as server:
        first = download(server.url, tmp_path)
    assert first.stdout.splitlines() == [
        str(tmp_path / "downloads" / DIGEST),
        "client imported: True",
    ], first.stderr
    assert (tmp_path / "downloads" / DIGEST).read_bytes() == DATA
    assert ("GET", PATH, None) in server.requests
    again = download(server.url, tmp_path)  # nobody answers at this address any more
    assert again.stdout.splitlines()[1] == "client imported: False", again.stderr


def test_a_damaged_download_of_the_right_size_is_downloaded_again(tmp_path: Path) -> None:
    with serving(hub(DAMAGED, DATA)) as server:
        result = download(server.url, tmp_path)
    assert result.returncode == 0, result.stderr
    assert (tmp_path / "downloads" / DIGEST).read_bytes() == DATA
    assert server.requests.count(("GET", PATH, None)) == 2


def test_a_file_that_stays_wrong_is_an_error_with_both_digests(tmp_path: Path) -> None:
    with serving(hub(DAMAGED)) as server:
        result = download(server.url, tmp_path)
    assert result.returncode == 1
    assert DIGEST in result.stderr
    assert hashlib.sha256(DAMAGED).hexdigest() in result.stderr
    assert not (tmp_path / "downloads" / DIGEST).exists()
    assert (tmp_path / "downloads" / f"{DIGEST}.mismatch").read_bytes() == DAMAGED


@pytest.mark.parametrize(
    ("status", "code", "message"),
    [
        (404, "RepoNotFound", "has no dataset 'owner/name'"),
        (404, "RevisionNotFound", f"no revision {REVISION}"),
        (404, "EntryNotFound", "no file 'data/a.txt'"),
        (403, "GatedRepo", "asks for consent"),
    ],
)
def test_missing_sources_are_named(tmp_path: Path, status: int, code: str, message: str) -> None:
    with serving(lambda request: refuse(request, status, {"X-Error-Code": code})) as server:
        result = download(server.url, tmp_path)
    assert result.stderr.startswith("UserError: owner/name@0123456789ab data/a.txt: ")
    assert message in result.stderr


def test_without_a_network_the_message_gives_alternatives(tmp_path: Path) -> None:
    result = download("http://127.0.0.1:9", tmp_path, HF_HUB_OFFLINE="1")
    assert result.stderr.startswith("UserError: owner/name@0123456789ab data/a.txt: could not")
    assert "kind files" in result.stderr
