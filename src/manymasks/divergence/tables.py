"""Tables of divergence, from sums over documents."""

from collections.abc import Mapping, Sequence
from itertools import combinations
from typing import Any

import numpy as np

from manymasks.config.analyses import Statistics
from manymasks.divergence.contrasts import contrast_rows
from manymasks.divergence.measured import METRICS, Measured, measure
from manymasks.divergence.pairs import FloorSums, Sums
from manymasks.statistics.documents import (
    FloatArray,
    percentile_interval,
    ratio,
    ratio_resamples,
    standard_error,
)
from manymasks.statistics.intervals import finite, joined
from manymasks.statistics.members import (
    IndexArray,
    Member,
    classes,
    one_corpus,
    paired_by_seeds,
)
from manymasks.statistics.models import ModelEstimate, cross_mean, jackknife_error, pair_mean

Rows = list[dict[str, Any]]

IN_NATS = ("kl", "hidden", "information")


def divergence_rows(
    sums: Mapping[int, Sums],
    floors: Mapping[int, FloorSums],
    members: Sequence[Member],
    probe: str,
    perturbation: str,
    statistics: Statistics,
) -> dict[str, Rows]:
    """Rows of model_probe, pair_divergence, noise_floor, pool_divergence and contrast.

    `sums`: severity -> sums by document over `members`, all of one corpus, whose pools are
    the classes, `list(classes(members).values())`. `floors`: severity -> sums of members
    against themselves, by document or window, where they were made; `perturbation` says how,
    such as "batch 8 -> 3". Contrasts are exploratory, at severity 0 and at the largest.
    Raises ValueError for members of several corpora.
    """
    one_corpus(members)
    tables: dict[str, Rows] = {
        "model_probe": [],
        "pair_divergence": [],
        "noise_floor": [],
        "pool_divergence": [],
        "contrast": [],
    }
    for severity in sorted(sums):
        measured = measure(sums[severity], statistics)
        floor = floor_means(floors[severity]) if severity in floors else None
        where = {"probe": probe, "severity": severity}
        tables["model_probe"] += [where | row for row in _models(measured, members, statistics)]
        tables["pair_divergence"] += [
            where | row for row in _pairs(measured, floor, members, statistics)
        ]
        if floor is not None:
            tokens = int(floors[severity].tokens.sum())
            tables["noise_floor"] += [
                where | row for row in _floors(floor, members, perturbation, tokens)
            ]
        tables["pool_divergence"] += [
            where | row for row in _pools(measured, floor, members, statistics)
        ]
        if severity in (0, max(sums)):
            place = f"probe {probe} severity {severity}"
            tables["contrast"] += contrast_rows(measured, members, place, statistics)
    return tables


def floor_means(floor: FloorSums) -> dict[str, FloatArray]:
    """Mean of each pair metric of every member against itself, (m,)."""
    tokens = floor.tokens.sum()
    difference = floor.difference.sum(axis=0) / tokens
    return {
        "kl": floor.kl.sum(axis=0) / tokens,
        "hellinger": floor.hellinger.sum(axis=0) / tokens,
        "top1_disagreement": 1 - floor.agree.sum(axis=0) / tokens,
        "hidden": (floor.difference_squares.sum(axis=0) / tokens - difference**2) / 2,
    }


def _models(measured: Measured, members: Sequence[Member], statistics: Statistics) -> Rows:
    sums, weights = measured.sums, measured.weights
    nats = -ratio(sums.log_p.T, sums.tokens)
    low, high = percentile_interval(
        -ratio_resamples(sums.log_p.T, sums.tokens, weights), statistics.confidence
    )
    entropy, top1 = ratio(sums.entropy.T, sums.tokens), ratio(sums.top1.T, sums.tokens)
    return [
        {
            "model": member.model,
            "nats": finite(nats[i]),
            "nats_low": finite(low[i]),
            "nats_high": finite(high[i]),
            "entropy": finite(entropy[i]),
            "top1": finite(top1[i]),
            "documents": measured.documents,
            "tokens": measured.tokens,
        }
        for i, member in enumerate(members)
    ]


