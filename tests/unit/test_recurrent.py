"""The recurrence: its chunked form against its definition, and the gradients of its routes."""

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor

from manymasks.config.training import Size
from manymasks.kinds.mixers import low_rank
from manymasks.models.attention import Route
from manymasks.models.recurrent_block import READ_EPSILON, UNIT_EPSILON, RecurrentBlock
from manymasks.models.recurrent_text import RecurrentText
from manymasks.models.text_reader import text_reader
from manymasks.models.transformer import Transformer, initialise
from manymasks.models.wkv import FASTEST, Writes, in_chunks, recurrence, step_by_step

VOCABULARY, POSITIONS, BATCH = 11, 7, 2
KINDS = [("channel", True), ("scalar", True), ("channel", False), ("scalar", False)]
ROUTES = [Route(), Route("myopic"), Route("reservoir"), Route("bigram")] + [
    Route("discount", gamma) for gamma in (0.0, 0.3, 0.9, 1.0)
]
names = [f"{decay}-{'delta' if delta else 'plain'}" for decay, delta in KINDS]
kinds = pytest.mark.parametrize(("decay", "delta"), KINDS, ids=names)


def size_of(decay: str = "channel", delta: bool = True, **settings: object) -> Size:
    chosen = {"width": 16, "layers": 2, "head_size": 8, "chunk": 3, **settings}
    return Size.model_validate({"mixer": "recurrent", "decay": decay, "delta": delta, **chosen})


def drawn(decay: str, delta: bool, chunk: int, chunks: int, dtype: torch.dtype) -> Writes:
    """Inputs whose decays are anywhere up to the clamp."""
    generator = torch.Generator().manual_seed(chunk)
    shape = 4, chunks, 8, chunk

    def numbers(rows: int = 8) -> Tensor:
        return torch.randn(4, chunks, rows, chunk, generator=generator, dtype=dtype)

    g = -FASTEST * torch.sigmoid(2 * numbers(1 if decay == "scalar" else 8))
    a = b = None
    if delta:
        a = -F.normalize(numbers(), dim=2)
        b = -a * torch.rand(shape, generator=generator, dtype=dtype)
    return Writes(numbers(), g, numbers(), numbers(), a, b)


def gradients(form: object, writes: Writes, start: Tensor, *arguments: object) -> list[Tensor]:
    """Outputs, the last state, and the gradients of the inputs."""
    live = Writes(*(x if x is None else x.clone().requires_grad_() for x in writes))
    out, end = form(live, start, *arguments)  # type: ignore[operator]
    generator = torch.Generator().manual_seed(9)
    weights = torch.randn(out.shape, generator=generator, dtype=torch.float64).to(out)
    inputs = [x for x in live if x is not None]
    grads = torch.autograd.grad((out * weights).sum(), inputs)
    return [out.detach(), end.detach(), *grads]


def relative(found: Tensor, wanted: Tensor) -> float:
    return float((found - wanted).norm() / wanted.norm())


# ---------------------------------------------------------------------------- the kernel


@kinds
@pytest.mark.parametrize("chunk", [1, 5, 32])
def test_chunks_agree_with_the_recurrence_for_values_and_gradients(
    decay: str, delta: bool, chunk: int
) -> None:
    writes = drawn(decay, delta, chunk, 3, torch.float64)
    start = torch.randn(4, 8, 8, generator=torch.Generator().manual_seed(1), dtype=torch.float64)
    found = gradients(recurrence, writes, start, Route())
    for one, other in zip(found, gradients(step_by_step, writes, start), strict=True):
        assert relative(one, other) < 1e-12


