"""The server of a run: its workers end as their clients would alone, and with them."""

import json
import os
import re
import resource
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

import manymasks
from manymasks.catalogue import STAGES
from manymasks.disk.lock import try_lock
from manymasks.engine.client import ADDRESS

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")

PACKAGE = Path(manymasks.__file__).parents[1]
MAIN_PROCESS = """
import os, sys
from manymasks.engine.server import start_server
server = start_server(sys.argv[1:])
print(server.pid, os.environ["MANYMASKS_SERVER"], flush=True)
sys.stdin.read()
"""
CORPUS = {
    "corpus": {"kind": "process", "process": "tally", "documents": 20, "select": 0.2,
        "measure": 0.2},
}  # fmt: skip
SECONDS = 30


def wait_for(condition: Callable[[], object]) -> None:
    end = time.monotonic() + SECONDS
    while not condition():
        assert time.monotonic() < end, "it did not happen"
        time.sleep(0.01)


def state(process: int) -> str:
    """The state of a process as `ps` shows it."""
    return Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()[0]


def is_alive(process: int) -> bool:
    """Whether a process runs; one that has ended may wait for its parent to notice."""
    try:
        return state(process) != "Z"
    except (FileNotFoundError, ProcessLookupError):
        return False


def _as_from_a_terminal() -> None:
    """Tests that were started in the background have these signals ignored."""
    for number in (signal.SIGINT, signal.SIGHUP):
        signal.signal(number, signal.SIG_DFL)


class Run:
    """A folder with one job, and a server for it."""

    def __init__(self, folder: Path, *stages: str, package: Path = PACKAGE) -> None:
        self.folder = folder
        (folder / ".snakemake").mkdir(parents=True)
        (folder / "job.json").write_text(json.dumps({"stage": "process", "settings": CORPUS}))
        self.environment = {**os.environ, "PYTHONPATH": str(package)}
        self.main = subprocess.Popen(
            [sys.executable, "-c", MAIN_PROCESS, *stages],
            cwd=folder,
            env=self.environment,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            preexec_fn=_as_from_a_terminal,
        )
        server, self.address = self.main.stdout.readline().split()
        self.server = int(server)

    def client(
        self, *words: str, served: bool = True, before: Callable[[], None] | None = None
    ) -> "subprocess.Popen[str]":
        """`manymasks run`, as a job of this run or alone."""
        return subprocess.Popen(
            [sys.executable, "-m", "manymasks", "run", *words],
            cwd=self.folder,
            env={**self.environment, **({ADDRESS: self.address} if served else {})},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            preexec_fn=before or _as_from_a_terminal,
        )

    def job(self, served: bool = True, **more: Callable[[], None]) -> "subprocess.Popen[str]":
        return self.client("process", "job.json", "--force", served=served, **more)

    @property
    def lock(self) -> Path:
        return next(self.folder.glob("results/process/*/lock"))

    @property
    def maker(self) -> int:
        """The process that last took the lock of the artifact."""
        return int(json.loads(self.lock.read_text())["pid"])

    def workers(self) -> list[int]:
        return [
            int(word)
            for task in Path(f"/proc/{self.server}/task").iterdir()
            for word in (task / "children").read_text().split()
        ]

    @contextmanager
    def waiting_job(self) -> Iterator[tuple["subprocess.Popen[str]", int]]:
        """A client and its worker, which waits for the lock during the block."""
        assert self.job().wait() == 0
        with try_lock(self.lock):
            client = self.job()
            assert "waiting" in client.stderr.readline()
            (worker,) = self.workers()
            yield client, worker

    def is_free(self) -> bool:
        lock = try_lock(self.lock)
        if lock:
            lock.close()
        return lock is not None


@pytest.fixture
def run(tmp_path: Path) -> Iterator[Run]:
    started = Run(tmp_path / "run")
    yield started
    started.main.communicate()
    assert not is_alive(started.server)
    assert not Path(started.address).parent.exists()


def ended(client: "subprocess.Popen[str]") -> tuple[int, str, str]:
    """Exit status and what was printed, without times."""
    out, err = client.communicate(timeout=SECONDS)
    return client.returncode, out, re.sub(r"\d+\.\d s", "", err)


@pytest.mark.parametrize(
    "words",
    [
        ("process", "job.json", "--force"),
        ("process", "absent"),
        ("tokens", "job.json"),
        ("process",),
        ("--help",),
    ],
)
def test_output_and_status_are_those_of_a_job_alone(run: Run, words: tuple[str, ...]) -> None:
    shutil.copytree(Path(__file__).parents[2] / "config", run.folder / "config")
    assert ended(run.client(*words)) == ended(run.client(*words, served=False))


def test_a_worker_makes_the_artifact(run: Run) -> None:
    client = run.job()
    assert client.wait() == 0
    assert run.maker != client.pid
    alone = run.job(served=False)
    assert alone.wait() == 0
    assert run.maker == alone.pid


