"""A recurrence with a matrix as its state, in chunks, with control of the gradients through time.

For one head, with column vectors and elementwise exp (Peng et al. 2025, RWKV-7; Yang et al. 2024,
gated DeltaNet),

    H_t = diag(exp(g_t)) H_{t-1} + b_t a_t' H_{t-1} + k_t v_t',        o_t = H_t' r_t,

where a_t = 0 without the delta rule. Within a chunk of c positions with G the inclusive sum of g
and G' = G - g, all is matrix products and one unit triangular solve:

    K = k exp(-G)   B = b exp(-G)   A = a exp(G')   R = r exp(G)
    (I - strict(A'B)) U = A'H + strict(A'K) V',     o = H'R + lower(R'K), lower(R'B) on V and U,
    H_next = exp(G_c) (H + K V' + B U).

The products of all chunks are batched, and U = W H + F with W and F free of H, so that only
H_next = P H + S is left to compute chunk by chunk. The decays are clamped, |g| <= `FASTEST`, so a
chunk of 128 stays far below the largest float32.

Routes differ in the gradient of the output at i with respect to earlier positions, never in the
output. `myopic`: H_{t-1} is detached, so

    o_t = (r_t exp(g_t) + (r_t.b_t) a_t)' H_{t-1} + (r_t.k_t) v_t

has a gradient in closed form that needs no solve. `discount`: the gradient is multiplied by gamma
at each step back. A path from a loss at i to the weights at j crosses i - j such steps, whatever
layers it passes, so the discount is exact end to end: gamma = 1 is causal, gamma = 0 myopic.
`reservoir`: H_t is detached, and only reading is trained.

All tensors are (batch, chunks, head dimension, positions of a chunk); a state is (batch, keys,
values). They are float32, or float64 in tests, whatever the precision of the products with weights.
"""

from typing import Any, NamedTuple

import torch
from torch import Tensor

from manymasks.models.attention import Route

FASTEST = 0.606531
"""exp(-1/2): the largest rate of decay. A state keeps at least 0.545 of itself in a step."""


class Writes(NamedTuple):
    """The inputs of the recurrence at every position."""

    r: Tensor
    g: Tensor
    """Logarithms of the decays, at most 0; one row where a head has one decay."""
    k: Tensor
    v: Tensor
    a: Tensor | None = None
    """What the delta rule looks up, and `b` where it adds a multiple of it; None without it."""
    b: Tensor | None = None


class Chunks(NamedTuple):
    """The recurrence in chunks."""

    out: Tensor
    """As the values."""
    states: Tensor
    """(batch, chunks, keys, values) before each chunk."""
    end: Tensor
    """(batch, keys, values) after the last one."""
    scale: Tensor
    """exp(G')."""
    keys: Tensor
    """What is added to the state, over exp(G): B before K with the delta rule, in one tensor."""
    values: Tensor
    """(batch, chunks, positions, values) of `keys`: U before V'."""


def recurrence(writes: Writes, start: Tensor, route: Route) -> tuple[Tensor, Tensor]:
    """Outputs and the last state. `start`: the state before the first position, without gradient.

    Under a route other than causal the last state has no gradient.
    """
    if route.keeps == 1 or not torch.is_grad_enabled():
        chunks = in_chunks(writes, start)
        return chunks.out, chunks.end
    out, end = _Routed.apply(start, route, *writes)  # type: ignore[no-untyped-call]
    return out, end


def in_chunks(writes: Writes, start: Tensor) -> Chunks:
    """The chunked form, every operation of which autograd knows."""
    r, g, k, v, a, b = writes
    c, head = k.shape[-1], k.shape[-2]
    ones = g.new_ones(c, c)
    # A product: a sum along positions is not deterministic on a GPU.
    total = g @ ones.triu()
    before = total - g
    scale, shrunk = before.exp(), (-total).exp()
    last = total[..., -1:].exp()
    reads = r * total.exp()
    keys, values = k * shrunk, v.mT
    if a is None or b is None:
        pairs = (reads.mT @ keys) * ones.tril()
        states, end = _scan(last, last * (keys @ values), start)
        out = states.mT @ reads + values.mT @ pairs.mT
        return Chunks(out, states, end, scale, keys, values)
    lookups = a * scale
    keys = torch.cat((b * shrunk, keys), -1)
    strict, lower = ones.tril(-1), ones.tril()
    mask = torch.cat((torch.cat((strict, strict), 1), torch.cat((lower, lower), 1)))
    pairs = (torch.cat((lookups, reads), -1).mT @ keys) * mask
    looked_up, of_reads = pairs[..., :c, :], pairs[..., c:, :]
    right = torch.cat((lookups.mT, looked_up[..., c:] @ values), -1)
    # The diagonal counts as 1, whatever it holds.
    solved = torch.linalg.solve_triangular(
        -looked_up[..., :c], right, upper=False, unitriangular=True
    )
    carried, fresh = solved[..., :head], solved[..., head:]
    identity = torch.eye(head, dtype=g.dtype, device=g.device)
    step = last * (identity + keys[..., :c] @ carried)
    states, end = _scan(step, last * (keys @ torch.cat((fresh, values), -2)), start)
    values = torch.cat((carried @ states + fresh, values), -2)
    out = states.mT @ reads + values.mT @ of_reads.mT
    return Chunks(out, states, end, scale, keys, values)


