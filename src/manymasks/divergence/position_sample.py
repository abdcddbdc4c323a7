"""What does not follow from sums over all positions, on a sample of them.

Jensen-Shannon and total variation do not factor over members, so each pair is computed on its
own. Quantiles need each position. What is left after the best temperature needs one for each pair,
but KL(p_a || p_b^beta / sum p_b^beta) = C_aa - beta C_ab + F_b(beta), with C_ab the mean of
sum p_a log p_b and F_b(beta) that of log sum p_b^beta, which depends on b and beta alone: so all
pairs share F_b on a grid of beta, with two derivatives, between which it is a polynomial of
degree five (Hermite). It is convex in beta, and beta is 1 / temperature.
"""

from collections.abc import Sequence
from dataclasses import dataclass, fields

import numpy as np
import torch
from scipy.interpolate import BPoly
from torch import Tensor

from manymasks.arrays import FloatArray, IndexArray
from manymasks.divergence.blocks import BLOCK_ELEMENTS, TINY, blocks

BETAS = 2.0 ** (np.arange(-9, 7) / 3)
"""Where F_b is computed: temperatures from 1/4 to 8. Between, it is known to 1e-6 nats near 1 and
to 1e-5 at the ends. A best temperature beyond them is taken to be the nearest of them."""

QUANTILES = {"kl_median": 0.5, "kl_p95": 0.95, "kl_p99": 0.99, "kl_max": 1.0}
"""Column of a pair -> quantile over positions of the mean of its two KL."""

HALVINGS = 50
"""Of the interval of beta that holds the best one."""


@dataclass(frozen=True)
class AtPositions:
    """n positions of m members, float64, in nats.

    `kl` (n, m, m): KL(p_i || p_j); `js` and `tv` (n, m, m); `entropy` (n, m); `free` (n, 3, K, m):
    log sum p^beta at each of K `BETAS`, and its first two derivatives in beta.
    """

    kl: FloatArray
    js: FloatArray
    tv: FloatArray
    entropy: FloatArray
    free: FloatArray


@dataclass(frozen=True)
class Sampled:
    """What the sampled positions of one severity show.

    - `tokens` (D,): sampled positions of each document
    - `js`, `tv` (D, m, m): sums over the positions of each document
    - `kl` (m, m): mean KL(p_i || p_j)
    - `kl_tempered` (m, m): what is left of it after the best temperature of p_j
    - `temperature` (m, m): that temperature
    - `quantiles`: name in `QUANTILES` -> (m, m), of (KL_ij + KL_ji) / 2
    """

    tokens: FloatArray
    js: FloatArray
    tv: FloatArray
    kl: FloatArray
    kl_tempered: FloatArray
    temperature: FloatArray
    quantiles: dict[str, FloatArray]


def sampled_positions(windows: int, scored: int, number: int, seed: int) -> IndexArray:
    """Positions window * scored + place, all different, in the order in which they are drawn.

    At most `number`, all of them where there are fewer. The first ones are of all windows: none
    has a second position before each has one, so any first few are spread as evenly. The same for
    all severities and members.
    """
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
        # As in `pair_sums`: rounding is that of what members differ by, not of what they share.
        centre = log.mean(0)
        apart = log - centre
        cross = torch.bmm(by_position, apart.permute(1, 2, 0)).double()
        mass = by_position.sum(-1).double()
        own = cross.diagonal(dim1=1, dim2=2)
        kl[block] = (own[:, :, None] - cross - mass[:, :, None] + mass[:, None, :]).cpu()
        entropy[block] = -(own + (p * centre).sum(-1).double().T).cpu()
        js[block] = _jensen_shannon(p, centre, own, mass).cpu()
        free[block] = _free(log).cpu()
    return AtPositions(*(part.numpy() for part in (kl, js, tv, entropy, free)))


def sampled(parts: Sequence[AtPositions], owners: IndexArray, documents: int) -> Sampled:
    """What the positions of all parts show together.

    `owners` (n,): the document of each position, in the order of the parts, as its place among
    the `documents` of the sums that it stands beside. Raises ValueError where their numbers
    differ or there is no position.
    """
    whole = AtPositions(
        *(np.concatenate([getattr(part, each.name) for part in parts]) for each in fields(parts[0]))
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
    own = -whole.entropy.mean(axis=0)
    left, temperature = tempered(own, own[:, None] - kl, whole.free.mean(axis=0))
    # No temperature is worse than that of 1, which is one of them.
    left = np.clip(left, 0, np.maximum(kl, 0))
    return Sampled(tokens, js, tv, kl, left, temperature, dict(zip(QUANTILES, levels, strict=True)))


def tempered(own: FloatArray, cross: FloatArray, free: FloatArray) -> tuple[FloatArray, FloatArray]:
    """KL left after the best temperature of the second law, (m, m), and that temperature.

    `own` (m,): C_aa; `cross` (m, m): C_ab; `free` (3, K, m): F_b at `BETAS` and its first two
    derivatives. Where the slope of F_b, which rises, is C_ab, KL is least.
    """
    left, temperature = np.empty_like(cross), np.empty_like(cross)
    for b in range(own.size):
        curve = BPoly.from_derivatives(BETAS, free[:, :, b].T)
        slope = curve.derivative()
        low, high = np.full_like(own, BETAS[0]), np.full_like(own, BETAS[-1])
        for _ in range(HALVINGS):
            middle = (low + high) / 2
            is_past = slope(middle) > cross[:, b]
            low, high = np.where(is_past, low, middle), np.where(is_past, middle, high)
        beta = (low + high) / 2
        left[:, b] = own - beta * cross[:, b] + curve(beta)
        temperature[:, b] = 1 / beta
    return left, temperature


def _jensen_shannon(p: Tensor, centre: Tensor, own: Tensor, mass: Tensor) -> Tensor:
    """(c, m, m) of laws p (m, c, V); own and mass (c, m) are sums of p (log p - centre) and p."""
    m, c, _ = p.shape
    found = torch.zeros(c, m, m, dtype=torch.float64, device=p.device)
    for a in range(m - 1):
        both = p[a] + p[a + 1 :]
        terms = both.clamp_min(TINY).log_().sub_(centre).mul_(both)
        # Of p_a + p_b rather than of their mean, whose log is less by log 2.
        whole = mass[:, a, None] + mass[:, a + 1 :]
        of_mean = (terms.sum(-1).double().T - whole * np.log(2)) / 2
        found[:, a, a + 1 :] = (own[:, a, None] + own[:, a + 1 :]) / 2 - of_mean
    return found + found.mT


def _free(log: Tensor) -> Tensor:
    """log sum p^beta and its first two derivatives in beta, (c, 3, K, m), of log p (m, c, V)."""
    top = log.amax(-1, keepdim=True)
    below = log - top
    found = []
    for beta in BETAS:
        weights = (below * float(beta)).exp_()
        total = weights.sum(-1).double()
        first = weights.mul_(below).sum(-1).double() / total
        second = weights.mul_(below).sum(-1).double() / total
        highest = top[..., 0].double()
        value = beta * highest + total.log()
        found.append(torch.stack([value, first + highest, second - first**2]))
    return torch.stack(found, 1).permute(3, 0, 1, 2)
