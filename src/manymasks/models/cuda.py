"""Causal attention on a GPU with its log-sum-exp, and separate parts of its gradient.

The fused kernels of torch are called by name, because the public function does not return the
log-sum-exp, from which every part of the gradient can be computed separately. The only tensor of
positions x positions is the decay of a discount, which all windows and heads share.

    forward            outputs and log-sum-exp
    backward           gradients of all pairs (i, j), or each times gamma^(i-j)
    backward_queries   the gradient of the queries only, for `myopic-kv`: a Triton kernel
    diagonal           the gradients of keys and values of the pairs (i, i) only, O(T d)

bfloat16 uses FlashAttention; float32, and any bias, the memory-efficient kernels. Both take outputs
and log-sum-exp as arguments: a discount is the ordinary backward pass with (i - j) log gamma added
to the scores and the log-sum-exp of the scores without it, which multiplies a_ij by gamma^(i-j).
Under deterministic algorithms both repeat their bits; the Triton kernel uses no atomics and always
does.

Tested on a CPU: `diagonal`, `decay`, and the Triton kernel in Triton's interpreter, against dense
attention; the kernel compiles for an H200. The shapes and arguments of the fused kernels are tested
with meta tensors. Not yet run on a GPU: `tests/unit/test_cuda.py` compares everything with dense
attention if there is one.
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
"""Positions of the log-sum-exp in the memory-efficient kernels are a multiple of this."""
ALIGNED = 8
"""Features of a head, and columns of a bias, are a multiple of this (16 bytes)."""


class Attended(NamedTuple):
    """Results of `forward`."""

    out: Tensor
    """(batch, heads, positions, head dimension)."""
    lse: Tensor
    """(batch, heads, positions), float32, of the scaled scores."""


def forward(q: Tensor, k: Tensor, v: Tensor, *, scale: float | None = None) -> Attended:
    """Softmax attention of each position over itself and all earlier ones.

    `q`, `k`, `v` (batch, heads, positions, head dimension), float32 or bfloat16, contiguous.
    `scale`: of the scores; 1 / sqrt(head dimension) by default.
    """
    scale = _scale(q, scale)
    padded = [_padded(x) for x in (q, k, v)]
    if q.dtype == torch.bfloat16:
        out, lse, *_ = aten._scaled_dot_product_flash_attention(*padded, 0.0, True, scale=scale)
    else:
        out, lse, *_ = aten._scaled_dot_product_efficient_attention(
            *padded, None, True, 0.0, True, scale=scale
        )
    return Attended(out[..., : q.shape[-1]], lse[..., : q.shape[-2]])


@contextlib.contextmanager
def _strictly_deterministic() -> Iterator[None]:
    """Without `warn_only`, which would let the fused kernels be nondeterministic."""
    deterministic = torch.are_deterministic_algorithms_enabled()
    warn_only = torch.is_deterministic_algorithms_warn_only_enabled()
    torch.use_deterministic_algorithms(deterministic)
    try:
        yield
    finally:
        torch.use_deterministic_algorithms(deterministic, warn_only=warn_only)


@_strictly_deterministic()
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

    `grad`: of the outputs; out, lse: results of `forward`. `bias`: of `decay`: the gradient of each
    pair is multiplied by its exponential. It is rounded to the dtype of q: in bfloat16 a factor
    exp(b) has a relative error of b / 256. `scale`: as in `forward`.
    """
    scale, head, positions = _scale(q, scale), q.shape[-1], q.shape[-2]
    grad, q, k, v, out = (_padded(x) for x in (grad, q, k, v, out))
    # Required arguments, unused without dropout.
    seed = q.new_zeros((), dtype=torch.int64)
    if q.dtype == torch.bfloat16 and bias is None:
        gradients = aten._scaled_dot_product_flash_attention_backward(
            *(grad, q, k, v, out, lse.contiguous(), None, None, positions, positions),
            *(0.0, True, seed, seed),
            scale=scale,
        )
    else:
        if bias is not None:
            bias = bias.to(q.dtype).expand(*q.shape[:2], -1, -1)
        # The kernel assumes the strides of the outputs: heads adjacent within a position.
        out = out.transpose(1, 2).contiguous().transpose(1, 2)
        # Padded rows have no weights: exp(score - infinity) is 0.
        lse = F.pad(lse, (0, -positions % LSE_ALIGNED), value=math.inf)
        gradients = aten._scaled_dot_product_efficient_attention_backward(
            *(grad, q, k, v, bias, out, lse.contiguous(), seed, seed),
            *(0.0, [True, True, True, False], True),
            scale=scale,
        )[:3]
    dq, dk, dv = (gradient[..., :head] for gradient in gradients)
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
    """The gradient of q only, in three matrix products instead of the five of `backward`.

    Arguments as in `backward`, which replaces it without Triton.
    """
    if importlib.util.find_spec("triton") is None:
        return backward(grad, q, k, v, out, lse, scale=scale)[0]
    # Only the GPU build of torch includes Triton.
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
    """Gradients of k and v from the pairs (i, i) only. Arguments as in `backward`.

    With a_ii = exp(s_ii - lse_i): scale a_ii ((v_i - o_i) . do_i) q_i, and a_ii do_i.
    """
    scale = _scale(q, scale)
    weights = torch.exp((q * k).sum(-1, dtype=lse.dtype) * scale - lse)
    scores = weights * ((v - out) * grad).sum(-1, dtype=lse.dtype) * scale
    return scores.to(q.dtype).unsqueeze(-1) * q, weights.to(q.dtype).unsqueeze(-1) * grad


@functools.cache
def decay(positions: int, gamma: float, dtype: torch.dtype, device: torch.device | str) -> Tensor:
    """(positions, positions) of (i - j) log gamma, minus infinity for j > i; gamma above 0."""
    # Padded columns give the row stride that aligned loads need.
    i = torch.arange(positions, device=device)
    j = torch.arange(positions + -positions % ALIGNED, device=device)
    distance = (i[:, None] - j).to(torch.float32)
    bias = (distance * math.log(gamma)).masked_fill(distance < 0, -math.inf).to(dtype)
    return bias[:, :positions]


def _scale(q: Tensor, scale: float | None) -> float:
    return 1 / math.sqrt(q.shape[-1]) if scale is None else scale


def _padded(x: Tensor) -> Tensor:
    """Features padded with zeros to a multiple of `ALIGNED`."""
    missing = -x.shape[-1] % ALIGNED
    return F.pad(x, (0, missing)) if missing else x
