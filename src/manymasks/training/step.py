"""The step of a stack on its device: windows, loss, gradients, update, for all members at once.

All that a step reads and writes stays where it is, on the device and at the same address, and
the host asks for nothing while steps run. So on a GPU the step is recorded once, as a CUDA
graph, and then played back: small models are not kept waiting for the host to launch kernels.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from manymasks.models.transformer import Transformer
from manymasks.training.optimizer import Optimizer

UNRECORDED = 3
"""Steps of a GPU before one is recorded: by then its libraries have made their plans."""


@dataclass(frozen=True)
class Text:
    """Where the windows of a training come from."""

    starts_of: Callable[[Sequence[int]], Tensor]
    """Each member's step -> first positions of its windows, (members, batch), int64."""
    gather: Callable[[Tensor], Tensor]
    """First positions -> token ids of context + 1 positions each, another axis; on the device."""


@dataclass(frozen=True)
class Done:
    """What steps of one member came to."""

    steps: int
    """Those with a finite loss and gradient; the first without was the last."""
    loss_sum: float
    norm_sum: float
    last_loss: float


class Stepper:
    """Steps of a stack, several in a row.

    Args:
        model: the stack, on its device.
        optimizer: of its weights.
        text: where windows come from.
        past: for members whose route is `local`, the stack whose earlier positions they see.
        batch: windows in a step.
        most: steps in a row at the most.
    """

    def __init__(
        self,
        model: Transformer,
        optimizer: Optimizer,
        text: Text,
        past: Transformer | None,
        batch: int,
        most: int,
    ) -> None:
        device, members = model.W_E.device, model.members
        self._model, self._optimizer, self._text, self._past = model, optimizer, text, past
        self._starts = torch.zeros(most, members, batch, dtype=torch.int64, device=device)
        self._rates = torch.zeros(most, members, device=device)
        self._row = torch.zeros(1, dtype=torch.int64, device=device)
        self._going = torch.zeros(members, dtype=torch.bool, device=device)
        # Steps done, sum of losses, sum of norms, last loss.
        self._found = torch.zeros(4, members, dtype=torch.float64, device=device)
        self._play = _recorded() if device.type == "cuda" else _called

    def run(
        self, steps: Sequence[int], rates: Sequence[Sequence[float]], going: Sequence[bool]
    ) -> list[Done]:
        """Some steps of each member.

        Args:
            steps: the first of each.
            rates: the learning rates of each, as many as there are steps.
            going: which members are updated; the others are computed and left as they are.
        """
        count = len(rates[0])
        starts = [self._text.starts_of([step + i for step in steps]) for i in range(count)]
        self._starts[:count].copy_(torch.stack(starts))
        self._rates[:count].copy_(torch.tensor(rates).T)
        self._going.copy_(torch.tensor(going))
        self._row.zero_()
        self._found.zero_()
        for _ in range(count):
            self._play(self._step)
        return [Done(int(done), *sums) for done, *sums in self._found.T.tolist()]

    def _step(self) -> None:
        rates = self._rates.index_select(0, self._row)[0]
        windows = self._text.gather(self._starts.index_select(0, self._row)[0])
        weights = dict(self._model.named_parameters())
        losses = self._model.nats(windows, inputs_of(self._past, windows))
        found = torch.autograd.grad(losses.sum(), list(weights.values()))
        losses = losses.detach()
        self._going.logical_and_(losses.isfinite())
        grads = {name: each.contiguous() for name, each in zip(weights, found, strict=True)}
        norms = self._optimizer.step(grads, rates, self._going)
        own = torch.stack((torch.ones_like(losses), losses, norms)).double()
        self._found[:3] += torch.where(self._going, own, 0.0)
        self._found[3] = losses
        self._row += 1


def inputs_of(past: Transformer | None, windows: Tensor) -> list[Tensor] | None:
    """What members whose route is `local` see of earlier positions."""
    if past is None:
        return None
    with torch.no_grad():
        return past.inputs(windows[..., :-1])


def _called(step: Callable[[], None]) -> None:
    step()


def _recorded() -> Callable[[Callable[[], None]], None]:
    """Calls a step, always the same, and after some calls plays it back. A call is one step."""
    graph, stream, calls = torch.cuda.CUDAGraph(), torch.cuda.Stream(), 0  # type: ignore[no-untyped-call]

    def play(step: Callable[[], None]) -> None:
        nonlocal calls
        calls += 1
        if calls <= UNRECORDED:
            stream.wait_stream(torch.cuda.current_stream())
            with torch.cuda.stream(stream):
                step()
            torch.cuda.current_stream().wait_stream(stream)
            return
        if calls == UNRECORDED + 1:
            # Recording computes nothing.
            with torch.cuda.graph(graph, stream=stream):
                step()
        graph.replay()

    return play
