"""Metrics of pairs of members: means over tokens, and their resamples over documents.

To add one to the table `pair_divergence`, add it to `pair_columns` and to the schema.
"""

from dataclasses import dataclass

import numpy as np

from manymasks.arrays import Floats, Indices
from manymasks.config.analyses import Statistics
from manymasks.divergence.pairs import Sums
from manymasks.divergence.position_sample import Sampled
from manymasks.statistics.bootstrap import document_weights, ratio, ratio_resamples


@dataclass(frozen=True)
class PairMetric:
    """A symmetric metric of a pair that is averaged over pools."""

    in_nats: bool = False
    at_most_1: bool = False
    on_sample: bool = False
    """Measured on sampled positions, if any were sampled."""


METRICS = {
    "kl": PairMetric(in_nats=True),
    "hellinger": PairMetric(at_most_1=True),
    "js": PairMetric(in_nats=True, on_sample=True),
    "tv": PairMetric(at_most_1=True, on_sample=True),
    "top1_disagreement": PairMetric(at_most_1=True),
    "hidden": PairMetric(in_nats=True),
}
"""`kl` is the mean of both directions, `hidden` half the variance over tokens of
d = log p_a(y) - log p_b(y)."""

SMALLEST = 1e-9
"""Largest possible agreement beyond chance that is rounding: a share of it is NaN."""


@dataclass(frozen=True)
class Measured:
    """Pair metrics of one probe at one severity.

    - `means`: metric -> (m, m)
    - `resamples`: metric -> (pairs, B), all over the same document resamples
    - `pair` (m, m): row of a pair in `resamples`
    - `weights` (B, D): the document resamples
    """

    sums: Sums
    sampled: Sampled | None
    weights: Floats
    means: dict[str, Floats]
    resamples: dict[str, Floats]
    pair: Indices

    @property
    def documents(self) -> int:
        """Number of documents."""
        return int(self.sums.tokens.size)

    @property
    def tokens(self) -> int:
        """Scored tokens of all documents."""
        return int(self.sums.tokens.sum())

    def tokens_of(self, metric: str) -> Floats:
        """Positions of each document that the metric is measured on, (D,)."""
        if self.sampled is not None and metric in METRICS and METRICS[metric].on_sample:
            return self.sampled.tokens
        return self.sums.tokens

    @property
    def metrics(self) -> tuple[str, ...]:
        """Those of `METRICS` that were measured."""
        return tuple(metric for metric in METRICS if metric in self.means)

    def between_pairs(self, metric: str, a: Indices, b: Indices) -> Floats:
        """Mean over the pairs (a[k], b[k]) in every resample, (B,)."""
        return np.asarray(self.resamples[metric][self.pair[a, b]].mean(axis=0))


def measure(sums: Sums, statistics: Statistics, sampled: Sampled | None = None) -> Measured:
    """Means over tokens of all documents, and in document resamples. `sampled` has the documents of
    `sums`; some may have no sampled position."""
    members = sums.log_p.shape[1]
    weights = document_weights(sums.tokens.size, statistics.resamples, statistics.seed)
    a, b = np.triu_indices(members, 1)
    pair = np.full((members, members), -1, dtype=np.intp)
    pair[a, b] = pair[b, a] = np.arange(a.size)
    log_p_squares = np.diagonal(sums.log_p_products, axis1=1, axis2=2)
    squares = log_p_squares[:, a] + log_p_squares[:, b] - 2 * sums.log_p_products[:, a, b]
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
        for metric, by_document in (("js", sampled.js), ("tv", sampled.tv)):
            values = by_document[:, a, b].T
            means[metric] = ratio(values, sampled.tokens)
            resamples[metric] = ratio_resamples(values, sampled.tokens, weights)
    square = {metric: _symmetric(values, members) for metric, values in means.items()}
    return Measured(sums, sampled, weights, square, resamples, pair)


def pair_columns(measured: Measured) -> dict[str, Floats]:
    """Columns of the table `pair_divergence`, (m, m) each: entry [a, b] is that of the pair a, b.
    `hidden_ratio` is NaN where no loss difference is visible."""
    sums, means = measured.sums, measured.means
    kl = ratio(np.moveaxis(sums.kl, 0, -1), sums.tokens)
    nats = -ratio(sums.log_p.T, sums.tokens)
    visible = nats[None] - nats[:, None]
    columns = {
        "kl_ab": kl,
        "kl_ba": kl.T,
        "kl": means["kl"],
        "hellinger": means["hellinger"],
        "top1_agreement": 1 - means["top1_disagreement"],
        **agreements(sums),
        "visible": visible,
        "hidden": means["hidden"],
        "hidden_ratio": means["hidden"] / np.where(visible, np.abs(visible), np.nan),
    }
    if measured.sampled is not None:
        sampled = measured.sampled
        columns |= {
            "js": means["js"],
            "tv": means["tv"],
            "kl_sampled": (sampled.kl + sampled.kl.T) / 2,
            "kl_tempered": (sampled.kl_tempered + sampled.kl_tempered.T) / 2,
            "temperature_ab": sampled.temperature,
            "temperature_ba": sampled.temperature.T,
            **sampled.quantiles,
        }
    return columns


def agreements(sums: Sums) -> dict[str, Floats]:
    """Agreement of members beyond what their frequencies give, (m, m) each; NaN where chance alone
    gives full agreement, or no token is wrong for both.

    - `kappa`: (o - e) / (1 - e), o the share of tokens with the same first-ranked token, e the
      value expected from the frequencies of first-ranked tokens (Cohen 1960)
    - `soft_agreement`: (c_ab - e) / (sqrt(c_aa c_bb) - e), c_ab the mean of sum_v p_a p_b, e that
      of the two mean laws: 1 for identical members, unlike the form of Goel et al. (2025)
    - `both_wrong_agreement`: among true tokens that neither ranks first, the share for which both
      rank the same token first
    - `flips_ab`: share of true tokens that a ranks first and b does not; `flips_ba` the reverse
    """
    tokens = sums.tokens.sum()
    observed = sums.agree.sum(axis=0) / tokens
    by_chance = sums.first @ sums.first.T / tokens**2
    soft = sums.soft.sum(axis=0) / tokens
    soft_by_chance = sums.laws @ sums.laws.T / tokens**2
    norms = np.sqrt(np.diagonal(soft))
    top1 = sums.top1.sum(axis=0)
    both = sums.both_top1.sum(axis=0)
    same_wrong = sums.agree.sum(axis=0) - both
    both_wrong = tokens - top1[:, None] - top1[None, :] + both
    flips = (top1[:, None] - both) / tokens
    return {
        "kappa": _share(observed - by_chance, 1 - by_chance),
        "soft_agreement": _share(
            soft - soft_by_chance, norms[:, None] * norms[None] - soft_by_chance
        ),
        "both_wrong_agreement": _share(same_wrong, both_wrong),
        "flips_ab": flips,
        "flips_ba": flips.T,
    }


def _share(part: Floats, whole: Floats) -> Floats:
    """part / whole; NaN where the whole is at most `SMALLEST`."""
    return np.asarray(part / np.where(whole > SMALLEST, whole, np.nan))


def _symmetric(pairs: Floats, members: int) -> Floats:
    """Values of the pairs i < j as a symmetric (m, m) with zeros on the diagonal."""
    square = np.zeros((members, members))
    square[np.triu_indices(members, 1)] = pairs
    return square + square.T
