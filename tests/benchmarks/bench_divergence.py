"""python tests/benchmarks/bench_divergence.py: all pairs from one pass against a loop over pairs.

64 members with a vocabulary of 4,096, on a share of 100,000 positions (`--share 1` takes all),
batches of windows as `memory_mb` allows, without the making of the laws, which stands for the
forward passes. In one run, batch by batch:

- the engine: the sums of pairs, and all that `pair_sums` reports for four classes of 16
- a loop that computes the sums of one pair after another as one would write it: KL both ways,
  Hellinger, soft agreement and agreement of first-ranked tokens
- a loop that computes KL both ways and nothing else, from probabilities that are made once

then the measures on sampled positions, and the memory that the engine takes beside the laws.
"""

import argparse
import resource
import time
from collections.abc import Callable, Iterator, Sequence

import numpy as np
import torch
from timing import machine, start_well
from torch import Tensor

from manymasks.arrays import Indices
from manymasks.config.analyses import Divergence
from manymasks.divergence.blocks import windows_at_once
from manymasks.divergence.pairs import pair_sums
from manymasks.divergence.position_sample import at_positions, sampled
from manymasks.training.device import choose_device

MEMBERS, POSITIONS, SCORED, VOCABULARY, CLASSES = 64, 100_000, 32, 4096, 4
OURS = ("all pairs", "all pairs and the classes")


def laws(buffer: Tensor, seed: int) -> Tensor:
    """Members that share most of what they say: a KL of two of about a quarter of a nat."""
    generator = torch.Generator(buffer.device).manual_seed(seed)
    common = 2 * torch.randn(buffer.shape[1:], generator=generator, device=buffer.device)
    for member in buffer:
        own = torch.randn(member.shape, generator=generator, device=buffer.device)
        torch.log_softmax(common + own / 2, -1, out=member)
    return buffer


def pair_loop(logp: Tensor) -> Tensor:
    """Every pair on its own, as one would write it; KL (m, m)."""
    found = torch.zeros(4, len(logp), len(logp), dtype=torch.float64, device=logp.device)
    for a in range(len(logp)):
        for b in range(a + 1, len(logp)):
            p, q, apart = logp[a].exp(), logp[b].exp(), logp[a] - logp[b]
            found[0, a, b] = (p * apart).sum(-1).sum(dtype=torch.float64)
            found[0, b, a] = -(q * apart).sum(-1).sum(dtype=torch.float64)
            found[1, a, b] = (p.sqrt() * q.sqrt()).sum(-1).sum(dtype=torch.float64)
            found[2, a, b] = (p * q).sum(-1).sum(dtype=torch.float64)
            found[3, a, b] = (logp[a].argmax(-1) == logp[b].argmax(-1)).sum()
    return found[0]


def kl_loop(logp: Tensor) -> Tensor:
    """KL both ways of every pair, and nothing else, (m, m)."""
    kl = torch.zeros(len(logp), len(logp), dtype=torch.float64, device=logp.device)
    p = logp.exp()
    for a in range(len(logp)):
        for b in range(a + 1, len(logp)):
            apart = logp[a] - logp[b]
            kl[a, b] = (p[a] * apart).sum(-1).sum(dtype=torch.float64)
            kl[b, a] = -(p[b] * apart).sum(-1).sum(dtype=torch.float64)
    return kl


def windows_of(logp: Tensor, loop: Callable[[Tensor], Tensor]) -> Tensor:
    """A loop is given one window at a time, which it meets in the cache."""
    return torch.stack([loop(logp[:, w]) for w in range(logp.shape[1])]).sum(0)


