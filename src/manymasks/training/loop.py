"""The training loop: a stack of members from their seeds to their weights.

A step is a pure function of a member's weights, moments and step: there is no dropout, and its
windows follow from its own seed. So a state saved at any step leads to the same final bits as
a run that was never interrupted, in whatever company: members of a stack share nothing but the
time they are computed in, and each may be at a step of its own.
"""

import math
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

import torch
from torch import Tensor

from manymasks.config.training import Training
from manymasks.models.transformer import Transformer
from manymasks.training.checkpoint import Progressed, load_state, save_state, save_weights
from manymasks.training.optimizer import Optimizer
from manymasks.training.schedule import learning_rate
from manymasks.training.step import Stepper, Text, inputs_of

IN_A_ROW = {"cpu": 1, "cuda": 64}
"""Steps between two looks at what they came to: on a GPU the host does not wait for each."""


def train(
    model: Transformer,
    settings: Training,
    rates: Sequence[float],
    text: Text,
    select: Tensor,
    *,
    states: Sequence[Path],
    checkpoint_seconds: float,
    on_step: Callable[[int, str], None],
    past: Transformer | None = None,
    late: Sequence[Mapping[int, Path]] = (),
) -> list[Progressed]:
    """Train a stack in place.

    Args:
        model: on its device, initialised; weights are overwritten by saved states. Slots beyond
            those of `rates` are dummies: computed, and left as they are.
        settings: budget and optimiser, the same for all.
        rates: each member's peak learning rate.
        text: where the windows of all slots come from.
        select: (windows, context + 1) token ids scored for the select curves.
        states: each member's file to go on from and to save to.
        checkpoint_seconds: seconds between two saved states.
        on_step: told the steps done, summed over members, and the loss so far, in words.
        past: for members whose route is `local`, the stack whose earlier positions they see.
        late: for each member the steps after which its weights are kept too, and the file of
            each; not given, none are. A file that a resumed training has behind it stays as it is.

    Returns:
        For each member its curve, one row per point and split, its share of the seconds taken
        in all runs, and `failed_step` if a loss or gradient was not finite: there its
        updates stopped, while its slot stayed.
    """
    members, dummies = range(len(rates)), model.members - len(rates)
    in_a_row = IN_A_ROW[select.device.type]
    optimizer = Optimizer(dict(model.named_parameters()), settings)
    stepper = Stepper(model, optimizer, text, past, settings.batch, in_a_row)
    progressed = [Progressed() for _ in members]
    stops = sorted({step for of_member in late for step in of_member})
    for member, state in enumerate(states):
        if state.exists():
            of_member = model.weights_of(member), optimizer.moments_of(member)
            progressed[member] = load_state(*of_member, state)
            optimizer.begin(member, progressed[member].step)
            progressed[member].earlier_seconds = progressed[member].seconds
    began = saved = time.monotonic()

    def running() -> list[int]:
        return [
            member
            for member in members
            if progressed[member].failed_step is None and progressed[member].step < settings.steps
        ]

    while at_work := running():
        # All that are at work have as many steps before them; of the others any will do.
        ahead = [_to_a_stop(progressed[member], settings, stops) for member in at_work]
        count = min(in_a_row, *ahead)
        steps = [min(each.step, settings.steps - count) for each in progressed]
        planned = [
            [learning_rate(step + i, settings, rate) for i in range(count)]
            for step, rate in zip(steps, rates, strict=True)
        ]
        done = stepper.run(
            [*steps, *[0] * dummies],
            [*planned, *[[0.0] * count] * dummies],
            [slot in at_work for slot in range(model.members)],
        )
        for member in at_work:
            mine, found = progressed[member], done[member]
            mine.step += found.steps
            mine.since += found.steps
            mine.loss_sum += found.loss_sum
            mine.norm_sum += found.norm_sum
            if found.steps < count:
                mine.failed_step = mine.step
        scored = [member for member in at_work if _is_point(progressed[member], settings)]
        if scored:
            nats = _select_nats(model, select, settings.batch, past)
            for member in scored:
                rate = learning_rate(progressed[member].step - 1, settings, rates[member])
                _add_points(progressed[member], settings, nats[member], rate)
        for member in at_work:
            path = late[member].get(progressed[member].step) if late else None
            if path is not None and progressed[member].failed_step is None:
                save_weights(model, member, path)
        now = time.monotonic()
        for member in at_work:
            spent = (now - began) / len(members)
            progressed[member].seconds = progressed[member].earlier_seconds + spent
        on_step(sum(each.step for each in progressed), f"loss {done[at_work[0]].last_loss:.3f}")
        if now - saved >= checkpoint_seconds:
            for member in at_work:
                if progressed[member].failed_step is None:
                    of_member = model.weights_of(member), optimizer.moments_of(member)
                    save_state(*of_member, progressed[member], states[member])
            saved = now
    return progressed


def _to_a_stop(progressed: Progressed, settings: Training, stops: Sequence[int]) -> int:
    """Steps up to and with the next one that is a point of the curve or keeps its weights."""
    whole = settings.curve_every - progressed.step % settings.curve_every
    ahead = (step - progressed.step for step in (*stops, settings.steps) if step > progressed.step)
    return min(whole, *ahead)


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
            total += model.nats(windows, inputs_of(past, windows)).double() * len(part)
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
    select_row = {**point, "split": "select", "nats": finite, "gradient_norm": None}
    progressed.curve += [train_row, select_row]
    progressed.loss_sum = progressed.norm_sum = 0.0
    progressed.since = 0