def _pairs(
    measured: Measured,
    floor: dict[str, FloatArray] | None,
    members: Sequence[Member],
    statistics: Statistics,
) -> Rows:
    sums = measured.sums
    kl = ratio(np.moveaxis(sums.kl, 0, -1), sums.tokens)
    nats = -ratio(sums.log_p.T, sums.tokens)
    low, high = percentile_interval(measured.resamples["kl"], statistics.confidence)
    by_key = sorted(range(len(members)), key=lambda i: members[i].model)
    rows = []
    for a, b in combinations(by_key, 2):
        pair = measured.pair[a, b]
        rows.append(
            {
                "model_a": members[a].model,
                "model_b": members[b].model,
                "kl_ab": finite(kl[a, b]),
                "kl_ba": finite(kl[b, a]),
                "kl": finite(measured.means["kl"][a, b]),
                "kl_low": finite(low[pair]),
                "kl_high": finite(high[pair]),
                "hellinger": finite(measured.means["hellinger"][a, b]),
                "top1_agreement": finite(1 - measured.means["top1_disagreement"][a, b]),
                "visible": finite(nats[b] - nats[a]),
                "hidden": finite(measured.means["hidden"][a, b]),
                "kl_floor": finite((floor["kl"][a] + floor["kl"][b]) / 2) if floor else None,
                "documents": measured.documents,
                "tokens": measured.tokens,
            }
        )
    return rows


def _floors(
    floor: dict[str, FloatArray], members: Sequence[Member], perturbation: str, tokens: int
) -> Rows:
    return [
        {
            "model": member.model,
            "perturbation": perturbation,
            "kl": finite(floor["kl"][i]),
            "hellinger": finite(floor["hellinger"][i]),
            "top1_agreement": finite(1 - floor["top1_disagreement"][i]),
            "tokens": tokens,
        }
        for i, member in enumerate(members)
    ]


def _pools(
    measured: Measured,
    floor: dict[str, FloatArray] | None,
    members: Sequence[Member],
    statistics: Statistics,
) -> Rows:
    """Every class of at least two, and every two classes, in order of appearance."""
    pools = classes(members)
    entropy = ratio(measured.sums.entropy.T, measured.sums.tokens)
    rows = []

    def add(
        labels: tuple[str, str],
        metric: str,
        estimate: ModelEstimate,
        document_se: float,
        floor_value: float | None,
        used: IndexArray,
    ) -> None:
        interval = joined(
            estimate.estimate,
            estimate.standard_error,
            document_se,
            estimate.degrees,
            statistics.confidence,
            at_least=0,
        )
        uncertainty = float(entropy[used].mean())
        share = estimate.estimate / uncertainty if metric in IN_NATS and uncertainty else None
        rows.append(
            {
                "pool": labels[0],
                "other": labels[1],
                "metric": metric,
                "value": finite(interval.estimate),
                "low": finite(interval.low),
                "high": finite(interval.high),
                "floor": finite(floor_value),
                "entropy_share": finite(share),
                "models": used.size,
                "documents": measured.documents,
            }
        )

    for g, (label, pool) in enumerate(pools.items()):
        if pool.size < 2:
            continue
        for metric in METRICS:
            error = standard_error(measured.within(metric, pool))
            floor_value = float(floor[metric][pool].mean()) if floor else None
            estimate = pair_mean(measured.means[metric][np.ix_(pool, pool)])
            add((label, label), metric, estimate, error, floor_value, pool)
        estimate, error = _information(measured, g, pool)
        # m noisy copies of one law whose pairs differ by KL on average have an information
        # of (m - 1) / (2 m) KL, to second order in the noise.
        share = (pool.size - 1) / (2 * pool.size)
        floor_value = float(floor["kl"][pool].mean()) * share if floor else None
        add((label, label), "information", estimate, error, floor_value, pool)
    for (label, pool), (other_label, other) in combinations(pools.items(), 2):
        one, two = paired_by_seeds(members, pool, other)
        matched = members[pool[0]].size == members[other[0]].size and one.size > 1
        if matched:
            pool, other = one, two
        both = np.concatenate([pool, other])
        for metric in METRICS:
            means = measured.means[metric][np.ix_(pool, other)]
            if matched:
                # Members that share both seeds start from the same weights and see the same
                # data, as no two of one class do: without those pairs, across and within
                # differ by the variant alone. A U-statistic over the shared seeds.
                k, j = np.nonzero(~np.eye(pool.size, dtype=bool))
                estimate = pair_mean((means + means.T) / 2)
                error = standard_error(measured.between_pairs(metric, pool[k], other[j]))
            else:
                estimate = cross_mean(means)
                error = standard_error(measured.between(metric, pool, other))
            floor_value = float(floor[metric][both].mean()) if floor else None
            add((label, other_label), metric, estimate, error, floor_value, both)
    return rows


def _information(
    measured: Measured, position: int, pool: IndexArray
) -> tuple[ModelEstimate, float]:
    """Information of a class and its error over documents; a jackknife needs 3 models."""
    sums = measured.sums
    resamples = ratio_resamples(sums.information[:, position], sums.tokens, measured.weights)
    value = float(ratio(sums.information[:, position], sums.tokens))
    without = ratio(sums.information_without.T[pool], sums.tokens)
    error = jackknife_error(without) if pool.size > 2 else float("nan")
    return ModelEstimate(value, error, pool.size - 1), standard_error(resamples)
