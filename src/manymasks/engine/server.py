"""A server that forks the jobs of a run from a process that has imported what they need.

Imports take most of the time of a short job. The main process of Snakemake starts a server when a
run starts, and puts the path of its socket into the environment of the jobs. A job
(`engine.client`) sends its arguments, folder, environment and the descriptors of its streams; the
server forks a worker, which carries out the command, and sends back its exit status.

Nobody outlives anybody: the server ends when the main process does, which holds the other end of
its standard input; a worker is killed when its client or the server ends. A job starts by itself,
as on another machine, where there is no server, where the server ended, where limits or
installation differ, and once a file of the package has changed.
"""

import atexit
import contextlib
import ctypes
import gc
import importlib
import json
import os
import select
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import traceback
from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path
from typing import TextIO

from manymasks.engine.client import ADDRESS
from manymasks.engine.environment import ENVIRONMENT, inherited
from manymasks.engine.interrupts import STATUS
from manymasks.plan.closure import SOURCE, code_of

LOG = Path(".snakemake/manymasks.server.log")
LATER = ("manymasks.engine.jobs", "manymasks.engine.job_file", "pyarrow.parquet", "pandas")
"""What jobs import on their way: Arrow asks pandas about each input, where it is installed, as it
is with `datasets`."""
SIGNAL_OF_PARENT = 1
"""PR_SET_PDEATHSIG of Linux: the kernel sends a signal when the parent process ends."""


def start_server(stages: Iterable[str]) -> "subprocess.Popen[bytes] | None":
    """Start a server for jobs of some stages, which ends with this process.

    Returns its process; None where no server can be started.
    """
    # A path of a socket has at most 104 characters on some systems, which TMPDIR may exceed.
    parent = "/tmp" if os.access("/tmp", os.W_OK | os.X_OK) else None
    folder = Path(tempfile.mkdtemp(prefix="manymasks-", dir=parent))
    address = str(folder / "socket")
    try:
        # The socket takes requests from now on, while the server is still importing.
        with socket.socket(socket.AF_UNIX) as listening, LOG.open("w") as log:
            listening.bind(address)
            listening.listen(128)
            descriptor = listening.fileno()
            server = subprocess.Popen(
                [sys.executable, "-m", "manymasks", "serve", str(descriptor), *stages],
                env={**os.environ, **ENVIRONMENT},
                stdin=subprocess.PIPE,
                stdout=subprocess.DEVNULL,
                stderr=log,
                pass_fds=[descriptor],
                # Ctrl-C is for clients, which pass it on.
                start_new_session=True,
            )
    except OSError:
        shutil.rmtree(folder)
        return None
    os.environ[ADDRESS] = address
    atexit.register(_stop, server, folder)
    return server


def _stop(server: "subprocess.Popen[bytes]", folder: Path) -> None:
    """Close standard input, as the kernel does if this process is killed, and wait."""
    server.communicate()
    # A server that was killed has left its socket.
    shutil.rmtree(folder, ignore_errors=True)


def serve(descriptor: int, stages: Sequence[str], command: Callable[[Sequence[str]], int]) -> None:
    """Fork a worker for each client until standard input is closed.

    `descriptor`: listening socket. `stages`: stages whose jobs will come. `command`: what a worker
    calls with the arguments of its client; returns the exit status.
    """
    with socket.socket(fileno=descriptor) as listening:
        folder = Path(listening.getsockname()).parent
        try:
            # Read before the imports: a later edit is noticed.
            source = sorted(_source_files(SOURCE))
            _Server(listening, source, command).run(_import_stages(stages))
        finally:
            shutil.rmtree(folder)


def _source_files(folder: Path) -> Iterator[tuple[str, int, int]]:
    """Path, size and time of each file of the package."""
    with os.scandir(folder) as entries:
        for entry in entries:
            if not entry.is_dir():
                state = entry.stat()
                yield entry.path, state.st_size, state.st_mtime_ns
            elif entry.name != "__pycache__":
                yield from _source_files(Path(entry.path))


def _import_stages(stages: Sequence[str]) -> Iterator[None]:
    """Import what jobs need, bit by bit."""
    gc.disable()
    for name in LATER:
        importlib.import_module(name)
        yield
    for stage in stages:
        importlib.import_module(f"manymasks.stages.{stage}")
        # Its parsed modules stay in a cache.
        code_of(stage)
        yield
    gc.enable()
    # What is here stays in all workers: no collection writes to its memory, which they share.
    gc.freeze()


