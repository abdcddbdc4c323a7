"""All sets of one pool of members, measured in one pass over blocks of positions.

A pool holds the members of one class and method. Its sets overlap, and many are equal: each
distinct set is measured once.
"""

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial

import numpy as np
import torch
from torch import Tensor

from manymasks.arrays import Floats, Indices, Ints
from manymasks.config.rashomon import Multiplicity
from manymasks.models.member_model import MemberModel
from manymasks.rashomon.capacity import Capacities, information_at, shared_capacity
from manymasks.rashomon.multiplicity import (
    Facts,
    PairSums,
    block_facts,
    by_document,
    pair_sums,
    position_metrics,
    rarefied_metrics,
)
from manymasks.rashomon.spread import SetSums

Subset = tuple[int, ...]
"""Positions of members in their pool; the first, best on select, is the reference."""


@dataclass(frozen=True)
class PositionBlock:
    """Predictions of all members of a pool at consecutive positions from `begin`: `logp` (m, n, V)
    float32 log-probabilities, `targets` (n,) true tokens, `documents` (n,) from 0."""

    logp: Tensor
    targets: Tensor
    documents: Indices
    begin: int

    def within(self, positions: Indices) -> Indices:
        """Those of these positions that are in the block, counted from its begin."""
        inside = positions[
            (positions >= self.begin) & (positions < self.begin + len(self.documents))
        ]
        return inside - self.begin


def position_blocks(
    models: Sequence[MemberModel], tokens: Ints, scored: Ints, owners: Indices, batch: int
) -> Iterator[PositionBlock]:
    """Predictions of models, each a stack of one, at the positions `scored` (n, s) of windows (n,
    length + 1), `batch` windows at a time. `owners` (n x s,): document of each position, from
    0."""
    begin, device = 0, models[0].W_E.device
    for windows, columns in zip(
        torch.split(torch.from_numpy(tokens).to(device), batch),
        torch.split(torch.from_numpy(scored).to(device), batch),
        strict=True,
    ):
        prefixes, rows = windows[:, :-1].unsqueeze(0), torch.arange(len(windows), device=device)
        with torch.no_grad():
            logits = torch.stack(
                [model(prefixes, prefixes.shape[-1])[0][rows[:, None], columns] for model in models]
            )
        logp = torch.log_softmax(logits.float(), -1).flatten(1, 2)
        end = begin + logp.shape[1]
        targets = windows[:, 1:].gather(1, columns).flatten()
        yield PositionBlock(logp, targets, owners[begin:end], begin)
        begin = end


@dataclass(frozen=True)
class MeasuredSets:
    """Measurements of the sets of a pool.

    - `pairs`: sums of pairs of members, by document
    - `hard`: each set, with shared capacity and rarefied metrics
    - `resampled`: each set of the document resamples, without these
    - `log_p` (m, n): log-probability of the true token
    - `documents` (n,): document of each position
    - `kept`: metrics of each hard set at the kept positions, (kept,)
    - `shared_weights`, `mean_weights`: of each hard set, (k,): weights of the one mixture for all
      positions, and the average weights of the mixtures at single positions
    """

    pairs: PairSums
    hard: dict[Subset, SetSums]
    resampled: dict[Subset, SetSums]
    log_p: Floats
    documents: Indices
    kept: dict[Subset, dict[str, Floats]]
    shared_weights: dict[Subset, Floats]
    mean_weights: dict[Subset, Floats]


def measure_pool(
    blocks: Callable[[], Iterable[PositionBlock]],
    hard: Sequence[Subset],
    resampled: Sequence[Subset],
    documents: int,
    kept: Indices,
    settings: Multiplicity,
) -> MeasuredSets:
    """Measure every set of a pool: `hard` ones as they are, `resampled` ones from document
    resamples of select. No set is empty.

    `blocks` gives all positions, the same at every call. It is called twice: the mixture for all
    positions is optimised on the `kept` positions (rising indices), whose laws are held in memory,
    and then evaluated on all of them.
    """
    shared = _shared(blocks, hard, kept, settings) if kept.size else {}
    whole = set(hard)
    totals = {
        subset: _SetTotals(np.array(subset), documents, subset in whole, shared.get(subset))
        for subset in [*hard, *resampled]
    }
    pairs: PairSums | None = None
    log_p: list[Floats] = []
    owners: list[Indices] = []
    for block in blocks():
        facts = block_facts(block.logp, block.targets, settings.top_k)
        block_pairs = pair_sums(facts, block.documents, documents, settings.tv)
        pairs = block_pairs if pairs is None else pairs + block_pairs
        log_p.append(facts.log_p)
        owners.append(block.documents)
        for total in totals.values():
            total.add(facts, block, kept, settings)
    if pairs is None:
        raise ValueError("a pool needs at least one position, found none")
    positions = sum(part.size for part in owners)
    return MeasuredSets(
        pairs=pairs,
        hard={subset: totals[subset].sums(is_hard=True) for subset in hard},
        resampled={subset: totals[subset].sums(is_hard=False) for subset in resampled},
        log_p=np.concatenate(log_p, axis=1),
        documents=np.concatenate(owners),
        kept={subset: totals[subset].at_kept() for subset in hard},
        shared_weights={subset: one.weights[0].cpu().numpy() for subset, one in shared.items()},
        mean_weights={subset: totals[subset].weights / positions for subset in hard},
    )


