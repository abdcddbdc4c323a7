"""What one member's optimiser does in a step: clip, then AdamW, or Muon for its matrices.

Members of a stack share no number: each has its own norm, moments, step and learning rate.
"""

from collections.abc import Mapping

import torch
from torch import Tensor

from manymasks.config.study import Training
from manymasks.training.muon import muon_step

EPSILON = 1e-8


class Optimizer:
    """AdamW on views of a member's weights; with `muon`, on those that are no block's matrix.

    Args:
        weights: the member's weights by name, which are changed in place.
        settings: which optimiser, its decays and the norm to clip to.
    """

    def __init__(self, weights: Mapping[str, Tensor], settings: Training) -> None:
        self._settings = settings
        self._weights = dict(weights)
        hidden = [name for name in weights if _is_hidden(name) and settings.optimizer == "muon"]
        rest = [name for name in weights if name not in hidden]
        vectors = [weights[name] for name in rest if weights[name].ndim == 1]
        matrices = [weights[name] for name in rest if weights[name].ndim > 1]
        self._adamw = torch.optim.AdamW(
            [
                {"params": matrices, "weight_decay": settings.weight_decay},
                # Gains: pulling them to 0 makes no sense.
                {"params": vectors, "weight_decay": 0.0},
            ],
            betas=(settings.beta1, settings.beta2),
            eps=EPSILON,
            fused=True,
        )
        self._hidden = hidden
        self.moments: dict[str, dict[str, Tensor]] = {
            name: {"momentum": torch.zeros_like(weights[name])}
            if name in hidden
            else {
                "exp_avg": torch.zeros_like(weights[name]),
                "exp_avg_sq": torch.zeros_like(weights[name]),
            }
            for name in weights
        }
        self.begin(0)

    def begin(self, step: int) -> None:
        """Go on after `step` steps, with the moments as they are."""
        for name, remembered in self.moments.items():
            if name not in self._hidden:
                weight = self._weights[name]
                counted = torch.tensor(float(step), device=weight.device)
                self._adamw.state[weight] = {"step": counted, **remembered}

    def step(self, grads: Mapping[str, Tensor], rate: float) -> Tensor:
        """Clip the gradients in place and apply them, if their norm is finite.

        Args:
            grads: of each weight, by name.
            rate: learning rate of this step.

        Returns:
            Their norm before it was clipped.
        """
        norm = torch.nn.utils.get_total_norm(list(grads.values()))
        if not torch.isfinite(norm):
            return norm
        share = torch.clamp(self._settings.clip / (norm + 1e-6), max=1.0)
        for name, weight in self._weights.items():
            weight.grad = grads[name].mul_(share)
        for group in self._adamw.param_groups:
            group["lr"] = rate
        self._adamw.step()
        if self._hidden:
            muon_step(
                [self._weights[name].unsqueeze(0) for name in self._hidden],
                [grads[name].unsqueeze(0) for name in self._hidden],
                [self.moments[name]["momentum"].unsqueeze(0) for name in self._hidden],
                torch.tensor([rate], device=norm.device),
                weight_decay=self._settings.weight_decay,
            )
        return norm


def _is_hidden(name: str) -> bool:
    """Whether it is a matrix of a block."""
    return name.startswith("blocks.") and ".W_" in name
