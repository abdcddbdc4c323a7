"""Rashomon capacity: the most that the choice of a member can tell about the next token, in nats.

C = max over weights w of I(w), where I(w) = sum_m w_m KL(p_m || q) with q = sum_m w_m p_m: the
capacity of the channel from members to tokens (Hsu & Calmon 2022), and the radius of the smallest
KL ball around all their laws. It is certified: for any weights I(w) <= C <= max_m KL(p_m || q)
(Arimoto 1972, Blahut 1972), and iterations stop when the bounds differ by at most the tolerance.

Plain Blahut-Arimoto, w_m proportional to w_m exp(KL(p_m || q)), is slow for similar members, whose
exponents are nearly equal. A power of the exponential takes longer steps. Powers up to the inverse
of the largest total variation between members never lower I (Matz & Duhamel 2004, with Dobrushin's
bound), and larger ones rarely do. So the power grows while I rises; a step that would lower I is
rejected and the power cut, at most down to the plain step, which always raises I.

For one mixture over all positions each evaluation is a pass over all positions, but its result is
small: the gradient and the curvature in the m weights. The quadratic they define is maximised
without further passes, and only its maximum is evaluated in a pass.
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass

import torch
from torch import Tensor

from manymasks.divergence.blocks import blocks

BLOCK_ELEMENTS = {"cpu": 1 << 19, "cuda": 1 << 24}
"""Probabilities in one block, float64: 4 MiB on a CPU, whose caches all passes share."""

GROW, CUT = 1.25, 4.0
"""Factor of the power after an accepted step, and its divisor after a rejected one."""

START = 1 / 8
"""The first power is this many times m / I. To second order, m laws that differ from their mean in
orthogonal directions have a curvature of 2 I, and the step to the maximum a power of m / (2 I)."""

LEAST = 1e-3
"""Share of equal weights in the mixture at which the curvature is computed."""

TINY = 1e-300
"""Probability of tokens that the mixture excludes. The upper bound on C holds for any law q, so it
is valid with this one too."""

LOWEST = -1e4
"""Replaces log 0, because its p log p is 0."""


@dataclass(frozen=True)
class Capacities:
    """Capacities of positions, float64, on the device of the laws; natural logarithms.

    - `nats` (n,): I(w), the capacity from below
    - `gap` (n,): max_m KL(p_m || q) - I(w), so that nats <= C <= nats + gap
    - `weights` (n, m): w, summing to 1; the few members with most of it are the ones to disclose
    - `information` (n,): I at equal weights, the Jensen-Shannon divergence of the members
    - `iterations` (n,): evaluations of all KL(p_m || q) beyond the first
    """

    nats: Tensor
    gap: Tensor
    weights: Tensor
    information: Tensor
    iterations: Tensor


def capacities(logp: Tensor, tolerance: float = 1e-3, max_iterations: int = 10_000) -> Capacities:
    """Capacity at each position from log-probabilities logp (m, n, V).

    They are normalised again in float64, and all computations are in float64. A position is done
    when its gap is within the tolerance, or after `max_iterations` with the gap it then has.
    Raises ValueError for other shapes, a tolerance that is not above 0, or laws without a finite
    log-probability.
    """
    _check(logp, tolerance)
    parts = [
        _block_capacities(logp[:, block], tolerance, max_iterations)
        for block in blocks(logp, BLOCK_ELEMENTS)
    ]
    return Capacities(*(torch.cat(part) for part in zip(*parts, strict=True)))


def shared_capacity(
    stream: Callable[[], Iterable[Tensor]], tolerance: float = 1e-3, max_iterations: int = 1000
) -> Capacities:
    """Capacity of one mixture for all positions, max_w mean_x I_x(w), as that of one position.

    `stream()` gives log-probabilities (m, n_b, V) that cover all positions, the same at every call:
    one at the start and one for each iteration, three or four in total if members differ by less
    than a nat. Nothing of the size of the vocabulary is kept. The certificate is that of
    `capacities` with KL(p_m || q) averaged over positions. Raises ValueError like `capacities`, and
    without positions.
    """
    weights, divergence, curvature = _pass(stream, None, tolerance)
    information = weights @ divergence
    use_quadratic = True
    for iteration in range(max_iterations + 1):
        value = weights @ divergence
        gap = divergence.max() - value
        if bool(gap <= tolerance) or iteration == max_iterations:
            break
        if use_quadratic:
            trial = _top_of_quadratic(weights, divergence, curvature, tolerance / 10)
        else:
            trial = (weights.clamp_min(TINY).log() + divergence).softmax(-1)
        evaluated = _pass(stream, trial, tolerance)
        # If the quadratic misleads, the next step is the plain one, which always raises I.
        use_quadratic = not use_quadratic or bool(evaluated[0] @ evaluated[1] >= value)
        if use_quadratic:
            weights, divergence, curvature = evaluated
    iterations = torch.full_like(value, iteration)
    fields = value.clamp_min(0), gap.clamp_min(0), weights, information.clamp_min(0), iterations
    return Capacities(*(field[None] for field in fields))


def information_at(logp: Tensor, weights: Tensor) -> Tensor:
    """I(w) at each position, (n,) float64, of laws (m, n, V) at one mixture, weights (m,). At the
    weights of `shared_capacity` its mean is that capacity, and its means over documents give the
    variation over documents: other documents change w but not I(w) to first order."""
    _check(logp, 1.0)
    parts = []
    for block in blocks(logp, BLOCK_ELEMENTS):
        p, negentropy = _laws(logp[:, block])
        parts.append(_from_mixture(p, negentropy, weights.expand(p.shape[0], -1)) @ weights)
    return torch.cat(parts)


def _block_capacities(logp: Tensor, tolerance: float, max_iterations: int) -> tuple[Tensor, ...]:
    p, negentropy = _laws(logp)

    def evaluate(weights: Tensor) -> tuple[Tensor, Tensor]:
        divergence = _from_mixture(p, negentropy, weights)
        return divergence, (weights * divergence).sum(-1)

    def keep(positions: Tensor) -> None:
        nonlocal p, negentropy
        p, negentropy = p[positions], negentropy[positions]

    equal = p.new_full(p.shape[:2], 1 / p.shape[1])
    nats, gap, weights, iterations, information = _ascend(
        equal, evaluate, keep, START * equal.shape[1], tolerance, max_iterations
    )
    # Rounding can leave values slightly below 0 if members are identical.
    return nats.clamp_min(0), gap.clamp_min(0), weights, information.clamp_min(0), iterations


def _top_of_quadratic(
    weights: Tensor, gradient: Tensor, curvature: Tensor, tolerance: float
) -> Tensor:
    """Weights (m,) that maximise a quadratic with this gradient (m,) and curvature (m, m)."""

    def evaluate(trial: Tensor) -> tuple[Tensor, Tensor]:
        step = trial - weights
        change = step @ curvature
        return gradient - change, (step * (gradient - change / 2)).sum(-1)

    return _ascend(weights[None], evaluate, lambda positions: None, 0, tolerance, 2000)[2][0]


def _ascend(
    weights: Tensor,
    evaluate: Callable[[Tensor], tuple[Tensor, Tensor]],
    keep: Callable[[Tensor], None],
    start: float,
    tolerance: float,
    max_iterations: int,
) -> tuple[Tensor, ...]:
    """Maxima of n concave functions of weights (n, m), starting from the given weights.

    Returns their values, gaps, weights, numbers of iterations, and the values at the start.
    `evaluate` gives gradient (n, m) and value (n,) of the positions last passed to `keep`. The gap,
    max_m g_m - sum_m w_m g_m, bounds the remaining increase. The first power is `start` over the
    value, at least 1.
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
    active = torch.arange(value.numel(), device=value.device)
    for iteration in range(max_iterations + 1):
        mean = (log_weights.exp() * gradient).sum(-1)
        gap = gradient.amax(-1) - mean
        done = (gap <= tolerance) | (iteration == max_iterations)
        if bool(done.any()):
            finished = active[done]
            out[0][finished], out[1][finished] = value[done], gap[done]
            out[2][finished], out[3][finished] = log_weights[done].exp(), float(iteration)
            rest = (~done).nonzero()[:, 0]
            active, power, value, mean = active[rest], power[rest], value[rest], mean[rest]
            log_weights, gradient = log_weights[rest], gradient[rest]
            if not active.numel():
                break
            keep(rest)
        trial = log_weights + power[:, None] * (gradient - mean[:, None])
        trial = trial - trial.logsumexp(-1, keepdim=True)
        trial_gradient, trial_value = evaluate(trial.exp())
        accepted = (trial_value >= value) | (power <= 1)
        log_weights = torch.where(accepted[:, None], trial, log_weights)
        gradient = torch.where(accepted[:, None], trial_gradient, gradient)
        value = torch.where(accepted, trial_value, value)
        power = torch.where(accepted, power * GROW, (power / CUT).clamp_min(1))
    return out