@kinds
@pytest.mark.parametrize("chunk", [32, 128])
def test_float32_is_accurate_with_every_decay_at_the_clamp(
    decay: str, delta: bool, chunk: int
) -> None:
    exact = drawn(decay, delta, chunk, 2, torch.float64)
    exact = exact._replace(g=torch.full_like(exact.g, -FASTEST))
    rounded = Writes(*(x if x is None else x.float() for x in exact))
    start = torch.zeros(4, 8, 8, dtype=torch.float64)
    wanted = gradients(step_by_step, exact, start)
    found = gradients(recurrence, rounded, start.float(), Route())
    for one, other in zip(found, wanted, strict=True):
        assert one.isfinite().all()
        assert relative(one.double(), other) < 1e-5


@kinds
def test_routes_have_the_gradients_of_a_recurrence_that_detaches(decay: str, delta: bool) -> None:
    writes = drawn(decay, delta, 4, 3, torch.float64)
    start = torch.randn(4, 8, 8, generator=torch.Generator().manual_seed(1), dtype=torch.float64)
    outputs = recurrence(writes, start, Route())[0]

    def detached(live: Writes, state: Tensor, whole: bool) -> tuple[Tensor, Tensor]:
        outs = []
        for chunk in range(3):
            for t in range(4):
                one = Writes(*(x if x is None else x[:, chunk, None, :, t, None] for x in live))
                _, after = step_by_step(one, state.detach())
                after = after.detach() if whole else after
                outs.append((one.r[:, 0].mT @ after).mT)
                state = after
        return torch.cat(outs, 2).unflatten(2, (3, 4)).transpose(1, 2), state

    myopic = gradients(lambda w, s: recurrence(w, s, Route("myopic")), writes, start)
    wanted = gradients(lambda w, s: detached(w, s, False), writes, start)
    assert torch.equal(myopic[0], outputs)
    for one, other in zip(myopic, wanted, strict=True):
        assert relative(one, other) < 1e-12
    reservoir = gradients(lambda w, s: recurrence(w, s, Route("reservoir")), writes, start)
    assert torch.equal(reservoir[0], outputs)
    r = writes.r.clone().requires_grad_()
    out, _ = detached(writes._replace(r=r), start, True)
    generator = torch.Generator().manual_seed(9)
    weights = torch.randn(out.shape, generator=generator, dtype=torch.float64)
    (of_reads,) = torch.autograd.grad((out * weights).sum(), [r])
    assert relative(reservoir[2], of_reads) < 1e-12
    assert not any(grad.any() for grad in reservoir[3:])


def test_padding_and_states_continue_a_recurrence() -> None:
    """The last state of one part is the first of the next."""
    writes = drawn("channel", True, 4, 3, torch.float64)
    start = torch.zeros(4, 8, 8, dtype=torch.float64)
    whole = in_chunks(writes, start)
    first = in_chunks(Writes(*(x if x is None else x[:, :1] for x in writes)), start)
    rest = in_chunks(Writes(*(x if x is None else x[:, 1:] for x in writes)), first.end)
    torch.testing.assert_close(rest.out, whole.out[:, 1:])
    torch.testing.assert_close(rest.end, whole.end)


# --------------------------------------------------------- the network, written naively


def model(route: Route, size: Size, dtype: torch.dtype = torch.float64) -> Transformer:
    network = Transformer(size, VOCABULARY, POSITIONS, (route,))
    initialise(network, [0])
    network = network.to(dtype)
    # Constants at step 0 would hide a mistake in their gradients.
    with torch.no_grad():
        for name, weight in network.named_parameters():
            generator = torch.Generator().manual_seed(len(name))
            noise = torch.randn(weight.shape[1:], generator=generator, dtype=dtype)
            weight += (1.0 if "W_E" in name or "W_U" in name else 0.2) * noise
    return network


def windows(count: int = BATCH) -> Tensor:
    generator = torch.Generator().manual_seed(1)
    return torch.randint(VOCABULARY, (1, count, POSITIONS + 1), generator=generator)


def norm(x: Tensor, gain: Tensor) -> Tensor:
    return x / (x.square().mean(-1, keepdim=True) + 1e-6).sqrt() * gain


