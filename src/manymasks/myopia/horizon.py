"""The planning horizon: the discount that closes half of the myopia gap."""

from collections.abc import Mapping

import numpy as np

from manymasks.arrays import Floats, Row, Rows
from manymasks.config.analyses import Statistics
from manymasks.myopia.arms import Arm, ScoredArms
from manymasks.statistics.bootstrap import central_range, expanded_tail, ratio, ratio_resamples
from manymasks.statistics.intervals import finite
from manymasks.statistics.model_classes import one_corpus


def horizon_rows(scored: ScoredArms, baseline: str | None, statistics: Statistics) -> Rows:
    """Rows of myopia_horizon, one for each size of a study with discounts.

    The gap to the causal baseline is measured at the trained gammas. `half_gamma` is where the
    linear interpolation first reaches half of the gap at 0 (myopic), and the effective planning
    horizon is 1 / (1 - half_gamma). Its interval is a joint bootstrap over paired seeds and
    documents, expanded for the number of seeds. All values are None without myopic or causal
    members, or if the gap at 0 is not positive.
    """
    discounts = [arm for arm in scored.arms.values() if arm.is_discount]
    if not any(arm.gamma is not None and 0 < arm.gamma < 1 for arm in discounts):
        return []
    corpus, weights = one_corpus(scored.members), scored.weights(statistics)
    rows = []
    for size in scored.sizes:
        named = _by_gamma(scored.arms, baseline)
        arms = scored.paired(size, *named.values()) if named else ()
        seeds = arms[0].size if arms else 0
        row: Row = {"corpus": corpus, "size": size, "baseline": baseline, "split": "measure"}
        row |= dict.fromkeys(("gap", "half_gamma", "half_gamma_low", "half_gamma_high"))
        row |= dict.fromkeys(("horizon", "horizon_low", "horizon_high", "fitted_horizon"))
        row |= {"gammas": len(named) or None, "seeds": seeds}
        rows.append(row)
        if not seeds:
            continue
        gammas = np.array(list(named))
        differences = np.stack([scored.nats[arm] - scored.nats[arms[-1]] for arm in arms])
        by_seed = ratio(differences, scored.tokens)
        gaps = by_seed.mean(axis=1)
        half = float(half_gamma(gammas, gaps[None])[0])
        row |= {"gap": finite(gaps[0]), "half_gamma": finite(half), "horizon": _horizon(half)}
        row["fitted_horizon"] = finite(fitted_horizon(gammas, gaps))
        resampled = ratio_resamples(differences, scored.tokens, weights)
        low, high = _interval(gammas, resampled, statistics)
        row |= {"half_gamma_low": finite(low), "half_gamma_high": finite(high)}
        row |= {"horizon_low": _horizon(low), "horizon_high": _horizon(high)}
    return rows


def half_gamma(gammas: Floats, gaps: Floats) -> Floats:
    """Where the interpolation of gaps (n, K) at rising gammas (K,) first reaches half the first.
    (n,); the last gap is 0. NaN if the first is not positive."""
    half = gaps[:, :1] / 2
    after = np.argmax(gaps <= half, axis=1)
    after = np.maximum(after, 1)
    rows = np.arange(len(gaps))
    above, below = gaps[rows, after - 1], gaps[rows, after]
    is_positive = gaps[:, 0] > 0
    share = (above - half[:, 0]) / np.where(is_positive, above - below, 1.0)
    crossing = gammas[after - 1] + share * (gammas[after] - gammas[after - 1])
    return np.asarray(np.where(is_positive, crossing, np.nan), dtype=np.float64)


def fitted_horizon(gammas: Floats, gaps: Floats) -> float:
    """The horizon from a least-squares fit of one curve to all gaps (K,) at gammas (K,).

    If the gain of planning k positions ahead decays geometrically with k and a discount keeps
    gamma^k of it, the gap at gamma is a (1 - gamma) / (1 - gamma r). It is a / 2 at 1 / (2 - r), a
    horizon of 1 + 1 / (1 - r). The grid has 2,001 horizons from 1.001 to 10,001; NaN if the best is
    at an end or its a is not positive, because then the curve does not fit.
    """
    horizons = 1 + np.geomspace(1e-3, 1e4, 2001)
    r = 1 - 1 / (horizons - 1)
    # At gamma = 1 the gap is 0 for any horizon.
    open_ended = gammas < 1
    gamma, gap = gammas[open_ended], gaps[open_ended]
    shapes = (1 - gamma) / (1 - gamma * r[:, None])
    a = (shapes @ gap) / (shapes**2).sum(axis=1)
    errors = ((gap - a[:, None] * shapes) ** 2).sum(axis=1)
    best = int(np.argmin(errors))
    fits = a[best] > 0 and 0 < best < len(horizons) - 1
    return float(horizons[best]) if fits else float("nan")


def _by_gamma(arms: Mapping[str, Arm], baseline: str | None) -> dict[float, str]:
    """The variant of each gamma, rising; empty if 0 or 1 is missing."""
    by_gamma: dict[float, str] = {}
    # Discounts of 0 and 1 equal myopic and causal, which take precedence.
    for name, arm in sorted(arms.items(), key=lambda named: (named[1].is_discount, named[0])):
        if arm.reach is not None and (arm.gradient != "causal" or name == baseline):
            by_gamma.setdefault(arm.reach, name)
    if not {0.0, 1.0} <= by_gamma.keys():
        return {}
    return dict(sorted(by_gamma.items()))


def _interval(gammas: Floats, resampled: Floats, statistics: Statistics) -> tuple[float, float]:
    """Percentiles of half_gamma over joint resamples of seeds and documents (K, seeds, B), expanded
    for the number of seeds. NaN for a single seed, or if half_gamma is NaN in a larger share of
    resamples than a tail."""
    seeds, resamples = resampled.shape[1:]
    generator = np.random.default_rng(statistics.seed)
    times = generator.multinomial(seeds, np.full(seeds, 1 / seeds), size=resamples)
    gaps = np.einsum("ksb,bs->bk", resampled, times) / seeds
    values = half_gamma(gammas, gaps)
    tail = expanded_tail(np.ones(seeds), statistics.confidence)
    if seeds < 2 or np.isnan(values).mean() > tail:
        return float("nan"), float("nan")
    low, high = central_range(values, tail)
    return float(low), float(high)


def _horizon(gamma: float) -> float | None:
    return finite(1 / (1 - gamma)) if gamma < 1 else None
