"""Sums from which all divergences follow, streamed over windows with the full vocabulary.

For members i, j with next-token laws p_i at a position, one matrix product over the
vocabulary gives C_ij = sum p_i (log p_j - mean_k log p_k), and KL(p_i || p_j) is C_ii - C_ij.
The mean over members is subtracted first: KL is unchanged, its rounding is not. Products are
in float32, sums over positions in float64: the error of a mean KL is below 1e-7 nats where
members differ by a nat. Nothing of the size of the vocabulary outlives a block of positions.
"""

from collections.abc import Sequence
from dataclasses import dataclass, fields
from typing import Any, TypeVar

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from manymasks.divergence.blocks import blocks
from manymasks.statistics.documents import FloatArray

BLOCK_ELEMENTS = {"cpu": 1 << 20, "cuda": 1 << 24}
"""Log-probabilities in one block: on a CPU 4 MiB, so that a block's passes stay in the cache; on
a GPU as many as keep it busy."""

TINY = 1e-37
"""Stands in for probabilities that round to 0, whose p log p is 0."""


@dataclass(frozen=True)
class Sums:
    """Sums over the scored positions of each unit (a window or a document), float64.

    `n` units, `m` members, natural logarithms, y the true token:

    - `tokens` (n,): scored positions
    - `kl` (n, m, m): KL(p_i || p_j); exactly 0 on the diagonal
    - `hellinger` (n, m, m): 1 - sum sqrt(p_i p_j); exactly 0 on the diagonal
    - `agree` (n, m, m): positions with the same first-ranked token
    - `log_p_products` (n, m, m): log p_i(y) log p_j(y)
    - `log_p` (n, m): log p_i(y)
    - `top1` (n, m): positions where y is ranked first
    - `entropy` (n, m): H(p_i)
    - `information` (n, pools): H(mean p over the pool) - mean H(p), which is I(Y; model | x)
    - `information_without` (n, m): the same of the member's pool without this member
      (NaN for a member of no pool or alone in it)
    """

    tokens: FloatArray
    kl: FloatArray
    hellinger: FloatArray
    agree: FloatArray
    log_p_products: FloatArray
    log_p: FloatArray
    top1: FloatArray
    entropy: FloatArray
    information: FloatArray
    information_without: FloatArray


@dataclass(frozen=True)
class FloorSums:
    """Sums over positions of members against themselves, computed another way, float64.

    `kl`, `hellinger`, `agree` as in `Sums`, `difference` of d = log p(y) - log p'(y) and
    `difference_squares` of d^2: each (n, m). `tokens` (n,).
    """

    tokens: FloatArray
    kl: FloatArray
    hellinger: FloatArray
    agree: FloatArray
    difference: FloatArray
    difference_squares: FloatArray


AnySums = TypeVar("AnySums", Sums, FloorSums)

Positions = slice | Tensor
"""Positions of the members of a pool."""


def pair_sums(logp: Tensor, targets: Tensor, pools: Sequence[npt.NDArray[np.intp]]) -> Sums:
    """Sums for each window, over its positions and the full vocabulary.

    `logp` (m, w, s, V), float32 log-probabilities: members, windows, scored positions,
    vocabulary. `targets` (w, s), the true tokens. `pools`: disjoint positions of members.
    Raises ValueError for other shapes or types, pools that overlap or log-probabilities that
    are not finite, and RuntimeError where torch may round matrix products of float32 to less.
    """
    _check(logp, targets)
    if logp.dtype != torch.float32:
        raise ValueError(f"log-probabilities must be float32, found {logp.dtype}")
    if len({int(i) for pool in pools for i in pool}) != sum(len(pool) for pool in pools):
        raise ValueError("pools must be disjoint")
    if torch.get_float32_matmul_precision() != "highest":
        raise RuntimeError(
            "torch.set_float32_matmul_precision must be 'highest': with less, the rounding of "
            "a matrix product is larger than the divergences"
        )
    groups = [_positions(pool, logp.device) for pool in pools]
    windows = [_window(logp[:, w], targets[w], groups) for w in range(logp.shape[1])]
    arrays = [torch.stack(parts).cpu().numpy() for parts in zip(*windows, strict=True)]
    sums = Sums(np.full(len(windows), float(targets.shape[1])), *arrays)
    _refuse_unknown(sums.kl, sums.log_p, sums.entropy)
    return sums


def floor_sums(logp_a: Tensor, logp_b: Tensor, targets: Tensor) -> FloorSums:
    """Sums for each window of every member against itself, computed twice.

    `logp_a`, `logp_b` (m, w, s, V), `targets` (w, s). Both are normalised again in float64,
    as the differences lie below the rounding of float32, and KL is summed term by term.
    Raises ValueError for other shapes or values that are not finite.
    """
    _check(logp_a, targets)
    if logp_a.shape != logp_b.shape:
        raise ValueError(f"shapes differ: {tuple(logp_a.shape)} and {tuple(logp_b.shape)}")
    members, windows, positions, _ = logp_a.shape
    sums = torch.zeros(5, windows, members, dtype=torch.float64, device=logp_a.device)
    for w in range(windows):
        for block in blocks(logp_a[:, w], BLOCK_ELEMENTS):
            a = logp_a[:, w, block].double().log_softmax(-1)
            b = logp_b[:, w, block].double().log_softmax(-1)
            y = targets[w, block].expand(members, -1)[..., None]
            d = (a.gather(-1, y) - b.gather(-1, y))[..., 0]
            p, q = a.exp(), b.exp()
            sums[0, w] += (p * (a - b)).sum((1, 2))
            sums[1, w] += (p.sqrt() - q.sqrt()).square().sum((1, 2)) / 2
            sums[2, w] += (a.argmax(-1) == b.argmax(-1)).sum(1)
            sums[3, w] += d.sum(1)
            sums[4, w] += d.square().sum(1)
    arrays = sums.cpu().numpy()
    _refuse_unknown(arrays)
    return FloorSums(np.full(windows, float(positions)), *arrays)


