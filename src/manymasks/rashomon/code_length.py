"""Code length: the fewest bits that describe a member within eps of its loss, in a family of codes.

The family: each matrix W has a step D, its weights become integers round(W / D + u) with one of
three offsets u for all matrices (2 bits), and integers cost their empirical entropy plus a table of
8 bits for each symbol used; gains have a step of `GAIN_STEP`, and each step is a float32. A value
that rounds to 0 is a pruned weight, so pruning by magnitude is in the family. Every code is an
upper bound of the shortest description, and is of this family alone.

At high resolution a matrix of n weights and sensitivity h (excess loss over variance and weights)
loses n h D^2 / 12 and costs n (H - log2 D) bits. The least bits at a given excess have n h D^2 in
proportion to n (reverse water-filling), so D = s / sqrt(h) with one s for all matrices. Then one
more bit for each weight divides the excess by 4: excess = 4^(k - b) nats at b bits a weight, where
k is the constant of the member, bits a weight at an excess of 1 nat. To halve eps costs half a bit
a weight. Noise that is scaled to eps has the same slope (bits back: Hinton & van Camp 1993), so its
volume prices the code up to the 0.25 bits a weight of scalar quantisation.
"""

import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor

from manymasks.arrays import Floats
from manymasks.rashomon.derived import noise_like, root_mean_square

Weights = Mapping[str, Tensor]
Loss = Callable[[Weights], float]
"""Weights of a member -> nats per token."""

GAIN_STEP = 0.01
"""Step of gains, which are vectors around 1."""
OFFSETS = (0.0, 1 / 3, -1 / 3)
"""Offsets of rounding, in steps: of three codes the one with the least loss is kept."""
OFFSET_BITS = 2
SYMBOL_BITS = 8
"""Bits of the table of a matrix, for each symbol used."""
STEP_BITS = 32
PROBED = 0.1
"""Noise by which sensitivities are measured, in root mean squares of a matrix."""
LEAST_SENSITIVITY = 1e-3
"""Of the median over matrices: a matrix whose noise seems to lower the loss is not taken for one
that can be left out."""
LEAST_EXCESS = 1e-9
FITTED = (0.005, 0.2)
"""Excess in nats between which slope and constant are fitted: below, a draw of rounding has noise;
above, the loss is not quadratic."""


@dataclass(frozen=True)
class Code:
    """A member rounded to steps."""

    weights: dict[str, Tensor]
    bits: float


class ChosenCode(NamedTuple):
    """The code with the least loss of those with one aim; `rounded` gives it from its steps."""

    aimed: float
    """Excess in nats that the steps were chosen for, at high resolution."""
    steps: dict[str, float]
    offset: float
    """In steps, the best of `OFFSETS` on select."""
    code: Code
    select_excess: float


class CodePoint(NamedTuple):
    """A code of a member that was tried, and its excess loss."""

    aimed: float
    """Excess in nats that the steps were chosen for, at high resolution."""
    offset: float
    """In steps, the best of `OFFSETS` on select."""
    bits: float
    select_excess: float
    measure_excess: float


def is_gain(weight: Tensor) -> bool:
    """Whether weights are gains or biases: vectors, which are few."""
    return weight.dim() < 2


def rounded(weights: Weights, steps: Mapping[str, float], offset: float) -> Code:
    """Weights rounded to multiples of their steps, and the bits of the integers. `offset`: in
    steps, added before rounding and taken away after it; gains have none. Weights in float32,
    integers in float64."""
    coded, bits = {}, float(OFFSET_BITS)
    for name, weight in weights.items():
        step, added = (GAIN_STEP, 0.0) if is_gain(weight) else (steps[name], offset)
        integers = torch.round(weight.double() / step + added)
        coded[name] = ((integers - added) * step).to(weight.dtype)
        bits += integer_bits(integers.numpy()) + STEP_BITS
    return Code(coded, bits)


def integer_bits(integers: Floats) -> float:
    """Bits of integers by their empirical entropy, and of the table of symbols."""
    counts = np.unique(integers, return_counts=True)[1]
    shares = counts / counts.sum()
    entropy = float(-(shares * np.log2(shares)).sum())
    return abs(entropy) * integers.size + SYMBOL_BITS * len(counts)


