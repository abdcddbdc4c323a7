"""The training step of a stack on its device: windows, loss, gradients, update.

All inputs and outputs of a step keep their addresses on the device, and the host reads nothing
while steps run. On a GPU the step can therefore be recorded once as a CUDA graph and replayed:
small models do not wait for the host to launch kernels.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from manymasks.models.transformer import Transformer
from manymasks.training.optimizer import Optimizer

UNRECORDED = 3
"""Steps on a GPU before the recorded one: its libraries initialise themselves in them."""


@dataclass(frozen=True)
class WindowSource:
    """The windows of a training."""

    starts_of: Callable[[Sequence[int]], Tensor]
    """Each member's step -> first positions of its windows, (members, batch), int64."""
    gather: Callable[[Tensor], Tensor]
    """First positions -> token ids (..., context + 1); on the device."""


@dataclass(frozen=True)
class StepSums:
    """Results of consecutive steps of one member."""

    steps: int
    """Those with a finite loss and gradient; the first without ends them."""
    loss_sum: float
    norm_sum: float
    last_loss: float


class Stepper:
    """Runs consecutive steps of a stack.

    Args:
        model: the stack, on its device.
        optimizer: of its weights.
        source: of the windows.
        past: for members that need a past, the stack that provides it.
        batch: windows in a step.
        at_once: maximum number of consecutive steps.
    """

    def __init__(
        self,
        model: Transformer,
        optimizer: Optimizer,
        source: WindowSource,
        past: Transformer | None,
        batch: int,
        at_once: int,
    ) -> None:
        device, members = model.W_E.device, model.members
        self._model, self._optimizer, self._source, self._past = model, optimizer, source, past
        self._starts = torch.zeros(at_once, members, batch, dtype=torch.int64, device=device)
        self._rates = torch.zeros(at_once, members, device=device)
        self._row = torch.zeros(1, dtype=torch.int64, device=device)
        self._active = torch.zeros(members, dtype=torch.bool, device=device)
        # Steps done, sum of losses, sum of norms, last loss.
        self._sums = torch.zeros(4, members, dtype=torch.float64, device=device)
        self._run_step = _recorder() if device.type == "cuda" else _call

    def run(
        self, steps: Sequence[int], rates: Sequence[Sequence[float]], active: Sequence[bool]
    ) -> list[StepSums]:
        """Run the same number of steps of each member.

        `steps`: first step of each member. `rates`: learning rates of each member, one a step.
        `active`: members to update; the others are computed but not updated.
        """
        count = len(rates[0])
        starts = [self._source.starts_of([step + i for step in steps]) for i in range(count)]
        self._starts[:count].copy_(torch.stack(starts))
        self._rates[:count].copy_(torch.tensor(rates).T)
        self._active.copy_(torch.tensor(active))
        self._row.zero_()
        self._sums.zero_()
        for _ in range(count):
            self._run_step(self._step)
        return [StepSums(int(steps_done), *sums) for steps_done, *sums in self._sums.T.tolist()]

    def _step(self) -> None:
        rates = self._rates.index_select(0, self._row)[0]
        windows = self._source.gather(self._starts.index_select(0, self._row)[0])
        weights = dict(self._model.named_parameters())
        losses = self._model.nats(windows, inputs_of(self._past, windows))
        gradients = torch.autograd.grad(losses.sum(), list(weights.values()))
        losses = losses.detach()
        self._active.logical_and_(losses.isfinite())
        grads = {
            name: gradient.contiguous() for name, gradient in zip(weights, gradients, strict=True)
        }
        norms = self._optimizer.step(grads, rates, self._active)
        sums = torch.stack((torch.ones_like(losses), losses, norms)).double()
        self._sums[:3] += torch.where(self._active, sums, 0.0)
        self._sums[3] = losses
        self._row += 1


def inputs_of(past: Transformer | None, windows: Tensor) -> list[Tensor] | None:
    """Inputs of the layers of `past` on these windows, for members that need a past."""
    if past is None:
        return None
    with torch.no_grad():
        return past.inputs(windows[..., :-1])


def _call(step: Callable[[], None]) -> None:
    step()


def _recorder() -> Callable[[Callable[[], None]], None]:
    """A function that calls the same step, and replays its recording after the first calls."""
    graph, stream, calls = torch.cuda.CUDAGraph(), torch.cuda.Stream(), 0  # type: ignore[no-untyped-call]

    def run_step(step: Callable[[], None]) -> None:
        nonlocal calls
        calls += 1
        if calls <= UNRECORDED:
            stream.wait_stream(torch.cuda.current_stream())
            with torch.cuda.stream(stream):
                step()
            torch.cuda.current_stream().wait_stream(stream)
            return
        if calls == UNRECORDED + 1:
            # Recording does not execute the step.
            with torch.cuda.graph(graph, stream=stream):
                step()
        graph.replay()

    return run_step
