"""The native library against the torch path: kernels, gradients of every route, updates."""

import math

import pytest
import torch

from manymasks.config.training import Size, Training
from manymasks.models.attention import Route
from manymasks.models.transformer import Transformer, initialise
from manymasks.native import build
from manymasks.native.library import open_library
from manymasks.native.member import NativeMember, native_route
from manymasks.native.update import NativeUpdate
from manymasks.training.muon import MOMENTUM, orthogonalise
from manymasks.training.optimizer import Optimizer

pytestmark = [
    pytest.mark.unit,
    pytest.mark.skipif(
        build.resolved("auto", "float32") == "torch", reason="no compiler of C++ here"
    ),
]

ROUTES = (
    Route(),
    Route("myopic"),
    Route("myopic-kv"),
    Route("discount", 0.6),
    Route("local"),
    Route("bigram"),
)
needs_bf16 = pytest.mark.skipif(
    build.resolved("auto", "bf16") == "torch", reason="no AVX512-BF16 here"
)
OWN_PAST = tuple(route for route in ROUTES if route.reads_own_past)
SHAPES = {
    "text": (Size(width=32, heads=2), 300, 128),
    "odd": (Size(width=12, heads=3, mlp=3, positions="learned", activation="relu2"), 13, 37),
    "narrow-heads": (Size(width=64, heads=8, mlp=2, layers=1), 13, 64),
    "several-blocks": (Size(width=16, heads=2, layers=3), 70, 200),
    "two-tokens": (Size(width=2, heads=1, mlp=1, layers=1), 2, 1),
}
"""Size, vocabulary and positions."""
DTYPES = {torch.float64: 1e-13, torch.float32: 1e-5}
"""Largest difference, relative to the largest entry."""


def drawn(*shape, dtype=torch.float64, seed=0):
    return torch.randn(shape, dtype=dtype, generator=torch.Generator().manual_seed(seed))


def model_of(size, vocabulary, context, routes=ROUTES[:1], dtype=torch.float32, kernels="torch"):
    """A stack whose gains are not 1."""
    model = Transformer(size, vocabulary, context, routes, kernels=kernels)
    initialise(model, range(len(routes)))
    with torch.no_grad():
        for name, weight in model.named_parameters():
            if "norm" in name:
                weight += 0.1 * torch.randn(weight.shape, generator=torch.Generator())
    return model.to(dtype)


def windows_of(vocabulary, *shape):
    return torch.randint(0, vocabulary, shape, generator=torch.Generator().manual_seed(1))


def native_of(model):
    (route,) = model.routes
    return NativeMember(
        model.size,
        model.weights_of(0),
        model.rotary,
        native_route(route.keeps, route.flow.past),
    )


def assert_near(one, other, dtype):
    difference = (one - other).abs().max() / other.abs().max().clamp_min(1e-9)
    assert difference < DTYPES[dtype]


# ------------------------------------------------------------------------------- kernels


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("is_turned", [False, True])
@pytest.mark.parametrize(
    "shape",
    [(1, 1, 1), (6, 64, 5), (7, 100, 300), (13, 31, 257), (64, 8, 16), (3, 5, 2), (5, 0, 4)],
)
def test_product(shape, is_turned, dtype):
    rows, columns, depth = shape
    a = drawn(depth, rows, dtype=dtype).T if is_turned else drawn(rows, depth, dtype=dtype)
    b, c = drawn(depth, columns, dtype=dtype), drawn(rows, columns, dtype=dtype)
    wanted = c.double() + a.double() @ b.double()
    open_library(dtype).product(
        rows, columns, depth, a.data_ptr(), *a.stride(), b.data_ptr(), max(columns, 1),
        c.data_ptr(), max(columns, 1), 1,
    )  # fmt: skip
    tolerance = {torch.float64: 1e-12, torch.float32: 1e-4}[dtype]
    torch.testing.assert_close(c.double(), wanted, rtol=0, atol=tolerance)


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("shape", [(1, 1), (16, 16), (33, 20), (8, 100)])
def test_transpose(shape, dtype):
    matrix = drawn(*shape, dtype=dtype)
    turned = torch.empty(shape[::-1], dtype=dtype)
    open_library(dtype).transpose(matrix.data_ptr(), shape[1], *shape, turned.data_ptr(), shape[0])
    assert torch.equal(turned, matrix.T)


