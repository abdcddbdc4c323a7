"""Causal attention with control of the gradients to earlier positions.

The forward pass is ordinary causal attention for every route that reads its own past: equal weights
give equal logits, bit for bit. Routes differ in the gradient of a loss at position i with respect
to earlier positions j < i. The diagonal j = i always keeps its full gradient, in score and value.

`myopic`: the reading of the past is trained (W_K and W_V keep the gradient of all pairs i >= j),
its writing is not (h_j is detached). This is what Wu, Morris & Levine (2024) trained. `myopic-kv`:
k_j and v_j are detached, so W_K and W_V learn from the diagonal only (Rofin, Naghiyev & Hahn 2026).
`discount`: as `myopic`, but h_j gets gamma^(i-j) of its gradient. Displacements add along any path
through the layers, so the discount is exact end to end: gamma = 1 is causal, gamma = 0 myopic.
`local`: the past j < i is that of another model, given and fixed. `bigram`: no past. `reservoir`:
keys and values are detached on the diagonal too, so only reading is trained.

With s the scaled scores, a their softmax, do the gradient of the outputs and
ds_ij = a_ij (do_i . v_j - do_i . o_i), the gradients are

    dq_i = sum_j ds_ij k_j      dk_j = sum_i ds_ij q_i      dv_j = sum_i a_ij do_i

and the diagonal's share of the last two is ds_jj q_j and a_jj do_j. So keys and values have two
gradients: *read*, for the weights W_K and W_V, and *diagonal*, for the input h_j. `causal` needs
only one of them, `myopic` both, which costs O(T d) more, and `myopic-kv` only *diagonal*, which
saves the products for dk and dv.

All tensors are (members, heads x batch, head dimension, positions), with one matrix for each head
and window. Scores are computed in blocks of `ROWS` queries against the keys they see, so nothing
beyond the last diagonal block is computed and no T x T matrix is kept: the backward pass recomputes
them. The products of one member are batched; members are computed one by one, so a member's bits do
not depend on the rest of the stack.
"""

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import groupby

import torch
from torch import Tensor

from manymasks.kinds.gradient_flows import GRADIENTS, GradientFlow
from manymasks.models import cuda

ROWS = 64
"""Queries in one block of scores, for all heads and windows of a member."""


@dataclass(frozen=True)
class Route:
    """How gradients flow through the attention of one member."""

    gradient: str = "causal"
    """One of `GRADIENTS`."""
    gamma: float = 0.0
    """`discount` only: the share of a gradient that reaches the position before."""

    @property
    def flow(self) -> GradientFlow:
        """The row of its gradient."""
        return GRADIENTS[self.gradient]

    @property
    def keeps(self) -> float | None:
        """Share of the gradient at distance 1 that reaches h_j; None if k_j, v_j are detached."""
        return self.gamma if self.flow.takes_gamma else self.flow.keeps

    @property
    def reads_past(self) -> bool:
        """Whether attention sees any earlier position."""
        return self.flow.past != "none"

    @property
    def needs_past(self) -> bool:
        """Whether earlier positions are those of another model, which must be given."""
        return self.flow.past == "given"

    @property
    def reads_own_past(self) -> bool:
        """Whether the forward pass is that of ordinary causal attention."""
        return self.flow.past == "own"


def runs_of(routes: Sequence[Route]) -> Iterator[tuple[Route, slice]]:
    """Consecutive members with one route, as slices of the model axis."""
    begin = 0
    for route, run in groupby(routes):
        end = begin + len(list(run))
        yield route, slice(begin, end)
        begin = end


def attend(
    q: Tensor, k: Tensor, v: Tensor, diagonal: tuple[Tensor, Tensor] | None = None
) -> tuple[Tensor, Tensor]:
    """Softmax attention of each position over itself and all earlier ones.

    Args:
        q, k, v: (members, heads x batch, head dimension, positions); q is scaled already.
        diagonal: for a given past, each position's key and value; k and v are then those that
            later positions read.

    Returns:
        Outputs of the same shape, and the log-sum-exp of the scores from a fused kernel of a GPU,
        (members, heads x batch, positions); empty without it, (members, 0, 0).
    """
    if is_fused(q, diagonal):
        attended = cuda.forward(*_rows(q, k, v), scale=1.0)
        return attended.out.mT, attended.lse
    out = torch.empty_like(q)
    for member in range(q.shape[0]):
        on_diagonal = None if diagonal is None else (diagonal[0][member], diagonal[1][member])
        for rows, seen in _blocks(q.shape[-1]):
            weights = _weights(q[member], k[member], rows, seen, on_diagonal)
            torch.bmm(v[member][..., seen], weights.mT, out=out[member][..., rows])
            if on_diagonal is not None:
                change = (on_diagonal[1] - v[member])[..., rows]
                out[member][..., rows] += change * _diagonal(weights, rows)
    return out, q.new_empty(len(q), 0, 0)


@dataclass
class Gradients:
    """Gradients of queries, and of keys and values as read by others and as a position's own.

    Shapes are those of the tensors. `read` and `diagonal` are the same tensors for routes that do
    not separate them.
    """

    q: Tensor
    read: tuple[Tensor, Tensor]
    diagonal: tuple[Tensor, Tensor]


