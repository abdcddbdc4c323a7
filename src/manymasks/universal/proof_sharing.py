"""Do equally good members share their proofs? Transfer of proofs, and statements by set.

A proof is a probability vector q over the vocabulary, the same for all members of a corpus: it
depends on no coordinates of a residual stream. So the q that proves a bound for one member proves a
bound, possibly a weaker one, for any other, and the mean q of a set may prove one for all of it.
"""

import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from itertools import combinations

import numpy as np
import numpy.typing as npt
from scipy.stats import rankdata

from manymasks.arrays import Bools, Floats, Row, Rows
from manymasks.statistics.correlation import correlation
from manymasks.statistics.intervals import NO_ERROR, finite, interval_columns
from manymasks.statistics.jackknife import pair_mean
from manymasks.universal.certificate import (
    BLOCK,
    OutputLayer,
    dual_bounds,
    softmax_with_entropy,
)


@dataclass(frozen=True)
class ProvedMember:
    """A member with its certified bounds and its best prefixes."""

    layer: OutputLayer
    points: npt.NDArray[np.float32]
    bounds: Floats
    """(vocabulary,) certified upper bounds of ln P."""
    best: Floats
    """(vocabulary,) ln P after the best prefix; -inf without one."""
    seeds: tuple[int, int] = (0, 0)
    """Of initial weights and data order: pairs that share one are in no mean over pairs."""


