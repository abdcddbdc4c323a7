"""How alike members represent the same tokens, against tokens that are matched at random.

Every measure is a product of two matrices (tokens, tokens), one of each member, both of length 1:
so all pairs come from one product, and so do their nulls, where the tokens of one are permuted.

`cka`: linear centred kernel alignment (Kornblith et al. 2019) from the unbiased estimate of HSIC
(Song et al. 2012, as Nguyen, Raghu & Kornblith 2021), whose expectation is 0 for independent
representations of any width. `mutual_knn`: the share of a token's nearest neighbours that two
members have in common, by cosine (Huh et al. 2024): blocks read their stream normalised.

Even so a value says little alone: how far chance carries depends on width and on how many
directions a stream uses. Values are therefore held against permutations of the tokens (Groger, Wen
& Brbic 2026): what chance reaches in 95% of them counts as 0.
"""

import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from itertools import combinations
from typing import Any

import numpy as np
import numpy.typing as npt

from manymasks.arrays import FloatArray, IndexArray, Rows
from manymasks.callbacks import OnProgress, ignore_progress
from manymasks.config.analyses import Representation, Statistics
from manymasks.statistics.intervals import finite, joined
from manymasks.statistics.model_classes import Member, one_corpus
from manymasks.statistics.pools import pool_mean, pools_of

Streams = Sequence[npt.NDArray[np.floating]]
"""What one member makes of the matched tokens: (tokens, width) before each block and at the end."""

CHANCE = 0.95
"""Share of random matchings that a calibrated value of 0 is above."""
TIED = 1e-6
"""Cosines closer than this are the same: those of one token in two places, before any block."""
ROUNDING = 1e-12
ELEMENTS = 2**21
"""Of permuted matrices that are made at once."""


