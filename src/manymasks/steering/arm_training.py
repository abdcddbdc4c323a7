"""Training of a stack of members by an arm, from the weights at which they start."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import torch
from torch import Tensor

from manymasks.arrays import Floats
from manymasks.callbacks import OnProgress, ignore_progress
from manymasks.config.training import Training
from manymasks.corpora.processes.steer import COSTS, FIRST_CUE, SteerLaw
from manymasks.models.transformer import Transformer
from manymasks.steering.choice_arms import (
    ARMS,
    ChoiceArm,
    Draws,
    choice_laws,
    choice_logs,
    cue_tokens,
    document_losses,
    objective,
)
from manymasks.training.optimizer import Optimizer
from manymasks.training.schedule import learning_rate

WARMUP, DECAY = 0.05, 0.3
"""Shares of the steps of AdamW."""


@dataclass(frozen=True)
class ArmRun:
    """A run of an arm."""

    arm: str
    """One of `ARMS`."""
    optimizer: str
    """`adamw` with a schedule and without weight decay; `sgd`: constant steps along the gradient
    alone, for which the noise of `self` has a closed form; `exact`: the same along the gradient of
    the expected loss of `total` over choices, with the exact costs and without letters."""
    steps: int
    batch: int
    rate: float
    dose: float | None = None
    """Beta in nats of the arms that have one, or the share of `mixed`."""
    number: int = 0
    """Of several runs with other draws."""

    @property
    def beta(self) -> float:
        return self.dose or 0.0

    @property
    def is_walk(self) -> bool:
        """Whether it is a random walk with a closed form."""
        return self.arm == "self" and self.optimizer == "sgd"

    @property
    def chosen(self) -> int:
        """Documents of a batch in which the member chooses."""
        arm = ARMS[self.arm]
        share = self.dose if arm.has_share and self.dose is not None else arm.chooses
        return round(share * self.batch)


@dataclass(frozen=True)
class ArmEnd:
    """What a run led to."""

    laws: Floats
    """Probabilities (members, cues, choices) at the end."""
    later: Floats
    """Loss (members,) of the separator and letters, mean of the last tenth of the steps, nats."""
    path: Mapping[int, Floats] = field(default_factory=dict)
    """Steps -> probabilities (members, cues, choices) on the way."""

    def values(self) -> dict[str, Any]:
        """Values of JSON, from which `arm_end` has it again."""
        points = {str(step): laws.tolist() for step, laws in self.path.items()}
        return {"laws": self.laws.tolist(), "later": self.later.tolist(), "path": points}


def arm_end(values: Mapping[str, Any]) -> ArmEnd:
    """From the values of `ArmEnd.values`."""
    points = {int(step): np.array(laws) for step, laws in values["path"].items()}
    return ArmEnd(np.array(values["laws"]), np.array(values["later"]), points)


def train_arm(
    model: Transformer,
    start: Mapping[str, Tensor],
    law: SteerLaw,
    run: ArmRun,
    seeds: Sequence[Sequence[int]],
    *,
    path_every: int = 0,
    report: OnProgress = ignore_progress,
) -> ArmEnd:
    """Train a stack from weights `start`, which are kept; the weights of `model` are overwritten.
    `seeds`: of the draws of each member. `path_every`: steps between two points of the path; 0
    keeps none."""
    arm = ARMS[run.arm]
    weights = dict(model.named_parameters())
    with torch.no_grad():
        for name, weight in weights.items():
            weight.copy_(start[name])
    device = model.W_E.device
    cues, chances = cue_tokens().to(device), torch.from_numpy(law.cues).to(model.W_E)
    with torch.no_grad():
        start_logs = choice_logs(model, cues)
    draws = Draws(law, seeds)
    update = _Update(weights, run)
    path, later = {}, torch.zeros(model.members, device=device)
    counted = max(run.steps // 10, 1)
    is_exact = run.optimizer == "exact"
    for step in range(run.steps):
        # Only a beta, or a choice that is fed back, needs gradients of the probabilities.
        with torch.set_grad_enabled(is_exact or arm.has_beta or arm.is_fed_back):
            logs = choice_logs(model, cues)
        if is_exact:
            loss, last = _exact_total(logs, chances)
        else:
            documents = draws.documents(logs.detach().exp(), run.batch, run.chosen).to(device)
            loss, last = _loss(model, arm, run, documents, logs, start_logs, chances)
        gradients = torch.autograd.grad(loss.sum(), list(weights.values()))
        update(step, dict(zip(weights, gradients, strict=True)))
        if step >= run.steps - counted:
            later += last / counted
        if path_every and (step + 1) % path_every == 0:
            path[step + 1] = choice_laws(model)
        report(step + 1, run.steps)
    return ArmEnd(choice_laws(model), later.double().cpu().numpy(), path)


def _loss(
    model: Transformer,
    arm: ChoiceArm,
    run: ArmRun,
    documents: Tensor,
    logs: Tensor,
    start_logs: Tensor,
    chances: Tensor,
) -> tuple[Tensor, Tensor]:
    """The loss (members,) of a step, and the mean loss (members,) after the choice."""
    is_own = torch.arange(run.batch, device=documents.device) < run.chosen
    fed_back = kl = None
    if arm.is_fed_back:
        rows = documents[..., 1] - FIRST_CUE
        fed_back = logs.exp().gather(1, rows.unsqueeze(2).expand(*rows.shape, logs.shape[2]))
    if arm.has_beta:
        kl = ((logs.exp() * (logs - start_logs)).sum(-1) * chances).sum(-1)
    losses = document_losses(model, documents, fed_back)
    return objective(arm, losses, is_own, kl, run.beta), losses.later.detach().mean(-1)


def _exact_total(logs: Tensor, chances: Tensor) -> tuple[Tensor, Tensor]:
    """The expected cost and surprise (members,) of choices with ln p (members, cues, choices), and
    the expected cost."""
    costs = torch.from_numpy(COSTS).to(logs)
    expected = (logs.exp() * costs).sum(-1) @ chances
    return expected - (logs.exp() * logs).sum(-1) @ chances, expected.detach()


class _Update:
    """The steps of an optimiser, in place."""

    def __init__(self, weights: Mapping[str, Tensor], run: ArmRun) -> None:
        self._weights, self._run = weights, run
        self._settings = Training(
            optimizer="adamw", batch=run.batch, steps=run.steps, warmup=WARMUP, decay=DECAY,
            weight_decay=0,
        )  # fmt: skip
        self._optimizer = Optimizer(weights, self._settings) if run.optimizer == "adamw" else None

    def __call__(self, step: int, gradients: Mapping[str, Tensor]) -> None:
        if self._optimizer is None:
            with torch.no_grad():
                for name, weight in self._weights.items():
                    weight.sub_(gradients[name], alpha=self._run.rate)
            return
        rate = learning_rate(step, self._settings, self._run.rate)
        members = len(next(iter(self._weights.values())))
        device = next(iter(gradients.values())).device
        self._optimizer.step(
            {name: gradient.contiguous() for name, gradient in gradients.items()},
            torch.full((members,), rate, device=device),
            torch.ones(members, dtype=torch.bool, device=device),
        )
