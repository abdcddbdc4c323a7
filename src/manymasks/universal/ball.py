"""The best bound over the ball for every token: a batch of convex problems.

ln P(t) is concave in z, so its maximum over the ball is a convex problem, and its value is the best
bound that any q proves. Accelerated projected gradient (Nesterov 1983; Beck & Teboulle 2009) for
all tokens at once, with a step and a momentum of its own for every token: a step that does not
increase ln P enough is halved and its momentum restarted (O'Donoghue & Candes 2015). The gap
between bound and value is R|g| - g.z, the Frank-Wolfe gap (Jaggi 2013), where g is the gradient.
"""

from dataclasses import dataclass
from typing import Self

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from manymasks.arrays import Ints
from manymasks.callbacks import OnProgress, ignore_progress
from manymasks.universal.certificate import OutputLayer

AT_ONCE = {"cpu": 1 << 19, "cuda": 1 << 27}
"""Logits of a block of tokens: on a CPU 2 MiB of float32, which fits the cache of a core."""
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
    """(tokens, width)"""
    iterations: npt.NDArray[np.int64]
    """(tokens,) of a token, in float32 and float64 together."""


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
    tokens = torch.arange(len(layer.rows))
    return _maxima(_Plane.of_layer(layer, device), tokens, None, tolerance, limit, report)


@torch.no_grad()
def both_points(
    layer: OutputLayer,
    pairs: Ints,
    maxima: BallMaxima,
    *,
    tolerance: float,
    limit: int,
    device: torch.device | None = None,
) -> npt.NDArray[np.float32]:
    """Points at which the lesser ln P of pairs (n, 2) is within `tolerance` nats of its maximum
    over the ball, (n, width).

    That maximum is where both are equally probable, on a slice of the ball, unless the other token
    is the more probable one at the maximum of one: `maxima`, of all tokens.
    """
    points = maxima.points[pairs[:, 0]].copy()
    is_open = np.ones(len(pairs), bool)
    for one, other in ((0, 1), (1, 0)):
        best = maxima.points[pairs[:, one]]
        logits = [(best * layer.rows[pairs[:, side]]).sum(axis=1) for side in (one, other)]
        if layer.offsets is not None:
            logits = [
                logits[i] + layer.offsets[pairs[:, side]] for i, side in enumerate((one, other))
            ]
        is_done = is_open & (logits[1] >= logits[0])
        points[is_done], is_open = best[is_done], is_open & ~is_done
    if is_open.any():
        tokens = torch.from_numpy(pairs[is_open])
        plane = _Plane.of_layer(layer, device)
        points[is_open] = _maxima(
            plane, tokens[:, 0], tokens[:, 1], tolerance, limit, ignore_progress
        ).points
    return points


@dataclass(frozen=True)
class _Plane:
    """Logits as linear functions of a point, and the ball that it is in."""

    rows: Tensor
    """(vocabulary, width)"""
    offsets: Tensor | None
    """(vocabulary,)"""
    radius: float

    @classmethod
    def of_layer(cls, layer: OutputLayer, device: torch.device | None) -> Self:
        """In float64, on a device."""
        offsets = None if layer.offsets is None else torch.from_numpy(layer.offsets)
        return cls(
            torch.from_numpy(layer.rows).to(device or "cpu"),
            None if offsets is None else offsets.to(device or "cpu"),
            layer.radius,
        )

    def to(self, dtype: torch.dtype) -> "_Plane":
        """In another precision."""
        offsets = None if self.offsets is None else self.offsets.to(dtype)
        return _Plane(self.rows.to(dtype), offsets, self.radius)

    def logits(self, points: Tensor) -> Tensor:
        """(n, vocabulary) of points (n, width)."""
        logits = points @ self.rows.T
        return logits if self.offsets is None else logits + self.offsets


