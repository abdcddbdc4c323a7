"""Rashomon capacity: what the choice of a member can tell of the next token, in nats.

C = max over weights w of I(w), where I(w) = sum_m w_m KL(p_m || q) with q = sum_m w_m p_m: the
capacity of the channel from members to tokens (Hsu & Calmon 2022), and the radius of the ball
that holds all their laws. It is certified: for any weights I(w) <= C <= max_m KL(p_m || q)
(Arimoto 1972, Blahut 1972), and iterations stop when the two are within the tolerance.

Plain Blahut-Arimoto, w_m proportional to w_m exp(KL(p_m || q)), is slow where members are alike:
all exponents are nearly the same. A power of the exponential reaches further. Powers to the
inverse of the largest total variation of two members never lower I (Matz & Duhamel 2004, with
Dobrushin's bound), and larger ones mostly do not: the power grows while I rises, and a step that
would lower I is not taken, the power cut instead, down to the plain step, which always rises.

Where one mixture serves all positions a step costs a pass over all of them, but what a pass tells
is small: the gradient and the curvature in the m weights. So the steps are made on the quadratic
that these define, until it knows no better, and only what it finds is tried in a pass.
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass

import torch
from torch import Tensor

from manymasks.divergence.blocks import blocks

BLOCK_ELEMENTS = {"cpu": 1 << 19, "cuda": 1 << 24}
"""Probabilities in one block, float64: 4 MiB on a CPU, whose caches all passes share."""

GROW, CUT = 1.25, 4.0
"""What the power is multiplied by after a step that was taken, and divided by after one not."""

START = 1 / 8
"""The first power is that many times m / I. To second order, m laws that differ from their mean
in directions of their own have a curvature of 2 I, and the step to the top a power of m / (2 I)."""

LEAST = 1e-3
"""Share of equal weights in the mixture whose curvature is taken."""

TINY = 1e-300
"""Stands in for tokens that no member of weight can say. A bound on C needs any law q, not the
mixture: with this one it is that of a mixture which gives them next to nothing."""


LOWEST = -1e4
"""Stands in for the logarithm of 0, whose p log p is 0."""


@dataclass(frozen=True)
class Capacities:
    """Capacities of positions, float64, on the device of the laws; natural logarithms.

    - `nats` (n,): I(w), the capacity from below
    - `gap` (n,): max_m KL(p_m || q) - I(w), so that nats <= C <= nats + gap
    - `weights` (n, m): w, that sum to 1: few members carry most of it, the ones to disclose
    - `information` (n,): I of equal weights, the Jensen-Shannon divergence of the members
    - `iterations` (n,): evaluations of all KL(p_m || q) beyond the first
    """

    nats: Tensor
    gap: Tensor
    weights: Tensor
    information: Tensor
    iterations: Tensor


def capacities(logp: Tensor, tolerance: float = 1e-3, most: int = 10_000) -> Capacities:
    """Capacity of each position over its members, logp (m, n, V), log-probabilities.

    They are normalised again in float64, in which all is computed. Positions drop out as their
    gap is within the tolerance; after `most` iterations those left keep the gap that they have.
    Raises ValueError for other shapes, a tolerance that is not above 0 or laws without a
    probability.
    """
    _check(logp, tolerance)
    parts = [_of_block(logp[:, block], tolerance, most) for block in blocks(logp, BLOCK_ELEMENTS)]
    return Capacities(*(torch.cat(part) for part in zip(*parts, strict=True)))


def shared_capacity(
    stream: Callable[[], Iterable[Tensor]], tolerance: float = 1e-3, most: int = 1000
) -> Capacities:
    """The capacity of one mixture for all positions, max_w mean_x I_x(w), as of one position.

    `stream()` gives log-probabilities (m, n_b, V) that cover all positions, the same each time:
    it is called once for each iteration and once before, three or four times in all where
    members differ by less than a nat. Nothing of the size of the vocabulary is kept. The
    certificate is the same, with KL(p_m || q) averaged over positions. Raises ValueError as
    `capacities` does, and without positions.
    """
    weights, divergence, curvature = _pass(stream, None, tolerance)
    information = weights @ divergence
    modelled = True
    for iteration in range(most + 1):
        inside = weights @ divergence
        gap = divergence.max() - inside
        if bool(gap <= tolerance) or iteration == most:
            break
        if modelled:
            trial = _top_of_quadratic(weights, divergence, curvature, tolerance / 10)
        else:
            trial = (weights.clamp_min(TINY).log() + divergence).softmax(-1)
        there = _pass(stream, trial, tolerance)
        # The plain step always rises; where the quadratic misled, it is the way on.
        modelled = not modelled or bool(there[0] @ there[1] >= inside)
        if modelled:
            weights, divergence, curvature = there
    passes = torch.full_like(inside, iteration)
    found = inside.clamp_min(0), gap.clamp_min(0), weights, information.clamp_min(0), passes
    return Capacities(*(x[None] for x in found))


def information_at(logp: Tensor, weights: Tensor) -> Tensor:
    """I(w) at each position, (n,) float64, of laws (m, n, V) and one mixture, weights (m,).

    At the weights of `shared_capacity` its mean over positions is that capacity, and its means
    over documents tell how it varies over them: as w maximises the mean, other documents would
    change w in first order but not I(w). Raises ValueError as `capacities` does.
    """
    _check(logp, 1.0)
    parts = []
    for block in blocks(logp, BLOCK_ELEMENTS):
        p, own = _laws(logp[:, block])
        parts.append(_from_mixture(p, own, weights.expand(p.shape[0], -1)) @ weights)
    return torch.cat(parts)


def _of_block(logp: Tensor, tolerance: float, most: int) -> tuple[Tensor, ...]:
    p, own = _laws(logp)

    def evaluate(weights: Tensor) -> tuple[Tensor, Tensor]:
        divergence = _from_mixture(p, own, weights)
        return divergence, (weights * divergence).sum(-1)

    def keep(positions: Tensor) -> None:
        nonlocal p, own
        p, own = p[positions], own[positions]

    equal = p.new_full(p.shape[:2], 1 / p.shape[1])
    nats, gap, weights, iterations, information = _ascend(
        equal, evaluate, keep, START * equal.shape[1], tolerance, most
    )
    # Rounding can leave some a little below 0 where members are the same.
    return nats.clamp_min(0), gap.clamp_min(0), weights, information.clamp_min(0), iterations


def _top_of_quadratic(
    weights: Tensor, gradient: Tensor, curvature: Tensor, tolerance: float
) -> Tensor:
    """Weights (m,) that maximise a quadratic with this gradient (m,) and curvature (m, m)."""

    def evaluate(trial: Tensor) -> tuple[Tensor, Tensor]:
        apart = trial - weights
        bent = apart @ curvature
        return gradient - bent, (apart * (gradient - bent / 2)).sum(-1)

    return _ascend(weights[None], evaluate, lambda positions: None, 0, tolerance, 2000)[2][0]


def _ascend(
    weights: Tensor,
    evaluate: Callable[[Tensor], tuple[Tensor, Tensor]],
    keep: Callable[[Tensor], None],
    start: float,
    tolerance: float,
    most: int,
) -> tuple[Tensor, ...]:
    """Maxima of concave functions of weights (n, m), from given ones on.

    Returns their values, gaps, weights, numbers of iterations and the values at the start.
    `evaluate` gives gradient (n, m) and value (n,) at the weights of the positions that `keep`
    left. The gap, max_m g_m - sum_m w_m g_m, bounds what is left to gain. The first power is
    `start` over the value, at least 1.
    """
    gradient, value = evaluate(weights)
    log_weights = weights.clamp_min(TINY).log()
    power = (start / value.clamp_min(TINY)).clamp_min(1)
    out = (
        torch.empty_like(value),
        torch.empty_like(value),
        torch.empty_like(weights),
        torch.zeros_like(value),
        value.clone(),
    )
    left = torch.arange(value.numel(), device=value.device)
    for iteration in range(most + 1):
        mean = (log_weights.exp() * gradient).sum(-1)
        gap = gradient.amax(-1) - mean
        done = (gap <= tolerance) | (iteration == most)
        if bool(done.any()):
            where = left[done]
            out[0][where], out[1][where] = value[done], gap[done]
            out[2][where], out[3][where] = log_weights[done].exp(), float(iteration)
            rest = (~done).nonzero()[:, 0]
            left, power, value, mean = left[rest], power[rest], value[rest], mean[rest]
            log_weights, gradient = log_weights[rest], gradient[rest]
            if not left.numel():
                break
            keep(rest)
        trial = log_weights + power[:, None] * (gradient - mean[:, None])
        trial = trial - trial.logsumexp(-1, keepdim=True)
        there, risen = evaluate(trial.exp())
        taken = (risen >= value) | (power <= 1)
        log_weights = torch.where(taken[:, None], trial, log_weights)
        gradient = torch.where(taken[:, None], there, gradient)
        value = torch.where(taken, risen, value)
        power = torch.where(taken, power * GROW, (power / CUT).clamp_min(1))
    return out


def _pass(
    stream: Callable[[], Iterable[Tensor]], given: Tensor | None, tolerance: float
) -> tuple[Tensor, Tensor, Tensor]:
    """Weights (m,), equal ones unless given, the mean of KL(p_m || q) and the curvature of I.

    The curvature, the mean of sum_v p_i p_j / q, (m, m), is that of a mixture which leaves no
    member out: it need not be exact, and stays finite.
    """
    sums: tuple[Tensor, Tensor] | None = None
    positions = 0
    for logp in stream():
        _check(logp, tolerance)
        positions += logp.shape[1]
        if given is None:
            members = logp.shape[0]
            given = torch.full((members,), 1 / members, dtype=torch.float64, device=logp.device)
        for block in blocks(logp, BLOCK_ELEMENTS):
            p, own = _laws(logp[:, block])
            divergence = _from_mixture(p, own, given.expand(p.shape[0], -1)).sum(0)
            some = (1 - LEAST) * given + LEAST / given.numel()
            scaled = p / torch.einsum("m,nmv->nv", some, p).clamp_min(TINY)[:, None]
            curvature = torch.bmm(scaled, p.transpose(1, 2)).sum(0)
            part = divergence, curvature
            sums = part if sums is None else (sums[0] + part[0], sums[1] + part[1])
    if sums is None or given is None:
        raise ValueError("a capacity needs at least one position, found none")
    return given, sums[0] / positions, sums[1] / positions


def _laws(logp: Tensor) -> tuple[Tensor, Tensor]:
    """Laws (n, m, V) in float64, contiguous, and sum p log p (n, m)."""
    log = logp.transpose(0, 1).double().log_softmax(-1)
    p = log.exp()
    own = (p * log.clamp_min(LOWEST)).sum(-1)
    if not bool(own.isfinite().all()):
        raise ValueError("log-probabilities must not be NaN, nor -inf for all tokens")
    return p, own


def _from_mixture(p: Tensor, own: Tensor, weights: Tensor) -> Tensor:
    """KL of each law p (n, m, V) from the mixture with weights (n, m), (n, m)."""
    mixture = torch.bmm(weights[:, None], p)[:, 0]
    return own - torch.bmm(p, mixture.clamp_min(TINY).log()[..., None])[..., 0]


def _check(logp: Tensor, tolerance: float) -> None:
    if logp.ndim != 3 or not logp.numel():
        raise ValueError(
            "expected log-probabilities (members, positions, vocabulary), none of them 0, found "
            f"{tuple(logp.shape)}"
        )
    if not tolerance > 0:
        raise ValueError(f"a tolerance must be above 0, found {tolerance}")