class _SetTotals:
    """Metrics of one set, summed by document over blocks. `is_hard`: whether weights, positions and
    rarefied metrics are kept too. `shared`: the mixture for all positions, if there is one."""

    def __init__(
        self, members: Indices, documents: int, is_hard: bool, shared: Capacities | None
    ) -> None:
        self._members, self._documents = members, documents
        self._is_hard, self._shared = is_hard, shared
        self._metrics: dict[str, Floats] = {}
        self._rarefied: dict[int, dict[str, Floats]] = {}
        self._gain_without: Floats | None = None
        self._kept: list[dict[str, Floats]] = []
        self.weights = np.zeros(members.size)

    def add(
        self, facts: Facts, block: PositionBlock, kept: Indices, settings: Multiplicity
    ) -> None:
        """Add the positions of a block."""
        members = self._members
        at_positions = position_metrics(
            facts, block.logp, members, 0, settings.tv, settings.tolerance
        )
        metrics = dict(at_positions.metrics)
        if self._shared is not None:
            information = information_at(block.logp[members], self._shared.weights[0])
            metrics["shared_capacity"] = information.cpu().numpy().astype(np.float64)
        self._add(self._metrics, metrics, block)
        gain = by_document(at_positions.gain_without, block.documents, self._documents).T
        self._gain_without = gain if self._gain_without is None else self._gain_without + gain
        if self._is_hard:
            inside = block.within(kept)
            self.weights += at_positions.weights.sum(axis=0)
            self._kept.append({name: values[inside] for name, values in metrics.items()})
            for k in range(2, members.size):
                rarefied = rarefied_metrics(facts, members, 0, k)
                self._add(self._rarefied.setdefault(k, {}), rarefied, block)

    def sums(self, is_hard: bool) -> SetSums:
        """Its sums: as a hard set, or as one of a resample."""
        assert self._gain_without is not None
        return SetSums(
            subset=self._members,
            reference=0,
            metrics={
                name: values
                for name, values in self._metrics.items()
                if is_hard or name != "shared_capacity"
            },
            gain_without=self._gain_without,
            rarefied=self._rarefied if is_hard else {},
            shared_gap=float(self._shared.gap) if is_hard and self._shared is not None else None,
        )

    def at_kept(self) -> dict[str, Floats]:
        """Its metrics at the kept positions, (kept,) each."""
        return {name: np.concatenate([part[name] for part in self._kept]) for name in self._kept[0]}

    def _add(
        self, total: dict[str, Floats], values: dict[str, Floats], block: PositionBlock
    ) -> None:
        for name, at_positions in values.items():
            sums = by_document(at_positions, block.documents, self._documents)
            total[name] = total.get(name, 0) + sums


def _shared(
    blocks: Callable[[], Iterable[PositionBlock]],
    hard: Sequence[Subset],
    kept: Indices,
    settings: Multiplicity,
) -> dict[Subset, Capacities]:
    """The capacity of one mixture for all positions, optimised on the kept ones, of each set."""
    parts = []
    for block in blocks():
        inside = torch.as_tensor(block.within(kept), device=block.logp.device)
        parts.append(block.logp[:, inside])
    laws = torch.cat(parts, dim=1)
    return {
        subset: shared_capacity(partial(_one_block, laws, list(subset)), settings.tolerance)
        for subset in hard
    }


def _one_block(laws: Tensor, members: list[int]) -> list[Tensor]:
    return [laws[members]]
