"""The networks, and the proof that the myopic variant's gradients are what they should be."""

import copy
import math

import pytest
import torch
import torch.nn.functional as F

from manymasks.config.study import Size
from manymasks.models.attention import (
    _bias,
    causal_attention,
    dense_backward,
    own_attention,
    parted_attention,
    read_and_own,
)
from manymasks.models.transformer import Transformer, initialise, rms_norm, rotary_table, rotate

SIZE = Size(width=16, layers=3, heads=2)
VOCABULARY, POSITIONS = 11, 7


def model(gradient, *, gamma=0.0, seed=0, dtype=torch.float64, size=SIZE):
    network = Transformer(size, VOCABULARY, POSITIONS, gradient, gamma)
    initialise(network, seed)
    network.cos, network.sin = rotary_table(POSITIONS, size.width // size.heads)
    network = network.to(dtype)
    # Gains of one would hide a mistake in the norms' gradients.
    with torch.no_grad():
        for name, weight in network.named_parameters():
            if weight.ndim == 1:
                weight += 0.1 * torch.randn(
                    weight.shape, generator=torch.Generator().manual_seed(len(name)), dtype=dtype
                )
            elif "W_E" in name or "W_U" in name:
                weight *= 20
    return network


@pytest.fixture
def batch():
    generator = torch.Generator().manual_seed(1)
    tokens = torch.randint(VOCABULARY, (2, POSITIONS + 1), generator=generator)
    return tokens[:, :-1], tokens[:, 1:]


def naive_attention(q, k, v):
    scores = q @ k.transpose(-1, -2) / math.sqrt(q.shape[-1])
    future = torch.ones(scores.shape[-2:], dtype=torch.bool).triu(1)
    return torch.softmax(scores.masked_fill(future, -math.inf), -1) @ v


def test_attention_is_softmax_over_the_past():
    q, k, v = torch.randn(3, 2, 2, 9, 8, dtype=torch.float64).unbind(0)
    torch.testing.assert_close(causal_attention(q, k, v), naive_attention(q, k, v))


@pytest.mark.parametrize("dtype, tolerance", [(torch.float64, 1e-10), (torch.float32, 2e-5)])
def test_fused_and_dense_backward_agree_with_autograd(dtype, tolerance):
    generator = torch.Generator().manual_seed(0)
    q, k, v, grad = torch.randn(4, 2, 2, 33, 8, generator=generator, dtype=torch.float64).unbind(0)
    inputs = [x.clone().requires_grad_() for x in (q, k, v)]
    wanted = torch.autograd.grad(naive_attention(*inputs), inputs, grad)
    given = [x.to(dtype).requires_grad_() for x in (q, k, v)]
    fused = torch.autograd.grad(causal_attention(*given), given, grad.to(dtype))
    with torch.no_grad():
        out = causal_attention(*given)
        dense = dense_backward(grad.to(dtype), *given, out)
    for exact, one, other in zip(wanted, fused, dense, strict=True):
        torch.testing.assert_close(one.double(), exact, atol=tolerance, rtol=tolerance)
        torch.testing.assert_close(other.double(), exact, atol=tolerance, rtol=tolerance)


def test_the_diagonals_gradient_is_that_of_its_own_key_and_value():
    """Against autograd on dense attention in which only the diagonal's k and v are live."""
    generator = torch.Generator().manual_seed(0)
    q, k, v, grad = torch.randn(4, 1, 2, 9, 8, generator=generator, dtype=torch.float64).unbind(0)
    k_own, v_own = k.clone().requires_grad_(), v.clone().requires_grad_()
    eye = torch.eye(9, dtype=torch.bool)
    scores = torch.where(
        eye, (q * k_own).sum(-1, keepdim=True).expand(-1, -1, -1, 9), q @ k.transpose(-1, -2)
    ) / math.sqrt(8)
    scores = scores.masked_fill(torch.ones(9, 9, dtype=torch.bool).triu(1), -math.inf)
    weights = torch.softmax(scores, -1)
    diagonal = weights.diagonal(dim1=-2, dim2=-1).unsqueeze(-1)
    out = weights.masked_fill(eye, 0) @ v + diagonal * v_own
    wanted = torch.autograd.grad(out, (k_own, v_own), grad)
    own = [x.clone().requires_grad_() for x in (k, v)]
    found = torch.autograd.grad(parted_attention(q, k, v, *own), own, grad)
    for one, other in zip(found, wanted, strict=True):
        torch.testing.assert_close(one, other, atol=1e-12, rtol=1e-12)


def test_read_and_own_parts_the_gradient():
    h = torch.randn(2, 5, 4, dtype=torch.float64, requires_grad=True)
    weight = torch.randn(3, 4, dtype=torch.float64, requires_grad=True)
    read, own = read_and_own(h, weight)
    assert torch.equal(read, own)
    a, b = torch.randn(2, 2, 5, 3, dtype=torch.float64).unbind(0)
    dh, dw = torch.autograd.grad((read * a).sum() + (own * b).sum(), (h, weight))
    torch.testing.assert_close(dh, b @ weight)
    torch.testing.assert_close(dw, torch.einsum("bti,btj->ij", a, h))


VARIANTS = [("causal", 0.0), ("myopic", 0.0), ("myopic-kv", 0.0)] + [
    ("discount", gamma) for gamma in (0.0, 0.3, 0.9, 1.0)
]


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_forward_is_bit_identical(batch, dtype):
    tokens, _ = batch
    causal = model("causal", dtype=dtype)(tokens)
    for gradient, gamma in VARIANTS[1:]:
        network = model(gradient, gamma=gamma, dtype=dtype)
        assert torch.equal(causal, network(tokens))
        with torch.no_grad():
            assert torch.equal(causal, network(tokens))


def untied_losses(network, tokens, targets, cached):
    """Loss of each position, every position having its own copy of the weights.

    `cached` is what position i finds of an earlier j: "hidden", the normalised input h_j that
    copy j wrote and copy i projects with its own W_K and W_V, or "kv", the key and value that
    copy j made. With it, d loss_i / d copy_j is the part of the gradient that pays position j
    for what it does for position i.
    """
    copies = [copy.deepcopy(network) for _ in range(tokens.shape[1])]
    past = [[] for _ in network.blocks]
    losses = []
    for i, own in enumerate(copies):
        x = own.embed(tokens[:, i : i + 1])
        for layer, block in enumerate(own.blocks):
            h = rms_norm(x, block.norm_attention)
            past[layer].append(h if cached == "hidden" else (h @ block.W_K.T, h @ block.W_V.T))
            if cached == "hidden":
                seen = torch.cat(past[layer], dim=1)
                keys, values = F.linear(seen, block.W_K), F.linear(seen, block.W_V)
            else:
                keys, values = (torch.cat(part, dim=1) for part in zip(*past[layer], strict=True))
            q = rotate(block._split(F.linear(h, block.W_Q)), own.cos[i : i + 1], own.sin[i : i + 1])
            k = rotate(block._split(keys), own.cos[: i + 1], own.sin[: i + 1])
            v = block._split(values)
            weights = torch.softmax(q @ k.transpose(-1, -2) / math.sqrt(q.shape[-1]), -1)
            x = x + F.linear((weights @ v).transpose(1, 2).flatten(2), block.W_O)
            hidden = F.linear(rms_norm(x, block.norm_mlp), block.W_in)
            x = x + F.linear(F.gelu(hidden, approximate="tanh"), block.W_out)
        logits = F.linear(rms_norm(x, own.norm), own.W_U)
        losses.append(F.cross_entropy(logits.flatten(0, 1), targets[:, i]))
    return copies, losses


def gradients(network, tokens, targets):
    loss = F.cross_entropy(network(tokens).flatten(0, 1), targets.flatten()) * POSITIONS
    names = [name for name, _ in network.named_parameters()]
    found = torch.autograd.grad(loss, list(network.parameters()))
    return dict(zip(names, found, strict=True)), loss.detach()


@pytest.mark.parametrize(("gradient", "gamma"), VARIANTS)
def test_gradients_are_those_of_untied_weights(batch, gradient, gamma):
    """Every parameter, float64, 3 layers, 2 heads, to 1e-9 relative: sum of gamma^(i-j) parts."""
    tokens, targets = batch
    network = model(gradient, gamma=gamma)
    found, loss = gradients(network, tokens, targets)
    cached = "kv" if gradient == "myopic-kv" else "hidden"
    copies, losses = untied_losses(network, tokens, targets, cached)
    torch.testing.assert_close(sum(losses), loss)
    share = 1.0 if gradient == "causal" else gamma
    wanted = {name: torch.zeros_like(weight) for name, weight in network.named_parameters()}
    for i, part in enumerate(losses):
        for j, own in enumerate(copies[: i + 1]):
            grads = torch.autograd.grad(
                part, list(own.parameters()), retain_graph=True, allow_unused=True
            )
            for name, grad in zip(wanted, grads, strict=True):
                wanted[name] += 0 if grad is None else share ** (i - j) * grad
    for name, grad in wanted.items():
        error = (found[name] - grad).norm() / grad.norm()
        assert error < 1e-9, f"{name}: {error:.1e}"


def test_the_variants_differ(batch):
    """The proofs above would be empty if the parts that are cut were nothing."""
    tokens, targets = batch
    found = [gradients(model(g, gamma=gamma), tokens, targets)[0] for g, gamma in VARIANTS[:3]]
    for one, other in ((0, 1), (0, 2), (1, 2)):
        a, b = found[one]["blocks.1.W_K"], found[other]["blocks.1.W_K"]
        assert (a - b).norm() > 0.01 * a.norm()


def test_one_and_zero_are_causal_and_myopic(batch):
    tokens, targets = batch
    for gamma, same in ((1.0, "causal"), (0.0, "myopic")):
        one = gradients(model("discount", gamma=gamma), tokens, targets)[0]
        other = gradients(model(same), tokens, targets)[0]
        for name in one:
            torch.testing.assert_close(one[name], other[name], rtol=1e-12, atol=1e-14)


def test_no_gradient_reaches_an_earlier_embedding(batch):
    tokens, targets = batch
    for gradient, gamma in VARIANTS:
        network = model(gradient, gamma=gamma)
        x = network.embed(tokens).detach().requires_grad_()
        logits = network.from_embedding(x)
        reached = torch.zeros(POSITIONS, POSITIONS)
        for i in range(POSITIONS):
            loss = F.cross_entropy(logits[:, i], targets[:, i])
            (grad,) = torch.autograd.grad(loss, x, retain_graph=True)
            reached[i] = grad.abs().sum((0, 2))
        assert (reached.diagonal() > 0).all()
        reaches_back = gradient == "causal" or gamma > 0
        assert bool(reached.tril(-1).any()) == reaches_back
        assert not reached.triu(1).any()


def test_a_key_bias_tells_myopic_from_myopic_kv():
    """Softmax does not see a shift of all its scores, so a bias that is read gets no gradient.

    Cutting the projected keys instead of the hidden states leaves only the diagonal of it.
    """
    generator = torch.Generator().manual_seed(3)
    q, h, v, grad = torch.randn(4, 1, 1, 6, 4, generator=generator, dtype=torch.float64).unbind(0)
    bias = torch.zeros(4, dtype=torch.float64, requires_grad=True)
    own = h.clone().requires_grad_(), v.clone().requires_grad_()
    (causal,) = torch.autograd.grad(causal_attention(q, h + bias, v), bias, grad)
    (myopic,) = torch.autograd.grad(parted_attention(q, h + bias, v, *own), bias, grad)
    (kv,) = torch.autograd.grad(own_attention(q, h + bias, v), bias, grad)
    assert causal.abs().max() < 1e-12
    assert myopic.abs().max() < 1e-12
    assert kv.abs().max() > 1e-3


@pytest.mark.parametrize(("dtype", "tolerance"), [(torch.float64, 1e-12), (torch.float32, 2e-5)])
def test_discount_fused_dense_and_naive(dtype, tolerance):
    """gamma^(i-j) times each pair's gradient: against float64 loops, and dense against fused."""
    generator = torch.Generator().manual_seed(5)
    positions, gamma = 40, 0.8
    shape = (4, 2, 2, positions, 8)
    q, k, v, grad = torch.randn(shape, generator=generator, dtype=torch.float64).unbind(0)
    out = naive_attention(q, k, v)
    scores = q @ k.transpose(-1, -2) / math.sqrt(8)
    future = torch.ones(positions, positions, dtype=torch.bool).triu(1)
    weights = torch.softmax(scores.masked_fill(future, -math.inf), -1)
    dk, dv = torch.zeros_like(k), torch.zeros_like(v)
    for i in range(positions):
        for j in range(i + 1):
            pair = gamma ** (i - j) * weights[..., i, j, None]
            dv[..., j, :] += pair * grad[..., i, :]
            along = ((v[..., j, :] - out[..., i, :]) * grad[..., i, :]).sum(-1, keepdim=True)
            dk[..., j, :] += pair * along * q[..., i, :] / math.sqrt(8)
    own = [x.to(dtype).clone().requires_grad_() for x in (k, v)]
    given = [x.to(dtype) for x in (q, k, v)]
    fused = torch.autograd.grad(parted_attention(*given, *own, gamma), own, grad.to(dtype))
    bias = _bias(positions, gamma, dtype, torch.device("cpu"))
    dense = dense_backward(grad.to(dtype), *given, causal_attention(*given), bias)[1:]
    for exact, one, other in zip((dk, dv), fused, dense, strict=True):
        torch.testing.assert_close(one.double(), exact, atol=tolerance, rtol=tolerance)
        torch.testing.assert_close(other.double(), exact, atol=tolerance, rtol=tolerance)


def test_initial_weights_depend_on_their_seed_alone():
    one, same, other = model("causal", seed=4), model("myopic", seed=4), model("causal", seed=5)
    assert all(torch.equal(a, b) for a, b in zip(one.parameters(), same.parameters(), strict=True))
    assert not torch.equal(one.W_E, other.W_E)


def test_rotary_scores_depend_on_distance_alone():
    cos, sin = rotary_table(12, 8)
    q, k = torch.randn(2, 1, 1, 1, 8).unbind(0)

    def score(i, j):
        return (
            rotate(q, cos[i : i + 1], sin[i : i + 1]) * rotate(k, cos[j : j + 1], sin[j : j + 1])
        ).sum()

    torch.testing.assert_close(score(7, 3), score(11, 7))


def test_relu2_is_the_square_of_relu(batch):
    tokens, _ = batch
    gelu = model("causal")
    relu2 = model("causal", size=Size(width=16, layers=3, heads=2, activation="relu2"))
    assert not torch.allclose(gelu(tokens), relu2(tokens))
    block = relu2.blocks[0]
    x = torch.randn(1, 3, 16, dtype=torch.float64)
    with torch.no_grad():
        block.W_O.zero_()
        hidden = F.linear(rms_norm(x, block.norm_mlp), block.W_in)
        wanted = x + F.linear(hidden.clamp(min=0) ** 2, block.W_out)
        torch.testing.assert_close(block(x, relu2.cos[:3], relu2.sin[:3]), wanted)
