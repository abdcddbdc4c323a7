"""The best prefix for every token: lower bounds of what some prefix attains, and refutations."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Protocol

import numpy as np
import torch
from torch import Tensor

from manymasks.arrays import Floats, Indices, Ints
from manymasks.models.language_model import LOGITS_AT_ONCE
from manymasks.models.member_model import MemberModel
from manymasks.models.pretrained_stack import PretrainedStack

AT_ONCE = 1 << 20
"""Logits in memory at once."""


@dataclass(frozen=True)
class Offer:
    """Prefixes that were tried, with what a member predicts after them."""

    logits: Tensor
    """(n, vocabulary)"""
    last: Tensor
    """(n,) last tokens of the prefixes."""
    prefix: Callable[[int], Ints]
    """The prefix of a row."""

    @cached_property
    def log_p(self) -> Tensor:
        """(n, vocabulary) ln P, in float32."""
        return self.logits - self.logits.logsumexp(1, keepdim=True)


class Archive(Protocol):
    """Keeps the best prefixes of those offered."""

    def offer(self, offered: Offer) -> None:
        """Keep what is better than before."""


@dataclass
class Elites:
    """A prefix for every token: the one after which it is most probable, of those offered."""

    log_p: Floats
    """(vocabulary,) ln P of the float32 logits, normalised in float64."""
    prefixes: list[Ints]
    """(vocabulary,) token ids; empty where nothing was offered."""

    @classmethod
    def empty(cls, vocabulary: int) -> "Elites":
        """Without prefixes: ln P is -inf."""
        return cls(np.full(vocabulary, -np.inf), [np.empty(0, np.int64)] * vocabulary)

    def copy(self) -> "Elites":
        """Independent of this one."""
        return Elites(self.log_p.copy(), list(self.prefixes))

    def offer(self, offered: Offer) -> None:
        """Keep what is better than before."""
        logits = offered.logits
        best, rows = offered.log_p.max(0)
        values, rows_of = best.cpu().numpy(), rows.cpu().numpy()
        # Rounding of float32 decides nothing: those that may be better are normalised again.
        tokens = np.flatnonzero(values > self.log_p - 1e-4)
        if not tokens.size:
            return
        used, inverse = np.unique(rows_of[tokens], return_inverse=True)
        chosen = logits[torch.from_numpy(used).to(logits.device)].double()
        totals = chosen.logsumexp(1).cpu().numpy()[inverse]
        exact = chosen.cpu().numpy()[inverse, tokens] - totals
        for token, row, log_p in zip(tokens, rows_of[tokens], exact, strict=True):
            if log_p > self.log_p[token]:
                self.log_p[token] = log_p
                self.prefixes[token] = offered.prefix(int(row))


@torch.no_grad()
def offer_windows(model: MemberModel, tokens: Ints, batch: int, *archives: Archive) -> None:
    """Offer every prefix of windows (n, positions) to archives of a member. `model`: a stack of
    one member. `batch`: windows in one pass."""
    positions = tokens.shape[1]
    if not isinstance(model, PretrainedStack):
        batch = min(batch, max(AT_ONCE // (positions * model.W_U.shape[1]), 1))
    for begin in range(0, len(tokens), batch):
        part = tokens[begin : begin + batch]
        windows = torch.from_numpy(part).to(model.W_E.device)
        done = 0
        for logits in _blocks_of_logits(model, windows):

            def prefix(row: int, part: Ints = part, done: int = done) -> Ints:
                window, position = divmod(done + row, positions)
                return part[window, : position + 1]

            last = windows.flatten()[done : done + len(logits)]
            offered = Offer(logits, last, prefix)
            for archive in archives:
                archive.offer(offered)
            done += len(logits)


def _blocks_of_logits(model: MemberModel, windows: Tensor) -> Iterator[Tensor]:
    """Logits at all positions of windows (n, positions) in order, (rows, vocabulary) each. Those of
    a checkpoint come in parts, as its vocabulary may be large."""
    if isinstance(model, PretrainedStack):
        rows = max(LOGITS_AT_ONCE // model.vocabulary, 1)
        for logits in model.models[0].blocks_of_logits(model.read(0, windows), rows):
            yield logits[:, : model.vocabulary]
    else:
        yield model(windows[None])[0].flatten(0, 1)


@torch.no_grad()
def log_p_after(
    model: MemberModel, prefixes: Sequence[Ints], tokens: Indices | Ints, batch: int
) -> Floats:
    """ln P of a token after a prefix, for pairs of the two, (n,). NaN after an empty prefix.

    Prefixes that begin alike are computed once, where one is the beginning of another.
    """
    result = np.full(len(prefixes), np.nan)
    order = sorted(range(len(prefixes)), key=lambda i: prefixes[i].tolist())
    rows: list[Ints] = []
    members: list[list[int]] = []
    for i in reversed(order):
        prefix = prefixes[i]
        if not prefix.size:
            continue
        if rows and np.array_equal(rows[-1][: prefix.size], prefix):
            members[-1].append(i)
        else:
            rows.append(prefix)
            members.append([i])
    by_length = sorted(range(len(rows)), key=lambda row: rows[row].size)
    if isinstance(model, PretrainedStack) and rows:
        logits_of_row = rows[by_length[-1]].size * model.vocabulary
        batch = max(min(batch, LOGITS_AT_ONCE // logits_of_row), 1)
    for begin in range(0, len(by_length), batch):
        chosen = by_length[begin : begin + batch]
        longest = rows[chosen[-1]].size
        windows = np.stack([np.pad(rows[row], (0, longest - rows[row].size)) for row in chosen])
        logits = model(torch.from_numpy(windows)[None].to(model.W_E.device))[0]
        for line, row in enumerate(chosen):
            ends = [prefixes[i].size - 1 for i in members[row]]
            targets = np.asarray(tokens)[members[row]]
            after = logits[line, ends].double()
            values = after[torch.arange(len(ends)), torch.from_numpy(targets)]
            result[members[row]] = (values - after.logsumexp(1)).cpu().numpy()
    return result
