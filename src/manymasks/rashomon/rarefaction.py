"""What fewer members of a set would show, in closed form, so that sets of unequal size compare.

The more members, the more positions at which some two differ, whatever the set: a comparison
needs equal numbers. The expectation over all subsets of k members, without replacement, is
known from counts alone (Hurlbert 1971), so nothing is resampled. Vote disagreement and means
over pairs need none of this: their expectation does not depend on k.
"""

import numpy as np

from manymasks.arrays import BoolArray, FloatArray, IntArray


def chance_missed(m: int, k: int) -> FloatArray:
    """Chance that none of d marked ones is among k drawn of m, for d = 0 ... m, (m + 1,).

    C(m - d, k) / C(m, k), as a running product of 1 - k / (m - d): no binomial is formed, so
    it is exact to rounding for any m. Raises ValueError unless 0 <= k <= m.
    """
    if not 0 <= k <= m:
        raise ValueError(f"cannot draw {k} of {m}")
    steps = 1 - k / np.arange(m, k, -1) if k else np.ones(m)
    missed = np.zeros(m + 1)
    missed[0] = 1
    missed[1 : steps.size + 1] = np.cumprod(steps)
    return missed


def expected_ambiguity(differing: IntArray, others: int, k: int) -> FloatArray:
    """Chance that one of k others differs from the reference, (n,).

    `differing` (n,): how many of all `others` differ from it at each position. Raises
    ValueError unless 0 <= k <= others.
    """
    return np.asarray(1 - chance_missed(others, k)[differing])


def expected_distinct(first: IntArray, k: int) -> FloatArray:
    """Expected number of distinct first-ranked tokens among k of m members, (n,).

    `first` (m, n): each member's first-ranked token. Raises ValueError unless 0 <= k <= m.
    """
    m = first.shape[0]
    seen = 1 - chance_missed(m, k)
    # Each token is met once for each member that votes for it.
    return _sum_over_tokens(seen, votes(first))


def expected_pair_ambiguity(first: IntArray, k: int) -> FloatArray:
    """Chance that some two of k of m members rank another token first, (n,).

    `first` (m, n) as above. Raises ValueError unless 1 <= k <= m.
    """
    m = first.shape[0]
    if k < 1:
        raise ValueError("no two of 0 members can differ, nor agree")
    all_alike = chance_missed(m, k)[::-1]  # C(n_v, k) / C(m, k) for n_v = 0 ... m
    # Clipped: the sum over tokens rounds to a little more than 1 where all agree.
    return np.maximum(1 - _sum_over_tokens(all_alike, votes(first)), 0)


def expected_patterns(matrix: BoolArray, k: int) -> float:
    """Expected number of distinct rows among k of the m rows of `matrix` (m, c).

    Rows are members, columns tests that they pass or fail. Without columns all rows are the
    same. Raises ValueError unless 0 <= k <= m.
    """
    m = matrix.shape[0]
    seen = 1 - chance_missed(m, k)
    if not m:
        return 0.0
    if not matrix.shape[1]:
        return float(seen[m])
    _, counts = np.unique(matrix, axis=0, return_counts=True)
    return float(seen[counts].sum())


def votes(first: IntArray) -> IntArray:
    """How many members rank the same token first as each does, itself among them, (m, n)."""
    # Member by member: (m, m, n) at once would be large.
    return np.stack([(first == one).sum(axis=0) for one in first])


def _sum_over_tokens(by_count: FloatArray, counts: IntArray) -> FloatArray:
    """Sum over the tokens that have votes of by_count[votes], (n,), from (m, n) counts."""
    return np.asarray((by_count[counts] / counts).sum(axis=0))
