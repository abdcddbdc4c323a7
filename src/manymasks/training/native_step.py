"""Training steps of a stack in the native library, on one core of a CPU, member by member."""

import math
from collections.abc import Sequence
from dataclasses import replace

import torch

from manymasks.config.training import Training
from manymasks.models.transformer import Transformer
from manymasks.native.update import NativeUpdate
from manymasks.training.muon import MOMENTUM
from manymasks.training.optimizer import Optimizer
from manymasks.training.step import StepSums, WindowSource, inputs_of


class NativeStepper:
    """Runs consecutive steps of a stack; `run` is that of `Stepper`.

    Args:
        model: the stack, of which `is_native` is true.
        optimizer: holds the moments.
        settings: of the optimiser.
        source: of the windows.
        past: for members that need a past, the stack that provides it.
    """

    def __init__(
        self,
        model: Transformer,
        optimizer: Optimizer,
        settings: Training,
        source: WindowSource,
        past: Transformer | None,
    ) -> None:
        self._members, self._source, self._past = model.native_members(), source, past
        weights = [model.weights_of(member) for member in range(model.members)]
        self._grads = [
            {name: torch.empty_like(weight) for name, weight in by_name.items()}
            for by_name in weights
        ]
        self._updates = [
            NativeUpdate(by_name, grads, optimizer.moments_of(member), settings, MOMENTUM)
            for member, (by_name, grads) in enumerate(zip(weights, self._grads, strict=True))
        ]

    def run(
        self, steps: Sequence[int], rates: Sequence[Sequence[float]], active: Sequence[bool]
    ) -> list[StepSums]:
        """Run the same number of steps of each active member; arguments as of `Stepper.run`."""
        sums = [StepSums(0, 0.0, 0.0, math.nan) for _ in self._members]
        running = [member for member, is_active in enumerate(active) if is_active]
        for i in range(len(rates[0])):
            windows = self._source.gather(self._source.starts_of([step + i for step in steps]))
            past = inputs_of(self._past, windows)
            for member in list(running):
                inputs = None if past is None else [layer[member] for layer in past]
                loss = self._members[member].gradients(windows[member], self._grads[member], inputs)
                norm = math.nan
                if math.isfinite(loss):
                    norm = self._updates[member](rates[member][i], steps[member] + i + 1)
                done = sums[member]
                if math.isfinite(norm):
                    sums[member] = StepSums(
                        done.steps + 1, done.loss_sum + loss, done.norm_sum + norm, loss
                    )
                else:
                    running.remove(member)
                    sums[member] = replace(done, last_loss=loss)
        return sums