def naive_position(w: dict[str, Tensor], token: Tensor, past: list[list[Tensor]], size: Size):
    """Logits (batch, vocabulary) after a token, from one copy of the weights. `past`: of each
    layer the last normalised input and the state, which are replaced."""
    x = w["W_E"][token]
    heads = size.width // size.head_size

    def by_head(y: Tensor) -> Tensor:
        return y.unflatten(-1, (heads, -1))

    for n in range(size.layers):
        p = {
            k.removeprefix(f"blocks.{n}."): v for k, v in w.items() if k.startswith(f"blocks.{n}.")
        }
        h, (before, state) = norm(x, p["norm_mixer"]), past[n]

        def mixed(kind: str, h=h, before=before, p=p) -> Tensor:
            return torch.lerp(h, before, p[f"shift_{kind}"]) if size.token_shift else h

        r = by_head(mixed("receptance") @ p["W_R"].T) / size.head_size**0.5
        k, v = by_head(mixed("key") @ p["W_K"].T), by_head(mixed("value") @ p["W_V"].T)
        low = torch.tanh(mixed("decay") @ p["W_decay_in"].T) @ p["W_decay_out"].T
        kept = torch.exp(-FASTEST * torch.sigmoid(by_head(low + p["decay_bias"]))).unsqueeze(-1)
        gate = 2 * torch.sigmoid(mixed("gate") @ p["W_gate_in"].T @ p["W_gate_out"].T)
        carried = kept * state
        if size.delta:
            rate = mixed("rate") @ p["W_rate_in"].T @ p["W_rate_out"].T + p["rate_bias"]
            rate = by_head(torch.sigmoid(rate))
            look = k * by_head(p["lookup_scale"])
            look = look / (look.square().sum(-1, keepdim=True) + UNIT_EPSILON).sqrt()
            k = k * (1 + (rate - 1) * by_head(p["key_scale"]))
            held = torch.einsum("bhk,bhkv->bhv", look, state)
            carried = carried - (look * rate).unsqueeze(-1) * held.unsqueeze(-2)
        state = carried + k.unsqueeze(-1) * v.unsqueeze(-2)
        past[n] = [h, state]
        out = torch.einsum("bhk,bhkv->bhv", r, state)
        if size.read_norm:
            out = out / (out.square().mean(-1, keepdim=True) + READ_EPSILON).sqrt()
            out = out * by_head(p["norm_read"])
        out = out + (r * k * by_head(p["bonus"])).sum(-1, keepdim=True) * v
        x = x + (out.flatten(1) * gate) @ p["W_O"].T
        hidden = norm(x, p["norm_mlp"]) @ p["W_in"].T
        x = x + F.gelu(hidden, approximate="tanh") @ p["W_out"].T
    return norm(x, w["norm"]) @ w["W_U"].T


def beginnings(size: Size, batch: int) -> list[list[Tensor]]:
    heads = size.width // size.head_size
    shape = batch, heads, size.head_size, size.head_size
    zeros = torch.zeros(batch, size.width, dtype=torch.float64)
    return [[zeros, torch.zeros(shape, dtype=torch.float64)] for _ in range(size.layers)]


SIZES = [size_of(*kind) for kind in KINDS] + [size_of(token_shift=False, read_norm=False)]
sizes = pytest.mark.parametrize("size", SIZES, ids=[*names, "unshifted"])


@sizes
def test_logits_agree_with_a_naive_network(size: Size) -> None:
    network, tokens, past = model(Route(), size), windows()[..., :-1], beginnings(size, BATCH)
    weights = network.weights_of(0)
    wanted = [naive_position(weights, tokens[0, :, i], past, size) for i in range(POSITIONS)]
    torch.testing.assert_close(network(tokens)[0].detach(), torch.stack(wanted, 1))


