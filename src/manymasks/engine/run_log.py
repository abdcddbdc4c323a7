"""What a run shows: its plan, a line for each finished job, and on a terminal one live line.

Without a terminal, and under CI, there is no live line: a line tells how far the run is once a
minute in which no job has finished. `NO_COLOR` leaves colours out (https://no-color.org).
"""

import os
import shutil
import threading
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TextIO

from manymasks.engine.job_log import last_line, last_lines
from manymasks.engine.outcome import outcome
from manymasks.engine.progress import CLEAR, span
from manymasks.store.manifest import DamagedManifest, Manifest, read_manifest

REDRAWN = 0.5
"""Seconds after which the live line is drawn again."""
QUIET = 60.0
"""Seconds without a line after which a run without a terminal says how far it is."""
LOG_LINES = 8
"""Lines of the log of a job that failed."""
BOLD, DIM, RED, PLAIN = "\033[1m", "\033[2m", "\033[31m", "\033[0m"


@dataclass(frozen=True)
class RunningJob:
    """A job that Snakemake has started."""

    title: str
    outputs: tuple[Path, ...]
    logs: tuple[Path, ...]
    since: float

    @property
    def share(self) -> str:
        """How far it is by the last line of its log, such as ` 83%`; empty if that has none."""
        words = last_line(self.logs[0]).split() if self.logs else ()
        return next((f" {word.strip('(),')}" for word in words if word.startswith("(")
                     and word.rstrip(",").endswith("%)")), "")  # fmt: skip


