"""python tests/benchmarks/bench_training.py [ROW ...]: what a step costs, on a CPU.

myopic      a step of myopic over a step of causal training: one thread, processor time
products    rate of matrix products in training over the sgemm rate at the same shapes, all cores
evaluation  tokens a second forward only over tokens a second in training
bf16        float32 over bf16
native      a step of the loop (eager and compiled) and of our torch kernels over one of the native
            kernels, and of the compiled loop over bf16: one thread each, warm, processor time, the
            same allocator
peak        operations of a native forward and backward pass over the rate of a loop of fused
            multiplications and additions alone: one thread, processor time
tokens      the loop (eager and compiled, on all cores) over ours in one process a core
memory      resident memory of a worker
"""

import argparse
import os
import statistics
import tempfile
import time
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from functools import partial
from multiprocessing import get_context
from pathlib import Path

import flops
import loop
import torch
from engine import build, seconds_a_step
from jobs import Job, Member, size_of, windows_of, write_tokens
from peak import open_peak
from timing import interleaved, machine, ours, processes, ratio, spread, start_well

from manymasks.training.device import choose_device
from manymasks.training.loop import stepper_of
from manymasks.training.optimizer import Optimizer
from manymasks.training.step import WindowSource

VOCABULARY = 1024
CHUNK = 512
"""Tokens that meet the unembedding at once."""