@sizes
@pytest.mark.parametrize("route", [Route(), Route("myopic"), Route("discount", 0.3)], ids=str)
def test_gradients_agree_with_a_copy_of_the_weights_for_each_position(
    size: Size, route: Route
) -> None:
    """The discount is exact end to end: sum over j of gamma^(i-j) of the gradient of copy j."""
    network, some = model(route, size), windows()
    (network.nats(some).sum() * POSITIONS).backward()
    copies = [
        {name: w.clone().requires_grad_() for name, w in network.weights_of(0).items()}
        for _ in range(POSITIONS)
    ]
    past = beginnings(size, BATCH)
    wanted = {name: torch.zeros_like(w) for name, w in copies[0].items()}
    for i in range(POSITIONS):
        logits = naive_position(copies[i], some[0, :, i], past, size)
        loss = F.cross_entropy(logits, some[0, :, i + 1])
        for j in range(i + 1):
            parts = torch.autograd.grad(
                loss, list(copies[j].values()), retain_graph=True, allow_unused=True
            )
            share = (route.keeps or 0.0) ** (i - j)
            for name, part in zip(wanted, parts, strict=True):
                wanted[name] += 0 if part is None else share * part
    for name, weight in network.named_parameters():
        assert weight.grad is not None
        assert relative(weight.grad[0], wanted[name]) < 1e-9, name


@sizes
def test_a_position_of_a_myopic_member_changes_no_other(size: Size) -> None:
    some = windows(1)
    for route, is_cut in ((Route("myopic"), True), (Route("reservoir"), True), (Route(), False)):
        network = model(route, size)
        x = network.embed(some[..., :-1]).detach().requires_grad_()
        losses = F.cross_entropy(network.from_embedding(x)[0, 0], some[0, 0, 1:], reduction="none")
        for i, loss in enumerate(losses):
            (grad,) = torch.autograd.grad(loss, x, retain_graph=True)
            others = torch.arange(POSITIONS) != i
            assert bool(grad[0, 0, others].any()) == (not is_cut and i > 0)
            assert grad[0, 0, i].any()


@sizes
def test_logits_are_those_of_causal_bit_for_bit(size: Size) -> None:
    tokens, network = windows()[..., :-1], model(Route(), size, torch.float32)
    causal = network(tokens)
    for route in ROUTES:
        network.routes = (route,)
        if route.reads_past:
            assert torch.equal(causal, network(tokens)), route


WRITERS = (
    *("W_K", "W_V", "W_decay_in", "W_decay_out", "decay_bias", "W_rate_in", "W_rate_out"),
    *("rate_bias", "key_scale", "lookup_scale"),
    *("shift_key", "shift_value", "shift_decay", "shift_rate"),
)


def test_a_reservoir_trains_no_write() -> None:
    """The control, in both mixers: only what reads has a gradient."""
    for size, frozen in (
        (SIZES[0], WRITERS),
        (Size(width=16, layers=3), ("W_K", "W_V")),
    ):
        network = model(Route("reservoir"), size, torch.float32)
        network.nats(windows()).sum().backward()
        for name, weight in network.named_parameters():
            assert weight.grad is not None
            assert bool(weight.grad.any()) != (name.rpartition(".")[2] in frozen), name


def test_a_bigram_sees_no_other_position() -> None:
    network, tokens = model(Route("bigram"), SIZES[0]), windows()[..., :-1]
    alone = network(tokens.reshape(1, -1, 1)).reshape(1, BATCH, POSITIONS, -1)
    torch.testing.assert_close(network(tokens), alone)


# ------------------------------------------------------------------ stacks, counts, texts


def test_bits_do_not_depend_on_the_stack() -> None:
    size, some = SIZES[0], windows()
    routes = [Route(), Route("myopic"), Route("discount", 0.5)]
    stack = Transformer(size, VOCABULARY, POSITIONS, routes)
    initialise(stack, [3, 4, 5])
    losses = stack.nats(some.expand(3, -1, -1))
    losses.sum().backward()
    for member, route in enumerate(routes):
        alone = Transformer(size, VOCABULARY, POSITIONS, [route])
        initialise(alone, [3 + member])
        loss = alone.nats(some)
        loss.sum().backward()
        assert torch.equal(loss[0], losses[member])
        for (name, one), other in zip(alone.named_parameters(), stack.parameters(), strict=True):
            assert one.grad is not None and other.grad is not None
            assert torch.equal(one.grad[0], other.grad[member]), name


