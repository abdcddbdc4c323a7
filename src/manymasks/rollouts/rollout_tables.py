"""Tables of what members write."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations
from typing import Any

import numpy as np
import numpy.typing as npt

from manymasks.arrays import BoolArray, FloatArray, IndexArray, IntArray, Rows
from manymasks.config.analyses import Statistics
from manymasks.rollouts.loops import find_loop
from manymasks.rollouts.pair_intervals import Counts, Pairs, Statistic, intervals, pairs_of
from manymasks.rollouts.sampling import Mode, Texts
from manymasks.rollouts.sequences import Again, Along, first_differences
from manymasks.statistics.bootstrap import (
    document_weights,
    percentile_interval,
    ratio,
    ratio_resamples,
)
from manymasks.statistics.intervals import Interval, finite
from manymasks.statistics.model_classes import Member, one_corpus
from manymasks.statistics.survival import product_limit, restricted_mean


@dataclass(frozen=True)
class Prompts:
    """What members went on from.

    `documents` (n,): where each is from. `texts` (n,): as text. `written` (m, n) for each mode:
    what they wrote, as text.
    """

    documents: Sequence[str]
    texts: Sequence[str]
    written: Mapping[Mode, Sequence[Sequence[str]]]


@dataclass(frozen=True)
class Judged:
    """How members judge each other's sampled texts and the real continuations.

    `along`: the former. `text_kl` (m, m, n): sums of KL along the latter, `text_floor` (m, n) of
    members against themselves in other batches, `length` tokens each.
    """

    along: Along
    text_kl: FloatArray
    text_floor: FloatArray
    length: int


def rollout_rows(
    texts: Mapping[Mode, Texts],
    floors: Mapping[Mode, Again],
    judged: Judged,
    members: Sequence[Member],
    prompts: Prompts,
    statistics: Statistics,
) -> dict[str, Rows]:
    """Rows of rollout, first_divergence, agreement_survival, rollout_pool, sequence_divergence.

    Args:
        texts: what the members wrote.
        floors: the same members in other batches.
        judged: of the texts of the mode `shared-noise`.
        members: all of one corpus.
        prompts: where they are from, and as text.
        statistics: of the intervals.

    Raises:
        ValueError: for members of several corpora.
    """
    one_corpus(members)
    _, owners = np.unique(np.asarray(prompts.documents), return_inverse=True)
    count = int(owners.max()) + 1
    weights = document_weights(count, statistics.resamples, statistics.seed)
    tables: dict[str, Rows] = {
        "rollout": [],
        "first_divergence": [],
        "agreement_survival": [],
        "rollout_pool": [],
        "sequence_divergence": _sequences(judged, members, owners, weights, statistics),
    }
    pools = pairs_of(members)
    for mode, own in texts.items():
        written = _texts(own, members, prompts, mode)
        loops = np.array([row["loop_entry"] is not None for row in written], dtype=np.float64)
        tables["rollout"] += written
        steps, is_censored = first_differences(own)
        tables["first_divergence"] += _differences(own, steps, is_censored, members, mode)
        length = own.tokens.shape[2]
        differ = differences(steps, is_censored, owners, length)
        own_steps, own_censored = floors[mode].steps, floors[mode].is_censored
        floor = differences(_paired(own_steps), _paired(own_censored), owners, length)
        shape = own.lengths.shape
        ends = ratios(_paired(loops.reshape(shape)), _paired(np.ones(shape)), owners)
        for pairs in pools:
            found = intervals(pairs, differ, agreed, weights, statistics.confidence)
            at_floor = _value(pairs, floor, agreed)
            where = _where(mode, pairs)
            about = {"models": int(pairs.used.size), "documents": count}
            tables["agreement_survival"] += [
                where | {"step": step, "survival": finite(each.estimate)} | _ends(each, 1) | about
                for step, each in enumerate(found[:-2])
            ]
            for metric, position, most in (("agreed_tokens", -2, length), ("censored", -1, 1)):
                tables["rollout_pool"].append(
                    where | _metric(metric, found[position], at_floor[position], most) | about
                )
            if pairs.pool == pairs.other:
                (share,) = intervals(pairs.alone, ends, quotient, weights, statistics.confidence)
                tables["rollout_pool"].append(where | _metric("loops", share, None, 1) | about)
            if mode == "shared-noise":
                for metric, counts, own_counts in _judged(judged, floors[mode], owners):
                    (mean,) = intervals(pairs, counts, quotient, weights, statistics.confidence)
                    (least,) = _value(pairs, own_counts, quotient)
                    row = where | _metric(metric, mean, least, np.inf) | about
                    tables["rollout_pool"].append(row)
    return tables


def differences(steps: IntArray, is_censored: BoolArray, owners: IndexArray, length: int) -> Counts:
    """Counts of first differences by step, then of all last seen, (documents, 2 x length).

    Two texts that ended alike can never part: they agree to the last step, and are cut off there,
    not where they ended, as if they might have parted later as others do.

    `steps`, `is_censored` (m, m, n) as of `first_differences`, `owners` (n,) document of each.
    """
    documents = int(owners.max()) + 1
    last = np.where(is_censored, length, steps)

    def counts(a: IndexArray, b: IndexArray) -> FloatArray:
        place = owners * length + last[a, b] - 1
        every = (place.ravel(), place[~is_censored[a, b]])
        ends, events = (
            np.bincount(each, minlength=documents * length).reshape(documents, length)
            for each in every
        )
        return np.concatenate([events, ends], axis=1).astype(np.float64)

    return counts


def ratios(numerators: FloatArray, denominators: FloatArray, owners: IndexArray) -> Counts:
    """Sums of both (m, m, n) by document, (documents, 2)."""
    documents = int(owners.max()) + 1

    def counts(a: IndexArray, b: IndexArray) -> FloatArray:
        sums = [values[a, b].sum(axis=0) for values in (numerators, denominators)]
        return np.stack([np.bincount(owners, each, minlength=documents) for each in sums], axis=1)

    return counts


def agreed(sums: FloatArray) -> FloatArray:
    """Survival of agreement (..., L + 1), its restricted mean, and the share never parted."""
    events, ends = np.split(sums, 2, axis=-1)
    survival = product_limit(events, ends)
    parted = quotient(np.stack([events.sum(-1), ends.sum(-1)], axis=-1))
    return np.concatenate([survival, restricted_mean(survival)[..., None], 1 - parted], axis=-1)


def quotient(sums: FloatArray) -> FloatArray:
    """(..., 1) from sums (..., 2): the first over the second; NaN where that is 0."""
    above, below = sums[..., :1], sums[..., 1:]
    return np.divide(above, below, out=np.full_like(above, np.nan), where=below > 0)


def _texts(texts: Texts, members: Sequence[Member], prompts: Prompts, mode: Mode) -> Rows:
    rows = []
    for i, member in enumerate(members):
        for item, document in enumerate(prompts.documents):
            length = int(texts.lengths[i, item])
            tokens = texts.tokens[i, item, :length]
            loop = find_loop(tokens)
            rows.append(
                {
                    "mode": mode,
                    "model": member.model,
                    "item": item,
                    "document": document,
                    "prompt": prompts.texts[item],
                    "text": prompts.written[mode][i][item],
                    "length": length,
                    "loop_entry": loop and loop.entry,
                    "loop_period": loop and loop.period,
                    "distinct_share": len(set(tokens.tolist())) / length,
                    "nats": -float(texts.log_p[i, item].sum()) / length,
                    "entropy": float(texts.entropy[i, item].sum()) / length,
                }
            )
    return rows


def _differences(
    texts: Texts,
    steps: IntArray,
    is_censored: BoolArray,
    members: Sequence[Member],
    mode: Mode,
) -> Rows:
    rows = []
    by_key = sorted(range(len(members)), key=lambda i: members[i].model)
    for a, b in combinations(by_key, 2):
        for item in range(steps.shape[2]):
            step, same = int(steps[a, b, item]), bool(is_censored[a, b, item])
            margin_a, margin_b = texts.margin[[a, b], item, step - 1]
            rows.append(
                {
                    "mode": mode,
                    "model_a": members[a].model,
                    "model_b": members[b].model,
                    "item": item,
                    "step": step,
                    "is_censored": same,
                    "margin_a": None if same else finite(margin_a),
                    "margin_b": None if same else finite(margin_b),
                }
            )
    return rows


def _sequences(
    judged: Judged,
    members: Sequence[Member],
    owners: IndexArray,
    weights: FloatArray,
    statistics: Statistics,
) -> Rows:
    along, rows = judged.along, []
    documents = weights.shape[1]
    for a, writer in enumerate(members):
        tokens, sums = np.zeros(documents), np.zeros((len(members), documents))
        np.add.at(tokens, owners, along.tokens[a])
        np.add.at(sums.T, owners, along.kl[a].T)
        low, high = percentile_interval(
            ratio_resamples(sums, tokens, weights), statistics.confidence
        )
        kl = ratio(sums, tokens)
        for b, reader in enumerate(members):
            rows.append(
                {
                    "model_a": writer.model,
                    "model_b": reader.model,
                    "kl": finite(kl[b]),
                    "kl_low": finite(low[b]),
                    "kl_high": finite(high[b]),
                    "cross_nats": finite(along.cross[a, b].sum() / tokens.sum()),
                    "text_kl": finite(judged.text_kl[a, b].mean() / judged.length),
                    "tokens": int(tokens.sum()),
                    "documents": documents,
                }
            )
    return rows


def _judged(judged: Judged, floor: Again, owners: IndexArray) -> list[tuple[str, Counts, Counts]]:
    """Metric, its counts, and those of its floor."""
    along = judged.along
    tokens = np.broadcast_to(along.tokens[:, None], along.kl.shape)
    of_text = np.full(along.kl.shape, float(judged.length))
    found = (
        ("sequence_kl", along.kl, tokens, floor.kl),
        ("cross_nats", along.cross, tokens, floor.cross),
        ("text_kl", judged.text_kl, of_text, judged.text_floor),
    )
    return [
        (name, ratios(sums, each, owners), ratios(_paired(own), each, owners))
        for name, sums, each, own in found
    ]


def _paired(own: npt.NDArray[Any]) -> npt.NDArray[Any]:
    """What is a member's own (m, n) as (m, m, n), of which the diagonal is read."""
    return np.broadcast_to(own[:, None], (len(own), *own.shape))


def _value(pairs: Pairs, counts: Counts, statistic: Statistic) -> FloatArray:
    """Of all members against themselves."""
    alone = pairs.alone
    return statistic(counts(alone.a, alone.b).sum(axis=0))


def _where(mode: Mode, pairs: Pairs) -> dict[str, Any]:
    return {"mode": mode, "pool": pairs.pool, "other": pairs.other}


def _metric(metric: str, found: Interval, floor: float | None, most: float) -> dict[str, Any]:
    own = {"metric": metric, "value": finite(found.estimate)}
    return own | _ends(found, most) | {"floor": finite(floor)}


def _ends(found: Interval, most: float) -> dict[str, Any]:
    """The ends of an interval, cut at the largest value there can be."""
    return {"low": finite(min(found.low, most)), "high": finite(min(found.high, most))}
