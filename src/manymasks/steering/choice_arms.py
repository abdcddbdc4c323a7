"""Arms: ways to train a member on documents whose choices may be its own.

In all of them the cue and the letters are the world's, and the loss holds -ln p of these. Arms
differ in who chooses, and in what reaches the choice: imitation (-ln p of it, with nothing through
the act), a return through the score function, or the gradient of later losses through a choice that
is fed back.

A return is the negative loss of what follows the choice. Its estimator is
(R - mean of the other documents' R) ln p(choice): a mean that included the document itself would be
biased by 1/batch.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType
from typing import Literal

import torch
from torch import Tensor

from manymasks.arrays import Floats
from manymasks.corpora.processes.steer import (
    CUES,
    FIRST_CHOICE,
    FIRST_CUE,
    FIRST_LETTER,
    LENGTH,
    LETTER_LAWS,
    LETTERS,
    SEPARATOR,
    SteerLaw,
)
from manymasks.models.transformer import Transformer

CHOICES = slice(FIRST_CHOICE, SEPARATOR)
"""Tokens of choices."""


@dataclass(frozen=True)
class ChoiceArm:
    """What is optimised."""

    chooses: float
    """Share of the documents in which the member chooses; the law chooses in the others."""
    imitates: Literal["all", "law", "none"]
    """In which documents -ln p of the choice is in the loss: all, those of the law, or none."""
    returns: Literal["none", "later", "all"] = "none"
    """What the score function makes dearer in documents of its own choice: the losses after the
    choice, or that of the choice as well."""
    is_fed_back: bool = False
    """Whether gradients of later losses flow into the choice, fed back straight-through."""
    has_beta: bool = False
    """Whether beta KL(p, start) is in the loss."""
    has_share: bool = False
    """Whether the share of own documents is a dose of its own, in the place of `chooses`."""


ARMS: Mapping[str, ChoiceArm] = MappingProxyType(
    {
        "offline": ChoiceArm(0, "all"),
        "self": ChoiceArm(1, "all"),
        "return": ChoiceArm(1, "none", "later", has_beta=True),
        "greedy": ChoiceArm(1, "none", "later"),
        "total": ChoiceArm(1, "all", "all"),
        "pathwise": ChoiceArm(1, "none", is_fed_back=True, has_beta=True),
        "mixed": ChoiceArm(0.5, "law", "later", has_share=True),
    }
)
"""Arms by name."""


def cue_tokens() -> Tensor:
    """BOS and a cue, (cues, 2)."""
    return torch.stack((torch.zeros(CUES, dtype=torch.long), FIRST_CUE + torch.arange(CUES)), 1)


def choice_logs(model: Transformer, cues: Tensor) -> Tensor:
    """ln p of choices after each cue, (members, cues, choices), over choices alone. `cues`: as
    `cue_tokens`, on the device of the model."""
    logits = model(cues.expand(model.members, -1, -1), last=1)[:, :, 0, CHOICES]
    return torch.log_softmax(logits, -1)


def choice_laws(model: Transformer) -> Floats:
    """Probabilities (members, cues, choices) without gradients, float64."""
    with torch.no_grad():
        logs = choice_logs(model, cue_tokens().to(model.W_E.device))
    laws: Floats = torch.softmax(logs.double(), -1).cpu().numpy()
    return laws


class Draws:
    """Cues, choices and letters of a batch, from a generator for each member."""

    def __init__(self, law: SteerLaw, seeds: Sequence[Sequence[int]]) -> None:
        self._cues = torch.from_numpy(law.cues)
        self._law = torch.from_numpy(law.choices)
        self._letters = torch.from_numpy(LETTER_LAWS)
        self._generators = [torch.Generator().manual_seed(_seed(parts)) for parts in seeds]

    def documents(self, laws: Tensor, batch: int, chosen: int) -> Tensor:
        """Documents (members, batch, length); in the first `chosen` of each member the choices are
        from its probabilities `laws` (members, cues, choices), in the others from the law."""
        rows = []
        for law, generator in zip(laws.cpu().double(), self._generators, strict=True):
            cues = torch.multinomial(self._cues, batch, True, generator=generator)
            chances = torch.cat((law[cues[:chosen]], self._law[cues[chosen:]]))
            choices = torch.multinomial(chances, 1, generator=generator)[:, 0]
            letters = torch.multinomial(self._letters[choices], LETTERS, True, generator=generator)
            rows.append(documents_of(cues, choices, letters))
        return torch.stack(rows)


def _seed(parts: Sequence[int]) -> int:
    """One seed of several numbers, each below 2^20."""
    seed = 0
    for part in parts:
        seed = (seed * 1_000_003 + part + 1) % (2**63 - 1)
    return seed


def documents_of(cues: Tensor, choices: Tensor, letters: Tensor) -> Tensor:
    """Documents (n, length) from numbers of cues (n,), choices (n,) and letters (n, 3)."""
    tokens = torch.zeros(len(cues), LENGTH, dtype=torch.long)
    tokens[:, 1], tokens[:, 2], tokens[:, 3] = FIRST_CUE + cues, FIRST_CHOICE + choices, SEPARATOR
    tokens[:, 4:] = FIRST_LETTER + letters
    return tokens


@dataclass(frozen=True)
class ChoiceLosses:
    """Losses of documents (members, batch), in nats."""

    cue: Tensor
    choice: Tensor
    """Among all tokens."""
    act: Tensor
    """Of the choice among choices, from whose probabilities it is drawn."""
    later: Tensor
    """Of the separator and the letters."""


def document_losses(
    model: Transformer, documents: Tensor, fed_back: Tensor | None = None
) -> ChoiceLosses:
    """Losses of documents (members, batch, length). `fed_back`: probabilities (members, batch,
    choices) of choices, whose gradient that of later losses flows into; they change no loss."""
    inputs = documents[..., :-1]
    if fed_back is None:
        logits = model(inputs)
    else:
        x = model.embed(inputs)
        through = (fed_back - fed_back.detach()) @ model.W_E[:, CHOICES]
        position = torch.zeros(LENGTH - 1, 1, dtype=x.dtype, device=x.device)
        position[2] = 1
        logits = model.from_embedding(x + through.unsqueeze(2) * position)
    logs = torch.log_softmax(logits, -1).gather(-1, documents[..., 1:, None])[..., 0]
    among = torch.log_softmax(logits[..., 1, CHOICES], -1)
    act = among.gather(-1, documents[..., 2, None] - FIRST_CHOICE)[..., 0]
    return ChoiceLosses(-logs[..., 0], -logs[..., 1], -act, -logs[..., 2:].sum(-1))


def objective(
    arm: ChoiceArm,
    losses: ChoiceLosses,
    is_own: Tensor,
    start_kl: Tensor | None = None,
    beta: float = 0.0,
) -> Tensor:
    """The loss (members,) whose gradient estimates that of the arm. `is_own`: (batch,) whether the
    member chose. `start_kl`: KL (members,) of its choices to those at the start, mean over cues."""
    loss = (losses.cue + losses.later).mean(-1)
    if arm.imitates != "none":
        counts = torch.ones_like(is_own) if arm.imitates == "all" else ~is_own
        loss = loss + (losses.choice * counts).mean(-1)
    if arm.returns != "none" and bool(is_own.any()):
        cost = losses.later if arm.returns == "later" else losses.later + losses.act
        costs = cost[..., is_own].detach()
        # The mean of the others: leave-one-out.
        others = costs.shape[-1] - 1
        advantage = (costs - costs.mean(-1, keepdim=True)) * ((others + 1) / others)
        loss = loss - (advantage * losses.act[..., is_own]).sum(-1) / is_own.shape[-1]
    if arm.has_beta:
        assert start_kl is not None, "an arm with beta needs the KL to its start"
        loss = loss + beta * start_kl
    return loss