def attend_backward(
    grad: Tensor,
    q: Tensor,
    k: Tensor,
    v: Tensor,
    out: Tensor,
    lse: Tensor,
    into: Gradients,
    keeps: float | None,
    diagonal: tuple[Tensor, Tensor] | None = None,
) -> None:
    """Gradients of `attend`, written into `into`.

    `grad`: of the outputs, (members, heads x batch, head dimension, positions). `q`, `k`, `v`,
    `diagonal`: arguments of `attend`. `out`, `lse`: its results. `into`: output. `keeps`: 1 gives
    the whole gradient, 0 separates the diagonal from the rest, None leaves out the rest, and gamma
    between 0 and 1 adds gamma^(i-j) of the rest to `into.diagonal`.
    """
    if is_fused(q, diagonal):
        _fused_backward((*_rows(grad, q, k, v, out), lse), into, keeps)
        return
    through = (grad * out).sum(2).unsqueeze(3)
    targets = [] if keeps is None else [(*into.read, 1.0)]
    if keeps is not None and 0 < keeps < 1:
        targets.append((*into.diagonal, keeps))
    for member in range(q.shape[0]):
        on_diagonal = None if diagonal is None else (diagonal[0][member], diagonal[1][member])
        # From the last rows, which see all keys, to the first, which accumulate.
        for rows, seen in reversed(list(_blocks(q.shape[-1]))):
            queries, d_out = q[member][..., rows], grad[member][..., rows]
            weights = _weights(q[member], k[member], rows, seen, on_diagonal)
            back = torch.bmm(d_out.mT, v[member][..., seen])
            if on_diagonal is not None:
                _diagonal(back, rows).copy_(
                    (d_out * on_diagonal[1][..., rows]).sum(1, keepdim=True)
                )
            back.sub_(through[member][:, rows]).mul_(weights)
            torch.bmm(k[member][..., seen], back.mT, out=into.q[member][..., rows])
            if not keeps:
                scores, values = _diagonal(back, rows), _diagonal(weights, rows)
                torch.mul(queries, scores, out=into.diagonal[0][member][..., rows])
                torch.mul(d_out, values, out=into.diagonal[1][member][..., rows])
                if on_diagonal is not None:
                    # Later positions read another model's key; the diagonal uses its own.
                    into.q[member][..., rows] += (on_diagonal[0] - k[member])[..., rows] * scores
                    scores.zero_()
                    values.zero_()
            for dk, dv, share in targets:
                if share < 1:
                    decay = _decay(rows, seen, share, q)
                    weights.mul_(decay)
                    back.mul_(decay)
                for target, left, right in ((dk, queries, back), (dv, d_out, weights)):
                    block = target[member][..., seen]
                    if rows.stop == q.shape[-1]:
                        torch.bmm(left, right, out=block)
                    else:
                        block += torch.bmm(left, right)


def is_fused(q: Tensor, diagonal: tuple[Tensor, Tensor] | None) -> bool:
    return q.device.type == "cuda" and diagonal is None


def _rows(*tensors: Tensor) -> list[Tensor]:
    """(..., positions, head dimension) each, the layout of the fused kernels."""
    return [x.mT.contiguous() for x in tensors]


def _fused_backward(tensors: Sequence[Tensor], into: Gradients, keeps: float | None) -> None:
    """`tensors` are grad, q, k, v, out and lse, in rows."""
    grad, q, k, v, out, lse = tensors
    if keeps is None:
        into.q.copy_(cuda.backward_queries(grad, q, k, v, out, lse, scale=1.0).mT)
    else:
        gradients = cuda.backward(grad, q, k, v, out, lse, scale=1.0)
        for target, part in zip((into.q, *into.read), gradients, strict=True):
            target.copy_(part.mT)
    if keeps == 1:
        return
    if keeps:
        bias = cuda.decay(q.shape[2], keeps, q.dtype, q.device)
        _, *parts = cuda.backward(grad, q, k, v, out, lse, bias, scale=1.0)
    else:
        parts = list(cuda.diagonal(grad, q, k, v, out, lse, scale=1.0))
    for target, part in zip(into.diagonal, parts, strict=True):
        target.copy_(part.mT)


def _blocks(positions: int) -> Iterator[tuple[slice, slice]]:
    """Rows of queries, and the keys they see."""
    for begin in range(0, positions, ROWS):
        end = min(begin + ROWS, positions)
        yield slice(begin, end), slice(0, end)


def _diagonal(blocks: Tensor, rows: slice) -> Tensor:
    """Diagonal (n, 1, rows) of blocks (n, rows, seen)."""
    return blocks[..., rows].diagonal(dim1=-2, dim2=-1).unsqueeze(1)


def _weights(
    q: Tensor, k: Tensor, rows: slice, seen: slice, diagonal: tuple[Tensor, Tensor] | None
) -> Tensor:
    """(n, rows, seen) attention weights of one member."""
    scores = torch.bmm(q[..., rows].mT, k[..., seen])
    if diagonal is not None:
        _diagonal(scores, rows).copy_((q * diagonal[0])[..., rows].sum(1, keepdim=True))
    # Minus infinity for keys after the query.
    scores[..., rows] += q.new_full((rows.stop - rows.start,) * 2, -math.inf).triu_(1)
    return torch.softmax(scores, -1, out=scores)


def _decay(rows: slice, seen: slice, gamma: float, like: Tensor) -> Tensor:
    """(rows, seen): gamma^(i-j)."""
    i = torch.arange(rows.start, rows.stop, device=like.device)
    distance = i[:, None] - torch.arange(seen.stop, device=like.device)
    return torch.pow(like.new_tensor(gamma), distance.clamp(min=0).to(like.dtype))
