"""Texts that members write after the same prompts: greedy, or with the noise of all.

A token is argmax(logits / temperature + noise), with noise of Gumbel's law a draw from the
softmax (Gumbel 1954; Maddison, Tarlow & Minka 2014). With the same noise two members choose the
same token with a probability of (1 - TV) / (1 + TV) at least, TV the total variation of their
laws, where independent draws would part at once: what they still do differently is theirs.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
import torch
from torch import Tensor

from manymasks.arrays import FloatArray, IntArray
from manymasks.callbacks import OnProgress, ignore_progress
from manymasks.models.kv_cache import Reader
from manymasks.models.transformer import Transformer

Mode = Literal["greedy", "shared-noise"]

MODES: tuple[Mode, ...] = ("greedy", "shared-noise")
NOISE = 1
"""Tells the streams of noise from others of the same seed: windows are chosen with a 0."""


@dataclass(frozen=True)
class Rule:
    """How the next token follows from logits.

    `temperature` divides them; with a `seed` there is noise, without one none. Laws (losses,
    entropies, margins) are those at this temperature.
    """

    temperature: float = 1.0
    seed: int | None = None


def rule_of(mode: Mode, temperature: float, seed: int) -> Rule:
    """Greedy texts are of the laws as they are; only what is sampled has a temperature."""
    return Rule() if mode == "greedy" else Rule(temperature, seed)


@dataclass(frozen=True)
class Texts:
    """What m members wrote after n prompts, L tokens each, (m, n, L) but `lengths`.

    - `tokens`: from the end of a text on, 0 in what follows
    - `lengths` (m, n): tokens of each text, its end of text the last of them where it has one
    - `log_p`: log-probability of each token under the law it was chosen from, nats
    - `entropy`: of that law, nats
    - `margin`: log-probability of its first-ranked token less that of its second, nats
    """

    tokens: IntArray
    lengths: IntArray
    log_p: FloatArray
    entropy: FloatArray
    margin: FloatArray


def write(
    models: Sequence[Transformer],
    prompts: Tensor,
    length: int,
    rule: Rule,
    *,
    batch: int,
    end_of_text: int,
    report: OnProgress = ignore_progress,
) -> Texts:
    """What each member writes; pure in its arguments, whatever the device.

    Args:
        models: stacks of one member each.
        prompts: (n, tokens) token ids.
        length: tokens written at most: an end of text ends a text.
        rule: how tokens are chosen; ties go to the lowest token.
        batch: prompts in one forward pass.
        end_of_text: the token.
        report: told tokens written of each prompt and in all.

    Raises:
        ValueError: where a prompt and what follows it are longer than a context.
    """
    parts = []
    done, total = 0, len(prompts) * length
    for begin in range(0, len(prompts), batch):
        several = prompts[begin : begin + batch]
        noise = Noise(rule.seed, range(begin, begin + len(several)), models[0].W_U.shape[1])
        readers = [Reader(model, len(several), several.shape[1] + length) for model in models]
        seen: list[Tensor] = [several] * len(models)
        steps: list[Tensor] = []
        for _ in range(length):
            shared = noise.next(prompts.device)
            found = [
                _step(reader.read(new), rule.temperature, shared)
                for reader, new in zip(readers, seen, strict=True)
            ]
            seen = [token[:, None] for token, _ in found]
            steps.append(torch.stack([_with_token(*each) for each in found]))
            done += len(several)
            report(done, total)
        parts.append(torch.stack(steps, dim=2).cpu().numpy())
    tokens, log_p, entropy, margin = np.moveaxis(np.concatenate(parts, axis=1), -1, 0)
    ids = tokens.astype(np.int64)
    is_end = ids == end_of_text
    lengths = np.where(is_end.any(2), is_end.argmax(2) + 1, length)
    inside = np.arange(length) < lengths[..., None]
    of_laws = (np.where(inside, each, 0.0) for each in (log_p, entropy, margin))
    return Texts(np.where(inside, ids, 0), lengths, *of_laws)


class Noise:
    """Gumbel noise, a stream of its own for each prompt, so that batches change nothing.

    Args:
        seed: None for no noise.
        prompts: their places.
        vocabulary: numbers for each prompt and step.
    """

    def __init__(self, seed: int | None, prompts: Sequence[int], vocabulary: int) -> None:
        self._streams = [
            np.random.default_rng([seed, NOISE, prompt]) for prompt in prompts if seed is not None
        ]
        self._vocabulary = vocabulary

    def next(self, device: torch.device) -> Tensor | None:
        """(prompts, vocabulary) of the next step, float32: -log of exponential numbers.

        They are drawn in float64: the small ones, which make the large noise by which unlikely
        tokens are chosen, are few and far apart in float32, and 0 among them.
        """
        if not self._streams:
            return None
        drawn = np.empty((len(self._streams), self._vocabulary))
        for stream, row in zip(self._streams, drawn, strict=True):
            stream.standard_exponential(out=row)
        return torch.from_numpy(-np.log(drawn).astype(np.float32)).to(device)


def chosen(logits: Tensor, temperature: float, noise: Tensor | None) -> Tensor:
    """The token that follows logits (..., vocabulary), (...)."""
    scores = logits.float() / temperature
    return (scores if noise is None else scores + noise).argmax(-1)


def _step(logits: Tensor, temperature: float, noise: Tensor | None) -> tuple[Tensor, Tensor]:
    """Tokens (n,), and of their laws log-probability, entropy and margin, (n, 3) float64."""
    token = chosen(logits, temperature, noise)
    log = (logits.float() / temperature).log_softmax(-1)
    first, second = log.topk(2).values.double().unbind(-1)
    log_p = log.gather(-1, token[:, None])[:, 0].double()
    entropy = -torch.linalg.vecdot(log.exp(), log).double()
    return token, torch.stack((log_p, entropy, first - second), dim=-1)


def _with_token(token: Tensor, numbers: Tensor) -> Tensor:
    """(n, 4): tokens are whole numbers far below 2^53."""
    return torch.cat((token[:, None].double(), numbers), dim=-1)
