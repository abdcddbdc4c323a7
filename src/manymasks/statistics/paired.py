"""Means over members, or over differences between members with the same seeds."""

from collections.abc import Sequence

from manymasks.arrays import Floats
from manymasks.statistics.bootstrap import ratio, ratio_resamples, standard_error
from manymasks.statistics.intervals import Interval, joined
from manymasks.statistics.seed_design import Seeds, mean_error


def paired_mean(
    differences: Floats, seeds: Sequence[Seeds], document_se: float, confidence: float
) -> Interval:
    """Mean of differences (m,), one for each pair of seeds. Its error over seeds, with the degrees
    of freedom of their design, is joined with `document_se`, the bootstrap error over documents; no
    interval for m < 2."""
    estimate = float(differences.mean()) if differences.size else float("nan")
    error, degrees = mean_error(differences, seeds)
    return joined(estimate, error, document_se, degrees, confidence)


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
    return paired_mean(ratio(differences, tokens), seeds, standard_error(resamples), confidence)
