"""Members derived from a trained one: the same bits from its weights, a method, scale and seed.

They need no training and no file of their own. What is drawn is drawn on the CPU, from one
generator for each seed and tensor, so it depends on no device, order or companion.
"""

import hashlib
from collections.abc import Callable, Mapping

import numpy as np
import torch
from torch import Tensor

from manymasks.config.training import Size
from manymasks.rashomon.crossing import crossings

MOST = {"noise": float("inf"), "dropout": 0.9}
"""The largest scale of each method."""
FIRST = {"noise": 0.05, "dropout": 0.01}
"""Where the search for a scale begins."""
POWER = {"noise": 2.0, "dropout": 1.0}
"""With which the loss rises at first: noise moves every weight by the scale, dropout the more
weights the higher its rate."""


def derived_weights(
    weights: Mapping[str, Tensor], size: Size, method: str, scale: float, seed: int
) -> dict[str, Tensor]:
    """The weights of a derived member, (...) each, float32 on the CPU.

    `noise` adds `scale` times `noise_like`. `dropout` is a mask, drawn once and held for all
    inputs, on what the heads pass to W_O and on the hidden units before W_out, kept ones times
    1 / (1 - scale) (Srivastava et al. 2014; one mask a member as in Hsu et al. 2024, whose
    release redraws it at every batch). A mask on what enters a matrix is one on its columns, so
    it is folded into the weights. It never acts on the stream or the logits.

    Args:
        weights: of the parent by name, without a model axis.
        size: its shape.
        method: `noise` or `dropout`.
        scale: of the noise, in root mean squares of each tensor; or the rate of the dropout, a
            unit is dropped where its draw from [0, 1) is below it: so what is dropped at a rate
            is dropped at every higher one too.
        seed: of the draw.

    Raises:
        ValueError: for another method, a negative scale, or a rate of 1 and more.
    """
    if method not in FIRST or not scale >= 0 or (method == "dropout" and scale >= 1):
        raise ValueError(f"there is no {method} of scale {scale}")
    if method == "noise":
        noise = noise_like(weights, seed)
        return {name: weight + scale * noise[name] for name, weight in weights.items()}
    units = {"W_O": size.width, "W_out": size.width * size.mlp}
    found = {}
    for name, weight in weights.items():
        leaf = name.rpartition(".")[2]
        if leaf in units:
            drawn = torch.rand(units[leaf], generator=_generator(seed, "dropout", name))
            weight = weight * ((drawn >= scale) / (1 - scale))
        found[name] = weight.clone()
    return found


def noise_like(weights: Mapping[str, Tensor], seed: int) -> dict[str, Tensor]:
    """Gaussian noise as large as the weights: of each tensor, its root mean square times N(0, 1).

    All tensors have it, the gains and the unembedding too: a member is any point near its
    parent, and with tensors left out the points would be of fewer dimensions than the weights
    have. By tensor, because those that a norm follows or a gain precedes can be scaled without
    any change to what the network computes, and noise in units of their size does not see that.
    """
    return {
        name: root_mean_square(weight)
        * torch.randn(weight.shape, generator=_generator(seed, "noise", name))
        for name, weight in weights.items()
    }


def root_mean_square(weight: Tensor) -> float:
    """Of a tensor on the CPU, in float64; by numpy, whose sums do not depend on threads."""
    return float(np.sqrt(np.square(weight.numpy(), dtype=np.float64).mean()))


def scale_reaching(
    excess: Callable[[float], float],
    eps: float,
    method: str,
    *,
    tolerance: float = 0.05,
    evaluations: int = 8,
) -> float:
    """The scale of a method at which members lose `eps` nats more than their parent, on average.

    `excess` is told a scale and says the mean excess loss of all draws, nats per token. With
    masks it jumps, so the tolerance, relative, may be out of reach: then it is the nearest scale
    of those tried.
    """

    def of_one(scales: np.ndarray) -> np.ndarray:
        return np.array([excess(float(scales[0]))])

    first = np.array([FIRST[method]])
    (found,) = crossings(
        of_one,
        eps,
        first,
        most=MOST[method],
        power=POWER[method],
        tolerance=tolerance,
        evaluations=evaluations,
    )
    return float(found)


def _generator(seed: int, *names: str) -> torch.Generator:
    told = "/".join([str(seed), *names]).encode()
    number = int.from_bytes(hashlib.sha256(told).digest()[:8], "big") >> 1
    return torch.Generator().manual_seed(number)
