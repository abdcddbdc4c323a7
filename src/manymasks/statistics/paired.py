"""Means of differences between models that share their seeds."""

import numpy as np

from manymasks.arrays import FloatArray
from manymasks.statistics.bootstrap import ratio, ratio_resamples, standard_error
from manymasks.statistics.intervals import Interval, joined


def paired_mean(differences: FloatArray, document_se: float, confidence: float) -> Interval:
    """Mean of differences (m,), one for each shared pair of seeds.

    Their standard error, with t(m - 1), is joined with `document_se`, the bootstrap error over
    documents of the same mean. The ends are NaN and p is None for m < 2. The m pairs of seeds
    are crossed and share values: see `joined`.
    """
    m = differences.size
    if m < 2:
        estimate = float(differences.mean()) if m else float("nan")
        return joined(estimate, float("nan"), document_se, m - 1, confidence)
    error = float(differences.std(ddof=1) / np.sqrt(m))
    return joined(float(differences.mean()), error, document_se, m - 1, confidence)


def mean_over_seeds(
    differences: FloatArray, tokens: FloatArray, weights: FloatArray, confidence: float
) -> Interval:
    """Mean over seeds of nats (seeds, D), or differences of them, per token, tokens (D,).

    The interval joins the error over seeds with the bootstrap over documents, weights (B, D).
    """
    resamples = ratio_resamples(differences.mean(axis=0), tokens, weights)
    return paired_mean(ratio(differences, tokens), standard_error(resamples), confidence)
