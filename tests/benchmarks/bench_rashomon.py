"""python tests/benchmarks/bench_rashomon.py: what the multiplicity of a set costs.

1. All metrics of a set of members, position by position, with the sums of their pairs: seconds
   and memory, without the making of the laws, which stands for the forward passes.
2. Capacities by our iteration against plain Blahut-Arimoto, in one run: how many iterations
   each needs, and how long it takes, to the same certified gap.
"""

import argparse
import resource
import statistics
import time
from collections.abc import Iterator

import numpy as np
import torch
from timing import compare, machine, start_well
from torch import Tensor

from manymasks.rashomon import capacity, multiplicity
from manymasks.rashomon.capacity import capacities
from manymasks.rashomon.multiplicity import block_facts, position_metrics

MEMBERS, POSITIONS, VOCABULARY = 24, 20_000, 1024
BATCH, TOP_K, TV, TOLERANCE = 512, 5, 0.25, 1e-3


def laws(members: int, positions: int, vocabulary: int, seed: int) -> Tensor:
    """Members that share most of what they say: a KL of two of about a quarter of a nat."""
    generator = torch.Generator().manual_seed(seed)
    common = 2 * torch.randn(1, positions, vocabulary, generator=generator)
    own = 0.5 * torch.randn(members, positions, vocabulary, generator=generator)
    return (common + own).log_softmax(-1)


def batches(positions: int) -> Iterator[tuple[Tensor, Tensor]]:
    """Laws and true tokens, so many positions at once."""
    for batch, begin in enumerate(range(0, positions, BATCH)):
        size = min(BATCH, positions - begin)
        yield laws(MEMBERS, size, VOCABULARY, batch), torch.randint(VOCABULARY, (size,))


def peak() -> float:
    """Largest memory so far, in MiB."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def metrics(positions: int) -> None:
    """Seconds of each part, over all positions."""
    seconds = {"facts": 0.0, "sums of pairs": 0.0, "metrics": 0.0}
    cpu = 0.0
    capacity_nats, gaps = [], []
    everyone = np.arange(MEMBERS)
    next(batches(positions))
    before = peak()
    for logp, targets in batches(positions):
        cpu -= time.process_time()
        times = [time.perf_counter()]
        facts = block_facts(logp, targets, TOP_K)
        times.append(time.perf_counter())
        documents = np.arange(targets.numel()) // 64
        multiplicity.pair_sums(facts, documents, int(documents.max()) + 1, TV)
        times.append(time.perf_counter())
        found = position_metrics(facts, logp, everyone, 0, TV, TOLERANCE).metrics
        times.append(time.perf_counter())
        cpu += time.process_time()
        for name, took in zip(seconds, np.diff(times), strict=True):
            seconds[name] += took
        capacity_nats.append(found["capacity"].mean())
        gaps.append(found["capacity_gap"].max())
    parts = ", ".join(f"{name} {took:.1f} s" for name, took in seconds.items())
    print(
        f"{MEMBERS} members, {positions} positions, vocabulary {VOCABULARY}: "
        f"{sum(seconds.values()):.1f} s ({parts}), {cpu:.1f} s of a core; "
        f"capacity {statistics.mean(capacity_nats):.3f} nats, largest gap {max(gaps):.1e}; "
        f"{peak() - before:.0f} MiB beyond the {before:.0f} MiB of the program with one batch "
        "of laws"
    )


def iterations(positions: int = 64) -> None:
    """Ours against the plain iteration, which is ours with a power that stays 1."""
    logp = laws(MEMBERS, positions, VOCABULARY, 0)

    def plain() -> capacity.Capacities:
        ours = capacity.GROW, capacity.START
        capacity.GROW, capacity.START = 1.0, 0.0
        try:
            return capacities(logp, TOLERANCE)
        finally:
            capacity.GROW, capacity.START = ours

    for name, found in (("ours", capacities(logp, TOLERANCE)), ("plain", plain())):
        counts = found.iterations
        print(f"capacity, {name}: {counts.mean():.0f} iterations, at most {counts.max():.0f}")
    compare("capacity, ours against plain", lambda: capacities(logp, TOLERANCE), plain, repeats=3)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--threads", type=int, default=1, help="stages of the study have one")
    parser.add_argument("--positions", type=int, default=POSITIONS, help="of the metrics")
    options = parser.parse_args()
    start_well()
    torch.set_num_threads(options.threads)
    torch.set_flush_denormal(True)
    print(f"{machine()}, {options.threads} threads")
    metrics(options.positions)
    iterations()
