"""Tables of what members write."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from itertools import combinations
from typing import Any

import numpy as np
import numpy.typing as npt

from manymasks.arrays import Bools, Floats, Indices, Ints, Row, Rows
from manymasks.config.analyses import Statistics
from manymasks.rollouts.loops import find_loop
from manymasks.rollouts.pair_intervals import Counts, OrderedPairs, Statistic, intervals, pairs_of
from manymasks.rollouts.sampling import Mode, Texts
from manymasks.rollouts.sequences import Again, Along, first_differences
from manymasks.statistics.bootstrap import (
    document_columns,
    document_weights,
    percentile_interval,
    ratio,
    ratio_resamples,
)
from manymasks.statistics.intervals import Interval, finite, finite_columns
from manymasks.statistics.model_classes import Members, one_corpus
from manymasks.statistics.survival import product_limit, restricted_mean


@dataclass(frozen=True)
class RolloutPrompts:
    """Prompts and continuations as text. `documents` (n,): document of each prompt. `texts` (n,):
    the prompts. `written` (m, n) for each mode: the continuations."""

    documents: Sequence[str]
    texts: Sequence[str]
    written: Mapping[Mode, Sequence[Sequence[str]]]


@dataclass(frozen=True)
class TextDivergence:
    """Divergence of members along each other's sampled texts and along real continuations. `along`:
    the former. `text_kl` (m, m, n): sums of KL along the latter; `text_floor` (m, n): the same for
    members and themselves in other batches; `length`: tokens of a continuation."""

    along: Along
    text_kl: Floats
    text_floor: Floats
    length: int


def rollout_rows(
    texts: Mapping[Mode, Texts],
    floors: Mapping[Mode, Again],
    divergence: TextDivergence,
    members: Members,
    prompts: RolloutPrompts,
    statistics: Statistics,
) -> dict[str, Rows]:
    """Rows of rollout, first_divergence, agreement_survival, rollout_pool, sequence_divergence, of
    members of one corpus, else ValueError. `texts` by mode; `floors`: the same members in other
    batches; `divergence`: for the mode `shared-noise`."""
    one_corpus(members)
    _, owners = np.unique(np.asarray(prompts.documents), return_inverse=True)
    count = int(owners.max()) + 1
    sizes = np.bincount(owners).astype(np.float64)
    weights = document_weights(count, statistics.resamples, statistics.seed)
    tables: dict[str, Rows] = {
        "rollout": [],
        "first_divergence": [],
        "agreement_survival": [],
        "rollout_pool": [],
        "sequence_divergence": _sequences(divergence, members, owners, weights, statistics),
    }
    measured = partial(intervals, weights=weights, sizes=sizes, confidence=statistics.confidence)
    pools = pairs_of(members)
    for mode, mode_texts in texts.items():
        written = _texts(mode_texts, members, prompts, mode)
        loops = np.array([row["loop_entry"] is not None for row in written], dtype=np.float64)
        tables["rollout"] += written
        steps, is_censored = first_differences(mode_texts)
        tables["first_divergence"] += _differences(mode_texts, steps, is_censored, members, mode)
        length = mode_texts.tokens.shape[2]
        # All agree before the first step: no estimate.
        is_share = [False, *[True] * length, False, True]
        differ_counts = differences(steps, is_censored, owners, length)
        floor_steps, floor_censored = floors[mode].steps, floors[mode].is_censored
        floor = differences(_paired(floor_steps), _paired(floor_censored), owners, length)
        shape = mode_texts.lengths.shape
        ends = ratios(_paired(loops.reshape(shape)), _paired(np.ones(shape)), owners)
        for pairs in pools:
            agreement = measured(pairs, differ_counts, agreed, is_share=is_share)
            agreement_floor = _value(pairs, floor, agreed)
            where = {"mode": mode, "pool": pairs.pool, "other": pairs.other}
            units = {"models": int(pairs.used.size)} | document_columns(sizes)
            tables["agreement_survival"] += [
                where
                | {"step": step, "survival": finite(interval.estimate)}
                | _ends(interval, 1)
                | units
                for step, interval in enumerate(agreement[:-2])
            ]
            for metric, position, largest in (("agreed_tokens", -2, length), ("censored", -1, 1)):
                tables["rollout_pool"].append(
                    where
                    | _metric(metric, agreement[position], agreement_floor[position], largest)
                    | units
                )
            if pairs.pool == pairs.other:
                (share,) = measured(pairs.alone, ends, quotient, is_share=[True])
                tables["rollout_pool"].append(where | _metric("loops", share, None, 1) | units)
            if mode == "shared-noise":
                for metric, counts, floor_counts in _divergence_counts(
                    divergence, floors[mode], owners
                ):
                    (mean,) = measured(pairs, counts, quotient)
                    (mean_floor,) = _value(pairs, floor_counts, quotient)
                    row = where | _metric(metric, mean, mean_floor, np.inf) | units
                    tables["rollout_pool"].append(row)
    return tables


def differences(steps: Ints, is_censored: Bools, owners: Indices, length: int) -> Counts:
    """Counts of first differences by step, then of all last seen, (documents, 2 x length), from
    `first_differences`. Two texts with the same end agree to the last step and are censored there,
    not at their end."""
    documents = int(owners.max()) + 1
    last = np.where(is_censored, length, steps)

    def counts(a: Indices, b: Indices) -> Floats:
        cell = owners * length + last[a, b] - 1
        ends, events = (
            np.bincount(cells, minlength=documents * length).reshape(documents, length)
            for cells in (cell.ravel(), cell[~is_censored[a, b]])
        )
        return np.concatenate([events, ends], axis=1).astype(np.float64)

    return counts


def ratios(numerators: Floats, denominators: Floats, owners: Indices) -> Counts:
    """Sums of both (m, m, n) by document, (documents, 2)."""
    documents = int(owners.max()) + 1

    def counts(a: Indices, b: Indices) -> Floats:
        sums = [values[a, b].sum(axis=0) for values in (numerators, denominators)]
        return np.stack([np.bincount(owners, total, minlength=documents) for total in sums], axis=1)

    return counts


def agreed(sums: Floats) -> Floats:
    """Survival of agreement (..., L + 1), its restricted mean, and the share that never differs."""
    events, ends = np.split(sums, 2, axis=-1)
    survival = product_limit(events, ends)
    differing = quotient(np.stack([events.sum(-1), ends.sum(-1)], axis=-1))
    return np.concatenate([survival, restricted_mean(survival)[..., None], 1 - differing], axis=-1)


def quotient(sums: Floats) -> Floats:
    """(..., 1) from sums (..., 2): the first over the second; NaN if that is 0."""
    above, below = sums[..., :1], sums[..., 1:]
    return np.divide(above, below, out=np.full_like(above, np.nan), where=below > 0)


def _texts(texts: Texts, members: Members, prompts: RolloutPrompts, mode: Mode) -> Rows:
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
    texts: Texts, steps: Ints, is_censored: Bools, members: Members, mode: Mode
) -> Rows:
    rows = []
    by_key = sorted(range(len(members)), key=lambda i: members[i].model)
    for a, b in combinations(by_key, 2):
        for item in range(steps.shape[2]):
            step, censored = int(steps[a, b, item]), bool(is_censored[a, b, item])
            margin_a, margin_b = texts.margin[[a, b], item, step - 1]
            rows.append(
                {
                    "mode": mode,
                    "model_a": members[a].model,
                    "model_b": members[b].model,
                    "item": item,
                    "step": step,
                    "is_censored": censored,
                    "margin_a": None if censored else finite(margin_a),
                    "margin_b": None if censored else finite(margin_b),
                }
            )
    return rows


def _sequences(
    divergence: TextDivergence,
    members: Members,
    owners: Indices,
    weights: Floats,
    statistics: Statistics,
) -> Rows:
    along, rows = divergence.along, []
    documents = weights.shape[1]
    for a, writer in enumerate(members):
        tokens, sums = np.zeros(documents), np.zeros((len(members), documents))
        np.add.at(tokens, owners, along.tokens[a])
        np.add.at(sums.T, owners, along.kl[a].T)
        low, high = percentile_interval(
            ratio_resamples(sums, tokens, weights), statistics.confidence, tokens
        )
        kl = ratio(sums, tokens)
        for b, reader in enumerate(members):
            rows.append(
                {"model_a": writer.model, "model_b": reader.model}
                | finite_columns(
                    kl=kl[b],
                    kl_low=low[b],
                    kl_high=high[b],
                    cross_nats=along.cross[a, b].sum() / tokens.sum(),
                    text_kl=divergence.text_kl[a, b].mean() / divergence.length,
                )
                | {"tokens": int(tokens.sum())}
                | document_columns(tokens)
            )
    return rows


def _divergence_counts(
    divergence: TextDivergence, floor: Again, owners: Indices
) -> list[tuple[str, Counts, Counts]]:
    """Metric, its counts, and those of its floor."""
    along = divergence.along
    tokens = np.broadcast_to(along.tokens[:, None], along.kl.shape)
    lengths = np.full(along.kl.shape, float(divergence.length))
    metrics = (
        ("sequence_kl", along.kl, tokens, floor.kl),
        ("cross_nats", along.cross, tokens, floor.cross),
        ("text_kl", divergence.text_kl, lengths, divergence.text_floor),
    )
    return [
        (name, ratios(sums, counts, owners), ratios(_paired(floor_sums), counts, owners))
        for name, sums, counts, floor_sums in metrics
    ]


def _paired(values: npt.NDArray[Any]) -> npt.NDArray[Any]:
    """Values of members (m, n) as (m, m, n), of which only the diagonal is read."""
    return np.broadcast_to(values[:, None], (len(values), *values.shape))


def _value(pairs: OrderedPairs, counts: Counts, statistic: Statistic) -> Floats:
    """The statistic of all members compared with themselves."""
    alone = pairs.alone
    return statistic(counts(alone.a, alone.b).sum(axis=0))


def _metric(metric: str, interval: Interval, floor: float | None, largest: float) -> Row:
    value = {"metric": metric, "value": finite(interval.estimate)}
    return value | _ends(interval, largest) | {"floor": finite(floor)}


def _ends(interval: Interval, largest: float) -> Row:
    """The ends of an interval, cut at the largest possible value."""
    return {"low": finite(min(interval.low, largest)), "high": finite(min(interval.high, largest))}
