"""Metrics of sets on the whole measure split, with intervals.

Means over pairs, and the ensemble gain, estimate a property of the population of members: their
intervals join a jackknife over members with the bootstrap over documents. Means over positions of
metrics that grow with the members, and maxima over members or pairs, describe the given members
and are lower bounds for more members: their intervals are over documents.

`hard` is the set itself. `resampled` averages over the sets in document resamples of the select
split, weighted by frequency, and so weights members by their joint probability of membership.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal

import numpy as np

from manymasks.arrays import Floats, Indices, Row, Rows
from manymasks.config.analyses import Statistics
from manymasks.rashomon.multiplicity import PairSums
from manymasks.statistics.bootstrap import (
    document_columns,
    document_weights,
    percentile_interval,
    ratio,
    ratio_resamples,
    standard_error,
)
from manymasks.statistics.intervals import finite
from manymasks.statistics.jackknife import ModelEstimate, pair_mean
from manymasks.statistics.seed_design import Seeds, seed_error

Weighting = Literal["hard", "resampled"]

ODDS = 20.0
"""Odds at which two members count as told apart: `tokens_to_tell_apart`."""

PAIR_MEANS = {
    "kl": "kl",
    "tv": "tv",
    "top1_disagreement": "top1",
    "top_k_disagreement": "top_k",
    "tv_disagreement": "tv_above",
    "vote_disagreement": "top1",
    "p_variance": "p_squares",
    "log_p_variance": "log_p_squares",
}
"""Metric that is a mean over pairs -> field of `PairSums`. Three of them are also metrics at a
position, computed differently: a vote disagreement is the share of pairs that differ, a variance
the mean of half their squared differences."""

SHARES = ("tv", "top1", "top_k", "tv_above")
"""Sums that cannot exceed the number of tokens: intervals over models are cut at 1."""

MAXIMA = {"discrepancy": "top1", "discrepancy_top_k": "top_k", "discrepancy_tv": "tv_above"}
"""Metric that is the largest mean over members, compared with the reference."""

PAIR_MAXIMA = {"pair_discrepancy": "top1", "pair_diameter": "tv"}
"""Metric that is the largest mean over pairs. The diameter is omega of Albini et al., and at most
nu, the mean of `pair_range`."""


@dataclass(frozen=True)
class SetSums:
    """Metrics of one set of k members, summed over the positions of each of D documents.

    - `subset` (k,): positions of its members in the pool of the `PairSums`
    - `reference`: index in the subset of the best member on the select split
    - `metrics`: name -> (D,), those of `position_metrics`, and `shared_capacity`
      (`information_at` the weights of the shared mixture), if computed
    - `gain_without` (k, D): the ensemble gain without each member
    - `rarefied`: k' -> name -> (D,), those of `rarefied_metrics`
    - `shared_gap`: certified gap of the shared capacity, None if not computed
    """

    subset: Indices
    reference: int
    metrics: Mapping[str, Floats]
    gain_without: Floats
    rarefied: Mapping[int, Mapping[str, Floats]] = field(default_factory=dict)
    shared_gap: float | None = None


@dataclass(frozen=True)
class _Measured:
    """An estimate, its document resamples (B,), and its error over models, if it has one."""

    value: float
    resamples: Floats
    models: ModelEstimate | None = None


def set_rows(
    sets: Sequence[tuple[SetSums, float]],
    pairs: PairSums,
    seeds: Sequence[Seeds],
    weighting: Weighting,
    statistics: Statistics,
) -> Rows:
    """Rows metric, weighting, members_used, value, low, high, units, documents, covered.

    `seeds`: of the members of the `PairSums`. `sets`: for `hard` the set itself with share 1, for
    `resampled` those of the resamples with their shares, over which metrics are averaged (pair
    metrics over sets of at least two members). `covered` is the sum of the shares, `members_used`
    the mean number of members. A hard set also has the rows of its rarefied metrics. Intervals of
    `resampled` are over documents, given the select split. No rows without a set. Ends are None
    with too few members or documents.
    """
    if not sets:
        return []
    weights = document_weights(pairs.tokens.size, statistics.resamples, statistics.seed)
    shares = np.array([share for _, share in sets])
    by_set = [_measured(sums, pairs, seeds, weights) for sums, _ in sets]
    used = float(shares @ [sums.subset.size for sums, _ in sets] / shares.sum())
    common: Row = {
        "weighting": weighting,
        **document_columns(pairs.tokens),
        "covered": float(shares.sum()),
    }
    rows = []

    def add(metric: str, members: float, measured: _Measured) -> None:
        low, high = _interval(measured, pairs.tokens, statistics.confidence)
        if PAIR_MEANS.get(metric) in SHARES:
            low, high = (1.0 if end > 1 else end for end in (low, high))
        values = {"value": measured.value, "low": low, "high": high}
        rows.append(
            {
                "metric": metric,
                "members_used": members,
                **{name: finite(value) for name, value in values.items()},
                "units": "documents" if measured.models is None else "models and documents",
                **common,
            }
        )

    for metric in by_set[0]:
        measured = [metrics[metric] for metrics in by_set]
        add(metric, used, measured[0] if weighting == "hard" else _averaged(measured, shares))
    kl = {row["metric"]: row for row in rows}["kl"]
    # A reciprocal swaps the ends of the interval.
    tokens = {
        end: math.log(ODDS) / kl[kl_end] if kl[kl_end] else None
        for end, kl_end in (("value", "value"), ("low", "high"), ("high", "low"))
    }
    rows.append(kl | {"metric": "tokens_to_tell_apart"} | tokens)
    if weighting == "hard":
        for k, metrics in sets[0][0].rarefied.items():
            for metric, sums in metrics.items():
                add(metric, float(k), _token_mean(sums, pairs.tokens, weights))
    return rows


def _measured(
    set_sums: SetSums, pairs: PairSums, pool_seeds: Sequence[Seeds], weights: Floats
) -> dict[str, _Measured]:
    """All metrics of a set except those that follow from others."""
    tokens = pairs.tokens
    subset, k = set_sums.subset, set_sums.subset.size
    seeds = [pool_seeds[position] for position in subset]
    metrics = {
        metric: _token_mean(sums, tokens, weights)
        for metric, sums in set_sums.metrics.items()
        if metric not in PAIR_MEANS
    }
    if "ensemble_gain" in metrics:
        gain = metrics["ensemble_gain"]
        error = seed_error(ratio(set_sums.gain_without, tokens), seeds)
        # One member alone has no gain, so two members give no error.
        models = ModelEstimate(gain.value, error.error if k > 2 else math.nan, error.degrees)
        metrics["ensemble_gain"] = _Measured(gain.value, gain.resamples, models)
    if set_sums.shared_gap is not None:
        unknown = np.full(weights.shape[0], np.nan)
        metrics["shared_capacity_gap"] = _Measured(set_sums.shared_gap, unknown)

    def between(sums: str, a: Indices, b: Indices) -> Floats:
        """Sums of the pairs (a[i], b[i]) of members of the set, (pairs, D), symmetric."""
        both: Floats = getattr(pairs, sums)
        return ((both[:, subset[a], subset[b]] + both[:, subset[b], subset[a]]) / 2).T

    rows, columns = np.triu_indices(k, 1)
    for metric, sums in PAIR_MEANS.items():
        values = between(sums, rows, columns)
        square = np.zeros((k, k))
        square[rows, columns] = square[columns, rows] = ratio(values, tokens)
        # A set is described by all of its pairs, whatever they share.
        models = pair_mean(square, seeds, ~np.eye(k, dtype=bool))
        mean = values.mean(axis=0) if k > 1 else np.full(tokens.size, np.nan)
        metrics[metric] = _Measured(models.estimate, ratio_resamples(mean, tokens, weights), models)
    others = np.delete(np.arange(k), set_sums.reference)
    for metric, sums in MAXIMA.items():
        values = between(sums, np.full_like(others, set_sums.reference), others)
        metrics[metric] = _largest(values, tokens, weights)
    for metric, sums in PAIR_MAXIMA.items():
        metrics[metric] = _largest(between(sums, rows, columns), tokens, weights)
    return metrics


def _token_mean(sums: Floats, tokens: Floats, weights: Floats) -> _Measured:
    return _Measured(float(ratio(sums, tokens)), ratio_resamples(sums, tokens, weights))


def _largest(sums: Floats, tokens: Floats, weights: Floats) -> _Measured:
    """The largest mean of sums (pairs, D), 0 without pairs."""
    value = float(ratio(sums, tokens).max(initial=0))
    return _Measured(value, ratio_resamples(sums, tokens, weights).max(axis=0, initial=0))


def _averaged(measured: Sequence[_Measured], shares: Floats) -> _Measured:
    """The mean over sets weighted by their shares, of the finite values."""
    known = [i for i, estimate in enumerate(measured) if math.isfinite(estimate.value)]
    if not known:
        return _Measured(math.nan, measured[0].resamples)
    share = shares[known] / shares[known].sum()
    value = float(share @ [measured[i].value for i in known])
    return _Measured(value, share @ np.stack([measured[i].resamples for i in known]))


def _interval(measured: _Measured, tokens: Floats, confidence: float) -> tuple[float, float]:
    if measured.models is None:
        low, high = percentile_interval(measured.resamples, confidence, tokens)
        return float(low), float(high)
    documents = standard_error(measured.resamples, tokens)
    interval = measured.models.interval(documents, confidence, at_least=0)
    return interval.low, interval.high