def sensitivities(weights: Weights, loss: Loss, base: float, seed: int) -> dict[str, float]:
    """The sensitivity of each matrix: excess loss over the variance of Gaussian noise and the
    number of weights, nats. Noise is added and subtracted, so that the gradient cancels."""
    noise = noise_like(weights, seed)
    measured = {}
    for name, weight in weights.items():
        if is_gain(weight):
            continue
        variance = (PROBED * root_mean_square(weight)) ** 2
        if not variance > 0:
            measured[name] = 0.0
            continue
        both = [
            loss({**weights, name: weight + sign * PROBED * noise[name]}) - base for sign in (1, -1)
        ]
        measured[name] = sum(both) / 2 / (variance * weight.numel())
    positive = [value for value in measured.values() if value > 0]
    least = LEAST_SENSITIVITY * float(np.median(positive)) if positive else 1.0
    return {name: max(value, least) for name, value in measured.items()}


def steps_for(
    weights: Weights, sensitivity: Mapping[str, float], excess: float
) -> dict[str, float]:
    """Steps by reverse water-filling that lose `excess` nats at high resolution, by matrix."""
    count = sum(weights[name].numel() for name in sensitivity)
    scale = math.sqrt(12 * excess / count)
    return {name: scale / math.sqrt(value) for name, value in sensitivity.items()}


def code_points(
    weights: Weights,
    excess: Sequence[float],
    select: Loss,
    measure: Loss,
    seed: int,
) -> list[CodePoint]:
    """Codes of a member aimed at these excess losses, with their bits: chosen by `select`, whose
    loss is the first of the two, and measured by both."""
    measure_base = measure(weights)
    return [
        CodePoint(
            chosen.aimed,
            chosen.offset,
            chosen.code.bits,
            chosen.select_excess,
            measure(chosen.code.weights) - measure_base,
        )
        for chosen in chosen_codes(weights, excess, select, seed)
    ]


def chosen_codes(
    weights: Weights, excess: Sequence[float], select: Loss, seed: int
) -> Iterator[ChosenCode]:
    """For each excess loss that is aimed at, the code of a member with the least loss on select.
    `seed`: of the noise by which sensitivities are measured."""
    base = select(weights)
    sensitivity = sensitivities(weights, select, base, seed)
    for aimed in excess:
        steps = steps_for(weights, sensitivity, aimed)
        codes = [(offset, rounded(weights, steps, offset)) for offset in OFFSETS]
        losses = [select(code.weights) - base for _, code in codes]
        best = int(np.argmin(losses))
        offset, code = codes[best]
        yield ChosenCode(aimed, steps, offset, code, losses[best])


# ------------------------------------------------------------------------------- constants


class CodeConstant(NamedTuple):
    """The law of excess against bits of a member, NaN without two points in `FITTED`."""

    constant: float
    """k: mean over points of bits a weight + log2(excess) / 2."""
    lowest: float
    highest: float
    slope: float
    """Of log2 excess on bits a weight; -2 at high resolution."""
    points: int


def code_constant(bits_per_weight: Floats, excess: Floats) -> CodeConstant:
    """The constant of a member from its codes, those with an excess in `FITTED`."""
    inside = (excess >= FITTED[0]) & (excess <= FITTED[1])
    bits, logs = bits_per_weight[inside], np.log2(excess[inside])
    if len(bits) < 2:
        return CodeConstant(math.nan, math.nan, math.nan, math.nan, len(bits))
    constants = bits + logs / 2
    slope = float(np.polyfit(bits, logs, 1)[0])
    return CodeConstant(
        float(constants.mean()), float(constants.min()), float(constants.max()), slope, len(bits)
    )


def bits_at(bits: Floats, excess: Floats, eps: float) -> float:
    """The fewest bits within eps nats, on a line in log excess between codes: never more at a
    larger eps. NaN below the least excess of a code, and above the largest."""
    order = np.argsort(bits)
    # A code that loses less than nothing has its place below every eps.
    least = np.minimum.accumulate(np.maximum(excess[order], LEAST_EXCESS))
    if not least[-1] <= eps <= least[0]:
        return math.nan
    return float(np.interp(-math.log(eps), -np.log(least), bits[order]))
