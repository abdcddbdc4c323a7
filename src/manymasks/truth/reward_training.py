"""Fine-tuning of a stack of members by a reward, on documents that each of them writes itself.

The law of a member is that of its letters, among letters. With gain_t the expected reward of letter
t under that law, minus its KL to the member at the start, both exact given the letters before it,
what is maximised is the expected sum of gains over documents that the member writes. Its gradient
is that of the gains on these documents, and by letter that of its ln p times the gains after it
(Williams 1992; the expectation over the letter itself needs no score). The baseline of a letter is
the mean of the gains after it over the other documents of its premise: a mean that included the
document itself would be biased.

The optimum of what is maximised is `RewardOptimum`. A control draws documents from the optimum and
learns them by imitation, from the same start and by the same optimiser.
"""

import copy
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from manymasks.arrays import Ints
from manymasks.callbacks import OnProgress, ignore_progress
from manymasks.config.rewards import RewardTraining
from manymasks.config.training import Training
from manymasks.corpora.processes.masks import (
    BOS,
    FIRST_LETTER,
    FIRST_PREMISE,
    LETTERS,
    OPENING,
    PREMISES,
)
from manymasks.models.text_reader import text_reader
from manymasks.models.transformer import Transformer
from manymasks.training.optimizer import Optimizer
from manymasks.training.schedule import learning_rate
from manymasks.truth.reward_optimum import RewardOptimum

DECAY = 0.5
"""Share of the steps at the end over which the rate falls to 0."""
LETTER_TOKENS = slice(FIRST_LETTER, FIRST_LETTER + len(LETTERS))


@dataclass(frozen=True)
class LetterLogs:
    """ln p of letters among letters, (members, documents, letters, 3)."""

    now: Tensor
    start: Tensor
    """The same of the members at the start, without gradients."""


def letter_logs(model: Transformer, documents: Tensor) -> Tensor:
    """ln p (members, documents, letters, 3) of each letter among letters."""
    logits = model(documents[..., :-1])[..., OPENING - 1 :, LETTER_TOKENS]
    return torch.log_softmax(logits, -1)


def letter_gains(logs: LetterLogs, rewards: Tensor) -> Tensor:
    """Expected reward minus KL to the start at each letter, (members, documents, letters), given
    the letters before it. `rewards`: of each letter at each position, shaped as the logarithms."""
    chances = logs.now.exp()
    return (chances * (rewards - logs.now + logs.start)).sum(-1)


def later_gains(gains: Tensor) -> Tensor:
    """Sum of the gains after each letter, (..., letters)."""
    return gains.flip(-1).cumsum(-1).flip(-1) - gains


