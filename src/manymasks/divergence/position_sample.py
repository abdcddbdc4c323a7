"""Measures on a sample of positions that do not follow from sums over all positions.

Jensen-Shannon and total variation do not factor over members, so each pair is computed separately.
Quantiles need the values at positions. The KL after the best temperature needs a search for each
pair, but KL(p_a || p_b^beta / sum p_b^beta) = C_aa - beta C_ab + F_b(beta), with C_ab the mean of
sum p_a log p_b and F_b(beta) that of log sum p_b^beta, which depends only on b and beta: all pairs
share F_b on a grid of beta with two derivatives, interpolated by polynomials of degree five
(Hermite). It is convex in beta, and beta is 1 / temperature.
"""

from collections.abc import Sequence
from dataclasses import dataclass, fields

import numpy as np
import torch
from scipy.interpolate import BPoly
from torch import Tensor

from manymasks.arrays import Floats, Indices
from manymasks.divergence.blocks import BLOCK_ELEMENTS, TINY, blocks

BETAS = 2.0 ** (np.arange(-9, 7) / 3)
"""Grid of F_b: temperatures from 1/4 to 8, to which best temperatures are limited. Between grid
points its error is 1e-6 nats near 1 and 1e-5 at the ends."""

QUANTILES = {"kl_median": 0.5, "kl_p95": 0.95, "kl_p99": 0.99, "kl_max": 1.0}
"""Column of a pair -> quantile over positions of the mean of both KL."""

HALVINGS = 50
"""Bisections of the range of beta."""


@dataclass(frozen=True)
class AtPositions:
    """n positions of m members, float64, in nats. `kl` (n, m, m): KL(p_i || p_j); `js` and `tv` (n,
    m, m); `entropy` (n, m); `free` (n, 3, K, m): log sum p^beta at each of K `BETAS`, and its first
    two derivatives in beta."""

    kl: Floats
    js: Floats
    tv: Floats
    entropy: Floats
    free: Floats


@dataclass(frozen=True)
class Sampled:
    """Measures on the sampled positions of one severity.

    - `tokens` (D,): sampled positions of each document
    - `js`, `tv` (D, m, m): sums over the positions of each document
    - `kl` (m, m): mean KL(p_i || p_j)
    - `kl_tempered` (m, m): the KL after the best temperature of p_j
    - `temperature` (m, m): this temperature
    - `quantiles`: name in `QUANTILES` -> (m, m), of (KL_ij + KL_ji) / 2
    """

    tokens: Floats
    js: Floats
    tv: Floats
    kl: Floats
    kl_tempered: Floats
    temperature: Floats
    quantiles: dict[str, Floats]


def sampled_positions(windows: int, scored: int, number: int, seed: int) -> Indices:
    """Distinct positions window * scored + offset, in random order. At most `number`, or all of
    them. Every prefix is stratified over windows: no window has a second position before each has
    one. The same for all severities and members."""
    generator = np.random.default_rng(seed)
    rounds = generator.random((windows, scored)).argsort(axis=1).argsort(axis=1)
    order = rounds * windows + generator.permutation(windows)[:, None]
    return np.argsort(order, axis=None)[:number].astype(np.intp)


def at_positions(logp: Tensor) -> AtPositions:
    """Every pair of members at each position, from log-probabilities (m, n, V) in float32."""
    m, n, _ = logp.shape
    kl, js, tv = (torch.zeros(n, m, m, dtype=torch.float64) for _ in range(3))
    entropy = torch.zeros(n, m, dtype=torch.float64)
    free = torch.zeros(n, 3, len(BETAS), m, dtype=torch.float64)
    for block in blocks(logp, BLOCK_ELEMENTS):
        log = logp[:, block]
        p = log.exp()
        by_position = p.transpose(0, 1).contiguous()
        tv[block] = (torch.cdist(by_position, by_position, p=1).double() / 2).cpu()
        # As in `pair_sums`: centring reduces the rounding error.
        centre = log.mean(0)
        centred = log - centre
        cross = torch.bmm(by_position, centred.permute(1, 2, 0)).double()
        mass = by_position.sum(-1).double()
        self_cross = cross.diagonal(dim1=1, dim2=2)
        kl[block] = (self_cross[:, :, None] - cross - mass[:, :, None] + mass[:, None, :]).cpu()
        entropy[block] = -(self_cross + (p * centre).sum(-1).double().T).cpu()
        js[block] = _jensen_shannon(p, centre, self_cross, mass).cpu()
        free[block] = _free(log).cpu()
    return AtPositions(*(part.numpy() for part in (kl, js, tv, entropy, free)))


