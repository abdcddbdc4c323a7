"""The myopia gap: the loss of a variant minus that of its baseline, by position and by size."""

from collections.abc import Sequence
from dataclasses import dataclass

from manymasks.arrays import Floats, Indices, Row, Rows
from manymasks.config.analyses import Contrast, Statistics
from manymasks.statistics.bootstrap import document_columns, document_weights, ratio
from manymasks.statistics.comparisons import Comparison, contrast_row
from manymasks.statistics.intervals import Interval, finite_columns, interval_columns
from manymasks.statistics.model_classes import (
    Members,
    one_corpus,
    paired_arms,
    paired_by_seeds,
    seeds_of,
)
from manymasks.statistics.paired import mean_over_seeds


@dataclass(frozen=True)
class _Bucket:
    """Positions `low` to `high`: sums of nats (m, D) and tokens (D,) over them."""

    low: int
    high: int
    is_total: bool
    nats: Floats
    tokens: Floats

    @property
    def documents(self) -> int:
        """Documents with a token in it."""
        return int((self.tokens > 0).sum())


def myopia_rows(
    nats: Floats,
    tokens: Floats,
    edges: Sequence[int],
    context: int,
    members: Members,
    contrasts: Sequence[Contrast],
    statistics: Statistics,
) -> dict[str, Rows]:
    """Rows of myopia_gap and contrast, on the measure split.

    `nats`, `tokens` (m, D, K): by document and bucket of positions from `edges[k]`. Members, all of
    one corpus, are paired within a size by both seeds; a size without shared seeds has no rows. The
    total gap of each size is a primary contrast; the gap of the last size minus that of the first
    is exploratory. Intervals join the error over seeds with the bootstrap over documents. Raises
    ValueError for members of several corpora or arrays of other shapes.
    """
    corpus = one_corpus(members)
    expected = (len(members), tokens.shape[0], len(edges))
    if nats.shape != expected or tokens.shape != expected[1:]:
        raise ValueError(
            f"nats are {nats.shape} and tokens {tokens.shape}, expected {expected} and "
            f"{expected[1:]}: members, documents and buckets"
        )
    weights = document_weights(tokens.shape[0], statistics.resamples, statistics.seed)
    total = _Bucket(0, context - 1, True, nats.sum(axis=2), tokens.sum(axis=1))
    ends = [*(edge - 1 for edge in edges[1:]), context - 1]
    buckets = [total] + [
        _Bucket(low, high, False, nats[:, :, k], tokens[:, k])
        for k, (low, high) in enumerate(zip(edges, ends, strict=True))
    ]
    tables: dict[str, Rows] = {"myopia_gap": [], "contrast": []}
    for contrast in contrasts:
        pairs = {
            size: paired_arms(members, size, contrast.baseline, contrast.variant)
            for size in dict.fromkeys(member.size for member in members)
        }
        arms = {size: pair for size, pair in pairs.items() if pair[0].size}
        for size, (baseline, variant) in arms.items():
            seeds = seeds_of(members, baseline)
            common = {"corpus": corpus, "size": size, **contrast.model_dump(), "split": "measure"}
            gaps = [
                mean_over_seeds(
                    bucket.nats[variant] - bucket.nats[baseline],
                    seeds,
                    bucket.tokens,
                    weights,
                    statistics.confidence,
                )
                for bucket in buckets
            ]
            tables["myopia_gap"] += [
                common | _gap_row(bucket, gap, baseline, variant)
                for bucket, gap in zip(buckets, gaps, strict=True)
            ]
            comparison = Comparison("gap", corpus, contrast.variant, contrast.baseline, size)
            tables["contrast"].append(contrast_row(comparison, gaps[0], seeds, total.tokens))
        if len(arms) > 1:
            smallest, largest = next(iter(arms)), next(reversed(arms))
            four = paired_by_seeds(members, *arms[largest], *arms[smallest])
            if four[0].size:
                large_baseline, large_variant, small_baseline, small_variant = four
                sums = total.nats
                large_gap = sums[large_variant] - sums[large_baseline]
                differences = large_gap - (sums[small_variant] - sums[small_baseline])
                seeds = seeds_of(members, large_baseline)
                gap = mean_over_seeds(
                    differences, seeds, total.tokens, weights, statistics.confidence
                )
                comparison = Comparison(
                    "gap_by_size", corpus, largest, smallest, contrast.variant, contrast.baseline
                )
                tables["contrast"].append(contrast_row(comparison, gap, seeds, total.tokens))
    return tables


def _gap_row(bucket: _Bucket, gap: Interval, baseline: Indices, variant: Indices) -> Row:
    return (
        {"position_low": bucket.low, "position_high": bucket.high, "is_total": bucket.is_total}
        | interval_columns(gap, "gap")
        | finite_columns(
            p=gap.p,
            baseline_nats=ratio(bucket.nats[baseline], bucket.tokens).mean(),
            variant_nats=ratio(bucket.nats[variant], bucket.tokens).mean(),
        )
        | {"seeds": baseline.size}
        | document_columns(bucket.tokens)
    )
