"""Which part of a causal gradient serves the present, which part the future, and how far off.

With g_k the part of the gradient of the loss that comes to a position from losses k positions
later, g(gamma) = sum_k gamma^k g_k is what the route `discount` gives: g(0) is the present,
g(1) the whole gradient and their difference the future. A discount of gamma lets gradients
through up to a distance of about 1 / (1 - gamma). The parts g_k themselves are not solved for:
powers of gamma are nearly dependent, so that system is ill-conditioned.

All that is reported follows from the inner products of the g(gamma) of a group of weights, so
those are what is summed, in float64.
"""

import math
from collections.abc import Callable, Iterable, Sequence

import numpy as np
import torch
from torch import Tensor

from manymasks.arrays import FloatArray, Rows
from manymasks.models.transformer import Transformer
from manymasks.statistics.intervals import finite

COLUMNS = 2**20
"""Weights whose products are made at once."""

Products = dict[str, FloatArray]
"""Inner products (gammas, gammas) of the gradients, by group."""


def products(
    model: Transformer,
    windows: Tensor,
    report: Callable[[int, int], None] = lambda done, total: None,
) -> tuple[Products, Products]:
    """Inner products of the gradients of one member at several discounts.

    Args:
        model: a stack of the same weights, each with the route of one gamma.
        windows: (windows, context + 1) token ids on the model's device.
        report: told windows done and in all.

    Returns:
        Of the gradient of the mean loss over all windows, and of one window, averaged over
        windows. The gradients of single windows are mostly what the others cancel.
    """
    named = dict(model.named_parameters())
    sums = {name: torch.zeros_like(w, dtype=torch.float64) for name, w in named.items()}
    groups = groups_of(named)
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
    return mean, {group: each / len(windows) for group, each in single.items()}


def groups_of(names: Iterable[str]) -> list[str]:
    """Groups of weights: by name over all layers, the gains of the norms, and everything."""
    return [*dict.fromkeys(map(_group, names)), "all"]


def gradient_rows(found: Products, gammas: Sequence[float]) -> Rows:
    """Rows of myopia_gradient, one for each group and gamma, from the products of `products`.

    `gammas` rise from 0 to 1. Raises ValueError where they do not.
    """
    if list(gammas) != sorted(set(gammas)) or gammas[0] != 0 or gammas[-1] != 1:
        raise ValueError(f"gammas must rise from 0 to 1, found {list(gammas)}")
    rows = []
    for group, gram in found.items():
        whole = float(gram[-1, -1])
        for i, gamma in enumerate(gammas):
            own, along = float(gram[i, i]), float(gram[i, -1])
            rest = whole - 2 * along + own
            # Gradients are float32: what is left below their rounding is nothing.
            rest = 0.0 if rest < 1e-13 * whole else rest
            rows.append(
                {
                    "weights": group,
                    "gamma": float(gamma),
                    "norm": math.sqrt(own),
                    "rest_norm": math.sqrt(rest),
                    "whole_norm": math.sqrt(whole),
                    "projection": _over(along, whole),
                    "cosine": _over(along, math.sqrt(own * whole)),
                    "rest_cosine": _over(along - own, math.sqrt(own * rest)),
                }
            )
    return rows


def _add(into: Products, name: str, gradient: Tensor) -> None:
    """Add the inner products of gradients (gammas, ...) of one weight to its group and to all."""
    group = _group(name)
    for columns in torch.split(gradient.flatten(1), COLUMNS, dim=1):
        gram = (columns.double() @ columns.double().mT).cpu().numpy()
        into[group] += gram
        into["all"] += gram


def _group(name: str) -> str:
    leaf = name.rpartition(".")[2]
    return "norms" if leaf.startswith("norm") else leaf


def _over(value: float, by: float) -> float | None:
    return finite(value / by) if by > 0 else None