def _maxima(
    plane: _Plane,
    tokens: Tensor,
    rivals: Tensor | None,
    tolerance: float,
    limit: int,
    report: OnProgress,
) -> BallMaxima:
    """Maximisers for tokens (n,), over the ball or, with rivals (n,), over its slice on which the
    logits of the two are equal."""
    device = plane.rows.device
    points = torch.empty((len(tokens), plane.rows.shape[1]), device=device)
    iterations = torch.zeros(len(tokens), dtype=torch.int64)
    left = torch.arange(len(tokens), device=device)
    tokens = tokens.to(device)
    rivals = None if rivals is None else rivals.to(device)
    for dtype, most in ((torch.float32, min(limit, COARSE)), (torch.float64, limit)):
        size = max(AT_ONCE[device.type] // len(plane.rows), 16)
        in_precision = plane.to(dtype)
        unsolved = []
        for lines in torch.split(left, size):
            against = None if rivals is None else rivals[lines]
            block = _Ascent(in_precision, tokens[lines], lines, against)
            unsolved.append(block.run(points, iterations, tolerance / 2, most))
            report(int(lines[-1]) + 1, len(tokens))
        left = torch.cat(unsolved)
        if not len(left):
            break
    return BallMaxima(points.cpu().numpy(), iterations.numpy())


class _Ascent:
    """Tokens of a block with the state of their ascent. Logits are affine in the point, so those of
    an extrapolated point follow from two that are known, without a product."""

    def __init__(self, plane: _Plane, tokens: Tensor, lines: Tensor, rivals: Tensor | None) -> None:
        self.plane, self.rows = plane, plane.rows
        self.tokens, self.lines = tokens, lines
        self.normals: Tensor | None = None
        # Of the ball, or of its slices: (tokens, width) and (tokens, 1).
        rows, none = self.rows, self.rows.new_zeros(len(tokens), 1)
        self.centres, self.radii = none.expand(-1, rows.shape[1]), none + plane.radius
        if rivals is not None:
            between = rows[tokens] - rows[rivals]
            length = between.norm(dim=1, keepdim=True).clamp_min(1e-30)
            self.normals = between / length
            if plane.offsets is not None:
                away = (plane.offsets[rivals] - plane.offsets[tokens])[:, None] / length
                self.centres = away * self.normals
                self.radii = (plane.radius**2 - away.square()).clamp_min(0).sqrt()
        self.targets = self._in_slice(rows[tokens])
        centred = self._in_slice(self.targets - rows.mean(0))
        length = centred.norm(dim=1, keepdim=True).clamp_min(1e-30)
        # Where a target has almost no component in its slice, rounding decides the direction.
        self.points = self.centres + self._in_slice(self.radii * centred / length)
        self.logits = plane.logits(self.points)
        self.values = self._values(self.logits)
        self.ahead, self.logits_ahead = self.points, self.logits
        # The largest curvature of logsumexp is at most that of the most distant row.
        smooth = (rows - rows.mean(0)).square().sum(1).max()
        self.steps = (4 / smooth).expand(len(tokens), 1).clone()
        self.momentum = torch.ones_like(self.steps)
        self.noise = 8 * torch.finfo(rows.dtype).eps

    def run(self, points: Tensor, iterations: Tensor, tolerance: float, limit: int) -> Tensor:
        """Ascend until gaps are below the tolerance; the lines for which the limit came first.
        Writes points (lines, width) and adds to iterations (lines,)."""
        for iteration in range(1, limit + 1):
            self.step()
            if iteration % EVERY and iteration < limit:
                continue
            is_done = self.gap() < tolerance
            is_last = is_done | (iteration == limit)
            points[self.lines[is_last]] = self.points[is_last].float()
            iterations[self.lines[is_last].cpu()] += iteration
            if is_last.all():
                return self.lines[~is_done]
            if is_last.any():
                self._keep(~is_last)
        raise AssertionError("a limit is at least 1")

    def step(self) -> None:
        """One iteration of every token."""
        peak = self.logits_ahead.amax(1, True)
        weights = (self.logits_ahead - peak).exp_()
        total = weights.sum(1, True)
        values_ahead = self._of_targets(self.logits_ahead) - peak - total.log()
        gradient = self._in_slice(self.targets - (weights @ self.rows) / total)
        moved = self._projected(self.ahead + self.steps * gradient)
        change = moved - self.ahead
        logits = self.plane.logits(moved)
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
        gradient = self._in_slice(self.targets - self.logits.softmax(1) @ self.rows)
        along = (gradient * (self.points - self.centres)).sum(1)
        gap: Tensor = self.radii[:, 0] * gradient.norm(dim=1) - along
        return gap

    def _keep(self, which: Tensor) -> None:
        """Drop the other tokens."""
        for name in ("targets", "tokens", "lines", "points", "logits", "values", "ahead",
                     "logits_ahead", "steps", "momentum", "centres", "radii"):  # fmt: skip
            setattr(self, name, getattr(self, name)[which])
        if self.normals is not None:
            self.normals = self.normals[which]

    def _in_slice(self, vectors: Tensor) -> Tensor:
        """Without the component that changes the log odds of a token and its rival."""
        if self.normals is None:
            return vectors
        return vectors - (vectors * self.normals).sum(1, keepdim=True) * self.normals

    def _projected(self, points: Tensor) -> Tensor:
        from_centre = points - self.centres
        length = from_centre.norm(dim=1, keepdim=True)
        inside: Tensor = self.centres + from_centre * (self.radii / length).clamp_max(1)
        return inside

    def _values(self, logits: Tensor) -> Tensor:
        """ln P of the tokens, (tokens, 1)."""
        return self._of_targets(logits) - logits.logsumexp(1, keepdim=True)

    def _of_targets(self, logits: Tensor) -> Tensor:
        """Their logits, (tokens, 1)."""
        return logits.gather(1, self.tokens.unsqueeze(1))
