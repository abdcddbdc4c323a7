"""A stack of members, ready to be trained: members of the study, or trials of a tuning."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from manymasks.config.study import Hardware
from manymasks.config.training import Size, Training, Variant
from manymasks.errors import UserError
from manymasks.models.transformer import Transformer, initialise
from manymasks.stages.inputs.weights import load_members, route_of
from manymasks.store.job import Artifact
from manymasks.tokens.order import starts_of_members
from manymasks.tokens.shards import TokenStream
from manymasks.training.checkpoint import damage, load_weights
from manymasks.training.device import choose_device, with_dummies
from manymasks.training.step import WindowSource


@dataclass(frozen=True)
class PreparedStack:
    """A stack that is ready to be trained."""

    model: Transformer
    past: Transformer | None
    windows: WindowSource
    select: Tensor
    """(windows, context + 1) token ids of the select curve, the same for all members."""


def prepare(
    size: Size,
    variants: Sequence[Variant],
    settings: Training,
    tokens: Artifact,
    pasts: Sequence[Artifact],
    starts: Sequence[Artifact],
    seeds: Sequence[tuple[int, int]],
    hardware: Hardware,
    label: str,
) -> PreparedStack:
    """The stack of members with these variants and seeds (initial weights, data order).

    Dummies may follow the members.

    `pasts`: for variants that read the past of another member, that member of each; else empty.
    `starts`: for fine-tuned variants, the member that each starts from; else empty. Raises
    UserError if a split is too short for the context.
    """
    train = TokenStream.open(tokens.files("train/"))
    select = TokenStream.open(tokens.files("select/"))
    for split, stream in (("train", train), ("select", select)):
        if stream.tokens < 2 * settings.context:
            raise UserError(
                f"{label}: the {split} split has {stream.tokens} tokens, too short for "
                f"training.context ({settings.context}), which needs {2 * settings.context}: "
                f"lower the context or give {split} more text"
            )
    device = choose_device(hardware.device)
    variants = with_dummies(variants, hardware, device)
    seeds = with_dummies(seeds, hardware, device)
    pasts = with_dummies(pasts, hardware, device)
    starts = with_dummies(starts, hardware, device)
    routes = [route_of(variant) for variant in variants]
    model = Transformer(
        size, train.vocabulary, settings.context, routes, settings.precision, settings.kernels
    )
    initialise(model, [seed_init for seed_init, _ in seeds])
    for slot, start in enumerate(starts):
        load_weights(model, slot, start.file("weights.safetensors"))
    model.to(device)
    past = load_members(pasts, device).requires_grad_(False) if pasts else None

    def starts_of(steps: Sequence[int]) -> Tensor:
        starts = starts_of_members(
            steps,
            [seed_order for _, seed_order in seeds],
            batch=settings.batch,
            context=settings.context,
            tokens=train.tokens,
            shift=settings.shift,
        )
        return torch.from_numpy(starts)

    windows = WindowSource(starts_of, _gather(train, settings.context + 1, device))
    curve = torch.from_numpy(select.spread(settings.curve_windows, settings.context)).to(device)
    return PreparedStack(model, past, windows, curve)


def can_resume(state: Path, say: Callable[[str], None]) -> bool:
    """Whether there is a saved state to go on from; one that is damaged is deleted."""
    if not state.exists():
        return False
    problem = damage(state)
    if problem is not None:
        say(f"begins again, as its saved state is damaged: {state.name}: {problem}")
        state.unlink()
    return problem is None


def _gather(stream: TokenStream, length: int, device: torch.device) -> Callable[[Tensor], Tensor]:
    """A function from starts (...) to windows (..., length): from the page cache on a CPU, from
    device memory on a GPU."""
    if device.type == "cpu":

        def from_disk(starts: Tensor) -> Tensor:
            windows = stream.gather(starts.flatten().numpy(), length)
            return torch.from_numpy(windows.reshape(*starts.shape, length))

        return from_disk
    (whole,) = stream.gather(np.zeros(1, np.int64), stream.positions)
    tokens = torch.from_numpy(whole.astype(np.int32)).to(device)
    offsets = torch.arange(length, device=device)

    def from_memory(starts: Tensor) -> Tensor:
        return tokens[starts.unsqueeze(-1) + offsets].long()

    return from_memory
