"""The best bound over the ball for every token: a batch of convex problems.

ln P(t) is concave in z, so its maximum over the ball is a convex problem, and its value is the best
bound that any q proves. Accelerated projected gradient (Nesterov 1983; Beck & Teboulle 2009) for
all tokens at once, with a step and a momentum of its own for every token: a step that does not
increase ln P enough is halved and its momentum restarted (O'Donoghue & Candes 2015). The gap
between bound and value is R|g| - g.z, the Frank-Wolfe gap (Jaggi 2013), where g is the gradient.
"""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from manymasks.callbacks import OnProgress, ignore_progress
from manymasks.universal.certificate import OutputLayer

AT_ONCE = 1 << 19
"""Logits of a block of tokens: 2 MiB of float32, which fits the cache of a core."""
COARSE = 150
"""Iterations in float32 at most. Where P is close to 1, steps gain less than float32 resolves."""
EVERY = 10
"""Iterations between two looks at the gap; tokens below the tolerance leave the block."""
GROWTH = 1.5
"""Of a step after an iteration that it did not fail."""


@dataclass(frozen=True)
class BallMaxima:
    """Approximate maximisers of ln P over the ball."""

    points: npt.NDArray[np.float32]
    """(vocabulary, width)"""
    iterations: npt.NDArray[np.int64]
    """(vocabulary,) of a token, in float32 and float64 together."""


@torch.no_grad()
def ball_maxima(
    layer: OutputLayer,
    *,
    tolerance: float,
    limit: int,
    device: torch.device | None = None,
    report: OnProgress = ignore_progress,
) -> BallMaxima:
    """Points at which ln P of every token is within `tolerance` nats of its maximum over the ball.

    Computed in float32, and in float64 for tokens whose gap float32 cannot close. `limit`:
    iterations of a token at most, in each of the two; where it is reached, the point still proves a
    bound, with a larger gap. `report` takes the tokens done.
    """
    rows = torch.from_numpy(layer.rows).to(device or "cpu")
    points = torch.empty(rows.shape, device=rows.device)
    iterations = torch.zeros(len(rows), dtype=torch.int64)
    left = torch.arange(len(rows), device=rows.device)
    for dtype, most in ((torch.float32, min(limit, COARSE)), (torch.float64, limit)):
        size = max(AT_ONCE // len(rows), 16)
        unsolved = []
        for tokens in torch.split(left, size):
            block = _Ascent(rows.to(dtype), tokens, layer.radius)
            unsolved.append(block.run(points, iterations, tolerance / 2, most))
            report(int(tokens[-1]) + 1, len(rows))
        left = torch.cat(unsolved)
        if not len(left):
            break
    return BallMaxima(points.cpu().numpy(), iterations.numpy())


class _Ascent:
    """Tokens of a block with the state of their ascent. Logits are linear in the point, so those of
    an extrapolated point follow from two that are known, without a product."""

    def __init__(self, rows: Tensor, tokens: Tensor, radius: float) -> None:
        self.rows, self.radius = rows, radius
        self.targets, self.tokens = rows[tokens], tokens
        centred = self.targets - rows.mean(0)
        length = centred.norm(dim=1, keepdim=True).clamp_min(1e-30)
        self.points = radius * centred / length
        self.logits = self.points @ rows.T
        self.values = self._values(self.logits)
        self.ahead, self.logits_ahead = self.points, self.logits
        # The largest curvature of logsumexp is at most that of the most distant row.
        smooth = (rows - rows.mean(0)).square().sum(1).max()
        self.steps = (4 / smooth).expand(len(tokens), 1).clone()
        self.momentum = torch.ones_like(self.steps)
        self.noise = 8 * torch.finfo(rows.dtype).eps

    def run(self, points: Tensor, iterations: Tensor, tolerance: float, limit: int) -> Tensor:
        """Ascend until gaps are below the tolerance; the tokens for which the limit came first.
        Writes points (vocabulary, width) and adds to iterations (vocabulary,)."""
        for iteration in range(1, limit + 1):
            self.step()
            if iteration % EVERY and iteration < limit:
                continue
            is_done = self.gap() < tolerance
            is_last = is_done | (iteration == limit)
            points[self.tokens[is_last]] = self.points[is_last].float()
            iterations[self.tokens[is_last].cpu()] += iteration
            if is_last.all():
                return self.tokens[~is_done]
            if is_last.any():
                self._keep(~is_last)
        raise AssertionError("a limit is at least 1")

    def step(self) -> None:
        """One iteration of every token."""
        peak = self.logits_ahead.amax(1, True)
        weights = (self.logits_ahead - peak).exp_()
        total = weights.sum(1, True)
        values_ahead = self._of_targets(self.logits_ahead) - peak - total.log()
        gradient = self.targets - (weights @ self.rows) / total
        moved = self._projected(self.ahead + self.steps * gradient)
        change = moved - self.ahead
        logits = moved @ self.rows.T
        values = self._values(logits)
        # What the step gains at least, if it is short enough for the curvature.
        promised = (gradient * change).sum(1, True) - change.square().sum(1, True) / (
            2 * self.steps
        )
        noise = self.noise * (1 + self.values.abs())
        is_short = values - values_ahead >= promised - noise
        is_kept = is_short & (values >= self.values - noise)
        # Momentum that points against the gradient overshoots.
        is_along = (gradient * (moved - self.points)).sum(1, True) >= 0
        momentum = (1 + (1 + 4 * self.momentum.square()).sqrt()) / 2
        weight = torch.where(is_kept & is_along, (self.momentum - 1) / momentum, 0)
        points = torch.where(is_kept, moved, self.points)
        kept_logits = torch.where(is_kept, logits, self.logits)
        self.ahead = points + weight * (points - self.points)
        self.logits_ahead = kept_logits + weight * (kept_logits - self.logits)
        self.points, self.logits = points, kept_logits
        self.values = torch.where(is_kept, values, self.values)
        # A gain below the rounding of values says nothing about the length of a step.
        growth = torch.where(promised > 10 * noise, GROWTH, 1.0)
        self.steps = self.steps * torch.where(is_short, growth, 0.5)
        self.momentum = torch.where(is_kept & is_along, momentum, 1)

    def gap(self) -> Tensor:
        """Bound minus value of every token, nats, (tokens,)."""
        gradient = self.targets - self.logits.softmax(1) @ self.rows
        gap: Tensor = self.radius * gradient.norm(dim=1) - (gradient * self.points).sum(1)
        return gap

    def _keep(self, which: Tensor) -> None:
        """Drop the other tokens."""
        for name in ("targets", "tokens", "points", "logits", "values", "ahead", "logits_ahead",
                     "steps", "momentum"):  # fmt: skip
            setattr(self, name, getattr(self, name)[which])

    def _projected(self, points: Tensor) -> Tensor:
        length = points.norm(dim=1, keepdim=True)
        inside: Tensor = points * (self.radius / length).clamp_max(1)
        return inside

    def _values(self, logits: Tensor) -> Tensor:
        """ln P of the tokens, (tokens, 1)."""
        return self._of_targets(logits) - logits.logsumexp(1, keepdim=True)

    def _of_targets(self, logits: Tensor) -> Tensor:
        """Their logits, (tokens, 1)."""
        return logits.gather(1, self.tokens.unsqueeze(1))
