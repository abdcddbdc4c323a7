"""Members derived from a trained one: its weights, a method, scale and seed give the same bits.

They need no training and no weights file. Random numbers are drawn on the CPU, from one generator
for each seed and tensor, independent of device, order and other members.
"""

import hashlib
from collections.abc import Callable, Mapping

import numpy as np
import torch
from torch import Tensor

from manymasks.rashomon.crossing import crossings

LARGEST = {"noise": float("inf"), "dropout": 0.9}
"""The largest scale of each method."""
FIRST = {"noise": 0.05, "dropout": 0.01}
"""Initial scale of the search."""
POWER = {"noise": 2.0, "dropout": 1.0}
"""Exponent of the excess loss at small scales: noise moves every weight by the scale; the rate of
dropout is the share of units it removes."""

UNITS = ("W_O", "W_out")
"""Matrices with columns for units that a mask may drop."""


def derived_weights(
    weights: Mapping[str, Tensor], method: str, scale: float, seed: int
) -> dict[str, Tensor]:
    """The weights of a derived member, (...) each, float32 on the CPU.

    `noise` adds `scale` times `noise_like`. `dropout` is one mask for all inputs, on the inputs of
    W_O and on the hidden units before W_out, with kept units scaled by 1 / (1 - scale) (Srivastava
    et al. 2014; one mask a member as in Hsu et al. 2024, whose release redraws it at every batch).
    A mask on the inputs of a matrix is a mask on its columns, so it is folded into the weights. A
    unit is dropped if its draw from [0, 1) is below the rate, so it is also dropped at every higher
    one. Raises ValueError for another method, a negative scale, or a rate of 1 or more.
    """
    if method not in FIRST or not scale >= 0 or (method == "dropout" and scale >= 1):
        raise ValueError(f"there is no {method} of scale {scale}")
    if method == "noise":
        noise = noise_like(weights, seed)
        return {name: weight + scale * noise[name] for name, weight in weights.items()}
    derived = {}
    for name, weight in weights.items():
        leaf = name.rpartition(".")[2]
        if leaf in UNITS:
            draws = torch.rand(weight.shape[-1], generator=_generator(seed, "dropout", name))
            weight = weight * ((draws >= scale) / (1 - scale))
        derived[name] = weight.clone()
    return derived


def noise_like(weights: Mapping[str, Tensor], seed: int) -> dict[str, Tensor]:
    """Gaussian noise as large as the weights: for each tensor, its root mean square times N(0, 1).

    All tensors get noise: without one, the derived points would lie in a subspace. The scale is per
    tensor, because a tensor before a norm or after a gain can be rescaled without changing the
    function, and noise relative to its size is invariant to that.
    """
    return {
        name: root_mean_square(weight)
        * torch.randn(weight.shape, generator=_generator(seed, "noise", name))
        for name, weight in weights.items()
    }


def root_mean_square(weight: Tensor) -> float:
    """Root mean square of a CPU tensor in float64; numpy, as its sums ignore the thread count."""
    return float(np.sqrt(np.square(weight.numpy(), dtype=np.float64).mean()))


def scale_reaching(
    excess: Callable[[float], float],
    eps: float,
    method: str,
    *,
    tolerance: float = 0.05,
    evaluations: int = 8,
) -> float:
    """The scale of a method at which members lose `eps` nats per token more than their parent, as
    `excess` gives it on average over draws. With masks it is discontinuous, so the tolerance may
    not be reached: then the closest scale evaluated."""
    (scale,) = crossings(
        lambda scales: np.array([excess(float(scales[0]))]),
        eps,
        np.array([FIRST[method]]),
        largest=LARGEST[method],
        power=POWER[method],
        tolerance=tolerance,
        evaluations=evaluations,
    )
    return float(scale)


def _generator(seed: int, *names: str) -> torch.Generator:
    text = "/".join([str(seed), *names]).encode()
    number = int.from_bytes(hashlib.sha256(text).digest()[:8], "big") >> 1
    return torch.Generator().manual_seed(number)
