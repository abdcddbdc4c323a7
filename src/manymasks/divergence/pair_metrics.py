"""Means of the pair metrics and their resamples over documents."""

from dataclasses import dataclass

import numpy as np

from manymasks.arrays import FloatArray, IndexArray
from manymasks.config.analyses import Statistics
from manymasks.divergence.pairs import Sums
from manymasks.divergence.position_sample import Sampled
from manymasks.statistics.bootstrap import document_weights, ratio, ratio_resamples

METRICS = ("kl", "hellinger", "js", "tv", "top1_disagreement", "hidden")
"""Metrics of a pair that are averaged over pools. All are symmetric; `kl` is the mean of both
directions, `hidden` half the variance of d = log p_a(y) - log p_b(y) over tokens. Those
`ON_SAMPLED` positions are there where some were sampled."""

ON_SAMPLED = ("js", "tv")

SMALLEST = 1e-9
"""What agreement can exceed chance by, below which it is rounding: then it says nothing."""


@dataclass(frozen=True)
class Measured:
    """What one probe at one severity shows.

    `means`: metric -> (m, m), `resamples`: metric -> (pairs, B) over the same document
    resamples, `pair` (m, m): row of a pair in them, `weights` (B, D).
    """

    sums: Sums
    sampled: Sampled | None
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

    def documents_of(self, metric: str) -> int:
        """Documents with a position that the metric is measured on."""
        if self.sampled is None or metric not in ON_SAMPLED:
            return self.documents
        return int((self.sampled.tokens > 0).sum())

    @property
    def metrics(self) -> tuple[str, ...]:
        """Those of `METRICS` that were measured."""
        return tuple(metric for metric in METRICS if metric in self.means)

    def within(self, metric: str, pool: IndexArray) -> FloatArray:
        """Mean over the pairs of a pool in every resample, (B,); the pool has at least two."""
        rows, columns = np.triu_indices(pool.size, 1)
        return self.between_pairs(metric, pool[rows], pool[columns])

    def between_pairs(self, metric: str, a: IndexArray, b: IndexArray) -> FloatArray:
        """Mean over the pairs (a[k], b[k]) in every resample, (B,)."""
        return np.asarray(self.resamples[metric][self.pair[a, b]].mean(axis=0))


def measure(sums: Sums, statistics: Statistics, sampled: Sampled | None = None) -> Measured:
    """Means over tokens of all documents, and the same in document resamples.

    `sampled` has the documents of the sums, some of which may have no sampled position.
    """
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
    if sampled is not None:
        for metric, sums_of in (("js", sampled.js), ("tv", sampled.tv)):
            values = sums_of[:, a, b].T
            means[metric] = ratio(values, sampled.tokens)
            resamples[metric] = ratio_resamples(values, sampled.tokens, weights)
            if (sampled.tokens > 0).sum() < 2:
                # One document shows no variation, however many others have no such position.
                resamples[metric][:] = np.nan
    square = {metric: _symmetric(values, members) for metric, values in means.items()}
    return Measured(sums, sampled, weights, square, resamples, pair)


def agreements(sums: Sums) -> dict[str, FloatArray]:
    """How often members agree, by what their frequencies would give, (m, m) each.

    - `kappa`: (o - e) / (1 - e), o the share of tokens with the same first-ranked token, e what
      the frequencies of first-ranked tokens give (Cohen 1960)
    - `soft_agreement`: (c_ab - e) / (sqrt(c_aa c_bb) - e), c_ab the mean of sum_v p_a p_b, e that
      of the two mean laws: 1 for members that are the same, which the form of Goel et al. (2025)
      is not
    - `both_wrong_agreement`: share of the tokens that neither ranks first on which both rank the
      same one first
    - `flips`: share of tokens that a ranks first and b does not

    NaN where chance leaves nothing to agree on beyond it, or no token is wrong for both.
    """
    tokens = sums.tokens.sum()
    observed = sums.agree.sum(axis=0) / tokens
    by_chance = sums.first @ sums.first.T / tokens**2
    soft = sums.soft.sum(axis=0) / tokens
    of_mean_laws = sums.laws @ sums.laws.T / tokens**2
    own = np.sqrt(np.diagonal(soft))
    top1 = sums.top1.sum(axis=0)
    both = sums.both_top1.sum(axis=0)
    same_wrong = sums.agree.sum(axis=0) - both
    both_wrong = tokens - top1[:, None] - top1[None, :] + both
    return {
        "kappa": _share(observed - by_chance, 1 - by_chance),
        "soft_agreement": _share(soft - of_mean_laws, own[:, None] * own[None] - of_mean_laws),
        "both_wrong_agreement": _share(same_wrong, both_wrong),
        "flips": (top1[:, None] - both) / tokens,
    }


def _share(part: FloatArray, whole: FloatArray) -> FloatArray:
    """part / whole; NaN where the whole is rounding."""
    return np.asarray(part / np.where(whole > SMALLEST, whole, np.nan))


def _symmetric(pairs: FloatArray, members: int) -> FloatArray:
    """Values of the pairs i < j as a symmetric (m, m) with zeros on the diagonal."""
    square = np.zeros((members, members))
    square[np.triu_indices(members, 1)] = pairs
    return square + square.T
