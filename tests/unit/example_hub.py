"""A hub of datasets on loopback: repositories with commits, branches, and files of any bytes."""

import hashlib
import json
import os
import subprocess
import sys
import urllib.parse
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler
from pathlib import Path
from typing import Any

from loopback import Server, serving

FIRST, SECOND = "a" * 40, "b" * 40
NAME = "owner/name"


def jsonl(tag: str, count: int) -> bytes:
    rows = (json.dumps({"text": f"{tag} {i}", "n": i}) for i in range(count))
    return "".join(f"{row}\n" for row in rows).encode()


README = b"""---
configs:
- config_name: main
  default: true
  data_files:
  - split: train
    path: data/train.jsonl
  - split: test
    path: data/test.jsonl
---
"""


def repository() -> dict[str, dict[str, bytes]]:
    """Two commits of a dataset with the splits train (30 rows) and test (12 rows)."""
    return {
        commit: {
            "data/train.jsonl": jsonl(f"{tag} train", 30),
            "data/test.jsonl": jsonl(f"{tag} test", 12),
            "README.md": README,
        }
        for commit, tag in ((FIRST, "first"), (SECOND, "second"))
    }


@dataclass
class Hub:
    """What the hub holds; `holds`: the kind of repository; `states_digests`: whether it lists files
    as large ones, with SHA-256."""

    commits: dict[str, dict[str, bytes]] = field(default_factory=repository)
    branches: dict[str, str] = field(default_factory=lambda: {"main": SECOND})
    holds: str = "dataset"
    states_digests: bool = True
    damaged: set[str] = field(default_factory=set)

    def answer(self, request: BaseHTTPRequestHandler) -> None:
        url = urllib.parse.urlparse(request.path)
        parts = urllib.parse.unquote(url.path).strip("/").split("/")
        if "/".join(parts[:2]) == NAME and parts[2] == "resolve" and self.holds == "model":
            return self._file(request, parts[3], "/".join(parts[4:]))
        if parts[:1] == ["datasets"] and "/".join(parts[1:3]) == NAME and "resolve" in parts:
            return self._file(request, parts[4], "/".join(parts[5:]))
        if parts[:2] == ["api", f"{self.holds}s"] and "/".join(parts[2:4]) == NAME:
            return self._api(request, parts[4:], urllib.parse.parse_qs(url.query))
        return reply(request, 404, headers={"X-Error-Code": "RepoNotFound"})

    def _commit(self, revision: str) -> str | None:
        commit = self.branches.get(revision, revision)
        return commit if commit in self.commits else None

    def _file(self, request: BaseHTTPRequestHandler, revision: str, path: str) -> None:
        commit = self._commit(revision)
        if commit is None:
            return reply(request, 404, headers={"X-Error-Code": "RevisionNotFound"})
        data = self.commits[commit].get(path)
        if data is None:
            headers = {"X-Error-Code": "EntryNotFound", "X-Repo-Commit": commit}
            return reply(request, 404, headers=headers)
        digest = hashlib.sha256(data).hexdigest()
        if path in self.damaged:
            data = data[:-3] + b"??\n"
        headers = {
            "X-Repo-Commit": commit,
            "ETag": f'"{digest}"',
            "X-Linked-Etag": f'"{digest}"',
            "X-Linked-Size": str(len(data)),
        }
        return reply(request, 200, data, headers)

    def _api(
        self, request: BaseHTTPRequestHandler, rest: list[str], query: dict[str, list[str]]
    ) -> None:
        commit = self._commit(rest[1] if len(rest) > 1 else "main")
        if commit is None:
            return reply(request, 404, b"{}", {"X-Error-Code": "RevisionNotFound"})
        if rest[:1] == ["tree"]:
            folder = "/".join(rest[2:])
            prefix = f"{folder}/" if folder else ""
            is_deep = query.get("recursive", ["false"])[0].lower() in ("true", "1")
            return reply_json(request, list(self._tree(commit, prefix, is_deep)))
        if rest[:1] == ["paths-info"]:
            size = int(request.headers.get("Content-Length") or 0)
            body = request.rfile.read(size).decode()
            wanted = urllib.parse.parse_qs(body).get("paths") or json.loads(body)["paths"]
            return reply_json(
                request, [item for item in self._tree(commit, "", True) if item["path"] in wanted]
            )
        siblings = [{"rfilename": name} for name in self.commits[commit]]
        return reply_json(
            request,
            {"id": NAME, "sha": commit, "private": False, "gated": False, "siblings": siblings,
             "disabled": False, "downloads": 0, "likes": 0, "tags": []},
        )  # fmt: skip

    def _tree(self, commit: str, prefix: str, is_deep: bool) -> Iterator[dict[str, Any]]:
        folders = set()
        for path, data in self.commits[commit].items():
            if not path.startswith(prefix):
                continue
            inner, _, below = path.removeprefix(prefix).partition("/")
            if below:
                folders.add(prefix + inner)
            if not below or is_deep:
                digest = hashlib.sha256(data).hexdigest()
                lfs = {"oid": digest, "size": len(data), "pointerSize": 100}
                yield {
                    "type": "file", "oid": hashlib.sha1(data).hexdigest(), "size": len(data),
                    "path": path, **({"lfs": lfs} if self.states_digests else {}),
                }  # fmt: skip
        for folder in sorted(folders) if prefix or is_deep or folders else ():
            yield {"type": "directory", "oid": "0" * 40, "size": 0, "path": folder}


def reply_json(request: BaseHTTPRequestHandler, value: Any) -> None:
    reply(request, 200, json.dumps(value).encode(), {"Content-Type": "application/json"})


def reply(
    request: BaseHTTPRequestHandler,
    status: int,
    body: bytes = b"",
    headers: dict[str, str] | None = None,
) -> None:
    request.send_response(status)
    for name, value in {**(headers or {}), "Content-Length": str(len(body))}.items():
        request.send_header(name, value)
    request.end_headers()
    if request.command != "HEAD":
        request.wfile.write(body)
    request.close_connection = True


@contextmanager
def hub(**settings: Any) -> Iterator[tuple[Hub, Server]]:
    """Run a hub until the block ends."""
    one = Hub(**settings)
    with serving(one.answer) as server:
        yield one, server


COMMAND = "import sys; from manymasks.cli import main; sys.exit(main(sys.argv[1:]))"


def python(program: str, url: str, *arguments: str) -> "subprocess.CompletedProcess[str]":
    """A process, because the client reads its settings when it is imported."""
    return subprocess.run(
        [sys.executable, "-c", program, *arguments],
        env={
            **os.environ,
            "PYTHONPATH": os.pathsep.join(path for path in sys.path if path),
            "HF_ENDPOINT": url,
            "HF_HOME": str(Path("home").absolute()),
            "no_proxy": "127.0.0.1",
        },
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
