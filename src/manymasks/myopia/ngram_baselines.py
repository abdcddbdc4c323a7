"""N-gram baselines: unigram and bigram counts of the train split.

They use no context, or one token of it.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from manymasks.arrays import Floats, Ints

BASELINES = ("unigram", "bigram")


@dataclass(frozen=True)
class Counts:
    """Counts of tokens and of pairs of neighbours. A pair (h, w) has the code h * vocabulary + w;
    `pairs` are the codes seen, in order, and `pair_counts` their counts, so memory grows with the
    pairs seen, not with vocabulary^2."""

    vocabulary: int
    tokens: Ints
    """(vocabulary,) c(w): occurrences of each token as a target."""
    pairs: Ints
    pair_counts: Ints

    @cached_property
    def before(self) -> Ints:
        """(vocabulary,) c(h): occurrences of each token before another."""
        sums = np.bincount(self.pairs // self.vocabulary, self.pair_counts, self.vocabulary)
        return sums.astype(np.int64)

    @cached_property
    def followers(self) -> Ints:
        """(vocabulary,) T(h): number of distinct tokens seen after each."""
        return np.bincount(self.pairs // self.vocabulary, minlength=self.vocabulary)

    def unigram(self, targets: Ints) -> Floats:
        """Probability of each target, add-one (Laplace): (c(w) + 1) / (N + V)."""
        total = float(self.tokens.sum() + self.vocabulary)
        return np.asarray((self.tokens[targets] + 1) / total, dtype=np.float64)

    def bigram(self, previous: Ints, targets: Ints) -> Floats:
        """Probability of each target (n,) after the token before it, Witten-Bell interpolated. p(w
        | h) = (c(h, w) + T(h) p(w)) / (c(h) + T(h)), with p(w) the add-one unigram, used alone if h
        was never seen (Witten & Bell 1991, method C; Chen & Goodman 1998, section 2.5)."""
        codes = previous * self.vocabulary + targets
        seen = np.zeros(codes.shape, dtype=np.int64)
        if self.pairs.size:
            index = np.minimum(np.searchsorted(self.pairs, codes), self.pairs.size - 1)
            seen = np.where(self.pairs[index] == codes, self.pair_counts[index], 0)
        lower, types = self.unigram(targets), self.followers[previous]
        all_seen = self.before[previous] + types
        interpolated = (seen + types * lower) / np.maximum(all_seen, 1)
        return np.asarray(np.where(all_seen > 0, interpolated, lower), dtype=np.float64)


def count(runs: Iterable[Ints], vocabulary: int) -> Counts:
    """Counts of runs of tokens; each token is predicted from the one before it in its run. The
    first token of a run is not a target. Unmerged pairs are bounded by the number of merged ones
    and the length of a run. Raises ValueError for tokens outside the vocabulary."""
    tokens = np.zeros(vocabulary, dtype=np.int64)
    pairs, counts = np.zeros(0, dtype=np.int64), np.zeros(0, dtype=np.int64)
    unmerged: list[tuple[Ints, Ints]] = []
    size = 0
    for run in runs:
        if run.size and not 0 <= int(run.min()) <= int(run.max()) < vocabulary:
            raise ValueError(
                f"tokens from {run.min()} to {run.max()}, outside the vocabulary of {vocabulary}"
            )
        tokens += np.bincount(run[1:], minlength=vocabulary)
        new = np.unique(run[:-1] * vocabulary + run[1:], return_counts=True)
        unmerged.append((new[0], new[1].astype(np.int64)))
        size += new[0].size
        if size > pairs.size:
            pairs, counts = _merged([(pairs, counts), *unmerged])
            unmerged, size = [], 0
    pairs, counts = _merged([(pairs, counts), *unmerged])
    return Counts(vocabulary, tokens, pairs, counts)


def score(
    counts: Counts,
    documents: Sequence[Ints],
    *,
    context: int,
    end_of_text: int,
    edges: Sequence[int],
) -> tuple[dict[str, Floats], Ints]:
    """Score each token of each document once, in the same consecutive windows as models. `edges`:
    where buckets of positions begin, rising from 0. Returns for each baseline (documents, buckets)
    summed loss in nats, and the tokens scored."""
    shape = len(documents), len(edges)
    nats = {baseline: np.zeros(shape) for baseline in BASELINES}
    tokens = np.zeros(shape, dtype=np.int64)
    bucket_of = np.searchsorted(np.asarray(edges), np.arange(context), side="right") - 1
    for i, document in enumerate(documents):
        previous = np.concatenate(([end_of_text], document[:-1]))
        bucket = bucket_of[np.arange(len(document)) % context]
        tokens[i] = np.bincount(bucket, minlength=len(edges))
        probabilities = (counts.unigram(document), counts.bigram(previous, document))
        for baseline, p in zip(BASELINES, probabilities, strict=True):
            nats[baseline][i] = np.bincount(bucket, -np.log(p), minlength=len(edges))
    return nats, tokens


def _merged(parts: Sequence[tuple[Ints, Ints]]) -> tuple[Ints, Ints]:
    """Distinct codes and their counts, from parts that may share codes."""
    codes = np.concatenate([part[0] for part in parts])
    amounts = np.concatenate([part[1] for part in parts])
    distinct, index = np.unique(codes, return_inverse=True)
    sums = np.zeros(distinct.size, dtype=np.int64)
    np.add.at(sums, index, amounts)
    return distinct, sums
