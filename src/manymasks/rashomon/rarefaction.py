"""Rarefaction: expected metrics of k members of a set, in closed form.

The number of positions at which any two members differ grows with their number, so sets are
compared at equal k. The expectation over all subsets of k members, without replacement, follows
from counts (Hurlbert 1971). Vote disagreement and means over pairs do not depend on k.
"""

import numpy as np

from manymasks.arrays import Bools, Floats, Ints


def chance_missed(m: int, k: int) -> Floats:
    """Probability that k of m draw none of d marked ones, for d = 0 ... m, (m + 1,): C(m - d, k) /
    C(m, k), as a cumulative product of 1 - k / (m - d), which is exact to rounding for any m.
    Raises ValueError unless 0 <= k <= m."""
    if not 0 <= k <= m:
        raise ValueError(f"cannot draw {k} of {m}")
    steps = 1 - k / np.arange(m, k, -1) if k else np.ones(m)
    missed = np.zeros(m + 1)
    missed[0] = 1
    missed[1 : steps.size + 1] = np.cumprod(steps)
    return missed


def expected_ambiguity(differing: Ints, others: int, k: int) -> Floats:
    """Probability that at least one of k others differs from the reference, (n,), of which
    `differing` (n,) of all `others` do. Raises ValueError unless 0 <= k <= others."""
    return np.asarray(1 - chance_missed(others, k)[differing])


def expected_distinct(first: Ints, k: int) -> Floats:
    """Expected number of distinct first-ranked tokens among k of m members, (n,). `first` (m, n):
    each member's first-ranked token. Raises ValueError unless 0 <= k <= m."""
    m = first.shape[0]
    seen = 1 - chance_missed(m, k)
    # A token occurs once for each member that votes for it.
    return _sum_over_tokens(seen, votes(first))


def expected_pair_ambiguity(first: Ints, k: int) -> Floats:
    """Probability that any two of k of m members rank different tokens first, (n,). `first` (m, n)
    as above. Raises ValueError unless 1 <= k <= m."""
    m = first.shape[0]
    if k < 1:
        raise ValueError("pairs need at least 1 member, found 0")
    all_equal = chance_missed(m, k)[::-1]  # C(n_v, k) / C(m, k) for n_v = 0 ... m
    # Clipped: the sum over tokens can round to slightly more than 1.
    return np.maximum(1 - _sum_over_tokens(all_equal, votes(first)), 0)


def expected_patterns(matrix: Bools, k: int) -> float:
    """Expected number of distinct rows among k of the m rows of `matrix` (m, c): members by tests
    that they pass or fail. Raises ValueError unless 0 <= k <= m."""
    m = matrix.shape[0]
    seen = 1 - chance_missed(m, k)
    if not m:
        return 0.0
    if not matrix.shape[1]:
        return float(seen[m])
    _, counts = np.unique(matrix, axis=0, return_counts=True)
    return float(seen[counts].sum())


def votes(first: Ints) -> Ints:
    """Number of members that rank the same token first, including the member itself, (m, n)."""
    # Member by member, because (m, m, n) would be large.
    return np.stack([(first == ranked_first).sum(axis=0) for ranked_first in first])


def _sum_over_tokens(by_count: Floats, counts: Ints) -> Floats:
    """Sum of by_count[votes] over the tokens with votes, (n,), from (m, n) counts."""
    return np.asarray((by_count[counts] / counts).sum(axis=0))
