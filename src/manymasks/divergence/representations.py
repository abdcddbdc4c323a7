"""Similarity of the members' representations of the same tokens, calibrated by random matchings.

Every measure is an inner product of two unit-norm matrices (tokens, tokens), one for each member:
one matrix product gives all pairs, and one gives their nulls, with the tokens of one permuted.

`cka`: linear centred kernel alignment (Kornblith et al. 2019) from the unbiased estimate of HSIC
(Song et al. 2012, as Nguyen, Raghu & Kornblith 2021), whose expectation is 0 for independent
representations of any width. `mutual_knn`: the share of a token's nearest neighbours that two
members have in common, by cosine (Huh et al. 2024), because blocks read a normalised stream.

The values expected by chance depend on the width and on the effective dimension of a stream, so
values are calibrated by permutations of the tokens (Groger, Wen & Brbic 2026): the 95th percentile
of these counts as 0.
"""

import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from itertools import combinations
from typing import Any

import numpy as np
import numpy.typing as npt

from manymasks.arrays import Floats, Indices, Rows
from manymasks.callbacks import OnProgress, ignore_progress
from manymasks.config.analyses import Representation, Statistics
from manymasks.statistics.intervals import NO_ERROR, finite
from manymasks.statistics.model_classes import Members, one_corpus
from manymasks.statistics.pools import pool_mean, pools_of

Streams = Sequence[npt.NDArray[np.floating]]
"""Streams of one member at the matched tokens, (tokens, width): before each block, at the end."""

CHANCE = 0.95
"""Quantile of random matchings that counts as 0."""
TIED = 1e-6
"""Cosines that differ by less are tied: the same token at several positions, before any block."""
ROUNDING = 1e-12
ELEMENTS = 2**21
"""Elements of permuted matrices held at once."""


