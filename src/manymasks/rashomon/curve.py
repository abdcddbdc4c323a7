"""Which share of the candidates of each class is under a threshold that all classes share.

With a threshold that moves with the best member, the share falls with the number of members and
says nothing of the class. Under a fixed loss the share of m candidates has the same expectation
for every m, so classes of unequal numbers may be compared as they are: the number of members
widens the interval and shifts nothing.
"""

from collections.abc import Sequence
from itertools import combinations

import numpy as np
from scipy import stats
from statsmodels.stats.proportion import confint_proportions_2indep

from manymasks.arrays import FloatArray, Rows
from manymasks.statistics.claims import Comparison, contrast_row
from manymasks.statistics.intervals import Interval, finite
from manymasks.statistics.model_classes import Member, arm_positions, classes, one_corpus
from manymasks.statistics.proportions import wilson


def curve_rows(
    nats: FloatArray, members: Sequence[Member], sizes: Sequence[str], confidence: float
) -> dict[str, Rows]:
    """Rows of rashomon_curve_point and contrast.

    Thresholds are the losses of all members: between two of them no share changes. Derived
    are taken as independent draws, so members that were derived from one another are not for
    here. Members that share a seed of initial weights or of data order are not quite.

    Args:
        nats: loss on select of each member, nats per token (m,).
        members: all of one corpus.
        sizes: names of the sizes, from the smallest to the largest; a contrast is of two sizes of
            one variant, the larger less the smaller.

    Raises:
        ValueError: for members of several corpora, or losses that do not fit them.
    """
    corpus = one_corpus(members)
    if nats.shape != (len(members),):
        raise ValueError(f"losses are {nats.shape}, expected {(len(members),)}: one a member")
    points: Rows = []
    for label, pool in classes(members).items():
        for threshold in np.unique(nats[np.isfinite(nats)]):
            under = int((nats[pool] <= threshold).sum())
            low, high = wilson(under, pool.size, confidence)
            points.append(
                {
                    "model_class": label,
                    "threshold_nats": float(threshold),
                    "share": under / pool.size,
                    "share_low": finite(low),
                    "share_high": finite(high),
                    "members": under,
                    "candidates": int(pool.size),
                }
            )
    contrasts: Rows = []
    for variant in dict.fromkeys(member.variant for member in members):
        for smaller, larger in combinations(sizes, 2):
            of, against = (
                nats[arm_positions(members, size, variant)] for size in (larger, smaller)
            )
            if of.size and against.size:
                comparison = Comparison("share", corpus, larger, smaller, variant)
                interval = share_difference(of, against, confidence)
                contrasts.append(contrast_row(comparison, interval, of.size + against.size))
    return {"rashomon_curve_point": points, "contrast": contrasts}


def share_difference(of: FloatArray, against: FloatArray, confidence: float) -> Interval:
    """Share of `of` at or below the median loss of both classes, less that of `against`.

    With the median of the two as threshold Fisher's p is that of the exact median test (Brown and
    Mood 1951), valid although the threshold comes from the losses, since it takes both classes
    alike. The interval is of the difference at that loss, held fixed.
    """
    threshold = float(np.median(np.concatenate([of, against])))
    under = int((of <= threshold).sum()), int((against <= threshold).sum())
    return difference_of_shares(under, (of.size, against.size), confidence)


def difference_of_shares(
    under: tuple[int, int], tried: tuple[int, int], confidence: float
) -> Interval:
    """Share of the first less that of the second.

    The interval is Newcombe's (1998, his method 10, from two Wilson intervals); p is Fisher's
    exact one, two-sided.
    """
    low, high = confint_proportions_2indep(
        under[0],
        tried[0],
        under[1],
        tried[1],
        method="newcomb",
        compare="diff",
        alpha=1 - confidence,
    )
    table = [[few, many - few] for few, many in zip(under, tried, strict=True)]
    estimate = under[0] / tried[0] - under[1] / tried[1]
    p = float(stats.fisher_exact(table).pvalue)
    return Interval(estimate, float(low), float(high), p, min(tried) - 1)
