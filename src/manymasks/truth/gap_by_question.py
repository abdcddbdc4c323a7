"""The gap in excess loss between a variant and its baseline, by stratum, such as the question.

The excess loss of a myopic member is the loss that it could have avoided. Where a process has a
predictor that does everything but bind two tokens before the question, its exact price is a
ceiling: a predictor that never binds pays at least that much on average.
"""

from collections.abc import Mapping, Sequence

import numpy as np

from manymasks.arrays import Floats, Ints, Row, Rows
from manymasks.config.analyses import Contrast, Statistics
from manymasks.statistics.bootstrap import document_columns, document_weights, ratio
from manymasks.statistics.intervals import Interval, finite, finite_columns, interval_columns
from manymasks.statistics.model_classes import Members, one_corpus, paired_arms, seeds_of
from manymasks.statistics.paired import mean_over_seeds
from manymasks.statistics.proportions import wilson
from manymasks.statistics.seed_design import Seeds
from manymasks.truth.excess import ROUNDING, counted_tokens, document_sums, tokens_by_level
from manymasks.truth.prices import Prices

CEILING = "no-binding"
"""The capability with the price that is the ceiling."""


def demand_rows(
    kl: Floats,
    strata: Mapping[str, Ints],
    levels: Mapping[str, tuple[str, ...]],
    members: Members,
    contrasts: Sequence[Contrast],
    prices: Prices,
    statistics: Statistics,
) -> Rows:
    """Rows of demand_gap: over all counted tokens and by each stratum, for each size.

    Members are paired within a size by both seeds; a size whose arms share no seeds has no rows,
    nor has a level without tokens. Intervals join the errors over seeds and documents, whose
    resamples are the same for all rows. The interval of an excess loss is cut at 0. The ceiling,
    from `prices`, is exact. `kl`: (members, documents, length) nats, NaN where the truth is NaN.
    """
    if not contrasts:
        return []
    corpus = one_corpus(members)
    counted = counted_tokens(strata) & ~np.isnan(kl).any(0)
    sums = {
        key: document_sums(kl, selected)
        for key, selected in tokens_by_level(counted, strata, levels).items()
        if selected.any()
    }
    ceilings = {key: price.nats for key, price in prices.get(CEILING, {}).items()}
    weights = document_weights(kl.shape[1], statistics.resamples, statistics.seed)
    rows = []
    for contrast in contrasts:
        for size in dict.fromkeys(member.size for member in members):
            baseline, variant = paired_arms(members, size, contrast.baseline, contrast.variant)
            if not baseline.size:
                continue
            labels = {"corpus": corpus, "size": size, **contrast.model_dump()}
            rows += [
                {
                    **labels,
                    "stratum": stratum,
                    "level": level,
                    **gap_columns(
                        nats[baseline],
                        nats[variant],
                        seeds_of(members, baseline),
                        tokens,
                        weights,
                        statistics,
                    ),
                    **binding_columns(
                        nats[baseline],
                        nats[variant],
                        tokens,
                        ceilings.get((stratum, level)),
                        statistics.confidence,
                    ),
                    "models": int(baseline.size),
                    **document_columns(tokens),
                }
                for (stratum, level), (nats, tokens) in sums.items()
            ]
    return rows


def gap_columns(
    baseline: Floats,
    variant: Floats,
    seeds: Sequence[Seeds],
    tokens: Floats,
    weights: Floats,
    statistics: Statistics,
) -> dict[str, float | None]:
    """Excess loss of two arms, paired by seeds, and their gap, each with an interval, from sums of
    nats (seeds, documents) over the `tokens` (documents,) of a level."""
    gap = _mean(variant - baseline, seeds, tokens, weights, statistics)
    columns: dict[str, float | None] = {}
    for name, nats in (("baseline", baseline), ("variant", variant)):
        excess = _mean(nats, seeds, tokens, weights, statistics)
        columns |= {
            f"{name}_nats": finite(excess.estimate),
            f"{name}_low": finite(float(np.maximum(excess.low, 0.0))),
            f"{name}_high": finite(excess.high),
        }
    return columns | interval_columns(gap, "gap", "gap_")


def binding_columns(
    baseline: Floats, variant: Floats, tokens: Floats, ceiling: float | None, confidence: float
) -> Row:
    """The ceiling of a level, and how many seeds of either arm bind: members whose excess loss is
    below half of it, from sums of nats (seeds, documents). Binding is learned or not, so its
    success is a rate over seeds, with Wilson's interval. None without a ceiling above rounding."""
    columns: Row = {"ceiling": ceiling}
    for name, nats in (("baseline", baseline), ("variant", variant)):
        columns |= dict.fromkeys(f"{name}_{end}" for end in ("binding", "rate_low", "rate_high"))
        if ceiling is not None and ceiling > ROUNDING:
            binding = int((ratio(nats, tokens) < ceiling / 2).sum())
            low, high = wilson(binding, len(nats), confidence)
            ends = {f"{name}_rate_low": low, f"{name}_rate_high": high}
            columns |= {f"{name}_binding": binding, **finite_columns(**ends)}
    return columns


def _mean(
    nats: Floats, seeds: Sequence[Seeds], tokens: Floats, weights: Floats, statistics: Statistics
) -> Interval:
    """Mean over models of nats (models, documents) per token, tokens (documents,). There is no
    interval where a single document has such tokens."""
    return mean_over_seeds(nats, seeds, tokens, weights, statistics.confidence)
