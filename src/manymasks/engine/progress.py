"""Progress of a job: a bar on a terminal, sparse lines in a log."""

import os
import sys
import time
from typing import IO

FOLLOWED = "MANYMASKS_FOLLOWED"
"""Environment variable of jobs whose run shows how far they are, from their logs: they themselves
write to the terminal only what is not expected."""
CLEAR = "\r\033[K"


class Progress:
    """Writes how far a job is, its rate and the time left.

    A log gets at most one line every `seconds`; a terminal gets one line that is rewritten. The
    members of a stack share one instance, which writes to all their logs.
    """

    def __init__(self, label: str, *logs: IO[str], seconds: float, bar: bool) -> None:
        self._label, self._logs, self._seconds, self._bar = label, logs, seconds, bar
        self._is_followed = not bar and FOLLOWED in os.environ
        self._began = time.monotonic()
        self._first: float | None = None
        self._logged = self._drawn = self._began

    def __call__(self, done: float, total: float | None, note: str) -> None:
        """Report; cheap enough to call in every step."""
        now = time.monotonic()
        # The rate leaves out what was done before an interruption.
        if self._first is None:
            self._first, self._began = done, now
        if self._bar and now - self._drawn >= 0.1:
            self._drawn = now
            sys.stderr.write(f"{CLEAR}{self._line(done, total, note, now)[:200]}")
            sys.stderr.flush()
        if now - self._logged >= self._seconds:
            self._logged = now
            line = self._line(done, total, note, now)
            shown = () if self._bar or self._is_followed else (sys.stderr,)
            for stream in (*self._logs, *shown):
                print(line, file=stream, flush=True)

    def note(self, text: str) -> None:
        """Write a line to the logs, and to the terminal unless a run follows them."""
        if not self._is_followed:
            self.say(text)
            return
        for stream in self._logs:
            print(f"{self._label}: {text}", file=stream, flush=True)

    def say(self, text: str) -> None:
        """Write a line, whenever the last one was written."""
        if self._bar or (self._is_followed and sys.stderr.isatty()):
            sys.stderr.write(CLEAR)
        for stream in (*self._logs, sys.stderr):
            print(f"{self._label}: {text}", file=stream, flush=True)

    def _line(self, done: float, total: float | None, note: str, now: float) -> str:
        rate = (done - (self._first or 0)) / max(now - self._began, 1e-9)
        parts = [f"{self._label}: {_number(done)}"]
        if total:
            parts[0] += f"/{_number(total)} ({done / total:.0%})"
        if rate > 0:
            parts.append(f"{_number(rate)}/s")
            if total:
                parts.append(f"{span((total - done) / rate)} left")
        if note:
            parts.append(note)
        return ", ".join(parts)


def _number(value: float) -> str:
    for size, unit in ((1e9, " G"), (1e6, " M"), (1e4, " k")):
        # The rounded value decides: 999,600 is 1 M, not 1e+03 k.
        if value >= 0.9995 * size:
            return f"{value / (size if size > 1e4 else 1e3):.3g}{unit}"
    return f"{value:.3g}" if value < 10 and value != int(value) else f"{value:.0f}"


def span(seconds: float) -> str:
    """Seconds as 4 s, 2 min 5 s or 1 h 3 min."""
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    if hours:
        return f"{hours} h {minutes} min"
    return f"{minutes} min {rest} s" if minutes else f"{rest} s"
