"""Our side: the engine through its public functions.

    python tests/benchmarks/engine.py JOB.json [--stack N]

Trains the job's members in stacks of N, each of one size, in one process with one thread.
Prints JSON: seconds from reading the job, the select losses, memory.
"""

import argparse
import gc
import json
import math
import resource
import tempfile
import time
from collections.abc import Callable, Sequence
from itertools import groupby, islice
from pathlib import Path

import torch
from jobs import Job, Member, read_job, select_windows, size_of, text_of

from manymasks.models.attention import Route
from manymasks.models.transformer import Transformer, initialise
from manymasks.training.checkpoint import save_weights
from manymasks.training.device import choose_device
from manymasks.training.loop import train


def build(members: Sequence[Member], job: Job, device: torch.device) -> Transformer:
    """A stack of untrained members."""
    settings = job.settings
    routes = [Route(member.gradient) for member in members]
    size = size_of(members[0])
    model = Transformer(
        size, job.vocabulary, settings.context, routes, settings.precision, settings.kernels
    )
    initialise(model, [member.seed_init for member in members])
    return model.to(device)


def train_stack(
    members: Sequence[Member],
    job: Job,
    device: torch.device,
    on_step: Callable[[int, str], None] = lambda step, note: None,
) -> list[float]:
    """Train members of one size together and save them; their select losses."""
    model = build(members, job, device)
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        progressed = train(
            model,
            job.settings,
            [member.rate for member in members],
            text_of(job, members, device),
            select_windows(job, device),
            states=[folder / f"{slot}.state" for slot in range(len(members))],
            checkpoint_seconds=math.inf,
            on_step=on_step,
        )
        for slot in range(len(members)):
            save_weights(model, slot, folder / f"{slot}.safetensors")
    curves = [[row for row in each.curve if row["split"] == "select"] for each in progressed]
    return [curve[-1]["nats"] for curve in curves]


def seconds_a_step(members: Sequence[Member], job: Job, device: torch.device) -> float:
    """Seconds of a step of a stack, all of it but the start and the curve.

    On a CPU between two steps of one run. On a GPU, where a step returns before it is done, the
    difference of a run of all steps and one of a third of them.
    """
    if device.type == "cpu":
        times: list[float] = []
        train_stack(members, job, device, lambda step, note: times.append(time.perf_counter()))
        # The first steps fill caches, the last has a point of the curve.
        first = min(3, len(times) - 3)
        return (times[-2] - times[first]) / (len(times) - 2 - first)
    steps = job.settings.steps
    seconds = {}
    for each in (steps // 3, steps):
        shorter = {**job.training, "steps": each, "curve_every": each}
        part = Job(**{**vars(job), "training": shorter})
        began = time.perf_counter()
        train_stack(members, part, device)
        torch.cuda.synchronize()
        seconds[each] = time.perf_counter() - began
    return (seconds[steps] - seconds[steps // 3]) / (steps - steps // 3)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("job", type=Path)
    parser.add_argument("--stack", type=int, default=1)
    given = parser.parse_args()
    began = time.perf_counter()
    # As the workflow's processes do.
    gc.freeze()
    job = read_job(given.job)
    device = choose_device(job.device)
    select: list[float] = []
    for _, alike in groupby(job.members, size_of):
        while members := tuple(islice(alike, given.stack)):
            select += train_stack(members, job, device)
    rss = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
    print(json.dumps({"seconds": time.perf_counter() - began, "select": select, "rss": rss}))


if __name__ == "__main__":
    main()
