"""The training loop: a stack of members from their seeds to their weights.

A step is a pure function of a member's weights, moments and step: there is no dropout, and its
windows follow from its own seed. So a state saved at any step leads to the same final bits as
a run that was never interrupted, in whatever company: members of a stack share nothing but the
time they are computed in, and each may be at a step of its own.
"""

import math
import time
from collections.abc import Callable, Sequence
from pathlib import Path

import torch
from torch import Tensor

from manymasks.config.study import Training
from manymasks.models.transformer import Transformer
from manymasks.training.checkpoint import Progressed, load_state, save_state
from manymasks.training.optimizer import Optimizer
from manymasks.training.schedule import learning_rate


def train(
    model: Transformer,
    settings: Training,
    rates: Sequence[float],
    windows_of: Callable[[Sequence[int]], Tensor],
    select: Tensor,
    *,
    states: Sequence[Path],
    checkpoint_seconds: float,
    on_step: Callable[[int, str], None],
    past: Transformer | None = None,
) -> list[Progressed]:
    """Train a stack in place.

    Args:
        model: on its device, initialised; weights are overwritten by saved states.
        settings: budget and optimiser, the same for all.
        rates: each member's peak learning rate.
        windows_of: each member's step -> (members, batch, context + 1) token ids on the device.
        select: (windows, context + 1) token ids scored for the select curves.
        states: each member's file to go on from and to save to.
        checkpoint_seconds: seconds between two saved states.
        on_step: told the steps done, summed over members, and the loss so far, in words.
        past: for members whose route is `local`, the stack whose earlier positions they see.

    Returns:
        For each member its curve, one row per point and split, its share of the seconds taken
        in all runs, and `failed_step` if a loss or gradient was not finite: there its
        updates stopped, while its slot stayed.
    """
    members = range(model.members)
    weights = [model.weights_of(member) for member in members]
    optimizers = [Optimizer(each, settings) for each in weights]
    progressed = [Progressed() for _ in members]
    for member, state in enumerate(states):
        if state.exists():
            moments = optimizers[member].moments
            progressed[member] = load_state(weights[member], moments, state)
            optimizers[member].begin(progressed[member].step)
            progressed[member].earlier_seconds = progressed[member].seconds
    began = saved = time.monotonic()

    def running() -> list[int]:
        return [
            member
            for member in members
            if progressed[member].failed_step is None and progressed[member].step < settings.steps
        ]

    while at_work := running():
        windows = windows_of([min(each.step, settings.steps - 1) for each in progressed])
        losses = model.nats(windows, _inputs(past, windows))
        model.zero_grad(set_to_none=True)
        losses.sum().backward()  # type: ignore[no-untyped-call]
        nats = losses.tolist()
        for member in at_work:
            mine = progressed[member]
            rate = learning_rate(mine.step, settings, rates[member])
            grads = model.gradients_of(member)
            norm = optimizers[member].step(grads, rate).item() if math.isfinite(nats[member]) else 0
            if not (math.isfinite(nats[member]) and math.isfinite(norm)):
                mine.failed_step = mine.step
                continue
            mine.step += 1
            mine.since += 1
            mine.loss_sum += nats[member]
            mine.norm_sum += norm
        scored = [member for member in at_work if _is_point(progressed[member], settings)]
        if scored:
            found = _select_nats(model, select, settings.batch, past)
            for member in scored:
                rate = learning_rate(progressed[member].step - 1, settings, rates[member])
                _add_points(progressed[member], settings, found[member], rate)
        now = time.monotonic()
        for member in at_work:
            spent = (now - began) / len(members)
            progressed[member].seconds = progressed[member].earlier_seconds + spent
        on_step(sum(each.step for each in progressed), f"loss {nats[at_work[0]]:.3f}")
        if now - saved >= checkpoint_seconds:
            for member in at_work:
                if progressed[member].failed_step is None:
                    moments = optimizers[member].moments
                    save_state(weights[member], moments, progressed[member], states[member])
            saved = now
    return progressed


def _inputs(past: Transformer | None, windows: Tensor) -> list[Tensor] | None:
    if past is None:
        return None
    with torch.no_grad():
        return past.inputs(windows[..., :-1])


def _is_point(progressed: Progressed, settings: Training) -> bool:
    """Whether the step just done is one of the curve's."""
    if progressed.failed_step is not None:
        return False
    return progressed.step % settings.curve_every == 0 or progressed.step == settings.steps


def _select_nats(
    model: Transformer, select: Tensor, batch: int, past: Transformer | None
) -> list[float]:
    """Mean loss of each member on (windows, context + 1) token ids, nats per token."""
    total = torch.zeros(model.members, dtype=torch.float64, device=select.device)
    with torch.no_grad():
        for part in torch.split(select, batch):
            windows = part.expand(model.members, -1, -1)
            total += model.nats(windows, _inputs(past, windows)).double() * len(part)
    return (total / len(select)).tolist()


def _add_points(progressed: Progressed, settings: Training, nats: float, rate: float) -> None:
    point = {
        "step": progressed.step,
        "tokens": progressed.step * settings.batch * settings.context,
        "learning_rate": rate,
    }
    train_row = {
        **point,
        "split": "train",
        "nats": progressed.loss_sum / progressed.since,
        "gradient_norm": progressed.norm_sum / progressed.since,
    }
    if not math.isfinite(nats):
        # The step itself went wrong: the loss before it was still finite.
        progressed.failed_step = progressed.step - 1
    # What is not a number has no place in a manifest or a table.
    finite = nats if math.isfinite(nats) else None
    progressed.curve += [train_row, {**point, "split": "select", "nats": finite}]
    progressed.loss_sum = progressed.norm_sum = 0.0
    progressed.since = 0
