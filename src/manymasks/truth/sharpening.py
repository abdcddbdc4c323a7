"""Divergence between members of a class, by the length of the prompt.

A longer prompt leaves less open which latent generated it. Whether members come to agree as the
prompt grows is shown beside the exact entropy of the posterior, which is in `process_truth`.
"""

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from manymasks.arrays import Bools, Floats, Rows
from manymasks.config.analyses import Statistics
from manymasks.corpora.processes.machine import entropy
from manymasks.statistics.bootstrap import document_weights, ratio_resamples, standard_error
from manymasks.statistics.intervals import finite_columns, interval_columns
from manymasks.statistics.jackknife import pair_mean
from manymasks.statistics.seed_design import Seeds, share_nothing

Logs = npt.NDArray[np.float32]


def spread_rows(
    logs: Logs, seeds: Sequence[Seeds], again: Logs, counted: Bools, statistics: Statistics
) -> Rows:
    """Rows of position_spread of one class, for every position at which a document counts.

    The interval of the KL combines the jackknife over members with the bootstrap over documents,
    and is cut at 0. It needs three members and two documents; the means need two members. `logs`:
    (members, documents, length, vocabulary) log-probabilities of each token given those before it;
    `again`: of the first documents, at another batch size.
    """
    weights = document_weights(logs.shape[1], statistics.resamples, statistics.seed)
    apart = share_nothing(seeds)
    rows = []
    for t in range(logs.shape[2]):
        documents = counted[:, t]
        if not documents.any():
            continue
        law = normalised(logs[:, documents, t])
        by_document = pair_divergences(law)
        distances = by_document.mean(0)
        mean = pair_mean((distances + distances.T) / 2, seeds)
        # A document has one such token or none, so the mean is a ratio of sums.
        sums = np.zeros(len(documents))
        sums[documents] = by_document[:, apart].sum(1) / max(int(apart.sum()), 1)
        resamples = ratio_resamples(sums, documents.astype(np.float64), weights)
        error = standard_error(resamples, documents.astype(np.float64))
        kl = mean.interval(error, statistics.confidence, at_least=0)
        rows.append(
            {"position": t}
            | interval_columns(kl, "kl", "kl_")
            | finite_columns(
                js=jensen_shannon(law, apart), floor=_noise_floor(logs, again, documents, t)
            )
            | {"models": len(law), "documents": int(documents.sum())}
        )
    return rows


def normalised(logs: Logs) -> Floats:
    """Log-probabilities (..., vocabulary) in double precision, normalised to sum to 1. In single
    precision the sums are off by 1e-7, which is as large as a small KL."""
    exact = logs.astype(np.float64)
    return np.asarray(exact - np.log(np.exp(exact).sum(-1, keepdims=True)))


def pair_divergences(law: Floats) -> Floats:
    """KL of every ordered pair of log-probabilities (members, documents, vocabulary), (documents,
    members, members), the diagonal 0, in nats."""
    by_document = law.transpose(1, 0, 2)
    cross = np.exp(by_document) @ by_document.mT
    negative_entropy = np.diagonal(cross, axis1=1, axis2=2)
    # Negative values are rounding errors.
    return np.maximum(negative_entropy[:, :, None] - cross, 0.0)


def jensen_shannon(law: Floats, apart: Bools) -> float:
    """Mean over documents and over the pairs of members in `apart` (members, members) of the
    Jensen-Shannon divergence (Lin 1991) of log-probabilities (members, documents, vocabulary), in
    nats; NaN without a pair."""
    pairs = np.argwhere(np.triu(apart, 1))
    if not len(pairs):
        return float("nan")
    probability = np.exp(law)
    own_entropy = entropy(probability).mean(1)
    total = sum(
        entropy((probability[i] + probability[j]) / 2).mean()
        - (own_entropy[i] + own_entropy[j]) / 2
        for i, j in pairs
    )
    return float(np.maximum(total / len(pairs), 0.0))


def _noise_floor(logs: Logs, again: Logs, documents: Bools, t: int) -> float:
    """The largest mean KL between a member and itself at another batch size; NaN without data."""
    first = documents[: again.shape[1]]
    if not first.any():
        return float("nan")
    once = normalised(logs[:, : len(first), t][:, first])
    other = normalised(again[:, first, t])
    kl = (np.exp(once) * (once - other)).sum(-1).mean(-1)
    return float(np.maximum(kl, 0.0).max())
