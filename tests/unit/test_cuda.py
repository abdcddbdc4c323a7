"""Attention on a GPU: what can be checked without one, and the rest where there is one."""

import math
import os
import subprocess
import sys

import pytest
import torch

from manymasks.models import cuda

HAS_GPU = torch.cuda.is_available()
if not HAS_GPU:
    # Triton looks once, when it is imported.
    os.environ.setdefault("TRITON_INTERPRET", "1")
HALF = (torch.float16, 5e-3)
DTYPES = [(torch.float32, 2e-5), (torch.bfloat16, 3e-2)]


def drawn(positions, head, *, batch=2, heads=3, dtype=torch.float64, device="cpu"):
    """grad, q, k, v of (batch, heads, positions, head)."""
    generator = torch.Generator().manual_seed(positions * head)
    shape = (4, batch, heads, positions, head)
    return torch.randn(shape, generator=generator, dtype=torch.float64).to(device, dtype).unbind(0)


def dense(q, k, v, scale):
    """Outputs, log-sum-exp and weights, with everything written out."""
    scores = (q @ k.mT) * scale
    future = torch.ones(scores.shape[-2:], dtype=torch.bool, device=q.device).triu(1)
    scores = scores.masked_fill(future, -math.inf)
    return torch.softmax(scores, -1) @ v, torch.logsumexp(scores, -1), torch.softmax(scores, -1)


def dense_backward(grad, q, k, v, scale, factor=1.0):
    """Gradients, each pair's times `factor` (positions, positions)."""
    out, _, weights = dense(q, k, v, scale)
    weights = weights * factor
    changes = weights * (grad @ v.mT - (grad * out).sum(-1, keepdim=True)) * scale
    return changes @ k, changes.mT @ q, weights.mT @ grad


def discount(positions, gamma):
    i = torch.arange(positions, dtype=torch.float64)
    return torch.tril(gamma ** (i[:, None] - i).clamp(min=0))


def test_the_reference_agrees_with_autograd():
    grad, *inputs = drawn(9, 4)
    inputs = [x.clone().requires_grad_() for x in inputs]
    wanted = torch.autograd.grad(dense(*inputs, 0.5)[0], inputs, grad)
    for one, other in zip(dense_backward(grad, *inputs, 0.5), wanted, strict=True):
        torch.testing.assert_close(one, other, rtol=1e-12, atol=1e-12)


@pytest.mark.parametrize("scale", [None, 0.7])
def test_the_diagonal_agrees_with_pairs_of_a_member_and_itself(scale):
    grad, q, k, v = drawn(9, 4)
    used = scale or 0.5
    out, lse, _ = dense(q, k, v, used)
    wanted = dense_backward(grad, q, k, v, used, torch.eye(9, dtype=torch.float64))[1:]
    found = cuda.diagonal(grad, q, k, v, out, lse, scale=scale)
    for one, other in zip(found, wanted, strict=True):
        torch.testing.assert_close(one, other, rtol=1e-12, atol=1e-12)


@pytest.mark.parametrize("positions", [8, 13])
def test_decay_is_a_power_of_the_distance(positions):
    bias = cuda.decay(positions, 0.7, torch.float32, "cpu")
    assert bias.shape == (positions, positions) and bias.stride(0) % cuda.ALIGNED == 0
    torch.testing.assert_close(bias.double().exp(), discount(positions, 0.7), rtol=1e-5, atol=0)


def test_decay_on_given_totals_multiplies_each_pair():
    """The identity that a discount rests on, written out."""
    grad, q, k, v = drawn(9, 4)
    out, lse, _ = dense(q, k, v, 0.5)
    bias = cuda.decay(9, 0.7, torch.float64, "cpu")
    weights = torch.exp((q @ k.mT) * 0.5 + bias - lse.unsqueeze(-1))
    changes = weights * (grad @ v.mT - (grad * out).sum(-1, keepdim=True)) * 0.5
    wanted = dense_backward(grad, q, k, v, 0.5, discount(9, 0.7))
    for one, other in zip((changes @ k, changes.mT @ q, weights.mT @ grad), wanted, strict=True):
        torch.testing.assert_close(one, other, rtol=1e-5, atol=1e-7)


@pytest.mark.parametrize("head", [6, 32])
@pytest.mark.parametrize("positions", [40, 128])
@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
def test_the_fused_kernels_are_called_as_they_are_declared(monkeypatch, dtype, positions, head):
    """Shapes, dtypes and arguments, with tensors that have no values.

    Without a GPU nothing runs the kernels, so this holds the calls to their declarations.
    """
    called = []
    aten = cuda.aten

    class Recording:
        def __getattr__(self, name):
            called.append(name)
            return getattr(aten, name)

    monkeypatch.setattr(cuda, "aten", Recording())
    shape = (2, 3, positions, head)
    grad, q, k, v = (torch.empty(shape, dtype=dtype, device="meta") for _ in range(4))
    out, lse = cuda.forward(q, k, v)
    assert out.shape == q.shape and out.dtype == dtype
    assert lse.shape == q.shape[:3] and lse.dtype == torch.float32
    bias = cuda.decay(positions, 0.5, dtype, "meta")
    for given in (None, bias):
        for each in cuda.backward(grad, q, k, v, out, lse, given):
            assert each.shape == q.shape and each.dtype == dtype
    kind = "flash" if dtype == torch.bfloat16 else "efficient"
    assert called == [
        f"_scaled_dot_product_{kind}_attention",
        f"_scaled_dot_product_{kind}_attention_backward",
        "_scaled_dot_product_efficient_attention_backward",
    ]