def sampled(parts: Sequence[AtPositions], owners: Indices, documents: int) -> Sampled:
    """The measures on the positions of all parts together. `owners` (n,): index of the document of
    each position among `documents`, in the order of the parts. Raises ValueError if the numbers of
    positions differ, or without a position."""
    names = [field.name for field in fields(parts[0])]
    whole = AtPositions(
        *(np.concatenate([getattr(part, name) for part in parts]) for name in names)
    )
    if not owners.size or owners.size != whole.kl.shape[0]:
        raise ValueError(f"{whole.kl.shape[0]} positions have documents for {owners.size}")
    tokens = np.bincount(owners, minlength=documents).astype(np.float64)
    js, tv = np.zeros((2, documents, *whole.kl.shape[1:]))
    np.add.at(js, owners, whole.js)
    np.add.at(tv, owners, whole.tv)
    kl = whole.kl.mean(axis=0)
    both = np.maximum((whole.kl + whole.kl.transpose(0, 2, 1)) / 2, 0)
    levels = np.quantile(both, list(QUANTILES.values()), axis=0)
    negentropy = -whole.entropy.mean(axis=0)
    cross = negentropy[:, None] - kl
    kl_tempered, temperature = tempered(negentropy, cross, whole.free.mean(axis=0))
    # The best temperature cannot be worse than 1.
    kl_tempered = np.clip(kl_tempered, 0, np.maximum(kl, 0))
    quantiles = dict(zip(QUANTILES, levels, strict=True))
    return Sampled(tokens, js, tv, kl, kl_tempered, temperature, quantiles)


def tempered(negentropy: Floats, cross: Floats, free: Floats) -> tuple[Floats, Floats]:
    """KL after the best temperature of the second law, (m, m), and this temperature. `negentropy`
    (m,): C_aa; `cross` (m, m): C_ab; `free` (3, K, m): F_b at `BETAS` and its first two
    derivatives. KL is minimal where the increasing slope of F_b equals C_ab."""
    kl_tempered, temperature = np.empty_like(cross), np.empty_like(cross)
    for b in range(negentropy.size):
        curve = BPoly.from_derivatives(BETAS, free[:, :, b].T)
        slope = curve.derivative()
        low, high = np.full_like(negentropy, BETAS[0]), np.full_like(negentropy, BETAS[-1])
        for _ in range(HALVINGS):
            middle = (low + high) / 2
            is_past = slope(middle) > cross[:, b]
            low, high = np.where(is_past, low, middle), np.where(is_past, middle, high)
        beta = (low + high) / 2
        kl_tempered[:, b] = negentropy - beta * cross[:, b] + curve(beta)
        temperature[:, b] = 1 / beta
    return kl_tempered, temperature


def _jensen_shannon(p: Tensor, centre: Tensor, cross: Tensor, mass: Tensor) -> Tensor:
    """(c, m, m) of laws p (m, c, V); `cross`, `mass` (c, m): sums of p (log p - centre) and p."""
    m, c, _ = p.shape
    js = torch.zeros(c, m, m, dtype=torch.float64, device=p.device)
    for a in range(m - 1):
        pair_sum = p[a] + p[a + 1 :]
        terms = pair_sum.clamp_min(TINY).log_().sub_(centre).mul_(pair_sum)
        # For p_a + p_b instead of their mean, whose log is lower by log 2.
        pair_mass = mass[:, a, None] + mass[:, a + 1 :]
        mixture = (terms.sum(-1).double().T - pair_mass * np.log(2)) / 2
        js[:, a, a + 1 :] = (cross[:, a, None] + cross[:, a + 1 :]) / 2 - mixture
    return js + js.mT


def _free(log: Tensor) -> Tensor:
    """log sum p^beta and its first two derivatives in beta, (c, 3, K, m), of log p (m, c, V)."""
    top = log.amax(-1, keepdim=True)
    below = log - top
    parts = []
    for beta in BETAS:
        weights = (below * float(beta)).exp_()
        total = weights.sum(-1).double()
        first = weights.mul_(below).sum(-1).double() / total
        second = weights.mul_(below).sum(-1).double() / total
        highest = top[..., 0].double()
        value = beta * highest + total.log()
        parts.append(torch.stack([value, first + highest, second - first**2]))
    return torch.stack(parts, 1).permute(3, 0, 1, 2)