def matched_tokens(
    windows: int, positions: int, tokens: int, seed: int
) -> tuple[IndexArray, IndexArray]:
    """Window and position of tokens drawn evenly from windows, (tokens,) each, in their order.

    No window gives two more than another. Raises ValueError where there are fewer than `tokens`.
    """
    if tokens > windows * positions:
        raise ValueError(f"{windows} windows of {positions} have no {tokens} tokens")
    generator = np.random.default_rng([seed, 0])
    each = generator.permuted(np.tile(np.arange(positions), (windows, 1)), axis=1)
    counts = np.full(windows, tokens // windows)
    counts[generator.permutation(windows)[: tokens % windows]] += 1
    rows = np.repeat(np.arange(windows), counts)
    found = [np.sort(own[:count]) for own, count in zip(each, counts, strict=True)]
    return rows, np.concatenate(found)


def matchings(tokens: int, count: int, seed: int) -> IndexArray:
    """Random orders of tokens, (count, tokens)."""
    generator = np.random.default_rng([seed, 1])
    return generator.permuted(np.tile(np.arange(tokens), (count, 1)), axis=1)


def alignment(stream: npt.NDArray[np.floating]) -> FloatArray:
    """The matrix (tokens, tokens) whose product with another's is the debiased CKA.

    Products of tokens, U-centred (Szekely & Rizzo 2014): sums of products of two such matrices are
    n (n - 3) times the unbiased HSIC. NaN where all tokens are represented alike.

    Args:
        stream: (tokens, width), at least 4 tokens.
    """
    # HSIC does not see the mean, but rounding does.
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


def neighbourhood(stream: npt.NDArray[np.floating], neighbours: int) -> FloatArray:
    """The matrix (tokens, tokens) whose product with another's is the mutual kNN.

    Row i has the `neighbours` nearest of token i by cosine, as a vector of length 1/sqrt(tokens).
    Where several are as near as the last of them, they share its place: a word that occurs often
    has the same embedding everywhere, and none of its places is nearer than another.

    Args:
        stream: (tokens, width), more than `neighbours` + 1 tokens.
        neighbours: how many are nearest.
    """
    rows = stream.astype(np.float64)
    lengths = np.linalg.norm(rows, axis=1, keepdims=True)
    rows /= np.where(lengths > 0, lengths, 1)
    cosines = rows @ rows.T
    np.fill_diagonal(cosines, -np.inf)
    last = -np.partition(-cosines, neighbours - 1, axis=1)[:, neighbours - 1 : neighbours]
    nearer, tied = cosines > last + TIED, np.abs(cosines - last) <= TIED
    places = neighbours - nearer.sum(axis=1, keepdims=True)
    found = nearer + tied * (places / tied.sum(axis=1, keepdims=True))
    lengths = np.linalg.norm(found, axis=1, keepdims=True) * np.sqrt(len(rows))
    return np.asarray(found / lengths, dtype=np.float64)


def similarities(matrices: FloatArray) -> FloatArray:
    """Products of matrices (members, tokens, tokens), (members, members)."""
    flat = matrices.reshape(len(matrices), -1)
    return flat @ flat.T


def chance(matrices: FloatArray, orders: IndexArray) -> FloatArray:
    """The products where tokens are matched at random, (orders, members, members), symmetric.

    Of matrices (members, tokens, tokens), the tokens of the later member of a pair in each of
    `orders` (orders, tokens). The diagonal is NaN: no member is compared with itself.
    """
    members, tokens, _ = matrices.shape
    flat = matrices.reshape(members, -1)
    found = np.full((len(orders), members, members), np.nan)
    step = max(1, ELEMENTS // tokens**2)
    for later in range(1, members):
        for begin in range(0, len(orders), step):
            part = orders[begin : begin + step]
            permuted = matrices[later][part[:, :, None], part[:, None, :]]
            products = permuted.reshape(len(part), -1) @ flat[:later].T
            found[begin : begin + step, later, :later] = products
            found[begin : begin + step, :later, later] = products
    return found


def calibrated(value: FloatArray, null_high: FloatArray) -> FloatArray:
    """(value - null_high) / (1 - null_high), 0 where that is negative."""
    return np.asarray(np.maximum((value - null_high) / (1 - null_high), 0.0), dtype=np.float64)


def representation_rows(
    streams: Sequence[Streams],
    again: Sequence[Streams],
    members: Sequence[Member],
    documents: int,
    settings: Representation,
    statistics: Statistics,
    report: OnProgress = ignore_progress,
) -> dict[str, Rows]:
    """Rows of representation_similarity and representation_pool.

    Layers are compared at the same depth. Members with other numbers of layers are compared before
    the first block and after the last; the layer of the latter is that of the deeper one.

    Takes 8 bytes x members x tokens^2, and computes a matrix product of that for each matching.

    Args:
        streams: of each member, of the same tokens.
        again: the same, computed in other batches.
        members: all of one corpus.
        documents: how many the tokens come from.
        settings: neighbours, matchings and their seed.
        statistics: the confidence of intervals.
        report: told how many comparisons are done, of how many.
    """
    one_corpus(members)
    measures: Mapping[str, Callable[[npt.NDArray[np.floating]], FloatArray]] = {
        "cka": alignment,
        "mutual_knn": lambda stream: neighbourhood(stream, settings.neighbours),
    }
    tokens = len(streams[0][0])
    orders = matchings(tokens, settings.permutations, settings.seed)
    depths = np.array([len(each) - 1 for each in streams])
    by_pair: Rows = []
    pools: Rows = []
    levels = list(_levels(depths))
    for done, (place, group, layers) in enumerate(levels):
        report(done, len(levels))
        compared = [members[i] for i in group]
        for measure, matrix_of in measures.items():
            matrices = np.stack([matrix_of(streams[i][place]) for i in group])
            value, null = similarities(matrices), chance(matrices, orders)
            scores = _scores(value, null)
            own = [
                float((one * matrix_of(again[i][place])).sum())
                for i, one in zip(group, matrices, strict=True)
            ]
            # Rounding may find a member more like itself than itself.
            floor = np.maximum(1 - np.array(own), 0.0)
            what = {"measure": measure}
            counts = {"tokens": tokens, "documents": documents}
            by_pair += [what | row | counts for row in _pairs(scores, compared, layers)]
            pools += [
                what | row for row in _pools(scores, floor, compared, layers, statistics.confidence)
            ]
    return {"representation_similarity": by_pair, "representation_pool": pools}


def _levels(depths: IndexArray) -> Iterator[tuple[int, IndexArray, IndexArray]]:
    """What is compared: place in the streams, members, and the layer of each pair, -1 for none."""
    everyone = np.arange(len(depths))
    square = (len(depths), len(depths))
    # Before the first block and after the last, all members; in between, those as deep.
    yield 0, everyone, np.zeros(square, dtype=np.intp)
    for depth in np.unique(depths):
        group = np.flatnonzero(depths == depth)
        for layer in range(1, int(depth)):
            yield layer, group, np.full((group.size, group.size), layer)
    yield -1, everyone, np.maximum(depths[:, None], depths)


def _scores(value: FloatArray, null: FloatArray) -> dict[str, FloatArray]:
    """Each of a pair's columns, (members, members); the diagonal is of no meaning."""
    # Of the value and its nulls together, so that what is above has p of 1 - CHANCE at most.
    rank = math.ceil(CHANCE * (len(null) + 1))
    null_high = np.sort(null, axis=0)[min(rank, len(null)) - 1]
    known = np.isfinite(value) & np.isfinite(null_high)
    # Shares in common take few values: rounding must not tell equal ones apart.
    p = (1 + (null >= value - ROUNDING).sum(axis=0)) / (1 + len(null))
    return {
        "value": value,
        "null_mean": null.mean(axis=0),
        "null_high": null_high,
        "calibrated": calibrated(value, null_high),
        "p": np.where(known, p, np.nan),
    }


def _pairs(
    scores: Mapping[str, FloatArray], members: Sequence[Member], layers: IndexArray
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
    scores: Mapping[str, FloatArray],
    floor: FloatArray,
    members: Sequence[Member],
    layers: IndexArray,
    confidence: float,
) -> Iterator[dict[str, Any]]:
    """Every class of at least two, and every two classes, in order of appearance."""
    for pool in pools_of(members):
        of, used = pool_mean(scores["calibrated"], pool), pool.members
        # The tokens are given, so documents do not err.
        interval = joined(of.estimate, of.standard_error, 0.0, of.degrees, confidence, at_least=0)
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
