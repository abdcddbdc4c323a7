"""Local volume around a member, from directions drawn at random.

Assume that the set of weights around w that lose less than eps is star-shaped along rays. With
r(u) the scale at which direction u has lost eps, and d weights, the volume of the set relative to
that of all scales below 1 is the mean of r(u)^d over directions u uniform on the sphere. A
direction is noise as large as the weights (`derived.noise_like`), so the unit of volume is the
ellipsoid of such noise: scaling a tensor and its noise together changes nothing. Two numbers, in
nats and per weight:

- `log_radius`, the mean of log r: d times it is a lower bound of the log-volume (Jensen);
- `log_sampled`, log mean r^d, which converges to the volume for enough directions. But d is 10^5,
  and the mean is that of the widest direction drawn, minus the logarithm of their number.

For a quadratic loss with curvatures h_i the true log-volume per weight is -1/2 mean log h_i plus
constants, and log_radius is -1/2 log mean h_i for many weights: the arithmetic instead of the
geometric mean, dominated by the sharpest directions, so the bound may be far below the volume.
Scherlis & Belrose 2025 reduce the difference by importance sampling of wide directions, which needs
a second moment of the gradients.

Why not the local learning coefficient by SGLD (Lau et al. 2023)? It is the exponent with which
the volume shrinks as eps goes to 0; here the question is the volume at the eps of the set. Its
chains need a step size, a temperature, a restoring force and a length, all of which change the
result, and from weights that are no minimum, as after short trainings, they descend and the
estimate becomes negative. Both were measured on a member of 90,272 weights after 400 steps of
training: chains of 150 steps (16 windows of 128 tokens each, n beta = 89,170, restoring force 100)
gave -63, -317 and -880 with steps of 1e-8, 1e-7 and 1e-6. The radii of eight directions at eps of
0.005, 0.02 and 0.08 were exp(-3.79), exp(-3.10) and exp(-2.42): they rise as eps^0.5, so the loss
is quadratic there. Directions are independent, unlike the steps of a chain, so they have an
interval; and they need forward passes only, all of a member in one stack.

The windows are given and the same for all members: four times as many moved the log_radius of one
member by 0.02, an error that no interval here includes and contrasts between members share.
"""

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations

import numpy as np
import torch
from scipy.special import logsumexp
from torch import Tensor

from manymasks.arrays import Floats, Rows
from manymasks.rashomon.crossing import crossings
from manymasks.rashomon.derived import noise_like, root_mean_square
from manymasks.statistics.comparisons import Comparison, contrast_row
from manymasks.statistics.intervals import NO_ERROR, UNKNOWN_ERROR, Interval, StandardError, joined
from manymasks.statistics.model_classes import (
    Members,
    arm_positions,
    paired_by_seeds,
    seeds_of,
)
from manymasks.statistics.paired import paired_mean

FIRST = 0.05
"""Initial radius of the search: trained members lose some hundredths of a nat there."""


@dataclass(frozen=True)
class LocalVolume:
    """Local volume of one member, in nats."""

    log_radius: Interval
    """Mean of log r."""
    log_sampled: float
    """log mean r^d."""


def direction(weights: Mapping[str, Tensor], seed: int) -> dict[str, Tensor]:
    """A direction: noise as large as the weights, normalised to the sphere of radius sqrt(d) in
    units of each tensor's root mean square, for d weights. Directions are uniform on it. The
    divisor is 1 up to about 1 / sqrt(2 d)."""
    noise = noise_like(weights, seed)
    squares = count = 0.0
    for name, weight in weights.items():
        size = root_mean_square(weight)
        if size > 0:
            squares += float(noise[name].double().square().sum()) / size**2
            count += weight.numel()
    norm = (squares / count) ** 0.5
    return {name: tensor / norm for name, tensor in noise.items()}


def radii(
    excess: Callable[[Floats], Floats],
    eps: float,
    directions: int,
    first: float = FIRST,
    tolerance: float = 0.1,
) -> Floats:
    """The scale at which each direction has lost `eps` nats, (directions,).

    `excess` maps a scale for each direction to the excess losses of all. The first crossing that
    the search finds counts, even if the loss falls below eps again further out. The tolerance is
    relative, of the loss at the last scale evaluated; the error of log r is far below half of it.
    """
    return crossings(excess, eps, np.full(directions, first), tolerance=tolerance)


def local_volume(radii: Floats, weights: int, confidence: float) -> LocalVolume:
    """Log-volume of one member from radii (k,) in independent directions. The interval is that of
    the mean log radius over directions, t(k - 1), NaN for k < 2: the sampling error of the bound,
    not its distance from the volume."""
    logs = np.log(radii)
    sampled = float(logsumexp(weights * logs) - np.log(logs.size))
    error = UNKNOWN_ERROR
    if logs.size > 1:
        error = StandardError(float(logs.std(ddof=1)) / math.sqrt(logs.size), logs.size - 1)
    radius = joined(float(logs.mean()), error, NO_ERROR, confidence)
    return LocalVolume(radius, sampled)


def stacked_excess(
    set_weights: Callable[[int, Mapping[str, Tensor]], None],
    losses: Callable[[], Floats],
    weights: Mapping[str, Tensor],
    directions: Sequence[Mapping[str, Tensor]],
    loss: float,
) -> Callable[[Floats], Floats]:
    """Excess losses along directions, one a slot of a stack, as an argument of `radii`.
    `set_weights` puts weights into a slot, `losses` gives the loss of every slot, `loss` is that of
    the member."""

    def excess(scales: Floats) -> Floats:
        for slot, (scale, along) in enumerate(zip(scales, directions, strict=True)):
            set_weights(
                slot,
                {
                    name: torch.add(w, along[name], alpha=float(scale))
                    for name, w in weights.items()
                },
            )
        return losses() - loss

    return excess


def size_contrasts(
    members: Members, weights: Sequence[int], log_radii: Floats, confidence: float
) -> Rows:
    """Rows of contrast for every two sizes of a variant: the mean log radius of the larger minus
    that of the smaller, over members with the same seeds. `members`: of one corpus.
    `weights`: number of weights of each. `log_radii` (members,)."""
    rows = []
    sizes = [(count, member.size) for count, member in zip(weights, members, strict=True)]
    for larger, smaller in pairs_of_sizes(sizes):
        for variant in dict.fromkeys(member.variant for member in members):
            first, second = (arm_positions(members, size, variant) for size in (larger, smaller))
            subject, baseline = paired_by_seeds(members, first, second)
            if subject.size:
                seeds = seeds_of(members, subject)
                differences = log_radii[subject] - log_radii[baseline]
                interval = paired_mean(differences, seeds, NO_ERROR, confidence)
                comparison = Comparison("volume", members[0].corpus, larger, smaller, variant)
                rows.append(contrast_row(comparison, interval, seeds))
    return rows


def pairs_of_sizes(sizes: Sequence[tuple[int, str]]) -> list[tuple[str, str]]:
    """(larger, smaller) of every two sizes, given as (weights, name)."""
    ordered = [name for _, name in sorted(set(sizes))]
    return [(larger, smaller) for smaller, larger in combinations(ordered, 2)]
