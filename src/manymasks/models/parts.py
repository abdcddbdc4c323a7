"""The parts of a transformer, each one step of autograd with its gradients written out.

Tensors are features first, (members, features, tokens), where tokens are the positions of all
windows of a batch in sequence. Every matrix product has the weights on its left, and all other
operations work on long rows: on a CPU this, and computing no unneeded gradient, is most of the
speed-up over the same network of stock layers.

Weights have a model axis too. On a CPU, which gains nothing from it, a stack is taken `apart` and
its members are computed one by one, so a member's bits do not depend on the size of the stack.
"""

import math
from collections.abc import Callable, Sequence
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor

from manymasks.models.attention import Gradients, Route, attend, attend_backward, runs_of

EPSILON = 1e-6
CHUNK = 512
"""Tokens whose logits are held at once in the loss, to fit the cache."""
FUSED = {"cuda"}
"""Devices whose kernels attend in bfloat16."""


def product(
    left: Tensor, right: Tensor, onto: Tensor | None = None, *, bf16: bool = False
) -> Tensor:
    """(members, a, b) @ (members, b, c), added to `onto` (members, a, c) if given.

    With `bf16` both factors and the product are rounded to bfloat16, sums are float32, and the
    result has the type of `left`.
    """
    if bf16:
        rounded = product(left.bfloat16(), right.bfloat16()).to(left.dtype)
        return rounded if onto is None else rounded.add_(onto)
    if len(left) == 1:
        factors = left[0], right[0]
        return (torch.mm(*factors) if onto is None else torch.addmm(onto[0], *factors)).unsqueeze(0)
    return torch.bmm(left, right) if onto is None else torch.baddbmm(onto, left, right)


def apart(
    part: Callable[..., Tensor],
    stacked: Sequence[Tensor | Sequence[Any] | None],
    shared: Sequence[Any] = (),
) -> Tensor:
    """A part of the network, computed member by member on a CPU and at once elsewhere.

    `part`: takes `stacked` and then `shared`, and returns a tensor with a model axis. `stacked`: a
    tensor with a model axis, then others, or sequences with an entry a member. `shared`: arguments
    common to all members.
    """
    first = stacked[0]
    assert isinstance(first, Tensor)
    if len(first) == 1 or first.device.type != "cpu":
        return part(*stacked, *shared)
    by_member = zip(*(_split(entries, len(first)) for entries in stacked), strict=True)
    return torch.cat([part(*member, *shared) for member in by_member])


def _split(entries: Tensor | Sequence[Any] | None, count: int) -> Sequence[Any]:
    if isinstance(entries, Tensor):
        return torch.split(entries, 1)
    return [entries and entries[member : member + 1] for member in range(count)]


# -------------------------------------------------------------------------------- the norm


def normalise(x: Tensor) -> tuple[Tensor, Tensor]:
    """RMSNorm without its gain (Zhang & Sennrich 2019).

    `x` (members, features, tokens). Returns x over the root mean square of its features, and one
    over that, (members, 1, tokens).
    """
    scale = (x * x).mean(1, keepdim=True).add_(EPSILON).rsqrt_()
    return x * scale, scale


def _normalise_backward(
    grad: Tensor, unit: Tensor, scale: Tensor, gain: Tensor
) -> tuple[Tensor, Tensor]:
    """Gradients of x and of the gain, from that of gain * unit; overwrites `grad`."""
    along = grad * unit
    d_gain = along.sum(2)
    mean = product(gain.unsqueeze(1), along).div_(unit.shape[1])
    grad.mul_(gain.unsqueeze(2)).sub_(unit * mean).mul_(scale)
    return grad, d_gain


# --------------------------------------------------------------------------------- the parts


