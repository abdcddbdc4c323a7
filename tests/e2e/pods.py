"""A server that answers as the API of Kubernetes does, and runs the commands of pods here.

It knows the calls that Snakemake's plugin makes and refuses any other. There are no images, volumes
or limits: what pods ask for is kept, to be read.
"""

import contextlib
import json
import os
import re
import signal
import subprocess
import threading
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlparse

NAMESPACE = "/namespaces/default/"
KUBECONFIG = """\
apiVersion: v1
kind: Config
current-context: here
clusters: [{{name: here, cluster: {{server: "{url}"}}}}]
contexts: [{{name: here, context: {{cluster: here, user: nobody}}}}]
users: [{{name: nobody, user: {{}}}}]
"""


@dataclass
class Pod:
    """A job that was submitted, and the process of its one container."""

    manifest: dict[str, Any]
    process: "subprocess.Popen[str]"
    output: Path

    @property
    def container(self) -> dict[str, Any]:
        (container,) = self.manifest["spec"]["template"]["spec"]["containers"]
        return dict(container)

    @property
    def command(self) -> str:
        return str(self.container["args"][-1])

    def rules(self) -> set[str]:
        """Names of the rules whose jobs it works through."""
        match = re.search(r"--allowed-rules (.+?) --", self.command)
        assert match is not None, self.command
        return set(match[1].replace("'", "").split())

    def end(self) -> None:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self.process.pid, signal.SIGKILL)
        self.process.wait()


@dataclass
class Pods:
    """All that were submitted, in order, and the calls that came, as verb and resource."""

    folder: Path
    environment: Mapping[str, str]
    submitted: list[Pod] = field(default_factory=list)
    calls: set[tuple[str, str]] = field(default_factory=set)
    deleted: set[str] = field(default_factory=set)
    url: str = ""

    @property
    def kubeconfig(self) -> Path:
        return self.folder / "kubeconfig"

    def submit(self, manifest: dict[str, Any]) -> None:
        """Start the command of a job as the kubelet would: in a folder of its own."""
        name = manifest["metadata"]["name"]
        (container,) = manifest["spec"]["template"]["spec"]["containers"]
        folder = self.folder / name
        folder.mkdir()
        output = folder.with_suffix(".txt")
        with output.open("w") as file:
            process = subprocess.Popen(
                [*container["command"], *container["args"]],
                cwd=folder,
                env=dict(self.environment),
                stdin=subprocess.DEVNULL,
                stdout=file,
                stderr=file,
                start_new_session=True,
                text=True,
            )
        self.submitted.append(Pod(manifest, process, output))

    def pod(self, name: str) -> Pod:
        return next(pod for pod in self.submitted if pod.manifest["metadata"]["name"] == name)

    def answer(self, method: str, path: str, body: Any) -> tuple[int, Any]:
        """Status and body of the answer to a request."""
        address = urlparse(path)
        parts = address.path.partition(NAMESPACE)[2].split("/")
        resource, name, below = (*parts, "", "")[:3]
        kind = f"{resource}/{below}" if below else resource
        verb = {"POST": "create", "DELETE": "delete"}.get(method, "get" if name else "list")
        self.calls.add((verb, kind))
        match verb, kind:
            case "create", "secrets":
                return 201, body
            case "create", "jobs":
                self.submit(body)
                return 201, body
            case "get", "jobs/status":
                code = self.pod(name).process.poll()
                status = {} if code is None else {"failed" if code else "succeeded": 1}
                return 200, {"metadata": {"name": name}, "status": status}
            case "list", "pods":
                (selector,) = parse_qs(address.query)["labelSelector"]
                return 200, {"items": [self.description(selector.removeprefix("job-name="))]}
            case "get", "pods/log":
                return 200, self.pod(name).output.read_text()
            case "delete", "jobs" | "pods":
                self.deleted.add(name)
                self.pod(name).end()
                return 200, {"metadata": {"name": name}}
            case "delete", "secrets":
                return 200, {}
        return 404, {"message": f"{verb} {kind}: not a call that the plugin makes"}

    def description(self, name: str) -> dict[str, Any]:
        """A pod as it is listed, of the same name as its job."""
        code = self.pod(name).process.poll()
        state = {"running": {}} if code is None else {"terminated": {"exitCode": code}}
        container = {
            "name": "snakemake", "state": state, "image": "", "imageID": "", "ready": True,
            "restartCount": 0,
        }  # fmt: skip
        return {"metadata": {"name": name}, "status": {"containerStatuses": [container]}}


@contextlib.contextmanager
def pods(folder: Path, environment: Mapping[str, str]) -> Iterator[Pods]:
    """A server on a free port of the loopback address. `environment`: of the pods' processes."""
    served = Pods(folder, environment)
    lock = threading.Lock()

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            length = int(self.headers.get("Content-Length") or 0)
            body = json.loads(self.rfile.read(length)) if length else None
            with lock:
                status, answer = served.answer(self.command, self.path, body)
            data = answer.encode() if isinstance(answer, str) else json.dumps(answer).encode()
            self.send_response(status)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(data)))
            self.end_headers()
            self.wfile.write(data)

        do_POST = do_DELETE = do_GET

        def log_message(self, format: str, *args: object) -> None:
            pass

    folder.mkdir(parents=True, exist_ok=True)
    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as http:
        served.url = f"http://127.0.0.1:{http.server_port}"
        served.kubeconfig.write_text(KUBECONFIG.format(url=served.url))
        thread = threading.Thread(target=http.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        try:
            yield served
        finally:
            http.shutdown()
            thread.join()
            for pod in served.submitted:
                pod.end()
