"""Weights on disk, and the state from which a killed training resumes to the same bits.

A file holds one member without the model axis, independent of the stack and the slot in which it
was trained or is resumed.
"""

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path

from safetensors import safe_open
from safetensors.torch import save_file
from torch import Tensor

from manymasks.arrays import Rows
from manymasks.disk.atomic import replacing
from manymasks.models.transformer import Transformer


@dataclass
class TrainingProgress:
    """Progress of a member's training, besides its weights and moments."""

    step: int = 0
    seconds: float = 0.0
    earlier_seconds: float = 0.0
    loss_sum: float = 0.0
    norm_sum: float = 0.0
    since: int = 0
    curve: Rows = field(default_factory=list)
    failed_step: int | None = None

    @property
    def select_nats(self) -> float | None:
        """The last point of the select curve, nats per token."""
        points = [point["nats"] for point in self.curve if point["split"] == "select"]
        return points[-1] if points else None


Moments = Mapping[str, Mapping[str, Tensor]]
"""Optimiser state by weight and kind, such as `exp_avg`."""


def save_weights(model: Transformer, member: int, path: Path) -> None:
    """Write a member's weights, float32, as safetensors, atomically."""
    _save(model.weights_of(member), {}, path)


def read_weights(path: Path) -> dict[str, Tensor]:
    """Weights written by `save_weights`, by name, without a model axis, on the CPU."""
    with safe_open(path, framework="pt") as file:
        return {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118


def load_weights(model: Transformer, member: int, path: Path) -> None:
    """Read weights written by `save_weights` into a member of a model of the same shape."""
    set_weights(model, member, read_weights(path))


def set_weights(model: Transformer, member: int, weights: Mapping[str, Tensor]) -> None:
    """Copy weights by name, without a model axis, into a member of a model of the same shape."""
    for name, weight in model.weights_of(member).items():
        weight.copy_(weights[name])


def save_state(
    weights: Mapping[str, Tensor], moments: Moments, progress: TrainingProgress, path: Path
) -> None:
    """Write a member's weights, moments and progress in one file, atomically."""
    tensors = {f"weight/{name}": weight for name, weight in weights.items()}
    for name, kinds in moments.items():
        tensors |= {f"{kind}/{name}": tensor for kind, tensor in kinds.items()}
    _save(tensors, {"progress": json.dumps(asdict(progress))}, path)


def load_state(weights: Mapping[str, Tensor], moments: Moments, path: Path) -> TrainingProgress:
    """Read a state written by `save_state` into weights and moments."""
    with safe_open(path, framework="pt") as file:
        for name, weight in weights.items():
            weight.copy_(file.get_tensor(f"weight/{name}"))
        for name, kinds in moments.items():
            for kind, tensor in kinds.items():
                tensor.copy_(file.get_tensor(f"{kind}/{name}"))
        return TrainingProgress(**json.loads(file.metadata()["progress"]))


def _save(tensors: Mapping[str, Tensor], metadata: dict[str, str], path: Path) -> None:
    # Weights of a member are a slice of the stack: a copy has separate storage.
    plain = {name: tensor.detach().cpu().clone() for name, tensor in tensors.items()}
    with replacing(path) as temporary:
        save_file(plain, temporary, metadata)
