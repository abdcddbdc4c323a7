"""Training to the same bits, evaluation token by token, probes that change what they say."""

import math
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
import torch
from hypothesis import given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st
from torch import Tensor

from manymasks.config.probes import Probe
from manymasks.config.study import Hardware
from manymasks.config.training import Size, Training
from manymasks.errors import UserError
from manymasks.evaluation.document_losses import score_documents, windows_of
from manymasks.models.attention import Route
from manymasks.models.transformer import Transformer, initialise
from manymasks.probes.contexts import Contexts, contexts
from manymasks.tokens.order import starts_of_step
from manymasks.training import loop
from manymasks.training.checkpoint import TrainingProgress, load_weights, save_weights
from manymasks.training.device import choose_device, with_dummies
from manymasks.training.loop import train
from manymasks.training.schedule import learning_rate
from manymasks.training.step import WindowSource

VOCABULARY, CONTEXT = 11, 8
SIZE = Size(width=8, layers=2, heads=2)
SETTINGS = Training(
    optimizer="adamw",
    context=CONTEXT,
    batch=3,
    steps=9,
    learning_rate=0.02,
    curve_every=4,
    warmup=0.2,
    decay=0.3,
)
STREAM = torch.from_numpy(np.random.default_rng(0).integers(0, VOCABULARY, 500))


@pytest.fixture(autouse=True)
def _one_thread() -> None:
    choose_device("cpu")


# ------------------------------------------------------------------------------ schedule


def closed_form(step: int, steps: int, rising: int, falling: int) -> float:
    """Warmup-stable-decay written as the least of three lines."""
    up = (step + 1) / rising if rising else math.inf
    down = (steps - step) / (falling + 1)
    return min(up, 1.0, down)


@pytest.mark.parametrize(
    ("steps", "warmup", "decay", "rising", "falling"),
    [(1000, 0.05, 0.3, 50, 300), (10, 0.0, 0.0, 0, 0), (10, 0.2, 0.8, 2, 8), (20, 1, 0, 20, 0)],
)
def test_the_schedule_has_its_closed_form(
    steps: int, warmup: float, decay: float, rising: int, falling: int
) -> None:
    settings = Training(steps=steps, warmup=warmup, decay=decay)
    found = [learning_rate(step, settings, 0.5) for step in range(steps)]
    expected = [0.5 * closed_form(step, steps, rising, falling) for step in range(steps)]
    np.testing.assert_allclose(found, expected, rtol=1e-12)
    assert min(found) > 0
    assert max(found) == 0.5


def test_the_schedule_in_numbers() -> None:
    settings = Training(steps=10, warmup=0.3, decay=0.4)
    found = [learning_rate(step, settings, 1.0) for step in range(10)]
    np.testing.assert_allclose(found, [1 / 3, 2 / 3, 1, 1, 1, 1, 0.8, 0.6, 0.4, 0.2])


@given(st.integers(1, 400), st.integers(0, 100), st.integers(0, 100))
def test_the_schedule_never_leaves_its_range(steps: int, warmup: int, decay: int) -> None:
    settings = Training(steps=steps, warmup=warmup / 100, decay=min(decay, 100 - warmup) / 100)
    assert all(0 < learning_rate(step, settings, 2.0) <= 2 for step in range(steps))


# ---------------------------------------------------------------------------------- loop


def model_of(seed_init: int = 0, gradient: Any = "causal", size: Size = SIZE) -> Transformer:
    model = Transformer(size, VOCABULARY, CONTEXT, [Route(gradient)])
    initialise(model, [seed_init])
    return model


def mean_nats(model: Transformer, windows: Tensor) -> Tensor:
    return model.nats(windows.unsqueeze(0))[0]


def starts_of(step: int, seed_order: int = 0) -> Tensor:
    starts = starts_of_step(
        step, batch=SETTINGS.batch, context=CONTEXT, tokens=len(STREAM) - 1, seed_order=seed_order
    )
    return torch.from_numpy(starts)


def gather(starts: Tensor) -> Tensor:
    return STREAM[starts.unsqueeze(-1) + torch.arange(CONTEXT + 1)]


def windows_of_step(step: int, seed_order: int = 0) -> Tensor:
    return gather(starts_of(step, seed_order))


def text_of(*seeds_order: int) -> WindowSource:
    def starts(steps: Sequence[int]) -> Tensor:
        return torch.stack([starts_of(*each) for each in zip(steps, seeds_order, strict=True)])

    return WindowSource(starts, gather)


SELECT = STREAM[: 5 * (CONTEXT + 1)].view(5, CONTEXT + 1)


