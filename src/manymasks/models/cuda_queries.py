# mypy: disable-error-code="import-not-found, import-untyped, untyped-decorator, no-untyped-def"
"""A Triton kernel for the gradient of the queries of causal attention.

With P = exp(scale Q K^T - lse) and D = rowsum(dO * O), dQ = scale (P * (dO V^T - D)) K. One program
handles a block of queries and loops over the blocks of keys up to the diagonal: three matrix
products a pair of blocks, no atomics, only dQ written.
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
    # The last rows see the most keys, so they start first.
    block = blocks - 1 - program // heads
    base = (program % heads).to(tl.int64) * positions
    rows = block * ROWS + tl.arange(0, ROWS)
    features = tl.arange(0, FEATURES)
    inside = (rows[:, None] < positions) & (features[None, :] < head)
    offsets = base * head + rows[:, None] * head + features[None, :]
    queries = tl.load(q + offsets, mask=inside, other=0.0)
    d_out = tl.load(grad + offsets, mask=inside, other=0.0)
    attended = tl.load(out + offsets, mask=inside, other=0.0)
    through = tl.sum(d_out.to(tl.float32) * attended.to(tl.float32), 1)
    # Rows outside have no weights.
    total = tl.load(lse + base + rows, mask=rows < positions, other=float("inf"))
    sums = tl.zeros((ROWS, FEATURES), dtype=tl.float32)
    for begin in range(0, tl.minimum((block + 1) * ROWS, positions), COLUMNS):
        columns = begin + tl.arange(0, COLUMNS)
        key_inside = (columns[:, None] < positions) & (features[None, :] < head)
        key_offsets = base * head + columns[:, None] * head + features[None, :]
        keys = tl.load(k + key_offsets, mask=key_inside, other=0.0)
        values = tl.load(v + key_offsets, mask=key_inside, other=0.0)
        scores = tl.dot(queries, tl.trans(keys), input_precision=PRECISION) * scale
        seen = rows[:, None] >= columns[None, :]
        # Masked before the exponential: later keys may score far above the total.
        weights = tl.exp(tl.where(seen, scores - total[:, None], float("-inf")))
        back = tl.dot(d_out, tl.trans(values), input_precision=PRECISION)
        changes = weights * (back - through[:, None])
        sums += tl.dot(changes.to(keys.dtype), keys, input_precision=PRECISION)
    tl.store(dq + offsets, (sums * scale).to(dq.dtype.element_ty), mask=inside)


def launch(
    grad: Tensor, q: Tensor, k: Tensor, v: Tensor, out: Tensor, lse: Tensor, scale: float
) -> Tensor:
    """The gradient of q, (batch, heads, positions, head dimension).

    `grad`, `q`, `k`, `v`, `out`: of that shape and one dtype; copied if not contiguous. `lse`
    (batch, heads, positions), float32. `scale`: of the scores.
    """
    batch, heads, positions, head = q.shape
    dq = torch.empty_like(q, memory_format=torch.contiguous_format)
    tensors = [x.contiguous() for x in (grad, q, k, v, out, lse)]
    query_gradient[(triton.cdiv(positions, ROWS) * batch * heads,)](
        *tensors,
        dq,
        scale,
        batch * heads,
        positions,
        head,
        FEATURES=max(16, triton.next_power_of_2(head)),
        ROWS=ROWS,
        COLUMNS=COLUMNS,
        # Tensor cores would reduce float32 products to 10 bits.
        PRECISION="ieee",
        num_warps=4,
        num_stages=2,
    )
    return dq
