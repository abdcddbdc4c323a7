"""Predictive multiplicity at each position, over the whole vocabulary.

All members of a pool go through one pass over blocks of positions. A block is reduced to arrays
without the vocabulary, which serve every set of members; only the capacity needs the full laws. A
set is an array of positions of members in the pool.
"""

from collections.abc import Sequence
from dataclasses import dataclass, fields
from typing import Self

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from manymasks.arrays import Bools, Floats, Indices, Ints
from manymasks.divergence.blocks import blocks
from manymasks.rashomon.capacity import capacities
from manymasks.rashomon.rarefaction import (
    expected_ambiguity,
    expected_distinct,
    expected_pair_ambiguity,
    votes,
)

BLOCK_ELEMENTS = {"cpu": 1 << 20, "cuda": 1 << 24}
"""Log-probabilities in one block, float32: 4 MiB on a CPU, which fits its cache."""


@dataclass(frozen=True)
class Facts:
    """Predictions of members at positions, without the vocabulary; natural logarithms.

    `m` members, `n` positions, y the true token:

    - `log_p` (m, n) float64: log p(y)
    - `first` (m, n): the first-ranked token
    - `entropy` (m, n) float64: H(p)
    - `kl` (m, m, n) float32: KL(p_i || p_j); exactly 0 on the diagonal
    - `tv` (m, m, n) float32: total variation, half the sum of |p_i - p_j|
    - `top_k_differs` (m, m, n): whether the sets of the `top_k` first-ranked tokens differ
    """

    log_p: Floats
    first: Ints
    entropy: Floats
    kl: npt.NDArray[np.float32]
    tv: npt.NDArray[np.float32]
    top_k_differs: Bools


@dataclass(frozen=True)
class PositionMetrics:
    """Metrics of a set of k members at n positions: by name (n,), see `position_metrics`; the
    `weights` (n, k) of the mixture that attains the capacity; and `gain_without` (k, n), the
    ensemble gain without each member, NaN for k < 2."""

    metrics: dict[str, Floats]
    weights: Floats
    gain_without: Floats


@dataclass(frozen=True)
class PairSums:
    """Sums over the positions of each document for pairs of members, float64.

    `D` documents, `m` members of the pool:

    - `tokens` (D,): positions
    - `kl` (D, m, m): KL(p_i || p_j)
    - `tv` (D, m, m): total variation
    - `top1`, `top_k`, `tv_above` (D, m, m): positions where the first-ranked tokens differ, where
      the sets of the `top_k` first-ranked ones do, where the total variation reaches the threshold
    - `p_squares`, `log_p_squares` (D, m, m): half the squared differences of p(y) and of log p(y);
      their mean over pairs is the variance over members
    """

    tokens: Floats
    kl: Floats
    tv: Floats
    top1: Floats
    top_k: Floats
    tv_above: Floats
    p_squares: Floats
    log_p_squares: Floats

    def __add__(self, other: Self) -> Self:
        """Sums over the positions of both, for the same documents and members."""
        names = [field.name for field in fields(self)]
        return type(self)(*(getattr(self, name) + getattr(other, name) for name in names))


