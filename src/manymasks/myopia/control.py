"""The myopia gap of a process beyond that of its control.

A process and its control differ in one respect only, such as whether work can be done before a
question is asked. What a restricted gradient costs in general is in both gaps; their difference is
what this respect adds.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from manymasks.arrays import Floats, Rows
from manymasks.config.analyses import Contrast, Statistics
from manymasks.statistics.bootstrap import (
    document_weights,
    effective_documents,
    ratio,
    ratio_resamples,
    standard_error,
)
from manymasks.statistics.comparisons import Comparison, contrast_row
from manymasks.statistics.intervals import StandardError, summed
from manymasks.statistics.model_classes import Members, one_corpus, paired_arms, seeds_of
from manymasks.statistics.paired import paired_mean
from manymasks.statistics.seed_design import Seeds


@dataclass(frozen=True)
class ScoredCorpus:
    """Members of one corpus on its measure split: `nats` (m, D) and `tokens` (D,), summed by
    document."""

    members: Members
    nats: Floats
    tokens: Floats


def control_rows(
    process: ScoredCorpus,
    control: ScoredCorpus,
    contrasts: Sequence[Contrast],
    statistics: Statistics,
) -> Rows:
    """Rows of `contrast`: for each size and pair of variants trained on both corpora, the gap on
    the process minus that on its control, over the seeds that all four arms share. Documents of the
    two corpora are independent, so their variances add up."""
    corpus, of_control = one_corpus(process.members), one_corpus(control.members)
    sizes = min(
        (process.tokens, control.tokens), key=lambda tokens: effective_documents(tokens).item()
    )
    rows: Rows = []
    for contrast in contrasts:
        for size in dict.fromkeys(member.size for member in process.members):
            gap, other = (_gaps(scored, size, contrast) for scored in (process, control))
            seeds = sorted(gap.keys() & other.keys())
            if not seeds:
                continue
            nats, error = _mean_and_error(gap, seeds, process.tokens, statistics)
            control_nats, control_error = _mean_and_error(other, seeds, control.tokens, statistics)
            documents = summed([error, control_error])
            interval = paired_mean(nats - control_nats, seeds, documents, statistics.confidence)
            variants = contrast.variant, contrast.baseline
            comparison = Comparison("gap_beyond_control", corpus, size, of_control, *variants)
            rows.append(contrast_row(comparison, interval, seeds, sizes))
    return rows


def _gaps(scored: ScoredCorpus, size: str, contrast: Contrast) -> dict[Seeds, Floats]:
    """Differences of nats by document, (D,), by seeds."""
    baseline, variant = paired_arms(scored.members, size, contrast.baseline, contrast.variant)
    differences = scored.nats[variant] - scored.nats[baseline]
    return dict(zip(seeds_of(scored.members, baseline), differences, strict=True))


def _mean_and_error(
    gaps: Mapping[Seeds, Floats], seeds: Sequence[Seeds], tokens: Floats, statistics: Statistics
) -> tuple[Floats, StandardError]:
    """Gaps per token of these seeds, (seeds,), and the error of their mean over documents."""
    differences = np.stack([gaps[pair] for pair in seeds])
    weights = document_weights(tokens.size, statistics.resamples, statistics.seed)
    resamples = ratio_resamples(differences.mean(axis=0), tokens, weights)
    return ratio(differences, tokens), standard_error(resamples, tokens)
