"""A web server on this machine for the tests of downloads: it answers as a test tells it to."""

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

Answer = Callable[[BaseHTTPRequestHandler], None]


@dataclass
class Server:
    """A running server: its address, and method, path and Range of every request so far."""

    url: str
    requests: list[tuple[str, str, str | None]] = field(default_factory=list)


@contextmanager
def serving(answer: Answer) -> Iterator[Server]:
    """Answer HEAD and GET requests on a free port of 127.0.0.1 until the block ends."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            server.requests.append((self.command, self.path, self.headers.get("Range")))
            answer(self)

        do_HEAD = do_GET
        do_POST = do_GET

        def log_message(self, format: str, *args: object) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as http:
        server = Server(f"http://127.0.0.1:{http.server_port}")
        thread = threading.Thread(target=http.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        try:
            yield server
        finally:
            http.shutdown()
            thread.join()


def send(
    request: BaseHTTPRequestHandler,
    data: bytes,
    *,
    ranges: bool = True,
    cut: int | None = None,
    headers: dict[str, str] | None = None,
) -> None:
    """Send data, honouring Range where `ranges`; after `cut` bytes the connection is dropped."""
    asked = request.headers.get("Range")
    start = int(asked.removeprefix("bytes=").split("-")[0]) if ranges and asked else 0
    if asked and ranges and start >= len(data):
        return refuse(request, 416, {"Content-Range": f"bytes */{len(data)}"})
    body = data[start:]
    request.send_response(206 if asked and ranges else 200)
    if asked and ranges:
        request.send_header("Content-Range", f"bytes {start}-{len(data) - 1}/{len(data)}")
    request.send_header("Content-Length", str(len(body)))
    for name, value in (headers or {}).items():
        request.send_header(name, value)
    request.end_headers()
    if request.command == "GET":
        request.wfile.write(body[:cut])
    request.close_connection = True
    return None


def refuse(
    request: BaseHTTPRequestHandler, status: int, headers: dict[str, str] | None = None
) -> None:
    """Answer with a status and no body."""
    request.send_response(status)
    for name, value in (headers or {}).items():
        request.send_header(name, value)
    request.send_header("Content-Length", "0")
    request.end_headers()
