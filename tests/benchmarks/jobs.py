"""What both sides of a comparison train: members by value, and the windows they read."""

import json
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from manymasks.config.training import Size, Training
from manymasks.tokens.order import starts_of_members
from manymasks.training.step import WindowSource


@dataclass(frozen=True)
class Member:
    """One model to train. The loop trains all as if they were causal: that is its fastest."""

    size: dict[str, Any]
    gradient: str = "causal"
    seed_init: int = 0
    seed_order: int = 0
    rate: float = 3e-3


@dataclass(frozen=True)
class Job:
    """Members of one training budget, on one text."""

    members: tuple[Member, ...]
    training: dict[str, Any]
    """Settings of `training`, without the learning rate."""
    vocabulary: int
    train: str
    """A .npy file of token ids."""
    select: str
    device: str = "cpu"

    @property
    def settings(self) -> Training:
        return Training(**self.training)

    def write(self, path: Path) -> Path:
        path.write_text(json.dumps(asdict(self)), encoding="utf-8")
        return path


def read_job(path: Path) -> Job:
    values = json.loads(path.read_text(encoding="utf-8"))
    members = tuple(Member(**member) for member in values.pop("members"))
    return Job(members=members, **values)


def size_of(member: Member) -> Size:
    return Size(**member.size)


def write_tokens(folder: Path, vocabulary: int, tokens: int = 2_000_000) -> tuple[str, str]:
    """Made-up text, train and select: frequencies of tokens as in language (Zipf)."""
    weights = 1 / np.arange(1, vocabulary + 1)
    drawn = np.random.default_rng(0).choice(vocabulary, tokens, p=weights / weights.sum())
    paths = folder / "train.npy", folder / "select.npy"
    for path, part in zip(
        paths, np.split(drawn.astype(np.uint16), [tokens * 9 // 10]), strict=True
    ):
        np.save(path, part)
    return str(paths[0]), str(paths[1])


def text_of(job: Job, members: Sequence[Member], device: torch.device) -> WindowSource:
    """The windows of the members, (members, batch, context + 1) a step; tokens on the device."""
    settings = job.settings
    stream = torch.from_numpy(np.load(job.train).astype(np.int64)).to(device)
    along = torch.arange(settings.context + 1, device=device)

    def starts_of(steps: Sequence[int]) -> Tensor:
        starts = starts_of_members(
            steps,
            [member.seed_order for member in members],
            batch=settings.batch,
            context=settings.context,
            tokens=len(stream) - 1,
        )
        return torch.from_numpy(starts)

    return WindowSource(starts_of, lambda starts: stream[starts.unsqueeze(-1) + along])


def windows_of(job: Job, member: Member, device: torch.device) -> Callable[[int], Tensor]:
    """A step of one member -> (batch, context + 1) token ids on the device."""
    text = text_of(job, [member], device)
    starts = torch.cat([text.starts_of([step]) for step in range(job.settings.steps)]).to(device)
    return lambda step: text.gather(starts[step])


def select_windows(job: Job, device: torch.device) -> Tensor:
    """(windows, context + 1), spread evenly over the select split."""
    settings = job.settings
    stream = np.load(job.select).astype(np.int64)
    last = len(stream) - settings.context - 1
    starts = np.linspace(0, last, min(settings.curve_windows, last + 1)).astype(np.int64)
    return torch.from_numpy(stream[starts[:, None] + np.arange(settings.context + 1)]).to(device)
