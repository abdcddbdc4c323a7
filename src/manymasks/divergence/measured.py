"""Means of the pair metrics and their resamples over documents."""

from dataclasses import dataclass

import numpy as np

from manymasks.config.analyses import Statistics
from manymasks.divergence.pairs import Sums
from manymasks.statistics.documents import FloatArray, document_weights, ratio, ratio_resamples
from manymasks.statistics.members import IndexArray

METRICS = ("kl", "hellinger", "top1_disagreement", "hidden")
"""Metrics of a pair that are averaged over pools. All are symmetric; `kl` is the mean of both
directions, `hidden` half the variance of d = log p_a(y) - log p_b(y) over tokens."""


@dataclass(frozen=True)
class Measured:
    """What one probe at one severity shows.

    `means`: metric -> (m, m), `resamples`: metric -> (pairs, B) over the same document
    resamples, `pair` (m, m): row of a pair in them, `weights` (B, D).
    """

    sums: Sums
    weights: FloatArray
    means: dict[str, FloatArray]
    resamples: dict[str, FloatArray]
    pair: IndexArray

    @property
    def documents(self) -> int:
        """Documents that entered."""
        return int(self.sums.tokens.size)

    @property
    def tokens(self) -> int:
        """Scored tokens of all documents."""
        return int(self.sums.tokens.sum())

    def within(self, metric: str, pool: IndexArray) -> FloatArray:
        """Mean over the pairs of a pool in every resample, (B,); the pool has at least two."""
        rows, columns = np.triu_indices(pool.size, 1)
        return self.between_pairs(metric, pool[rows], pool[columns])

    def between(self, metric: str, pool: IndexArray, other: IndexArray) -> FloatArray:
        """Mean over the pairs across two disjoint pools in every resample, (B,)."""
        return self.between_pairs(metric, np.repeat(pool, other.size), np.tile(other, pool.size))

    def between_pairs(self, metric: str, a: IndexArray, b: IndexArray) -> FloatArray:
        """Mean over the pairs (a[k], b[k]) in every resample, (B,)."""
        return np.asarray(self.resamples[metric][self.pair[a, b]].mean(axis=0))


def measure(sums: Sums, statistics: Statistics) -> Measured:
    """Means over tokens of all documents, and the same in document resamples."""
    members = sums.log_p.shape[1]
    weights = document_weights(sums.tokens.size, statistics.resamples, statistics.seed)
    a, b = np.triu_indices(members, 1)
    pair = np.full((members, members), -1, dtype=np.intp)
    pair[a, b] = pair[b, a] = np.arange(a.size)
    own = np.diagonal(sums.log_p_products, axis1=1, axis2=2)
    squares = own[:, a] + own[:, b] - 2 * sums.log_p_products[:, a, b]
    by_pair = {
        "kl": (sums.kl[:, a, b] + sums.kl[:, b, a]) / 2,
        "hellinger": sums.hellinger[:, a, b],
        "top1_disagreement": sums.tokens[:, None] - sums.agree[:, a, b],
    }
    difference = sums.log_p[:, a] - sums.log_p[:, b]
    tokens = sums.tokens
    means = {metric: ratio(values.T, tokens) for metric, values in by_pair.items()}
    means["hidden"] = (ratio(squares.T, tokens) - ratio(difference.T, tokens) ** 2) / 2
    resamples = {
        metric: ratio_resamples(values.T, tokens, weights) for metric, values in by_pair.items()
    }
    resamples["hidden"] = (
        ratio_resamples(squares.T, tokens, weights)
        - ratio_resamples(difference.T, tokens, weights) ** 2
    ) / 2
    return Measured(
        sums, weights, {k: _symmetric(v, members) for k, v in means.items()}, resamples, pair
    )


def _symmetric(pairs: FloatArray, members: int) -> FloatArray:
    """Values of the pairs i < j as a symmetric (m, m) with zeros on the diagonal."""
    square = np.zeros((members, members))
    square[np.triu_indices(members, 1)] = pairs
    return square + square.T