class _Server:
    """The server's loop: one thread, since only the thread that forks goes on in a worker."""

    def __init__(
        self, listening: socket.socket, source: object, command: Callable[[Sequence[str]], int]
    ) -> None:
        self._listening, self._source, self._command = listening, source, command
        self._clients: dict[int, socket.socket] = {}
        """Connections, by the process id of the worker."""
        self._ended, self._children = socket.socketpair()
        """Readable when a child has ended; the other end is written by the signal."""
        for end in (self._ended, self._children):
            end.setblocking(False)
        # A signal without a handler would not be written.
        signal.signal(signal.SIGCHLD, lambda number, frame: None)
        signal.set_wakeup_fd(self._children.fileno())
        self._inherited = inherited()
        self._poll = select.poll()
        for descriptor in (0, listening.fileno(), self._ended.fileno()):
            self._poll.register(descriptor, select.POLLIN)

    def run(self, imports: Iterable[None]) -> None:
        """Serve until standard input is closed, then kill all workers."""
        # The first jobs of a run need little, and do not wait for the imports of the last.
        if all(self._serve(0) for _ in imports):
            while self._serve(None):
                pass
        for worker in self._clients:
            os.kill(worker, signal.SIGKILL)
        # Clients are told, lest they start again on their own.
        self._report(0)

    def _serve(self, milliseconds: int | None) -> bool:
        """Do what there is to do, or wait for it; whether standard input is still open."""
        ready = {descriptor for descriptor, _ in self._poll.poll(milliseconds)}
        if 0 in ready:
            return False
        for worker, client in self._clients.items():
            # Clients send nothing later, so they are here only if they have ended.
            if client.fileno() in ready:
                self._poll.unregister(client)
                os.kill(worker, signal.SIGKILL)
        if self._ended.fileno() in ready:
            self._ended.recv(4096)
            self._report(os.WNOHANG)
        if self._listening.fileno() in ready:
            self._fork()
        return True

    def _report(self, options: int) -> None:
        """Send exit statuses of workers that have ended to their clients.

        `options`: for `os.waitpid`; 0 waits for all workers.
        """
        while self._clients:
            worker, code = os.waitpid(-1, options)
            if worker == 0:
                break
            with self._clients.pop(worker) as client, contextlib.suppress(OSError):
                with contextlib.suppress(KeyError):
                    self._poll.unregister(client)
                client.sendall(b"status %d\n" % os.waitstatus_to_exitcode(code))

    def _fork(self) -> None:
        client, _ = self._listening.accept()
        server = os.getpid()
        worker = os.fork()
        if worker == 0:
            try:
                os._exit(self._work(client, server))
            finally:
                # After an error in the lines around the command: this is no server.
                traceback.print_exc()
                os._exit(1)
        self._clients[worker] = client
        # Without events: only its end is reported.
        self._poll.register(client, 0)

    def _work(self, client: socket.socket, server: int) -> int:
        """In a worker: become what the client is, and carry out its command."""
        if sys.platform == "linux":
            ctypes.CDLL(None).prctl(SIGNAL_OF_PARENT, signal.SIGKILL)
            if os.getppid() != server:
                return 1
        signal.set_wakeup_fd(-1)
        signal.signal(signal.SIGCHLD, signal.SIG_DFL)
        for other in (self._listening, self._ended, self._children, *self._clients.values()):
            other.close()
        _, streams, _, _ = socket.recv_fds(client, 1, 3)
        with client, client.makefile(encoding="ascii") as lines:
            request = json.loads(lines.readline())
            is_current = self._source == sorted(_source_files(SOURCE))
            if not is_current or request["inherited"] != self._inherited:
                client.shutdown(socket.SHUT_RDWR)
                return 1
            # The client passes Ctrl-C on from now, which waits for the command, where it is caught.
            signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGINT])
            client.sendall(b"worker %d\n" % os.getpid())
        for number, stream in enumerate(streams):
            os.dup2(stream, number)
            os.close(stream)
        # The old ones remember what they were opened on.
        sys.stdout, sys.stderr = _text(1, sys.stdout), _text(2, sys.stderr)
        os.chdir(request["folder"])
        os.environ.clear()
        os.environ.update({**request["environment"], **ENVIRONMENT})
        # It is computed from the environment once.
        tempfile.tempdir = None
        try:
            signal.pthread_sigmask(signal.SIG_UNBLOCK, [signal.SIGINT])
            return self._command(request["arguments"])
        except SystemExit as ended:
            return ended.code if isinstance(ended.code, int) else 1
        except KeyboardInterrupt:
            return STATUS
        except BaseException:
            traceback.print_exc()
            return 1
        finally:
            sys.stdout.flush()
            sys.stderr.flush()


def _text(number: int, before: TextIO) -> TextIO:
    """A descriptor as Python opens it: standard error, and terminals, by lines."""
    buffering = 1 if number == 2 or os.isatty(number) else -1
    encoding, errors = before.encoding, before.errors
    return open(number, "w", buffering, encoding=encoding, errors=errors, closefd=False)
