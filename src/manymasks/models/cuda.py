"""Causal attention on a GPU with its log-sum-exp, and each part of its gradient on its own.

The fused kernels of torch are called by name, because the public function keeps the log-sum-exp
to itself and with it every part of the gradient is a call of its own: no tensor here has
positions x positions but the decay of a discount, which all windows and heads share.

    forward            outputs and log-sum-exp
    backward           gradients of all pairs (i, j), or each times gamma^(i-j)
    backward_queries   the gradient of the queries alone, for `myopic-kv`: a Triton kernel
    diagonal           the gradients of keys and values of the pairs (i, i) alone, O(T d)

bfloat16 goes through FlashAttention, float32 and whatever has a bias through the memory-efficient
kernels. Both take the outputs and log-sum-exp they are given: so a discount is the ordinary
backward pass with (i - j) log gamma added to the scores and the log-sum-exp of the scores without
it, which multiplies a_ij by gamma^(i-j) and nothing else. Under deterministic algorithms both
repeat their bits; the Triton kernel adds nothing atomically and always does.

What has been run. On a CPU: `diagonal`, `decay`, and the Triton kernel in Triton's interpreter,
against dense attention; it was compiled for an H200 too. The shapes and arguments of the fused
kernels, with tensors that have no values. On a GPU: nothing yet. `tests/unit/test_cuda.py`
compares all of it with dense attention where there is one.
"""

import contextlib
import functools
import importlib.util
import math
from collections.abc import Iterator
from typing import NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor

aten = torch.ops.aten

LSE_ALIGNED = 32
"""The memory-efficient kernels want a log-sum-exp of a multiple of this many positions."""
ALIGNED = 8
"""Features of a head, and columns of a bias, come in multiples of this many (16 bytes)."""


class Attended(NamedTuple):
    """What `forward` found."""

    out: Tensor
    """(batch, heads, positions, head dimension)."""
    lse: Tensor
    """(batch, heads, positions), float32, of the scaled scores."""


def forward(q: Tensor, k: Tensor, v: Tensor, *, scale: float | None = None) -> Attended:
    """Softmax attention of each position over itself and all earlier ones.

    Args:
        q, k, v: (batch, heads, positions, head dimension), float32 or bfloat16, contiguous.
        scale: of the scores; 1 / sqrt(head dimension) where it is not given.
    """
    scale = _scale(q, scale)
    padded = [_whole(x) for x in (q, k, v)]
    if q.dtype == torch.bfloat16:
        out, lse, *_ = aten._scaled_dot_product_flash_attention(*padded, 0.0, True, scale=scale)
    else:
        out, lse, *_ = aten._scaled_dot_product_efficient_attention(
            *padded, None, True, 0.0, True, scale=scale
        )
    return Attended(out[..., : q.shape[-1]], lse[..., : q.shape[-2]])


@contextlib.contextmanager
def _strictly() -> Iterator[None]:
    """Where bits are to be repeated: the fused kernels do so only if no warning will do instead."""
    wanted = torch.are_deterministic_algorithms_enabled()
    lenient = torch.is_deterministic_algorithms_warn_only_enabled()
    torch.use_deterministic_algorithms(wanted)
    try:
        yield
    finally:
        torch.use_deterministic_algorithms(wanted, warn_only=lenient)


@_strictly()
def backward(
    grad: Tensor,
    q: Tensor,
    k: Tensor,
    v: Tensor,
    out: Tensor,
    lse: Tensor,
    bias: Tensor | None = None,
    *,
    scale: float | None = None,
) -> tuple[Tensor, Tensor, Tensor]:
    """Gradients of q, k and v.

    Args:
        grad: of the outputs; out, lse: what `forward` found.
        bias: that of `decay`: each pair's gradient is then multiplied by its exponential. It is
            rounded to the dtype of q, so that in bfloat16 a factor exp(b) is good to b / 256.
        scale: as it was given to `forward`.
    """
    scale, head, positions = _scale(q, scale), q.shape[-1], q.shape[-2]
    grad, q, k, v, out = (_whole(x) for x in (grad, q, k, v, out))
    # Without dropout nothing is drawn, but the arguments must be there.
    seed = q.new_zeros((), dtype=torch.int64)
    if q.dtype == torch.bfloat16 and bias is None:
        found = aten._scaled_dot_product_flash_attention_backward(
            *(grad, q, k, v, out, lse.contiguous(), None, None, positions, positions),
            *(0.0, True, seed, seed),
            scale=scale,
        )
    else:
        if bias is not None:
            bias = bias.to(q.dtype).expand(*q.shape[:2], -1, -1)
        # The kernel takes the outputs' strides for granted: heads side by side in a position.
        out = out.transpose(1, 2).contiguous().transpose(1, 2)
        # A row that is not there has no weights: exp(score - infinity) is 0.
        lse = F.pad(lse, (0, -positions % LSE_ALIGNED), value=math.inf)
        found = aten._scaled_dot_product_efficient_attention_backward(
            *(grad, q, k, v, bias, out, lse.contiguous(), seed, seed),
            *(0.0, [True, True, True, False], True),
            scale=scale,
        )[:3]
    dq, dk, dv = (each[..., :head] for each in found)
    return dq, dk, dv


def backward_queries(
    grad: Tensor,
    q: Tensor,
    k: Tensor,
    v: Tensor,
    out: Tensor,
    lse: Tensor,
    *,
    scale: float | None = None,
) -> Tensor:
    """The gradient of q alone, in three matrix products where `backward` makes five.

    Arguments as those of `backward`. Without Triton it is the first that `backward` finds.
    """
    if importlib.util.find_spec("triton") is None:
        return backward(grad, q, k, v, out, lse, scale=scale)[0]
    # Triton comes with torch for GPUs and not with torch for CPUs.
    from manymasks.models.cuda_queries import launch

    return launch(grad, q, k, v, out, lse, _scale(q, scale))


def diagonal(
    grad: Tensor,
    q: Tensor,
    k: Tensor,
    v: Tensor,
    out: Tensor,
    lse: Tensor,
    *,
    scale: float | None = None,
) -> tuple[Tensor, Tensor]:
    """Gradients of k and v from the pairs (i, i) alone. Arguments as those of `backward`.

    With a_ii = exp(s_ii - lse_i): scale a_ii ((v_i - o_i) . do_i) q_i, and a_ii do_i.
    """
    scale = _scale(q, scale)
    weights = torch.exp((q * k).sum(-1, dtype=lse.dtype) * scale - lse)
    scores = weights * ((v - out) * grad).sum(-1, dtype=lse.dtype) * scale
    return scores.to(q.dtype).unsqueeze(-1) * q, weights.to(q.dtype).unsqueeze(-1) * grad


@functools.cache
def decay(positions: int, gamma: float, dtype: torch.dtype, device: torch.device | str) -> Tensor:
    """(positions, positions) of (i - j) log gamma, minus infinity for j > i; gamma above 0."""
    # Rows are as far apart as aligned loads need.
    i = torch.arange(positions, device=device)
    j = torch.arange(positions + -positions % ALIGNED, device=device)
    distance = (i[:, None] - j).to(torch.float32)
    bias = (distance * math.log(gamma)).masked_fill(distance < 0, -math.inf).to(dtype)
    return bias[:, :positions]


def _scale(q: Tensor, scale: float | None) -> float:
    return 1 / math.sqrt(q.shape[-1]) if scale is None else scale


def _whole(x: Tensor) -> Tensor:
    """With as many features as the kernels take; those added are 0 and change nothing."""
    missing = -x.shape[-1] % ALIGNED
    return F.pad(x, (0, missing)) if missing else x
