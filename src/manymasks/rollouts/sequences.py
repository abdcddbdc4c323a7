"""Divergence of members along the texts of others, and the noise floor of rewriting.

The KL of two laws of texts is the mean, over texts of the first, of the sum over steps of the KL of
the next-token laws. Compared with log p_a(y) - log p_b(y), this estimate is also unbiased, has a
lower variance and is never negative (Amini, Vieira & Cotterell 2025: the Rao-Blackwell estimator).
A text that ends early has fewer steps.

Only a few arrays with the vocabulary are held at once, each of one batch of prompts.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from manymasks.arrays import Bools, Floats, Ints
from manymasks.callbacks import OnProgress, ignore_progress
from manymasks.models.member_model import MemberModel
from manymasks.rollouts.sampling import GumbelNoise, Rule, Texts, chosen


@dataclass(frozen=True)
class Along:
    """Sums over the tokens of each text, nats, of writers, readers and prompts: `kl` (m, m, n),
    KL(p_a || p_b) of the next-token laws along the texts of a, exactly 0 on the diagonal; `cross`
    (m, m, n), -log p_b of the tokens of a; `tokens` (m, n) of the texts of a."""

    kl: Floats
    cross: Floats
    tokens: Floats


@dataclass(frozen=True)
class Again:
    """Members compared with themselves in other batches, over whole texts, (m, n) each. `kl` and
    `cross` as in `Along`; `steps` and `is_censored` as from `first_differences`: the first token
    that differs when the member writes again."""

    kl: Floats
    cross: Floats
    steps: Ints
    is_censored: Bools


def along_texts(
    models: Sequence[MemberModel],
    prompts: Tensor,
    texts: Texts,
    temperature: float,
    *,
    batch: int,
    report: OnProgress = ignore_progress,
) -> Along:
    """Each member, a stack of one, on the texts of each, `batch` prompts in one forward pass."""
    members, count, _ = texts.tokens.shape
    sums = np.zeros((2, members, members, count))
    for a in range(members):
        for rows, context, written, lengths in _batches(prompts, texts, a, batch):
            inside = _inside(written, lengths)
            log_p = _log_laws(models[a], context, written, temperature)
            p = log_p.exp()
            for b, model in enumerate(models):
                log_q = log_p if b == a else _log_laws(model, context, written, temperature)
                true = log_q.gather(-1, written[..., None])[..., 0]
                sums[1, a, b, rows] = _total(-true, inside)
                if b != a:
                    sums[0, a, b, rows] = _total(_relative(p, log_p, log_q), inside)
        report(a + 1, members)
    return Along(sums[0], sums[1], texts.lengths.astype(np.float64))


def along_continuation(
    models: Sequence[MemberModel],
    prompts: Tensor,
    continuation: Tensor,
    temperature: float,
    *,
    batch: int,
) -> Floats:
    """Sum of KL(p_a || p_b) along the tokens (n, L) that follow the prompts in the text, (m, m, n).
    Other arguments as in `along_texts`. All members read the same text, so each log_q is computed
    once a batch; m laws are held at once, for `batch` / m prompts, at least one."""
    members, count = len(models), len(prompts)
    sums = np.zeros((members, members, count))
    step = max(1, batch // members)
    for begin in range(0, count, step):
        rows = slice(begin, begin + step)
        continued = continuation[rows]
        laws = [_log_laws(model, prompts[rows], continued, temperature) for model in models]
        for a, log_p in enumerate(laws):
            p = log_p.exp()
            for b, log_q in enumerate(laws):
                if b != a:
                    kl = _relative(p, log_p, log_q.clone())
                    sums[a, b, rows] = kl.sum(-1, dtype=torch.float64).cpu().numpy()
    return sums


def again(
    models: Sequence[MemberModel],
    prompts: Tensor,
    texts: Texts,
    rule: Rule,
    *,
    batch: int,
    other: int,
) -> Again:
    """The noise floor: every member on its own texts, `other` prompts at a time. The rewritten text
    is computed from the whole text at once instead of token by token; both agree up to the first
    difference. KL is that of whole texts in both batches, in float64."""
    members, count, length = texts.tokens.shape
    sums = np.zeros((2, members, count))
    differs = np.zeros((members, count, length), dtype=bool)
    vocabulary = models[0].W_U.shape[1]
    for begin in range(0, count, batch):
        indices = range(begin, min(begin + batch, count))
        noise = GumbelNoise(rule.seed, indices, vocabulary)
        noises = [noise.next(prompts.device) for _ in range(length)]
        for a, model in enumerate(models):
            rows, context, written, lengths = next(_batches(prompts, texts, a, batch, begin))
            inside = _inside(written, lengths)
            whole = _logits(model, context, written)
            for part in torch.split(torch.arange(len(written), device=written.device), other):
                logits_again = _logits(model, context[part], written[part])
                positions = rows.start + part.cpu().numpy()
                for step, noise_of_step in enumerate(noises):
                    token = chosen(
                        logits_again[:, step],
                        rule.temperature,
                        None if noise_of_step is None else noise_of_step[part],
                    )
                    differs[a, positions, step] = (token != written[part, step]).cpu().numpy()
                p, q = (
                    (logits.double() / rule.temperature).log_softmax(-1)
                    for logits in (whole[part], logits_again)
                )
                true = q.gather(-1, written[part][..., None])[..., 0]
                sums[0, a, positions] = _total((p.exp() * (p - q)).sum(-1), inside[part])
                sums[1, a, positions] = _total(-true, inside[part])
    differs &= np.arange(length) < texts.lengths[..., None]
    steps, is_censored = _first(differs, texts.lengths)
    return Again(sums[0], sums[1], steps, is_censored)


def continuation_again(
    models: Sequence[MemberModel],
    prompts: Tensor,
    continuation: Tensor,
    temperature: float,
    *,
    batch: int,
    other: int,
) -> Floats:
    """Sum of KL of every member from itself in other batches along the real text, (m, n). Arguments
    as in `along_continuation` and `again`."""
    count, length = continuation.shape
    same = continuation.cpu().numpy()[None].repeat(len(models), 0)
    unused = np.zeros(same.shape)
    texts = Texts(same, np.full((len(models), count), length), unused, unused, unused)
    rule = Rule(temperature)
    return again(models, prompts, texts, rule, batch=batch, other=other).kl


def first_differences(texts: Texts) -> tuple[Ints, Bools]:
    """The first token, from 1, on which two members differ, and whether there is none, (m, m, n)
    each. If there is none, the number of tokens written: both texts are equal, to their end of text
    or to the maximum length. The diagonal has no meaning."""
    tokens = texts.tokens
    # Tokens after an end of text are equal; a text that ends earlier differs at its end of text.
    differs = tokens[:, None] != tokens[None]
    return _first(differs, np.minimum(texts.lengths[:, None], texts.lengths[None]))


def _first(differs: Bools, lengths: Ints) -> tuple[Ints, Bools]:
    is_censored = np.asarray(~differs.any(-1))
    return np.where(is_censored, lengths, differs.argmax(-1) + 1), is_censored


def _batches(
    prompts: Tensor, texts: Texts, member: int, batch: int, begin: int = 0
) -> Iterator[tuple[slice, Tensor, Tensor, Tensor]]:
    """Rows of prompts, these prompts, and the texts of a member after them with their lengths."""
    for start in range(begin, len(prompts), batch):
        rows = slice(start, min(start + batch, len(prompts)))
        written, lengths = (
            torch.from_numpy(values[member, rows]).to(prompts.device)
            for values in (texts.tokens, texts.lengths)
        )
        yield rows, prompts[rows], written, lengths


def _logits(model: MemberModel, prompts: Tensor, texts: Tensor) -> Tensor:
    """Logits of every token of the texts, (prompts, length, vocabulary)."""
    windows = torch.cat((prompts, texts[:, :-1]), dim=1)
    logits: Tensor = model(windows.unsqueeze(0), texts.shape[1])
    return logits[0].float()


def _log_laws(model: MemberModel, prompts: Tensor, texts: Tensor, temperature: float) -> Tensor:
    return (_logits(model, prompts, texts) / temperature).log_softmax(-1)


def _relative(p: Tensor, log_p: Tensor, log_q: Tensor) -> Tensor:
    """KL of laws (..., vocabulary), (...); overwrites log_q with the difference. From the
    difference of logarithms, not of two entropies, which reduces the rounding error."""
    negated: Tensor = torch.linalg.vecdot(p, log_q.sub_(log_p))
    return negated.neg_()


def _inside(texts: Tensor, lengths: Tensor) -> Tensor:
    """Mask (prompts, length) of the tokens of the texts."""
    return torch.arange(texts.shape[1], device=texts.device) < lengths[:, None]


def _total(values: Tensor, inside: Tensor) -> Floats:
    """Sum (prompts,) of the values inside, float64."""
    return np.asarray(values.where(inside, 0).sum(-1, dtype=torch.float64).cpu().numpy())
