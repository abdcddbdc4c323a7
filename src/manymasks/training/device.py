"""Where a stack runs, with how many threads, and how wide it is there."""

from collections.abc import Sequence
from typing import TypeVar

import torch

from manymasks.config.study import Hardware
from manymasks.errors import UserError

Of = TypeVar("Of")


def choose_device(wanted: str) -> torch.device:
    """The device for `auto`, `cpu` or `cuda`; sets what makes results repeatable.

    One thread on the CPU: sums depend on how many threads share them. Numbers too small to be
    normal are flushed to zero: a softmax that underflows would cost several times as much. On a
    GPU, the algorithms that repeat their bits, where torch has them.

    Raises:
        UserError: if `cuda` is asked for and there is none.
    """
    torch.set_num_threads(1)
    torch.set_flush_denormal(True)
    if wanted == "cpu":
        return torch.device("cpu")
    if torch.cuda.is_available():
        torch.use_deterministic_algorithms(True, warn_only=True)
        # Nothing here reads what it has not written, so nothing need be written for it.
        torch.utils.deterministic.fill_uninitialized_memory = False  # type: ignore[attr-defined]
        return torch.device("cuda")
    if wanted == "cuda":
        raise UserError(
            "hardware.device is cuda, but torch sees no GPU (CUDA_VISIBLE_DEVICES hides it, or "
            "this is the CPU build of torch). Set hardware.device to auto or cpu."
        )
    return torch.device("cpu")


def with_dummies(members: Sequence[Of], hardware: Hardware, device: torch.device) -> list[Of]:
    """What each slot of a stack holds: the members, then dummies, which are the last one again.

    A GPU's libraries choose how to add by how many members there are. Where `hardware.stack`
    names a width, stacks on a GPU are of that width, whoever is missing, so bits do not depend on
    it. A CPU needs no dummies.
    """
    wanted = hardware.stack if device.type == "cuda" and hardware.stack != "auto" else 0
    return [*members, *[members[-1]] * (wanted - len(members))] if members else []
