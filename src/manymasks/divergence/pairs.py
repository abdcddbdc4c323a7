"""Sums from which all divergences follow, streamed over windows with the full vocabulary.

For members i, j with next-token laws p_i at a position, one matrix product over the
vocabulary gives C_ij = sum p_i (log p_j - mean_k log p_k), and KL(p_i || p_j) is C_ii - C_ij.
The mean over members is subtracted first: KL is unchanged and its rounding error smaller. Products
are in float32, sums over positions in float64: the error of a mean KL is below 1e-7 nats for
members that differ by a nat. The only arrays with the vocabulary that outlive a block of positions
are one total law for each member.
"""

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, fields
from typing import Any, TypeVar

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from manymasks.arrays import Floats, Indices
from manymasks.divergence.blocks import BLOCK_ELEMENTS, TINY, blocks


@dataclass(frozen=True)
class Sums:
    """Sums over the scored positions of each unit (a window or a document), float64.

    `n` units, `m` members, natural logarithms, y the true token:

    - `tokens` (n,): scored positions
    - `kl` (n, m, m): KL(p_i || p_j); exactly 0 on the diagonal
    - `hellinger` (n, m, m): 1 - sum sqrt(p_i p_j); exactly 0 on the diagonal
    - `soft` (n, m, m): sum p_i p_j, the probability that draws from both are the same token
    - `agree` (n, m, m): positions with the same first-ranked token
    - `both_top1` (n, m, m): positions where both rank y first
    - `log_p_products` (n, m, m): log p_i(y) log p_j(y)
    - `log_p` (n, m): log p_i(y)
    - `top1` (n, m): positions where y is ranked first
    - `entropy` (n, m): H(p_i)
    - `information` (n, pools): H(mean p over the pool) - mean H(p), which is I(Y; model | x)
    - `information_without` (n, m): that of the member's pool without this member (NaN for a member
      in no pool or alone in it)
    - `gain` (n, pools): log mean p(y) - mean log p(y), the gain of averaging the laws of a pool
    - `gain_without` (n, m): that of the member's pool without this member

    and summed over all units, because only their products are needed:

    - `first` (m, V): positions where a token is ranked first
    - `laws` (m, V): p_i
    """

    tokens: Floats
    kl: Floats
    hellinger: Floats
    soft: Floats
    agree: Floats
    both_top1: Floats
    log_p_products: Floats
    log_p: Floats
    top1: Floats
    entropy: Floats
    information: Floats
    information_without: Floats
    gain: Floats
    gain_without: Floats
    first: Floats
    laws: Floats


@dataclass(frozen=True)
class FloorSums:
    """Sums over positions for members compared with another computation of themselves, float64.

    `kl`, `hellinger`, `agree` as in `Sums`, `js` of the Jensen-Shannon divergence and `tv` of the
    total variation distance, `difference` of d = log p(y) - log p'(y) and `difference_squares` of
    d^2: each (n, m). `tokens` (n,).
    """

    tokens: Floats
    kl: Floats
    hellinger: Floats
    js: Floats
    tv: Floats
    agree: Floats
    difference: Floats
    difference_squares: Floats


AnySums = TypeVar("AnySums", Sums, FloorSums)

FLOOR_ELEMENTS = {"cpu": 1 << 17, "cuda": 1 << 24}
"""Log-probabilities in one block of the noise floor, which takes a dozen arrays of float64: 1 MiB
each on a CPU."""

OVER_ALL_UNITS = ("first", "laws")
"""Fields of `Sums` without units."""

Positions = slice | Tensor
"""Positions of the members of a pool."""


