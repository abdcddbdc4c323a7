"""Causal attention whose gradients can be kept from earlier positions.

The forward pass is ordinary causal attention for every route: equal weights give equal logits,
bit for bit. What differs is what a loss at position i may change at an earlier position j < i.
The diagonal j = i always keeps its full gradient, in the score and in the value.

`myopic`: i may change how it reads the past (W_K and W_V keep the gradient of all pairs i >= j)
but not how the past was written (h_j gets none). This is what Wu, Morris & Levine (2024) trained.
`myopic-kv`: k_j and v_j themselves get none, so W_K and W_V learn from the diagonal alone
(Rofin, Naghiyev & Hahn 2026). `discount`: as `myopic`, but h_j gets gamma^(i-j) of it.
Displacements add along any path through the layers, so the discount is exact end to end:
gamma = 1 is causal and gamma = 0 is myopic. `local`: the past j < i is another model's, given
and fixed. `bigram`: there is no past.

With s the scaled scores, a their softmax, do the gradient of the outputs and
ds_ij = a_ij (do_i . v_j - do_i . o_i), the gradients are

    dq_i = sum_j ds_ij k_j      dk_j = sum_i ds_ij q_i      dv_j = sum_i a_ij do_i

and the diagonal's share of the last two is ds_jj q_j and a_jj do_j. So a gradient has two parts
that go different ways: *read*, for the weights W_K and W_V, and *own*, for the input h_j. `causal`
needs one of them, `myopic` the other too, which costs O(T d), and `myopic-kv` the other alone,
which spares the products for dk and dv.

Everything here is laid out (members, heads x batch, head dimension, positions), each matrix of
a head and a window on its own. Scores are made in rows of `ROWS` queries against the keys that
those see, so nothing beyond the last block of the diagonal is computed and no T x T matrix is
kept: the backward pass makes them again. The products of one member are batched; members come
one after another, so a member's bits do not depend on its companions.
"""

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import groupby

import torch
from torch import Tensor

from manymasks.models import cuda
from manymasks.models.gradient_flow import GRADIENTS, GradientFlow

ROWS = 64
"""Queries whose scores are held at once, for all heads and windows of a member."""


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
    """Neighbouring members of one route, as slices of the model axis."""
    begin = 0
    for route, run in groupby(routes):
        end = begin + len(list(run))
        yield route, slice(begin, end)
        begin = end


def attend(
    q: Tensor, k: Tensor, v: Tensor, own: tuple[Tensor, Tensor] | None = None
) -> tuple[Tensor, Tensor]:
    """Softmax attention of each position over itself and all earlier ones.

    Args:
        q, k, v: (members, heads x batch, head dimension, positions); q is scaled already.
        own: of `local`, each position's key and value as it has them itself; k and v are then
            what later positions find of it.

    Returns:
        Outputs of the same shape; where a GPU's fused kernel made them the log-sum-exp of the
        scores, (members, heads x batch, positions), and else nothing, (members, 0, 0).
    """
    if is_fused(q, own):
        found = cuda.forward(*_rows(q, k, v), scale=1.0)
        return found.out.mT, found.lse
    out = torch.empty_like(q)
    for member in range(q.shape[0]):
        mine = None if own is None else (own[0][member], own[1][member])
        for rows, seen in _blocks(q.shape[-1]):
            weights = _weights(q[member], k[member], rows, seen, mine)
            torch.bmm(v[member][..., seen], weights.mT, out=out[member][..., rows])
            if mine is not None:
                change = (mine[1] - v[member])[..., rows]
                out[member][..., rows] += change * _diagonal(weights, rows)
    return out, q.new_empty(len(q), 0, 0)


@dataclass
class Gradients:
    """Gradients of queries, and of keys and values as they are read and as positions own them.

    Each is laid out as what it is the gradient of. `read` and `own` are one and the same where
    a route does not part them.
    """

    q: Tensor
    read: tuple[Tensor, Tensor]
    own: tuple[Tensor, Tensor]