class AttentionPart(torch.autograd.Function):
    """x + W_O attention(norm(x)), with the gradients of each member's route.

    Inputs: x (members, d, tokens); gain (members, d); W_Q, W_K, W_V, W_O (members, d, d); past, the
    normalised inputs (members, d, tokens) of another model's layer for members that need a past;
    routes, one a member; the table of `rotary_table`; heads; whether the products with weights are
    bfloat16.
    """

    @staticmethod
    def forward(
        ctx: Any,
        x: Tensor,
        gain: Tensor,
        W_Q: Tensor,
        W_K: Tensor,
        W_V: Tensor,
        W_O: Tensor,
        past: Tensor | None,
        routes: Sequence[Route],
        rotary: Tensor,
        heads: int,
        bf16: bool,
    ) -> Tensor:
        unit, scale = normalise(x)
        weights = torch.cat((W_V, W_K, W_Q), 1)
        vkq = by_head(product(weights * gain.unsqueeze(1), unit, bf16=bf16), "vkq", rotary, heads)
        read = None
        if past is not None:
            read = by_head(
                product(weights[:, : 2 * x.shape[1]], past, bf16=bf16), "vk", rotary, heads
            )
        attended = torch.empty_like(vkq[:, 0])
        logs = []
        for route, run in runs_of(routes):
            v, k, q = vkq[run].to(_attended_in(route, x, bf16)).unbind(1)
            if not route.reads_past:
                attended[run], lse = v, v.new_empty(len(v), 0, 0)
            elif route.needs_past:
                assert read is not None, f"a {route.gradient} member needs a past"
                past_v, past_k = read[run].unbind(1)
                attended[run], lse = attend(q, past_k, past_v, (k, v))
            else:
                attended[run], lse = attend(q, k, v)
            logs.append(lse)
        out = by_feature(attended.unsqueeze(1), "v", rotary, heads)
        ctx.save_for_backward(
            unit, scale, gain, weights, W_O, rotary, vkq, attended, out, past, read, *logs
        )
        ctx.heads, ctx.routes, ctx.bf16 = heads, routes, bf16
        return product(W_O, out, x, bf16=bf16)

    @staticmethod
    def backward(ctx: Any, *grads: Tensor) -> tuple[Tensor | None, ...]:
        unit, scale, gain, weights, W_O, rotary, vkq, attended, out, past, read, *logs = (
            ctx.saved_tensors
        )
        (grad,) = grads
        d, heads, bf16 = unit.shape[1], ctx.heads, ctx.bf16
        d_W_O = product(grad, out.mT, bf16=bf16)
        d_attended = by_head(product(W_O.mT, grad, bf16=bf16), "v", rotary, heads)[:, 0]
        d_unit = torch.empty_like(unit)
        d_Q, d_K, d_V = torch.split(torch.empty_like(weights), d, 1)
        for (route, run), lse in zip(runs_of(ctx.routes), logs, strict=True):
            read_past = read[run] if route.needs_past else None
            dtype = _attended_in(route, unit, bf16)
            kinds = _routed(
                route,
                d_attended[run].to(dtype),
                vkq[run].to(dtype),
                attended[run].to(dtype),
                lse,
                read_past,
            )
            # Diagonal gradients: values, keys, queries; read gradients: queries, keys, values. They
            # share the queries, and all three if the route does not separate them.
            rows = by_feature(kinds.to(unit.dtype), "vkqkv"[: kinds.shape[1]], rotary, heads)
            diagonal, is_separate = rows[:, : 3 * d], rows.shape[1] > 3 * d
            d_unit[run] = product(weights[run].mT, diagonal, bf16=bf16)
            source = rows[:, 2 * d :] if is_separate and read_past is None else diagonal
            parts = torch.split(
                product(source, unit[run].mT, bf16=bf16) * gain[run].unsqueeze(1), d, 1
            )
            targets = (d_V, d_K, d_Q) if source is diagonal else (d_Q, d_K, d_V)
            for target, part in zip(targets, parts, strict=True):
                target[run] = part
            if read_past is not None:
                parts = torch.split(product(rows[:, 3 * d :], past[run].mT, bf16=bf16), d, 1)
                for target, part in zip((d_K, d_V), parts, strict=True):
                    target[run] += part
        d_x, d_gain = _normalise_backward(d_unit, unit, scale, gain)
        return d_x.add_(grad), d_gain, d_Q, d_K, d_V, d_W_O, None, None, None, None, None


def _attended_in(route: Route, x: Tensor, bf16: bool) -> torch.dtype:
    """The dtype of attention itself: bfloat16 where a fused kernel is faster with it.

    Its softmax and sums are float32. A discount needs more digits, and there is no fused kernel for
    a given past.
    """
    is_faster = x.device.type in FUSED and not (route.flow.takes_gamma or route.needs_past)
    return torch.bfloat16 if bf16 and is_faster else x.dtype


