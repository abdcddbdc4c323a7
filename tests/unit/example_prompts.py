"""Prompts of `masks` for mask spectroscopy."""

import functools

import numpy as np

from manymasks.config.analyses import Statistics
from manymasks.corpora.processes.registry import process
from manymasks.truth.spectroscopy import LONGEST_PROMPT, MaskPrompts, mask_prompts

STATISTICS = Statistics(resamples=200)
AFTER = (0, 1, 2, 4, 16, LONGEST_PROMPT)


@functools.cache
def plain(documents: int = 60, letters: tuple[int, ...] = AFTER) -> MaskPrompts:
    """Documents as they are drawn, after so many letters."""
    known = process("masks")
    tokens = known.draw(documents, np.random.default_rng(0))
    return mask_prompts(known, tokens, letters, "plain")