def test_exponential_within_two_units_in_the_last_place():
    x = torch.linspace(-86, 88, 1 << 16)
    x[:2] = torch.tensor([-torch.inf, -1000])
    wanted = x.double().clamp(min=-86).exp()
    open_library(torch.float32).exponential(x.data_ptr(), len(x))
    assert ((x - wanted).abs() / wanted).max() < 2 * 2**-23


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("is_gelu", [True, False])
def test_activation_and_its_slope(is_gelu, dtype):
    x = torch.linspace(-12, 12, 256, dtype=dtype)
    inputs = x.double().requires_grad_()
    if is_gelu:
        wanted = torch.nn.functional.gelu(inputs, approximate="tanh")
    else:
        wanted = torch.relu(inputs).square()
    (slope,) = torch.autograd.grad(wanted.sum(), inputs)
    slopes = torch.empty_like(x)
    open_library(dtype).activate(is_gelu, x.data_ptr(), slopes.data_ptr(), len(x))
    tolerance = {torch.float64: 1e-12, torch.float32: 1e-5}[dtype]
    torch.testing.assert_close(x.double(), wanted.detach(), rtol=tolerance, atol=tolerance)
    torch.testing.assert_close(slopes.double(), slope, rtol=tolerance, atol=tolerance)


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("shape", [(3, 7), (32, 128), (17, 17)])
def test_orthogonalise(shape, dtype):
    x, (rows, columns) = drawn(*shape, dtype=dtype), shape
    wanted = orthogonalise(x.double())
    scratch = torch.empty(2 * rows * (rows + columns), dtype=dtype)
    open_library(dtype).orthogonalise(x.data_ptr(), rows, columns, scratch.data_ptr())
    tolerance = {torch.float64: 1e-12, torch.float32: 1e-4}[dtype]
    torch.testing.assert_close(x.double(), wanted, rtol=0, atol=tolerance)


# ------------------------------------------------------------------------------- a member


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("route", ROUTES, ids=lambda route: route.gradient)
@pytest.mark.parametrize("shape", SHAPES)
def test_loss_gradients_logits_and_streams(shape, route, dtype):
    size, vocabulary, positions = SHAPES[shape]
    model = model_of(size, vocabulary, positions + 3, (route,), dtype)
    native, windows = native_of(model), windows_of(vocabulary, 1, 3, positions + 1)
    past = None
    if route.needs_past:
        other = model_of(size, vocabulary, positions + 3, dtype=dtype)
        with torch.no_grad():
            past = [1.1 * layer for layer in other.inputs(windows[..., :-1])]
    inputs = None if past is None else [layer[0] for layer in past]
    loss = model.nats(windows, past)
    weights = dict(model.named_parameters())
    wanted = torch.autograd.grad(loss.sum(), list(weights.values()))
    # Overwritten, whatever was there.
    grads = {name: torch.full_like(weight[0], 7.0) for name, weight in weights.items()}
    nats = native.gradients(windows[0], grads, inputs)
    tolerance = DTYPES[dtype]
    assert nats == pytest.approx(loss.item(), rel=tolerance)
    assert native.nats(windows[0], inputs) == pytest.approx(nats, rel=1e-9)
    for (name, gradient), target in zip(grads.items(), wanted, strict=True):
        assert_near(gradient, target[0], dtype), name
    tokens = windows[0, :, :-1]
    with torch.no_grad():
        logits = model(tokens.unsqueeze(0), None, past)[0]
        streams = torch.stack(list(model._through(model.embed(tokens.unsqueeze(0)), past)))
    assert_near(native.logits(tokens, None, inputs), logits, dtype)
    last = min(2, positions)
    assert_near(native.logits(tokens, last, inputs), logits[:, -last:], dtype)
    by_position = streams[:, 0].mT.reshape(size.layers + 1, 3, positions, size.width)
    assert_near(native.streams(tokens, inputs), by_position, dtype)


@pytest.mark.parametrize("shape", SHAPES)
def test_logits_are_the_same_bits_for_all_variants(shape):
    size, vocabulary, positions = SHAPES[shape]
    tokens = windows_of(vocabulary, 2, positions)
    model = model_of(size, vocabulary, positions)
    logits = []
    for route in OWN_PAST:
        model.routes = (route,)
        logits.append(native_of(model).logits(tokens))
    assert all(torch.equal(logits[0], others) for others in logits[1:])