def _routed(
    route: Route, grad: Tensor, vkq: Tensor, out: Tensor, lse: Tensor, read: Tensor | None
) -> Tensor:
    """Gradients of the inputs of attention, (members, kinds, heads x batch, head, positions).

    Own values, keys and queries; then keys and values as read, if the route separates them.
    """
    if not route.reads_past:
        gradients = torch.zeros_like(vkq)
        gradients[:, 0] = grad
        return gradients
    keeps = route.keeps
    kinds = 5 if keeps is not None and keeps < 1 else 3
    gradients = vkq.new_empty(vkq.shape[0], kinds, *vkq.shape[2:])
    own_v, own_k, d_q = gradients[:, :3].unbind(1)
    read_k, read_v = gradients[:, 3:].unbind(1) if kinds == 5 else (own_k, own_v)
    into = Gradients(d_q, (read_k, read_v), (own_k, own_v))
    v, k, q = vkq.unbind(1)
    if read is None:
        attend_backward(grad, q, k, v, out, lse, into, keeps)
    else:
        past_v, past_k = read.unbind(1)
        attend_backward(grad, q, past_k, past_v, out, lse, into, keeps, (k, v))
    if route.flow.freezes_writes:
        gradients[:, :2] = 0
    return gradients


class MlpPart(torch.autograd.Function):
    """x + W_out f(W_in norm(x)).

    Inputs: x (members, d, tokens); gain (members, d); W_in (members, hidden, d); W_out (members,
    d, hidden); whether f is GELU (its tanh form) or the squared ReLU; whether products are
    bfloat16.
    """

    @staticmethod
    def forward(
        ctx: Any, x: Tensor, gain: Tensor, W_in: Tensor, W_out: Tensor, gelu: bool, bf16: bool
    ) -> Tensor:
        unit, scale = normalise(x)
        before = product(W_in * gain.unsqueeze(1), unit, bf16=bf16)
        share = gelu_share(before) if gelu else F.relu(before)
        after = before * share
        ctx.save_for_backward(unit, scale, gain, W_in, W_out, before, share, after)
        ctx.gelu, ctx.bf16 = gelu, bf16
        return product(W_out, after, x, bf16=bf16)

    @staticmethod
    def backward(ctx: Any, *grads: Tensor) -> tuple[Tensor | None, ...]:
        unit, scale, gain, W_in, W_out, before, share, after = ctx.saved_tensors
        (grad,) = grads
        bf16 = ctx.bf16
        d_W_out = product(grad, after.mT, bf16=bf16)
        d_before = product(W_out.mT, grad, bf16=bf16)
        d_before.mul_(gelu_slope(before, share, after) if ctx.gelu else share * 2)
        d_W_in = product(d_before, unit.mT, bf16=bf16) * gain.unsqueeze(1)
        d_x, d_gain = _normalise_backward(product(W_in.mT, d_before, bf16=bf16), unit, scale, gain)
        return d_x.add_(grad), d_gain, d_W_in, d_W_out, None, None


# GELU in its tanh form (Hendrycks & Gimpel 2016), x (1 + tanh u) / 2 with u = x (A + B x^2) / 2,
# is x sigmoid(2u), and a sigmoid costs a tenth of a tanh on a CPU.
A = 2 * math.sqrt(2 / math.pi)
B = 0.044715 * A


def gelu_share(x: Tensor) -> Tensor:
    """GELU(x) / x."""
    return torch.addcmul(x.new_full((), A), x, x, value=B).mul_(x).sigmoid_()


def gelu_slope(x: Tensor, share: Tensor, gelu: Tensor) -> Tensor:
    """The derivative of x share: share + gelu (1 - share) d(2u)/dx."""
    steepness = torch.addcmul(x.new_full((), A), x, x, value=3 * B)
    return steepness.mul_(torch.addcmul(gelu, gelu, share, value=-1)).add_(share)