def by_document(batches: Sequence[AnySums], documents: npt.NDArray[np.integer]) -> AnySums:
    """Sums of windows added up by document, in rising order of the documents.

    `batches` hold consecutive windows; `documents` (windows,) names the document of each.
    Documents without windows do not occur. Raises ValueError when the lengths differ.
    """
    names, rows = np.unique(documents, return_inverse=True)
    if sum(batch.tokens.size for batch in batches) != documents.size or not batches:
        raise ValueError("each window needs its document, and there must be a window")
    grouped = []
    for field in fields(batches[0]):
        values: FloatArray = np.concatenate([getattr(b, field.name) for b in batches])
        total = np.zeros((names.size, *values.shape[1:]))
        np.add.at(total, rows, values)
        grouped.append(total)
    return type(batches[0])(*grouped)


def joined_members(parts: Sequence[FloorSums]) -> FloorSums:
    """Sums of members that were compared with themselves one by one, as one over all of them."""
    together = {
        field.name: np.concatenate([getattr(part, field.name) for part in parts], axis=1)
        for field in fields(FloorSums)
        if field.name != "tokens"
    }
    return FloorSums(tokens=parts[0].tokens, **together)


def _window(logp: Tensor, targets: Tensor, pools: Sequence[Positions]) -> tuple[Tensor, ...]:
    """The sums of one window, logp (m, s, V), in the order of the fields of `Sums`."""
    m = logp.shape[0]
    double: dict[str, Any] = {"dtype": torch.float64, "device": logp.device}
    kl, hellinger = torch.zeros(m, m, **double), torch.zeros(m, m, **double)
    entropy, without = torch.zeros(m, **double), torch.full((m,), torch.nan, **double)
    information = torch.zeros(len(pools), **double)
    first = torch.empty(logp.shape[:2], dtype=torch.int64, device=logp.device)
    for pool in pools:
        if without[pool].numel() > 1:
            without[pool] = 0
    for block in blocks(logp, BLOCK_ELEMENTS):
        log = logp[:, block]
        first[:, block] = log.argmax(-1)
        centre = log.mean(0)
        p = log.exp()
        root = p.sqrt()
        cross = _products(p, log - centre)
        affinity = _products(root, root)
        own = cross.diagonal()
        mass = _total(p)
        # The masses are 1 but for rounding, which enters KL in first order unless they are
        # subtracted (the divergence of unnormalised laws).
        kl += own[:, None] - cross - mass[:, None] + mass[None, :]
        squares = affinity.diagonal()
        hellinger += (squares[:, None] + squares[None, :]) / 2 - affinity
        entropy -= own + _total(p * centre)
        for g, pool in enumerate(pools):
            laws = p[pool]
            size = laws.shape[0]
            total = laws.sum(0)
            information[g] += own[pool].mean() - _relative(total / size, centre)
            if size > 1:
                rest = (total - laws).div_(size - 1)
                others = (own[pool].sum() - own[pool]) / (size - 1)
                without[pool] += others - _relative(rest, centre)
    agree = (first[:, None] == first[None]).sum(-1)
    true = logp.gather(-1, targets.expand(m, -1)[..., None])[..., 0].double()
    return (
        kl,
        hellinger,
        agree.double(),
        true @ true.T,
        true.sum(1),
        (first == targets).sum(1).double(),
        entropy,
        information,
        without,
    )


def _relative(law: Tensor, centre: Tensor) -> Tensor:
    """Sum of law * (log law - centre) over positions and vocabulary, float64.

    Overwrites law, whose values may round to nothing, or to less where it is what is left of a
    total without a law that dominates it.
    """
    law.clamp_min_(TINY)
    return _total(law.log().sub_(centre).mul_(law))


def _products(a: Tensor, b: Tensor) -> Tensor:
    """Sum of a_i b_j over positions and vocabulary of (m, c, V), (m, m), float64.

    One product a position: a single one over both axes rounds 10 to 100 times worse.
    """
    return torch.bmm(a.transpose(0, 1), b.permute(1, 2, 0)).sum(0, dtype=torch.float64)


def _total(values: Tensor) -> Tensor:
    """Sum over the last two axes, in float64 over positions."""
    return values.sum(-1).sum(-1, dtype=torch.float64)


def _positions(pool: npt.NDArray[np.intp], device: torch.device) -> Positions:
    """A slice where members follow one another: it is a view, where an index copies."""
    if pool.size and (np.diff(pool) == 1).all():
        return slice(int(pool[0]), int(pool[-1]) + 1)
    return torch.as_tensor(pool, device=device)


def _check(logp: Tensor, targets: Tensor) -> None:
    if logp.ndim != 4 or not logp.numel() or targets.shape != logp.shape[1:3]:
        raise ValueError(
            "expected log-probabilities (members, windows, positions, vocabulary), none of them "
            "0, and targets (windows, positions), found "
            f"{tuple(logp.shape)} and {tuple(targets.shape)}"
        )


def _refuse_unknown(*arrays: FloatArray) -> None:
    if not all(np.isfinite(array).all() for array in arrays):
        raise ValueError("log-probabilities must be finite, found NaN or infinity")
