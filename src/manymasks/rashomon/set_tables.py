"""Rows of the sets of one pool: metrics, positions, weights, components of variance."""

from collections.abc import Sequence

import numpy as np

from manymasks.arrays import Floats, Indices, Rows
from manymasks.config.analyses import Statistics
from manymasks.rashomon.measurement import MeasuredSets, Subset
from manymasks.rashomon.spread import SetSums, set_rows
from manymasks.statistics.bootstrap import ratio
from manymasks.statistics.components import (
    Components,
    crossed,
    distance_components,
    score_components,
)
from manymasks.statistics.intervals import finite, interval_columns
from manymasks.statistics.model_classes import Members
from manymasks.statistics.seed_design import Seeds

BY_POSITION = (
    "distinct_top1", "vote_disagreement", "p_low", "p_high", "log_p_low", "log_p_high",
    "log_p_variance", "pair_range", "information", "capacity", "capacity_gap", "effective_models",
    "ensemble_gain",
)  # fmt: skip


def metric_rows(
    measured: MeasuredSets,
    name: str,
    members: Subset,
    seeds: Sequence[Seeds],
    resampled: Sequence[tuple[Subset, float]],
    statistics: Statistics,
) -> Rows:
    """Rows of rashomon_metric for one set: the set itself, and averaged over resampled sets.
    `seeds`: of all members that were measured."""
    hard: list[tuple[SetSums, float]] = [(measured.hard[members], 1.0)] if members else []
    soft = [(measured.resampled[subset], share) for subset, share in resampled if subset]
    rows = [
        row | {"covered": None} for row in set_rows(hard, measured.pairs, seeds, "hard", statistics)
    ] + set_rows(soft, measured.pairs, seeds, "resampled", statistics)
    return [{"rashomon_set": name} | row for row in rows]


def position_rows(
    measured: MeasuredSets,
    name: str,
    members: Subset,
    positions: Indices,
    documents: Sequence[str],
    tokens: Sequence[str],
) -> Rows:
    """Rows of position_multiplicity: `positions`, their document and true token, (kept,) each."""
    metrics = measured.kept[members]
    return [
        {
            "rashomon_set": name,
            "position": int(positions[i]),
            "document": documents[i],
            "token": tokens[i],
            **{metric: finite(float(metrics[metric][i])) for metric in BY_POSITION},
        }
        for i in range(positions.size)
    ]


def weight_rows(measured: MeasuredSets, name: str, members: Subset, models: Sequence[str]) -> Rows:
    """Rows of set_weight: `models` are those of the set, in its order."""
    if members not in measured.shared_weights:
        return []
    shared, mean = measured.shared_weights[members], measured.mean_weights[members]
    return [
        {
            "rashomon_set": name,
            "model": model,
            "weight": float(shared[i]),
            "mean_weight": float(mean[i]),
        }
        for i, model in enumerate(models)
    ]


def component_rows(measured: MeasuredSets, members: Members, statistics: Statistics) -> Rows:
    """Rows of variance_component of a class, for the loss and the distances of its members. No rows
    for a class whose seeds are not crossed."""
    seeds = [member.seeds for member in members]
    nats = -measured.log_p.mean(axis=1)
    pairs = measured.pairs
    common = {
        "model_class": members[0].model_class,
        "inits": len({init for init, _ in seeds}),
        "orders": len({order for _, order in seeds}),
        "models": len(members),
    }
    rows: Rows = []

    def add(measure: str, shares: Components, p: dict[str, float]) -> None:
        for component in ("init", "order", "rest"):
            interval = getattr(shares, component)
            rows.append(
                common
                | {"measure": measure, "component": component}
                | interval_columns(interval, "share")
                | {"p": finite(p.get(component))}
            )

    loss_shares = score_components(crossed(seeds, nats), statistics.confidence)
    if loss_shares is not None:
        add("nats", loss_shares, {})
    for measure, sums in (("kl", pairs.kl), ("top1_disagreement", pairs.top1)):
        components = distance_components(
            _symmetric(sums, pairs.tokens),
            seeds,
            statistics.resamples,
            statistics.seed,
            statistics.confidence,
        )
        if components is not None and components.shares is not None:
            p = {"init": components.init_p, "order": components.order_p}
            add(measure, components.shares, p)
    return rows


def _symmetric(sums: Floats, tokens: Floats) -> Floats:
    """Means over tokens of sums (D, m, m), both directions averaged, (m, m)."""
    means = ratio(np.moveaxis(sums, 0, -1), tokens)
    return np.asarray((means + means.T) / 2)