def trained(
    tmp_path: Path,
    name: str = "a",
    *,
    seed_init: int = 0,
    seed_order: int = 0,
    gradient: Any = "causal",
    size: Size = SIZE,
    settings: Training = SETTINGS,
    every: float = math.inf,
    stop_after: int | None = None,
) -> tuple[Transformer, TrainingProgress]:
    """Train; with `stop_after`, break off once that many steps are done."""
    model = model_of(seed_init, gradient, size)

    def on_step(step: int, note: str) -> None:
        if step == stop_after:
            raise KeyboardInterrupt

    (progressed,) = train(
        model,
        settings,
        [float(settings.learning_rate)],
        text_of(seed_order),
        SELECT,
        states=[tmp_path / f"{name}.safetensors"],
        checkpoint_seconds=every,
        on_step=on_step,
    )
    return model, progressed


def bits(model: Transformer) -> dict[str, bytes]:
    return {name: w.detach().numpy().tobytes() for name, w in model.named_parameters()}


@pytest.mark.parametrize("gradient", ["causal", "myopic"])
@pytest.mark.parametrize("stop_after", [1, 2, 4, 5, 9])
def test_a_resumed_training_ends_with_the_same_bits(
    tmp_path: Path, gradient: str, stop_after: int
) -> None:
    model, progressed = trained(tmp_path, gradient=gradient)
    with pytest.raises(KeyboardInterrupt):
        trained(tmp_path, "b", gradient=gradient, every=0, stop_after=stop_after)
    # The step that was under way is lost, and no more.
    assert (tmp_path / "b.safetensors").exists() == (stop_after > 1)
    again, resumed = trained(tmp_path, "b", gradient=gradient, every=math.inf)
    assert bits(again) == bits(model)
    assert resumed.curve == progressed.curve
    assert resumed.step == progressed.step == 9
    assert not (tmp_path / "a.safetensors").exists()


def kept_late(
    tmp_path: Path,
    name: str,
    steps: Sequence[int],
    seeds: Sequence[int] = (0,),
    every: float = math.inf,
    stop_after: int | None = None,
    rates: Sequence[float] = (0.02,),
) -> tuple[Transformer, list[dict[int, Path]]]:
    """Train members with these orders, and keep their weights after these steps too."""
    model = Transformer(SIZE, VOCABULARY, CONTEXT, [Route()] * len(seeds))
    initialise(model, [0] * len(seeds))
    late = [
        {step: tmp_path / f"{name}-{member}-{step}.safetensors" for step in steps}
        for member in range(len(rates))
    ]

    def on_step(step: int, note: str) -> None:
        if step == stop_after:
            raise KeyboardInterrupt

    train(
        model,
        SETTINGS,
        rates,
        text_of(*seeds),
        SELECT,
        states=[tmp_path / f"{name}-{member}.state" for member in range(len(rates))],
        checkpoint_seconds=every,
        on_step=on_step,
        late=late,
    )
    return model, late


@pytest.mark.parametrize("in_a_row", [1, 3, 64])
def test_late_weights_equal_those_of_a_training_that_ends_at_that_step(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, in_a_row: int
) -> None:
    monkeypatch.setitem(loop.STEPS_AT_ONCE, "cpu", in_a_row)
    model, (late,) = kept_late(tmp_path, "a", (5, 7))
    plain, _ = trained(tmp_path)
    assert bits(model) == bits(plain)
    for step, path in late.items():
        # No step knows of those after it: the schedule is what is to be kept.
        seen: list[dict[str, bytes]] = []
        with pytest.raises(KeyboardInterrupt):
            stopped(tmp_path, step, seen)
        other = model_of(5)
        load_weights(other, 0, path)
        assert [bits(other)] == seen


def stopped(tmp_path: Path, at: int, seen: list[dict[str, bytes]]) -> None:
    model = model_of()

    def on_step(step: int, note: str) -> None:
        if step == at:
            seen.append(bits(model))
            raise KeyboardInterrupt

    with pytest.MonkeyPatch.context() as patch:
        patch.setitem(loop.STEPS_AT_ONCE, "cpu", 1)
        train(
            model,
            SETTINGS,
            [0.02],
            text_of(0),
            SELECT,
            states=[tmp_path / "stopped.safetensors"],
            checkpoint_seconds=math.inf,
            on_step=on_step,
        )


@pytest.mark.parametrize("stop_after", [4, 5, 6, 8, 9])
def test_a_killed_training_keeps_its_late_weights(tmp_path: Path, stop_after: int) -> None:
    whole, (late,) = kept_late(tmp_path, "a", (5, 7))
    with pytest.raises(KeyboardInterrupt):
        kept_late(tmp_path, "b", (5, 7), every=0, stop_after=stop_after)
    model, (again,) = kept_late(tmp_path, "b", (5, 7), every=0)
    assert bits(model) == bits(whole)
    assert [path.read_bytes() for path in again.values()] == [
        path.read_bytes() for path in late.values()
    ]


