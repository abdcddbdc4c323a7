"""Derived members, computed again from their parents: they have no weights file."""

from collections.abc import Mapping, Sequence
from typing import Any

import torch
from torch import Tensor

from manymasks.config.training import Size, Training
from manymasks.models.attention import Route
from manymasks.models.transformer import Transformer
from manymasks.rashomon.code_length import Loss, Weights, rounded
from manymasks.rashomon.derived import derived_weights
from manymasks.store.job import Artifact
from manymasks.training.checkpoint import read_weights, set_weights


def load_derived(
    derived: Artifact,
    trainings: Sequence[Artifact],
    device: torch.device,
    indices: Sequence[int] | None = None,
) -> Transformer:
    """The members of a `derived` artifact as one stack on a device, bit for bit. `derived`: its
    figure `members` lists them. `trainings`: their parents, possibly among others. `device`: where
    the stack is placed. `indices`: which of the list, in this order; all by default."""
    members: list[dict[str, Any]] = derived.figures["members"]
    chosen = members if indices is None else [members[index] for index in indices]
    return stack_of(chosen, {training.key: training for training in trainings}, device)


def stack_of(
    members: Sequence[Mapping[str, Any]], parents: Mapping[str, Artifact], device: torch.device
) -> Transformer:
    """A stack of derived members, each given by its parent, method, scale, draw and step; a
    quantised one by its parent, the steps of its matrices and the offset of rounding."""
    model = empty_stack(parents[members[0]["parent"]], len(members))
    cache: dict[str, dict[str, Tensor]] = {}
    for slot, member in enumerate(members):
        set_weights(model, slot, _weights_of(member, parents[member["parent"]], cache))
    return model.to(device).eval()


def empty_stack(parent: Artifact, count: int) -> Transformer:
    """Slots for members of a trained member's shape, on the CPU, without weights. Gradients play no
    part here, and control variants, which have another forward pass, are in no set."""
    settings = parent.manifest.settings
    training = Training.model_validate(settings["training"])
    model = Transformer(
        Size.model_validate(settings["size"]),
        parent.figures["vocabulary"],
        training.context,
        [Route()] * count,
        kernels=training.kernels,
    )
    return model.requires_grad_(False)


def loss_on(single: Transformer, windows: Tensor) -> Loss:
    """Weights of a member -> its nats per token on windows (n, context + 1). `single`: a stack of
    one slot, on the device of the windows."""

    def loss(weights: Weights) -> float:
        set_weights(single, 0, weights)
        return float(single.nats(windows.unsqueeze(0)).double().item())

    return loss


def _weights_of(
    member: Mapping[str, Any], parent: Artifact, cache: dict[str, dict[str, Tensor]]
) -> dict[str, Tensor]:
    if member["method"] == "checkpoint":
        return read_weights(parent.file(f"weights-{member['step']}.safetensors"))
    if parent.key not in cache:
        cache[parent.key] = read_weights(parent.file("weights.safetensors"))
    if member["method"] == "quantised":
        return rounded(cache[parent.key], member["steps"], member["offset"]).weights
    return derived_weights(cache[parent.key], member["method"], member["scale"], member["draw"])
