"""The training loop: one member from its seeds to its weights.

A step is a pure function of the weights, the moments and the step's number: there is no
dropout, and the windows of a step follow from the data order's seed. So a state saved at any
step leads to the same final bits as a run that was never interrupted.
"""

import math
import time
from collections.abc import Callable
from pathlib import Path

import torch
import torch.nn.functional as F
from torch import Tensor

from manymasks.config.study import Training
from manymasks.models.transformer import Transformer
from manymasks.training.checkpoint import Progressed, load_state, save_state
from manymasks.training.schedule import learning_rate

EPSILON = 1e-8


def train(
    model: Transformer,
    settings: Training,
    windows_of: Callable[[int], Tensor],
    select: Tensor,
    *,
    state: Path,
    checkpoint_seconds: float,
    on_step: Callable[[int, str], None],
) -> Progressed:
    """Train a model in place.

    Args:
        model: on its device, initialised; its weights are overwritten by a saved state.
        settings: budget and optimiser.
        windows_of: step -> (batch, context + 1) token ids on the model's device.
        select: (windows, context + 1) token ids scored for the select curve.
        state: file to go on from and to save to.
        checkpoint_seconds: seconds between two saved states.
        on_step: told the steps done and the loss so far, in words.

    Returns:
        The curve, one row per point and split, the seconds taken in all runs, and
        `failed_step` if a loss or gradient was not finite: then the training stopped there.
    """
    matrices = [weight for weight in model.parameters() if weight.ndim > 1]
    vectors = [weight for weight in model.parameters() if weight.ndim == 1]
    optimizer = torch.optim.AdamW(
        [
            {"params": matrices, "weight_decay": settings.weight_decay},
            {"params": vectors, "weight_decay": 0.0},
        ],
        betas=(settings.beta1, settings.beta2),
        eps=EPSILON,
        fused=True,
    )
    progressed = load_state(model, optimizer, state) if state.exists() else Progressed()
    progressed.earlier_seconds = progressed.seconds
    began = time.monotonic()
    saved = began
    while progressed.step < settings.steps and progressed.failed_step is None:
        step = progressed.step
        rate = learning_rate(step, settings)
        for group in optimizer.param_groups:
            group["lr"] = rate
        windows = windows_of(step)
        loss = mean_nats(model, windows)
        optimizer.zero_grad(set_to_none=True)
        loss.backward()  # type: ignore[no-untyped-call]
        norm = torch.nn.utils.clip_grad_norm_(model.parameters(), settings.clip)
        nats = loss.item()
        if not (math.isfinite(nats) and math.isfinite(norm.item())):
            progressed.failed_step = step
            break
        optimizer.step()

        progressed.step += 1
        progressed.since += 1
        progressed.loss_sum += nats
        progressed.norm_sum += norm.item()
        if progressed.step % settings.curve_every == 0 or progressed.step == settings.steps:
            _add_points(progressed, model, settings, select, rate)
            if not math.isfinite(progressed.curve[-1]["nats"] or math.nan):
                # The step itself went wrong: the loss before it was still finite.
                progressed.failed_step = step
        now = time.monotonic()
        progressed.seconds = progressed.earlier_seconds + now - began
        on_step(progressed.step, f"loss {nats:.3f}")
        if now - saved >= checkpoint_seconds:
            save_state(model, optimizer, progressed, state)
            saved = now
    return progressed


def mean_nats(model: Transformer, windows: Tensor) -> Tensor:
    """Mean next-token loss, nats per token, of (batch, context + 1) token ids."""
    logits = model(windows[:, :-1])
    return F.cross_entropy(logits.flatten(0, 1), windows[:, 1:].flatten())


def _add_points(
    progressed: Progressed, model: Transformer, settings: Training, select: Tensor, rate: float
) -> None:
    with torch.no_grad():
        parts = [mean_nats(model, part) * len(part) for part in torch.split(select, settings.batch)]
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
    nats = torch.stack(parts).double().sum().item() / len(select)
    # What is not a number has no place in a manifest or a table.
    finite = nats if math.isfinite(nats) else None
    progressed.curve += [train_row, {**point, "split": "select", "nats": finite}]
    progressed.loss_sum = progressed.norm_sum = 0.0
    progressed.since = 0