def test_failed_members_and_dummies_have_no_late_weights(tmp_path: Path) -> None:
    _, (one, two) = kept_late(tmp_path, "a", (5, 7), seeds=(0, 1, 0), rates=(0.02, 1e30))
    assert all(path.exists() for path in one.values())
    assert not any(path.exists() for path in two.values())
    assert len(list(tmp_path.glob("*.safetensors"))) == 2


def test_stopped_twice_and_saved_often(tmp_path: Path) -> None:
    model, progressed = trained(tmp_path)
    for stop_after in (3, 6):
        with pytest.raises(KeyboardInterrupt):
            trained(tmp_path, "b", every=0, stop_after=stop_after)
    again, resumed = trained(tmp_path, "b", every=0)
    assert bits(again) == bits(model)
    assert resumed.curve == progressed.curve
    assert resumed.seconds > 0
    # A state of the last step leads to the same end too.
    once_more, ended = trained(tmp_path, "b")
    assert bits(once_more) == bits(model)
    assert ended.curve == progressed.curve
    assert [path.name for path in tmp_path.iterdir()] == ["b.safetensors"]


def test_the_two_seeds_are_two_seeds(tmp_path: Path) -> None:
    ends = {
        (init, order): bits(trained(tmp_path, seed_init=init, seed_order=order)[0])
        for init in (0, 1)
        for order in (0, 1)
    }
    assert len({end["W_U"] for end in ends.values()}) == 4
    assert ends[0, 1] == bits(trained(tmp_path, seed_init=0, seed_order=1)[0])
    assert bits(model_of(0)) == bits(model_of(0))
    assert bits(model_of(0))["W_E"] != bits(model_of(1))["W_E"]
    assert not torch.equal(windows_of_step(0, 0), windows_of_step(0, 1))


def test_the_global_random_state_is_neither_used_nor_changed(tmp_path: Path) -> None:
    torch.manual_seed(1)
    first = bits(trained(tmp_path)[0])
    torch.manual_seed(2)
    before = torch.get_rng_state()
    assert bits(trained(tmp_path)[0]) == first
    assert torch.equal(torch.get_rng_state(), before)


def test_the_curve_has_its_points(tmp_path: Path) -> None:
    _, progressed = trained(tmp_path)
    assert [(row["step"], row["split"]) for row in progressed.curve] == [
        (step, split) for step in (4, 8, 9) for split in ("train", "select")
    ]
    per_step = SETTINGS.batch * CONTEXT
    for row in progressed.curve:
        assert row["tokens"] == row["step"] * per_step
        assert row["learning_rate"] == learning_rate(row["step"] - 1, SETTINGS, 0.02)
        assert (row["gradient_norm"] is None) == (row["split"] == "select")
        assert 0 < row["nats"] < 2 * math.log(VOCABULARY)


def naive_adamw(steps: int, settings: Training) -> tuple[Transformer, list[float], list[float]]:
    """The loop written out: clip, AdamW (Loshchilov & Hutter 2019) by hand; losses and norms."""
    model = model_of()
    weights = list(model.parameters())
    first = [torch.zeros_like(w) for w in weights]
    second = [torch.zeros_like(w) for w in weights]
    losses, norms = [], []
    for step in range(steps):
        rate = learning_rate(step, settings, 0.02)
        loss = mean_nats(model, windows_of_step(step))
        grads = torch.autograd.grad(loss, weights)
        norm = math.sqrt(sum(float(g.double().square().sum()) for g in grads))
        losses.append(loss.item())
        norms.append(norm)
        scale = min(1.0, settings.clip / (norm + 1e-6))
        with torch.no_grad():
            for w, g, m, v in zip(weights, grads, first, second, strict=True):
                g = g * scale
                m.mul_(settings.beta1).add_(g, alpha=1 - settings.beta1)
                v.mul_(settings.beta2).add_(g * g, alpha=1 - settings.beta2)
                if w.ndim > 2:
                    w.mul_(1 - rate * settings.weight_decay)
                unbiased = m / (1 - settings.beta1 ** (step + 1))
                spread = (v / (1 - settings.beta2 ** (step + 1))).sqrt()
                w.sub_(rate * unbiased / (spread + 1e-8))
    return model, losses, norms


@pytest.mark.parametrize("clip", [1000.0, 0.05])
def test_the_loop_is_adamw_with_clipping(tmp_path: Path, clip: float) -> None:
    settings = SETTINGS.model_copy(update={"clip": clip, "weight_decay": 0.5})
    model, progressed = trained(tmp_path, settings=settings)
    expected, losses, norms = naive_adamw(9, settings)
    assert max(norms) < 1000
    assert min(norms) > 0.05
    for (name, found), wanted in zip(model.named_parameters(), expected.parameters(), strict=True):
        np.testing.assert_allclose(
            found.detach(), wanted.detach(), rtol=2e-3, atol=2e-4, err_msg=name
        )
    rows = [row for row in progressed.curve if row["split"] == "train"]
    assert rows[0]["nats"] == pytest.approx(np.mean(losses[:4]), rel=1e-4)
    assert rows[2]["nats"] == pytest.approx(losses[8], rel=1e-4)
    assert rows[1]["gradient_norm"] == pytest.approx(np.mean(norms[4:8]), rel=1e-3)


