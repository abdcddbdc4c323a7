"""Models of trained members."""

from collections.abc import Sequence

import torch

from manymasks.config.training import Size, Training, Variant
from manymasks.errors import UserError
from manymasks.models.attention import Route
from manymasks.models.transformer import Transformer
from manymasks.store.job import Artifact
from manymasks.training.checkpoint import load_weights


def load_members(
    trainings: Sequence[Artifact],
    device: torch.device,
    route: Route | None = None,
    context: int | None = None,
) -> Transformer:
    """The models of training artifacts of one shape that did not fail, as one stack on a device.

    `route`: of all of them; by default the forward pass of each variant. `context`: the longest
    window, which rotary positions may exceed; by default that of the training. Raises UserError if
    it is longer than that and positions are learned.
    """
    settings = trainings[0].manifest.settings
    size = Size.model_validate(settings["size"])
    training_settings = Training.model_validate(settings["training"])
    trained = training_settings.context
    if size.positions == "learned" and (context or trained) > trained:
        raise UserError(
            f"{trainings[0].folder}: learned {trained} positions, and windows of {context} tokens "
            "need more: remove the long probe, or train with positions: rotary"
        )
    model = Transformer(
        size,
        trainings[0].figures["vocabulary"],
        # Learned positions are weights: their number is fixed by the training.
        trained if size.positions == "learned" else context or trained,
        [route or _forward_route(training) for training in trainings],
        kernels=training_settings.kernels,
    )
    for slot, training in enumerate(trainings):
        load_weights(model, slot, training.file("weights.safetensors"))
    return model.to(device).eval()


def route_of(variant: Variant) -> Route:
    """How gradients flow in a member of a variant."""
    return Route(variant.gradient, variant.gamma or 0.0)


def _forward_route(training: Artifact) -> Route:
    """The forward pass is the same for all variants that read their own past."""
    route = Route(training.manifest.settings["variant"]["gradient"])
    return Route() if route.reads_own_past else route
