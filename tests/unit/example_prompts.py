"""Prompts of `masks` for mask spectroscopy."""

import functools

import numpy as np

from manymasks.config.analyses import Statistics
from manymasks.corpora.processes.registry import process
from manymasks.truth.spectroscopy import LAST, Prompts, prompts_of

STATISTICS = Statistics(resamples=200)
AFTER = (0, 1, 2, 4, 16, LAST)


@functools.cache
def plain(documents: int = 60, letters: tuple[int, ...] = AFTER) -> Prompts:
    """Documents as they are drawn, after so many letters."""
    known = process("masks")
    tokens = known.draw(documents, np.random.default_rng(0))
    return prompts_of(known, tokens, letters, "plain")