def test_the_select_curve_is_the_mean_over_all_windows(tmp_path: Path) -> None:
    model, progressed = trained(tmp_path)
    with torch.no_grad():
        each = [mean_nats(model, window[None]).double().item() for window in SELECT]
    assert progressed.curve[-1]["nats"] == pytest.approx(np.mean(each), abs=1e-6)


def test_mean_nats_of_a_uniform_model() -> None:
    model = model_of()
    with torch.no_grad():
        model.W_U.zero_()
    assert mean_nats(model, SELECT).item() == pytest.approx(math.log(VOCABULARY), abs=1e-6)


def poisoned(
    tmp_path: Path, poison: float, at: int
) -> tuple[Transformer, TrainingProgress, list[int]]:
    model = model_of()
    told: list[int] = []

    def starts(steps: Sequence[int]) -> Tensor:
        if steps[0] == at:
            with torch.no_grad():
                model.W_E.fill_(poison)
        return text_of(0).starts_of(steps)

    (progressed,) = train(
        model,
        SETTINGS,
        [0.02],
        WindowSource(starts, gather),
        SELECT,
        states=[tmp_path / "state.safetensors"],
        checkpoint_seconds=math.inf,
        on_step=lambda step, note: told.append(step),
    )
    return model, progressed, told


@pytest.mark.parametrize("poison", [math.nan, math.inf])
@pytest.mark.parametrize("at", [0, 5])
def test_a_loss_that_is_not_finite_stops_the_member(tmp_path: Path, poison: float, at: int) -> None:
    model, progressed, told = poisoned(tmp_path, poison, at)
    assert (progressed.failed_step, progressed.step) == (at, at)
    assert told == [*range(1, at + 1), at]
    assert all(math.isfinite(row["nats"]) for row in progressed.curve)
    # The step that failed changed no other weight.
    assert torch.isfinite(model.W_U).all()


def test_a_training_with_a_far_too_high_rate_fails(tmp_path: Path) -> None:
    settings = SETTINGS.model_copy(update={"learning_rate": 1e30})
    _, progressed = trained(tmp_path, settings=settings)
    assert progressed.failed_step is not None
    assert 0 < progressed.failed_step < 9
    assert all(math.isfinite(row["nats"]) for row in progressed.curve)


def test_a_diverging_last_step_is_detected(tmp_path: Path) -> None:
    """The loss of the only step is finite; what it makes of the weights is not."""
    settings = Training(
        optimizer="adamw",
        context=SETTINGS.context,
        batch=SETTINGS.batch,
        steps=1,
        learning_rate=1e38,
        warmup=0,
    )
    _, progressed = trained(tmp_path, settings=settings)
    assert progressed.failed_step == 0
    assert progressed.curve[-1]["nats"] is None


# ---------------------------------------------------------------------------------- stacks

STACK = [("causal", 0, 0), ("myopic", 0, 0), ("myopic", 1, 0), ("myopic-kv", 0, 1)]


def trained_together(
    tmp_path: Path,
    members: Sequence[tuple[Any, int, int]],
    *,
    name: str = "stack",
    settings: Training = SETTINGS,
    rates: Sequence[float] | None = None,
    stop_after: int | None = None,
    poison: tuple[int, int] | None = None,
) -> tuple[Transformer, list[TrainingProgress]]:
    """Members (gradient, seed_init, seed_order) in one stack; `poison` is a member and a step."""
    routes = [Route(gradient) for gradient, _, _ in members]
    model = Transformer(SIZE, VOCABULARY, CONTEXT, routes)
    initialise(model, [init for _, init, _ in members])
    calls = 0

    text = text_of(*(order for _, _, order in members))

    def starts(steps: Sequence[int]) -> Tensor:
        if poison and steps[poison[0]] == poison[1]:
            with torch.no_grad():
                model.W_E[poison[0]].fill_(math.nan)
        return text.starts_of(steps)

    def on_step(steps: int, note: str) -> None:
        nonlocal calls
        calls += 1
        if calls == stop_after:
            raise KeyboardInterrupt

    progressed = train(
        model,
        settings,
        rates or [0.02] * len(members),
        WindowSource(starts, text.gather),
        SELECT,
        states=[tmp_path / f"{name}-{'-'.join(map(str, each))}.safetensors" for each in members],
        checkpoint_seconds=math.inf if stop_after is None else 0,
        on_step=on_step,
    )
    return model, progressed