@pytest.mark.parametrize("route", ROUTES[:2], ids=lambda route: route.gradient)
def test_a_window_has_the_same_bits_in_any_company(route):
    size, vocabulary, positions = SHAPES["text"]
    model = model_of(size, vocabulary, positions, (route,))
    native, tokens = native_of(model), windows_of(vocabulary, 5, positions)
    together = native.logits(tokens)
    assert torch.equal(native.logits(tokens[3:4])[0], together[3])
    assert torch.equal(native.logits(tokens[:, :50]), together[:, :50])


def test_no_gradient_reaches_an_earlier_position_of_a_myopic_member():
    """In a single window the embedding of a token that occurs once gets the gradient of its own
    position's loss alone: changing later targets changes nothing."""
    size, vocabulary, positions = SHAPES["text"]
    model = model_of(size, vocabulary, positions, (Route("myopic"),), torch.float64)
    native = native_of(model)
    window = torch.randperm(vocabulary)[: positions + 1].unsqueeze(0)
    grads = [{name: torch.empty_like(x) for name, x in model.weights_of(0).items()} for _ in "ab"]
    native.gradients(window, grads[0])
    changed = window.clone()
    changed[0, -1] = (window[0, -1] + 1) % vocabulary
    native.gradients(changed, grads[1])
    first = [by_name["W_E"][window[0, :-2]] for by_name in grads]
    assert torch.equal(*first)
    assert not torch.equal(*[by_name["W_E"][window[0, -2]] for by_name in grads])


def test_a_stack_computes_with_native_kernels_what_torch_computes():
    size, vocabulary, positions = SHAPES["text"]
    models = [
        model_of(size, vocabulary, positions, (Route(), Route("bigram")), kernels=kernels)
        for kernels in ("torch", "native")
    ]
    windows = windows_of(vocabulary, 2, 3, positions + 1)
    tokens = windows[..., :-1]
    with torch.no_grad():
        for compute in (
            lambda model: model(tokens, 5),
            lambda model: model.nats(windows),
            lambda model: model.scores(windows)[0],
            lambda model: model.scores(windows)[1].float(),
            lambda model: torch.stack(model.streams(tokens)),
            lambda model: torch.stack(list(model.inputs(tokens))),
        ):
            one, other = map(compute, models)
            assert one.shape == other.shape
            assert_near(one, other, torch.float32)
    assert models[1].nats(windows).requires_grad


@pytest.mark.parametrize(
    ("windows", "error"),
    [
        (torch.zeros(1, 60, dtype=torch.int64), ValueError),
        (torch.zeros(1, 0, dtype=torch.int64), ValueError),
        (torch.full((1, 8), 13), IndexError),
        (torch.full((1, 8), -1), IndexError),
    ],
)
def test_windows_that_the_library_must_not_see(windows, error):
    size, vocabulary, positions = SHAPES["odd"]
    native = native_of(model_of(size, vocabulary, positions))
    with pytest.raises(error):
        native.logits(windows)


@pytest.mark.parametrize("last", [-1, 9])
def test_more_last_positions_than_a_window_has(last):
    size, vocabulary, positions = SHAPES["odd"]
    native = native_of(model_of(size, vocabulary, positions))
    with pytest.raises(ValueError, match="last"):
        native.logits(torch.zeros(1, 8, dtype=torch.int64), last)


def test_a_past_of_other_windows_is_refused():
    size, vocabulary, positions = SHAPES["odd"]
    (route,) = (route for route in ROUTES if route.needs_past)
    native = native_of(model_of(size, vocabulary, positions, (route,)))
    past = [torch.zeros(size.width, 9)] * size.layers
    with pytest.raises(ValueError, match=r"of shape \(2, 12, 9\) instead of \(2, 12, 8\)"):
        native.logits(torch.zeros(1, 8, dtype=torch.int64), None, past)


@pytest.mark.parametrize("bad", [torch.nan, torch.inf])
@pytest.mark.parametrize("shape", ["text", "odd"])
def test_weights_that_are_not_finite_have_no_finite_loss(shape, bad):
    """As in torch: the last update of a training that diverged shows in no later gradient."""
    size, vocabulary, positions = SHAPES[shape]
    windows = windows_of(vocabulary, 1, 3, positions + 1)
    for name, _ in model_of(size, vocabulary, positions).named_parameters():
        model = model_of(size, vocabulary, positions)
        weight = model.weights_of(0)[name]
        weight.fill_(bad) if bad == torch.inf else weight.view(-1)[-1:].fill_(bad)
        with torch.no_grad():
            assert not model.nats(windows).isfinite(), name
        native = native_of(model)
        grads = {name: torch.empty_like(x) for name, x in model.weights_of(0).items()}
        nats = native.nats(windows[0]), native.gradients(windows[0], grads)
        assert not any(map(math.isfinite, nats)), name


