"""The exact maximum of ln P over all prefixes up to a length: proof and witness in one."""

import numpy as np
import torch

from manymasks.arrays import Ints
from manymasks.callbacks import OnProgress, ignore_progress
from manymasks.models.member_model import MemberModel
from manymasks.models.text_reader import text_reader
from manymasks.universal.elites import AT_ONCE, Archive, Offer


def exhausted_length(vocabulary: int, most: int, context: int) -> int:
    """The greatest length with at most `most` prefixes, within the context; 0 if there is none."""
    length = 0
    while length < context and vocabulary ** (length + 1) <= most:
        length += 1
    return length


@torch.no_grad()
def offer_short_prefixes(
    model: MemberModel, longest: int, *archives: Archive, report: OnProgress = ignore_progress
) -> None:
    """Offer all prefixes of 1 to `longest` tokens to archives of a member.

    What prefixes of equal beginnings share is computed once. `model`: a stack of one member.
    `report` takes the beginnings done, of the longest prefixes.
    """
    vocabulary = model.W_U.shape[1]
    device = model.W_E.device
    tokens = torch.arange(vocabulary, device=device)
    for length in range(1, longest + 1):
        beginnings = vocabulary ** (length - 1)
        batch = max(AT_ONCE // vocabulary**2, 1)
        for begin in range(0, beginnings, batch):
            starts = _prefixes(begin, min(begin + batch, beginnings), vocabulary, length - 1)
            cached = text_reader(model, len(starts), length)
            if length > 1:
                cached.read(torch.from_numpy(starts).to(device))
            branches = cached.repeated(vocabulary)
            last = tokens.repeat(len(starts))
            logits = branches.read(last[:, None])

            def prefix(row: int, starts: Ints = starts) -> Ints:
                return np.append(starts[row // vocabulary], row % vocabulary)

            offered = Offer(logits, last, prefix)
            for archive in archives:
                archive.offer(offered)
            if length == longest:
                report(min(begin + batch, beginnings), beginnings)


def _prefixes(begin: int, end: int, vocabulary: int, length: int) -> Ints:
    """Prefixes number `begin` to `end` of a length, in order, (end - begin, length)."""
    numbers = np.arange(begin, end)
    digits = [numbers // vocabulary**power % vocabulary for power in reversed(range(length))]
    return np.stack(digits, axis=1) if digits else np.empty((end - begin, 0), np.int64)