def test_the_server_forks_from_one_thread_and_no_device(tmp_path: Path) -> None:
    run = Run(tmp_path / "all", *STAGES)
    # It sleeps once everything is imported.
    wait_for(lambda: all(state(run.server) == "S" for _ in range(9)))
    assert run.job().wait() == 0
    assert len(list(Path(f"/proc/{run.server}/task").iterdir())) == 1
    files = [path.readlink() for path in Path(f"/proc/{run.server}/fd").iterdir()]
    assert not [path for path in files if "nvidia" in path.name]
    run.main.communicate()
    assert not (run.folder / ".snakemake/manymasks.server.log").read_text()


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGTERM, signal.SIGSEGV])
def test_a_client_ends_as_its_worker(run: Run, number: signal.Signals) -> None:
    with run.waiting_job() as (client, worker):
        os.kill(worker, number)
        assert client.wait(SECONDS) == -number
    assert run.is_free()


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGTERM, signal.SIGHUP])
def test_a_worker_ends_with_its_client(run: Run, number: signal.Signals) -> None:
    with run.waiting_job() as (client, worker):
        client.send_signal(number)
        assert client.wait(SECONDS) == -number
        wait_for(lambda: not is_alive(worker))
    assert run.is_free()
    # The server goes on.
    assert run.job().wait() == 0
    assert run.maker != client.pid


def test_an_interrupt_reaches_the_worker(run: Run) -> None:
    with run.waiting_job() as (client, worker):
        client.send_signal(signal.SIGINT)
        assert ended(client) == (130, "", "\nInterrupted. Completed artifacts are kept.\n")
        assert not is_alive(worker)


@pytest.mark.parametrize("seconds", [0, 0.002, 0.005, 0.01, 0.02, 0.05])
def test_an_interrupt_shows_no_traceback_at_any_moment(run: Run, seconds: float) -> None:
    assert run.job().wait() == 0
    client = run.job()
    wait_for(run.workers)
    time.sleep(seconds)
    client.send_signal(signal.SIGINT)
    status, _, err = ended(client)
    assert status in (0, 130, -signal.SIGINT)
    assert "Traceback" not in err


def test_a_stopped_client_stops_its_worker(run: Run) -> None:
    with run.waiting_job() as (client, worker):
        client.send_signal(signal.SIGTSTP)
        wait_for(lambda: state(client.pid) == "T" and state(worker) == "T")
        client.send_signal(signal.SIGCONT)
        wait_for(lambda: state(worker) != "T")
    assert ended(client)[0] == 0
    assert run.maker == worker


def test_jobs_of_a_killed_server_start_again(run: Run) -> None:
    with run.waiting_job() as (client, worker):
        os.kill(run.server, signal.SIGKILL)
        assert "this job starts again" in client.stderr.readline()
        wait_for(lambda: not is_alive(worker))
    assert ended(client)[0] == 0
    assert run.maker == client.pid
    later = run.job()
    assert ended(later)[0] == 0
    assert run.maker == later.pid


def test_nothing_outlives_a_killed_run(run: Run) -> None:
    with run.waiting_job() as (client, worker):
        run.main.kill()
        assert client.wait(SECONDS) == -signal.SIGKILL
        wait_for(lambda: not is_alive(run.server))
        assert not is_alive(worker)
    assert run.is_free()


def test_runs_have_servers_of_their_own(run: Run, tmp_path: Path) -> None:
    other = Run(tmp_path / "other")
    with run.waiting_job(), other.waiting_job():
        assert run.address != other.address
        other.main.communicate()
        assert not is_alive(other.server)
        (worker,) = run.workers()
        assert is_alive(worker)


def test_a_job_with_other_limits_starts_alone(run: Run) -> None:
    def limit() -> None:
        soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft - 1, hard))

    client = run.job(before=limit)
    assert client.wait() == 0
    assert run.maker == client.pid


def test_a_job_with_changed_code_starts_alone(tmp_path: Path) -> None:
    package = tmp_path / "src"
    ignored = shutil.ignore_patterns("__pycache__")
    shutil.copytree(PACKAGE / "manymasks", package / "manymasks", ignore=ignored)
    run = Run(tmp_path / "run", "process", package=package)
    client = run.job()
    assert client.wait() == 0
    assert run.maker != client.pid
    edited = package / "manymasks/stages/process.py"
    edited.write_text(edited.read_text().replace('"licence": None', '"licence": "edited"'))
    shutil.rmtree(run.folder / "results")
    client = run.job()
    assert client.wait() == 0
    assert run.maker == client.pid
    manifest = json.loads((run.lock.parent / "manifest.json").read_text())
    assert manifest["figures"]["licence"] == "edited"
    run.main.communicate()