def bits_of(model: Transformer, member: int) -> dict[str, bytes]:
    return {name: w.numpy().tobytes() for name, w in model.weights_of(member).items()}


def alone(tmp_path: Path, member: tuple[Any, int, int], **options: Any) -> dict[str, bytes]:
    return bits_of(trained_together(tmp_path, [member], name="alone", **options)[0], 0)


@pytest.mark.parametrize("optimizer", ["adamw", "muon"])
def test_a_trained_member_has_the_same_bits_in_any_stack(tmp_path: Path, optimizer: Any) -> None:
    settings = SETTINGS.model_copy(update={"optimizer": optimizer})
    model, progressed = trained_together(tmp_path, STACK, settings=settings)
    back, _ = trained_together(tmp_path, STACK[::-1], settings=settings)
    for slot, member in enumerate(STACK):
        assert bits_of(model, slot) == alone(tmp_path, member, settings=settings)
        assert bits_of(back, len(STACK) - 1 - slot) == bits_of(model, slot)
    assert progressed[1].curve != progressed[0].curve


def test_a_member_resumes_in_another_stack(tmp_path: Path) -> None:
    """Killed as a stack; its members go on in stacks of others, from steps of their own."""
    with pytest.raises(KeyboardInterrupt):
        trained_together(tmp_path, STACK[:2], stop_after=6)
    with pytest.raises(KeyboardInterrupt):
        trained_together(tmp_path, STACK[2:3], stop_after=3)
    mixed = [STACK[2], STACK[0], STACK[3]]
    model, progressed = trained_together(tmp_path, mixed)
    for slot, member in enumerate(mixed):
        assert bits_of(model, slot) == alone(tmp_path, member)
    assert [each.step for each in progressed] == [9, 9, 9]
    assert progressed[0].curve == trained_together(tmp_path, [mixed[0]], name="c")[1][0].curve


@pytest.mark.parametrize("at", [0, 5])
def test_a_failed_member_does_not_change_the_rest_of_the_stack(tmp_path: Path, at: int) -> None:
    model, progressed = trained_together(tmp_path, STACK, poison=(1, at))
    assert [each.failed_step for each in progressed] == [None, at, None, None]
    for slot in (0, 2, 3):
        assert bits_of(model, slot) == alone(tmp_path, STACK[slot])
    # Its updates stopped: nothing but what was poisoned is not a number.
    assert torch.isfinite(model.W_U[1]).all()


def test_each_member_has_its_own_learning_rate(tmp_path: Path) -> None:
    rates = [0.01, 0.02, 0.04, 1e30]
    model, progressed = trained_together(tmp_path, STACK, rates=rates)
    assert progressed[3].failed_step is not None
    for slot in range(3):
        assert bits_of(model, slot) == alone(tmp_path, STACK[slot], rates=[rates[slot]])
        assert progressed[slot].curve[-1]["learning_rate"] == learning_rate(
            8, SETTINGS, rates[slot]
        )


def test_muon_is_resumed_to_the_same_bits(tmp_path: Path) -> None:
    settings = SETTINGS.model_copy(update={"optimizer": "muon"})
    with pytest.raises(KeyboardInterrupt):
        trained_together(tmp_path, STACK[:1], settings=settings, stop_after=5)
    model, _ = trained_together(tmp_path, STACK[:1], settings=settings)
    assert bits_of(model, 0) == alone(tmp_path, STACK[0], settings=settings)
    assert bits_of(model, 0) != alone(tmp_path, STACK[0])


@pytest.mark.parametrize("gradient", ["causal", "myopic", "reservoir"])
def test_a_recurrent_member_is_resumed_to_the_same_bits(tmp_path: Path, gradient: str) -> None:
    settings = SETTINGS.model_copy(update={"optimizer": "muon"})
    size = Size(mixer="recurrent", width=16, head_size=8, chunk=3)
    kind: dict[str, Any] = {"gradient": gradient, "size": size, "settings": settings}
    whole, progressed = trained(tmp_path, "whole", **kind)
    with pytest.raises(KeyboardInterrupt):
        trained(tmp_path, "killed", every=0, stop_after=5, **kind)
    again, resumed = trained(tmp_path, "killed", **kind)
    assert bits(again) == bits(whole)
    assert resumed.curve == progressed.curve
    assert progressed.failed_step is None


