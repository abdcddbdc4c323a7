"""The training loop: a stack of members from their seeds to their weights.

A step is a pure function of a member's weights, moments and step: there is no dropout, and the
windows follow from the member's seed. A run resumed from a saved state therefore ends with the same
bits as an uninterrupted one, in any stack: members share only the time they are computed in, and
may be at different steps.
"""

import math
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

import torch
from torch import Tensor

from manymasks.config.training import Training
from manymasks.disk.checksum import sha256_of
from manymasks.models.transformer import Transformer
from manymasks.training.checkpoint import (
    TrainingProgress,
    load_state,
    save_state,
    save_weights,
)
from manymasks.training.native_step import NativeStepper
from manymasks.training.optimizer import Optimizer
from manymasks.training.schedule import learning_rate
from manymasks.training.step import Stepper, StepSums, WindowSource, inputs_of

STEPS_AT_ONCE = {"cpu": 1, "cuda": 64}
"""Steps between two transfers of their results: on a GPU the host does not wait for each step."""


def train(
    model: Transformer,
    settings: Training,
    rates: Sequence[float],
    source: WindowSource,
    select: Tensor,
    *,
    states: Sequence[Path],
    checkpoint_seconds: float,
    on_step: Callable[[int, str], None],
    past: Transformer | None = None,
    late: Sequence[Mapping[int, Path]] = (),
) -> list[TrainingProgress]:
    """Train a stack in place.

    Args:
        model: on its device, initialised; weights are overwritten by saved states. Slots beyond
            those of `rates` are dummies: computed, but not updated.
        settings: budget and optimiser, the same for all members.
        rates: peak learning rate of each member.
        source: of the windows of all slots.
        select: (windows, context + 1) token ids scored for the select curves.
        states: file of each member to resume from, undamaged, and to save to.
        checkpoint_seconds: seconds between two saved states.
        on_step: called with the steps done, summed over members, and the current loss as text.
        past: for members that need a past, the stack that provides it.
        late: for each member, steps after which its weights are saved too, and the file of each. A
            resumed training keeps the files it has already passed.

    Returns:
        For each member its curve, one row for each point and split, its share of the seconds of
        all runs, and `failed_step` if a loss or gradient was not finite: its updates stop there,
        but its slot stays.
    """
    dummies = model.members - len(rates)
    at_once = STEPS_AT_ONCE[select.device.type]
    optimizer = Optimizer(dict(model.named_parameters()), settings)
    stepper = stepper_of(model, optimizer, settings, source, past)
    stops = sorted({step for member_late in late for step in member_late})
    progress = [_resumed(model, optimizer, slot, state) for slot, state in enumerate(states)]
    began = saved = time.monotonic()
    while active := [
        member
        for member, one in enumerate(progress)
        if one.failed_step is None and one.step < settings.steps
    ]:
        # All active members have that many steps left; for the others any steps will do.
        count = min(at_once, *(_to_a_stop(progress[member], settings, stops) for member in active))
        steps = [min(one.step, settings.steps - count) for one in progress]
        planned = [
            [learning_rate(step + i, settings, rate) for i in range(count)]
            for step, rate in zip(steps, rates, strict=True)
        ]
        sums = stepper.run(
            [*steps, *[0] * dummies],
            [*planned, *[[0.0] * count] * dummies],
            [slot in active for slot in range(model.members)],
        )
        for member in active:
            _advance(progress[member], sums[member], count)
        at_point = [member for member in active if _is_point(progress[member], settings)]
        if at_point:
            nats = _select_nats(model, select, settings.batch, past)
            for member in at_point:
                rate = learning_rate(progress[member].step - 1, settings, rates[member])
                _add_points(progress[member], settings, nats[member], rate)
        healthy = [member for member in active if progress[member].failed_step is None]
        for member in healthy:
            path = late[member].get(progress[member].step) if late else None
            if path is not None:
                save_weights(model, member, path)
                progress[member].late[path.name] = sha256_of(path)
        now = time.monotonic()
        for member in active:
            spent = (now - began) / len(progress)
            progress[member].seconds = progress[member].earlier_seconds + spent
        on_step(sum(one.step for one in progress), f"loss {sums[active[0]].last_loss:.3f}")
        if now - saved >= checkpoint_seconds:
            for member in healthy:
                tensors = model.weights_of(member), optimizer.moments_of(member)
                save_state(*tensors, progress[member], states[member])
            saved = now
    return progress


def stepper_of(
    model: Transformer,
    optimizer: Optimizer,
    settings: Training,
    source: WindowSource,
    past: Transformer | None,
) -> Stepper | NativeStepper:
    """Steps of a stack by the kernels that compute it."""
    if model.is_native:
        return NativeStepper(model, optimizer, settings, source, past)
    at_once = STEPS_AT_ONCE[model.W_E.device.type]
    return Stepper(model, optimizer, source, past, settings.batch, at_once)


def _resumed(
    model: Transformer, optimizer: Optimizer, member: int, state: Path
) -> TrainingProgress:
    """Load the saved state of a member, if there is one."""
    if not state.exists():
        return TrainingProgress()
    progress = load_state(model.weights_of(member), optimizer.moments_of(member), state)
    optimizer.resume(member, progress.step)
    progress.earlier_seconds = progress.seconds
    return progress


def _advance(progress: TrainingProgress, sums: StepSums, planned: int) -> None:
    """Add steps; fewer than planned mean that the next one failed."""
    progress.step += sums.steps
    progress.since += sums.steps
    progress.loss_sum += sums.loss_sum
    progress.norm_sum += sums.norm_sum
    if sums.steps < planned:
        progress.failed_step = progress.step


def _to_a_stop(progress: TrainingProgress, settings: Training, stops: Sequence[int]) -> int:
    """Steps to the next point of the curve or the next saved weights, inclusive."""
    to_point = settings.curve_every - progress.step % settings.curve_every
    ends = (*stops, settings.steps)
    return min(to_point, *(step - progress.step for step in ends if step > progress.step))


def _is_point(progress: TrainingProgress, settings: Training) -> bool:
    """Whether the last step is a point of the curve."""
    if progress.failed_step is not None:
        return False
    return progress.step % settings.curve_every == 0 or progress.step == settings.steps


def _select_nats(
    model: Transformer, select: Tensor, batch: int, past: Transformer | None
) -> list[float]:
    """Mean loss of each member on (windows, context + 1) token ids, nats per token."""
    total = torch.zeros(model.members, dtype=torch.float64, device=select.device)
    with torch.no_grad():
        for part in torch.split(select, batch):
            windows = part.expand(model.members, -1, -1)
            total += model.nats(windows, inputs_of(past, windows)).double() * len(part)
    return (total / len(select)).tolist()


def _add_points(progress: TrainingProgress, settings: Training, nats: float, rate: float) -> None:
    point = {
        "step": progress.step,
        "tokens": progress.step * settings.batch * settings.context,
        "learning_rate": rate,
    }
    train_row = {
        **point,
        "split": "train",
        "nats": progress.loss_sum / progress.since,
        "gradient_norm": progress.norm_sum / progress.since,
    }
    if not math.isfinite(nats):
        # The last update diverged: the loss before it was still finite.
        progress.failed_step = progress.step - 1
    finite = nats if math.isfinite(nats) else None
    select_row = {**point, "split": "select", "nats": finite, "gradient_norm": None}
    progress.curve += [train_row, select_row]
    progress.loss_sum = progress.norm_sum = 0.0
    progress.since = 0
