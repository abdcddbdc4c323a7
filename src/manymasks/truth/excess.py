"""Excess loss: by how much the law of a predictor misses the exact one, KL(truth || predictor).

Its mean over documents is the expected loss less the least possible one, and it has none of the
noise of what happened to be said. A predictor may be a member, or the truth without a capability
(`truth.prices`). Arrays come in, rows of tables go out; all is in nats.
"""

from collections.abc import Mapping
from typing import Any

import numpy as np
import numpy.typing as npt

from manymasks.arrays import BoolArray, FloatArray, IntArray, Rows
from manymasks.config.analyses import Statistics
from manymasks.corpora.processes.machine import entropy, losses
from manymasks.corpora.processes.process import COUNTED
from manymasks.statistics.bootstrap import (
    document_weights,
    percentile_interval,
    ratio_resamples,
)
from manymasks.statistics.intervals import finite

ROUNDING = 1e-9
"""A divergence this little below 0 is put at 0. One further below is left to be seen: there the
predictor's probabilities add up to more than 1."""


def divergences(truth: FloatArray, log_probs: npt.NDArray[np.floating[Any]]) -> FloatArray:
    """KL(truth || predictor) of each token, (documents, length).

    NaN where the truth is; infinite where the predictor rules out what the truth does not.

    Args:
        truth: (documents, length, vocabulary) probabilities.
        log_probs: the predictor's, as many, of single or double precision.

    Raises:
        ValueError: where the shapes differ.
    """
    if truth.shape != log_probs.shape:
        raise ValueError(f"laws {truth.shape}, but log-probabilities {log_probs.shape}")
    possible = truth > 0
    exact = np.log(np.where(possible, truth, 1.0))
    # What cannot be said adds nothing, also where the predictor's logarithm of it is infinite.
    gap = exact - np.where(possible, log_probs, 0.0).astype(np.float64)
    found = (truth * gap).sum(-1)
    return np.asarray(np.where((found < 0) & (found > -ROUNDING), 0.0, found))


def counts(strata: Mapping[str, IntArray]) -> BoolArray:
    """Which tokens count, (documents, length), from the strata of a process."""
    return np.asarray(strata[COUNTED] >= 0)


def groups(
    counted: BoolArray, strata: Mapping[str, IntArray], levels: Mapping[str, tuple[str, ...]]
) -> dict[tuple[str, str], BoolArray]:
    """By stratum and level the tokens of it that count, (documents, length); `all` is first."""
    found = {("all", "all"): counted}
    for stratum, names in levels.items():
        if stratum != COUNTED:
            for value, name in enumerate(names):
                found[stratum, name] = counted & (strata[stratum] == value)
    return found


def document_sums(kl: FloatArray, of: BoolArray) -> tuple[FloatArray, FloatArray]:
    """Sums over the tokens `of` each document, and how many those are.

    Args:
        kl: (..., documents, length).
        of: (documents, length).

    Returns:
        nats: (..., documents).
        tokens: (documents,).
    """
    return np.where(of, kl, 0.0).sum(-1), of.sum(1).astype(np.float64)


def excess_rows(
    kl: FloatArray,
    strata: Mapping[str, IntArray],
    levels: Mapping[str, tuple[str, ...]],
    statistics: Statistics,
) -> Rows:
    """Mean divergence over all tokens that count, by each stratum and by position.

    A token counts where its divergence is not NaN and its process counts it. Levels and positions
    with no such token have no row. Means over tokens have a bootstrap over documents, all of one
    set of resamples; those by position have none.

    Args:
        kl: (documents, length).
        strata, levels: as in `Process`. The stratum `COUNTED` has no row: it is `all`.
    """
    return stratum_rows(kl, strata, levels, statistics) + position_rows(kl, strata)


def stratum_rows(
    kl: FloatArray,
    strata: Mapping[str, IntArray],
    levels: Mapping[str, tuple[str, ...]],
    statistics: Statistics,
) -> Rows:
    """The rows of `excess_rows` but those by position."""
    counted = ~np.isnan(kl) & counts(strata)
    weights = document_weights(len(kl), statistics.resamples, statistics.seed)
    rows = []
    for (stratum, level), of in groups(counted, strata, levels).items():
        row = mean_row(stratum, level, kl, of)
        if not row["tokens"]:
            continue
        # Of a single document no resample could differ.
        if row["documents"] > 1:
            resamples = ratio_resamples(*document_sums(kl, of), weights)
            low, high = percentile_interval(resamples, statistics.confidence)
            row |= {"nats_low": finite(float(low)), "nats_high": finite(float(high))}
        rows.append(row)
    return rows


def position_rows(kl: FloatArray, strata: Mapping[str, IntArray]) -> Rows:
    """The rows of `excess_rows` by position, which is counted from BOS at 0."""
    counted = ~np.isnan(kl) & counts(strata)
    return [
        mean_row("position", str(t), kl[:, t : t + 1], counted[:, t : t + 1])
        for t in range(kl.shape[1])
        if counted[:, t].any()
    ]


def mean_row(stratum: str, level: str, kl: FloatArray, of: BoolArray) -> dict[str, Any]:
    """The mean over the tokens `of`, (documents, length), without an interval."""
    tokens = int(of.sum())
    return {
        "stratum": stratum,
        "level": level,
        "nats": finite(float(kl[of].mean())) if tokens else None,
        "nats_low": None,
        "nats_high": None,
        "tokens": tokens,
        "documents": int(of.any(1).sum()),
    }


def truth_rows(
    laws: FloatArray,
    tokens: IntArray,
    strata: Mapping[str, IntArray],
    statistics: Statistics,
    latent: tuple[str, FloatArray] | None = None,
    told: FloatArray | None = None,
) -> Rows:
    """The truth by position: its entropy, the loss of the best predictor, and what is hidden.

    Entropy and loss are means over the documents whose token there counts; their expectations are
    equal, and the interval is that of the entropy over documents. A position where none does has
    no row. The entropy of what is hidden is that of its posterior before the token of the position
    is said, None where nothing is known of it yet.

    Args:
        laws: (documents, length, vocabulary).
        tokens: (documents, length).
        strata: as in `Process`.
        latent: a name and (documents, length, values), the first of `Process.posteriors`: given
            the tokens up to and with each. None where nothing is hidden.
        told: (documents, length), as `Process.entropy_given_latent`.
    """
    counted = counts(strata)
    exact, said = entropy(laws), losses(laws, tokens)
    unsure = np.full(tokens.shape, np.nan)
    if latent is not None:
        # What is known before a token is what is known after the one before it.
        unsure[:, 1:] = entropy(latent[1])[:, :-1]
    weights = document_weights(len(tokens), statistics.resamples, statistics.seed)
    rows = []
    for t in range(1, tokens.shape[1]):
        of = counted[:, t]
        if not of.any():
            continue
        low = high = None
        if of.sum() > 1:
            sums = document_sums(exact[:, t : t + 1], of[:, None])
            ends = percentile_interval(ratio_resamples(*sums, weights), statistics.confidence)
            low, high = (finite(float(end)) for end in ends)
        rows.append(
            {
                "position": t,
                "entropy": finite(float(exact[of, t].mean())),
                "entropy_low": low,
                "entropy_high": high,
                "nats": finite(float(said[of, t].mean())),
                "latent": None if latent is None else latent[0],
                "posterior_entropy": finite(float(unsure[of, t].mean())),
                "entropy_given_latent": None if told is None else finite(float(told[of, t].mean())),
                "tokens": int(of.sum()),
            }
        )
    return rows