@kinds
@pytest.mark.parametrize("width", [32, 64, 128])
@pytest.mark.parametrize("mlp", [2, 4])
def test_blocks_have_as_many_weights_as_those_of_attention(
    decay: str, delta: bool, width: int, mlp: int
) -> None:
    size = size_of(decay, delta, width=width, layers=1, head_size=16, mlp=mlp)
    counts = [
        sum(w.numel() for w in Transformer(one, VOCABULARY, 8).blocks.parameters())
        for one in (size, Size(width=width, layers=1, mlp=mlp))
    ]
    assert counts[0] == pytest.approx(counts[1], rel=0.01)
    block = Transformer(size, VOCABULARY, 8).blocks[0]
    assert isinstance(block, RecurrentBlock)
    assert block.W_in.shape[1] == size.matched_hidden
    assert block.W_gate_in.shape[1] == low_rank(width)


@pytest.mark.parametrize("cuts", [[7], [1] * 7, [3, 1, 3]], ids=str)
@sizes
def test_reading_in_parts_agrees_with_reading_at_once(size: Size, cuts: list[int]) -> None:
    network, tokens = model(Route(), size), windows(3)[0, :, :-1]
    whole = network(tokens[None])[0].detach()
    reader = text_reader(network, 3, POSITIONS)
    assert isinstance(reader, RecurrentText)
    end, held = 0, set()
    for part in tokens.split(cuts, dim=1):
        end += part.shape[1]
        torch.testing.assert_close(reader.read(part), whole[:, end - 1])
        assert reader.state is not None
        held.add(sum(tensor.numel() for state in reader.state for tensor in state))
    # Memory does not grow with the text.
    assert len(held) == 1


def test_branches_of_a_text_continue_it() -> None:
    network, tokens = model(Route(), SIZES[0]), windows(2)[0, :, :-1]
    reader = RecurrentText(network, 2)
    reader.read(tokens[:, :4])
    branches = reader.repeated(3)
    found = branches.read(tokens[:, 4:].repeat_interleave(3, 0))
    torch.testing.assert_close(found, reader.read(tokens[:, 4:]).repeat_interleave(3, 0))


def test_a_whole_state_reproduces_its_donor() -> None:
    """The state is all that a member knows of a text: swapped, it continues the donor's."""
    network, tokens = model(Route(), SIZES[0], torch.float32), windows(2)[0, :, :-1]
    one, donor = RecurrentText(network, 1), RecurrentText(network, 1)
    one.read(tokens[:1, :4])
    donor.read(tokens[1:, :4])
    wanted = donor.repeated(1)
    one.state = donor.state
    assert torch.equal(one.read_all(tokens[:1, 4:]), wanted.read_all(tokens[:1, 4:]))


def test_a_text_needs_one_member_that_reads_its_own_past() -> None:
    for routes in ([Route("bigram")], [Route(), Route()]):
        with pytest.raises(ValueError, match="one member that reads its own past"):
            RecurrentText(Transformer(SIZES[0], VOCABULARY, 4, routes), 1)


def test_products_in_bf16_leave_the_state_in_float32() -> None:
    network = Transformer(SIZES[0], VOCABULARY, POSITIONS, precision="bf16")
    initialise(network, [0])
    reader = RecurrentText(network, 2)
    reader.read(windows()[0, :, :4])
    assert reader.state is not None
    assert {tensor.dtype for state in reader.state for tensor in state} == {torch.float32}
    network.nats(windows()).sum().backward()
    assert all(w.grad is not None and w.grad.isfinite().all() for w in network.parameters())
