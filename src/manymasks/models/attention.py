"""Causal attention whose gradients can be kept from earlier positions.

The forward pass is ordinary causal attention for every variant: equal weights give equal
logits, bit for bit. What differs is what a loss at position i may change at an earlier
position j < i. The diagonal j = i always keeps its full gradient, in the score and in the value.

`myopic`: i may change how it reads the past (W_K and W_V keep the gradient of all pairs i >= j)
but not how the past was written (h_j gets none). This is what Wu, Morris & Levine (2024) trained.
`myopic-kv`: k_j and v_j themselves get none, so W_K and W_V learn from the diagonal alone
(Rofin, Naghiyev & Hahn 2026). `discount`: as `myopic`, but h_j gets gamma^(i-j) of it.
Displacements add along any path through the layers, so the discount is exact end to end:
gamma = 1 is causal and gamma = 0 is myopic.

With s_ij the scaled scores, lse_i their log-sum-exp, a_ii = exp(s_ii - lse_i) and o_i the
output, the diagonal's share of the gradients of keys and values is

    dv_i = a_ii do_i        dk_i = scale a_ii ((v_i - o_i) . do_i) q_i

the derivative of o_i = sum_j a_ij v_j in k_i and v_i alone. It costs O(T d) beside the CPU's
fused kernel and needs no T x T matrix; elsewhere the matrix is written out. A discount is the
fused backward pass called once more with the outputs and lse of the first and a bias (i - j)
log gamma on the scores, which multiplies a_ij by gamma^(i-j) and nothing else.
"""

import functools
import math
from typing import Any

import torch
from torch import Tensor
from torch.autograd.function import FunctionCtx

_aten = torch.ops.aten


def causal_attention(q: Tensor, k: Tensor, v: Tensor) -> Tensor:
    """Softmax attention of each position over itself and all earlier ones.

    Args:
        q, k, v: (batch, heads, positions, head dimension).

    Returns:
        Outputs of the same shape. Gradients are the ordinary ones.
    """
    return _Attention.apply(q, k, v)  # type: ignore[no-any-return, no-untyped-call]


def parted_attention(
    q: Tensor, k: Tensor, v: Tensor, k_own: Tensor, v_own: Tensor, gamma: float = 0.0
) -> Tensor:
    """The same outputs as `causal_attention(q, k, v)`, with the gradient in two parts.

    Args:
        q: (batch, heads, positions, head dimension).
        k, v: keys and values as they are read; they get the whole gradient, of all pairs i >= j.
        k_own, v_own: equal in value to k and v, as they were written; they get the gradient
            of the pair (i, j) times gamma^(i-j): at gamma = 0 that of the diagonal alone.
        gamma: in [0, 1].

    Returns:
        Outputs of the same shape.
    """
    return _PartedAttention.apply(q, k, v, k_own, v_own, gamma)  # type: ignore[no-any-return, no-untyped-call]


def own_attention(q: Tensor, k: Tensor, v: Tensor) -> Tensor:
    """The same outputs as `causal_attention(q, k, v)`; k and v get the diagonal's share alone."""
    return _OwnAttention.apply(q, k, v)  # type: ignore[no-any-return, no-untyped-call]


class _Attention(torch.autograd.Function):
    @staticmethod
    def forward(ctx: FunctionCtx, q: Tensor, k: Tensor, v: Tensor) -> Tensor:
        out, lse = _forward(q, k, v)
        ctx.save_for_backward(q, k, v, out, lse)
        return out

    @staticmethod
    def backward(ctx: Any, *grads: Tensor) -> tuple[Tensor, ...]:
        q, k, v, out, lse = ctx.saved_tensors
        return _backward(grads[0].contiguous(), q, k, v, out, lse)


class _PartedAttention(torch.autograd.Function):
    @staticmethod
    def forward(
        ctx: Any, q: Tensor, k: Tensor, v: Tensor, k_own: Tensor, v_own: Tensor, gamma: float
    ) -> Tensor:
        out, lse = _forward(q, k, v)
        ctx.save_for_backward(q, k, v, out, lse)
        ctx.gamma = gamma
        return out

    @staticmethod
    def backward(ctx: Any, *grads: Tensor) -> tuple[Tensor | None, ...]:
        grad = grads[0].contiguous()
        q, k, v, out, lse = ctx.saved_tensors
        dq, dk, dv = _backward(grad, q, k, v, out, lse)
        dk_own, dv_own = dk, dv
        if ctx.gamma == 0:
            dk_own, dv_own = _diagonal(grad, q, k, v, out, lse)
        elif ctx.gamma < 1:
            _, dk_own, dv_own = _backward(grad, q, k, v, out, lse, ctx.gamma)
        return dq, dk, dv, dk_own, dv_own, None