def transferred_bounds(
    members: Sequence[ProvedMember],
    pairs: Iterable[tuple[int, int]],
    groups: Sequence[Sequence[int]],
) -> tuple[dict[tuple[int, int], Floats], list[Floats]]:
    """Bounds by the proofs of other members, and by mean proofs of groups.

    `pairs`: members whose proof is taken, and whose bound it gives. Returns the bounds
    (vocabulary,) of each pair, and for each group those of its members by its mean q, (members of
    the group, vocabulary).
    """
    vocabulary = len(members[0].bounds)
    moved = {pair: np.empty(vocabulary) for pair in pairs}
    shared = [np.empty((len(group), vocabulary)) for group in groups]
    size = max(BLOCK // vocabulary // max(len(members), 4), 1)
    for begin in range(0, vocabulary, size):
        tokens = np.arange(begin, min(begin + size, vocabulary))
        proofs = [
            softmax_with_entropy(member.layer.logits(member.points[tokens].astype(np.float64)))
            for member in members
        ]
        for (source, target), by_source in moved.items():
            by_source[tokens] = dual_bounds(members[target].layer, tokens, *proofs[source]).float32
        for group, bounds in zip(groups, shared, strict=True):
            if not group:
                continue
            mean = np.mean([proofs[member][0] for member in group], axis=0)
            smallest = np.finfo(np.float64).tiny
            negative_entropy = (mean * np.log(np.maximum(mean, smallest))).sum(axis=1)
            for line, member in enumerate(group):
                bounds[line, tokens] = dual_bounds(
                    members[member].layer, tokens, mean, negative_entropy
                ).float32
    return moved, shared


def rank_correlation(a: Floats, b: Floats) -> float:
    """Spearman's correlation of two vectors over the entries where both are finite."""
    both = np.isfinite(a) & np.isfinite(b)
    if both.sum() < 2:
        return math.nan
    return float(correlation(rankdata(a[both]), rankdata(b[both])))


def transfer_row(source: ProvedMember, target: ProvedMember, moved: Floats, away: Floats) -> Row:
    """A row of `proof_transfer`, without the names. `moved` (vocabulary,): bounds of the target by
    the proofs of the source. `away` (vocabulary,): ln P in the target after the best prefixes of
    the source, NaN without one."""
    cost = moved - target.bounds
    has_prefix = np.isfinite(source.best) & np.isfinite(away)
    home, away = source.best[has_prefix], away[has_prefix]
    return {
        "tokens": len(cost),
        "cost_median": float(np.median(cost)),
        "cost_mean": float(cost.mean()),
        "cost_high": float(np.quantile(cost, 0.95)),
        "bound_correlation": finite(rank_correlation(source.bounds, target.bounds)),
        "witness_home": finite(np.median(home)) if home.size else None,
        "witness_away": finite(np.median(away)) if home.size else None,
        "witness_correlation": finite(rank_correlation(home, away)),
    }


def statement_rows(
    members: Sequence[ProvedMember], shared: Floats, thresholds: Sequence[float], confidence: float
) -> Rows:
    """Rows of `statement_multiplicity` of one set, without its name: a row for every threshold.
    `shared` (members, vocabulary): bounds by the mean proof of the set."""
    bounds = np.stack([member.bounds for member in members])
    best = np.stack([member.best for member in members])
    seeds = [member.seeds for member in members]
    spearman = _pair_matrix(len(members), partial(_correlation_of, bounds))
    rows: Rows = []
    for threshold in thresholds:
        proved, refuted = bounds <= math.log(threshold), best > math.log(threshold)
        is_core, is_refuted = proved.all(axis=0), refuted.all(axis=0)
        is_contested = proved.any(axis=0) & refuted.any(axis=0)
        jaccard = _pair_matrix(len(members), partial(_jaccard_of, proved))
        by_chance = _pair_matrix(len(members), partial(_jaccard_by_chance, proved.mean(axis=1)))
        contest = [
            float(((proved[a] & refuted[b]) | (proved[b] & refuted[a])).mean())
            for a, b in combinations(range(len(members)), 2)
        ]
        rows.append(
            {
                "threshold": threshold,
                "statements": bounds.shape[1],
                "members": len(members),
                "proved_mean": float(proved.mean()),
                "core": int(is_core.sum()),
                "refuted": int(is_refuted.sum()),
                "contested": int(is_contested.sum()),
                "open": int((~is_core & ~is_refuted & ~is_contested).sum()),
                "shared": int((shared <= math.log(threshold)).all(axis=0).sum()),
                "discrepancy": max(contest, default=None),
                **interval_columns(
                    pair_mean(jaccard, seeds).interval(NO_ERROR, confidence), "jaccard", "jaccard_"
                ),
                "jaccard_by_chance": finite(pair_mean(by_chance, seeds).estimate),
                **interval_columns(
                    pair_mean(spearman, seeds).interval(NO_ERROR, confidence),
                    "correlation",
                    "correlation_",
                ),
            }
        )
    return rows


def _pair_matrix(members: int, value: Callable[[int, int], float]) -> Floats:
    """A symmetric matrix of values of pairs."""
    matrix = np.zeros((members, members))
    for a, b in combinations(range(members), 2):
        matrix[a, b] = matrix[b, a] = value(a, b)
    return matrix


def _correlation_of(bounds: Floats, a: int, b: int) -> float:
    return rank_correlation(bounds[a], bounds[b])


def _jaccard_of(proved: Bools, a: int, b: int) -> float:
    """Size of the intersection over that of the union; NaN without a union."""
    union = int((proved[a] | proved[b]).sum())
    return float((proved[a] & proved[b]).sum() / union) if union else math.nan


def _jaccard_by_chance(shares: Floats, a: int, b: int) -> float:
    """Jaccard of two independent sets with these shares, in the limit of many statements."""
    both = float(shares[a] * shares[b])
    union = float(shares[a] + shares[b]) - both
    return both / union if union else math.nan


def transfer_pairs(classes: Mapping[str, Sequence[int]]) -> list[tuple[int, int]]:
    """Ordered pairs of members whose proofs are exchanged: all within a class, and the first
    members of every two classes. `classes`: positions of members by class."""
    within = [(a, b) for group in classes.values() for a in group for b in group if a != b]
    first = [int(group[0]) for group in classes.values()]
    return within + [(a, b) for a in first for b in first if a != b]
