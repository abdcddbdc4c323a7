"""Texts that members write after the same prompts: greedy, or sampled with shared noise.

A token is argmax(logits / temperature + noise). With Gumbel noise it is a draw from the softmax
(Gumbel 1954; Maddison, Tarlow & Minka 2014). With the same noise two members choose the same token
with a probability of at least (1 - TV) / (1 + TV), TV the total variation of their laws.
Independent draws would differ at once; with shared noise differences are due to the members.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
import torch
from torch import Tensor

from manymasks.arrays import Floats, Ints
from manymasks.callbacks import OnProgress, ignore_progress
from manymasks.models.member_model import MemberModel
from manymasks.models.text_reader import text_reader

Mode = Literal["greedy", "shared-noise"]

MODES: tuple[Mode, ...] = ("greedy", "shared-noise")
NOISE = 1
"""Separates noise streams from others of the same seed: windows are chosen with a 0."""


@dataclass(frozen=True)
class Rule:
    """How the next token is chosen from logits. `temperature` divides them; `seed` is that of the
    noise, None for greedy. Losses, entropies and margins are those at this temperature."""

    temperature: float = 1.0
    seed: int | None = None


def rule_of(mode: Mode, temperature: float, seed: int) -> Rule:
    """The rule of a mode: greedy texts have a temperature of 1."""
    return Rule() if mode == "greedy" else Rule(temperature, seed)


@dataclass(frozen=True)
class Texts:
    """Texts of m members after n prompts, up to L tokens, (m, n, L) each; 0 after the end of a
    text.

    `lengths` (m, n): tokens of each text, including its end of text. `log_p` of each token under
    its law and `entropy` of the law, in nats; `margin`: log-probability of its first-ranked token
    minus that of the second.
    """

    tokens: Ints
    lengths: Ints
    log_p: Floats
    entropy: Floats
    margin: Floats


def write(
    models: Sequence[MemberModel],
    prompts: Tensor,
    length: int,
    rule: Rule,
    *,
    batch: int,
    end_of_text: int,
    report: OnProgress = ignore_progress,
) -> Texts:
    """The texts of all members, at most `length` tokens each; a pure function of its arguments on
    any device. Ties go to the lowest id. `models`: stacks of one member each. `batch`: prompts in
    one pass. Raises ValueError if a prompt and its continuation are longer than the context."""
    parts = []
    done, total = 0, len(prompts) * length
    for begin in range(0, len(prompts), batch):
        some_prompts = prompts[begin : begin + batch]
        noise = GumbelNoise(
            rule.seed, range(begin, begin + len(some_prompts)), models[0].W_U.shape[1]
        )
        readers = [
            text_reader(model, len(some_prompts), some_prompts.shape[1] + length)
            for model in models
        ]
        seen: list[Tensor] = [some_prompts] * len(models)
        steps: list[Tensor] = []
        for _ in range(length):
            shared = noise.next(prompts.device)
            chosen_tokens = [
                _step(reader.read(new), rule.temperature, shared)
                for reader, new in zip(readers, seen, strict=True)
            ]
            seen = [token[:, None] for token, _ in chosen_tokens]
            # (n, 4) float64 for each reader, exact for token ids.
            columns = [torch.cat((token[:, None].double(), x), -1) for token, x in chosen_tokens]
            steps.append(torch.stack(columns))
            done += len(some_prompts)
            report(done, total)
        parts.append(torch.stack(steps, dim=2).cpu().numpy())
    tokens, log_p, entropy, margin = np.moveaxis(np.concatenate(parts, axis=1), -1, 0)
    ids = tokens.astype(np.int64)
    is_end = ids == end_of_text
    lengths = np.where(is_end.any(2), is_end.argmax(2) + 1, length)
    inside = np.arange(length) < lengths[..., None]
    scores = (np.where(inside, values, 0.0) for values in (log_p, entropy, margin))
    return Texts(np.where(inside, ids, 0), lengths, *scores)


class GumbelNoise:
    """Gumbel noise, with a separate stream for each prompt: independent of batches. `seed`: None
    for no noise. `prompts`: their indices. `vocabulary`: numbers for each prompt and step."""

    def __init__(self, seed: int | None, prompts: Sequence[int], vocabulary: int) -> None:
        self._streams = [
            np.random.default_rng([seed, NOISE, prompt]) for prompt in prompts if seed is not None
        ]
        self._vocabulary = vocabulary

    def next(self, device: torch.device) -> Tensor | None:
        """(prompts, vocabulary) of the next step, float32: -log of exponential numbers. These are
        drawn in float64: float32 has few small numbers, and 0, but they give the large noise that
        selects unlikely tokens."""
        if not self._streams:
            return None
        numbers = np.empty((len(self._streams), self._vocabulary))
        for stream, row in zip(self._streams, numbers, strict=True):
            stream.standard_exponential(out=row)
        return torch.from_numpy(-np.log(numbers).astype(np.float32)).to(device)


def chosen(logits: Tensor, temperature: float, noise: Tensor | None) -> Tensor:
    """The token chosen from logits (..., vocabulary), (...)."""
    scores = logits.float() / temperature
    return (scores if noise is None else scores + noise).argmax(-1)


def _step(logits: Tensor, temperature: float, noise: Tensor | None) -> tuple[Tensor, Tensor]:
    """Tokens (n,), and log-probability, entropy and margin of their laws, (n, 3) float64."""
    token = chosen(logits, temperature, noise)
    log = (logits.float() / temperature).log_softmax(-1)
    first, second = log.topk(2).values.double().unbind(-1)
    log_p = log.gather(-1, token[:, None])[:, 0].double()
    entropy = -torch.linalg.vecdot(log.exp(), log).double()
    return token, torch.stack((log_p, entropy, first - second), dim=-1)
