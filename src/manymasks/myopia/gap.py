"""The myopia gap: the loss of a variant less that of its baseline, by position and by size."""

from collections.abc import Sequence

from manymasks.arrays import FloatArray, IndexArray, Rows
from manymasks.config.analyses import Contrast, Statistics
from manymasks.statistics.bootstrap import document_weights, ratio
from manymasks.statistics.claims import Comparison, contrast_row
from manymasks.statistics.intervals import finite
from manymasks.statistics.model_classes import Member, arm_positions, one_corpus, paired_by_seeds
from manymasks.statistics.paired import mean_over_seeds


def myopia_rows(
    nats: FloatArray,
    tokens: FloatArray,
    edges: Sequence[int],
    context: int,
    members: Sequence[Member],
    contrasts: Sequence[Contrast],
    statistics: Statistics,
) -> dict[str, Rows]:
    """Rows of myopia_gap and contrast, on the measure split.

    `nats` (m, D, K): sums over the tokens of each document in each bucket of positions;
    `tokens` (D, K). Bucket k begins at position `edges[k]`; the last ends with the context.
    Members, all of one corpus, are paired within a size by both seeds; a size whose arms share
    none has no rows. The total gap of each size is a primary contrast. The gap of the last
    size less that of the first (in order of appearance) is exploratory. Intervals join the
    error over paired seeds, t with one degree less than their number, with the bootstrap over
    documents. Raises ValueError for members of several corpora or arrays that do not fit.
    """
    corpus = one_corpus(members)
    expected = (len(members), tokens.shape[0], len(edges))
    if nats.shape != expected or tokens.shape != expected[1:]:
        raise ValueError(
            f"nats are {nats.shape} and tokens {tokens.shape}, expected {expected} and "
            f"{expected[1:]}: members, documents and buckets"
        )
    weights = document_weights(tokens.shape[0], statistics.resamples, statistics.seed)
    ends = [*(edge - 1 for edge in edges[1:]), context - 1]
    total = nats.sum(axis=2), tokens.sum(axis=1)
    buckets = [(0, context - 1, True, *total)]
    buckets += [
        (low, high, False, nats[:, :, k], tokens[:, k])
        for k, (low, high) in enumerate(zip(edges, ends, strict=True))
    ]
    tables: dict[str, Rows] = {"myopia_gap": [], "contrast": []}
    for contrast in contrasts:
        arms: dict[str, tuple[IndexArray, IndexArray]] = {}
        for size in dict.fromkeys(member.size for member in members):
            baseline, variant = paired_by_seeds(
                members,
                arm_positions(members, size, contrast.baseline),
                arm_positions(members, size, contrast.variant),
            )
            if not baseline.size:
                continue
            arms[size] = baseline, variant
            for low, high, is_total, sums, counts in buckets:
                differences = sums[variant] - sums[baseline]
                gap = mean_over_seeds(differences, counts, weights, statistics.confidence)
                documents = int((counts > 0).sum())
                tables["myopia_gap"].append(
                    {
                        "corpus": corpus,
                        "size": size,
                        "baseline": contrast.baseline,
                        "variant": contrast.variant,
                        "split": "measure",
                        "position_low": low,
                        "position_high": high,
                        "is_total": is_total,
                        "gap": finite(gap.estimate),
                        "low": finite(gap.low),
                        "high": finite(gap.high),
                        "p": finite(gap.p),
                        "baseline_nats": finite(ratio(sums[baseline], counts).mean()),
                        "variant_nats": finite(ratio(sums[variant], counts).mean()),
                        "seeds": baseline.size,
                        "documents": documents,
                    }
                )
                if is_total:
                    comparison = Comparison(
                        "gap", corpus, contrast.variant, contrast.baseline, size
                    )
                    row = contrast_row(comparison, gap, 2 * baseline.size, documents)
                    tables["contrast"].append(row)
        if len(arms) > 1:
            first, *_, last = arms
            four = paired_by_seeds(members, *arms[last], *arms[first])
            if four[0].size:
                sums, counts = total
                differences = sums[four[1]] - sums[four[0]] - (sums[four[3]] - sums[four[2]])
                gap = mean_over_seeds(differences, counts, weights, statistics.confidence)
                comparison = Comparison(
                    "gap_by_size", corpus, last, first, contrast.variant, contrast.baseline
                )
                documents = int((counts > 0).sum())
                tables["contrast"].append(
                    contrast_row(comparison, gap, 4 * four[0].size, documents)
                )
    return tables
