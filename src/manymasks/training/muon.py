"""Muon: momentum whose matrices are orthogonalised before they are applied.

Jordan et al. (2024), with the scale of Liu et al. (2025, Moonlight): updates have the root mean
square of AdamW's, so the learning rates of both are comparable.
"""

import math
from collections.abc import Sequence

import torch
from torch import Tensor

COEFFICIENTS = (3.4445, -4.7750, 2.0315)
"""Of a x + b x^3 + c x^5, chosen by Jordan et al. for the steepest slope at 0: five iterations map
every singular value above about 0.002 to between 0.68 and 1.21."""
ITERATIONS = 5
EPSILON = 1e-7
"""Smallest norm that divides a matrix: a gradient of 0 stays 0."""
MOMENTUM = 0.95
"""Decay of the moving average; updates use Nesterov momentum."""
MATCHES_ADAMW = 0.2
"""Root mean square of AdamW's updates, measured by Liu et al."""


def orthogonalise(x: Tensor) -> Tensor:
    """Approximately U V^T of each matrix U S V^T, by Newton-Schulz iterations.

    Args:
        x: (..., rows, columns).

    Returns:
        The same shape and dtype. On a CPU each matrix is computed alone in the dtype of x,
        elsewhere all at once in bfloat16: the iteration corrects its rounding errors.
    """
    # The products are smallest with the shorter side first.
    tall = x.shape[-2] > x.shape[-1]
    wide = x.mT if tall else x
    matrices = wide.reshape(-1, *wide.shape[-2:])
    if x.device.type == "cpu":
        result = torch.stack([_iterated(matrix) for matrix in matrices])
    else:
        result = _iterated(matrices.bfloat16()).to(x.dtype)
    result = result.view(wide.shape)
    return result.mT.contiguous() if tall else result


def _iterated(x: Tensor) -> Tensor:
    a, b, c = COEFFICIENTS
    multiply_add = torch.addmm if x.ndim == 2 else torch.baddbmm
    # The norm is at least the largest singular value, as convergence requires.
    x = x / torch.linalg.vector_norm(x, dim=(-2, -1), keepdim=True).clamp_min(EPSILON)
    for _ in range(ITERATIONS):
        gram = x @ x.mT
        polynomial = multiply_add(gram, gram, gram, beta=b, alpha=c)
        x = multiply_add(x, polynomial, x, beta=a)
    return x


def muon_step(
    weights: Sequence[Tensor],
    grads: Sequence[Tensor],
    momenta: Sequence[Tensor],
    rates: Tensor,
    *,
    weight_decay: float,
) -> None:
    """One step of all members, in place.

    Args:
        weights: each (members, ..., rows, columns), contiguous.
        grads: their gradients, not modified.
        momenta: their moving averages, 0 before the first step.
        rates: (members,) learning rates.
        weight_decay: decoupled, times the learning rate.

    On a CPU a member's bits do not depend on the rest of the stack. Elsewhere all matrices of one
    shape are orthogonalised at once.
    """
    with torch.no_grad():
        if rates.device.type == "cpu":
            for member in range(len(rates)):
                for weight, grad, average in zip(weights, grads, momenta, strict=True):
                    update = orthogonalise(_ahead(grad[member], average[member]))
                    _apply(weight[member], update, rates[member], weight_decay)
            return
        updates = [_ahead(grad, average) for grad, average in zip(grads, momenta, strict=True)]
        for weight, update in zip(weights, orthogonalise_all(updates), strict=True):
            rate = rates.view(-1, *[1] * (weight.ndim - 1))
            _apply(weight, update, rate, weight_decay)


def _ahead(grad: Tensor, average: Tensor) -> Tensor:
    average.lerp_(grad, 1 - MOMENTUM)
    return grad.lerp(average, MOMENTUM)


def _apply(weight: Tensor, update: Tensor, rate: Tensor, weight_decay: float) -> None:
    scale = MATCHES_ADAMW * math.sqrt(max(weight.shape[-2:]))
    weight.mul_(1 - rate * weight_decay).sub_(update * (rate * scale))


def orthogonalise_all(updates: Sequence[Tensor]) -> list[Tensor]:
    """Orthogonalise updates (members, ..., rows, columns), those of one shape in one batch."""
    by_shape: dict[tuple[int, int], list[int]] = {}
    for i, update in enumerate(updates):
        rows, columns = update.shape[-2:]
        by_shape.setdefault((min(rows, columns), max(rows, columns)), []).append(i)
    results = list(updates)
    for indices in by_shape.values():
        # With the shorter side first.
        wide = [x.mT if x.shape[-2] > x.shape[-1] else x for x in (updates[i] for i in indices)]
        batch = orthogonalise(torch.cat([x.reshape(-1, *x.shape[-2:]) for x in wide]))
        parts = torch.split(batch, [math.prod(x.shape[:-2]) for x in wide])
        for i, x, part in zip(indices, wide, parts, strict=True):
            part = part.reshape(x.shape)
            results[i] = part.mT if x.shape != updates[i].shape else part
    return results
