"""Means over members, or over differences between members with the same seeds."""

from collections.abc import Sequence

from manymasks.arrays import Floats
from manymasks.statistics.bootstrap import ratio, ratio_resamples, standard_error
from manymasks.statistics.intervals import Interval, StandardError, joined
from manymasks.statistics.seed_design import Seeds, mean_error


def paired_mean(
    differences: Floats, seeds: Sequence[Seeds], documents: StandardError, confidence: float
) -> Interval:
    """Mean of differences (m,), one for each pair of seeds. Its error over seeds, with the degrees
    of freedom of their design, is joined with the bootstrap error over `documents`; no
    interval for m < 2."""
    estimate = float(differences.mean()) if differences.size else float("nan")
    return joined(estimate, mean_error(differences, seeds), documents, confidence)


def mean_over_seeds(
    differences: Floats,
    seeds: Sequence[Seeds],
    tokens: Floats,
    weights: Floats,
    confidence: float,
) -> Interval:
    """Mean over seeds of nats (seeds, D), or of their differences, per token; tokens (D,). The
    interval joins the error over seeds with the bootstrap over documents, weights (B, D)."""
    resamples = ratio_resamples(differences.mean(axis=0), tokens, weights)
    documents = standard_error(resamples, tokens)
    return paired_mean(ratio(differences, tokens), seeds, documents, confidence)
