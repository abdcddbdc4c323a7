"""Best prefixes of statements on two tokens, on leads, and on what follows a token.

Archives of the same prefixes that are tried as witnesses, so they cost no further pass.
"""

from dataclasses import dataclass
from typing import Self

import numpy as np
import torch
from torch import Tensor

from manymasks.arrays import Floats, Ints
from manymasks.universal.elites import Offer

ROUNDING = 1e-4
"""Nats by which float32 may rank two prefixes wrongly; those are computed again in float64."""


@dataclass
class PairElites:
    """For pairs of tokens, the prefix after which the less probable of the two is most probable."""

    pairs: Ints
    """(pairs, 2)"""
    log_p: Floats
    """(pairs,) the lesser ln P of the two."""
    prefixes: list[Ints]

    @classmethod
    def empty(cls, pairs: Ints) -> Self:
        """Without prefixes: ln P is -inf."""
        return cls(pairs, np.full(len(pairs), -np.inf), [np.empty(0, np.int64)] * len(pairs))

    def offer(self, offered: Offer) -> None:
        """Keep what is better than before."""
        if not len(self.pairs):
            return
        first, second = (torch.from_numpy(column).to(offered.logits.device)
                         for column in self.pairs.T.copy())  # fmt: skip
        best, rows = torch.minimum(offered.log_p[:, first], offered.log_p[:, second]).max(0)
        for pair in np.flatnonzero(best.cpu().numpy() > self.log_p - ROUNDING):
            row = int(rows[pair])
            exact = torch.log_softmax(offered.logits[row].double(), 0)
            lesser = float(exact[self.pairs[pair].tolist()].min())
            if lesser > self.log_p[pair]:
                self.log_p[pair] = lesser
                self.prefixes[pair] = offered.prefix(row)


@dataclass
class LeadElites:
    """For some tokens, the prefix after which one is furthest ahead of all others."""

    tokens: Ints
    """(n,)"""
    lead: Floats
    """(n,) logit of the token minus the largest of all others; positive where it is ranked
    first."""
    prefixes: list[Ints]

    @classmethod
    def empty(cls, tokens: Ints) -> Self:
        """Without prefixes: leads are -inf."""
        return cls(tokens, np.full(len(tokens), -np.inf), [np.empty(0, np.int64)] * len(tokens))

    def offer(self, offered: Offer) -> None:
        """Keep what is better than before."""
        if not len(self.tokens):
            return
        tokens = torch.from_numpy(self.tokens).to(offered.logits.device)
        best, rows = leads(offered.logits, tokens).max(0)
        values = best.double().cpu().numpy()
        for index in np.flatnonzero(values > self.lead):
            self.lead[index] = values[index]
            self.prefixes[index] = offered.prefix(int(rows[index]))


def leads(logits: Tensor, tokens: Tensor) -> Tensor:
    """Logit of tokens (n,) minus the largest of all others, (rows, n), of logits (rows,
    vocabulary)."""
    peaks, ranked_first = logits.max(1)
    ahead = logits[:, tokens] - peaks[:, None]
    is_first = ranked_first[:, None] == tokens
    rows = is_first.any(1).nonzero()[:, 0]
    if len(rows):
        rest = logits[rows].scatter(1, ranked_first[rows, None], -torch.inf).amax(1)
        gap = (peaks[rows] - rest)[:, None].expand(-1, len(tokens))
        ahead[rows] = torch.where(is_first[rows], gap, ahead[rows])
    return ahead


@dataclass
class FollowerElites:
    """For every last token of a prefix and every next one, the prefix after which it is most
    probable. For small vocabularies."""

    log_p: Floats
    """(vocabulary, vocabulary) by last and next token; -inf where no prefix was offered."""
    prefixes: list[list[Ints]]

    @classmethod
    def empty(cls, vocabulary: int) -> Self:
        """Without prefixes."""
        none = [[np.empty(0, np.int64)] * vocabulary for _ in range(vocabulary)]
        return cls(np.full((vocabulary, vocabulary), -np.inf), none)

    def offer(self, offered: Offer) -> None:
        """Keep what is better than before."""
        for last in torch.unique(offered.last).tolist():
            rows = (offered.last == last).nonzero()[:, 0]
            best, lines = offered.log_p[rows].max(0)
            kept = self.log_p[last]
            for token in np.flatnonzero(best.cpu().numpy() > kept - ROUNDING):
                row = int(rows[lines[token]])
                exact = torch.log_softmax(offered.logits[row].double(), 0)
                if float(exact[token]) > kept[token]:
                    kept[token] = float(exact[token])
                    self.prefixes[last][token] = offered.prefix(row)