def _pass(
    stream: Callable[[], Iterable[Tensor]], given: Tensor | None, tolerance: float
) -> tuple[Tensor, Tensor, Tensor]:
    """Weights (m,), equal ones unless given, the mean of KL(p_m || q), and the curvature of I, the
    mean of sum_v p_i p_j / q, (m, m): inexact but finite, at a mixture with weight on every
    member."""
    sums: tuple[Tensor, Tensor] | None = None
    positions = 0
    for logp in stream():
        _check(logp, tolerance)
        positions += logp.shape[1]
        if given is None:
            members = logp.shape[0]
            given = torch.full((members,), 1 / members, dtype=torch.float64, device=logp.device)
        for block in blocks(logp, BLOCK_ELEMENTS):
            p, negentropy = _laws(logp[:, block])
            divergence = _from_mixture(p, negentropy, given.expand(p.shape[0], -1)).sum(0)
            mixture = (1 - LEAST) * given + LEAST / given.numel()
            scaled = p / torch.einsum("m,nmv->nv", mixture, p).clamp_min(TINY)[:, None]
            curvature = torch.bmm(scaled, p.transpose(1, 2)).sum(0)
            part = divergence, curvature
            sums = part if sums is None else (sums[0] + part[0], sums[1] + part[1])
    if sums is None or given is None:
        raise ValueError("a capacity needs at least one position, found none")
    return given, sums[0] / positions, sums[1] / positions


def _laws(logp: Tensor) -> tuple[Tensor, Tensor]:
    """Laws (n, m, V) in float64, contiguous, and their sums of p log p, (n, m)."""
    log = logp.transpose(0, 1).double().log_softmax(-1)
    p = log.exp()
    negentropy = (p * log.clamp_min(LOWEST)).sum(-1)
    if not bool(negentropy.isfinite().all()):
        raise ValueError("log-probabilities must not be NaN, nor -inf for all tokens")
    return p, negentropy


def _from_mixture(p: Tensor, negentropy: Tensor, weights: Tensor) -> Tensor:
    """KL of each law p (n, m, V) from the mixture with weights (n, m): (n, m)."""
    mixture = torch.bmm(weights[:, None], p)[:, 0]
    return negentropy - torch.bmm(p, mixture.clamp_min(TINY).log()[..., None])[..., 0]


def _check(logp: Tensor, tolerance: float) -> None:
    if logp.ndim != 3 or not logp.numel():
        raise ValueError(
            "expected log-probabilities (members, positions, vocabulary), none of them 0, found "
            f"{tuple(logp.shape)}"
        )
    if not tolerance > 0:
        raise ValueError(f"a tolerance must be above 0, found {tolerance}")
