"""Weights on disk, and the state from which a killed training resumes to the same bits.

A file holds one member without the model axis, independent of the stack and the slot in which it
was trained or is resumed. A state carries a digest of its content, which is checked before the
state is used.
"""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file
from torch import Tensor

from manymasks.arrays import Rows
from manymasks.disk.atomic import replacing
from manymasks.disk.checksum import sha256_of
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
    late: dict[str, str] = field(default_factory=dict)
    """SHA-256 of each file of weights that was saved on the way, by its name."""

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
    text = json.dumps(asdict(progress))
    _save(tensors, {"progress": text, "sha256": _digest(tensors, text)}, path)


def damage(state: Path) -> str | None:
    """What is wrong with a saved state, or with weights that were saved on its way; None if the
    training can go on from it."""
    try:
        with safe_open(state, framework="pt") as file:
            metadata = file.metadata() or {}
            tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
        text = metadata.get("progress", "")
        if metadata.get("sha256") != _digest(tensors, text):
            return "its content differs from its digest"
        late = json.loads(text)["late"]
    except (OSError, SafetensorError) as error:
        return str(error)
    for name, digest in late.items():
        path = state.with_name(name)
        if not path.is_file():
            return f"{name} is missing"
        if sha256_of(path) != digest:
            return f"{name} differs from its digest"
    return None


def _digest(tensors: Mapping[str, Tensor], text: str) -> str:
    """SHA-256 of tensors, with their names, types and shapes, and of a text."""
    digest = hashlib.sha256(text.encode())
    for name, tensor in sorted(tensors.items()):
        plain = tensor.detach().cpu().contiguous()
        digest.update(f"\n{name} {plain.dtype} {tuple(plain.shape)}\n".encode())
        digest.update(plain.reshape(-1).view(torch.uint8).numpy().data)
    return digest.hexdigest()


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
