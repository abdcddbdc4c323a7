"""How differently members predict the next token, position by position, over all the vocabulary.

All members of a pool go through one pass over blocks of positions. What a block leaves behind
does not have the size of the vocabulary, but for the capacity, and serves every set of members:
a set is an array of their positions in the pool.
"""

from collections.abc import Sequence
from dataclasses import dataclass, fields
from typing import Self

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from manymasks.arrays import BoolArray, FloatArray, IndexArray, IntArray
from manymasks.divergence.blocks import blocks
from manymasks.rashomon.capacity import capacities
from manymasks.rashomon.rarefaction import (
    expected_ambiguity,
    expected_distinct,
    expected_pair_ambiguity,
    votes,
)

BLOCK_ELEMENTS = {"cpu": 1 << 20, "cuda": 1 << 24}
"""Log-probabilities in one block, float32: 4 MiB on a CPU, whose caches all passes share."""


@dataclass(frozen=True)
class Facts:
    """What members say at positions, without the vocabulary; natural logarithms.

    `m` members, `n` positions, y the true token:

    - `log_p` (m, n) float64: log p(y)
    - `first` (m, n): the first-ranked token
    - `entropy` (m, n) float64: H(p)
    - `kl` (m, m, n) float32: KL(p_i || p_j); exactly 0 on the diagonal
    - `tv` (m, m, n) float32: total variation, half the sum of |p_i - p_j|
    - `top_k_differs` (m, m, n): whether the sets of the `top_k` first-ranked tokens differ
    """

    log_p: FloatArray
    first: IntArray
    entropy: FloatArray
    kl: npt.NDArray[np.float32]
    tv: npt.NDArray[np.float32]
    top_k_differs: BoolArray


@dataclass(frozen=True)
class Multiplicity:
    """What a set of k members shows at n positions.

    `metrics`: name -> (n,) float64, see `position_metrics`. `weights` (n, k): those of the
    mixture that reaches the capacity; few members carry most of it, the ones to disclose.
    `gain_without` (k, n): the ensemble gain of the set without each member, NaN for k < 2.
    """

    metrics: dict[str, FloatArray]
    weights: FloatArray
    gain_without: FloatArray


@dataclass(frozen=True)
class PairSums:
    """Sums over the positions of each document of what pairs of members show, float64.

    `D` documents, `m` members of the pool:

    - `tokens` (D,): positions
    - `kl` (D, m, m): KL(p_i || p_j)
    - `tv` (D, m, m): total variation
    - `top1`, `top_k`, `tv_above` (D, m, m): positions where the first-ranked tokens differ,
      the sets of the first-ranked ones, where the total variation reaches the threshold
    - `p_squares`, `log_p_squares` (D, m, m): half the squared differences of p(y), of log p(y);
      their mean over pairs is the variance over members
    """

    tokens: FloatArray
    kl: FloatArray
    tv: FloatArray
    top1: FloatArray
    top_k: FloatArray
    tv_above: FloatArray
    p_squares: FloatArray
    log_p_squares: FloatArray

    def __add__(self, other: Self) -> Self:
        """Sums over the positions of both, of the same documents and members."""
        names = [field.name for field in fields(self)]
        return type(self)(*(getattr(self, name) + getattr(other, name) for name in names))


def block_facts(logp: Tensor, targets: Tensor, top_k: int) -> Facts:
    """What members say at the positions of a block, on a CPU or a GPU.

    `logp` (m, n, V), float32 log-probabilities; `targets` (n,), the true tokens. Among equal
    probabilities the order of the tokens decides which are first. Raises ValueError for other
    shapes or types, more first tokens than there are, or values that are not finite, and
    RuntimeError where torch may round matrix products of float32 to less.
    """
    if logp.ndim != 3 or not logp.numel() or targets.shape != logp.shape[1:2]:
        raise ValueError(
            "expected log-probabilities (members, positions, vocabulary), none of them 0, and "
            f"targets (positions,), found {tuple(logp.shape)} and {tuple(targets.shape)}"
        )
    if logp.dtype != torch.float32:
        raise ValueError(f"log-probabilities must be float32, found {logp.dtype}")
    if not 1 <= top_k <= logp.shape[2]:
        raise ValueError(f"there are no {top_k} first ones among {logp.shape[2]} tokens")
    if torch.get_float32_matmul_precision() != "highest":
        raise RuntimeError(
            "torch.set_float32_matmul_precision must be 'highest': with less, the rounding of "
            "a matrix product is larger than the divergences"
        )
    parts = [
        [x.cpu().numpy() for x in _facts(logp[:, block], targets[block], top_k)]
        for block in blocks(logp, BLOCK_ELEMENTS)
    ]
    facts = Facts(*(np.concatenate(part, axis=-1) for part in zip(*parts, strict=True)))
    if not all(np.isfinite(x).all() for x in (facts.log_p, facts.entropy, facts.kl)):
        raise ValueError("log-probabilities must be finite, found NaN or infinity")
    return facts