def test_a_local_member_is_trained_on_the_past_of_another(tmp_path: Path) -> None:
    frozen, _ = trained_together(tmp_path, [("causal", 0, 0)], name="past")
    local = Transformer(SIZE, VOCABULARY, CONTEXT, [Route("local")])
    initialise(local, [0])
    (progressed,) = train(
        local,
        SETTINGS,
        [0.02],
        text_of(0),
        SELECT,
        states=[tmp_path / "local.safetensors"],
        checkpoint_seconds=math.inf,
        on_step=lambda steps, note: None,
        past=frozen.requires_grad_(False),
    )
    assert progressed.failed_step is None
    assert bits_of(local, 0) != bits_of(frozen, 0)
    with torch.no_grad():
        past = frozen.inputs(SELECT[None, :, :-1])
        nats = local.nats(SELECT[None], past).item()
    assert progressed.curve[-1]["nats"] == pytest.approx(nats, abs=1e-5)


def test_weights_come_back(tmp_path: Path) -> None:
    model, _ = trained(tmp_path)
    path = tmp_path / "weights.safetensors"
    save_weights(model, 0, path)
    other = model_of(5)
    load_weights(other, 0, path)
    assert bits(other) == bits(model)
    assert [each.name for each in tmp_path.iterdir()] == ["weights.safetensors"]
    small = Transformer(Size(width=4, heads=1), VOCABULARY, CONTEXT)
    with pytest.raises(RuntimeError):
        load_weights(small, 0, path)


