"""Derived members made again from their parents: they have no file of their own."""

from collections.abc import Mapping, Sequence
from typing import Any

import torch
from torch import Tensor

from manymasks.arrays import Rows
from manymasks.config.training import Size, Training
from manymasks.models.attention import Route
from manymasks.models.transformer import Transformer
from manymasks.rashomon.derived import derived_weights
from manymasks.store.job import Artifact
from manymasks.training.checkpoint import read_weights, set_weights


def load_candidates(
    candidates: Artifact,
    trainings: Sequence[Artifact],
    device: torch.device,
    places: Sequence[int] | None = None,
) -> Transformer:
    """The derived members of a `candidates` artifact as one stack on a device, bit for bit.

    Args:
        candidates: its figure `members` lists them.
        trainings: their parents, and maybe others.
        device: where the stack is to be.
        places: which of the list, in this order; all where not given.
    """
    listed: Rows = candidates.figures["members"]
    chosen = listed if places is None else [listed[place] for place in places]
    return stack_of(chosen, {each.key: each for each in trainings}, device)


def stack_of(
    members: Sequence[Mapping[str, Any]], parents: Mapping[str, Artifact], device: torch.device
) -> Transformer:
    """A stack of derived members, each with its parent, method, scale, draw and step."""
    model = empty_stack(parents[members[0]["parent"]], len(members))
    read: dict[str, dict[str, Tensor]] = {}
    for slot, member in enumerate(members):
        parent = parents[member["parent"]]
        set_weights(model, slot, _weights_of(member, parent, read))
    return model.to(device).eval()


def empty_stack(parent: Artifact, count: int) -> Transformer:
    """Slots for members of a trained member's shape, on the CPU, still without weights.

    Gradients play no part, and those whose forward differs, `local` and `bigram`, are in no set.
    """
    settings = parent.manifest.settings
    model = Transformer(
        Size.model_validate(settings["size"]),
        parent.figures["vocabulary"],
        Training.model_validate(settings["training"]).context,
        [Route()] * count,
    )
    return model.requires_grad_(False)


def _weights_of(
    member: Mapping[str, Any], parent: Artifact, read: dict[str, dict[str, Tensor]]
) -> dict[str, Tensor]:
    if member["method"] == "checkpoint":
        return read_weights(parent.file(f"weights-{member['step']}.safetensors"))
    if parent.key not in read:
        read[parent.key] = read_weights(parent.file("weights.safetensors"))
    size = Size.model_validate(parent.manifest.settings["size"])
    how = member["method"], member["scale"], member["draw"]
    return derived_weights(read[parent.key], size, *how)