def matched_tokens(windows: int, positions: int, tokens: int, seed: int) -> tuple[Indices, Indices]:
    """Window and position of tokens drawn evenly from windows, (tokens,) each, in order. The
    numbers for two windows differ by at most 1. Raises ValueError if there are fewer tokens."""
    if tokens > windows * positions:
        raise ValueError(f"{windows} windows of {positions} have no {tokens} tokens")
    generator = np.random.default_rng([seed, 0])
    shuffled = generator.permuted(np.tile(np.arange(positions), (windows, 1)), axis=1)
    counts = np.full(windows, tokens // windows)
    counts[generator.permutation(windows)[: tokens % windows]] += 1
    rows = np.repeat(np.arange(windows), counts)
    chosen = [np.sort(order[:count]) for order, count in zip(shuffled, counts, strict=True)]
    return rows, np.concatenate(chosen)


def matchings(tokens: int, count: int, seed: int) -> Indices:
    """Random orders of tokens, (count, tokens)."""
    generator = np.random.default_rng([seed, 1])
    return generator.permuted(np.tile(np.arange(tokens), (count, 1)), axis=1)


def alignment(stream: npt.NDArray[np.floating]) -> Floats:
    """The matrix (tokens, tokens) whose inner product with another member's is the debiased CKA,
    from a stream (tokens, width) of at least 4 tokens.

    Gram matrix of tokens, U-centred (Szekely & Rizzo 2014): the inner product of two such matrices
    is n (n - 3) times the unbiased HSIC. NaN if all tokens have the same representation.
    """
    # HSIC is invariant to the mean; centring reduces rounding errors.
    centred = stream.astype(np.float64) - stream.mean(axis=0, dtype=np.float64)
    products = centred @ centred.T
    n = len(products)
    np.fill_diagonal(products, 0)
    sums = products.sum(axis=1)
    products -= (sums[:, None] + sums) / (n - 2)
    products += sums.sum() / ((n - 1) * (n - 2))
    np.fill_diagonal(products, 0)
    length = float(np.linalg.norm(products))
    return np.asarray(products / (length or np.nan), dtype=np.float64)


def neighbourhood(stream: npt.NDArray[np.floating], neighbours: int) -> Floats:
    """The matrix (tokens, tokens) whose inner product with another member's is the mutual kNN.

    Row i marks the nearest tokens of i by cosine, of more than `neighbours` + 1 in the stream, as a
    vector of norm 1/sqrt(tokens). Ties for the last rank share its weight: before any block, all
    occurrences of a token have the same embedding.
    """
    rows = stream.astype(np.float64)
    lengths = np.linalg.norm(rows, axis=1, keepdims=True)
    rows /= np.where(lengths > 0, lengths, 1)
    cosines = rows @ rows.T
    np.fill_diagonal(cosines, -np.inf)
    last = -np.partition(-cosines, neighbours - 1, axis=1)[:, neighbours - 1 : neighbours]
    nearer, tied = cosines > last + TIED, np.abs(cosines - last) <= TIED
    remaining = neighbours - nearer.sum(axis=1, keepdims=True)
    weights = nearer + tied * (remaining / tied.sum(axis=1, keepdims=True))
    lengths = np.linalg.norm(weights, axis=1, keepdims=True) * np.sqrt(len(rows))
    return np.asarray(weights / lengths, dtype=np.float64)


def similarities(matrices: Floats) -> Floats:
    """Inner products of matrices (members, tokens, tokens), (members, members)."""
    flat = matrices.reshape(len(matrices), -1)
    return flat @ flat.T


def chance(matrices: Floats, orders: Indices) -> Floats:
    """Inner products with tokens matched at random, (orders, members, members), symmetric. The
    tokens of the later member of a pair are permuted by each of `orders` (orders, tokens); matrices
    (members, tokens, tokens). The diagonal is NaN."""
    members, tokens, _ = matrices.shape
    flat = matrices.reshape(members, -1)
    products_of_pairs = np.full((len(orders), members, members), np.nan)
    step = max(1, ELEMENTS // tokens**2)
    for later in range(1, members):
        for begin in range(0, len(orders), step):
            part = orders[begin : begin + step]
            permuted = matrices[later][part[:, :, None], part[:, None, :]]
            products = permuted.reshape(len(part), -1) @ flat[:later].T
            products_of_pairs[begin : begin + step, later, :later] = products
            products_of_pairs[begin : begin + step, :later, later] = products
    return products_of_pairs


def calibrated(value: Floats, null_high: Floats) -> Floats:
    """(value - null_high) / (1 - null_high), clipped at 0."""
    return np.asarray(np.maximum((value - null_high) / (1 - null_high), 0.0), dtype=np.float64)


def representation_rows(
    streams: Sequence[Streams],
    again: Sequence[Streams],
    members: Members,
    documents: int,
    settings: Representation,
    statistics: Statistics,
    report: OnProgress = ignore_progress,
) -> dict[str, Rows]:
    """Rows of representation_similarity and representation_pool, of members of one corpus.

    Layers are compared at the same depth. Members with different numbers of layers are compared
    before the first block and after the last; the layer of the latter is that of the deeper one.
    `again`: the streams computed in other batches. Takes 8 bytes x members x tokens^2.
    """
    one_corpus(members)
    measures: Mapping[str, Callable[[npt.NDArray[np.floating]], Floats]] = {
        "cka": alignment,
        "mutual_knn": lambda stream: neighbourhood(stream, settings.neighbours),
    }
    tokens = len(streams[0][0])
    orders = matchings(tokens, settings.permutations, settings.seed)
    depths = np.array([len(levels) - 1 for levels in streams])
    by_pair: Rows = []
    pools: Rows = []
    levels = list(_levels(depths))
    for done, (level, group, layers) in enumerate(levels):
        report(done, len(levels))
        compared = [members[i] for i in group]
        for measure, matrix_of in measures.items():
            matrices = np.stack([matrix_of(streams[i][level]) for i in group])
            value, null = similarities(matrices), chance(matrices, orders)
            scores = _scores(value, null)
            self_similarity = [
                float((matrix * matrix_of(again[i][level])).sum())
                for i, matrix in zip(group, matrices, strict=True)
            ]
            # Rounding can give more than 1.
            floor = np.maximum(1 - np.array(self_similarity), 0.0)
            common = {"measure": measure}
            counts = {"tokens": tokens, "documents": documents}
            by_pair += [common | row | counts for row in _pairs(scores, compared, layers)]
            pools += [
                common | row
                for row in _pools(scores, floor, compared, layers, statistics.confidence)
            ]
    return {"representation_similarity": by_pair, "representation_pool": pools}


def _levels(depths: Indices) -> Iterator[tuple[int, Indices, Indices]]:
    """Comparisons: level of the streams, members, and the layer of each pair."""
    all_members = np.arange(len(depths))
    square = (len(depths), len(depths))
    # Before the first block and after the last, all members; in between, those of equal depth.
    yield 0, all_members, np.zeros(square, dtype=np.intp)
    for depth in np.unique(depths):
        group = np.flatnonzero(depths == depth)
        for layer in range(1, int(depth)):
            yield layer, group, np.full((group.size, group.size), layer)
    yield -1, all_members, np.maximum(depths[:, None], depths)


def _scores(value: Floats, null: Floats) -> dict[str, Floats]:
    """Columns of pairs, (members, members) each; the diagonal has no meaning."""
    # Rank among the value and its nulls, so that values above have p <= 1 - CHANCE.
    rank = math.ceil(CHANCE * (len(null) + 1))
    null_high = np.sort(null, axis=0)[min(rank, len(null)) - 1]
    known = np.isfinite(value) & np.isfinite(null_high)
    # Shared neighbours give few distinct values: rounding must not break ties.
    p = (1 + (null >= value - ROUNDING).sum(axis=0)) / (1 + len(null))
    return {
        "value": value,
        "null_mean": null.mean(axis=0),
        "null_high": null_high,
        "calibrated": calibrated(value, null_high),
        "p": np.where(known, p, np.nan),
    }


def _pairs(
    scores: Mapping[str, Floats], members: Members, layers: Indices
) -> Iterator[dict[str, Any]]:
    by_key = sorted(range(len(members)), key=lambda i: members[i].model)
    for a, b in combinations(by_key, 2):
        row: dict[str, Any] = {
            "layer": int(layers[a, b]),
            "model_a": members[a].model,
            "model_b": members[b].model,
        }
        yield row | {name: finite(score[a, b]) for name, score in scores.items()}


def _pools(
    scores: Mapping[str, Floats],
    floor: Floats,
    members: Members,
    layers: Indices,
    confidence: float,
) -> Iterator[dict[str, Any]]:
    """Every class of at least two members, then every two classes, in order of appearance."""
    for pool in pools_of(members):
        mean, used = pool_mean(scores["calibrated"], pool), pool.members
        # The tokens are given: no error over documents.
        interval = mean.interval(NO_ERROR, confidence, at_least=0)
        yield {
            "layer": int(layers[used[0], used[-1]]),
            "pool": pool.label,
            "other": pool.other,
            "value": finite(pool_mean(scores["value"], pool).estimate),
            "calibrated": finite(interval.estimate),
            "low": finite(interval.low),
            "high": finite(min(interval.high, 1.0)),
            "floor": finite(floor[used].mean()),
            "models": used.size,
        }
