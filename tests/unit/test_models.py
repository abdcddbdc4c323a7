"""The networks, and the proof that each route's gradients are what they should be."""

import math

import pytest
import torch
import torch.nn.functional as F

from manymasks.config.training import Size
from manymasks.models import attention, cuda, parts
from manymasks.models.attention import Gradients, Route, attend, attend_backward, runs_of
from manymasks.models.parts import by_feature, by_head, rotary_table
from manymasks.models.transformer import Transformer, initialise

SIZE = Size(width=16, layers=3, heads=2)
VOCABULARY, POSITIONS, BATCH = 11, 7, 2
VARIANTS = [("causal", 0.0), ("myopic", 0.0), ("myopic-kv", 0.0)] + [
    ("discount", gamma) for gamma in (0.0, 0.3, 0.9, 1.0)
]


@pytest.fixture(autouse=True)
def _small_blocks(monkeypatch):
    """Several blocks of rows and chunks of tokens in a window of seven."""
    monkeypatch.setattr(attention, "ROWS", 3)
    monkeypatch.setattr(parts, "CHUNK", 5)


def gradients_of(network, member):
    return {name: weight.grad[member] for name, weight in network.named_parameters()}


def model(*routes, seeds=None, dtype=torch.float64, size=SIZE, precision="float32"):
    routes = [Route(*route) if isinstance(route, tuple) else Route(route) for route in routes]
    network = Transformer(size, VOCABULARY, POSITIONS, routes, precision)
    initialise(network, seeds or [0] * len(routes))
    network = network.to(dtype)
    network.rotary = rotary_table(POSITIONS, size.width // size.heads, size.rotary_base).to(dtype)
    # Gains of one would hide a mistake in the norms' gradients.
    with torch.no_grad():
        for name, weight in network.named_parameters():
            if "norm" in name:
                generator = torch.Generator().manual_seed(len(name))
                weight += 0.1 * torch.randn(weight.shape[1:], generator=generator, dtype=dtype)
            elif "W_E" in name or "W_U" in name:
                weight *= 20
    return network


@pytest.fixture
def windows():
    generator = torch.Generator().manual_seed(1)
    return torch.randint(VOCABULARY, (1, BATCH, POSITIONS + 1), generator=generator)


# ------------------------------------------------------- the same network, written naively


def norm(x, gain):
    return x / (x.square().mean(-1, keepdim=True) + 1e-6).sqrt() * gain


def turned(x, positions, heads):
    """Rotary positions of (batch, positions, d), one pair at a time, as complex numbers."""
    batch, _, d = x.shape
    split = x.view(batch, len(positions), heads, 2, d // heads // 2)
    pairs = torch.complex(split[..., 0, :], split[..., 1, :])
    half = d // heads // 2
    angles = torch.outer(
        torch.tensor(positions, dtype=torch.float64),
        10_000.0 ** (-torch.arange(half, dtype=torch.float64) / half),
    )
    pairs = pairs * torch.polar(torch.ones_like(angles), angles).unsqueeze(1).to(pairs.dtype)
    return torch.stack((pairs.real, pairs.imag), -2).reshape(batch, len(positions), heads, -1)


def layer(weights, n):
    prefix = f"blocks.{n}."
    return {k.removeprefix(prefix): w for k, w in weights.items() if k.startswith(prefix)}


def mixed(q, k, v, w, i):
    """Attention of position i: q (batch, heads, dh), k and v (batch, seen, heads, dh)."""
    scores = torch.einsum("bhd,bjhd->bhj", q, k) / math.sqrt(q.shape[-1])
    return torch.einsum("bhj,bjhd->bhd", torch.softmax(scores, -1), v).flatten(1) @ w["W_O"].T


def naive_position(copies, tokens, i, past, cached, size=SIZE):
    """Logits of position i from its own copy of the weights.

    `past[n]` holds what earlier positions left in layer n, and is added to: "hidden", the
    normalised input h_j that copy j wrote and copy i projects with its own W_K and W_V, or
    "kv", the key and value that copy j made, or "none".
    """
    own = copies[i]
    x = own["W_E"][tokens[:, i]].unsqueeze(1)
    for n in range(size.layers):
        w = layer(own, n)
        h = norm(x, w["norm_attention"])
        if cached == "none":
            left, at = [h], [i]
        else:
            past[n].append((h, h @ w["W_K"].T, h @ w["W_V"].T))
            left, at = [each[0] for each in past[n]], list(range(i + 1))
        if cached == "kv":
            keys = torch.cat([each[1] for each in past[n]], 1)
            values = torch.cat([each[2] for each in past[n]], 1)
        else:
            keys, values = torch.cat(left, 1) @ w["W_K"].T, torch.cat(left, 1) @ w["W_V"].T
        q = turned(h @ w["W_Q"].T, [i], size.heads)[:, 0]
        k = turned(keys, at, size.heads)
        v = values.view(*k.shape)
        x = x + mixed(q, k, v, w, i).unsqueeze(1)
        hidden = norm(x, w["norm_mlp"]) @ w["W_in"].T
        f = F.gelu(hidden, approximate="tanh") if size.activation == "gelu" else F.relu(hidden) ** 2
        x = x + f @ w["W_out"].T
    return (norm(x, own["norm"]) @ own["W_U"].T)[:, 0]


def untied_losses(network, windows, cached):
    """Summed loss of each position, every position having its own copy of the weights."""
    tokens, targets = windows[0, :, :-1], windows[0, :, 1:]
    copies = [
        {name: w.clone().requires_grad_() for name, w in network.weights_of(0).items()}
        for _ in range(POSITIONS)
    ]
    past = [[] for _ in network.blocks]
    losses = [
        F.cross_entropy(
            naive_position(copies, tokens, i, past, cached, network.size), targets[:, i]
        )
        for i in range(POSITIONS)
    ]
    return copies, losses


def gradients(network, windows, past=None):
    network.zero_grad()
    loss = network.nats(windows, past).sum() * POSITIONS
    loss.backward()
    return gradients_of(network, 0), loss.detach()


# ------------------------------------------------------------------------------- proofs


def test_logits_agree_with_a_naive_network(windows):
    tokens = windows[0, :, :-1]
    for activation in ("gelu", "relu2"):
        size = Size(width=16, layers=3, heads=2, activation=activation)
        network = model("causal", size=size)
        past = [[] for _ in network.blocks]
        copies = [network.weights_of(0)] * POSITIONS
        wanted = torch.stack(
            [naive_position(copies, tokens, i, past, "kv", size) for i in range(POSITIONS)], 1
        )
        with torch.no_grad():
            torch.testing.assert_close(network(windows[..., :-1])[0], wanted)
            torch.testing.assert_close(network(windows[..., :-1], last=2)[0], wanted[:, -2:])
        torch.testing.assert_close(network(windows[..., :-1])[0], wanted)


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_forward_is_bit_identical(windows, dtype):
    tokens = windows[..., :-1]
    causal = model("causal", dtype=dtype)(tokens)
    for route in VARIANTS[1:]:
        assert torch.equal(causal, model(route, dtype=dtype)(tokens))


@pytest.mark.parametrize("route", VARIANTS)
def test_gradients_agree_with_untied_weights(windows, route):
    """Every parameter, float64, 3 layers, 2 heads, to 1e-9 relative: sum of gamma^(i-j) parts."""
    gradient, gamma = route
    network = model(route)
    found, loss = gradients(network, windows)
    cached = "kv" if gradient == "myopic-kv" else "hidden"
    copies, losses = untied_losses(network, windows, cached)
    torch.testing.assert_close(sum(losses), loss)
    share = 1.0 if gradient == "causal" else gamma
    wanted = {name: torch.zeros_like(weight) for name, weight in copies[0].items()}
    for i, part in enumerate(losses):
        for j, own in enumerate(copies[: i + 1]):
            grads = torch.autograd.grad(
                part, list(own.values()), retain_graph=True, allow_unused=True
            )
            for name, grad in zip(wanted, grads, strict=True):
                wanted[name] += 0 if grad is None else share ** (i - j) * grad
    for name, grad in wanted.items():
        error = (found[name] - grad).norm() / grad.norm()
        assert error < 1e-9, f"{name}: {error:.1e}"


def test_the_variants_differ(windows):
    """The proofs above would be empty if the parts that are cut were nothing."""
    found = [gradients(model(route), windows)[0]["blocks.1.W_K"] for route in VARIANTS[:3]]
    for one, other in ((0, 1), (0, 2), (1, 2)):
        assert (found[one] - found[other]).norm() > 0.01 * found[one].norm()


def test_discounts_of_one_and_zero_are_causal_and_myopic(windows):
    for gamma, same in ((1.0, "causal"), (0.0, "myopic")):
        one = gradients(model(("discount", gamma)), windows)[0]
        other = gradients(model(same), windows)[0]
        for name in one:
            torch.testing.assert_close(one[name], other[name], rtol=1e-12, atol=1e-14)


def test_no_gradient_reaches_an_earlier_embedding(windows):
    tokens, targets = windows[..., :-1], windows[0, :, 1:]
    for route in [*VARIANTS, ("local",), ("bigram",)]:
        network = model(route)
        past = model("causal", seeds=[1]).inputs(tokens) if route[0] == "local" else None
        past = past and [each.detach() for each in past]
        x = network.embed(tokens).detach().requires_grad_()
        logits = network.from_embedding(x, past=past)[0]
        reached = torch.zeros(POSITIONS, POSITIONS)
        for i in range(POSITIONS):
            loss = F.cross_entropy(logits[:, i], targets[:, i])
            (grad,) = torch.autograd.grad(loss, x, retain_graph=True)
            reached[i] = grad.abs().sum((0, 1, 3))
        assert (reached.diagonal() > 0).all()
        reaches_back = route[0] == "causal" or (len(route) > 1 and route[1] > 0)
        assert bool(reached.tril(-1).any()) == reaches_back
        assert not reached.triu(1).any()


def test_local_runs_each_position_on_the_past_of_another(windows):
    """Logits and, for every parameter, the gradient that autograd finds with the past fixed."""
    tokens, targets = windows[0, :, :-1], windows[0, :, 1:]
    frozen, network = model("causal", seeds=[3]), model("local", seeds=[0])
    theta, psi = frozen.weights_of(0), network.weights_of(0)
    psi = {name: weight.clone().requires_grad_() for name, weight in psi.items()}
    logits = []
    for i in range(POSITIONS):
        past = [[] for _ in network.blocks]
        copies = [theta] * i + [psi]
        for j in range(i + 1):
            found = naive_position(copies, tokens, j, past, "hidden")
        logits.append(found)
    loss = F.cross_entropy(torch.stack(logits, 1).flatten(0, 1), targets.flatten()) * POSITIONS
    wanted = torch.autograd.grad(loss, list(psi.values()))
    with torch.no_grad():
        past = frozen.inputs(windows[..., :-1])
        torch.testing.assert_close(
            network(windows[..., :-1], past=past)[0], torch.stack(logits, 1).detach()
        )
    found, nats = gradients(network, windows, past)
    torch.testing.assert_close(nats, loss.detach())
    for (name, grad), exact in zip(found.items(), wanted, strict=True):
        assert (grad - exact).norm() / exact.norm() < 1e-9, name


def test_local_on_its_own_past_is_causal_with_the_myopic_gradient(windows):
    network = model("local")
    with torch.no_grad():
        past = model("causal").inputs(windows[..., :-1])
    local, loss = gradients(network, windows, past)
    myopic, same = gradients(model("myopic"), windows)
    torch.testing.assert_close(loss, same)
    for name in local:
        torch.testing.assert_close(local[name], myopic[name], rtol=1e-10, atol=1e-13)


def test_bigram_sees_one_token(windows):
    network = model("bigram")
    tokens, targets = windows[0, :, :-1], windows[0, :, 1:]
    weights = {name: w.clone().requires_grad_() for name, w in network.weights_of(0).items()}
    copies = [weights] * POSITIONS
    logits = torch.stack(
        [naive_position(copies, tokens, i, None, "none") for i in range(POSITIONS)], 1
    )
    loss = F.cross_entropy(logits.flatten(0, 1), targets.flatten()) * POSITIONS
    wanted = torch.autograd.grad(loss, list(weights.values()))
    found, nats = gradients(network, windows)
    torch.testing.assert_close(nats, loss.detach())
    for (name, grad), exact in zip(found.items(), wanted, strict=True):
        torch.testing.assert_close(grad, exact, rtol=1e-10, atol=1e-13, msg=name)


# ---------------------------------------------------------------- attention on its own


def dense(q, k, v, diagonal_of=None):
    """Attention of (n, dh, positions) with the matrix written out; its weights too."""
    scores = q.mT @ k
    if diagonal_of is not None:
        eye = torch.eye(q.shape[-1], dtype=torch.bool)
        scores = torch.where(eye, (q * diagonal_of[0]).sum(1).unsqueeze(1), scores)
    future = torch.ones(scores.shape[-2:], dtype=torch.bool).triu(1)
    weights = torch.softmax(scores.masked_fill(future, -math.inf), -1)
    return v @ weights.mT, weights


def backward_of(route, q, k, v, grad):
    found = [torch.full_like(q, math.nan) for _ in range(5)]
    same = route.keeps in (1, None)
    into = Gradients(found[0], (found[3], found[4]), (found[1], found[2]))
    if same:
        into.read = into.diagonal
    attend_backward(grad, q, k, v, *attend(q, k, v), into, route.keeps)
    return into


@pytest.mark.parametrize("positions", [1, 2, 3, 7, 40])
@pytest.mark.parametrize(
    ("dtype", "tolerance"),
    [(torch.float64, 1e-12), (torch.float32, 2e-5)],
)
def test_attention_and_its_gradients_against_loops_over_pairs(positions, dtype, tolerance):
    """gamma^(i-j) times each pair's gradient, in float64; every route, several blocks of rows."""
    generator = torch.Generator().manual_seed(positions)
    shape = (4, 1, 5, 8, positions)
    q, k, v, grad = torch.randn(shape, generator=generator, dtype=torch.float64).unbind(0)
    q = q / math.sqrt(8)
    out, weights = dense(q[0], k[0], v[0])
    given = [x.to(dtype) for x in (q, k, v, grad)]
    torch.testing.assert_close(
        attend(*given[:3])[0][0].double(), out, atol=tolerance, rtol=tolerance
    )
    back = weights * (grad[0].mT @ v[0] - (grad[0] * out).sum(1).unsqueeze(2))
    dq = k[0] @ back.mT
    for route in [Route(*each) for each in VARIANTS]:
        found = backward_of(route, *given)
        share = 1.0 if route.keeps is None else route.keeps
        pairs = torch.zeros(positions, positions, dtype=torch.float64)
        for i in range(positions):
            for j in range(i + 1):
                pairs[i, j] = share ** (i - j) if route.keeps is not None else float(i == j)
        read = torch.eye(positions) if route.keeps is None else torch.ones(positions, positions)
        wanted = {
            "q": (found.q, dq),
            "read k": (found.read[0], q[0] @ (back * read)),
            "read v": (found.read[1], grad[0] @ (weights * read)),
            "diagonal k": (found.diagonal[0], q[0] @ (back * pairs)),
            "diagonal v": (found.diagonal[1], grad[0] @ (weights * pairs)),
        }
        for name, (one, exact) in wanted.items():
            torch.testing.assert_close(
                one[0].double(), exact, atol=tolerance, rtol=tolerance, msg=f"{route} {name}"
            )


def test_each_route_calls_the_fused_kernels_it_needs(monkeypatch):
    """The way to a GPU, with dense attention in the place of its kernels."""

    def pairs(q, k, lse):
        scores = q @ k.mT - lse.unsqueeze(-1)
        return torch.exp(scores).tril()

    def forward(q, k, v, *, scale):
        assert scale == 1
        future = torch.ones(q.shape[2], q.shape[2], dtype=torch.bool).triu(1)
        lse = torch.logsumexp((q @ k.mT).masked_fill(future, -math.inf), -1)
        return cuda.Attended(pairs(q, k, lse) @ v, lse)

    def backward(grad, q, k, v, out, lse, bias=None, *, scale):
        weights = pairs(q, k, lse) * (1 if bias is None else bias.exp())
        back = weights * (grad @ v.mT - (grad * out).sum(-1, keepdim=True))
        return back @ k, back.mT @ q, weights.mT @ grad

    shape = (4, 2, 5, 8, POSITIONS)
    generator = torch.Generator().manual_seed(0)
    q, k, v, grad = torch.randn(shape, generator=generator, dtype=torch.float64).unbind(0)
    routes = [Route(*each) for each in VARIANTS]
    wanted = [backward_of(route, q, k, v, grad) for route in routes]
    monkeypatch.setattr(attention, "is_fused", lambda q, own: True)
    monkeypatch.setattr(cuda, "forward", forward)
    monkeypatch.setattr(cuda, "backward", backward)
    monkeypatch.setattr(cuda, "backward_queries", lambda *a, **b: backward(*a, **b)[0])
    for route, exact in zip(routes, wanted, strict=True):
        found = backward_of(route, q, k, v, grad)
        torch.testing.assert_close(found.q, exact.q)
        torch.testing.assert_close(found.read, exact.read)
        torch.testing.assert_close(found.diagonal, exact.diagonal)


def test_a_key_bias_tells_myopic_from_myopic_kv():
    """Softmax does not see a shift of all its scores, so a bias that is read gets no gradient.

    Cutting the projected keys instead of the hidden states leaves only the diagonal of it.
    """
    generator = torch.Generator().manual_seed(3)
    q, k, v, grad = torch.randn(4, 1, 1, 4, 6, generator=generator, dtype=torch.float64).unbind(0)
    bias = {
        gradient: backward_of(Route(gradient), q, k, v, grad).read[0].sum(-1).abs().max()
        for gradient in ("causal", "myopic", "myopic-kv")
    }
    assert bias["causal"] < 1e-12
    assert bias["myopic"] < 1e-12
    assert bias["myopic-kv"] > 1e-3


def test_equal_routes_side_by_side_are_one_run():
    routes = [Route(), Route(), Route("myopic"), Route()]
    assert list(runs_of(routes)) == [
        (Route(), slice(0, 2)),
        (Route("myopic"), slice(2, 3)),
        (Route(), slice(3, 4)),
    ]


# -------------------------------------------------------------------------------- parts


def test_by_feature_is_the_gradient_of_by_head():
    """Autograd through the same turns, in complex numbers."""
    generator = torch.Generator().manual_seed(0)
    heads, head, batch = 2, 6, 3
    rows = 5 * heads * head
    shape = (1, rows, batch * POSITIONS)
    x = torch.randn(shape, generator=generator, dtype=torch.float64, requires_grad=True)
    table = rotary_table(POSITIONS, head, 10_000.0).double()
    pieces = []
    for kind, piece in zip("vkqkv", x.split(heads * head, 1), strict=True):
        plain = piece[0].view(heads * head, batch, POSITIONS).permute(1, 2, 0)
        if kind == "v":
            split = plain.view(batch, POSITIONS, heads, head)
        else:
            split = turned(plain, list(range(POSITIONS)), heads)
        scale = 1 / math.sqrt(head) if kind == "q" else 1
        pieces.append((split * scale).permute(2, 0, 3, 1).flatten(0, 1))
    wanted = torch.stack(pieces)[None]
    found = by_head(x.detach(), "vkqkv", table, heads)
    torch.testing.assert_close(found, wanted.detach(), rtol=1e-12, atol=1e-12)
    grad = torch.randn(found.shape, generator=generator, dtype=torch.float64)
    (back,) = torch.autograd.grad(wanted, x, grad)
    torch.testing.assert_close(
        by_feature(grad, "vkqkv", table, heads), back, rtol=1e-12, atol=1e-12
    )


def test_rotary_scores_depend_on_distance_alone():
    table = rotary_table(12, 8, 10_000.0).float()
    q, k = torch.randn(2, 1, 8, 1).expand(-1, -1, -1, 12).unbind(0)
    queries = by_head(q.contiguous(), "q", table, 1)[0, 0, 0]
    keys = by_head(k.contiguous(), "k", table, 1)[0, 0, 0]
    torch.testing.assert_close(queries[:, 7] @ keys[:, 3], queries[:, 11] @ keys[:, 7])


@pytest.mark.parametrize(("precision", "bound"), [("float32", 2e-5), ("bf16", 0.03)])
@pytest.mark.parametrize("route", VARIANTS[:4])
def test_errors_of_the_precisions_are_bounded(windows, route, precision, bound):
    """Gradients of every parameter against float64; bfloat16 has 8 bits of mantissa."""
    exact, loss = gradients(model(route), windows)
    network = model(route, precision=precision).float()
    found, rough = gradients(network, windows)
    assert abs(rough - loss) / loss < bound
    for name, grad in exact.items():
        assert (found[name] - grad).norm() / grad.norm() < bound, name


@pytest.mark.parametrize("route", ["causal", "myopic", "myopic-kv", "bigram"])
def test_attention_in_bfloat16_is_bounded_too(windows, monkeypatch, route):
    """As on a GPU, but by the CPU's products: what is cast where is the same."""
    monkeypatch.setattr(parts, "FUSED", {"cpu"})
    exact, loss = gradients(model(route), windows)
    found, rough = gradients(model(route, precision="bf16").float(), windows)
    assert abs(rough - loss) / loss < 0.03
    for name, grad in exact.items():
        assert (found[name] - grad).norm() <= 0.04 * grad.norm(), name


def test_gelu_and_its_slope():
    """Against torch's tanh form and autograd, float64, far into both tails."""
    x = torch.linspace(-40, 40, 4001, dtype=torch.float64, requires_grad=True)
    wanted = F.gelu(x, approximate="tanh")
    (slope,) = torch.autograd.grad(wanted.sum(), x)
    with torch.no_grad():
        share = parts.gelu_share(x)
        torch.testing.assert_close(x * share, wanted, rtol=1e-9, atol=1e-12)
        torch.testing.assert_close(
            parts.gelu_slope(x, share, x * share), slope, rtol=1e-9, atol=1e-12
        )


def test_nats_are_the_cross_entropy_of_the_logits(windows):
    network = model("causal")
    with torch.no_grad():
        logits = network(windows[..., :-1])[0]
        nats = network.nats(windows)
    torch.testing.assert_close(
        nats[0], F.cross_entropy(logits.flatten(0, 1), windows[0, :, 1:].flatten())
    )


def test_nats_of_certain_and_of_wrong_predictions(windows):
    """Losses of hundreds of nats are finite and exact: the probability itself underflows."""
    network = model("causal", dtype=torch.float32)
    with torch.no_grad():
        network.W_U *= 200
        logits = network(windows[..., :-1])[0]
        wanted = F.cross_entropy(logits.flatten(0, 1), windows[0, :, 1:].flatten())
        assert wanted > 90
        torch.testing.assert_close(network.nats(windows)[0], wanted)


# ------------------------------------------------------------------------------- stacks


def test_a_member_has_the_same_bits_in_any_stack(windows):
    """Loss, gradients and logits, float32, whatever routes stand beside it and in what slot."""
    routes = ["causal", "myopic", ("discount", 0.5), "myopic-kv", "myopic", "bigram"]
    seeds = [4, 5, 6, 7, 8, 9]
    stack = model(*routes, seeds=seeds, dtype=torch.float32)
    many = torch.cat([(windows + seed) % VOCABULARY for seed in seeds])
    nats = stack.nats(many)
    nats.sum().backward()
    with torch.no_grad():
        logits = stack(many[..., :-1])
    for member, (route, seed) in enumerate(zip(routes, seeds, strict=True)):
        alone = model(route, seeds=[seed], dtype=torch.float32)
        own = many[member : member + 1]
        loss = alone.nats(own)
        loss.sum().backward()
        assert torch.equal(loss[0], nats[member])
        for name, grad in gradients_of(alone, 0).items():
            assert torch.equal(grad, gradients_of(stack, member)[name]), (route, name)
        with torch.no_grad():
            assert torch.equal(alone(own[..., :-1])[0], logits[member])


def test_initial_weights_depend_on_their_seed_alone():
    one = model("causal", "myopic", seeds=[4, 5])
    for member, seed in enumerate((4, 5)):
        alone = model("causal", seeds=[seed])
        for name, weight in alone.weights_of(0).items():
            assert torch.equal(weight, one.weights_of(member)[name])
    assert not torch.equal(one.W_E[0], one.W_E[1])


LEARNED = SIZE.model_copy(update={"positions": "learned"})


def learned(route="causal"):
    """Learned positions, all else as in `model`."""
    network = Transformer(LEARNED, VOCABULARY, POSITIONS, [Route(route)]).double()
    initialise(network, [0])
    with torch.no_grad():
        network.W_E *= 20
        network.W_pos *= 20
    return network


def test_learned_positions_are_the_only_position_signal(windows):
    """Without them a token finds the same past in any order; with them it does not."""
    network, tokens = learned(), windows[..., :-1]
    turned_round = tokens.clone()
    turned_round[..., :-1] = tokens[..., :-1].flip(-1)
    with torch.no_grad():
        assert not torch.allclose(network(tokens, 1), network(turned_round, 1))
        network.W_pos.zero_()
        # One layer: a second one would see causal prefixes, whose order shows.
        network.blocks = network.blocks[:1]
        torch.testing.assert_close(network(tokens, 1), network(turned_round, 1))


@pytest.mark.parametrize("route", ["causal", "myopic"])
def test_gradients_of_learned_positions(windows, route):
    """A vector of a position is added where the token's is: its gradient is theirs, summed."""
    network = learned(route)
    (found,) = torch.autograd.grad(network.nats(windows).sum(), network.W_pos)
    x = network.embed(windows[..., :-1]).detach().requires_grad_()
    out = network.residual(x)
    nats = parts.NatsPart.apply(
        out, network.norm, network.W_U, windows[..., 1:].flatten(1), True, False
    )
    nats.sum().backward()
    torch.testing.assert_close(found, x.grad.sum(1), rtol=1e-9, atol=1e-12)


@pytest.mark.parametrize("size", [SIZE, LEARNED])
def test_the_stream_at_each_level(windows, size):
    network, tokens = model("causal", size=size), windows[..., :-1]
    with torch.no_grad():
        streams, logits = network.streams(tokens), network(tokens)
        assert [each.shape for each in streams] == [(*tokens.shape, size.width)] * 4
        torch.testing.assert_close(streams[0], network.embed(tokens))
        for before, after, block in zip(streams, streams[1:], network.blocks, strict=False):
            x = before.flatten(1, 2).mT.contiguous()
            x = block(x, network.rotary[..., :POSITIONS], network.routes, None)
            torch.testing.assert_close(after, x.mT.reshape(after.shape))
        last = streams[-1].flatten(1, 2).mT.contiguous()
        found = parts.logits_of(last, network.norm, network.W_U)
        torch.testing.assert_close(found.view(logits.shape), logits)


def test_the_size_says_how_large_embeddings_start_and_how_slowly_positions_turn():
    size = SIZE.model_copy(update={"embedding_sd": 1.0, "rotary_base": 100.0})
    plain, wide = (Transformer(each, 4096, POSITIONS) for each in (SIZE, size))
    initialise(plain, [0])
    initialise(wide, [0])
    torch.testing.assert_close(wide.W_E, plain.W_E / 0.02)
    assert float(wide.W_E.detach().std()) == pytest.approx(1.0, rel=0.02)
    assert torch.equal(wide.W_U, plain.W_U)
    # Pairs of a head of 8 turn by base^(-n/4) a position.
    angles = torch.atan2(wide.rotary[1, :, 1], wide.rotary[0, :, 1])
    torch.testing.assert_close(angles, 100.0 ** (-torch.arange(4) / 4))
