"""How much work a job is, beside other jobs of its stage, by its settings alone."""

from collections.abc import Mapping
from typing import Any

START = 3e9
"""Multiplications that take as long as the start and the end of a training."""
DEFAULT_TRAINING = 6.6e10
"""Multiplications of a training of the default study: the mean over its members."""


def work(stage: str, settings: Mapping[str, Any]) -> float:
    """Work in units of a usual job of the default study: forward multiplications of blocks and
    attention over all trained tokens, and the start; 1 where jobs of a stage are taken as alike.

    The vocabulary is left out, which settings of a member do not know.
    """
    if stage != "training":
        return 1.0
    size, training = settings["size"], settings["training"]
    width, context = size["width"], training["context"]
    for_a_token: int = size["layers"] * ((4 + 2 * size["mlp"]) * width**2 + 2 * width * context)
    tokens: int = training["steps"] * training["batch"] * context
    return (START + tokens * for_a_token) / DEFAULT_TRAINING
