"""Ratios of ways to do the same, in one run, interleaved."""

import json
import os
import platform
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import torch

from manymasks.engine.environment import ENVIRONMENT

HERE = Path(__file__).parent


def compare(
    what: str, one: Callable[[], object], other: Callable[[], object], repeats: int = 7
) -> None:
    """Print median seconds of both and the ratio other / one with its range over repeats."""
    seconds = interleaved({"one": lambda: clocked(one), "other": lambda: clocked(other)}, repeats)
    first, second = (statistics.median(column) for column in seconds.values())
    print(
        f"{what}: {first * 1e3:.1f} ms against {second * 1e3:.1f} ms, ratio "
        f"{ratio(seconds['other'], seconds['one'])}"
    )


def interleaved(
    ways: Mapping[str, Callable[[], float]], repeats: int, *, warm: bool = True
) -> dict[str, list[float]]:
    """What each way measures in each repeat, one after another, so that all meet the same machine.

    With `warm`, each is called once before.
    """
    found: dict[str, list[float]] = {name: [] for name in ways}
    for repeat in range(repeats + warm):
        for name, way in ways.items():
            measured = way()
            if repeat >= warm:
                found[name].append(measured)
    return found


def clocked(function: Callable[[], object]) -> float:
    """Seconds that a call takes."""
    began = time.perf_counter()
    function()
    return time.perf_counter() - began


def ratio(above: Sequence[float], below: Sequence[float]) -> str:
    """Median of the ratios of the repeats, with their range."""
    ratios = sorted(a / b for a, b in zip(above, below, strict=True))
    return (
        f"{statistics.median(ratios):.2f} ({ratios[0]:.2f} to {ratios[-1]:.2f}, "
        f"{len(ratios)} repeats)"
    )


def spread(values: Sequence[float], unit: str, scale: float = 1.0) -> str:
    """Median with its range."""
    low, high = min(values) * scale, max(values) * scale
    return f"{statistics.median(values) * scale:.3g} {unit} ({low:.3g} to {high:.3g})"


def machine() -> str:
    """What the numbers were taken on."""
    name = platform.processor() or platform.machine()
    info = Path("/proc/cpuinfo")
    if info.exists():
        lines = info.read_text(encoding="utf-8").splitlines()
        name = next((x.partition(":")[2].strip() for x in lines if "model name" in x), name)
    gpu = f", {torch.cuda.get_device_name()}" if torch.cuda.is_available() else ""
    return f"{os.cpu_count()} cores of {name}{gpu}, torch {torch.__version__}"


def ours() -> dict[str, str]:
    """The environment of a worker: that of `manymasks run`."""
    return {**os.environ, **ENVIRONMENT}


def start_well() -> None:
    """Start this benchmark again in the environment of a worker, once."""
    if ours() != dict(os.environ):
        os.execve(sys.executable, [sys.executable, *sys.argv], ours())


def processes(
    commands: Sequence[Sequence[str]], environment: Mapping[str, str], at_once: int
) -> list[dict[str, Any]]:
    """Run programs of this folder, so many at once; what each printed, in order."""
    waiting = list(enumerate(commands))
    running: dict[int, subprocess.Popen[str]] = {}
    found: dict[int, dict[str, Any]] = {}
    while waiting or running:
        while waiting and len(running) < at_once:
            i, command = waiting.pop(0)
            running[i] = subprocess.Popen(
                [sys.executable, str(HERE / command[0]), *command[1:]],
                env=dict(environment),
                stdout=subprocess.PIPE,
                text=True,
            )
        for i, process in list(running.items()):
            if process.poll() is None:
                continue
            out = process.communicate()[0]
            if process.returncode:
                raise SystemExit(f"{' '.join(commands[i])} ended with {process.returncode}")
            found[i] = json.loads(out.splitlines()[-1])
            del running[i]
        time.sleep(0.01)
    return [found[i] for i in range(len(commands))]