def member(width: int, gradient: str = "causal") -> Member:
    return Member({"width": width, "layers": 2, "heads": max(2, width // 32)}, gradient)


def job_of(text: tuple[str, str], context: int = 128, steps: int = 40, **more: object) -> Job:
    training = {"context": context, "batch": 16, "steps": steps, "curve_every": steps}
    # The loop's optimiser, whatever ours has by default.
    settings = {**training, "curve_windows": 16, "optimizer": "adamw", **more}
    return Job((), settings, VOCABULARY, *text)


SHAPES = {
    "text, width 32": ({"width": 32, "layers": 2, "heads": 2}, 1024, 128, 16),
    "text, width 64": ({"width": 64, "layers": 2, "heads": 2}, 1024, 128, 16),
    "text, width 128": ({"width": 128, "layers": 2, "heads": 4}, 1024, 128, 16),
    "tally": ({"width": 64, "layers": 2, "heads": 8, "mlp": 2}, 13, 64, 32),
    "masks": ({"width": 32, "layers": 2, "heads": 4}, 30, 64, 32),
}
"""Size, vocabulary, context and batch of the trainings of the default study."""


def native(text: tuple[str, str], repeats: int, steps: int) -> None:
    """The other side is what an expert runs: one process a core, one thread, compiled."""
    torch.set_num_threads(1)
    for name, (size, vocabulary, context, batch) in SHAPES.items():
        who = Member({**size}, "causal")
        training = {"context": context, "batch": batch, "steps": steps, "optimizer": "adamw"}
        windows = torch.randint(vocabulary, (steps, batch, context + 1))
        ways = {
            kernels: partial(
                processor_seconds, our_step(who, {**training, "kernels": kernels}, windows)
            )
            for kernels in ("native", "torch")
        }
        ways["bf16"] = partial(
            processor_seconds, our_step(who, {**training, "precision": "bf16"}, windows)
        )
        job = Job((), training, vocabulary, *text)
        for other in ("eager", "compiled"):
            _, _, step = loop.stepper(
                who, job, torch.device("cpu"), compiled=other == "compiled", bf16=False
            )
            ways[other] = partial(
                processor_seconds, lambda i, step=step, windows=windows: step(windows[i])
            )
        seconds = interleaved(ways, repeats)
        print(f"{name}: {spread(seconds['native'], 'ms', 1e3)} a step")
        for other in ("torch", "eager", "compiled"):
            print(
                f"  {spread(seconds[other], 'ms', 1e3)} of {other}: "
                f"{ratio(seconds[other], seconds['native'])}"
            )
        print(
            f"  {spread(seconds['bf16'], 'ms', 1e3)} of bf16, whose compiled float32 loop over it: "
            f"{ratio(seconds['compiled'], seconds['bf16'])}"
        )


def peak(text: tuple[str, str], repeats: int, steps: int) -> None:
    with tempfile.TemporaryDirectory() as folder:
        highest = open_peak(Path(folder))
        for name, (size, vocabulary, context, batch) in SHAPES.items():
            who = Member({**size}, "causal")
            job = Job((), {"context": context, "kernels": "native"}, vocabulary, *text)
            model = build([who], job, choose_device("cpu"))
            (native,), weights = model.native_members(), model.weights_of(0)
            grads = {name: torch.empty_like(weight) for name, weight in weights.items()}
            windows = torch.randint(vocabulary, (batch, context + 1))
            operations = flops.training(size_of(who), vocabulary, context) * batch * context

            def rate(native=native, windows=windows, grads=grads, operations=operations) -> float:
                step = partial(native.gradients, windows, grads)
                return operations / processor_seconds(lambda _: step(), steps)

            found = interleaved({"pass": rate, "peak": highest}, repeats)
            print(
                f"{name}: {spread(found['pass'], 'GFLOP/s', 1e-9)}, "
                f"{spread(found['peak'], 'GFLOP/s', 1e-9)} at most: "
                f"{ratio(found['pass'], found['peak'])}"
            )


def our_step(
    who: Member, training: dict[str, object], windows: torch.Tensor
) -> Callable[[int], object]:
    job = Job((), training, int(windows.max()) + 1, "", "")
    model = build([who], job, choose_device("cpu"))
    optimizer = Optimizer(dict(model.named_parameters()), job.settings)
    source = WindowSource(
        lambda wanted: torch.tensor(wanted).expand(1, windows.shape[1]),
        lambda starts: windows[starts[:, 0]],
    )
    stepper = stepper_of(model, optimizer, job.settings, source, None)
    return lambda i: stepper.run([i], [[1e-3]], [True])


def processor_seconds(step: Callable[[int], object], steps: int = 10) -> float:
    """Median seconds of processor time of a step."""
    times = []
    for i in range(steps):
        began = time.process_time()
        step(i)
        times.append(time.process_time() - began)
    return statistics.median(times)


def step_seconds(who: Member, job: Job) -> float:
    return seconds_a_step([who], job, choose_device("cpu"))


def myopic(text: tuple[str, str], repeats: int, steps: int) -> None:
    for context in (128, 256):
        training = {"context": context, "batch": 16, "steps": steps, "optimizer": "adamw"}
        windows = torch.randint(VOCABULARY, (steps, 16, context + 1))
        for width in (32, 64, 128):
            ways = {
                gradient: partial(
                    processor_seconds, our_step(member(width, gradient), training, windows), steps
                )
                for gradient in ("causal", "myopic", "myopic-kv")
            }
            found = interleaved(ways, repeats)
            print(f"width {width}, context {context}: {spread(found['causal'], 'ms', 1e3)} a step")
            for gradient in ("myopic", "myopic-kv"):
                print(f"  {gradient} over causal: {ratio(found[gradient], found['causal'])}")


def training_rate(width: int, job: Job) -> float:
    """Operations of matrix products a second, of one thread that trains."""
    who, settings = member(width), job.settings
    tokens = settings.batch * settings.context
    return (
        flops.training(size_of(who), VOCABULARY, settings.context) * tokens / step_seconds(who, job)
    )


def sgemm_rate(width: int, tokens: int, seconds: float = 1.0) -> float:
    """The same of torch.mm alone, at the shapes of a step's products with weights."""
    choose_device("cpu")
    shapes = []
    for rows, columns in (
        (3 * width, width),
        (width, width),
        (4 * width, width),
        (width, 4 * width),
    ):
        forward, input_, weight = (
            (rows, columns, tokens),
            (columns, rows, tokens),
            (rows, tokens, columns),
        )
        shapes += [forward, input_, weight]
    products = [(a, b, c, 2) for a, b, c in shapes]
    unembedding = [
        (CHUNK, width, VOCABULARY),
        (width, VOCABULARY, CHUNK),
        (width, CHUNK, VOCABULARY),
    ]
    products += [(a, b, c, tokens // CHUNK) for a, b, c in unembedding]
    ready = [
        (torch.randn(a, b), torch.randn(b, c), torch.empty(a, c), times)
        for a, b, c, times in products
    ]
    operations = sum(2 * a * b * c * times for a, b, c, times in products)
    began, rounds = time.perf_counter(), 0
    while time.perf_counter() - began < seconds:
        for left, right, out, times in ready:
            for _ in range(times):
                torch.mm(left, right, out=out)
        rounds += 1
    return operations * rounds / (time.perf_counter() - began)


def products(text: tuple[str, str], repeats: int, steps: int) -> None:
    cores = os.cpu_count() or 1
    job = job_of(text, 128, steps)
    tokens = job.settings.batch * job.settings.context
    with ProcessPoolExecutor(cores, mp_context=get_context("spawn")) as pool:

        def on_all(function: Callable[..., float], *given: object) -> float:
            waiting = [pool.submit(function, *given) for _ in range(cores)]
            return sum(each.result() for each in waiting)

        for width in (64, 128):
            ways = {
                "training": partial(on_all, training_rate, width, job),
                "sgemm": partial(on_all, sgemm_rate, width, tokens),
            }
            found = interleaved(ways, repeats)
            share = ratio(found["training"], found["sgemm"])
            per_token = flops.training(size_of(member(width)), VOCABULARY, 128)
            speeds = [rate / per_token for rate in found["training"]]
            print(
                f"width {width}, context 128, {cores} processes: "
                f"{spread(found['training'], 'GFLOP/s', 1e-9)} in training "
                f"({spread(speeds, 'k tokens/s', 1e-3)}), "
                f"{spread(found['sgemm'], 'GFLOP/s', 1e-9)} of torch.mm: {share}"
            )


def evaluation(text: tuple[str, str], repeats: int, steps: int) -> None:
    device = choose_device("cpu")
    for width in (32, 64, 128):
        who, job = member(width), job_of(text, 128, steps)
        model = build([who], job, device)
        per_step = job.settings.batch * job.settings.context
        windows = torch.cat([windows_of(job, who, device)(step) for step in range(4)]).unsqueeze(0)

        def scored(model=model, windows=windows) -> float:
            began, rounds = time.perf_counter(), 0
            with torch.no_grad():
                while time.perf_counter() - began < 1.0:
                    model.nats(windows)
                    rounds += 1
            return rounds * windows[..., 1:].numel() / (time.perf_counter() - began)

        ways = {
            "evaluation": scored,
            "training": lambda who=who, job=job, n=per_step: n / step_seconds(who, job),
        }
        found = interleaved(ways, repeats)
        print(
            f"width {width}, context 128: {spread(found['evaluation'], 'k tokens/s', 1e-3)} "
            f"forward only, {spread(found['training'], 'k tokens/s', 1e-3)} in training: "
            f"{ratio(found['evaluation'], found['training'])}"
        )


def bf16(text: tuple[str, str], repeats: int, steps: int) -> None:
    for width in (128, 256):
        ways = {
            precision: partial(
                step_seconds, member(width), job_of(text, 128, steps, precision=precision)
            )
            for precision in ("float32", "bf16")
        }
        found = interleaved(ways, repeats)
        print(
            f"width {width}, context 128: float32 {spread(found['float32'], 'ms', 1e3)}, bf16 "
            f"{spread(found['bf16'], 'ms', 1e3)} a step: {ratio(found['float32'], found['bf16'])}"
        )


def against_loop(text: tuple[str, str], repeats: int, steps: int) -> None:
    cores = os.cpu_count() or 1
    for width in (32, 64, 128):
        job, who = job_of(text, 128, steps), member(width)
        tokens = job.settings.batch * job.settings.context
        with ProcessPoolExecutor(cores, mp_context=get_context("spawn")) as pool:

            def engine(pool=pool, who=who, job=job, tokens=tokens) -> float:
                waiting = [pool.submit(step_seconds, who, job) for _ in range(cores)]
                return sum(tokens / each.result() for each in waiting)

            def plain(compiled: bool, who=who, job=job, tokens=tokens) -> float:
                torch.set_num_threads(cores)
                windows = windows_of(job, who, torch.device("cpu"))
                _, _, step = loop.stepper(
                    who, job, torch.device("cpu"), compiled=compiled, bf16=False
                )
                step(windows(0))
                began = time.perf_counter()
                for i in range(1, steps):
                    step(windows(i))
                return (steps - 1) * tokens / (time.perf_counter() - began)

            ways = {
                "ours": engine,
                "eager": partial(plain, False),
                "compiled": partial(plain, True),
            }
            found = interleaved(ways, repeats)
        print(f"width {width}, context 128: {spread(found['ours'], 'k tokens/s', 1e-3)} ours")
        for name in ("eager", "compiled"):
            print(
                f"  {spread(found[name], 'k tokens/s', 1e-3)} of the loop, {name}, "
                f"{cores} threads, pages kept: ours over it {ratio(found['ours'], found[name])}"
            )


def memory(text: tuple[str, str], repeats: int, steps: int) -> None:
    with tempfile.TemporaryDirectory() as folder:
        for width in (32, 64, 128):
            job = job_of(text, 128, steps)
            made = Job((member(width, "myopic"),), job.training, VOCABULARY, *text)
            path = made.write(Path(folder) / "job.json")
            (found,) = processes([("engine.py", str(path))], ours(), at_once=1)
            print(f"width {width}, context 128: {found['rss'] / 2**30:.2f} GiB resident at most")


ROWS = {
    "myopic": myopic,
    "products": products,
    "evaluation": evaluation,
    "bf16": bf16,
    "native": native,
    "peak": peak,
    "tokens": against_loop,
    "memory": memory,
}


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("rows", nargs="*", choices=[*ROWS, []], help="all, if none is named")
    parser.add_argument("--repeats", type=int, default=5)
    parser.add_argument("--steps", type=int, default=40, help="of one measurement")
    given = parser.parse_args()
    start_well()
    print(machine())
    print(
        f"2 layers, heads of 32 (16 at width 32), vocabulary {VOCABULARY}, batch 16, float32, "
        "AdamW; allocator kept from returning pages; medians with ranges",
        flush=True,
    )
    with tempfile.TemporaryDirectory() as folder:
        text = write_tokens(Path(folder), VOCABULARY)
        for name in given.rows or ROWS:
            print(f"\n{name}", flush=True)
            ROWS[name](text, given.repeats, given.steps)


if __name__ == "__main__":
    main()