def peak() -> float:
    """Largest memory so far, in MiB."""
    if torch.cuda.is_available():
        return torch.cuda.max_memory_allocated() / 2**20
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def batches(positions: int, device: torch.device, settings: Divergence) -> Iterator[Tensor]:
    """Laws (members, windows, scored, vocabulary) in one buffer, so many windows at once."""
    at_once = windows_at_once(MEMBERS, SCORED, VOCABULARY, settings)
    buffer = torch.empty(MEMBERS, at_once, SCORED, VOCABULARY, device=device)
    for begin in range(0, max(1, positions // SCORED), at_once):
        yield laws(buffer, begin)


def compared(positions: int, device: torch.device, settings: Divergence, loops: bool) -> None:
    """Seconds of the engine and, with `loops`, of both loops, over the same batches."""
    pools = np.array_split(np.arange(MEMBERS), CLASSES)

    def engine(logp: Tensor, groups: Sequence[Indices]) -> Tensor:
        targets = torch.zeros(logp.shape[1:3], dtype=torch.int64, device=device)
        return torch.from_numpy(pair_sums(logp, targets, groups).kl.sum(0))

    ways: dict[str, Callable[[Tensor], Tensor]] = {
        "all pairs": lambda logp: engine(logp, []),
        "all pairs and the classes": lambda logp: engine(logp, pools),
    }
    if loops:
        ways["a loop over pairs"] = lambda logp: windows_of(logp, pair_loop)
        ways["a loop for KL alone"] = lambda logp: windows_of(logp, kl_loop)
    seconds = dict.fromkeys(ways, 0.0)
    kl = {name: torch.zeros(MEMBERS, MEMBERS, dtype=torch.float64) for name in ways}
    done, before, taken = 0, 0.0, 0.0
    for i, logp in enumerate(batches(positions, device, settings)):
        if not i:
            before = peak()
            for way in ways.values():
                way(logp[:, :1])
        done += logp.shape[1] * logp.shape[2]
        for name, way in ways.items():
            began = time.perf_counter()
            kl[name] += way(logp).cpu()
            seconds[name] += time.perf_counter() - began
            if not i and name == OURS[-1]:
                taken = peak() - before
    apart = max(float((kl[name] - kl[OURS[0]]).abs().max()) / done for name in ways)
    print(
        f"{MEMBERS} members, {done} positions, vocabulary {VOCABULARY}; means of KL differ by at "
        f"most {apart:.1e} nats; {taken:.0f} MiB beside the laws, memory_mb {settings.memory_mb}"
    )
    for name in OURS:
        ratios = ", ".join(
            f"{seconds[loop] / seconds[name]:.1f} times as fast as {loop} ({seconds[loop]:.1f} s)"
            for loop in seconds
            if loop not in OURS
        )
        whole = seconds[name] * POSITIONS / done
        print(f"  {name}: {seconds[name]:.2f} s, {whole:.1f} s for {POSITIONS}; {ratios}")


def on_sampled(positions: int, device: torch.device) -> None:
    """Seconds of the measures on sampled positions."""
    logp = laws(torch.empty(MEMBERS, positions, VOCABULARY, device=device), 0)
    at_positions(logp[:, :2])
    began = time.perf_counter()
    part = at_positions(logp)
    middle = time.perf_counter()
    sampled([part], np.arange(positions) // 4, positions)
    print(
        f"{positions} sampled positions: {middle - began:.2f} s by position, "
        f"{time.perf_counter() - middle:.2f} s for temperatures and quantiles"
    )


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--threads", type=int, default=1, help="stages of the study have one")
    parser.add_argument("--device", default="cpu", help="cpu or cuda")
    parser.add_argument("--share", type=float, default=0.005, help="share of 100,000 positions")
    parser.add_argument("--sampled", type=int, default=64, help="positions sampled")
    parser.add_argument("--no-loops", action="store_true", help="the engine alone")
    options = parser.parse_args()
    start_well()
    device = choose_device(options.device)
    torch.set_num_threads(options.threads)
    print(f"{machine()}, {options.threads} threads, {device}")
    settings = Divergence()
    compared(int(POSITIONS * options.share), device, settings, not options.no_loops)
    on_sampled(options.sampled, device)