class NatsPart(torch.autograd.Function):
    """Mean next-token loss of each member, in nats, from the last residual stream.

    Logits are computed, turned into their gradient and consumed `CHUNK` tokens at a time, so they
    are never all in memory; the gradients are therefore computed in the forward pass.

    Inputs: x (members, d, tokens); gain (members, d); W_U (members, vocabulary, d); targets
    (members, tokens); whether gradients are needed; whether their products are bfloat16 (logits are
    float32). Output: (members,).
    """

    @staticmethod
    def forward(
        ctx: Any, x: Tensor, gain: Tensor, W_U: Tensor, targets: Tensor, learns: bool, bf16: bool
    ) -> Tensor:
        members, _, tokens = x.shape
        unit, scale = normalise(x)
        weights = W_U * gain.unsqueeze(1)
        d_unit, d_weights = torch.empty_like(unit), torch.zeros_like(W_U.mT)
        nats = unit.new_zeros(members)
        for begin in range(0, tokens, CHUNK):
            chunk = unit[..., begin : begin + CHUNK]
            target = targets[:, begin : begin + CHUNK].unsqueeze(2)
            logits = product(chunk.mT, weights.mT)
            highest = logits.amax(2, keepdim=True)
            scored = logits.gather(2, target)
            p = torch.softmax(logits, 2, out=logits)
            # The probability of the most likely token is 1 / sum of exp(logit - highest).
            nats += (highest - scored - p.amax(2, keepdim=True).log_()).sum((1, 2))
            if learns:
                p.scatter_add_(2, target, p.new_full((1, 1, 1), -1.0).expand(target.shape))
                d_unit[..., begin : begin + CHUNK] = product(W_U.mT, p.mT, bf16=bf16)
                d_weights = product(chunk, p, d_weights, bf16=bf16)
        ctx.save_for_backward(unit, scale, gain, d_unit, d_weights)
        return nats / tokens

    @staticmethod
    def backward(ctx: Any, *grads: Tensor) -> tuple[Tensor | None, ...]:
        unit, scale, gain, d_unit, d_weights = ctx.saved_tensors
        share = (grads[0] / unit.shape[2]).view(-1, 1, 1)
        d_x, d_gain = _normalise_backward(d_unit * share, unit, scale, gain)
        return d_x, d_gain, d_weights.mT * gain.unsqueeze(1) * share, None, None, None


def logits_of(x: Tensor, gain: Tensor, W_U: Tensor) -> Tensor:
    """(members, d, tokens) of the last residual stream to (members, tokens, vocabulary)."""
    unit, _ = normalise(x)
    return product(unit.mT, (W_U * gain.unsqueeze(1)).mT)


# ----------------------------------------------------------------------- heads and positions


def rotary_table(context: int, head: int, base: float) -> Tensor:
    """Cosines and sines of rotary positions (Su et al. 2021): float64, (2, head / 2, context)."""
    frequencies = base ** (-torch.arange(0, head, 2, dtype=torch.float64) / head)
    angles = frequencies[:, None] * torch.arange(context, dtype=torch.float64)
    return torch.stack((angles.cos(), angles.sin()))


def by_head(x: Tensor, kinds: str, table: Tensor, heads: int) -> Tensor:
    """From features to heads, with rotary positions of keys and queries, and scaled queries.

    `x` (members, kinds x d, tokens). `kinds`: kind of each d rows, a letter each: v, k or q.
    `table`: of `rotary_table`, as long as a window. `heads`: number of heads. Returns (members,
    kinds, heads x batch, head dimension, positions).
    """
    members, _, tokens = x.shape
    _, half, positions = table.shape
    shape = members, len(kinds), heads, 2 * half, tokens // positions, positions
    source = x.view(shape).transpose(3, 4)
    target = x.new_empty(source.shape)
    for i, kind in enumerate(kinds):
        _rotate(source[:, i], target[:, i], kind, table, back=False)
    return target.flatten(2, 3)


def by_feature(x: Tensor, kinds: str, table: Tensor, heads: int) -> Tensor:
    """The inverse of `by_head`, to (members, kinds x d, tokens), which is its gradient."""
    members, _, both, head, positions = x.shape
    source = x.view(members, len(kinds), heads, both // heads, head, positions)
    target = x.new_empty(members, len(kinds), heads, head, both // heads, positions)
    for i, kind in enumerate(kinds):
        _rotate(source[:, i], target[:, i].transpose(2, 3), kind, table, back=True)
    return target.view(members, len(kinds) * heads * head, -1)


def _rotate(source: Tensor, target: Tensor, kind: str, table: Tensor, *, back: bool) -> None:
    """Rotate each pair (x_n, x_{n + head/2}) of (..., head, positions) by its angle."""
    if kind == "v":
        target.copy_(source)
        return
    half = table.shape[1]
    cos, sin = table / math.sqrt(2 * half) if kind == "q" else table
    first, second = source[..., :half, :], source[..., half:, :]
    sign = -1 if back else 1
    one, two = target[..., :half, :], target[..., half:, :]
    torch.mul(first, cos, out=one).addcmul_(second, sin, value=-sign)
    torch.mul(second, cos, out=two).addcmul_(first, sin, value=sign)