def test_rejects_a_missing_device(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    assert choose_device("auto") == torch.device("cpu")
    assert torch.get_num_threads() == 1
    with pytest.raises(UserError, match=r"hardware\.device is cuda, but torch sees no GPU"):
        choose_device("cuda")


# ---------------------------------------------------------------------------- evaluation

END = 0
EDGES = (0, 1, 2, 5)
Ids = npt.NDArray[np.int64]


def documents_of(lengths: list[int], seed: int = 1) -> list[Ids]:
    rng = np.random.default_rng(seed)
    return [np.append(rng.integers(1, VOCABULARY, n - 1), END) for n in lengths]


def test_windows_cover_each_token_once() -> None:
    documents = documents_of([1, CONTEXT - 1, CONTEXT, CONTEXT + 1, 3 * CONTEXT + 2])
    rows, lengths, owners = windows_of(documents, CONTEXT, END)
    assert owners.tolist() == [0, 1, 2, 3, 3, 4, 4, 4, 4]
    assert lengths.tolist() == [1, 7, 8, 8, 1, 8, 8, 8, 2]
    for index, document in enumerate(documents):
        mine = [
            (row[:n], row[1 : n + 1])
            for row, n, owner in zip(rows, lengths, owners, strict=True)
            if owner == index
        ]
        np.testing.assert_array_equal(np.concatenate([targets for _, targets in mine]), document)
        inputs = np.concatenate([given for given, _ in mine])
        np.testing.assert_array_equal(inputs, np.append(END, document[:-1]))
    empty, *_ = windows_of([], CONTEXT, END)
    assert empty.shape == (0, CONTEXT + 1)


def naive_scores(seed_init: int, documents: list[Ids]) -> tuple[npt.NDArray[np.float64], Ids, Ids]:
    """One token at a time, in float64."""
    model = model_of(seed_init).double()
    nats = np.zeros((len(documents), len(EDGES)))
    tokens = np.zeros((len(documents), len(EDGES)), dtype=np.int64)
    top1 = np.zeros(len(documents), dtype=np.int64)
    for index, document in enumerate(documents):
        text = [END, *document.tolist()]
        for i, target in enumerate(text[1:]):
            position = i % CONTEXT
            before = text[i - position : i + 1]
            with torch.no_grad():
                logits = model(torch.tensor([[before]]))[0, 0, -1]
            bucket = max(k for k, edge in enumerate(EDGES) if edge <= position)
            nats[index, bucket] += float(torch.logsumexp(logits, -1) - logits[target])
            tokens[index, bucket] += 1
            top1[index] += int(logits.argmax()) == target
    return nats, tokens, top1


def test_scores_agree_with_a_naive_loop() -> None:
    documents = documents_of([1, 5, CONTEXT, CONTEXT + 1, 29, 40])
    told: list[tuple[int, int]] = []
    (found,) = score_documents(
        model_of(3),
        documents,
        context=CONTEXT,
        end_of_text=END,
        edges=EDGES,
        batch=4,
        report=lambda done, total: told.append((done, total)),
    )
    nats, tokens, top1 = naive_scores(3, documents)
    np.testing.assert_allclose(found.nats, nats, rtol=1e-5, atol=1e-6)
    np.testing.assert_array_equal(found.tokens, tokens)
    np.testing.assert_array_equal(found.top1, top1)
    assert found.tokens.sum(1).tolist() == [len(each) for each in documents]
    assert found.nats.dtype == np.float64
    assert told[-1] == (14, 14)
    assert [done for done, _ in told] == [4, 8, 12, 14]


def test_scores_do_not_depend_on_the_batch() -> None:
    model = model_of(3)
    documents = documents_of([3, 50, 1, 8, 9, 17])

    def scores(batch: int) -> Any:
        (found,) = score_documents(
            model, documents, context=CONTEXT, end_of_text=END, edges=EDGES, batch=batch
        )
        return found

    one = scores(1)
    for batch in (2, 3, 7, 1000):
        other = scores(batch)
        np.testing.assert_allclose(other.nats, one.nats, rtol=1e-5)
        np.testing.assert_array_equal(other.tokens, one.tokens)
    order = [4, 2, 0, 5, 1, 3]
    (moved,) = score_documents(
        model, [documents[i] for i in order], context=CONTEXT, end_of_text=END, edges=EDGES, batch=3
    )
    np.testing.assert_allclose(moved.nats, one.nats[order], rtol=1e-5)


def test_buckets_end_where_the_next_begins() -> None:
    (document,) = documents_of([2 * CONTEXT + 3])
    (found,) = score_documents(
        model_of(), [document], context=CONTEXT, end_of_text=END, edges=(0, 1, 2, 5), batch=9
    )
    # Positions 0, 1, 2-4 and 5-7, in two whole windows and one of three tokens.
    assert found.tokens.tolist() == [[3, 3, 7, 6]]
    (whole,) = score_documents(
        model_of(), [document], context=CONTEXT, end_of_text=END, edges=(0,), batch=9
    )
    assert whole.nats.sum() == pytest.approx(found.nats.sum(), rel=1e-12)


# -------------------------------------------------------------------------------- probes


def named(lengths: list[int], seed: int = 2) -> list[tuple[str, Ids]]:
    return [(f"d{i}", each) for i, each in enumerate(documents_of(lengths, seed))]


def shuffle(severities: tuple[int, ...] = (2, 3, 5), **changes: Any) -> Probe:
    given = {"family": "shuffle", "scored": 3, "windows": 10, "severities": severities, **changes}
    return Probe(**given)


def tried(probe: Probe, lengths: list[int], seed: int = 2) -> Contexts:
    return contexts(probe, named(lengths, seed), context=CONTEXT, end_of_text=END)


def test_severity_0_is_the_text_itself() -> None:
    documents = named([40, 41, 7, 8, 100])
    for probe in (shuffle(windows=1000), Probe(family="held-out", windows=1000)):
        found = contexts(probe, documents, context=CONTEXT, end_of_text=END)
        text = {name: [END, *tokens.tolist()] for name, tokens in documents}
        cut = [
            (name, begin)
            for name, tokens in documents
            for begin in range(0, len(tokens) - CONTEXT + 1, CONTEXT)
        ]
        assert list(found.documents) == [name for name, _ in cut]
        for window, (name, begin) in zip(found.tokens[0], cut, strict=True):
            assert window.tolist() == text[name][begin : begin + CONTEXT + 1]
        assert "d2" not in found.documents
    held_out = tried(Probe(family="held-out"), [40, 41])
    assert held_out.tokens.shape == (1, 10, CONTEXT + 1)
    assert held_out.scored == CONTEXT
    assert held_out.descriptions == ("text as it is",)


@hypothesis_settings(max_examples=40, deadline=None)
@given(
    st.lists(st.integers(CONTEXT, 60), min_size=2, max_size=6),
    st.integers(1, 6),
    st.sets(st.integers(2, 8), min_size=1),
    st.integers(0, 5),
)
def test_shuffling_keeps_the_suffix_and_the_tokens_of_each_block(
    lengths: list[int], scored: int, blocks: set[int], seed: int
) -> None:
    severities = tuple(sorted(blocks))
    found = tried(shuffle(severities, scored=scored, seed=seed), lengths)
    assert found.tokens.shape[0] == 1 + len(severities)
    assert found.scored == scored
    clean = found.tokens[0]
    size = CONTEXT + 1 - scored
    for level, block in zip(found.tokens[1:], severities, strict=True):
        np.testing.assert_array_equal(level[:, size:], clean[:, size:])
        # Blocks end where the context ends; the first may be shorter.
        for end in range(size, 0, -block):
            part = slice(max(end - block, 0), end)
            np.testing.assert_array_equal(np.sort(level[:, part]), np.sort(clean[:, part]))
    changed = found.changed()
    assert changed[0] == 0
    naive = [
        sum(int(a != b) for a, b in zip(x[:size], y[:size], strict=True))
        for x, y in zip(found.tokens[1], clean, strict=True)
    ]
    assert changed[1] == pytest.approx(sum(naive) / (size * len(clean)))


def test_a_probe_is_a_pure_function_of_its_settings() -> None:
    first, again = tried(shuffle(), [90, 90]), tried(shuffle(), [90, 90])
    np.testing.assert_array_equal(first.tokens, again.tokens)
    np.random.seed(7)
    np.testing.assert_array_equal(first.tokens, tried(shuffle(), [90, 90]).tokens)
    other = tried(shuffle(seed=1), [90, 90])
    assert not np.array_equal(first.tokens[0], other.tokens[0])
    # One more severity does not change those before it.
    more = tried(shuffle((2, 3, 5, 6)), [90, 90])
    np.testing.assert_array_equal(more.tokens[:4], first.tokens)


def test_more_disorder_with_more_severity() -> None:
    probe = shuffle((2, 3, 6), windows=500)
    changed = tried(probe, [400] * 8).changed()
    assert 0 < changed[1] < changed[2] < changed[3] < 1
    # Two equal tokens may change places unseen: half of the pairs turn, 1 in 10 of them alike;
    # of the 6 tokens of context the first stays, and the second is alone in its block.
    assert changed[1] == pytest.approx(4 / 6 * 0.5 * 0.9, abs=0.05)


def test_every_order_of_a_block_is_equally_likely() -> None:
    documents = [(f"d{i}", np.array([1, 2, 3, 4, 5, 6, 7, END])) for i in range(3000)]
    probe = Probe(family="shuffle", scored=5, windows=3000, severities=(3,))
    found = contexts(probe, documents, context=CONTEXT, end_of_text=END)
    assert (found.tokens[1][:, 0] == END).all(), "the end of text stays where it is"
    orders = Counter(map(tuple, found.tokens[1][:, 1:4].tolist()))
    assert len(orders) == 6
    assert all(abs(count - 500) < 100 for count in orders.values())


def test_few_windows_are_of_two_documents_if_the_split_has_two() -> None:
    """At random, all would be of the long one."""
    few = Probe(family="shuffle", scored=2, severities=(2,), windows=2)
    assert set(tried(few, [100 * CONTEXT, CONTEXT]).documents) == {"d0", "d1"}
    assert set(tried(few, [CONTEXT, 100 * CONTEXT]).documents) == {"d0", "d1"}


@pytest.mark.parametrize(
    ("lengths", "count"), [([], 0), ([7, 7, 7], 0), ([100], 1), ([100, CONTEXT - 1], 1)]
)
def test_too_few_documents_for_a_probe(lengths: list[int], count: int) -> None:
    with pytest.raises(UserError) as caught:
        tried(shuffle(), lengths)
    assert f"come from {count} documents" in str(caught.value)
    assert "lower training.context" in str(caught.value)


@pytest.mark.parametrize("optimizer", ["adamw", "muon"])
def test_steps_in_a_row_are_steps_one_by_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, optimizer: Any
) -> None:
    """As on a GPU, where the host does not wait for each: the same bits, curves and failures."""
    settings = SETTINGS.model_copy(update={"optimizer": optimizer})
    rates = [0.02, 1e30, 0.01, 0.02]
    model, progressed = trained_together(tmp_path, STACK, settings=settings, rates=rates)
    monkeypatch.setitem(loop.STEPS_AT_ONCE, "cpu", 3)
    again, found = trained_together(tmp_path, STACK, settings=settings, rates=rates)
    assert [each.curve for each in found] == [each.curve for each in progressed]
    assert [each.failed_step for each in found] == [each.failed_step for each in progressed]
    assert [each.step for each in found] == [each.step for each in progressed]
    assert found[1].failed_step is not None
    for slot in (0, 2, 3):
        assert bits_of(again, slot) == bits_of(model, slot)