def _scan(step: Tensor, added: Tensor, start: Tensor) -> tuple[Tensor, Tensor]:
    """States before each chunk, and after the last. `step`: matrices, or factors of the rows."""
    states = [start]
    for factor, addition in zip(step.unbind(1), added.unbind(1), strict=True):
        if factor.shape[-1] > 1:
            states.append(torch.baddbmm(addition, factor, states[-1]))
        else:
            states.append(torch.addcmul(addition, factor, states[-1]))
    return torch.stack(states[:-1], 1), states[-1]


def step_by_step(writes: Writes, start: Tensor, gamma: float = 1.0) -> tuple[Tensor, Tensor]:
    """The recurrence as it is defined, one position after the other, with gamma of the gradient of
    each state going to the one before."""
    state = start
    outs = []
    batch, chunks, _, positions = writes.g.shape
    steps = [
        None if x is None else x.transpose(1, 2).reshape(batch, -1, chunks * positions).unbind(-1)
        for x in writes
    ]
    r, g, k, v, a, b = steps
    assert r is not None and g is not None and k is not None and v is not None
    for t in range(chunks * positions):
        if gamma < 1 and state.requires_grad:
            # A view, because the output reads the state too.
            state = state.view_as(state)
            state.register_hook(lambda grad: gamma * grad)  # type: ignore[no-untyped-call]
        kept = g[t].exp().unsqueeze(2) * state
        if a is not None and b is not None:
            kept = kept + b[t].unsqueeze(2) * (a[t].unsqueeze(1) @ state)
        state = kept + k[t].unsqueeze(2) * v[t].unsqueeze(1)
        outs.append((r[t].unsqueeze(1) @ state).squeeze(1))
    out = torch.stack(outs, -1).view(batch, -1, chunks, positions).transpose(1, 2)
    return out, state


class _Routed(torch.autograd.Function):
    """`in_chunks`, with the gradient of a route that is not causal."""

    @staticmethod
    def forward(
        ctx: Any, start: Tensor, route: Route, *inputs: Tensor | None
    ) -> tuple[Tensor, Tensor]:
        writes = Writes(*inputs)  # type: ignore[arg-type]
        chunks = in_chunks(writes, start)
        ctx.route = route
        ctx.save_for_backward(start, *inputs, *chunks[1:2], *chunks[3:])
        ctx.mark_non_differentiable(chunks.end)
        return chunks.out, chunks.end

    @staticmethod
    def backward(ctx: Any, *grads: Tensor) -> tuple[Tensor | None, ...]:
        start, r, g, k, v, a, b, states, scale, keys, values = ctx.saved_tensors
        route: Route = ctx.route
        if route.flow.takes_gamma and route.gamma > 0:
            return None, None, *_discounted(Writes(r, g, k, v, a, b), start, route.gamma, grads[0])
        d_out = grads[0]
        c = d_out.shape[-1]
        # H_{t-1} d_out_t, from what each chunk adds to its first state.
        upper = d_out.new_ones(c, c).triu(1).repeat(keys.shape[-1] // c, 1)
        along = scale * (states @ d_out + keys @ ((values @ d_out) * upper))
        direct = (v * d_out).sum(-2, keepdim=True)
        decay = g.exp()
        d_r = decay * along + direct * k
        d_a = d_b = None
        if a is not None:
            looked_up = (a * along).sum(-2, keepdim=True)
            d_r = d_r + looked_up * b
            d_a, d_b = (r * b).sum(-2, keepdim=True) * along, looked_up * r
        if route.flow.freezes_writes:
            return (
                None,
                None,
                d_r,
                *(None if x is None else torch.zeros_like(x) for x in (g, k, v, a, b)),
            )
        d_v = (r * k).sum(-2, keepdim=True) * d_out
        d_g = decay * (r * along if g.shape == r.shape else (r * along).sum(-2, keepdim=True))
        return None, None, d_r, d_g, direct * r, d_v, d_a, d_b


def _discounted(writes: Writes, start: Tensor, gamma: float, grad: Tensor) -> list[Tensor | None]:
    """Gradients of the inputs, by the recurrence itself: it takes as many steps as positions."""
    with torch.enable_grad():
        live = Writes(*(None if x is None else x.detach().requires_grad_() for x in writes))  # type: ignore[arg-type]
        out, _ = step_by_step(live, start, gamma)
        present = [x for x in live if x is not None]
        gradients = iter(torch.autograd.grad(out, present, grad))
        return [None if x is None else next(gradients) for x in live]
