"""How members judge what others write, and what they write when they are asked again.

The KL of two laws of texts is the mean, over texts that the first writes, of the sum over steps
of the KL of the next-token laws: with that in place of log p_a(y) - log p_b(y) the estimate is
still unbiased, varies less and is never negative (Amini, Vieira & Cotterell 2025: the
Rao-Blackwell estimator). A text that ends early has fewer steps.

Of what is as large as the vocabulary a few arrays are held at once, each of one batch of prompts.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from manymasks.arrays import BoolArray, FloatArray, IntArray
from manymasks.callbacks import OnProgress, ignore_progress
from manymasks.models.transformer import Transformer
from manymasks.rollouts.sampling import Noise, Rule, Texts, chosen


@dataclass(frozen=True)
class Along:
    """Sums over the tokens of each text, nats: writers, readers, prompts.

    - `kl` (m, m, n): KL(p_a || p_b) of the next-token laws along the texts of a, exactly 0 for
      a member and itself; the rounding of a mean is below 1e-6
    - `cross` (m, m, n): -log p_b of the tokens of a
    - `tokens` (m, n): of the texts of a
    """

    kl: FloatArray
    cross: FloatArray
    tokens: FloatArray


@dataclass(frozen=True)
class Again:
    """Members against themselves in other batches, over whole texts at once, (m, n) each.

    `kl` and `cross` as in `Along`; `steps` and `is_censored` as of `first_differences`: where the
    member would first write another token.
    """

    kl: FloatArray
    cross: FloatArray
    steps: IntArray
    is_censored: BoolArray


def along_texts(
    models: Sequence[Transformer],
    prompts: Tensor,
    texts: Texts,
    temperature: float,
    *,
    batch: int,
    report: OnProgress = ignore_progress,
) -> Along:
    """Each member on what each has written.

    Args:
        models: m stacks of one member each.
        prompts: (n, tokens) token ids.
        texts: what they wrote after them.
        temperature: of all laws.
        batch: prompts in one forward pass.
        report: told writers done, of how many.
    """
    members, count, _ = texts.tokens.shape
    sums = np.zeros((2, members, members, count))
    for a in range(members):
        for rows, shown, wrote, lengths in _batches(prompts, texts, a, batch):
            inside = _inside(wrote, lengths)
            own = _laws(models[a], shown, wrote, temperature)
            p = own.exp()
            for b, model in enumerate(models):
                law = own if b == a else _laws(model, shown, wrote, temperature)
                true = law.gather(-1, wrote[..., None])[..., 0]
                sums[1, a, b, rows] = _total(-true, inside)
                if b != a:
                    sums[0, a, b, rows] = _total(_relative(p, own, law), inside)
        report(a + 1, members)
    return Along(sums[0], sums[1], texts.lengths.astype(np.float64))


def along_continuation(
    models: Sequence[Transformer],
    prompts: Tensor,
    continuation: Tensor,
    temperature: float,
    *,
    batch: int,
) -> FloatArray:
    """Sum of KL(p_a || p_b) along the tokens (n, L) that follow the prompts in the text, (m, m, n).

    Other arguments as of `along_texts`. All members read the same, so that a law is made once for
    each batch; m of them are held, of so many prompts as `batch` / m, one at least.
    """
    members, count = len(models), len(prompts)
    sums = np.zeros((members, members, count))
    step = max(1, batch // members)
    for begin in range(0, count, step):
        rows = slice(begin, begin + step)
        follows = continuation[rows]
        laws = [_laws(model, prompts[rows], follows, temperature) for model in models]
        for a, own in enumerate(laws):
            p = own.exp()
            for b, law in enumerate(laws):
                if b != a:
                    kl = _relative(p, own, law.clone())
                    sums[a, b, rows] = kl.sum(-1, dtype=torch.float64).cpu().numpy()
    return sums


def again(
    models: Sequence[Transformer],
    prompts: Tensor,
    texts: Texts,
    rule: Rule,
    *,
    batch: int,
    other: int,
) -> Again:
    """The noise floor: every member on its own texts, `other` prompts at a time.

    What it would write is found from whole texts at once, where they were written token by token:
    up to the first difference that is the same text. KL is of whole texts in both batches, in
    float64. Arguments as of `write` and `along_texts`.
    """
    members, count, length = texts.tokens.shape
    sums = np.zeros((2, members, count))
    differs = np.zeros((members, count, length), dtype=bool)
    vocabulary = models[0].W_U.shape[1]
    for begin in range(0, count, batch):
        several = range(begin, min(begin + batch, count))
        noise = Noise(rule.seed, several, vocabulary)
        drawn = [noise.next(prompts.device) for _ in range(length)]
        for a, model in enumerate(models):
            rows, shown, wrote, lengths = next(_batches(prompts, texts, a, batch, begin))
            inside = _inside(wrote, lengths)
            whole = _logits(model, shown, wrote)
            for part in torch.split(torch.arange(len(wrote), device=wrote.device), other):
                found = _logits(model, shown[part], wrote[part])
                places = rows.start + part.cpu().numpy()
                for step, each in enumerate(drawn):
                    token = chosen(
                        found[:, step], rule.temperature, None if each is None else each[part]
                    )
                    differs[a, places, step] = (token != wrote[part, step]).cpu().numpy()
                p, q = (
                    (logits.double() / rule.temperature).log_softmax(-1)
                    for logits in (whole[part], found)
                )
                true = q.gather(-1, wrote[part][..., None])[..., 0]
                sums[0, a, places] = _total((p.exp() * (p - q)).sum(-1), inside[part])
                sums[1, a, places] = _total(-true, inside[part])
    differs &= np.arange(length) < texts.lengths[..., None]
    steps, is_censored = _first(differs, texts.lengths)
    return Again(sums[0], sums[1], steps, is_censored)


def continuation_again(
    models: Sequence[Transformer],
    prompts: Tensor,
    continuation: Tensor,
    temperature: float,
    *,
    batch: int,
    other: int,
) -> FloatArray:
    """Sum of KL of every member and itself in other batches along the real text, (m, n).

    Arguments as of `along_continuation` and `again`.
    """
    count, length = continuation.shape
    same = continuation.cpu().numpy()[None].repeat(len(models), 0)
    nothing = np.zeros(same.shape)
    texts = Texts(same, np.full((len(models), count), length), nothing, nothing, nothing)
    rule = Rule(temperature)
    return again(models, prompts, texts, rule, batch=batch, other=other).kl


def first_differences(texts: Texts) -> tuple[IntArray, BoolArray]:
    """The token on which two members first differ, and whether there is none, (m, m, n) each.

    The first token is 1; where there is none, the tokens written: both texts are the same then, to
    the end of text, after which they can never part, or as long as they were let. The diagonal
    compares nothing.
    """
    tokens = texts.tokens
    # What follows an end of text is the same for both, and that they end is a difference before.
    differs = tokens[:, None] != tokens[None]
    return _first(differs, np.minimum(texts.lengths[:, None], texts.lengths[None]))


def _first(differs: BoolArray, lengths: IntArray) -> tuple[IntArray, BoolArray]:
    is_censored = np.asarray(~differs.any(-1))
    return np.where(is_censored, lengths, differs.argmax(-1) + 1), is_censored


def _batches(
    prompts: Tensor, texts: Texts, member: int, batch: int, begin: int = 0
) -> Iterator[tuple[slice, Tensor, Tensor, Tensor]]:
    """Which prompts, they themselves, what a member wrote after them and its lengths."""
    for at in range(begin, len(prompts), batch):
        rows = slice(at, min(at + batch, len(prompts)))
        wrote, lengths = (
            torch.from_numpy(each[member, rows]).to(prompts.device)
            for each in (texts.tokens, texts.lengths)
        )
        yield rows, prompts[rows], wrote, lengths


def _logits(model: Transformer, prompts: Tensor, texts: Tensor) -> Tensor:
    """Of every token of the texts, (prompts, length, vocabulary)."""
    windows = torch.cat((prompts, texts[:, :-1]), dim=1)
    logits: Tensor = model(windows.unsqueeze(0), texts.shape[1])
    return logits[0].float()


def _laws(model: Transformer, prompts: Tensor, texts: Tensor, temperature: float) -> Tensor:
    return (_logits(model, prompts, texts) / temperature).log_softmax(-1)


def _relative(p: Tensor, log_p: Tensor, log_q: Tensor) -> Tensor:
    """KL of laws (..., vocabulary), (...); overwrites log_q with the difference.

    Of the difference, not of two entropies: what is equal cancels before it is rounded.
    """
    found: Tensor = torch.linalg.vecdot(p, log_q.sub_(log_p))
    return found.neg_()


def _inside(texts: Tensor, lengths: Tensor) -> Tensor:
    """(prompts, length) which tokens are text."""
    return torch.arange(texts.shape[1], device=texts.device) < lengths[:, None]


def _total(values: Tensor, inside: Tensor) -> FloatArray:
    """Sum (prompts,) of what is inside, float64."""
    return np.asarray(values.where(inside, 0).sum(-1, dtype=torch.float64).cpu().numpy())
