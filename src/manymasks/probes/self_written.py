"""Contexts that models write themselves, by temperature.

What a model writes is likely to it and yet drifts from text: at a low temperature into loops, at
a high one into noise. Members that are compared must not be those that write, or they would read
their own text beside that of others: reference seeds write.
"""

from collections.abc import Callable, Sequence

import numpy as np
import numpy.typing as npt

from manymasks.callbacks import OnProgress, ignore_progress
from manymasks.config.probes import Probe
from manymasks.kinds.families import FAMILIES, description
from manymasks.probes.contexts import Contexts, probe_windows
from manymasks.probes.windows import Tokens

Reading = Callable[[Tokens], npt.NDArray[np.floating]]
"""The next tokens (n, positions) of n texts to the logits (n, vocabulary) of what comes after."""
Writer = Callable[[int, int], Reading]
"""Begins to read so many texts, of so many tokens at most."""


def self_generated(
    settings: Probe,
    documents: Sequence[tuple[str, Tokens]],
    writers: Sequence[Writer],
    *,
    context: int,
    end_of_text: int,
    report: OnProgress = ignore_progress,
) -> Contexts:
    """Windows of text whose contexts models have written; pure in its arguments.

    Column 0 stays, as in all families: it is the end of text or a token of the document, and
    training begins windows with either. The windows are dealt to the writers, so that those of one
    document have several.

    Args:
        settings: temperatures, numbers and seed.
        documents: (id, token ids) of the measure split.
        writers: one for each reference member.
        context: tokens of a window before its last target.
        end_of_text: what stands before a document's first token.
        report: told how many tokens of a context are written.

    Raises:
        UserError: if the windows chosen are of fewer than two documents.
        ValueError: if there is no writer, or the settings lack `scored`.
    """
    if settings.scored is None or not writers:
        raise ValueError("contexts need a writer and scored tokens after them")
    windows = probe_windows(settings, documents, context=context, end_of_text=end_of_text)
    temperatures = settings.severities or FAMILIES[settings.family].severities
    levels = written(
        windows.tokens[:, :1],
        context - settings.scored,
        writers,
        temperatures,
        never=end_of_text,
        seed=settings.seed,
        report=report,
    )
    suffix = windows.tokens[:, -settings.scored :]
    tokens = [windows.tokens, *(np.concatenate([level, suffix], axis=1) for level in levels)]
    descriptions = tuple(description(settings.family, severity) for severity in (0, *temperatures))
    return Contexts(np.stack(tokens), windows.documents, settings.scored, descriptions)


def written(
    beginnings: Tokens,
    length: int,
    writers: Sequence[Writer],
    temperatures: Sequence[float],
    *,
    never: int,
    seed: int,
    report: OnProgress = ignore_progress,
) -> Tokens:
    """Beginnings (n, b) with `length` tokens written after them, (temperatures, n, b + length).

    Beginning i is of writer i mod writers. Tokens are drawn by the Gumbel-max trick: the largest of
    logits / temperature + noise, with the same noise at each temperature, so that temperatures
    differ in what they do and not in their luck. Ties go to the lowest id. `never` is not written:
    an end of text would say that all before it is another document.

    The noise is drawn anew from the seed at each step: none is kept. A writer reads each token
    once, and keeps what it has read of all its texts.
    """
    count, begin = beginnings.shape
    scale = np.array(temperatures, dtype=np.float64)[:, None, None]
    tokens = np.empty((len(temperatures), count, begin + length), dtype=np.int64)
    tokens[..., :begin] = beginnings
    # Writers beyond the windows have nothing to write.
    shares = [slice(first, None, len(writers)) for first in range(min(len(writers), count))]
    readings = [
        writer(tokens[:, rows, 0].size, begin + length)
        for writer, rows in zip(writers, shares, strict=False)
    ]
    read = 0
    for place in range(begin, begin + length):
        generator = np.random.default_rng([seed, place])
        noise = None
        for reading, rows in zip(readings, shares, strict=True):
            new = tokens[:, rows, read:place]
            logits = np.array(reading(new.reshape(-1, place - read)), dtype=np.float64)
            logits[:, never] = -np.inf
            if noise is None:
                noise = generator.gumbel(size=(count, logits.shape[1]))
            scores = logits.reshape(*new.shape[:2], -1) / scale + noise[rows]
            tokens[:, rows, place] = scores.argmax(-1)
        read = place
        report(place - begin + 1, length)
    return tokens
