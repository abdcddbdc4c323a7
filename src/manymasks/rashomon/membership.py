"""Sets of models of a class that fit equally well, and what they look like on other text.

Membership is decided on the select split; everything else about a set is measured on the
measure split, so that a loss that was low by luck is not measured where it was lucky.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
import numpy.typing as npt

from manymasks.config.analyses import Epsilons, Rashomon, Reference, Statistics
from manymasks.statistics.documents import (
    FloatArray,
    document_weights,
    ratio,
    ratio_resamples,
    standard_error,
)
from manymasks.statistics.intervals import Interval, finite, joined
from manymasks.statistics.members import Member, classes, one_corpus
from manymasks.statistics.models import jackknife_error
from manymasks.statistics.proportions import wilson

Unit = Literal["nats", "percent", "seed_sd"]
Rows = list[dict[str, Any]]


@dataclass(frozen=True)
class Losses:
    """Losses of members on the documents of one split.

    `nats` (m, D): sums over the tokens of each document; `tokens` (D,): tokens scored.
    """

    nats: FloatArray
    tokens: FloatArray


@dataclass(frozen=True)
class _Sample:
    """Losses per token of a class and of all members, with a trailing axis of resamples."""

    members: FloatArray
    pool: FloatArray


def rashomon_rows(
    select: Losses,
    measure: Losses,
    members: Sequence[Member],
    settings: Rashomon,
    statistics: Statistics,
) -> dict[str, Rows]:
    """Rows of rashomon_set, rashomon_member and rashomon_metric.

    `members` are all of one corpus and none of them failed; row i of the losses is member i.
    A set whose threshold takes a standard deviation over seeds is left out for a class of one
    member, where there is none. A member's probability is the share of document resamples in
    which it is a member, the reference and the threshold found anew in each; None for a
    single document. Raises ValueError for members of several corpora or losses that do not
    fit them.
    """
    one_corpus(members)
    for name, losses in (("select", select), ("measure", measure)):
        if losses.nats.shape != (len(members), losses.tokens.size):
            raise ValueError(
                f"{name} losses are {losses.nats.shape}, expected "
                f"{(len(members), losses.tokens.size)}: members by documents"
            )
    tables: dict[str, Rows] = {"rashomon_set": [], "rashomon_member": [], "rashomon_metric": []}
    weights = document_weights(select.tokens.size, statistics.resamples, statistics.seed)
    loss = ratio(select.nats, select.tokens)[:, None]
    resampled = ratio_resamples(select.nats, select.tokens, weights)
    measure_weights = document_weights(measure.tokens.size, statistics.resamples, statistics.seed)
    for label, pool in classes(members).items():
        measured = Losses(measure.nats[pool], measure.tokens)
        once, often = _Sample(loss[pool], loss), _Sample(resampled[pool], resampled)
        for name, reference in settings.references.items():
            for eps, unit in _thresholds(settings.eps):
                level = reference_loss(once.members, once.pool, reference)
                eps_nats = threshold_nats(once.members, level, eps, unit)
                if not np.isfinite(level + eps_nats).all():
                    continue
                inside = is_member(once, reference, eps, unit)[:, 0]
                rashomon_set = f"{label} | {name} | {eps:g} {unit}"
                count = int(inside.sum())
                low = high = float("nan")
                if reference.kind == "absolute":
                    low, high = wilson(count, pool.size, statistics.confidence)
                tables["rashomon_set"].append(
                    {
                        "rashomon_set": rashomon_set,
                        "model_class": label,
                        "reference": name,
                        "reference_nats": float(level[0]),
                        "eps": float(eps),
                        "eps_unit": unit,
                        "eps_nats": float(eps_nats[0]),
                        "candidates": pool.size,
                        "members": count,
                        "share": count / pool.size,
                        "share_low": finite(low),
                        "share_high": finite(high),
                    }
                )
                probability = _probability(often, reference, eps, unit)
                tables["rashomon_member"] += [
                    {
                        "rashomon_set": rashomon_set,
                        "model": members[i].model,
                        "is_member": bool(inside[k]),
                        "excess_nats": float(loss[i, 0] - level[0]),
                        "probability": finite(probability[k]),
                    }
                    for k, i in enumerate(pool)
                ]
                chosen = Losses(measured.nats[inside], measured.tokens)
                tables["rashomon_metric"] += [
                    {"rashomon_set": rashomon_set, **row}
                    for row in metric_rows(chosen, measure_weights, statistics.confidence)
                ]
    return tables


def reference_loss(members: FloatArray, pool: FloatArray, reference: Reference) -> FloatArray:
    """Loss of the reference in nats per token, (B,), from those of a class and all, (m, B).

    NaN for `mean_minus_sd` of one member.
    """
    if reference.kind == "best_of_class":
        return np.asarray(members.min(axis=0))
    if reference.kind == "best_of_pool":
        return np.asarray(pool.min(axis=0))
    if reference.kind == "absolute":
        return np.full(members.shape[1], float(reference.nats or 0))
    return np.asarray(members.mean(axis=0) - (reference.k or 0) * seed_sd(members))


def threshold_nats(
    members: FloatArray, reference: FloatArray, eps: float, unit: Unit
) -> FloatArray:
    """The threshold eps in nats per token, (B,): see `Epsilons` for its units."""
    if unit == "percent":
        return reference * (eps / 100)
    if unit == "seed_sd":
        return eps * seed_sd(members)
    return np.full(reference.shape, float(eps))


def seed_sd(members: FloatArray) -> FloatArray:
    """Standard deviation over the members of a class, divisor m - 1, (B,); NaN for m < 2."""
    if members.shape[0] < 2:
        return np.full(members.shape[1], np.nan)
    return np.asarray(members.std(axis=0, ddof=1))


def is_member(
    sample: _Sample, reference: Reference, eps: float, unit: Unit
) -> npt.NDArray[np.bool_]:
    """Whether each member of a class is within the threshold, (m, B)."""
    level = reference_loss(sample.members, sample.pool, reference)
    within = threshold_nats(sample.members, level, eps, unit)
    return np.asarray(sample.members - level <= within)


def metric_rows(chosen: Losses, weights: FloatArray, confidence: float) -> Rows:
    """mean_nats, sd_nats and document_sd_nats of a set from its members' losses (k, D).

    Estimates are None for an empty set, the two deviations also for one member. Intervals
    join a jackknife over members with the bootstrap over documents, take membership as given,
    and are None for fewer than 3 members.
    """
    k = chosen.nats.shape[0]
    nats, tokens = chosen.nats, chosen.tokens
    loss = ratio(nats, tokens)
    resampled = ratio_resamples(nats, tokens, weights)
    rows = []

    def add(metric: str, value: float, left_out: FloatArray, resamples: FloatArray) -> None:
        interval = Interval(value, float("nan"), float("nan"), None, k - 1)
        if k > 2:
            errors = jackknife_error(left_out), standard_error(resamples)
            interval = joined(value, *errors, k - 1, confidence, at_least=0)
        rows.append(
            {
                "metric": metric,
                "members_used": k,
                "value": finite(interval.estimate),
                "low": finite(interval.low),
                "high": finite(interval.high),
                "documents": int((tokens > 0).sum()),
            }
        )

    without = [np.arange(k) != i for i in range(k)] if k > 2 else []
    mean = float(loss.mean()) if k else float("nan")
    spread = float(seed_sd(loss[:, None])[0])
    by_document = seed_sd(nats)
    add(
        "mean_nats",
        mean,
        np.array([loss[rest].mean() for rest in without]),
        resampled.mean(axis=0) if k else resampled,
    )
    add(
        "sd_nats",
        spread,
        np.array([loss[rest].std(ddof=1) for rest in without]),
        seed_sd(resampled),
    )
    add(
        "document_sd_nats",
        float(ratio(by_document, tokens)),
        np.array([ratio(seed_sd(nats[rest]), tokens) for rest in without]),
        ratio_resamples(by_document, tokens, weights),
    )
    return rows


def _thresholds(eps: Epsilons) -> Iterator[tuple[float, Unit]]:
    yield from ((value, "nats") for value in eps.nats)
    yield from ((value, "percent") for value in eps.percent)
    yield from ((value, "seed_sd") for value in eps.seed_sd)


def _probability(often: _Sample, reference: Reference, eps: float, unit: Unit) -> FloatArray:
    """Share of resamples in which each member is one, (m,); NaN where there are none."""
    if not np.isfinite(often.pool).any():
        return np.full(often.members.shape[0], np.nan)
    return np.asarray(is_member(often, reference, eps, unit).mean(axis=1))
