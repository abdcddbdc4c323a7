"""Means of differences between models with the same seeds."""

import numpy as np

from manymasks.arrays import Floats
from manymasks.statistics.bootstrap import ratio, ratio_resamples, standard_error
from manymasks.statistics.intervals import Interval, joined


def paired_mean(differences: Floats, document_se: float, confidence: float) -> Interval:
    """Mean of differences (m,), one for each shared pair of seeds. Its standard error, with t(m -
    1), is joined with `document_se`, the bootstrap error over documents; no interval for m < 2.
    Crossed seeds share values: see `joined`."""
    m = differences.size
    if m < 2:
        estimate = float(differences.mean()) if m else float("nan")
        return joined(estimate, float("nan"), document_se, m - 1, confidence)
    error = float(differences.std(ddof=1) / np.sqrt(m))
    return joined(float(differences.mean()), error, document_se, m - 1, confidence)


def mean_over_seeds(
    differences: Floats, tokens: Floats, weights: Floats, confidence: float
) -> Interval:
    """Mean over seeds of nats (seeds, D), or of their differences, per token; tokens (D,). The
    interval joins the error over seeds with the bootstrap over documents, weights (B, D)."""
    resamples = ratio_resamples(differences.mean(axis=0), tokens, weights)
    return paired_mean(ratio(differences, tokens), standard_error(resamples), confidence)
