"""Parts of a causal gradient by the distance of the losses they serve.

With g_k the part of the gradient at a position from losses k positions later, the route `discount`
gives g(gamma) = sum_k gamma^k g_k: g(0) serves the present, g(1) is the whole gradient and their
difference serves the future. A discount of gamma passes gradients up to a distance of about
1 / (1 - gamma). The parts g_k are not solved for, because powers of gamma are nearly dependent and
the system is ill-conditioned.

All results follow from the inner products of g(gamma) within a group of weights, summed in float64.
"""

import math
from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor

from manymasks.arrays import Floats, Rows
from manymasks.callbacks import OnProgress, ignore_progress
from manymasks.models.transformer import Transformer
from manymasks.statistics.intervals import finite

COLUMNS = 2**20
"""Weights in one matrix product."""

Products = dict[str, Floats]
"""Inner products (gammas, gammas) of the gradients, by group."""


def products(
    model: Transformer, windows: Tensor, report: OnProgress = ignore_progress
) -> tuple[Products, Products]:
    """Inner products of the gradients of one member at several discounts, from a stack of the same
    weights, each with the route of one gamma: those of the gradient of the mean loss over all
    windows, and those of single windows, averaged. Most of a single gradient cancels in the
    mean."""
    named = dict(model.named_parameters())
    sums = {name: torch.zeros_like(w, dtype=torch.float64) for name, w in named.items()}
    groups = [*dict.fromkeys(map(_group, named)), "all"]
    single = {group: np.zeros((model.members, model.members)) for group in groups}
    for i, window in enumerate(windows):
        model.zero_grad(set_to_none=True)
        nats = model.nats(window.expand(model.members, 1, -1))
        nats.sum().backward()  # type: ignore[no-untyped-call]
        for name, weight in named.items():
            assert weight.grad is not None, f"{name} has no gradient"
            sums[name] += weight.grad
            _add(single, name, weight.grad)
        report(i + 1, len(windows))
    mean = {group: np.zeros((model.members, model.members)) for group in groups}
    for name, total in sums.items():
        _add(mean, name, total / len(windows))
    model.zero_grad(set_to_none=True)
    return mean, {group: gram / len(windows) for group, gram in single.items()}


def gradient_rows(by_group: Products, gammas: Sequence[float]) -> Rows:
    """Rows of myopia_gradient, one for each group and gamma, from the products of `products`.
    Raises ValueError unless `gammas` rise from 0 to 1."""
    if list(gammas) != sorted(set(gammas)) or gammas[0] != 0 or gammas[-1] != 1:
        raise ValueError(f"gammas must rise from 0 to 1, found {list(gammas)}")
    rows = []
    for group, gram in by_group.items():
        whole = float(gram[-1, -1])
        for i, gamma in enumerate(gammas):
            square, along = float(gram[i, i]), float(gram[i, -1])
            rest = whole - 2 * along + square
            # Gradients are float32: a rest below their rounding error is 0.
            rest = 0.0 if rest < 1e-13 * whole else rest
            rows.append(
                {
                    "weights": group,
                    "gamma": float(gamma),
                    "norm": math.sqrt(square),
                    "rest_norm": math.sqrt(rest),
                    "whole_norm": math.sqrt(whole),
                    "projection": _over(along, whole),
                    "cosine": _over(along, math.sqrt(square * whole)),
                    "rest_cosine": _over(along - square, math.sqrt(square * rest)),
                }
            )
    return rows


def _add(into: Products, name: str, gradient: Tensor) -> None:
    """Add the inner products of gradients (gammas, ...) of one weight to its group and to `all`."""
    group = _group(name)
    for columns in torch.split(gradient.flatten(1), COLUMNS, dim=1):
        gram = (columns.double() @ columns.double().mT).cpu().numpy()
        into[group] += gram
        into["all"] += gram


def _group(name: str) -> str:
    """Group of a weight: by name over all layers, the gains of the norms together."""
    leaf = name.rpartition(".")[2]
    return "norms" if leaf.startswith("norm") else leaf


def _over(value: float, divisor: float) -> float | None:
    return finite(value / divisor) if divisor > 0 else None