class _OwnAttention(torch.autograd.Function):
    @staticmethod
    def forward(ctx: FunctionCtx, q: Tensor, k: Tensor, v: Tensor) -> Tensor:
        out, lse = _forward(q, k, v)
        ctx.save_for_backward(q, k, v, out, lse)
        return out

    @staticmethod
    def backward(ctx: Any, *grads: Tensor) -> tuple[Tensor, ...]:
        grad = grads[0].contiguous()
        # No stock kernel can leave dk and dv out: they are computed and thrown away.
        q, k, v, out, lse = ctx.saved_tensors
        dq, _, _ = _backward(grad, q, k, v, out, lse)
        return dq, *_diagonal(grad, q, k, v, out, lse)


def _diagonal(
    grad: Tensor, q: Tensor, k: Tensor, v: Tensor, out: Tensor, lse: Tensor
) -> tuple[Tensor, Tensor]:
    """Gradients of k and v from the pairs (i, i) alone."""
    scale = 1 / math.sqrt(q.shape[-1])
    own = torch.exp((q * k).sum(-1) * scale - lse).to(q.dtype).unsqueeze(-1)
    return (scale * own * ((v - out) * grad).sum(-1, keepdim=True)) * q, own * grad


def _forward(q: Tensor, k: Tensor, v: Tensor) -> tuple[Tensor, Tensor]:
    """Outputs, and the log-sum-exp of each position's scores, (batch, heads, positions)."""
    if q.device.type == "cpu":
        out, lse = _aten._scaled_dot_product_flash_attention_for_cpu(q, k, v, 0.0, True)
        return out, lse
    weights, lse = _dense(q, k)
    return weights @ v, lse


def _backward(
    grad: Tensor,
    q: Tensor,
    k: Tensor,
    v: Tensor,
    out: Tensor,
    lse: Tensor,
    gamma: float | None = None,
) -> tuple[Tensor, Tensor, Tensor]:
    """Gradients of q, k and v; with `gamma`, each pair's times gamma^(i-j)."""
    bias = None if gamma is None else _bias(q.shape[-2], gamma, q.dtype, q.device)
    if q.device.type == "cpu":
        return _aten._scaled_dot_product_flash_attention_for_cpu_backward(  # type: ignore[no-any-return]
            grad, q, k, v, out, lse, 0.0, bias is None, attn_mask=bias
        )
    return dense_backward(grad, q, k, v, out, bias)


@functools.lru_cache(maxsize=4)
def _bias(positions: int, gamma: float, dtype: torch.dtype, device: torch.device) -> Tensor:
    """(positions, positions) of (i - j) log gamma; minus infinity for j > i."""
    i = torch.arange(positions, device=device)
    distance = (i[:, None] - i).to(dtype)
    return (distance * math.log(gamma)).masked_fill(distance < 0, -math.inf)


def _dense(q: Tensor, k: Tensor) -> tuple[Tensor, Tensor]:
    scores = (q @ k.transpose(-1, -2)) / math.sqrt(q.shape[-1])
    future = torch.ones(scores.shape[-2:], dtype=torch.bool, device=q.device).triu(1)
    scores = scores.masked_fill(future, -math.inf)
    lse = torch.logsumexp(scores.float() if scores.dtype != torch.float64 else scores, -1)
    return torch.exp(scores - lse.unsqueeze(-1)).to(q.dtype), lse


def dense_backward(
    grad: Tensor, q: Tensor, k: Tensor, v: Tensor, out: Tensor, bias: Tensor | None = None
) -> tuple[Tensor, Tensor, Tensor]:
    """Gradients of causal attention with the T x T matrix written out, on any device.

    With a bias (positions, positions) on the scores, each pair's gradient times its exponential.
    """
    weights, _ = _dense(q, k)
    if bias is not None:
        weights = weights * bias.exp()
    centred = grad @ v.transpose(-1, -2) - (grad * out).sum(-1, keepdim=True)
    dscores = weights * centred / math.sqrt(q.shape[-1])
    return dscores @ k, dscores.transpose(-1, -2) @ q, weights.transpose(-1, -2) @ grad


class _ReadAndWritten(torch.autograd.Function):
    @staticmethod
    def forward(ctx: FunctionCtx, h: Tensor, weight: Tensor) -> tuple[Tensor, Tensor]:
        ctx.save_for_backward(h, weight)
        read = h @ weight.T
        return read, read.view_as(read)

    @staticmethod
    def backward(ctx: Any, *grads: Tensor) -> tuple[Tensor, Tensor]:
        read, own = grads
        h, weight = ctx.saved_tensors
        return own @ weight, read.flatten(0, -2).T @ h.flatten(0, -2)


def read_and_own(h: Tensor, weight: Tensor) -> tuple[Tensor, Tensor]:
    """Project once, and part the gradient between the weight and what it is applied to.

    Args:
        h: (..., positions, d) normalised inputs of an attention layer.
        weight: (e, d) of W_K or W_V.

    Returns:
        `h @ weight.T` twice. The first, read by all positions, passes its gradient to the
        weight alone; the second, a position's own, passes its gradient to h alone.
    """
    return _ReadAndWritten.apply(h, weight)  # type: ignore[no-any-return, no-untyped-call]
