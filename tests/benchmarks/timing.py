"""Ratios of two ways to do the same, in one run, interleaved."""

import statistics
import time
from collections.abc import Callable


def compare(
    what: str, one: Callable[[], object], other: Callable[[], object], repeats: int = 7
) -> None:
    """Print median seconds of both and the ratio other / one with its range over repeats."""
    one(), other()
    seconds: list[tuple[float, float]] = []
    for _ in range(repeats):
        pair = []
        for function in (one, other):
            began = time.perf_counter()
            function()
            pair.append(time.perf_counter() - began)
        seconds.append((pair[0], pair[1]))
    ratios = sorted(b / a for a, b in seconds)
    first, second = (statistics.median(column) for column in zip(*seconds, strict=True))
    print(
        f"{what}: {first * 1e3:.1f} ms against {second * 1e3:.1f} ms, ratio "
        f"{statistics.median(ratios):.2f} ({ratios[0]:.2f} to {ratios[-1]:.2f}, {repeats} repeats)"
    )
