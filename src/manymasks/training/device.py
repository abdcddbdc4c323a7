"""Device, threads and width of a stack."""

from collections.abc import Sequence
from typing import TypeVar

import torch

from manymasks.config.study import Hardware
from manymasks.errors import UserError

Item = TypeVar("Item")


def choose_device(name: str) -> torch.device:
    """The device for `auto`, `cpu` or `cuda`; makes torch deterministic.

    One thread on the CPU, because sums depend on the number of threads. Denormal numbers are
    flushed to zero: a softmax that underflows would cost several times as much. Deterministic
    algorithms on a GPU, where torch has them. Raises UserError for `cuda` without a GPU.
    """
    torch.set_num_threads(1)
    torch.set_flush_denormal(True)
    if name == "cpu":
        return torch.device("cpu")
    if torch.cuda.is_available():
        torch.use_deterministic_algorithms(True, warn_only=True)
        # No code reads uninitialised memory, so it need not be filled.
        torch.utils.deterministic.fill_uninitialized_memory = False  # type: ignore[attr-defined]
        return torch.device("cuda")
    if name == "cuda":
        raise UserError(
            "hardware.device is cuda, but torch sees no GPU (CUDA_VISIBLE_DEVICES hides it, or "
            "this is the CPU build of torch). Set hardware.device to auto or cpu."
        )
    return torch.device("cpu")


def with_dummies(members: Sequence[Item], hardware: Hardware, device: torch.device) -> list[Item]:
    """The slots of a stack: the members, then dummies, copies of the last one.

    The libraries of a GPU choose algorithms by the number of members. If `hardware.stack` names a
    width, all stacks on a GPU have it, so bits do not depend on missing members. A CPU needs no
    dummies.
    """
    width = hardware.stack if device.type == "cuda" and hardware.stack != "auto" else 0
    return [*members, *[members[-1]] * (width - len(members))] if members else []
