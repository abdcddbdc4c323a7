"""What the optimiser of a stack does in a step: clip, then AdamW, or Muon for the matrices.

Members share no number: each has its own norm, moments, count of steps and learning rate. And
no number is asked for by the host, so that on a GPU steps can follow each other unwatched.
"""

from collections.abc import Mapping

import torch
from torch import Tensor
from torch.nn.utils import get_total_norm

# The function and not the class, which imports torch's compiler: that takes longer than torch.
from torch.optim.adamw import adamw

from manymasks.config.training import Training
from manymasks.training.muon import muon_step

EPSILON = 1e-8


class Optimizer:
    """AdamW on the weights of a stack; with `muon`, on those that are no block's matrix.

    Args:
        weights: by name, each (members, ...), contiguous; they are changed in place.
        settings: which optimiser, its decays and the norm to clip to.
    """

    def __init__(self, weights: Mapping[str, Tensor], settings: Training) -> None:
        self._settings = settings
        self._weights = {name: weight.detach() for name, weight in weights.items()}
        is_muon = settings.optimizer == "muon"
        self._hidden = [name for name in weights if is_muon and _is_hidden(name)]
        rest = [name for name in weights if name not in self._hidden]
        self._groups = [
            ([name for name in rest if weights[name].ndim > 2], settings.weight_decay),
            # Gains: pulling them to 0 makes no sense.
            ([name for name in rest if weights[name].ndim == 2], 0.0),
        ]
        self._moments = {
            name: {
                what: torch.zeros_like(weight)
                for what in (("momentum",) if name in self._hidden else ("exp_avg", "exp_avg_sq"))
            }
            for name, weight in self._weights.items()
        }
        # AdamW counts for every weight by itself.
        self._steps = {
            name: weight.new_zeros(len(weight)) for name, weight in self._weights.items()
        }

    def moments_of(self, member: int) -> dict[str, dict[str, Tensor]]:
        """Views of what is remembered of one member's weights, by their names."""
        return {
            name: {what: tensor[member] for what, tensor in remembered.items()}
            for name, remembered in self._moments.items()
        }

    def begin(self, member: int, step: int) -> None:
        """Go on after `step` steps of a member, with its moments as they are."""
        for steps in self._steps.values():
            steps[member] = step

    def step(self, grads: Mapping[str, Tensor], rates: Tensor, going: Tensor) -> Tensor:
        """Clip the gradients and apply those of the members that are going.

        Args:
            grads: of each weight, by name, contiguous; they are used up.
            rates: (members,) learning rates.
            going: (members,), bool; a member whose norm is not finite is taken out.

        Returns:
            (members,) norms before clipping.
        """
        members = range(len(rates))
        norms = torch.stack(
            [get_total_norm([grad[member] for grad in grads.values()]) for member in members]
        )
        going.logical_and_(norms.isfinite())
        excess = ((norms + 1e-6) / self._settings.clip).clamp_min(1.0)
        stays = going.logical_not().float()
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
                    found_inf=stays[member],
                    amsgrad=False,
                    maximize=False,
                    beta1=self._settings.beta1,
                    beta2=self._settings.beta2,
                    lr=rates[member],
                    weight_decay=decay,
                    eps=EPSILON,
                )
        if self._hidden:
            # A step of no length from a gradient of 0 leaves a weight as it is.
            goes, over = going.view(-1, 1, 1), excess.view(-1, 1, 1)
            muon_step(
                [self._weights[name] for name in self._hidden],
                [torch.where(goes, grads[name] / over, 0.0) for name in self._hidden],
                [self._moments[name]["momentum"] for name in self._hidden],
                torch.where(going, rates, 0.0),
                weight_decay=self._settings.weight_decay,
            )
        return norms


def _is_hidden(name: str) -> bool:
    """Whether it is a matrix of a block."""
    return name.startswith("blocks.") and ".W_" in name
