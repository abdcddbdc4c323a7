"""The optimiser's step of one member in the native library."""

from collections.abc import Mapping

import torch
from torch import Tensor

from manymasks.config.training import Training
from manymasks.native.library import Hyperparameters, Parameter, open_library

ADAMW, ADAMW_WITHOUT_DECAY, MUON = range(3)
"""`Rule` of update.h."""
SCRATCH = 6
"""Entries of scratch for each entry of the largest matrix."""


class NativeUpdate:
    """Clipping, then AdamW or Muon, of one member's weights, in place.

    `weights`, `grads` and `moments` by name, without a model axis, contiguous; moments as those of
    `Optimizer.moments_of`, which also decide the rule of each weight.
    """

    def __init__(
        self,
        weights: Mapping[str, Tensor],
        grads: Mapping[str, Tensor],
        moments: Mapping[str, Mapping[str, Tensor]],
        settings: Training,
        momentum: float,
    ) -> None:
        self._kept = (dict(weights), dict(grads), moments)
        self._settings, self._momentum = settings, momentum
        dtype = next(iter(weights.values())).dtype
        self._library = open_library(dtype)
        self._parameters = (Parameter * len(weights))(
            *[_parameter(weights[name], grads[name], moments[name]) for name in weights]
        )
        largest = max(weight.numel() for weight in weights.values())
        self._scratch = torch.empty(SCRATCH * largest, dtype=dtype)

    def __call__(self, rate: float, step: int) -> float:
        """Apply the gradients as step number `step`, counted from 1, unless their norm is not
        finite; the norm before clipping."""
        settings = self._settings
        hyperparameters = Hyperparameters(
            rate=rate,
            clip=settings.clip,
            weight_decay=settings.weight_decay,
            beta1=settings.beta1,
            beta2=settings.beta2,
            momentum=self._momentum,
            step=step,
        )
        return self._library.update(
            self._parameters, len(self._parameters), hyperparameters, self._scratch.data_ptr()
        )


def _parameter(weight: Tensor, grad: Tensor, moments: Mapping[str, Tensor]) -> Parameter:
    tensors = (weight, grad, *moments.values())
    assert all(tensor.is_contiguous() for tensor in tensors)
    addresses = [tensor.data_ptr() for tensor in tensors]
    if "momentum" in moments:
        rule = MUON
        addresses.append(0)
    else:
        rule = ADAMW if weight.ndim > 1 else ADAMW_WITHOUT_DECAY
    rows = weight.shape[0] if weight.ndim > 1 else 1
    return Parameter(*addresses, rows, weight.shape[-1], rule)
