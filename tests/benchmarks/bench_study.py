"""python tests/benchmarks/bench_study.py: 24 trainings of the default study's text, all in.

Ours: processes of `manymasks run` as the workflow starts them, one a core with one thread each
and the allocator told to keep its pages, half of the members with myopic gradients. The loop
trains 24 causal models one after another, compiled (caches are warm: a run before the clock starts)
and side by side: a process a core with one thread and its share of the models, its allocator
keeping pages too, as an expert would run it; with `--eager` also eager, with `--one-process` also
in one process on all cores. Whole processes on both sides, start and imports included; the same
model, windows, schedule, clipping and points of the select curve.
"""

import argparse
import os
import statistics
import tempfile
from collections.abc import Callable, Sequence
from pathlib import Path

from jobs import Job, Member, write_tokens
from timing import clocked, interleaved, machine, ours, processes, ratio, spread

VOCABULARY = 1024
SIZES = {32: 6e-3, 64: 3e-3}
"""Widths of its text and their learning rates; 2 layers, 2 heads."""


def members() -> list[Member]:
    return [
        Member({"width": width, "layers": 2, "heads": 2}, gradient, init, order, rate)
        for width, rate in SIZES.items()
        for gradient in ("causal", "myopic")
        for init in range(3)
        for order in range(2)
    ]


def engine(jobs: Sequence[Path], stack: int, cores: int) -> Callable[[], None]:
    commands = [("engine.py", str(job), "--stack", str(stack)) for job in jobs]

    def run() -> None:
        processes(commands, ours(), at_once=cores)

    return run


def loop(jobs: Sequence[Path], threads: int, *more: str) -> Callable[[], None]:
    """A process a job, side by side, each with some threads."""
    commands = [("loop.py", str(job), "--threads", str(threads), *more) for job in jobs]
    environment = {**ours(), "OMP_NUM_THREADS": str(threads), "MKL_NUM_THREADS": str(threads)}

    def run() -> None:
        processes(commands, environment, at_once=len(jobs))

    return run


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition(":")[2])
    parser.add_argument("--steps", type=int, default=800, help="of each training, on both sides")
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--cores", type=int, default=os.cpu_count())
    parser.add_argument("--a-process", type=int, default=1, help="members that one of ours trains")
    parser.add_argument("--stack", type=int, default=1, help="of them at once")
    parser.add_argument("--eager", action="store_true", help="the eager loop too")
    parser.add_argument("--one-process", action="store_true", help="the loop on all cores too")
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        train, select = write_tokens(folder, VOCABULARY)
        settings = {"context": 128, "batch": 16, "steps": given.steps, "optimizer": "adamw"}
        everyone = members()

        def job(part: Sequence[Member], name: str, **more: int) -> Path:
            made = Job(tuple(part), {**settings, **more}, VOCABULARY, train, select)
            return made.write(folder / f"{name}.json")

        # The wide ones first, so that no core waits at the end, and each process some of all.
        count = -(-len(everyone) // given.a_process)
        jobs = [job(everyone[::-1][i::count], f"part-{i}") for i in range(count)]
        shares = [job(everyone[::-1][i :: given.cores], f"share-{i}") for i in range(given.cores)]
        ways = {
            "ours": engine(jobs, given.stack, given.cores),
            "compiled, side by side": loop(shares, 1, "--compile"),
        }
        if given.eager:
            ways["eager, side by side"] = loop(shares, 1)
        if given.one_process:
            whole = [job(everyone, "whole")]
            ways["compiled, one process"] = loop(whole, given.cores, "--compile")
        print(machine())
        print(
            f"{len(everyone)} models of width {' and '.join(map(str, SIZES))}, 2 layers, "
            f"vocabulary {VOCABULARY}, context 128, batch 16, {given.steps} steps, float32, AdamW\n"
            f"ours: {given.cores} processes at a time with one thread, {given.a_process} members a "
            f"process, {given.stack} at once",
            flush=True,
        )
        # Compiled code lies in a cache on the disk from the first steps of each width on.
        few = [Member({"width": width, "layers": 2, "heads": 2}) for width in SIZES]
        warm = [job(few, "few", steps=4, curve_every=4)]
        for threads in {1, given.cores if given.one_process else 1}:
            loop(warm, threads, "--compile")()
        timed = {name: (lambda way=way: clocked(way)) for name, way in ways.items()}
        seconds = interleaved(timed, given.repeats, warm=False)
        for name, found in seconds.items():
            hour = 3600 * len(everyone) / statistics.median(found)
            print(f"{name}: {spread(found, 's')}, {hour:.0f} models an hour")
        for name in list(ways)[1:]:
            print(f"loop, {name}, over ours: {ratio(seconds[name], seconds['ours'])}")


if __name__ == "__main__":
    main()