@needs_bf16
@pytest.mark.parametrize("route", ROUTES, ids=lambda route: route.gradient)
@pytest.mark.parametrize("shape", SHAPES)
def test_bf16_is_near_float32(shape, route):
    """Factors of eight bits: errors of some per cent of the largest gradient, and no more."""
    size, vocabulary, positions = SHAPES[shape]
    model = model_of(size, vocabulary, positions, (route,))
    windows = windows_of(vocabulary, 3, positions + 1)
    past = None
    if route.needs_past:
        other = model_of(size, vocabulary, positions)
        past = list(native_of(other).inputs(windows[:, :-1]))
        with pytest.raises(ValueError, match="needs a past"):
            native_of(model).nats(windows)
    results = []
    for precision in ("float32", "bf16"):
        native = NativeMember(
            size, model.weights_of(0), model.rotary,
            native_route(route.keeps, route.flow.past), precision,
        )  # fmt: skip
        grads = {name: torch.full_like(x, 7.0) for name, x in model.weights_of(0).items()}
        results.append((native.gradients(windows, grads, past), grads))
    (nats, exact), (rounded_nats, rounded) = results
    assert rounded_nats == pytest.approx(nats, abs=0.01)
    for name, grad in exact.items():
        assert (grad - rounded[name]).norm() <= 0.1 * grad.norm() + 1e-6, name


@needs_bf16
@pytest.mark.parametrize("is_turned", [False, True])
@pytest.mark.parametrize(
    "shape", [(1, 1, 1), (32, 32, 32), (48, 80, 64), (17, 33, 40), (6, 100, 31), (70, 5, 96)]
)
def test_product_of_rounded(shape, is_turned):
    """Exact up to the order of float32 sums, of factors that are bfloat16 already."""
    rows, columns, depth = shape
    a, b = drawn(rows, depth).bfloat16().float(), drawn(depth, columns, seed=1).bfloat16().float()
    a = a.T.contiguous().T if is_turned else a
    c = drawn(rows, columns, dtype=torch.float32, seed=2)
    wanted = c.double() + a.double() @ b.double()
    open_library(torch.float32).product_of_rounded(
        rows, columns, depth, a.data_ptr(), *a.stride(), b.data_ptr(), columns, c.data_ptr(),
        columns, 1,
    )  # fmt: skip
    torch.testing.assert_close(c.double(), wanted, rtol=0, atol=1e-4)


# ------------------------------------------------------------------------------ the update


@pytest.mark.parametrize("optimizer", ["adamw", "muon"])
def test_update_is_that_of_the_optimizer(optimizer):
    size, vocabulary, positions = SHAPES["odd"]
    settings = Training(optimizer=optimizer, clip=0.5)
    models = [model_of(size, vocabulary, positions) for _ in "ab"]
    optimizers = [Optimizer(dict(model.named_parameters()), settings) for model in models]
    weights = models[1].weights_of(0)
    grads = {name: torch.empty_like(weight) for name, weight in weights.items()}
    update = NativeUpdate(weights, grads, optimizers[1].moments_of(0), settings, MOMENTUM)
    for step in range(1, 5):
        rate = 0.01 * step
        for i, grad in enumerate(grads.values()):
            grad.copy_(drawn(*grad.shape, dtype=torch.float32, seed=100 * step + i))
        copies = {name: grad.unsqueeze(0).clone() for name, grad in grads.items()}
        norms = optimizers[0].step(copies, torch.tensor([rate]), torch.tensor([True]))
        assert update(rate, step) == pytest.approx(norms.item(), rel=1e-6)
    for name, weight in models[0].weights_of(0).items():
        torch.testing.assert_close(weight, weights[name], rtol=1e-5, atol=1e-6)


def test_a_gradient_that_is_not_finite_changes_nothing():
    size, vocabulary, positions = SHAPES["odd"]
    model = model_of(size, vocabulary, positions)
    weights = model.weights_of(0)
    before = {name: weight.clone() for name, weight in weights.items()}
    grads = {name: torch.full_like(weight, torch.nan) for name, weight in weights.items()}
    moments = Optimizer(dict(model.named_parameters()), Training()).moments_of(0)
    norm = NativeUpdate(weights, grads, moments, Training(), MOMENTUM)(0.01, 1)
    assert norm != norm
    assert all(torch.equal(before[name], weight) for name, weight in weights.items())
