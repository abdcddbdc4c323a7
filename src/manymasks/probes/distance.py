"""Distance of contexts from the train split, by n-gram counts.

The trigram model interpolates orders 1 to 3 with Dirichlet priors, each the law of the lower order
(MacKay & Peto 1995): p(w | u v) = (c(u v w) + STRENGTH p(w | v)) / (c(u v) + STRENGTH), and
p(w) = (c(w) + 1) / (N + V). It is normalised for any counts, and needs the counts of the queried
n-grams alone: memory does not grow with the train split, which is read in pieces.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

import numpy as np

from manymasks.arrays import Floats, Row
from manymasks.config.analyses import Statistics
from manymasks.probes.contexts import Contexts
from manymasks.probes.windows import Tokens
from manymasks.statistics.bootstrap import (
    document_columns,
    document_weights,
    ratio_interval,
    standard_error,
)
from manymasks.statistics.intervals import NO_ERROR, StandardError, finite_columns, joined

STRENGTH = 20.0
"""Observations that the lower order is worth: the best of 1 to 100 for held-out pydocs."""
ORDER = 3


def train_counts(pieces: Iterable[Tokens], vocabulary: int) -> Tokens:
    """(vocabulary,) counts of the tokens of a split in consecutive pieces."""
    counts = np.zeros(vocabulary, dtype=np.int64)
    for piece in pieces:
        counts += np.bincount(piece, minlength=vocabulary)
    return counts


@dataclass(frozen=True)
class Ngrams:
    """Counts of queried n-grams of one order and of their prefixes."""

    queries: Tokens
    """Numbers of n-grams, rising: their tokens as digits to the base of the vocabulary."""
    counts: Tokens
    prefix_counts: Tokens
    """Count of the n-gram without its last token, followed by any token."""


def ngrams(
    pieces: Iterable[Tokens], windows: Tokens, vocabulary: int, order: int = ORDER
) -> list[Ngrams]:
    """Counts of the n-grams of windows in a split, for the orders 2 to `order`. `pieces`: the split
    in consecutive pieces; n-grams cross their borders. `windows` (..., tokens). `vocabulary`:
    number of tokens; its power `order` must fit 63 bits. `order`: the longest n-grams."""
    if vocabulary**order >= 2**63:
        raise ValueError(f"{order}-grams of {vocabulary} tokens have no 64-bit numbers")
    orders = range(2, order + 1)
    queries = {k: np.unique(_numbers(windows, k, vocabulary)) for k in orders}
    prefixes = {k: np.unique(queries[k] // vocabulary) for k in orders}
    counts = {k: np.zeros(queries[k].size, dtype=np.int64) for k in orders}
    prefix_counts = {k: np.zeros(prefixes[k].size, dtype=np.int64) for k in orders}
    last = np.zeros(0, dtype=np.int64)
    for piece in pieces:
        joined = np.concatenate([last, piece])
        for k in orders:
            # The n-grams that end in this piece.
            numbers = _numbers(joined[max(last.size - k + 1, 0) :], k, vocabulary)
            _add_counts(counts[k], queries[k], numbers)
            _add_counts(prefix_counts[k], prefixes[k], numbers // vocabulary)
        last = joined[max(joined.size - order + 1, 0) :]
    return [
        Ngrams(
            queries[k],
            counts[k],
            prefix_counts[k][np.searchsorted(prefixes[k], queries[k] // vocabulary)],
        )
        for k in orders
    ]


def ngram_surprise(tokens: Tokens, unigrams: Tokens, higher: list[Ngrams]) -> Floats:
    """Nats of each token except the first under the trigram model, (..., tokens - 1). The second
    token has the bigram law. `higher` must hold all n-grams of `tokens`."""
    vocabulary = len(unigrams)
    law = (unigrams[tokens] + 1) / (unigrams.sum() + vocabulary)
    for k, order in enumerate(higher, 2):
        index = np.searchsorted(order.queries, _numbers(tokens, k, vocabulary))
        lower = law[..., k - 1 :]
        law = np.concatenate(
            [
                law[..., : k - 1],
                (order.counts[index] + STRENGTH * lower) / (order.prefix_counts[index] + STRENGTH),
            ],
            axis=-1,
        )
    return np.asarray(-np.log(law[..., 1:]), dtype=np.float64)


def unigram_kl(counts: Floats, law: Floats) -> Floats:
    """KL in nats of the frequencies of counts (..., tokens) from a law (tokens,), (...). The law
    may omit tokens whose count is 0. NaN if all counts are 0."""
    total = counts.sum(axis=-1, keepdims=True)
    shares = counts / np.where(total > 0, total, np.nan)
    logs = np.log(shares, out=np.zeros_like(shares), where=shares > 0)
    return np.asarray((shares * (logs - np.log(law))).sum(axis=-1), dtype=np.float64)


def distance_rows(
    probe: str,
    contexts: Contexts,
    pieces: Iterable[Tokens],
    unigrams: Tokens,
    statistics: Statistics,
) -> Iterator[Row]:
    """Rows of the table `probe_distance`, of the windows of a probe at all severities.

    Scored tokens do not count, unless fewer than two tokens precede them: then whole windows count.
    The share of unseen trigrams is left out if there is no trigram. If severities have windows of
    different lengths, `unigram_kl` is larger for shorter ones. `pieces`: consecutive pieces of the
    train split, read once. `unigrams` (vocabulary,): counts of its tokens.
    """
    # The n-grams of the longest windows include those of all severities.
    whole = contexts.tokens.shape[2] - contexts.scored <= 1
    end = None if whole else -contexts.scored
    higher = ngrams(pieces, contexts.tokens[:, :, :end], len(unigrams))
    names, owners = np.unique(contexts.documents, return_inverse=True)
    weights = document_weights(len(names), statistics.resamples, statistics.seed)

    def summed(values: Floats) -> Floats:
        """Sums of values (windows,) over the windows of each document."""
        return np.asarray(np.bincount(owners, values, len(names)), dtype=np.float64)

    windows = np.bincount(owners, minlength=len(names)).astype(np.float64)
    for severity in range(len(contexts.tokens)):
        level = contexts.windows(severity)[:, :end]
        nats = ngram_surprise(level, unigrams, higher)
        trigrams = higher[-1]
        index = np.searchsorted(trigrams.queries, _numbers(level, ORDER, len(unigrams)))
        unseen = trigrams.counts[index] == 0
        for measure, values in (("ngram_nats", nats), ("unseen_share", unseen)):
            if not values.shape[1]:
                continue
            sums = summed(values.sum(axis=1).astype(np.float64))
            sizes = summed(np.full(len(level), float(values.shape[1])))
            interval = ratio_interval(sums, sizes, weights, statistics.confidence)
            yield _row(probe, severity, measure, *interval, sizes)
        kl, error = _unigram_kl(level[:, 1:], owners, unigrams, weights)
        distance = joined(kl, NO_ERROR, error, statistics.confidence, at_least=0)
        yield _row(probe, severity, "unigram_kl", kl, distance.low, distance.high, windows)


def _unigram_kl(
    tokens: Tokens, owners: Tokens, unigrams: Tokens, weights: Floats
) -> tuple[float, StandardError]:
    """The KL over all windows, and its standard error over documents. A percentile interval would
    be biased: a resample has fewer distinct tokens, which makes its KL larger."""
    # Columns only for tokens that occur, because the vocabulary may be large.
    occurring, column = np.unique(tokens, return_inverse=True)
    shape = (weights.shape[1], occurring.size)
    cell = owners[:, None] * occurring.size + column.reshape(tokens.shape)
    counts = np.bincount(cell.ravel(), minlength=shape[0] * shape[1]).reshape(shape).astype(float)
    law = (unigrams[occurring] + 1) / (unigrams.sum() + len(unigrams))
    parts = np.array_split(weights, -(-weights.shape[0] * occurring.size // 2**22))
    drawn = np.concatenate([unigram_kl(part @ counts, law) for part in parts])
    return float(unigram_kl(counts.sum(axis=0), law)), standard_error(drawn, counts.sum(axis=1))


def _row(
    probe: str, severity: int, measure: str, value: float, low: float, high: float, sizes: Floats
) -> Row:
    row = {"probe": probe, "severity": severity, "measure": measure, "value": value}
    return row | finite_columns(low=low, high=high) | document_columns(sizes)


def _numbers(tokens: Tokens, order: int, vocabulary: int) -> Tokens:
    """The number of the n-gram that begins at each token, (..., tokens - order + 1)."""
    count = max(tokens.shape[-1] - order + 1, 0)
    numbers = np.zeros((*tokens.shape[:-1], count), dtype=np.int64)
    for i in range(order):
        numbers = numbers * vocabulary + tokens[..., i : i + count]
    return numbers


def _add_counts(totals: Tokens, queries: Tokens, numbers: Tokens) -> None:
    """Add to `totals` how often each of `queries` occurs in `numbers`."""
    if not queries.size:
        return
    index = np.minimum(np.searchsorted(queries, numbers), queries.size - 1)
    totals += np.bincount(index[queries[index] == numbers], minlength=queries.size)
