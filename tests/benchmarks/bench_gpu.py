"""python tests/benchmarks/bench_gpu.py [ROW ...]: stacks of members on one GPU.

loop         a model-step of the loop (compiled, bf16 autocast, one model after another) over one
             of a stack of 32, at several widths and tokens a step; a stack of one as well
processes    a stack of 32 against 16 processes of the loop that share the GPU
myopic       a myopic step over a causal step, context 1,024, width 128
determinism  a step with deterministic algorithms over one without
"""

import argparse
import tempfile
import time
from concurrent.futures import ProcessPoolExecutor
from functools import partial
from multiprocessing import get_context
from pathlib import Path

import loop
import torch
from engine import seconds_a_step
from jobs import Job, Member, windows_of, write_tokens
from timing import interleaved, machine, ratio, spread

from manymasks.training.device import choose_device

VOCABULARY = 4096
STACK, SHARING = 32, 16
SHAPES = [(64, 2, 16), (128, 4, 16), (128, 4, 64), (256, 6, 16), (256, 6, 64)]
"""Width, layers, windows of 256 tokens in a step: 4k or 16k tokens."""


def job_of(text: tuple[str, str], device: str, batch: int, steps: int, context: int = 256) -> Job:
    training = {
        "context": context,
        "batch": batch,
        "steps": steps,
        "curve_every": steps,
        "curve_windows": 16,
        "precision": "bf16",
        "optimizer": "adamw",
    }
    return Job((), training, VOCABULARY, *text, device)


def stack(width: int, layers: int, members: int, gradient: str = "causal") -> list[Member]:
    size = {"width": width, "layers": layers, "heads": width // 32}
    return [Member(size, gradient, seed, seed) for seed in range(members)]


def ours(members: list[Member], job: Job) -> float:
    """Seconds of a step of one model."""
    return seconds_a_step(members, job, choose_device(job.device)) / len(members)


def plain(member: Member, job: Job, compiled: bool) -> float:
    """Seconds of a step of the loop."""
    device = torch.device(job.device)
    windows = windows_of(job, member, device)
    _, _, step = loop.stepper(member, job, device, compiled=compiled, bf16=True)
    first = job.settings.steps // 4
    for i in range(first):
        step(windows(i))
    _wait(device)
    began = time.perf_counter()
    for i in range(first, job.settings.steps):
        step(windows(i))
    _wait(device)
    return (time.perf_counter() - began) / (job.settings.steps - first)


def until(member: Member, job: Job, begin: float, end: float) -> int:
    """Steps of the loop between two times of the clock, in a process among others."""
    device = torch.device(job.device)
    windows = windows_of(job, member, device)
    _, _, step = loop.stepper(member, job, device, compiled=True, bf16=True)
    i = done = 0
    while time.time() < end:
        step(windows(i % job.settings.steps))
        i += 1
        if i % 16 == 0:
            _wait(device)
            done += 16 * (begin < time.time() < end)
    return done


def _wait(device: torch.device) -> None:
    if device.type == "cuda":
        torch.cuda.synchronize()


def row_loop(text: tuple[str, str], device: str, repeats: int, steps: int) -> None:
    for width, layers, batch in SHAPES:
        job = job_of(text, device, batch, steps)
        many, one = stack(width, layers, STACK), stack(width, layers, 1)
        ways = {
            "stack": partial(ours, many, job),
            "one": partial(ours, one, job),
            "compiled": partial(plain, one[0], job, True),
            "eager": partial(plain, one[0], job, False),
        }
        found = interleaved(ways, repeats)
        tokens = batch * 256
        print(f"width {width}, {layers} layers, {tokens} tokens a step")
        for name, seconds in found.items():
            rates = [tokens / each for each in seconds]
            print(
                f"  {name}: {spread(seconds, 'ms', 1e3)} a model-step, "
                f"{spread(rates, 'M tokens/s', 1e-6)}"
            )
        for name in ("compiled", "eager"):
            print(f"  loop, {name}, over a stack of {STACK}: {ratio(found[name], found['stack'])}")
        print(f"  loop, compiled, over a stack of one: {ratio(found['compiled'], found['one'])}")


def row_processes(text: tuple[str, str], device: str, repeats: int, steps: int) -> None:
    for width, layers, batch in SHAPES:
        job, members = job_of(text, device, batch, steps), stack(width, layers, STACK)
        with ProcessPoolExecutor(SHARING, mp_context=get_context("spawn")) as pool:

            def shared(pool=pool, job=job, member=members[0]) -> float:
                # Time to start and compile, then ten seconds that count.
                begin = time.time() + 90
                waiting = [
                    pool.submit(until, member, job, begin, begin + 10) for _ in range(SHARING)
                ]
                return 10 / sum(each.result() for each in waiting)

            ways = {"stack": partial(ours, members, job), "processes": shared}
            found = interleaved(ways, repeats, warm=False)
        print(
            f"width {width}, {batch * 256} tokens a step: {SHARING} processes of the loop over a "
            f"stack of {STACK}, seconds a model-step: {ratio(found['processes'], found['stack'])}"
        )


def row_myopic(text: tuple[str, str], device: str, repeats: int, steps: int) -> None:
    job = job_of(text, device, 16, steps, context=1024)
    for gradient in ("myopic", "myopic-kv"):
        ways = {
            each: partial(ours, stack(128, 4, STACK, each), job) for each in ("causal", gradient)
        }
        found = interleaved(ways, repeats)
        print(
            f"width 128, context 1,024, 16 windows: {gradient} over causal "
            f"{ratio(found[gradient], found['causal'])}"
        )


def row_determinism(text: tuple[str, str], device: str, repeats: int, steps: int) -> None:
    for width, layers, batch in SHAPES:
        job, members = job_of(text, device, batch, steps), stack(width, layers, STACK)

        def seconds(deterministic: bool, job=job, members=members) -> float:
            where = choose_device(job.device)
            torch.use_deterministic_algorithms(deterministic)
            return seconds_a_step(members, job, where)

        ways = {"on": partial(seconds, True), "off": partial(seconds, False)}
        found = interleaved(ways, repeats)
        print(f"width {width}, {batch * 256} tokens a step: {ratio(found['on'], found['off'])}")


ROWS = {
    "loop": row_loop,
    "processes": row_processes,
    "myopic": row_myopic,
    "determinism": row_determinism,
}


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("rows", nargs="*", choices=[*ROWS, []], help="all, if none is named")
    parser.add_argument("--repeats", type=int, default=5)
    parser.add_argument("--steps", type=int, default=300)
    parser.add_argument("--stack", type=int, default=STACK)
    parser.add_argument("--device", default="cuda", help="cpu only shows that the code runs")
    given = parser.parse_args()
    if given.device == "cuda" and not torch.cuda.is_available():
        print("bench_gpu: torch sees no GPU on this machine, so nothing was measured")
        return
    globals()["STACK"] = given.stack
    print(machine())
    print(
        f"ours: bf16, stacks of {STACK}; loop: bf16 autocast, AdamW fused, torch.compile; "
        f"vocabulary {VOCABULARY}, context 256, heads of 32; medians with ranges",
        flush=True,
    )
    with tempfile.TemporaryDirectory() as folder:
        text = write_tokens(Path(folder), VOCABULARY)
        for name in given.rows or ROWS:
            print(f"\n{name}", flush=True)
            ROWS[name](text, given.device, given.repeats, given.steps)


if __name__ == "__main__":
    main()
