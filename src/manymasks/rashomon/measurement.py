"""All sets of one pool of members, measured in one pass over blocks of positions.

A pool is the members of one class that came about in one way; its sets overlap, and many are
equal: each different one is measured once.
"""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from manymasks.arrays import FloatArray, IndexArray
from manymasks.config.rashomon import Multiplicity
from manymasks.rashomon.capacity import Capacities, information_at, shared_capacity
from manymasks.rashomon.multiplicity import (
    PairSums,
    block_facts,
    by_document,
    pair_sums,
    position_metrics,
    rarefied_metrics,
)
from manymasks.rashomon.spread import SetSums

Subset = tuple[int, ...]
"""Positions of members in their pool, the best on select first: others are compared with it."""


@dataclass(frozen=True)
class Block:
    """Positions at which all members of a pool predict.

    `logp` (m, n, V) float32 log-probabilities, `targets` (n,) true tokens, `documents` (n,) from 0,
    `begin`: number of the first position.
    """

    logp: Tensor
    targets: Tensor
    documents: IndexArray
    begin: int

    def within(self, positions: IndexArray) -> IndexArray:
        """Which of these positions are in the block, counted from its begin."""
        found = positions[
            (positions >= self.begin) & (positions < self.begin + len(self.documents))
        ]
        return found - self.begin


@dataclass(frozen=True)
class MeasuredSets:
    """What the sets of a pool show.

    - `pairs`: sums of pairs of members, by document
    - `hard`: each set with its shared capacity and what fewer of its members would show
    - `resampled`: each set that resamples give, without these
    - `log_p` (m, n): log-probability of the true token
    - `documents` (n,): document of each position
    - `kept`: of each hard set, its metrics at the positions kept, (kept,)
    - `shared_weights`, `mean_weights`: of each hard set, (k,): of the one mixture for all
      positions, and of the mixtures of single positions on average
    """

    pairs: PairSums
    hard: dict[Subset, SetSums]
    resampled: dict[Subset, SetSums]
    log_p: FloatArray
    documents: IndexArray
    kept: dict[Subset, dict[str, FloatArray]]
    shared_weights: dict[Subset, FloatArray]
    mean_weights: dict[Subset, FloatArray]


def measure_pool(
    blocks: Callable[[], Iterable[Block]],
    hard: Sequence[Subset],
    resampled: Sequence[Subset],
    documents: int,
    kept: IndexArray,
    settings: Multiplicity,
) -> MeasuredSets:
    """Measure every set of a pool.

    Args:
        blocks: gives all positions, the same each time. It is called twice: the mixture that
            serves all positions is found on those kept, whose laws are held, and then evaluated
            on all of them.
        hard: sets as they are, none empty.
        resampled: sets that document resamples of select give, none empty.
        documents: how many the positions are of.
        kept: numbers of positions, rising.
        settings: thresholds, tolerance.
    """
    every = list(dict.fromkeys([*hard, *resampled]))
    shared = _shared(blocks, hard, kept, settings) if kept.size else {}
    sums: dict[Subset, dict[str, FloatArray]] = {}
    gains: dict[Subset, FloatArray] = {}
    fewer: dict[Subset, dict[int, dict[str, FloatArray]]] = {}
    weights = {subset: np.zeros(len(subset)) for subset in hard}
    at_kept: dict[Subset, list[dict[str, FloatArray]]] = {subset: [] for subset in hard}
    pairs: PairSums | None = None
    log_p: list[FloatArray] = []
    owners: list[IndexArray] = []
    for block in blocks():
        facts = block_facts(block.logp, block.targets, settings.top_k)
        of_block = pair_sums(facts, block.documents, documents, settings.tv)
        pairs = of_block if pairs is None else pairs + of_block
        log_p.append(facts.log_p)
        owners.append(block.documents)
        inside = block.within(kept)
        for subset in every:
            members = np.array(subset)
            found = position_metrics(facts, block.logp, members, 0, settings.tv, settings.tolerance)
            metrics = dict(found.metrics)
            if subset in shared:
                metrics["shared_capacity"] = _at(block.logp[members], shared[subset].weights)
            _add(sums.setdefault(subset, {}), metrics, block.documents, documents)
            gain = by_document(found.gain_without, block.documents, documents).T
            gains[subset] = gains.get(subset, 0) + gain
            if subset in at_kept:
                weights[subset] += found.weights.sum(axis=0)
                at_kept[subset].append({name: x[inside] for name, x in metrics.items()})
                for k in range(2, len(subset)):
                    of_k = fewer.setdefault(subset, {}).setdefault(k, {})
                    _add(of_k, rarefied_metrics(facts, members, 0, k), block.documents, documents)
    if pairs is None:
        raise ValueError("a pool needs at least one position, found none")
    positions = sum(each.size for each in owners)

    def sums_of(subset: Subset, is_hard: bool) -> SetSums:
        return SetSums(
            subset=np.array(subset),
            reference=0,
            metrics={
                name: each
                for name, each in sums[subset].items()
                if is_hard or name != "shared_capacity"
            },
            gain_without=gains[subset],
            rarefied=fewer.get(subset, {}) if is_hard else {},
            shared_gap=float(shared[subset].gap) if is_hard and subset in shared else None,
        )

    return MeasuredSets(
        pairs=pairs,
        hard={subset: sums_of(subset, True) for subset in hard},
        resampled={subset: sums_of(subset, False) for subset in resampled},
        log_p=np.concatenate(log_p, axis=1),
        documents=np.concatenate(owners),
        kept={
            subset: {name: np.concatenate([each[name] for each in parts]) for name in parts[0]}
            for subset, parts in at_kept.items()
        },
        shared_weights={subset: each.weights[0].cpu().numpy() for subset, each in shared.items()},
        mean_weights={subset: each / positions for subset, each in weights.items()},
    )


def _shared(
    blocks: Callable[[], Iterable[Block]],
    hard: Sequence[Subset],
    kept: IndexArray,
    settings: Multiplicity,
) -> dict[Subset, Capacities]:
    """The capacity of one mixture for all positions, found on those kept, of each set."""
    parts = []
    for block in blocks():
        inside = torch.as_tensor(block.within(kept), device=block.logp.device)
        parts.append(block.logp[:, inside])
    laws = torch.cat(parts, dim=1)
    return {
        subset: shared_capacity(lambda of=list(subset): [laws[of]], settings.tolerance)  # type: ignore[misc]
        for subset in hard
    }


def _at(logp: Tensor, weights: Tensor) -> FloatArray:
    return np.asarray(information_at(logp, weights[0]).cpu().numpy(), dtype=np.float64)


def _add(
    total: dict[str, FloatArray], values: dict[str, FloatArray], owners: IndexArray, count: int
) -> None:
    for name, each in values.items():
        total[name] = total.get(name, 0) + by_document(each, owners, count)