def pair_sums(logp: Tensor, targets: Tensor, pools: Sequence[Indices]) -> Sums:
    """Sums for each window, over its positions and the full vocabulary.

    `logp` (m, w, s, V), float32: members, windows, scored positions, vocabulary. `targets` (w, s).
    `pools`: disjoint positions of members. Raises ValueError for other shapes or types, overlapping
    pools or values that are not finite, and RuntimeError if torch may reduce the precision of
    float32 products.
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
    m, windows, positions, vocabulary = logp.shape
    true = logp.gather(-1, targets.expand(m, -1, -1)[..., None])[..., 0].double()
    laws = torch.zeros(m, vocabulary, dtype=torch.float64, device=logp.device)
    first = torch.empty(logp.shape[:3], dtype=torch.int64, device=logp.device)
    by_law = [_window(logp[:, w], groups, laws, first[:, w]) for w in range(windows)]
    by_rank = [_first_ranked(first[:, w], targets[w]) for w in range(windows)]
    kl, hellinger, soft, entropy, information, without = map(torch.stack, zip(*by_law, strict=True))
    agree, both_top1, top1 = map(torch.stack, zip(*by_rank, strict=True))
    gain, gain_without = _gains(true, groups)
    rows = torch.arange(m, device=logp.device)[:, None] * vocabulary
    counts = torch.bincount((first.flatten(1) + rows).flatten(), minlength=m * vocabulary)
    by_name = {
        "kl": kl,
        "hellinger": hellinger,
        "soft": soft,
        "agree": agree,
        "both_top1": both_top1,
        "log_p_products": torch.einsum("iws,jws->wij", true, true),
        "log_p": true.sum(2).T,
        "top1": top1,
        "entropy": entropy,
        "information": information,
        "information_without": without,
        "gain": gain,
        "gain_without": gain_without,
        "first": counts.view(m, vocabulary),
        "laws": laws,
    }
    arrays = {name: tensor.double().cpu().numpy() for name, tensor in by_name.items()}
    sums = Sums(tokens=np.full(windows, float(positions)), **arrays)
    _require_finite(sums.kl, sums.log_p, sums.entropy)
    return sums


def floor_sums(logp_a: Tensor, logp_b: Tensor, targets: Tensor) -> FloorSums:
    """Sums for each window of every member against itself, computed twice (m, w, s, V). Both are
    normalised again in float64, because the differences are below the rounding error of float32.
    Raises ValueError for other shapes or values that are not finite."""
    _check(logp_a, targets)
    if logp_a.shape != logp_b.shape:
        raise ValueError(f"shapes differ: {tuple(logp_a.shape)} and {tuple(logp_b.shape)}")
    members, windows, positions, _ = logp_a.shape
    sums = torch.zeros(7, windows, members, dtype=torch.float64, device=logp_a.device)
    for w in range(windows):
        for block in blocks(logp_a[:, w], FLOOR_ELEMENTS):
            a, root_a = _normalised(logp_a[:, w, block])
            b, root_b = _normalised(logp_b[:, w, block])
            y = targets[w, block].expand(members, -1)[..., None]
            d = (a.gather(-1, y) - b.gather(-1, y))[..., 0]
            p, q = root_a.square(), root_b.square()
            # log of the mean law minus a: exactly 0 if both are equal.
            more = ((q - p) / (2 * p).clamp_min_(1e-300)).log1p_()
            sums[0, w] += (p * (a - b)).sum((1, 2))
            sums[1, w] += (root_a - root_b).square_().sum((1, 2)) / 2
            js = (q * (b - a - more) - p * more).sum(-1) / 2
            sums[2, w] += js.clamp_min_(0).sum(-1)
            sums[3, w] += (p - q).abs_().sum((1, 2)) / 2
            same = first_ranked(logp_a[:, w, block]) == first_ranked(logp_b[:, w, block])
            sums[4, w] += same.sum(1)
            sums[5, w] += d.sum(1)
            sums[6, w] += d.square().sum(1)
    # A copy, because the memory of a tensor that is kept lies between the large ones.
    arrays = sums.cpu().numpy().copy()
    _require_finite(arrays)
    return FloorSums(np.full(windows, float(positions)), *arrays)


def first_ranked(logp: Tensor) -> Tensor:
    """The most probable token of (..., V), ties by the lowest id, (...)."""
    if logp.device.type == "cpu":
        # torch takes four times as long on a CPU.
        return torch.from_numpy(logp.detach().numpy().argmax(-1))
    return logp.argmax(-1)


def by_document(batches: Iterable[AnySums], documents: npt.NDArray[np.integer]) -> AnySums:
    """Sums of windows added up by document, in rising order of the documents of the windows.
    Batches hold consecutive windows, or parts of windows, and are consumed one at a time. Raises
    ValueError if the lengths differ."""
    names, rows = np.unique(documents, return_inverse=True)
    totals: dict[str, Floats] = {}
    done, kind = 0, None
    for batch in batches:
        kind, units = type(batch), rows[done : done + batch.tokens.size]
        done += batch.tokens.size
        if units.size < batch.tokens.size:
            break
        for field in fields(batch):
            values: Floats = getattr(batch, field.name)
            if field.name in OVER_ALL_UNITS:
                totals[field.name] = totals.get(field.name, 0) + values
            else:
                shape = names.size, *values.shape[1:]
                np.add.at(totals.setdefault(field.name, np.zeros(shape)), units, values)
    if done != documents.size or kind is None:
        raise ValueError("each window needs its document, and there must be a window")
    return kind(**totals)


def joined_members(parts: Sequence[FloorSums]) -> FloorSums:
    """Sums of single members, compared with themselves, as one over all members."""
    stacked = {
        field.name: np.concatenate([getattr(part, field.name) for part in parts], axis=1)
        for field in fields(FloorSums)
        if field.name != "tokens"
    }
    return FloorSums(tokens=parts[0].tokens, **stacked)


def _window(
    logp: Tensor, pools: Sequence[Positions], laws: Tensor, first: Tensor
) -> tuple[Tensor, ...]:
    """Sums of one window's laws, logp (m, s, V), with the full vocabulary. Returns kl, hellinger,
    soft, entropy, information and information_without. Adds its laws to `laws` (m, V) and writes
    its first-ranked tokens to `first` (m, s)."""
    m = logp.shape[0]
    double: dict[str, Any] = {"dtype": torch.float64, "device": logp.device}
    kl, hellinger, soft = (torch.zeros(m, m, **double) for _ in range(3))
    entropy, without = torch.zeros(m, **double), torch.full((m,), torch.nan, **double)
    information = torch.zeros(len(pools), **double)
    for pool in pools:
        if without[pool].numel() > 1:
            without[pool] = 0
    for block in blocks(logp, BLOCK_ELEMENTS):
        log = logp[:, block]
        first[:, block] = first_ranked(log)
        centre = log.mean(0)
        p = log.exp()
        root = p.sqrt()
        cross = _products(p, log - centre)
        affinity = _products(root, root)
        soft += _products(p, p)
        laws += p.sum(1)
        self_cross = cross.diagonal()
        mass = _total(p)
        # The masses deviate from 1 by rounding, which enters KL to first order unless they are
        # subtracted (the divergence of unnormalised laws).
        kl += self_cross[:, None] - cross - mass[:, None] + mass[None, :]
        squares = affinity.diagonal()
        hellinger += (squares[:, None] + squares[None, :]) / 2 - affinity
        entropy -= self_cross + _products(p, centre[None])[:, 0]
        for g, pool in enumerate(pools):
            pool_laws = p[pool]
            size = pool_laws.shape[0]
            total = pool_laws.sum(0)
            information[g] += self_cross[pool].mean() - _relative(total / size, centre)
            if size > 1:
                rest = (total - pool_laws).div_(size - 1)
                others = (self_cross[pool].sum() - self_cross[pool]) / (size - 1)
                without[pool] += others - _relative(rest, centre)
    return kl, hellinger, soft, entropy, information, without


def _first_ranked(first: Tensor, targets: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """agree (m, m), both_top1 (m, m) and top1 (m,) of one window's first-ranked tokens (m, s)."""
    agree = (first[:, None] == first[None]).sum(-1)
    # In float64: integer products are slow on a CPU and not implemented on a GPU.
    right = (first == targets).double()
    return agree, right @ right.T, right.sum(1)


