"""Members whose laws are products of two drawn matrices, with a vocabulary of any size."""

from typing import Any

import numpy as np
import torch
from torch import Tensor

from manymasks.config.analyses import Divergence
from manymasks.divergence.probe_pass import ProbePass, ProbeWindows

WINDOWS, SCORED, LENGTH, SEVERITIES = 6, 32, 40, 2


class DrawnMember:
    """A stack of one member that reads the last two tokens."""

    members = 1

    def __init__(self, seed: int, vocabulary: int) -> None:
        generator = torch.Generator().manual_seed(seed)
        self.W_E, self.W_U = torch.randn(2, 1, vocabulary, 4, generator=generator)

    def __call__(self, tokens: Tensor, last: int) -> Tensor:
        """(1, batch, positions) token ids to logits (1, batch, last, vocabulary)."""
        x = self.W_E[0, tokens]
        return (x + x.roll(1, 2) / 2)[:, :, -last:] @ self.W_U[0].T


def models(count: int, vocabulary: int) -> list[Any]:
    """Members with their seeds."""
    return [DrawnMember(seed, vocabulary) for seed in range(count)]


def probe_pass(members: list[Any], settings: Divergence, scored: int = SCORED) -> ProbePass:
    """A pass over drawn windows of two documents, in one pool."""
    vocabulary = members[0].W_U.shape[1]
    shape = SEVERITIES, WINDOWS, LENGTH + 1
    levels = np.random.default_rng(0).integers(0, vocabulary, shape)
    windows = ProbeWindows(list(levels), np.array(["a", "b"]), np.arange(WINDOWS) % 2, scored)
    pools = [np.arange(len(members))]
    return ProbePass(windows, members, members[:1], pools, None, settings, 0, lambda ids: "")
