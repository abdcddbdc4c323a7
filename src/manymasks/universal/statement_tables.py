"""Statements on pairs of tokens and on leads of one member: bounds, best prefixes, certificates."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Self

import numpy as np
import numpy.typing as npt
import torch

from manymasks.arrays import Floats, Ints, Rows
from manymasks.config.analyses import Universal
from manymasks.statistics.intervals import finite
from manymasks.universal.ball import BallMaxima, both_points
from manymasks.universal.certificate import OutputLayer
from manymasks.universal.leads import attained_leads, nearest_mixtures
from manymasks.universal.never_both import (
    StatementCertificate,
    both_attained,
    both_bounds,
    lead_bounds,
)
from manymasks.universal.statement_archives import LeadElites, PairElites

FREQUENT = 150
"""Pairs are among so many most frequent tokens."""


def sampled_tokens(counts: Ints, number: int) -> Ints:
    """Tokens evenly spread over the ranks by frequency, from the most frequent one."""
    order: Ints = np.argsort(-counts, kind="stable")
    return np.asarray(
        order[np.unique(np.linspace(0, len(order) - 1, min(number, len(order))).astype(int))]
    )


def sampled_pairs(counts: Ints, number: int, seed: int) -> Ints:
    """Distinct pairs of frequent tokens, (pairs, 2), the same for all members of a corpus."""
    frequent = np.sort(np.argsort(-counts, kind="stable")[:FREQUENT])
    first, second = np.triu_indices(len(frequent), k=1)
    order = np.random.default_rng([seed, 2]).permutation(len(first))[:number]
    return np.asarray(np.column_stack([frequent[first[order]], frequent[second[order]]]))


@dataclass(frozen=True)
class MemberStatements:
    """What is proved of pairs and leads of a member, and the archives of their best prefixes."""

    layer: OutputLayer
    pairs: PairElites
    points: npt.NDArray[np.float32]
    """(pairs, width)"""
    both: Floats
    """(pairs,) bounds."""
    leads: LeadElites
    others: Ints
    weights: Floats
    lead: Floats
    """(n,) bounds."""

    @classmethod
    def of_layer(
        cls,
        layer: OutputLayer,
        maxima: BallMaxima,
        counts: Ints,
        settings: Universal,
        device: torch.device | None = None,
    ) -> Self:
        """Bound sampled pairs and leads. `maxima`: of all tokens. `counts` (vocabulary,): of the
        train split."""
        pairs = sampled_pairs(counts, settings.pairs, settings.seed)
        points = both_points(
            layer,
            pairs,
            maxima,
            tolerance=settings.gap,
            limit=settings.iterations,
            device=device,
        )
        tokens = sampled_tokens(counts, settings.leads)
        others, weights = nearest_mixtures(layer, tokens)
        return cls(
            layer,
            PairElites.empty(pairs),
            points,
            both_bounds(layer, pairs, points),
            LeadElites.empty(tokens),
            others,
            weights,
            lead_bounds(layer, tokens, others, weights),
        )

    @property
    def archives(self) -> tuple[PairElites, LeadElites]:
        """To offer prefixes to."""
        return self.pairs, self.leads

    @property
    def certificate(self) -> StatementCertificate:
        """What proves the bounds."""
        return StatementCertificate(
            self.layer.digest, self.pairs.pairs, self.points, self.both, self.leads.tokens,
            self.others, self.weights, self.lead,
        )  # fmt: skip

    def tables(
        self, counts: Ints, spelled: Sequence[str], text: Callable[[Ints], str]
    ) -> dict[str, Rows]:
        """Rows of `never_both` and `never_first`, without the member. `spelled`: tokens as text.
        `text`: of a prefix. Raises ValueError if a prefix exceeds a bound, which no correct bound
        allows."""
        if (self.pairs.log_p > self.both).any() or (self.leads.lead > self.lead).any():
            raise ValueError("a prefix exceeds a bound on two tokens or on a lead: it is wrong")
        attained = both_attained(self.layer, self.pairs.pairs, self.points)
        both = [
            {
                "token_a_id": first,
                "token_b_id": second,
                "token_a": spelled[first],
                "token_b": spelled[second],
                "log_p_bound": float(self.both[line]),
                "log_p_attained": float(attained[line]),
                "log_p_best": finite(self.pairs.log_p[line]),
                "prefix": text(self.pairs.prefixes[line]),
            }
            for line, (first, second) in enumerate(self.pairs.pairs.tolist())
        ]
        leads = attained_leads(self.layer, self.leads.tokens, self.others, self.weights)
        first_rows = [
            {
                "token_id": token,
                "token": spelled[token],
                "occurrences": int(counts[token]),
                "lead_bound": float(self.lead[line]),
                "lead_attained": float(leads[line]),
                "allowance": self.layer.margin + 2 * self.layer.logit_error,
                "others": int((self.weights[line] > 0).sum()),
                "lead_best": finite(self.leads.lead[line]),
                "prefix": text(self.leads.prefixes[line]),
            }
            for line, token in enumerate(self.leads.tokens.tolist())
        ]
        return {"never_both": both, "never_first": first_rows}