def position_metrics(
    facts: Facts,
    logp: Tensor,
    subset: IndexArray,
    reference: int,
    tv_threshold: float,
    tolerance: float,
) -> Multiplicity:
    """What a set of members shows at each position: metrics (n,), all >= 0 but log_p ones.

    `subset` (k,): positions of its members in the pool of the facts and of `logp` (m, n, V);
    `reference`: position in the subset of the member that others are compared with. In nats:

    - ambiguity: 1 where a member ranks another token first than the reference, else 0;
      ambiguity_top_k: where its set of first tokens is another; ambiguity_tv: where its total
      variation from the reference reaches the threshold (Marx, Calmon & Ustun 2020)
    - pair_ambiguity: where any two rank another token first; pair_range: the largest total
      variation of two, whose mean is nu (Albini et al.)
    - vote_disagreement: k / (k - 1) (1 - sum_v f_v^2) with f_v the share of members that rank v
      first: the share of pairs that differ; distinct_top1: first-ranked tokens
    - p_low, p_high, p_range, log_p_low, log_p_high, log_p_range: the viable prediction range of
      the true token (Watson-Daniels, Parkes & Ustun 2023); p_variance, log_p_variance: over
      members, divisor k - 1
    - information: H(mean p) - mean H(p), of equal weights; capacity and capacity_gap: see
      `capacities`, which is at least the information; effective_models: exp of the capacity
      (Hsu & Calmon 2022)
    - ensemble_gain: log of the mean p of the true token less the mean log p

    All but vote_disagreement and the variances grow with the members: lower bounds of what
    more members would show. A single member has zeros and variances of NaN. Raises ValueError
    for a subset that is empty or a reference that is not in it.
    """
    k = subset.size
    if not 0 <= reference < k:
        raise ValueError(f"the reference is member {reference} of {k}")
    log_p, first = facts.log_p[subset], facts.first[subset]
    tv = facts.tv[np.ix_(subset, subset)]
    p = np.exp(log_p)
    alike = votes(first)
    channel = capacities(logp[torch.as_tensor(subset, device=logp.device)], tolerance)
    capacity, gap, information = (
        np.zeros(first.shape[1]) if k == 1 else x.cpu().numpy()
        for x in (channel.nats, channel.gap, channel.information)
    )
    metrics = {
        "ambiguity": (first != first[reference]).any(axis=0),
        "ambiguity_top_k": facts.top_k_differs[subset[reference], subset].any(axis=0),
        "ambiguity_tv": (np.delete(tv[reference], reference, axis=0) >= tv_threshold).any(axis=0),
        "pair_ambiguity": (first != first[0]).any(axis=0),
        "pair_range": tv.max(axis=(0, 1)),
        "vote_disagreement": (k - alike.sum(axis=0) / k) / max(k - 1, 1),
        "distinct_top1": (1 / alike).sum(axis=0).round(),
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
    return Multiplicity(
        {name: np.asarray(values, dtype=np.float64) for name, values in metrics.items()},
        channel.weights.cpu().numpy(),
        np.stack(without),
    )


def rarefied_metrics(
    facts: Facts, subset: IndexArray, reference: int, k: int
) -> dict[str, FloatArray]:
    """What k of the set's members show on average over all subsets of k, (n,) each.

    `ambiguity` is that of the reference and k - 1 others, `pair_ambiguity` and `distinct_top1`
    of any k: see `rarefaction`. Raises ValueError unless 1 <= k <= members.
    """
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
    """Sums of what pairs of the pool show, by document.

    `documents` (n,): which of `count` documents each position is in.
    """
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
) -> FloatArray:
    """Sums of values (..., n) over the positions of each document, (count, ...) in float64.

    `documents` (n,) from 0 to count - 1; those without positions have sums of 0.
    """
    total = np.zeros((count, *values.shape[:-1]))
    if documents.size:
        order = np.argsort(documents, kind="stable")
        found, begins = np.unique(documents[order], return_index=True)
        sums = np.add.reduceat(values[..., order], begins, axis=-1, dtype=np.float64)
        total[found] = np.moveaxis(sums, -1, 0)
    return total


def _above(tv: npt.NDArray[np.float32], threshold: float) -> BoolArray:
    """Whether two members are so far apart, (m, m, n); none is far from itself."""
    apart = tv >= threshold
    apart[np.diag_indices(tv.shape[0])] = False
    return apart


def _gain(log_p: FloatArray) -> FloatArray:
    """Log of the mean p less the mean log p, (n,), from log p (k, n)."""
    return np.asarray(np.log(np.exp(log_p - log_p.mean(axis=0)).mean(axis=0)))


def _variance(values: FloatArray) -> FloatArray:
    """Variance over the first axis, divisor k - 1; NaN for one."""
    if values.shape[0] < 2:
        return np.full(values.shape[1:], np.nan)
    return np.asarray(values.var(axis=0, ddof=1))


def _facts(logp: Tensor, targets: Tensor, top_k: int) -> Sequence[Tensor]:
    """The fields of `Facts` of a block, in order."""
    m, n, _ = logp.shape
    true = logp.gather(-1, targets.expand(m, -1)[..., None])[..., 0].double()
    p = logp.exp()
    # As in divergence/pairs.py: without the mean over members KL is the same and its rounding
    # is not, and the masses are 1 but for rounding, which would enter in first order.
    centre = logp.mean(0)
    cross = torch.bmm(p.transpose(0, 1), (logp - centre).permute(1, 2, 0)).permute(1, 2, 0)
    own = cross.diagonal().T
    mass = p.sum(-1)
    kl = own[:, None] - cross - mass[:, None] + mass[None]
    entropy = -(own.double() + (p * centre).sum(-1))
    tv = torch.zeros(m, m, n, dtype=p.dtype, device=p.device)
    for i in range(m - 1):
        apart = (p[i + 1 :] - p[i]).abs_().sum(-1) / 2
        tv[i, i + 1 :] = apart
        tv[i + 1 :, i] = apart
    ranked = logp.topk(top_k, dim=-1).indices.sort(-1).values
    differs = (ranked[:, None] != ranked[None]).any(-1)
    return true, logp.argmax(-1), entropy, kl, tv, differs
