"""What a variant misses of the truth beside its baseline, by what is asked of a position.

The excess loss of a myopic member says what it could have said and did not. Where a process knows
a predictor that does all but bind two tokens before it is asked to, its exact price is a ceiling:
who never binds pays at least that in the mean.
"""

from collections.abc import Mapping, Sequence

import numpy as np

from manymasks.arrays import FloatArray, IntArray, Rows
from manymasks.config.analyses import Contrast, Statistics
from manymasks.statistics.bootstrap import document_weights, ratio
from manymasks.statistics.intervals import Interval, finite
from manymasks.statistics.model_classes import Member, arm_positions, one_corpus, paired_by_seeds
from manymasks.statistics.paired import mean_over_seeds, paired_mean
from manymasks.truth.excess import counts, document_sums, groups
from manymasks.truth.prices import Prices

CEILING = "no-binding"
"""The capability whose price is the ceiling."""


def demand_rows(
    kl: FloatArray,
    strata: Mapping[str, IntArray],
    levels: Mapping[str, tuple[str, ...]],
    members: Sequence[Member],
    contrasts: Sequence[Contrast],
    prices: Prices,
    statistics: Statistics,
) -> Rows:
    """Rows of demand_gap: over all tokens that count and by each stratum, for each size.

    Members are paired within a size by both seeds; a size whose arms share none has no rows, nor
    has a level without tokens. Intervals join the error over models, t with one degree less than
    their pairs, with the bootstrap over documents, whose resamples are the same for all rows. That
    of an excess is cut at 0, the least possible value. The ceiling is exact and has none.

    Args:
        kl: (members, documents, length) nats, NaN where the truth is.
        strata, levels: as in `Process`.
        prices: of the process, for the ceiling.

    Raises:
        ValueError: for members of several corpora.
    """
    if not contrasts:
        return []
    corpus = one_corpus(members)
    counted = counts(strata) & ~np.isnan(kl).any(0)
    sums = {
        place: document_sums(kl, of)
        for place, of in groups(counted, strata, levels).items()
        if of.any()
    }
    ceilings = {place: price.nats for place, price in prices.get(CEILING, {}).items()}
    weights = document_weights(kl.shape[1], statistics.resamples, statistics.seed)
    rows = []
    for contrast in contrasts:
        for size in dict.fromkeys(member.size for member in members):
            baseline, variant = paired_by_seeds(
                members,
                arm_positions(members, size, contrast.baseline),
                arm_positions(members, size, contrast.variant),
            )
            if not baseline.size:
                continue
            for (stratum, level), (nats, tokens) in sums.items():
                gap = _mean(nats[variant] - nats[baseline], tokens, weights, statistics)
                start = _mean(nats[baseline], tokens, weights, statistics)
                own = _mean(nats[variant], tokens, weights, statistics)
                rows.append(
                    {
                        "corpus": corpus,
                        "size": size,
                        "baseline": contrast.baseline,
                        "variant": contrast.variant,
                        "stratum": stratum,
                        "level": level,
                        "baseline_nats": finite(start.estimate),
                        "baseline_low": finite(float(np.maximum(start.low, 0.0))),
                        "baseline_high": finite(start.high),
                        "variant_nats": finite(own.estimate),
                        "variant_low": finite(float(np.maximum(own.low, 0.0))),
                        "variant_high": finite(own.high),
                        "gap": finite(gap.estimate),
                        "gap_low": finite(gap.low),
                        "gap_high": finite(gap.high),
                        "ceiling": ceilings.get((stratum, level)),
                        "models": int(baseline.size),
                        "documents": int((tokens > 0).sum()),
                    }
                )
    return rows


def _mean(
    nats: FloatArray, tokens: FloatArray, weights: FloatArray, statistics: Statistics
) -> Interval:
    """Mean over models of nats (models, documents) per token, tokens (documents,).

    Of a single document with such tokens no resample could differ: then it has no interval.
    """
    if int((tokens > 0).sum()) < 2:
        return paired_mean(ratio(nats, tokens), float("nan"), statistics.confidence)
    return mean_over_seeds(nats, tokens, weights, statistics.confidence)
