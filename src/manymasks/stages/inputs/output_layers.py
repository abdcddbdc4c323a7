"""The final norm and the unembedding of members, and how certificates name their weights."""

from dataclasses import dataclass
from typing import Literal

import torch

from manymasks.arrays import Ints
from manymasks.models.member_model import MemberModel
from manymasks.models.pretrained_stack import PretrainedStack
from manymasks.stages.inputs.models import FOLDER, is_pretrained, load_checkpoint
from manymasks.store.job import Artifact
from manymasks.training.checkpoint import read_weights
from manymasks.universal.certificate import OutputLayer
from manymasks.universal.checkpoint_layer import checkpoint_layer, measured_rounding
from manymasks.universal.universal_tables import measured_logit_error

LAST = "weights.safetensors"
"""File of the weights at the end of training."""


@dataclass(frozen=True)
class BoundedLayer:
    """The output layer of a member at a step, with the rounding that was measured on text."""

    layer: OutputLayer
    form: Literal["rms", "layer"]
    """Of the norm."""
    step: int
    logit_error: float
    mean_ratio: float | None
    """Largest mean of a stream over its standard deviation; None for RMSNorm."""


def weights_name(member: Artifact, step: int | None = None) -> str:
    """The key of a member, and the file or folder of its weights. `step`: of weights saved during
    training; None for the last ones."""
    if is_pretrained(member):
        return f"{member.key}/{FOLDER}"
    return f"{member.key}/{LAST if step is None else f'weights-{step}.safetensors'}"


def output_layer(
    member: Artifact, model: MemberModel, step: int | None, windows: Ints
) -> BoundedLayer:
    """The output layer of a member (alone in its stack), and its rounding on windows (n,
    positions). Raises NotBounded for a checkpoint to which the bounds do not apply."""
    settings = member.manifest.settings
    if isinstance(model, PretrainedStack):
        (causal,) = model.models
        ended = checkpoint_layer(causal, model.vocabulary)
        measured = measured_rounding(causal, ended, windows)
        label = settings["labels"].get("step", 0)
        ratio = measured.mean_ratio if ended.form == "layer" else None
        return BoundedLayer(ended.layer, ended.form, label, measured.error, ratio)
    name = weights_name(member, step).partition("/")[2]
    weights = {key: weight.numpy() for key, weight in read_weights(member.file(name)).items()}
    layer = OutputLayer.of_weights(weights)
    error = measured_logit_error(model, layer, windows)
    last = settings["training"]["steps"]
    return BoundedLayer(layer, "rms", last if step is None else step, error, None)


def stored_layer(member: Artifact) -> OutputLayer:
    """The output layer of a checkpoint, from its files. Raises UserError if one is missing or
    damaged."""
    model = load_checkpoint(member, torch.device("cpu"))
    return checkpoint_layer(model, member.figures["vocabulary"]).layer
