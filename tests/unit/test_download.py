"""Downloads against a server on loopback: resumed, retried, verified, never half there."""

import hashlib
import os
import threading
from concurrent.futures import ThreadPoolExecutor
from http.server import BaseHTTPRequestHandler
from pathlib import Path

import pytest
from loopback import refuse, send, serving

from manymasks.disk.lock import try_lock
from manymasks.downloads import download
from manymasks.downloads.download import fetch, verify_local
from manymasks.errors import UserError

DATA = bytes(range(256)) * 20_000  # several blocks of BLOCK bytes
DIGEST = hashlib.sha256(DATA).hexdigest()


@pytest.fixture(autouse=True)
def waits(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """Seconds that would have been slept; nothing is slept, and no proxy is asked."""
    monkeypatch.setenv("no_proxy", "127.0.0.1")
    slept: list[float] = []
    monkeypatch.setattr("time.sleep", slept.append)
    return slept


def test_a_download_is_kept_by_digest(tmp_path: Path) -> None:
    heard: list[tuple[int, int | None]] = []
    with serving(lambda request: send(request, DATA)) as server:
        path = fetch(f"{server.url}/a", DIGEST, tmp_path, report=lambda *x: heard.append(x))
        assert path == tmp_path / DIGEST
        assert path.read_bytes() == DATA
        assert fetch(f"{server.url}/elsewhere", DIGEST, tmp_path) == path
        assert len(server.requests) == 1
    assert heard[-1] == (len(DATA), len(DATA))
    assert [done for done, _ in heard] == sorted({done for done, _ in heard})
    assert not (tmp_path / f"{DIGEST}.part").exists()


def test_a_damaged_file_in_the_cache_is_downloaded_again(tmp_path: Path) -> None:
    (tmp_path / DIGEST).write_bytes(DATA[:-1] + b"?")
    with serving(lambda request: send(request, DATA)) as server:
        assert fetch(server.url, DIGEST, tmp_path).read_bytes() == DATA
        assert len(server.requests) == 1


def test_a_partial_file_is_resumed(tmp_path: Path) -> None:
    (tmp_path / f"{DIGEST}.part").write_bytes(DATA[:1000])
    with serving(lambda request: send(request, DATA)) as server:
        assert fetch(server.url, DIGEST, tmp_path).read_bytes() == DATA
        assert [asked for _, _, asked in server.requests] == ["bytes=1000-"]


def test_a_whole_partial_file_needs_no_more_bytes(tmp_path: Path) -> None:
    (tmp_path / f"{DIGEST}.part").write_bytes(DATA)
    with serving(lambda request: send(request, DATA)) as server:
        assert fetch(server.url, DIGEST, tmp_path).read_bytes() == DATA
        assert len(server.requests) == 1


@pytest.mark.parametrize("stale", [b"x" * 1000, b"x" * (len(DATA) + 5), b"x" * len(DATA)])
def test_a_partial_file_of_other_text_is_given_up(tmp_path: Path, stale: bytes) -> None:
    (tmp_path / f"{DIGEST}.part").write_bytes(stale)
    with serving(lambda request: send(request, DATA)) as server:
        assert fetch(server.url, DIGEST, tmp_path).read_bytes() == DATA


def test_short_bodies_go_on_where_they_stopped(tmp_path: Path, waits: list[float]) -> None:
    step = len(DATA) // 7  # more short bodies than attempts: each brings new bytes
    with serving(lambda request: send(request, DATA, cut=step)) as server:
        path = fetch(server.url, DIGEST, tmp_path, attempts=2)
        assert path.read_bytes() == DATA
        expected = [None, *(f"bytes={step * i}-" for i in range(1, 8))]
        assert [asked for _, _, asked in server.requests] == expected
    assert waits == [1.0] * 7


def test_a_server_without_ranges_sends_all_again(tmp_path: Path) -> None:
    cuts = iter([1000, None])

    def answer(request: BaseHTTPRequestHandler) -> None:
        send(request, DATA, ranges=False, cut=next(cuts))

    with serving(answer) as server:
        assert fetch(server.url, DIGEST, tmp_path).read_bytes() == DATA


def test_bodies_that_always_stop_at_the_same_byte_end_in_an_error(tmp_path: Path) -> None:
    def answer(request: BaseHTTPRequestHandler) -> None:
        send(request, DATA, ranges=False, cut=1000)

    with serving(answer) as server, pytest.raises(UserError, match=r"1000 of 5120000 bytes"):
        fetch(server.url, DIGEST, tmp_path, attempts=3)
    assert len(server.requests) == 3
    assert not (tmp_path / DIGEST).exists()


def test_busy_servers_are_retried_after_the_time_they_give(
    tmp_path: Path, waits: list[float]
) -> None:
    answers = iter([(503, {}), (429, {"Retry-After": "7"}), (500, {}), (429, {"Retry-After": "x"})])

    def answer(request: BaseHTTPRequestHandler) -> None:
        busy = next(answers, None)
        if busy is None:
            send(request, DATA)
        else:
            refuse(request, *busy)

    with serving(answer) as server:
        assert fetch(server.url, DIGEST, tmp_path, wait=0.5).read_bytes() == DATA
    assert waits == [0.5, 7.0, 2.0, 4.0]


def test_retry_after_a_date(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("time.time", lambda: 784_111_767.0)
    assert download.seconds_to_wait("Sun, 06 Nov 1994 08:49:37 GMT") == 10.0


@pytest.mark.parametrize("status", [403, 404, 410])
def test_a_refusal_is_an_error_at_once(tmp_path: Path, status: int) -> None:
    with serving(lambda request: refuse(request, status)) as server:
        with pytest.raises(UserError, match=f"answered {status}"):
            fetch(f"{server.url}/a", DIGEST, tmp_path)
        assert len(server.requests) == 1


def test_another_digest_is_reported_and_the_file_kept(tmp_path: Path) -> None:
    other = b"?" + DATA[1:]
    with serving(lambda request: send(request, other)) as server:
        with pytest.raises(UserError) as caught:
            fetch(f"{server.url}/a", DIGEST, tmp_path)
        assert len(server.requests) == 1
    kept = tmp_path / f"{DIGEST}.mismatch"
    found = hashlib.sha256(other).hexdigest()
    for said in (f"{server.url}/a", DIGEST, found, str(len(other)), str(kept), "local"):
        assert said in str(caught.value)
    assert kept.read_bytes() == other
    assert sorted(p.suffix for p in tmp_path.iterdir()) == [".lock", ".mismatch"]


def test_without_a_network_the_message_gives_alternatives(
    tmp_path: Path, waits: list[float]
) -> None:
    with serving(lambda request: None) as server:
        pass  # nobody listens at this port any more
    with pytest.raises(UserError, match=r"4 attempts.*refused(.|\n)*local") as caught:
        fetch(server.url, DIGEST, tmp_path, attempts=4)
    assert server.url in str(caught.value)
    assert waits == [1.0, 2.0, 4.0]


def test_addresses_of_other_kinds_are_refused(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="local"):
        fetch("file:///etc/hostname", DIGEST, tmp_path)


def test_concurrent_calls_download_once(tmp_path: Path) -> None:
    started = threading.Barrier(3)

    def one(_: int) -> bytes:
        started.wait()
        return fetch(server.url, DIGEST, tmp_path).read_bytes()

    with (
        serving(lambda request: send(request, DATA)) as server,
        ThreadPoolExecutor(3) as threads,
    ):
        assert list(threads.map(one, range(3))) == [DATA] * 3
        assert len(server.requests) == 1


def test_who_waits_for_the_download_of_another_process_reads_so(tmp_path: Path) -> None:
    lock = try_lock(tmp_path / f"{DIGEST}.lock")
    assert lock is not None
    messages: list[str] = []

    def say(message: str) -> None:
        messages.append(message)
        lock.close()

    with serving(lambda request: send(request, DATA)) as server:
        fetch(server.url, DIGEST, tmp_path, say=say)
    (message,) = messages
    assert f"{DIGEST} is being downloaded by process {os.getpid()} on " in message


def test_a_full_disk_is_reported_as_such(tmp_path: Path) -> None:
    full = Path("/dev/full")
    if not full.exists():
        pytest.skip("this system has no /dev/full")
    (tmp_path / f"{DIGEST}.part").symlink_to(full)
    with (
        serving(lambda request: send(request, DATA)) as server,
        pytest.raises(UserError, match="the disk is full"),
    ):
        fetch(server.url, DIGEST, tmp_path)


def test_a_local_copy_is_verified(tmp_path: Path) -> None:
    copy = tmp_path / "copy"
    with pytest.raises(UserError, match=r"copy cannot be read \(No such file"):
        verify_local(copy, DIGEST)
    copy.write_bytes(DATA)
    assert verify_local(copy, DIGEST) == copy
    copy.write_bytes(DATA[1:])
    with pytest.raises(UserError) as caught:
        verify_local(copy, DIGEST)
    assert DIGEST in str(caught.value)
    assert hashlib.sha256(DATA[1:]).hexdigest() in str(caught.value)