def test_dummies_fill_a_stack_and_change_nothing(tmp_path: Path) -> None:
    expected = alone(tmp_path, STACK[1])
    model = Transformer(SIZE, VOCABULARY, CONTEXT, [Route("myopic")] * 3)
    initialise(model, [0] * 3)
    drawn = bits_of(model, 2)
    progressed = train(
        model,
        SETTINGS,
        [0.02],
        text_of(0, 0, 0),
        SELECT,
        states=[tmp_path / "state.safetensors"],
        checkpoint_seconds=math.inf,
        on_step=lambda steps, note: None,
    )
    assert len(progressed) == 1
    assert bits_of(model, 0) == expected
    assert bits_of(model, 1) == bits_of(model, 2) == drawn


@pytest.mark.parametrize(
    ("stack", "device", "members", "expected"),
    [
        (4, "cuda", [1, 2], [1, 2, 2, 2]),
        (4, "cpu", [1, 2], [1, 2]),
        (2, "cuda", [1, 2], [1, 2]),
        ("auto", "cuda", [1, 2], [1, 2]),
        (4, "cuda", [], []),
    ],
)
def test_a_named_width_is_kept_on_a_gpu(
    stack: Any, device: str, members: list[int], expected: list[int]
) -> None:
    assert with_dummies(members, Hardware(stack=stack), torch.device(device)) == expected