def block_facts(logp: Tensor, targets: Tensor, top_k: int) -> Facts:
    """The facts of a block, on a CPU or a GPU. Ties are ranked by token id.

    `logp` (m, n, V), float32 log-probabilities; `targets` (n,), the true tokens. Raises ValueError
    for other shapes or types, `top_k` above the vocabulary, or values that are not finite, and
    RuntimeError if torch may compute float32 matrix products in reduced precision.
    """
    if logp.ndim != 3 or not logp.numel() or targets.shape != logp.shape[1:2]:
        raise ValueError(
            "expected log-probabilities (members, positions, vocabulary), none of them 0, and "
            f"targets (positions,), found {tuple(logp.shape)} and {tuple(targets.shape)}"
        )
    if logp.dtype != torch.float32:
        raise ValueError(f"log-probabilities must be float32, found {logp.dtype}")
    if not 1 <= top_k <= logp.shape[2]:
        raise ValueError(f"top_k must be from 1 to {logp.shape[2]} tokens, found {top_k}")
    if torch.get_float32_matmul_precision() != "highest":
        raise RuntimeError(
            "torch.set_float32_matmul_precision must be 'highest': otherwise the rounding errors "
            "of matrix products exceed the divergences"
        )
    parts = [
        [field.cpu().numpy() for field in _facts(logp[:, block], targets[block], top_k)]
        for block in blocks(logp, BLOCK_ELEMENTS)
    ]
    facts = Facts(*(np.concatenate(part, axis=-1) for part in zip(*parts, strict=True)))
    if not all(np.isfinite(values).all() for values in (facts.log_p, facts.entropy, facts.kl)):
        raise ValueError("log-probabilities must be finite, found NaN or infinity")
    return facts


def position_metrics(
    facts: Facts,
    logp: Tensor,
    subset: Indices,
    reference: int,
    tv_threshold: float,
    tolerance: float,
) -> PositionMetrics:
    """Metrics of a set of members at each position, (n,) each; `kinds.set_metrics` explains them.

    `subset` (k,): positions of its members in the pool; `reference`: index in the subset of the
    member that others are compared with. `ambiguity_*` and `pair_ambiguity` are 0 or 1; `capacity`
    is at least `information`. For a single member differences are 0 and variances NaN. Raises
    ValueError for an empty subset or a reference outside it.
    """
    k = subset.size
    if not 0 <= reference < k:
        raise ValueError(f"the reference is member {reference} of {k}")
    log_p, first = facts.log_p[subset], facts.first[subset]
    tv = facts.tv[np.ix_(subset, subset)]
    p = np.exp(log_p)
    agreeing = votes(first)
    channel = capacities(logp[torch.as_tensor(subset, device=logp.device)], tolerance)
    capacity, gap, information = (
        np.zeros(first.shape[1]) if k == 1 else values.cpu().numpy()
        for values in (channel.nats, channel.gap, channel.information)
    )
    metrics = {
        "ambiguity": (first != first[reference]).any(axis=0),
        "ambiguity_top_k": facts.top_k_differs[subset[reference], subset].any(axis=0),
        "ambiguity_tv": (np.delete(tv[reference], reference, axis=0) >= tv_threshold).any(axis=0),
        "pair_ambiguity": (first != first[0]).any(axis=0),
        "pair_range": tv.max(axis=(0, 1)),
        "vote_disagreement": (k - agreeing.sum(axis=0) / k) / max(k - 1, 1),
        "distinct_top1": (1 / agreeing).sum(axis=0).round(),
        "p_low": p.min(axis=0),
        "p_high": p.max(axis=0),
        "p_range": np.ptp(p, axis=0),
        "log_p_low": log_p.min(axis=0),
        "log_p_high": log_p.max(axis=0),
        "log_p_range": np.ptp(log_p, axis=0),
        "p_variance": _variance(p),
        "log_p_variance": _variance(log_p),
        "information": information,
        "capacity": capacity,
        "capacity_gap": gap,
        "effective_models": np.exp(capacity),
        "ensemble_gain": _gain(log_p),
    }
    without = (
        [_gain(np.delete(log_p, i, axis=0)) for i in range(k)] if k > 1 else [log_p[0] * np.nan]
    )
    return PositionMetrics(
        {name: np.asarray(values, dtype=np.float64) for name, values in metrics.items()},
        channel.weights.cpu().numpy(),
        np.stack(without),
    )


