"""Runs, jobs and commands that cannot go on: each says why, in one message."""

import errno
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from manymasks import cli
from manymasks.engine.endings import FAILED, SIGNALLED, Signals, machine_fault
from manymasks.engine.interrupts import INTERRUPTED, STATUS
from manymasks.store.layout import Layout
from manymasks.store.plans import record_plan


@pytest.fixture
def handlers() -> Iterator[None]:
    """Handlers of signals as a scheduler has them, restored afterwards."""
    before = {number: signal.getsignal(number) for number in SIGNALLED}
    signal.signal(signal.SIGINT, signal.default_int_handler)
    signal.signal(signal.SIGTERM, lambda number, frame: None)
    yield
    for number, handler in before.items():
        signal.signal(number, handler)


def test_a_run_says_which_signal_ended_it(handlers: None) -> None:
    signals = Signals()
    assert signals.ending() == FAILED
    os.kill(os.getpid(), signal.SIGTERM)
    assert signals.ending().startswith("Told to stop (SIGTERM)")
    signals = Signals()
    with pytest.raises(KeyboardInterrupt):
        os.kill(os.getpid(), signal.SIGINT)
    assert signals.ending().startswith("Interrupted by a person (SIGINT")


def test_faults_of_the_machine_are_told_from_bugs() -> None:
    assert machine_fault(ValueError("x")) is None
    assert machine_fault(FileNotFoundError(errno.ENOENT, "x")) is None
    assert machine_fault(MemoryError()) == "memory is short"
    full = OSError(errno.ENOSPC, "No space left on device", "a.bin")
    assert machine_fault(full) == "the disk is full (a.bin)"
    try:
        try:
            raise full
        except OSError as error:
            raise RuntimeError("could not save") from error
    except RuntimeError as error:
        assert machine_fault(error) == "the disk is full (a.bin)"


@pytest.mark.parametrize("number", [errno.ENOSPC, errno.EROFS, errno.EACCES])
def test_a_command_names_a_fault_of_the_disk(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], number: int
) -> None:
    def fails(options: object) -> int:
        raise OSError(number, os.strerror(number), "results/x")

    monkeypatch.setattr(cli, "status", fails)
    assert cli.main(["status"]) == 1
    shown = capsys.readouterr().err
    assert "(results/x)" in shown
    assert "Traceback" not in shown


@pytest.mark.parametrize(
    ("target", "status", "message"),
    [(">&-", 0, ""), ("> /dev/full", 1, "the disk is full"), ("| true", 0, "")],
)
def test_an_output_that_takes_nothing(target: str, status: int, message: str) -> None:
    if "/dev/full" in target and not Path("/dev/full").exists():
        pytest.skip("no /dev/full")
    command = f"set -o pipefail; {sys.executable} -m manymasks sql --examples {target}"
    done = subprocess.run(["bash", "-c", command], capture_output=True, text=True, check=False)
    assert done.returncode == status
    assert "Traceback" not in done.stderr
    assert message in done.stderr


def test_status_and_gc_are_commands(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    assert cli.main(["status"]) == 0
    assert capsys.readouterr().out == "Nothing runs.\n"
    assert cli.main(["gc"]) == 1
    assert "no plan is known" in capsys.readouterr().err
    lock = record_plan(Layout(Path("results")), "mine", ["training/" + "a" * 12])
    assert lock is not None
    assert cli.main(["status"]) == 0
    assert capsys.readouterr().out.startswith("mine: 0 of 1 artifacts, process ")
    assert cli.main(["gc", "--plans", "1", "--keep", "mine"]) == 0
    assert "0 artifacts and 0 unfinished files" in capsys.readouterr().out
    lock.close()


IN_A_CALLBACK = """
import ctypes, os, signal, sys
from manymasks.engine.interrupts import end_at_interrupts, interrupts_raised

@ctypes.CFUNCTYPE(None)
def interrupted():
    os.kill(os.getpid(), signal.SIGINT)
    # Python runs the handler here, and an exception would be printed and forgotten.
    pass

end_at_interrupts()
try:
    with interrupts_raised():
        os.kill(os.getpid(), signal.SIGINT)
except KeyboardInterrupt:
    print("tidied up")
interrupted()
print("went on")
"""


def test_an_interrupt_in_a_callback_of_an_extension_ends_the_command() -> None:
    run = subprocess.run([sys.executable, "-c", IN_A_CALLBACK], capture_output=True, text=True)
    assert (run.returncode, run.stdout, run.stderr) == (STATUS, "tidied up\n", INTERRUPTED)


@pytest.mark.parametrize(
    ("error", "shown"), [("KeyboardInterrupt", INTERRUPTED), ("ValueError", "ValueError\n")]
)
def test_an_interrupted_plan_of_snakemake_shows_no_traceback(error: str, shown: str) -> None:
    """Snakemake imports its plugins first of all."""
    code = f"import snakemake_logger_plugin_manymasks\nraise {error}"
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert run.returncode != 0
    assert run.stderr.endswith(shown)
    assert ("Traceback" in run.stderr) == (error == "ValueError")
