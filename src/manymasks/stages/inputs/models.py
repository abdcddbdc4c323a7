"""Models of members, trained here or pretrained.

Apart from `weights`, which trainings read too: models from outside are in no key of theirs.
"""

from collections.abc import Sequence
from pathlib import Path

import torch

from manymasks.errors import UserError
from manymasks.models.hugging_face import CausalModel, load_causal
from manymasks.models.member_model import MemberModel
from manymasks.models.pretrained_stack import PretrainedStack
from manymasks.stages.inputs.weights import load_members
from manymasks.store.job import Artifact

FOLDER = "model"
"""Folder of a pretrained artifact that holds its checkpoint."""


def is_pretrained(member: Artifact) -> bool:
    """Whether a member comes from outside."""
    return "files" in member.manifest.settings


def context_of(member: Artifact) -> int:
    """Tokens of a window of a member."""
    settings = member.manifest.settings
    return int((settings if is_pretrained(member) else settings["training"])["context"])


def load_models(
    members: Sequence[Artifact], device: torch.device, context: int | None = None
) -> MemberModel:
    """The models of members that did not fail, of one shape if they were trained, as one stack on a
    device. `context`: the longest window, by default that of the member. Raises UserError if a
    member cannot read one so long."""
    if not is_pretrained(members[0]):
        return load_members(members, device, context=context)
    for member in members:
        longest = context or context_of(member)
        if longest > member.figures["longest"]:
            raise UserError(
                f"{member.manifest.label}: reads at most {member.figures['longest']} tokens, and "
                f"windows of {longest} need more: remove the long probe, or lower training.context"
            )
    figures = members[0].figures
    models = [load_checkpoint(member, device) for member in members]
    return PretrainedStack(models, figures["vocabulary"], figures["end_of_text"])


def load_checkpoint(member: Artifact, device: torch.device) -> CausalModel:
    """The model of a pretrained member, once the digests of its files are verified."""
    settings = member.manifest.settings
    return load_causal(
        _folder(member),
        device,
        settings["dtype"],
        settings["device_map"],
        remote_code=settings["remote_code"],
    )


def _folder(member: Artifact) -> Path:
    """The folder of a checkpoint, once the digests of its files are verified."""
    member.files(f"{FOLDER}/")
    return member.folder / FOLDER
