"""Members one by one: how well and how surely they predict each window, and whether rightly so."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from manymasks.arrays import FloatArray, IndexArray, Rows
from manymasks.config.analyses import Statistics
from manymasks.divergence.blocks import blocks
from manymasks.divergence.grouping import summed
from manymasks.divergence.pairs import first_ranked
from manymasks.statistics.bootstrap import document_weights, percentile_interval
from manymasks.statistics.intervals import finite
from manymasks.statistics.model_classes import Member

BLOCK_ELEMENTS = {"cpu": 1 << 19, "cuda": 1 << 24}
"""Log-probabilities in one block: on a CPU 2 MiB, as several passes go over them."""


@dataclass(frozen=True)
class ItemSums:
    """Sums over the scored positions of each window, or part of one, float64; y is the true token.

    Of `w` windows and `m` members, each (w, m): `nats`, -log p(y); `entropy`; `top1`, positions
    where y is ranked first; `margin`, log p of the first-ranked token less that of the second;
    `rank` of y, 1 + the tokens that are likelier. By bin of the probability of the first-ranked
    token, each (w, m, bins): `count` of positions, `confidence`, the sum of that probability, and
    `right`, positions where y is ranked first. `tokens` (w,): positions.
    """

    nats: FloatArray
    entropy: FloatArray
    top1: FloatArray
    margin: FloatArray
    rank: FloatArray
    count: FloatArray
    confidence: FloatArray
    right: FloatArray
    tokens: FloatArray


def item_sums(logp: Tensor, targets: Tensor, bins: int) -> ItemSums:
    """Sums for each window, over its positions and the full vocabulary.

    Ranks are counted, not sorted for. Of tokens with the same probability the one with the lowest
    number is ranked first.

    Args:
        logp: (m, w, s, V) log-probabilities, float32; memory beside them is that of a few blocks.
        targets: (w, s) true tokens.
        bins: bins of equal width of the probability of the first-ranked token.
    """
    members, windows, scored, vocabulary = logp.shape
    flat = logp.reshape(members, windows * scored, vocabulary)
    true_tokens = targets.reshape(1, -1, 1).expand(members, -1, 1)
    by_position = torch.empty(5, members, windows * scored, dtype=torch.float64, device=logp.device)
    best = torch.empty(members, windows * scored, dtype=torch.float64, device=logp.device)
    for block in blocks(flat, BLOCK_ELEMENTS):
        log, y = flat[:, block], true_tokens[:, block]
        true = log.gather(-1, y)
        first = first_ranked(log)[..., None]
        highest = log.gather(-1, first)
        entropy = -log.exp().mul_(log).sum(-1)
        rank = 1 + (log > true).sum(-1)
        second = log.scatter(-1, first, -torch.inf).amax(-1)
        of_block = -true[..., 0], entropy, (first == y)[..., 0], highest[..., 0] - second, rank
        by_position[:, :, block] = torch.stack([each.double() for each in of_block])
        best[:, block] = highest[..., 0].double().exp()
    in_window = (-1, members, windows, scored)
    by_window = by_position.view(in_window).sum(-1).mT.cpu().numpy()
    if not np.isfinite(by_window).all():
        raise ValueError("log-probabilities must be finite, found NaN or infinity")
    # Rounding may take a probability just above 1.
    bin_of = (best.clamp_(max=1) * bins).long().clamp_(max=bins - 1)
    binned = torch.stack([torch.ones_like(best), best, by_position[2]]).view(in_window)
    # A bin at a time: a scatter would add in no fixed order on a GPU.
    by_bin = torch.stack(
        [(binned * (bin_of == k).view(in_window)).sum(-1).mT for k in range(bins)], -1
    )
    nats, entropy, top1, margin, rank = by_window
    count, confidence, right = by_bin.cpu().numpy()
    tokens = np.full(windows, float(scored))
    return ItemSums(nats, entropy, top1, margin, rank, count, confidence, right, tokens)


def item_rows(sums: ItemSums, members: Sequence[Member], documents: Sequence[str]) -> Rows:
    """Rows of the table `probe_item`, without probe and severity; `documents` of the windows."""
    columns = ("nats", "entropy", "top1", "margin", "rank")
    means = {name: getattr(sums, name) / sums.tokens[:, None] for name in columns}
    return [
        {
            "item": item,
            "document": str(document),
            "model": member.model,
            **{name: finite(means[name][item, i]) for name in columns},
            "tokens": int(sums.tokens[item]),
        }
        for item, document in enumerate(documents)
        for i, member in enumerate(members)
    ]


def calibration_rows(
    sums: ItemSums, members: Sequence[Member], owners: IndexArray, statistics: Statistics
) -> Rows:
    """Rows of the table `calibration_bin`, without probe and severity, of bins with a token.

    `owners` (w,) number the document of each window from 0. The interval is over documents, which
    have the bin's tokens of their own; it is not known from fewer than two that have any.
    """
    grouped = summed([sums], owners)
    documents = grouped.tokens.size
    count, confidence, right = (
        each.sum(0) for each in (grouped.count, grouped.confidence, grouped.right)
    )
    having = (grouped.count > 0).sum(0)
    weights = document_weights(documents, statistics.resamples, statistics.seed)
    tokens, hits = (
        (weights @ each.reshape(documents, -1)).T for each in (grouped.count, grouped.right)
    )
    drawn = np.divide(hits, tokens, out=np.full(hits.shape, np.nan), where=tokens > 0)
    drawn[having.ravel() < 2] = np.nan
    low, high = (
        each.reshape(count.shape) for each in percentile_interval(drawn, statistics.confidence)
    )
    return [
        {
            "model": member.model,
            "bin": int(k),
            "confidence": finite(confidence[i, k] / count[i, k]),
            "accuracy": finite(right[i, k] / count[i, k]),
            "low": finite(low[i, k]),
            "high": finite(high[i, k]),
            "tokens": int(count[i, k]),
            "documents": int(having[i, k]),
        }
        for i, member in enumerate(members)
        for k in np.flatnonzero(count[i])
    ]
