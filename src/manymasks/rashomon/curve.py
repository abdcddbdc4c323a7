"""Share of the candidates of each class below a threshold common to all classes.

With a threshold relative to the best member, the share falls with the number of members and is no
property of the class. Below a fixed loss the share of m candidates has the same expectation for
every m, so classes with unequal numbers are comparable: fewer members only widen the interval.
"""

from collections.abc import Sequence
from itertools import combinations

import numpy as np
from scipy import stats

from manymasks.arrays import Floats, Rows
from manymasks.statistics.comparisons import Comparison, contrast_row
from manymasks.statistics.intervals import Interval, finite_columns
from manymasks.statistics.model_classes import (
    Members,
    arm_positions,
    classes,
    one_corpus,
    seeds_of,
)
from manymasks.statistics.proportions import wilson
from manymasks.statistics.seed_design import is_crossed


def curve_rows(
    nats: Floats, members: Members, sizes: Sequence[str], confidence: float
) -> dict[str, Rows]:
    """Rows of rashomon_curve_point and contrast, from losses on select (m,).

    Thresholds are the losses of all members: between two of them no share changes. Candidates must
    be independent draws: derived members are left out, and members with crossed seeds have shares
    without ends and no contrast. A contrast compares two sizes of a variant, the larger minus the
    smaller; `sizes` rise. Raises ValueError for members of several corpora or another number of
    losses.
    """
    corpus = one_corpus(members)
    if nats.shape != (len(members),):
        raise ValueError(f"losses are {nats.shape}, expected {(len(members),)}: one a member")
    points: Rows = []
    for label, pool in classes(members).items():
        for threshold in np.unique(nats[np.isfinite(nats)]):
            under = int((nats[pool] <= threshold).sum())
            low, high = (float("nan"), float("nan"))
            if not is_crossed(seeds_of(members, pool)):
                low, high = wilson(under, pool.size, confidence)
            points.append(
                {
                    "model_class": label,
                    "threshold_nats": float(threshold),
                    "share": under / pool.size,
                }
                | finite_columns(share_low=low, share_high=high)
                | {"members": under, "candidates": int(pool.size)}
            )
    contrasts: Rows = []
    for variant in dict.fromkeys(member.variant for member in members):
        for smaller, larger in combinations(sizes, 2):
            subject, baseline = (
                arm_positions(members, size, variant) for size in (larger, smaller)
            )
            seeds = seeds_of(members, subject)
            if subject and baseline and not is_crossed(seeds):
                comparison = Comparison("share", corpus, larger, smaller, variant)
                interval = share_difference(nats[subject], nats[baseline], confidence)
                contrasts.append(contrast_row(comparison, interval, seeds))
    return {"rashomon_curve_point": points, "contrast": contrasts}


def share_difference(subject: Floats, baseline: Floats, confidence: float) -> Interval:
    """Share of `subject` at or below the median loss of both classes, minus that of `baseline`.
    With the common median as threshold Fisher's p is that of the exact median test (Brown and Mood
    1951): valid although the losses define the threshold. The interval holds it fixed."""
    threshold = float(np.median(np.concatenate([subject, baseline])))
    under = int((subject <= threshold).sum()), int((baseline <= threshold).sum())
    return difference_of_shares(under, (subject.size, baseline.size), confidence)


def difference_of_shares(
    successes: tuple[int, int], trials: tuple[int, int], confidence: float
) -> Interval:
    """Share of the first minus share of the second, with the interval of Newcombe (1998, method 10,
    from two Wilson intervals) and the two-sided exact p of Fisher."""
    first, second = (
        np.array([hits / total, *wilson(hits, total, confidence)])
        for hits, total in zip(successes, trials, strict=True)
    )
    low = first[0] - second[0] - np.hypot(first[0] - first[1], second[2] - second[0])
    high = first[0] - second[0] + np.hypot(first[2] - first[0], second[0] - second[1])
    table = [[hits, total - hits] for hits, total in zip(successes, trials, strict=True)]
    estimate = successes[0] / trials[0] - successes[1] / trials[1]
    p = float(stats.fisher_exact(table).pvalue)
    return Interval(estimate, float(low), float(high), p, min(trials) - 1)