# Triton's interpreter multiplies no bfloat16.
@pytest.mark.parametrize("dtype, tolerance", DTYPES if HAS_GPU else [*DTYPES[:1], HALF])
@pytest.mark.parametrize("positions, head", [(128, 32), (64, 16), (70, 24), (7, 8)])
def test_the_gradient_of_queries_alone(positions, head, dtype, tolerance):
    """The Triton kernel, on the GPU or in Triton's interpreter (3.7, beside NumPy 2.4)."""
    pytest.importorskip("triton", minversion=None if HAS_GPU else "3.7")
    from manymasks.models.cuda_queries import launch

    device = "cuda" if HAS_GPU else "cpu"
    grad, q, k, v = drawn(positions, head, dtype=dtype, device=device)
    scale = 1.3 / math.sqrt(head)
    exact = [x.double() for x in (grad, q, k, v)]
    out, lse, _ = dense(*exact[1:], scale)
    found = launch(grad, q, k, v, out.to(dtype), lse.float(), scale)
    wanted = dense_backward(*exact, scale)[0]
    torch.testing.assert_close(found.double(), wanted, rtol=tolerance, atol=tolerance)


COMPILED = """
import triton
from triton.backends.compiler import GPUTarget
from triton.compiler import ASTSource
from manymasks.models.cuda_queries import query_gradient
types = dict.fromkeys(("grad", "q", "k", "v", "out", "dq"), "*bf16")
types |= {"lse": "*fp32", "scale": "fp32", "heads": "i32", "positions": "i32"}
fixed = {"head": 32, "FEATURES": 32, "ROWS": 64, "COLUMNS": 64, "PRECISION": "ieee"}
source = ASTSource(query_gradient, types | dict.fromkeys(fixed, "constexpr"), constexprs=fixed)
ptx = triton.compile(source, target=GPUTarget("cuda", 90, 32)).asm["ptx"]
print("wgmma" in ptx, "atom." in ptx or "red.global" in ptx)
"""


def test_the_kernel_compiles_for_a_gpu_and_adds_nothing_atomically(tmp_path):
    """For an H200, with or without one: on its tensor cores."""
    pytest.importorskip("triton")
    environment = {name: item for name, item in os.environ.items() if name != "TRITON_INTERPRET"}
    done = subprocess.run(
        [sys.executable, "-c", COMPILED],
        env={**environment, "TRITON_CACHE_DIR": str(tmp_path)},
        capture_output=True,
        text=True,
    )
    assert done.stdout.split() == ["True", "False"], done.stderr


@pytest.mark.skipif(not HAS_GPU, reason="needs a GPU")
@pytest.mark.parametrize("dtype, tolerance", DTYPES)
@pytest.mark.parametrize("positions, head", [(128, 32), (1024, 32), (70, 24), (40, 6)])
def test_everything_on_a_gpu(positions, head, dtype, tolerance):
    grad, q, k, v = drawn(positions, head, dtype=dtype, device="cuda")
    scale = 1.3 / math.sqrt(head)
    exact = [x.double() for x in (grad, q, k, v)]
    wanted_out, wanted_lse, _ = dense(*exact[1:], scale)
    out, lse = cuda.forward(q, k, v, scale=scale)

    def close(found, wanted):
        torch.testing.assert_close(found.double(), wanted, rtol=tolerance, atol=tolerance)

    close(out, wanted_out)
    close(lse, wanted_lse)
    whole = dense_backward(*exact, scale)
    for one, other in zip(cuda.backward(grad, q, k, v, out, lse, scale=scale), whole, strict=True):
        close(one, other)
    close(cuda.backward_queries(grad, q, k, v, out, lse, scale=scale), whole[0])
    bias = cuda.decay(positions, 0.7, dtype, "cuda")
    factor = discount(positions, 0.7).cuda()
    discounted = dense_backward(*exact, scale, factor)
    for one, other in zip(
        cuda.backward(grad, q, k, v, out, lse, bias, scale=scale), discounted, strict=True
    ):
        close(one, other)
    own = dense_backward(*exact, scale, torch.eye(positions, device="cuda", dtype=torch.float64))
    found = cuda.diagonal(grad, q, k, v, out, lse, scale=scale)
    for one, other in zip(found, own[1:], strict=True):
        close(one, other)
