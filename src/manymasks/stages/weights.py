"""Trained members with their weights."""

import torch

from manymasks.config.study import Size, Training
from manymasks.models.transformer import Transformer
from manymasks.store.job import Artifact
from manymasks.training.checkpoint import load_weights


def load_member(training: Artifact, device: torch.device) -> Transformer:
    """The trained model of a training artifact, on a device."""
    settings = training.manifest.settings
    model = Transformer(
        Size.model_validate(settings["size"]),
        training.figures["vocabulary"],
        Training.model_validate(settings["training"]).context,
        # Without gradients all variants compute the same.
        "causal",
    )
    load_weights(model, training.file("weights.safetensors"))
    return model.to(device).eval()
