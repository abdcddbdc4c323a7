"""Excess loss: by how much the law of a predictor misses the exact one, KL(truth || predictor).

Its mean over documents is the expected loss less the least possible one, and it has none of the
noise of what happened to be said. A predictor may be a member, or the truth without a capability:
what that costs is the capability's price. Arrays come in, rows of tables go out; all is in nats.
"""

from collections.abc import Mapping
from typing import Any

import numpy as np
import numpy.typing as npt

from manymasks.config.study import Statistics
from manymasks.corpora.processes.machine import Floats, Ints, entropy, losses
from manymasks.corpora.processes.registry import COUNTED, Process
from manymasks.statistics.documents import (
    document_weights,
    percentile_interval,
    ratio_resamples,
)
from manymasks.statistics.intervals import finite

Bools = npt.NDArray[np.bool_]

ROUNDING = 1e-9
"""A divergence this little below 0 is put at 0. One further below is left to be seen: there the
predictor's probabilities add up to more than 1."""


def divergences(truth: Floats, log_probs: npt.NDArray[np.floating[Any]]) -> Floats:
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


def counts(strata: Mapping[str, Ints]) -> Bools:
    """Which tokens count, (documents, length), from the strata of a process."""
    return np.asarray(strata[COUNTED] >= 0)


def excess_rows(
    kl: Floats,
    strata: Mapping[str, Ints],
    levels: Mapping[str, tuple[str, ...]],
    statistics: Statistics,
) -> list[dict[str, Any]]:
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
    kl: Floats,
    strata: Mapping[str, Ints],
    levels: Mapping[str, tuple[str, ...]],
    statistics: Statistics,
) -> list[dict[str, Any]]:
    """The rows of `excess_rows` but those by position."""
    counted = ~np.isnan(kl) & counts(strata)
    weights = document_weights(len(kl), statistics.resamples, statistics.seed)
    groups = {("all", "all"): counted}
    for stratum, names in levels.items():
        if stratum != COUNTED:
            for value, name in enumerate(names):
                groups[stratum, name] = counted & (strata[stratum] == value)
    rows = []
    for (stratum, level), of in groups.items():
        row = mean_row(stratum, level, kl, of)
        if not row["tokens"]:
            continue
        # Of a single document no resample could differ.
        if row["documents"] > 1:
            nats = np.where(of, kl, 0.0).sum(1)
            resamples = ratio_resamples(nats, of.sum(1).astype(np.float64), weights)
            low, high = percentile_interval(resamples, statistics.confidence)
            row |= {"nats_low": finite(float(low)), "nats_high": finite(float(high))}
        rows.append(row)
    return rows


def position_rows(kl: Floats, strata: Mapping[str, Ints]) -> list[dict[str, Any]]:
    """The rows of `excess_rows` by position, which is counted from BOS at 0."""
    counted = ~np.isnan(kl) & counts(strata)
    return [
        mean_row("position", str(t), kl[:, t : t + 1], counted[:, t : t + 1])
        for t in range(kl.shape[1])
        if counted[:, t].any()
    ]


def mean_row(stratum: str, level: str, kl: Floats, of: Bools) -> dict[str, Any]:
    """The mean over the tokens `of`, (documents, length), without an interval."""
    tokens = int(of.sum())
    return {
        "stratum": stratum,
        "level": level,
        "nats": float(kl[of].mean()) if tokens else None,
        "nats_low": None,
        "nats_high": None,
        "tokens": tokens,
        "documents": int(of.any(1).sum()),
    }


def truth_rows(laws: Floats, tokens: Ints, strata: Mapping[str, Ints]) -> list[dict[str, Any]]:
    """The truth by position: its entropy, and the loss of the best predictor on what was said.

    Both are means over the documents whose token there counts; their expectations are equal. A
    position where none does has no row.

    Args:
        laws: (documents, length, vocabulary).
        tokens: (documents, length).
        strata: as in `Process`.
    """
    counted = counts(strata)
    exact, said = entropy(laws), losses(laws, tokens)
    return [
        {
            "position": t,
            "entropy": float(exact[counted[:, t], t].mean()),
            "nats": float(said[counted[:, t], t].mean()),
            "tokens": int(counted[:, t].sum()),
        }
        for t in range(1, tokens.shape[1])
        if counted[:, t].any()
    ]


def price_rows(
    process: Process,
    tokens: Ints,
    laws: Floats,
    strata: Mapping[str, Ints],
    statistics: Statistics,
) -> list[dict[str, Any]]:
    """What each capability of a process is worth, on the documents that members are measured on.

    The rows are those of `excess_rows`, but for positions, of the truth without the capability:
    it goes through the same sums as a member. Each has its `capability`.

    Args:
        tokens: (documents, length).
        laws, strata: those of `process` at these tokens.
    """
    rows = []
    for capability, ablated in process.ablated.items():
        with np.errstate(divide="ignore"):
            kl = divergences(laws, np.log(ablated(tokens)))
        found = stratum_rows(kl, strata, process.levels, statistics)
        rows += [{"capability": capability, **row} for row in found]
    return rows
