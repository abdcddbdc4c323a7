"""Contexts that models write themselves, by temperature.

Text sampled from a model is likely under it, yet drifts from real text: into loops at low
temperatures, into noise at high ones. Reference seeds write, because a compared member would read
its own samples beside those of others.
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
"""New tokens (n, positions) of n texts to the logits (n, vocabulary) of the token after them."""
Writer = Callable[[int, int], Reading]
"""Begins to read a number of texts with a maximum number of tokens."""


def self_written_contexts(
    settings: Probe,
    documents: Sequence[tuple[str, Tokens]],
    writers: Sequence[Writer],
    *,
    context: int,
    end_of_text: int,
    report: OnProgress = ignore_progress,
) -> Contexts:
    """Windows of text with contexts that models write; a pure function of its arguments.

    Column 0 stays, as in all families. Windows are dealt to the writers, one for each reference
    member, in turn, so the windows of one document have several. `report` takes the tokens written
    of each context. Raises UserError if the windows come from fewer than two documents, and
    ValueError without a writer, or if the settings lack `scored`.
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
    descriptions = tuple(description(settings.family, value) for value in (0, *temperatures))
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
    """Beginnings (n, b) with `length` sampled tokens after them, (temperatures, n, b + length).

    Beginning i belongs to writer i mod writers. Tokens are sampled by the Gumbel-max trick: the
    largest of logits / temperature + noise, with the same noise at each temperature, which makes
    temperatures comparable. Ties go to the lowest id. `never` is not written: an end of text would
    declare everything before it another document. The noise of a step follows from the seed.
    """
    count, begin = beginnings.shape
    scale = np.array(temperatures, dtype=np.float64)[:, None, None]
    tokens = np.empty((len(temperatures), count, begin + length), dtype=np.int64)
    tokens[..., :begin] = beginnings
    # There may be more writers than windows.
    rows_of_writers = [slice(i, None, len(writers)) for i in range(min(len(writers), count))]
    readings = [
        writer(tokens[:, rows, 0].size, begin + length)
        for writer, rows in zip(writers, rows_of_writers, strict=False)
    ]
    read = 0
    for position in range(begin, begin + length):
        generator = np.random.default_rng([seed, position])
        noise = None
        for reading, rows in zip(readings, rows_of_writers, strict=True):
            new = tokens[:, rows, read:position]
            logits = np.array(reading(new.reshape(-1, position - read)), dtype=np.float64)
            logits[:, never] = -np.inf
            if noise is None:
                noise = generator.gumbel(size=(count, logits.shape[1]))
            scores = logits.reshape(*new.shape[:2], -1) / scale + noise[rows]
            tokens[:, rows, position] = scores.argmax(-1)
        read = position
        report(position - begin + 1, length)
    return tokens