def advantages(later: Tensor, premises: int) -> Tensor:
    """Gains after each letter (members, documents, letters) minus their mean over the other
    documents of the same premise. Documents of a premise are consecutive, and as many of each."""
    members, documents, letters = later.shape
    groups = later.view(members, premises, documents // premises, letters)
    others = groups.shape[2] - 1
    centred = groups - groups.mean(2, keepdim=True)
    return (centred * ((others + 1) / others)).view_as(later)


def reward_loss(logs: LetterLogs, documents: Tensor, rewards: Tensor, premises: int) -> Tensor:
    """The loss (members,) whose gradient estimates that of minus the gains of a letter."""
    gains = letter_gains(logs, rewards)
    written = documents[..., OPENING:, None] - FIRST_LETTER
    score = logs.now.gather(-1, written)[..., 0]
    weight = advantages(later_gains(gains.detach()), premises)
    return -(gains + score * weight).mean((1, 2))


def write_documents(
    model: Transformer, premise: Tensor, letters: int, generator: torch.Generator
) -> Tensor:
    """Documents (documents, 2 + letters) that a stack of one member writes after premises, counted
    from 0, letter by letter from its law among letters."""
    new = torch.stack((torch.full_like(premise, BOS), FIRST_PREMISE + premise), 1)
    columns = [new]
    with torch.no_grad():
        reader = text_reader(model, len(premise), OPENING + letters)
        for _ in range(letters):
            chances = torch.softmax(reader.read(new)[:, LETTER_TOKENS].double(), -1).cpu()
            drawn = torch.multinomial(chances, 1, generator=generator)
            new = FIRST_LETTER + drawn.to(premise.device)
            columns.append(new)
    return torch.cat(columns, 1)


def alone(model: Transformer, member: int) -> Transformer:
    """A copy of a member of a stack, as a stack of one."""
    one = Transformer(
        model.size,
        model.W_U.shape[1],
        model.context,
        [model.routes[member]],
        kernels="native" if model.is_native else "torch",
    ).to(model.W_U.device)
    with torch.no_grad():
        for name, weight in one.named_parameters():
            weight.copy_(model.get_parameter(name)[member : member + 1])
    return one.eval()


def measured_steps(settings: RewardTraining) -> set[int]:
    """Steps after which members are measured, the last among them."""
    return {max(round(share * settings.steps), 1) for share in (*settings.late, 1.0)}


def train_towards(
    model: Transformer,
    optimum: RewardOptimum,
    settings: RewardTraining,
    seeds: Sequence[Sequence[int]],
    *,
    imitates: bool,
    report: OnProgress = ignore_progress,
) -> Iterator[int]:
    """Train a stack in place, and yield the number of steps whenever it is in `measured_steps`.
    `imitates`: learn documents of the optimum, in the place of the reward on documents of the
    members. `seeds`: of the documents of each member, numbers that are not negative."""
    start, weights = copy.deepcopy(model), dict(model.named_parameters())
    device, members = model.W_U.device, model.members
    schedule = Training(
        optimizer="adamw", batch=settings.batch, steps=settings.steps, warmup=0, decay=DECAY,
        weight_decay=0,
    )  # fmt: skip
    optimizer, measured = Optimizer(weights, schedule), measured_steps(settings)
    draws = [_Documents(optimum, settings.batch, parts) for parts in seeds]
    for step in range(1, settings.steps + 1):
        if imitates:
            documents = torch.stack([draw.drawn() for draw in draws]).to(device)
            loss = model.nats(documents)
        else:
            written = [draw.written(alone(model, place)) for place, draw in enumerate(draws)]
            documents = torch.stack([tokens for tokens, _ in written]).to(device)
            rewards = torch.stack([values for _, values in written]).to(model.W_U)
            with torch.no_grad():
                before = letter_logs(start, documents)
            logs = LetterLogs(letter_logs(model, documents), before)
            loss = reward_loss(logs, documents, rewards, len(PREMISES))
        rate = learning_rate(step - 1, schedule, settings.learning_rate)
        gradients = torch.autograd.grad(loss.sum(), list(weights.values()))
        optimizer.step(
            {name: one.contiguous() for name, one in zip(weights, gradients, strict=True)},
            torch.full((members,), rate, device=device),
            torch.ones(members, dtype=torch.bool, device=device),
        )
        report(step, settings.steps)
        if step in measured:
            yield step


class _Documents:
    """Documents of one member, from generators of its seeds."""

    def __init__(self, optimum: RewardOptimum, batch: int, seeds: Sequence[int]) -> None:
        self._optimum = optimum
        self._rng = np.random.default_rng(seeds)
        self._generator = torch.Generator().manual_seed(int(self._rng.integers(2**62)))
        self._premise: Ints = np.repeat(np.arange(len(PREMISES)), batch // len(PREMISES))

    def drawn(self) -> Tensor:
        """Of the optimum."""
        return torch.from_numpy(self._optimum.draw(self._premise, self._rng))

    def written(self, model: Transformer) -> tuple[Tensor, Tensor]:
        """Those that the member writes, and what each letter would add to their reward, (documents,
        letters, 3)."""
        premise = torch.from_numpy(self._premise).to(model.W_U.device)
        letters = self._optimum.letters
        tokens = write_documents(model, premise, letters, self._generator).cpu()
        return tokens, torch.tensor(self._optimum.gains(tokens.numpy()))
