"""Excess loss: the KL divergence from the exact law to a predictor, KL(truth || predictor).

Its mean over documents is the expected loss minus the least possible loss, without the noise of
the sampled tokens. A predictor is a member, or the truth without a capability (`truth.prices`).
All values are in nats.
"""

from collections.abc import Mapping
from typing import Any

import numpy as np
import numpy.typing as npt

from manymasks.arrays import Bools, Floats, Ints, Row, Rows
from manymasks.config.analyses import Statistics
from manymasks.corpora.processes.machine import entropy, losses
from manymasks.corpora.processes.process import ALL, COUNTED
from manymasks.statistics.bootstrap import (
    document_columns,
    document_weights,
    interval_over_documents,
    ratio_resamples,
)
from manymasks.statistics.intervals import finite

ROUNDING = 1e-9
"""A divergence this little below 0 is set to 0. One further below is kept as evidence that the
probabilities of the predictor sum to more than 1."""


def divergences(truth: Floats, log_probs: npt.NDArray[np.floating[Any]]) -> Floats:
    """KL(truth || predictor) of each token, (documents, length), from the probabilities of the
    truth and the log-probabilities of the predictor, (documents, length, vocabulary). NaN where the
    truth is NaN, infinite where the predictor excludes a token that the truth does not."""
    if truth.shape != log_probs.shape:
        raise ValueError(f"laws {truth.shape}, but log-probabilities {log_probs.shape}")
    possible = truth > 0
    exact = np.log(np.where(possible, truth, 1.0))
    # An impossible token adds 0, even where the log-probability of the predictor is infinite.
    gap = exact - np.where(possible, log_probs, 0.0).astype(np.float64)
    kl = (truth * gap).sum(-1)
    return np.asarray(np.where((kl < 0) & (kl > -ROUNDING), 0.0, kl))


def counted_tokens(strata: Mapping[str, Ints]) -> Bools:
    """The tokens that count, (documents, length), from the strata of a process."""
    return np.asarray(strata[COUNTED] >= 0)


def tokens_by_level(
    counted: Bools, strata: Mapping[str, Ints], levels: Mapping[str, tuple[str, ...]]
) -> dict[tuple[str, str], Bools]:
    """The counted tokens of each stratum and level, (documents, length); `ALL` is first."""
    tokens = {ALL: counted}
    for stratum, names in levels.items():
        if stratum != COUNTED:
            for value, name in enumerate(names):
                tokens[stratum, name] = counted & (strata[stratum] == value)
    return tokens


def document_sums(kl: Floats, selected: Bools) -> tuple[Floats, Floats]:
    """Sums of kl (..., documents, length) over the selected tokens (documents, length) of each
    document, (..., documents), and the number of these tokens (documents,)."""
    return np.where(selected, kl, 0.0).sum(-1), selected.sum(1).astype(np.float64)


def excess_rows(
    kl: Floats,
    strata: Mapping[str, Ints],
    levels: Mapping[str, tuple[str, ...]],
    statistics: Statistics,
) -> Rows:
    """Mean divergence kl (documents, length) over all counted tokens, by stratum and by position.

    A token counts where its divergence is not NaN and its process counts it. Levels and positions
    without such a token have no row. Means over all tokens and by stratum have a bootstrap over
    documents, with the same resamples for all rows. The stratum `COUNTED` is `ALL`.
    """
    return stratum_rows(kl, strata, levels, statistics) + position_rows(kl, strata)


def stratum_rows(
    kl: Floats,
    strata: Mapping[str, Ints],
    levels: Mapping[str, tuple[str, ...]],
    statistics: Statistics,
) -> Rows:
    """The rows of `excess_rows` over all tokens and by stratum."""
    counted = ~np.isnan(kl) & counted_tokens(strata)
    weights = document_weights(len(kl), statistics.resamples, statistics.seed)
    rows = []
    for (stratum, level), selected in tokens_by_level(counted, strata, levels).items():
        row = mean_row(stratum, level, kl, selected)
        if not row["tokens"]:
            continue
        sums = document_sums(kl, selected)
        resamples = ratio_resamples(*sums, weights)
        rows.append(
            row
            | interval_over_documents(
                "nats", row["nats"], resamples, sums[1], statistics.confidence
            )
        )
    return rows


def position_rows(kl: Floats, strata: Mapping[str, Ints]) -> Rows:
    """The rows of `excess_rows` by position; BOS is at 0."""
    counted = ~np.isnan(kl) & counted_tokens(strata)
    return [
        mean_row("position", str(t), kl[:, t : t + 1], counted[:, t : t + 1])
        for t in range(kl.shape[1])
        if counted[:, t].any()
    ]


def mean_row(stratum: str, level: str, kl: Floats, selected: Bools) -> Row:
    """The mean over the selected tokens, (documents, length), without an interval."""
    tokens = int(selected.sum())
    return {
        "stratum": stratum,
        "level": level,
        "nats": finite(float(kl[selected].mean())) if tokens else None,
        "nats_low": None,
        "nats_high": None,
        "tokens": tokens,
        **document_columns(selected.sum(1).astype(np.float64)),
    }


def truth_rows(
    laws: Floats,
    tokens: Ints,
    strata: Mapping[str, Ints],
    statistics: Statistics,
    latent: tuple[str, Floats] | None = None,
    given_latent: Floats | None = None,
) -> Rows:
    """The exact law by position: its entropy, its loss, and the entropy of the first latent.

    Entropy and loss are means over the documents with a counted token at the position; their
    expectations are equal, and the interval is that of the entropy over documents. The posterior of
    the latent is given the tokens before the position; its entropy is None where the latent is not
    decided yet. `latent`: name and posterior of the first of `Process.posteriors`, if any.
    `given_latent`: `Process.entropy_given_latent`.
    """
    counted = counted_tokens(strata)
    exact, nats = entropy(laws), losses(laws, tokens)
    unsure = np.full(tokens.shape, np.nan)
    if latent is not None:
        # A posterior includes its token: the one before a token is that of the previous position.
        unsure[:, 1:] = entropy(latent[1])[:, :-1]
    weights = document_weights(len(tokens), statistics.resamples, statistics.seed)
    rows = []
    for t in range(1, tokens.shape[1]):
        documents = counted[:, t]
        if not documents.any():
            continue
        sums = document_sums(exact[:, t : t + 1], documents[:, None])
        resamples = ratio_resamples(*sums, weights)
        mean = float(exact[documents, t].mean())
        rows.append(
            {
                "position": t,
                **interval_over_documents(
                    "entropy", mean, resamples, sums[1], statistics.confidence
                ),
                "nats": finite(float(nats[documents, t].mean())),
                "latent": None if latent is None else latent[0],
                "posterior_entropy": finite(float(unsure[documents, t].mean())),
                "entropy_given_latent": None
                if given_latent is None
                else finite(float(given_latent[documents, t].mean())),
                "tokens": int(documents.sum()),
            }
        )
    return rows