def rarefied_metrics(facts: Facts, subset: Indices, reference: int, k: int) -> dict[str, Floats]:
    """Metrics of k of the set's members, averaged over all subsets of k, (n,) each: see
    `rarefaction`. `ambiguity` is that of the reference and k - 1 others. ValueError unless 1 <= k
    <= members."""
    first = facts.first[subset]
    differing = (first != first[reference]).sum(axis=0)
    return {
        "ambiguity": expected_ambiguity(differing, subset.size - 1, k - 1),
        "pair_ambiguity": expected_pair_ambiguity(first, k),
        "distinct_top1": expected_distinct(first, k),
    }


def pair_sums(
    facts: Facts, documents: npt.NDArray[np.integer], count: int, tv_threshold: float
) -> PairSums:
    """Sums for pairs of members of the pool, by document. `documents` (n,): index of each
    position's document among `count`."""
    p = np.exp(facts.log_p)
    by_position = (
        facts.kl,
        facts.tv,
        facts.first[:, None] != facts.first[None],
        facts.top_k_differs,
        _above(facts.tv, tv_threshold),
        (p[:, None] - p[None]) ** 2 / 2,
        (facts.log_p[:, None] - facts.log_p[None]) ** 2 / 2,
    )
    tokens = by_document(np.ones(documents.size), documents, count)
    return PairSums(tokens, *(by_document(values, documents, count) for values in by_position))


def by_document(
    values: npt.NDArray[np.generic], documents: npt.NDArray[np.integer], count: int
) -> Floats:
    """Sums of values (..., n) over the positions of each document, (count, ...) in float64.
    `documents` (n,) from 0 to count - 1; documents without positions have sums of 0."""
    total = np.zeros((count, *values.shape[:-1]))
    if documents.size:
        order = np.argsort(documents, kind="stable")
        present, begins = np.unique(documents[order], return_index=True)
        sums = np.add.reduceat(values[..., order], begins, axis=-1, dtype=np.float64)
        total[present] = np.moveaxis(sums, -1, 0)
    return total


def _above(tv: npt.NDArray[np.float32], threshold: float) -> Bools:
    """Whether the total variation reaches the threshold, (m, m, n); False on the diagonal."""
    is_above = tv >= threshold
    is_above[np.diag_indices(tv.shape[0])] = False
    return is_above


def _gain(log_p: Floats) -> Floats:
    """Log of the mean p minus the mean log p, (n,), from log p (k, n)."""
    return np.asarray(np.log(np.exp(log_p - log_p.mean(axis=0)).mean(axis=0)))


def _variance(values: Floats) -> Floats:
    """Variance over the first axis, divisor k - 1; NaN for one."""
    if values.shape[0] < 2:
        return np.full(values.shape[1:], np.nan)
    return np.asarray(values.var(axis=0, ddof=1))


def _facts(logp: Tensor, targets: Tensor, top_k: int) -> Sequence[Tensor]:
    """The fields of `Facts` of a block, in order."""
    m, n, _ = logp.shape
    true = logp.gather(-1, targets.expand(m, -1)[..., None])[..., 0].double()
    p = logp.exp()
    # As in divergence/pairs.py: subtracting the mean over members leaves KL as it is and reduces
    # its rounding error; the masses deviate from 1 by rounding, which would enter to first order.
    centre = logp.mean(0)
    cross = torch.bmm(p.transpose(0, 1), (logp - centre).permute(1, 2, 0)).permute(1, 2, 0)
    self_cross = cross.diagonal().T
    mass = p.sum(-1)
    kl = self_cross[:, None] - cross - mass[:, None] + mass[None]
    entropy = -(self_cross.double() + (p * centre).sum(-1))
    tv = torch.zeros(m, m, n, dtype=p.dtype, device=p.device)
    for i in range(m - 1):
        distances = (p[i + 1 :] - p[i]).abs_().sum(-1) / 2
        tv[i, i + 1 :] = distances
        tv[i + 1 :, i] = distances
    ranked = logp.topk(top_k, dim=-1).indices.sort(-1).values
    differs = (ranked[:, None] != ranked[None]).any(-1)
    return true, logp.argmax(-1), entropy, kl, tv, differs
