"""How far ahead planning pays: the discount at which half of the myopia gap is gone."""

from collections.abc import Mapping
from typing import Any

import numpy as np

from manymasks.arrays import FloatArray, Rows
from manymasks.config.analyses import Statistics
from manymasks.myopia.arms import Arm, Scored
from manymasks.statistics.bootstrap import ratio, ratio_resamples
from manymasks.statistics.intervals import finite
from manymasks.statistics.model_classes import one_corpus


def horizon_rows(scored: Scored, baseline: str | None, statistics: Statistics) -> Rows:
    """Rows of myopia_horizon, one for each size of a study with discounts.

    The gap to the causal baseline is known at the gammas that were trained, myopic (0) and
    causal (1, where it is 0) among them. `half_gamma` is where the lines between these points
    first come to half of the gap at 0, and the effective planning horizon is
    1 / (1 - half_gamma). Its interval is a bootstrap over paired seeds and documents at once;
    with few seeds it is too narrow. All is None where myopic or causal members are missing, and
    where the gap at 0 is not above 0.
    """
    discounts = [arm for arm in scored.arms.values() if arm.is_discount]
    if not any(arm.gamma is not None and 0 < arm.gamma < 1 for arm in discounts):
        return []
    corpus, weights = one_corpus(scored.members), scored.weights(statistics)
    rows = []
    for size in scored.sizes:
        named = _by_gamma(scored.arms, baseline)
        found = scored.paired(size, *named.values()) if named else ()
        seeds = found[0].size if found else 0
        row: dict[str, Any] = {
            "corpus": corpus,
            "size": size,
            "baseline": baseline,
            "split": "measure",
        }
        row |= dict.fromkeys(("gap", "half_gamma", "half_gamma_low", "half_gamma_high"))
        row |= dict.fromkeys(("horizon", "horizon_low", "horizon_high", "fitted_horizon"))
        row |= {"gammas": len(named) or None, "seeds": seeds}
        rows.append(row)
        if not seeds:
            continue
        gammas = np.array(list(named))
        differences = np.stack([scored.nats[each] - scored.nats[found[-1]] for each in found])
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


def half_gamma(gammas: FloatArray, gaps: FloatArray) -> FloatArray:
    """Where the lines through gaps (n, K) at rising gammas (K,) first reach half of the first.

    (n,); the last gap is 0. NaN where the first is not above 0.
    """
    half = gaps[:, :1] / 2
    after = np.argmax(gaps <= half, axis=1)
    after = np.maximum(after, 1)
    rows = np.arange(len(gaps))
    above, below = gaps[rows, after - 1], gaps[rows, after]
    known = gaps[:, 0] > 0
    share = (above - half[:, 0]) / np.where(known, above - below, 1.0)
    found = gammas[after - 1] + share * (gammas[after] - gammas[after - 1])
    return np.asarray(np.where(known, found, np.nan), dtype=np.float64)


def fitted_horizon(gammas: FloatArray, gaps: FloatArray) -> float:
    """The horizon by a curve of one shape through all gaps (K,) at gammas (K,), least squares.

    If what planning gains k positions ahead falls geometrically with k and a discount keeps
    gamma^k of it, the gap at gamma is a (1 - gamma) / (1 - gamma r). It is half of a at
    1 / (2 - r), a horizon of 1 + 1 / (1 - r): one more than the mean distance of that gain.
    The horizon is found among 2,001 from 1.001 to 10,001; NaN where the best is one of these
    ends, or its a is not above 0: then no such curve fits.
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
    """The variant of each gamma, rising; empty where 0 or 1 is missing."""
    found: dict[float, str] = {}
    # A discount of 0 or 1 is myopic or causal under another name: those come first.
    for name, arm in sorted(arms.items(), key=lambda named: (named[1].is_discount, named[0])):
        if arm.reach is not None and (arm.gradient != "causal" or name == baseline):
            found.setdefault(arm.reach, name)
    if not {0.0, 1.0} <= found.keys():
        return {}
    return dict(sorted(found.items()))


def _interval(
    gammas: FloatArray, resampled: FloatArray, statistics: Statistics
) -> tuple[float, float]:
    """Percentiles of half_gamma over resamples (K, seeds, B) of documents, and of seeds too.

    NaN for a single seed, and where half_gamma is unknown in more resamples than a tail has.
    """
    seeds, resamples = resampled.shape[1:]
    generator = np.random.default_rng(statistics.seed)
    times = generator.multinomial(seeds, np.full(seeds, 1 / seeds), size=resamples)
    gaps = np.einsum("ksb,bs->bk", resampled, times) / seeds
    found = half_gamma(gammas, gaps)
    tail = (1 - statistics.confidence) / 2
    if seeds < 2 or np.isnan(found).mean() > tail:
        return float("nan"), float("nan")
    low, high = np.nanquantile(found, [tail, 1 - tail])
    return float(low), float(high)


def _horizon(gamma: float) -> float | None:
    return finite(1 / (1 - gamma)) if gamma < 1 else None
