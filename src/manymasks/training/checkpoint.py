"""Weights on disk, and the state from which a killed training goes on to the same bits."""

import json
import os
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import torch
from safetensors import safe_open
from safetensors.torch import save_file
from torch import Tensor, nn


@dataclass
class Progressed:
    """How far a training has come, beside its weights and moments."""

    step: int = 0
    seconds: float = 0.0
    earlier_seconds: float = 0.0
    loss_sum: float = 0.0
    norm_sum: float = 0.0
    since: int = 0
    curve: list[dict[str, Any]] = field(default_factory=list)
    failed_step: int | None = None


def save_weights(model: nn.Module, path: Path) -> None:
    """Write the weights, float32, as safetensors, whole or not at all."""
    _save(dict(model.named_parameters()), {}, path)


def load_weights(model: nn.Module, path: Path) -> None:
    """Read weights written by `save_weights` into a model of the same shape."""
    with safe_open(path, framework="pt") as file, torch.no_grad():
        for name, weight in model.named_parameters():
            weight.copy_(file.get_tensor(name))


def save_state(
    model: nn.Module, optimizer: torch.optim.Optimizer, progressed: Progressed, path: Path
) -> None:
    """Write weights, moments and progress in one file, whole or not at all."""
    tensors: dict[str, Tensor] = {}
    for name, weight in model.named_parameters():
        moments = optimizer.state[weight]
        tensors[f"weight/{name}"] = weight
        tensors[f"first/{name}"] = moments["exp_avg"]
        tensors[f"second/{name}"] = moments["exp_avg_sq"]
    _save(tensors, {"progressed": json.dumps(asdict(progressed))}, path)


def load_state(model: nn.Module, optimizer: torch.optim.Optimizer, path: Path) -> Progressed:
    """Read a state written by `save_state` into model and optimizer."""
    with safe_open(path, framework="pt") as file, torch.no_grad():
        progressed = Progressed(**json.loads(file.metadata()["progressed"]))
        for name, weight in model.named_parameters():
            weight.copy_(file.get_tensor(f"weight/{name}"))
            optimizer.state[weight] = {
                "step": torch.tensor(float(progressed.step), device=weight.device),
                "exp_avg": file.get_tensor(f"first/{name}").to(weight.device),
                "exp_avg_sq": file.get_tensor(f"second/{name}").to(weight.device),
            }
    return progressed


def _save(tensors: Mapping[str, Tensor], metadata: dict[str, str], path: Path) -> None:
    temporary = path.with_name(f".{path.name}.{os.getpid()}")
    plain = {name: tensor.detach().cpu().contiguous() for name, tensor in tensors.items()}
    try:
        save_file(plain, temporary, metadata)
        with temporary.open("rb") as file:
            os.fsync(file.fileno())
        temporary.replace(path)
    finally:
        temporary.unlink(missing_ok=True)