@dataclass
class RunLog:
    """Writes to `stream` what a run does. Any thread may call it."""

    stream: TextIO
    nocolor: bool = False
    jobs: dict[int, RunningJob] = field(default_factory=dict)
    done: int = 0
    total: int = 0
    cores: int = 1
    expected: dict[str, float] = field(default_factory=dict)
    """Seconds by the manifest that a job is to write."""

    def __post_init__(self) -> None:
        is_terminal = self.stream.isatty() and os.environ.get("TERM") != "dumb"
        self._is_live = is_terminal and not os.environ.get("CI")
        self._has_colour = is_terminal and not self.nocolor and not os.environ.get("NO_COLOR")
        self._lock = threading.RLock()
        self._began = self._written = time.monotonic()
        self._spent = self._foreseen = 0.0
        self._failed: set[int] = set()
        self._ended = threading.Event()
        self._ticker: threading.Thread | None = None

    def plan(self, text: str, expected: Mapping[str, float], cores: int) -> None:
        """Show what the run will make; `expected` are seconds by manifest."""
        self.expected, self.cores, self._began = dict(expected), max(cores, 1), time.monotonic()
        self.say(text)

    def begin(self, number: int, title: str, outputs: Sequence[str], logs: Sequence[str]) -> None:
        """A job has started."""
        with self._lock:
            self.jobs[number] = RunningJob(
                title, tuple(map(Path, outputs)), tuple(map(Path, logs)), time.monotonic()
            )
            if self._ticker is None:
                self._ticker = threading.Thread(target=self._tick, daemon=True)
                self._ticker.start()

    def end(self, number: int) -> None:
        """A job has finished: its line, with the main figure of what it made and its seconds."""
        with self._lock:
            job = self.jobs.pop(number, None)
            self.done += 1
            if job is None or not job.outputs or job.outputs[0].name != "manifest.json":
                return
            seconds = time.monotonic() - job.since
            self._spent += seconds
            self._foreseen += sum(self.expected.pop(str(path), 0.0) for path in job.outputs)
            manifests = _readable(job.outputs)
            figures = outcome(job.outputs[0].parts[-3], [one.figures for one in manifests])
            words = f"{job.title}{': ' if figures else ''}{figures}"
            self.say(f"{words} {self._in(DIM, f'({seconds:.1f} s)')}")

    def fail(self, number: int, title: str, outputs: Sequence[str], logs: Sequence[str]) -> None:
        """A job has failed: the last lines of its log, and the command that runs it alone. One that
        was interrupted has nothing to mend: its line says that."""
        with self._lock:
            job = self.jobs.pop(number, None)
            if number in self._failed:
                return
            self._failed.add(number)
            title = job.title if job else title
            if any(last_line(Path(log)) == "interrupted" for log in logs):
                self.say(f"interrupted: {title}")
                return
            lines = [self._in(RED, f"failed: {title}")]
            for log in logs[:1]:
                lines += [f"  the end of {log}:"]
                lines += [f"  | {line}" for line in last_lines(Path(log), LOG_LINES)]
            made = [Path(path).parts for path in outputs if path.endswith("manifest.json")]
            if made:
                keys = " ".join(parts[-2] for parts in made)
                lines.append(f"  run just this:  manymasks run {made[0][-3]} {keys}")
            self.say("\n".join(lines))

    def say(self, text: str) -> None:
        """Write lines above the live line."""
        with self._lock:
            self._erase()
            self.stream.write(f"{text}\n")
            self.stream.flush()
            self._written = time.monotonic()
            self._draw()

    def close(self) -> None:
        """Take the live line away; nothing is drawn from now on."""
        self._ended.set()
        with self._lock:
            self._erase()
            self.stream.flush()
            self._is_live = False

    def line(self) -> str:
        """How far the run is: jobs, rate, time left, and what runs, the longest first."""
        elapsed = max(self.seconds, 1e-9)
        parts = [f"{self.done} of {self.total} ({self.done / max(self.total, 1):.0%})"]
        if self.done:
            parts.append(f"{60 * self.done / elapsed:.0f} a minute")
        left = self.seconds_left()
        if left is not None:
            parts.append(f"{span(left)} left")
        running = sorted(self.jobs.values(), key=lambda job: job.since)
        shown = "; ".join(f"{job.title}{job.share}" for job in running)
        return ", ".join(parts) + (f" · {shown}" if shown else "")

    @property
    def seconds(self) -> float:
        """Seconds since the plan was shown."""
        return time.monotonic() - self._began

    def seconds_left(self) -> float | None:
        """Expected seconds, corrected by how long finished jobs took; None without a forecast."""
        if not self.expected:
            return None
        pace = self._spent / self._foreseen if self._foreseen > 10 else 1.0
        now = time.monotonic()
        remaining = {job: sum(self.expected.get(str(path), 0.0) for path in job.outputs)
                     for job in self.jobs.values()}  # fmt: skip
        begun = {job: max(pace * seconds - (now - job.since), 0.0)
                 for job, seconds in remaining.items()}  # fmt: skip
        waiting = sum(self.expected.values()) - sum(remaining.values())
        total = (pace * waiting + sum(begun.values())) / self.cores
        return max(total, *begun.values()) if begun else total

    def _tick(self) -> None:
        while not self._ended.wait(REDRAWN):
            with self._lock:
                if self._is_live:
                    self._draw()
                elif time.monotonic() - self._written >= QUIET and self.jobs:
                    self.say(self.line())

    def _draw(self) -> None:
        if self._is_live and self.jobs and not self._ended.is_set():
            width = shutil.get_terminal_size((100, 24)).columns
            text = self.line()
            text = text if len(text) < width else f"{text[: width - 2]}…"
            self.stream.write(f"{CLEAR}{self._in(BOLD, text)}")
            self.stream.flush()

    def _erase(self) -> None:
        if self._is_live:
            self.stream.write(CLEAR)

    def _in(self, style: str, text: str) -> str:
        return f"{style}{text}{PLAIN}" if self._has_colour else text


def _readable(paths: Sequence[Path]) -> list[Manifest]:
    """Manifests, damaged ones left out."""
    read = []
    for path in paths:
        try:
            read.append(read_manifest(path))
        except DamagedManifest:
            continue
    return read
