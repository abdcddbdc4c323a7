"""The optimiser of a stack: clipping, then AdamW, or Muon for the matrices.

Each member has a separate norm, moments, step count and learning rate. The host reads no value, so
on a GPU consecutive steps run without synchronisation.
"""

from collections.abc import Mapping

import torch
from torch import Tensor
from torch.nn.utils import get_total_norm

# The function, because the class imports torch's compiler, which takes longer than torch.
from torch.optim.adamw import adamw

from manymasks.config.training import Training
from manymasks.training.muon import muon_step

EPSILON = 1e-8


class Optimizer:
    """AdamW on the weights of a stack; with `muon`, Muon on the matrices of the blocks.

    `weights`: by name, each (members, ...), contiguous; modified in place. `settings`: optimiser,
    its decays and the clipping norm.
    """

    def __init__(self, weights: Mapping[str, Tensor], settings: Training) -> None:
        self._settings = settings
        self._weights = {name: weight.detach() for name, weight in weights.items()}
        is_muon = settings.optimizer == "muon"
        matrices = [name for name in weights if name.startswith("blocks.") and ".W_" in name]
        # Those of a block without an MLP are empty, and nothing can be orthogonalised.
        self._hidden = [name for name in matrices if weights[name].numel()] if is_muon else []
        rest = [name for name in weights if name not in self._hidden]
        self._groups = [
            ([name for name in rest if weights[name].ndim > 2], settings.weight_decay),
            # Gains have no weight decay.
            ([name for name in rest if weights[name].ndim == 2], 0.0),
        ]
        self._moments = {
            name: {
                kind: torch.zeros_like(weight)
                for kind in (("momentum",) if name in self._hidden else ("exp_avg", "exp_avg_sq"))
            }
            for name, weight in self._weights.items()
        }
        # AdamW counts the steps of each weight.
        self._steps = {
            name: weight.new_zeros(len(weight)) for name, weight in self._weights.items()
        }

    def moments_of(self, member: int) -> dict[str, dict[str, Tensor]]:
        """Views of the moments of one member, by weight and kind."""
        return {
            name: {kind: tensor[member] for kind, tensor in kinds.items()}
            for name, kinds in self._moments.items()
        }

    def resume(self, member: int, step: int) -> None:
        """Continue after `step` steps of a member, with its current moments."""
        for steps in self._steps.values():
            steps[member] = step

    def step(self, grads: Mapping[str, Tensor], rates: Tensor, active: Tensor) -> Tensor:
        """Clip the gradients and apply those of the active members.

        `grads`: of each weight, by name, contiguous; overwritten. `rates` (members,) learning
        rates. `active` (members,), bool; set to False for members whose norm is not finite. Returns
        (members,) norms before clipping.
        """
        members = range(len(rates))
        norms = torch.stack(
            [get_total_norm([grad[member] for grad in grads.values()]) for member in members]
        )
        active.logical_and_(norms.isfinite())
        excess = ((norms + 1e-6) / self._settings.clip).clamp_min(1.0)
        inactive = active.logical_not().float()
        for member in members:
            for names, decay in self._groups:
                adamw(
                    [self._weights[name][member] for name in names],
                    [grads[name][member] for name in names],
                    [self._moments[name]["exp_avg"][member] for name in names],
                    [self._moments[name]["exp_avg_sq"][member] for name in names],
                    [],
                    [self._steps[name][member] for name in names],
                    fused=True,
                    grad_scale=excess[member],
                    found_inf=inactive[member],
                    amsgrad=False,
                    maximize=False,
                    beta1=self._settings.beta1,
                    beta2=self._settings.beta2,
                    lr=rates[member],
                    weight_decay=decay,
                    eps=EPSILON,
                )
        if self._hidden:
            # A learning rate of 0 and a gradient of 0 leave a weight unchanged.
            is_active, divisor = active.view(-1, 1, 1), excess.view(-1, 1, 1)
            muon_step(
                [self._weights[name] for name in self._hidden],
                [torch.where(is_active, grads[name] / divisor, 0.0) for name in self._hidden],
                [self._moments[name]["momentum"] for name in self._hidden],
                torch.where(active, rates, 0.0),
                weight_decay=self._settings.weight_decay,
            )
        return norms
