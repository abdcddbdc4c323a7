"""Losses of the members of a set on the measure split: mean and standard deviations."""

from collections.abc import Callable, Sequence

import numpy as np

from manymasks.arrays import Floats, Row, Rows
from manymasks.rashomon.membership import Losses, RashomonSet, seed_sd
from manymasks.statistics.bootstrap import (
    document_columns,
    percentile_interval,
    ratio,
    ratio_resamples,
    standard_error,
)
from manymasks.statistics.intervals import Interval, finite_columns, joined
from manymasks.statistics.seed_design import Seeds, seed_error

MOST_SUBSETS = 32
"""Distinct resampled sets in an average, the most frequent first: nearly always all."""


def loss_rows(
    rashomon_set: RashomonSet,
    seeds: Sequence[Seeds],
    measure: Losses,
    weights: Floats,
    confidence: float,
) -> Rows:
    """Rows of rashomon_metric: mean_nats, sd_nats and document_sd_nats of a set. `seeds`: of all
    models of `measure`. `hard` is the set itself, `resampled` the mean over the sets in document
    resamples of the select split; `weights`
    (B, D) are resamples of the measure split."""
    chosen = Losses(measure.nats[rashomon_set.members], measure.tokens)
    set_seeds = [seeds[position] for position in rashomon_set.members]
    rows = metric_rows(chosen, set_seeds, weights, confidence)
    common = {"rashomon_set": rashomon_set.name} | document_columns(measure.tokens)
    return [
        common | row
        for row in (
            *({**row, "weighting": "hard", "covered": None} for row in rows),
            *resampled_rows(rashomon_set, measure, weights, confidence),
        )
    ]


def metric_rows(chosen: Losses, seeds: Sequence[Seeds], weights: Floats, confidence: float) -> Rows:
    """mean_nats, sd_nats and document_sd_nats of members from their losses (k, D). Estimates are
    None for an empty set, the two deviations also for one member. Intervals join a jackknife over
    members, from 3 on, with the bootstrap over documents, given the membership."""
    k = chosen.nats.shape[0]
    rows = []
    for metric, compute in METRICS.items():
        value = compute(chosen.nats, chosen.tokens, None)
        interval = Interval(float(value), float("nan"), float("nan"), None, k - 1)
        if k > 2:
            left_out = [np.arange(k) != i for i in range(k)]
            without = [compute(chosen.nats[rest], chosen.tokens, None) for rest in left_out]
            resamples = compute(chosen.nats, chosen.tokens, weights)
            models = seed_error(np.array(without), seeds)
            documents = standard_error(resamples, chosen.tokens)
            interval = joined(float(value), models, documents, confidence, at_least=0)
        rows.append(_row(metric, k, interval.estimate, interval.low, interval.high))
    return rows


def resampled_rows(
    rashomon_set: RashomonSet, measure: Losses, weights: Floats, confidence: float
) -> Rows:
    """The same metrics, averaged over the sets in document resamples of select, with intervals over
    documents. Sets with too few members for a metric are left out; `covered` is the share of the
    resamples that entered."""
    subsets = rashomon_set.resampled(MOST_SUBSETS)
    used = float(sum(share * subset.size for subset, share in subsets))
    rows = []
    for metric, compute in METRICS.items():
        values, resamples, shares = [], [], []
        for subset, share in subsets:
            value = float(compute(measure.nats[subset], measure.tokens, None))
            if np.isfinite(value):
                values.append(value)
                resamples.append(compute(measure.nats[subset], measure.tokens, weights))
                shares.append(share)
        mean, low, high, covered = float("nan"), float("nan"), float("nan"), sum(shares)
        if shares:
            normalised = np.array(shares) / covered
            mean = float(normalised @ np.array(values))
            mixed = normalised @ np.array(resamples)
            ends = percentile_interval(mixed, confidence, measure.tokens)
            low, high = (float(end) for end in ends)
        rows.append(
            {
                **_row(metric, used, mean, low, high),
                "weighting": "resampled",
                "units": "documents",
                "covered": covered,
            }
        )
    return rows


def _row(metric: str, members: float, value: float, low: float, high: float) -> Row:
    row = {"metric": metric, "members_used": members, "units": "models and documents"}
    return row | finite_columns(value=value, low=low, high=high)


# From losses (k, D) and tokens (D,), or their resamples with weights (B, D).


def _mean_loss(nats: Floats, tokens: Floats, weights: Floats | None) -> Floats:
    if not len(nats):
        return np.full(() if weights is None else len(weights), np.nan)
    return np.asarray(_per_token(nats, tokens, weights).mean(axis=0))


def _per_token(values: Floats, tokens: Floats, weights: Floats | None) -> Floats:
    if weights is None:
        return ratio(values, tokens)
    return ratio_resamples(values, tokens, weights)


METRICS: dict[str, Callable[[Floats, Floats, Floats | None], Floats]] = {
    "mean_nats": _mean_loss,
    "sd_nats": lambda nats, tokens, weights: seed_sd(_per_token(nats, tokens, weights)),
    "document_sd_nats": lambda nats, tokens, weights: _per_token(seed_sd(nats), tokens, weights),
}
"""Metric -> its computation; see `kinds.set_metrics` for what each means."""