def attend_backward(
    grad: Tensor,
    q: Tensor,
    k: Tensor,
    v: Tensor,
    out: Tensor,
    lse: Tensor,
    into: Gradients,
    keeps: float | None,
    own: tuple[Tensor, Tensor] | None = None,
) -> None:
    """Gradients of `attend`, written into `into`.

    Args:
        grad: of the outputs, (members, heads x batch, head dimension, positions).
        q, k, v, own: as they were given to `attend`.
        out, lse: what it returned.
        into: where the gradients go.
        keeps: 1 gives the whole gradient, 0 parts the diagonal from the rest, None leaves the
            rest out, and gamma between 0 and 1 gives gamma^(i-j) of it to `into.own`.
    """
    if is_fused(q, own):
        _fused_backward((*_rows(grad, q, k, v, out), lse), into, keeps)
        return
    through = (grad * out).sum(2).unsqueeze(3)
    targets = [] if keeps is None else [(*into.read, 1.0)]
    if keeps is not None and 0 < keeps < 1:
        targets.append((*into.own, keeps))
    for member in range(q.shape[0]):
        mine = None if own is None else (own[0][member], own[1][member])
        # From the last rows, which see all keys, to the first: each adds to what is there.
        for rows, seen in reversed(list(_blocks(q.shape[-1]))):
            asked, given = q[member][..., rows], grad[member][..., rows]
            weights = _weights(q[member], k[member], rows, seen, mine)
            back = torch.bmm(given.mT, v[member][..., seen])
            if mine is not None:
                _diagonal(back, rows).copy_((given * mine[1][..., rows]).sum(1, keepdim=True))
            back.sub_(through[member][:, rows]).mul_(weights)
            torch.bmm(k[member][..., seen], back.mT, out=into.q[member][..., rows])
            if not keeps:
                scores, values = _diagonal(back, rows), _diagonal(weights, rows)
                torch.mul(asked, scores, out=into.own[0][member][..., rows])
                torch.mul(given, values, out=into.own[1][member][..., rows])
                if mine is not None:
                    # What was read of this position was another model's: its own key counts.
                    into.q[member][..., rows] += (mine[0] - k[member])[..., rows] * scores
                    scores.zero_()
                    values.zero_()
            for dk, dv, share in targets:
                if share < 1:
                    decay = _decay(rows, seen, share, q)
                    weights.mul_(decay)
                    back.mul_(decay)
                for target, left, right in ((dk, asked, back), (dv, given, weights)):
                    place = target[member][..., seen]
                    if rows.stop == q.shape[-1]:
                        torch.bmm(left, right, out=place)
                    else:
                        place += torch.bmm(left, right)


def is_fused(q: Tensor, own: tuple[Tensor, Tensor] | None) -> bool:
    return q.device.type == "cuda" and own is None


def _rows(*tensors: Tensor) -> list[Tensor]:
    """(..., positions, head dimension) each, as the fused kernels have it."""
    return [x.mT.contiguous() for x in tensors]


def _fused_backward(given: Sequence[Tensor], into: Gradients, keeps: float | None) -> None:
    """`given` is grad, q, k, v, out and lse, in rows."""
    grad, q, k, v, out, lse = given
    if keeps is None:
        into.q.copy_(cuda.backward_queries(grad, q, k, v, out, lse, scale=1.0).mT)
    else:
        found = cuda.backward(grad, q, k, v, out, lse, scale=1.0)
        for target, part in zip((into.q, *into.read), found, strict=True):
            target.copy_(part.mT)
    if keeps == 1:
        return
    if keeps:
        bias = cuda.decay(q.shape[2], keeps, q.dtype, q.device)
        _, *parts = cuda.backward(grad, q, k, v, out, lse, bias, scale=1.0)
    else:
        parts = list(cuda.diagonal(grad, q, k, v, out, lse, scale=1.0))
    for target, part in zip(into.own, parts, strict=True):
        target.copy_(part.mT)


def _blocks(positions: int) -> Iterator[tuple[slice, slice]]:
    """Rows of queries, and the keys that they see."""
    for begin in range(0, positions, ROWS):
        end = min(begin + ROWS, positions)
        yield slice(begin, end), slice(0, end)


def _diagonal(blocks: Tensor, rows: slice) -> Tensor:
    """(n, 1, rows) of the scores of the rows with themselves, of (n, rows, seen)."""
    return blocks[..., rows].diagonal(dim1=-2, dim2=-1).unsqueeze(1)


def _weights(
    q: Tensor, k: Tensor, rows: slice, seen: slice, own: tuple[Tensor, Tensor] | None
) -> Tensor:
    """(n, rows, seen) attention weights of one member."""
    scores = torch.bmm(q[..., rows].mT, k[..., seen])
    if own is not None:
        _diagonal(scores, rows).copy_((q * own[0])[..., rows].sum(1, keepdim=True))
    scores[..., rows] += _future(rows.stop - rows.start, q)
    return torch.softmax(scores, -1, out=scores)


def _future(rows: int, like: Tensor) -> Tensor:
    """(rows, rows): minus infinity where the key comes after the query, else 0."""
    return like.new_full((rows, rows), -math.inf).triu_(1)


def _decay(rows: slice, seen: slice, gamma: float, like: Tensor) -> Tensor:
    """(rows, seen): gamma^(i-j)."""
    i = torch.arange(rows.start, rows.stop, device=like.device)
    distance = i[:, None] - torch.arange(seen.stop, device=like.device)
    return torch.pow(like.new_tensor(gamma), distance.clamp(min=0).to(like.dtype))
