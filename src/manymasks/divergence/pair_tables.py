"""Tables of divergence, from sums over documents."""

from collections.abc import Mapping, Sequence
from itertools import combinations

from manymasks.arrays import Floats, Row, Rows
from manymasks.config.analyses import Statistics
from manymasks.divergence.contrasts import contrast_rows
from manymasks.divergence.pair_metrics import METRICS, Measured, PairMetric, measure, pair_columns
from manymasks.divergence.pairs import FloorSums, Sums
from manymasks.divergence.position_sample import Sampled
from manymasks.statistics.bootstrap import (
    document_columns,
    percentile_interval,
    ratio,
    ratio_resamples,
    standard_error,
)
from manymasks.statistics.intervals import UNKNOWN_ERROR, StandardError, finite, finite_columns
from manymasks.statistics.jackknife import ModelEstimate
from manymasks.statistics.model_classes import Members, classes, one_corpus
from manymasks.statistics.pools import Pool, pool_mean, pools_of
from manymasks.statistics.seed_design import Seeds, seed_error

IN_NATS = PairMetric(in_nats=True)
"""What holds for metrics of a pool that are not of pairs: its information and ensemble gain."""


def divergence_rows(
    sums: Mapping[int, Sums],
    floors: Mapping[int, FloorSums],
    members: Members,
    probe: str,
    perturbation: str,
    statistics: Statistics,
    sampled: Mapping[int, Sampled] | None = None,
) -> dict[str, Rows]:
    """Rows of model_probe, pair_divergence, noise_floor, pool_divergence and contrast.

    By severity: `sums` by document over `members`, all of one corpus (else ValueError), with the
    classes as pools; `floors`, if available, sums of members compared with another computation of
    themselves, which `perturbation` describes, such as "batch 8 -> 3"; `sampled`, measures on
    sampled positions of the same documents. Contrasts are exploratory, at severity 0 and at the
    highest.
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
        measured = measure(sums[severity], statistics, (sampled or {}).get(severity))
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
            tables["contrast"] += contrast_rows(measured, members, probe, severity, statistics)
    return tables


def floor_means(floor: FloorSums) -> dict[str, Floats]:
    """Mean of each pair metric of every member against itself, (m,)."""
    tokens = floor.tokens.sum()
    difference = floor.difference.sum(axis=0) / tokens
    return {
        "kl": floor.kl.sum(axis=0) / tokens,
        "hellinger": floor.hellinger.sum(axis=0) / tokens,
        "js": floor.js.sum(axis=0) / tokens,
        "tv": floor.tv.sum(axis=0) / tokens,
        "top1_disagreement": 1 - floor.agree.sum(axis=0) / tokens,
        "hidden": (floor.difference_squares.sum(axis=0) / tokens - difference**2) / 2,
    }


def _models(measured: Measured, members: Members, statistics: Statistics) -> Rows:
    sums, weights = measured.sums, measured.weights
    nats = -ratio(sums.log_p.T, sums.tokens)
    low, high = percentile_interval(
        -ratio_resamples(sums.log_p.T, sums.tokens, weights), statistics.confidence, sums.tokens
    )
    entropy, top1 = ratio(sums.entropy.T, sums.tokens), ratio(sums.top1.T, sums.tokens)
    return [
        {"model": member.model}
        | finite_columns(
            nats=nats[i], nats_low=low[i], nats_high=high[i], entropy=entropy[i], top1=top1[i]
        )
        | document_columns(measured.sums.tokens)
        | {"tokens": measured.tokens}
        for i, member in enumerate(members)
    ]


def _pairs(
    measured: Measured, floor: dict[str, Floats] | None, members: Members, statistics: Statistics
) -> Rows:
    columns = pair_columns(measured)
    sampled = measured.sampled
    common: Row = document_columns(measured.sums.tokens) | {"tokens": measured.tokens}
    if sampled is not None:
        common["sampled"] = int(sampled.tokens.sum())
    low, high = percentile_interval(
        measured.resamples["kl"], statistics.confidence, measured.sums.tokens
    )
    by_key = sorted(range(len(members)), key=lambda i: members[i].model)
    return [
        {"model_a": members[a].model, "model_b": members[b].model}
        | {name: finite(values[a, b]) for name, values in columns.items()}
        | finite_columns(kl_low=low[measured.pair[a, b]], kl_high=high[measured.pair[a, b]])
        | {"kl_floor": finite((floor["kl"][a] + floor["kl"][b]) / 2) if floor else None}
        | common
        for a, b in combinations(by_key, 2)
    ]


def _floors(floor: dict[str, Floats], members: Members, perturbation: str, tokens: int) -> Rows:
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
    measured: Measured, floor: dict[str, Floats] | None, members: Members, statistics: Statistics
) -> Rows:
    """Every class of at least two members, then every two classes, in order of appearance."""
    class_index = {label: g for g, label in enumerate(classes(members))}
    entropy = ratio(measured.sums.entropy.T, measured.sums.tokens)
    rows = []

    def add(
        pool: Pool,
        metric: str,
        estimate: ModelEstimate,
        documents: StandardError,
        floor_value: float | None,
    ) -> None:
        interval = estimate.interval(documents, statistics.confidence, at_least=0)
        kind = METRICS.get(metric, IN_NATS)
        uncertainty = float(entropy[pool.members].mean())
        share = estimate.estimate / uncertainty if kind.in_nats and uncertainty else None
        rows.append(
            {"pool": pool.label, "other": pool.other, "metric": metric}
            | finite_columns(
                value=interval.estimate,
                low=interval.low,
                high=min(interval.high, 1) if kind.at_most_1 else interval.high,
                floor=floor_value,
                entropy_share=share,
            )
            | {"models": pool.members.size}
            | document_columns(measured.tokens_of(metric))
        )

    for pool in pools_of(members):
        for metric in measured.metrics:
            error = standard_error(
                measured.between_pairs(metric, *pool.pairs), measured.tokens_of(metric)
            )
            floor_value = float(floor[metric][pool.members].mean()) if floor else None
            add(pool, metric, pool_mean(measured.means[metric], pool), error, floor_value)
        if not pool.is_within:
            continue
        sums, g = measured.sums, class_index[pool.label]
        share = (pool.a.size - 1) / (2 * pool.a.size)
        for metric, values, without, floor_metric in (
            ("information", sums.information[:, g], sums.information_without, "kl"),
            ("ensemble_gain", sums.gain[:, g], sums.gain_without, "hidden"),
        ):
            estimate, error = _pool_estimate(measured, values, without[:, pool.a], pool.seeds)
            # m noisy copies of one law with a mean KL of pairs have an information of
            # (m - 1) / (2 m) KL, to second order in the noise; likewise the gain and `hidden`.
            floor_value = float(floor[floor_metric][pool.a].mean()) * share if floor else None
            add(pool, metric, estimate, error, floor_value)
    return rows


def _pool_estimate(
    measured: Measured, values: Floats, without: Floats, seeds: Sequence[Seeds]
) -> tuple[ModelEstimate, StandardError]:
    """A metric of a pool, from sums (D,), and its error over documents. `without` (D, m): the sums
    without each member; a jackknife needs 3 models."""
    tokens = measured.sums.tokens
    models = seed_error(ratio(without.T, tokens), seeds) if len(seeds) > 2 else UNKNOWN_ERROR
    resamples = ratio_resamples(values, tokens, measured.weights)
    estimate = ModelEstimate(float(ratio(values, tokens)), models.error, models.degrees)
    return estimate, standard_error(resamples, tokens)
