# mypy: disable-error-code="import-not-found, import-untyped, untyped-decorator, no-untyped-def"
"""A Triton kernel for the gradient of the queries of causal attention, and of nothing else.

With P = exp(scale Q K^T - lse) and D = rowsum(dO * O), dQ = scale (P * (dO V^T - D)) K. One
program has a block of queries and goes over the blocks of keys up to the diagonal: three matrix
products a pair of blocks, no atomics, nothing but dQ written.
"""

import torch
import triton
import triton.language as tl
from torch import Tensor

ROWS = 64
COLUMNS = 64


@triton.jit
def query_gradient(
    grad,
    q,
    k,
    v,
    out,
    lse,
    dq,
    scale,
    heads,
    positions,
    head: tl.constexpr,
    FEATURES: tl.constexpr,
    ROWS: tl.constexpr,
    COLUMNS: tl.constexpr,
    PRECISION: tl.constexpr,
):
    program = tl.program_id(0)
    blocks = tl.cdiv(positions, ROWS)
    # The last rows see the most keys: they start first.
    block = blocks - 1 - program // heads
    at = (program % heads).to(tl.int64) * positions
    rows = block * ROWS + tl.arange(0, ROWS)
    features = tl.arange(0, FEATURES)
    inside = (rows[:, None] < positions) & (features[None, :] < head)
    places = at * head + rows[:, None] * head + features[None, :]
    queries = tl.load(q + places, mask=inside, other=0.0)
    given = tl.load(grad + places, mask=inside, other=0.0)
    found = tl.load(out + places, mask=inside, other=0.0)
    through = tl.sum(given.to(tl.float32) * found.to(tl.float32), 1)
    # A row that is not there has no weights.
    total = tl.load(lse + at + rows, mask=rows < positions, other=float("inf"))
    sums = tl.zeros((ROWS, FEATURES), dtype=tl.float32)
    for begin in range(0, tl.minimum((block + 1) * ROWS, positions), COLUMNS):
        columns = begin + tl.arange(0, COLUMNS)
        there = (columns[:, None] < positions) & (features[None, :] < head)
        others = at * head + columns[:, None] * head + features[None, :]
        keys = tl.load(k + others, mask=there, other=0.0)
        values = tl.load(v + others, mask=there, other=0.0)
        scores = tl.dot(queries, tl.trans(keys), input_precision=PRECISION) * scale
        seen = rows[:, None] >= columns[None, :]
        # Masked before the exponential: what comes after a query may be far above its total.
        weights = tl.exp(tl.where(seen, scores - total[:, None], float("-inf")))
        back = tl.dot(given, tl.trans(values), input_precision=PRECISION)
        changes = weights * (back - through[:, None])
        sums += tl.dot(changes.to(keys.dtype), keys, input_precision=PRECISION)
    tl.store(dq + places, (sums * scale).to(dq.dtype.element_ty), mask=inside)


def launch(
    grad: Tensor, q: Tensor, k: Tensor, v: Tensor, out: Tensor, lse: Tensor, scale: float
) -> Tensor:
    """The gradient of q, (batch, heads, positions, head dimension).

    Args:
        grad, out: of that shape and of the dtype of q, as q, k and v; any of them is copied if
            it is not contiguous.
        lse: (batch, heads, positions), float32.
        scale: of the scores.
    """
    batch, heads, positions, head = q.shape
    dq = torch.empty_like(q, memory_format=torch.contiguous_format)
    given = [x.contiguous() for x in (grad, q, k, v, out, lse)]
    query_gradient[(triton.cdiv(positions, ROWS) * batch * heads,)](
        *given,
        dq,
        scale,
        batch * heads,
        positions,
        head,
        FEATURES=max(16, triton.next_power_of_2(head)),
        ROWS=ROWS,
        COLUMNS=COLUMNS,
        # In float32 a product of tensor cores would be one of 10 bits.
        PRECISION="ieee",
        num_warps=4,
        num_stages=2,
    )
    return dq
