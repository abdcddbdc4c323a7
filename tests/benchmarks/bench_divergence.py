"""python tests/benchmarks/bench_divergence.py: all pairs at once against a loop over pairs.

The loop computes, pair by pair in float32, KL both ways, Hellinger and top-1 agreement of the
same log-probabilities; the engine also the rest of what it reports. One thread.
"""

import numpy as np
import torch
from timing import compare
from torch import Tensor

from manymasks.divergence.pairs import pair_sums
from manymasks.training.device import choose_device

MEMBERS, WINDOWS, SCORED, VOCABULARY = 24, 4, 64, 1024


def loop(logp: Tensor) -> list[Tensor]:
    """Every pair on its own, as one would write it."""
    found = []
    for a in range(len(logp)):
        for b in range(a + 1, len(logp)):
            p, q = logp[a].exp(), logp[b].exp()
            found.append((p * (logp[a] - logp[b])).sum(-1).mean())
            found.append((q * (logp[b] - logp[a])).sum(-1).mean())
            found.append((p.sqrt() * q.sqrt()).sum(-1).mean())
            found.append((logp[a].argmax(-1) == logp[b].argmax(-1)).float().mean())
    return found


if __name__ == "__main__":
    choose_device("cpu")
    torch.manual_seed(0)
    logp = torch.randn(MEMBERS, WINDOWS, SCORED, VOCABULARY).mul(2).log_softmax(-1)
    targets = torch.randint(VOCABULARY, (WINDOWS, SCORED))
    pools = [np.arange(begin, begin + 6) for begin in range(0, MEMBERS, 6)]
    compare(
        f"{MEMBERS} members, {WINDOWS * SCORED} positions, vocabulary {VOCABULARY}: "
        "all pairs at once against a loop over pairs",
        lambda: pair_sums(logp, targets, pools),
        lambda: loop(logp),
        repeats=3,
    )