def _gains(true: Tensor, pools: Sequence[Positions]) -> tuple[Tensor, Tensor]:
    """gain (windows, pools) and gain_without (windows, m) of log p(y), (m, windows, s)."""
    m, windows, _ = true.shape
    gains = torch.zeros(windows, len(pools), dtype=true.dtype, device=true.device)
    without = torch.full((windows, m), torch.nan, dtype=true.dtype, device=true.device)
    for g, pool in enumerate(pools):
        log_p = true[pool]
        k = log_p.shape[0]
        if not k:
            continue
        total = log_p.sum(0)
        gains[:, g] = (log_p.logsumexp(0) - math.log(k) - total / k).sum(-1)
        if k > 1:
            # Sums over the members before and after each: a difference of totals would cancel where
            # one member dominates.
            empty = torch.full_like(log_p[:1], -torch.inf)
            before = torch.cat([empty, log_p[:-1].logcumsumexp(0)])
            after = torch.cat([log_p[1:].flip(0).logcumsumexp(0).flip(0), empty])
            others = before.logaddexp(after) - math.log(k - 1) - (total - log_p) / (k - 1)
            without[:, pool] = others.sum(-1).T
    return gains, without


def _normalised(logp: Tensor) -> tuple[Tensor, Tensor]:
    """Log-probabilities that sum to one in float64, and the roots of the probabilities."""
    log = logp.double()
    # One exp serves both, without a square root of an array.
    root = (log / 2).exp_()
    mass = root.square().sum(-1, keepdim=True)
    return log - mass.log(), root.div_(mass.sqrt())


def _relative(law: Tensor, centre: Tensor) -> Tensor:
    """Sum of law * (log law - centre) over positions and vocabulary, float64. Overwrites law. Its
    values may round to 0, or below if it is a total minus a dominant law."""
    law.clamp_min_(TINY)
    return _total(law.log().sub_(centre).mul_(law))


def _products(a: Tensor, b: Tensor) -> Tensor:
    """Sum of a_i b_j over positions and vocabulary of (m, c, V), (m, m), float64. One product a
    position: a single one over both axes has a 10 to 100 times larger error."""
    return torch.bmm(a.transpose(0, 1), b.permute(1, 2, 0)).sum(0, dtype=torch.float64)


def _total(values: Tensor) -> Tensor:
    """Sum over the last two axes, in float64 over positions."""
    return values.sum(-1).sum(-1, dtype=torch.float64)


def _positions(pool: Indices, device: torch.device) -> Positions:
    """A slice for consecutive members, because it gives a view; else an index."""
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


def _require_finite(*arrays: Floats) -> None:
    if not all(np.isfinite(array).all() for array in arrays):
        raise ValueError("log-probabilities must be finite, found NaN or infinity")
