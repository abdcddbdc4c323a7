"""Scores of single members on each window, and their calibration."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from manymasks.arrays import Floats, Indices, Rows
from manymasks.config.analyses import Statistics
from manymasks.divergence.blocks import blocks
from manymasks.divergence.grouping import summed
from manymasks.divergence.pairs import first_ranked
from manymasks.statistics.bootstrap import (
    document_columns,
    document_weights,
    effective_documents,
    standard_error,
)
from manymasks.statistics.intervals import finite, finite_columns, interval_columns
from manymasks.statistics.model_classes import Members
from manymasks.statistics.proportions import share_interval

BLOCK_ELEMENTS = {"cpu": 1 << 19, "cuda": 1 << 24}
"""Log-probabilities in one block: 2 MiB on a CPU, because several passes read them."""


@dataclass(frozen=True)
class ItemSums:
    """Sums over the scored positions of each window, or part of one, float64; y is the true token.

    For `w` windows and `m` members, (w, m) each: `nats`, -log p(y); `entropy`; `top1`, positions
    where y is ranked first; `margin`, log p of the first-ranked token minus that of the second;
    `rank` of y, 1 + the number of more probable tokens. By bin of the probability of the
    first-ranked token, (w, m, bins) each: `count` of positions, `confidence`, the sum of that
    probability, and `right`, positions where y is ranked first. `tokens` (w,): positions.
    """

    nats: Floats
    entropy: Floats
    top1: Floats
    margin: Floats
    rank: Floats
    count: Floats
    confidence: Floats
    right: Floats
    tokens: Floats


def item_sums(logp: Tensor, targets: Tensor, bins: int) -> ItemSums:
    """Sums for each window, over its positions and the full vocabulary, from log-probabilities (m,
    w, s, V), float32, and true tokens (w, s). Of tokens with equal probability the one with the
    lowest id is ranked first."""
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
        scores = -true[..., 0], entropy, (first == y)[..., 0], highest[..., 0] - second, rank
        by_position[:, :, block] = torch.stack([score.double() for score in scores])
        best[:, block] = highest[..., 0].double().exp()
    in_window = (-1, members, windows, scored)
    by_window = by_position.view(in_window).sum(-1).mT.cpu().numpy()
    if not np.isfinite(by_window).all():
        raise ValueError("log-probabilities must be finite, found NaN or infinity")
    # Rounding can give a probability slightly above 1.
    bin_index = (best.clamp_(max=1) * bins).long().clamp_(max=bins - 1)
    binned = torch.stack([torch.ones_like(best), best, by_position[2]]).view(in_window)
    # Bin by bin: the order of additions of a scatter is not deterministic on a GPU.
    by_bin = torch.stack(
        [(binned * (bin_index == k).view(in_window)).sum(-1).mT for k in range(bins)], -1
    )
    nats, entropy, top1, margin, rank = by_window
    count, confidence, right = by_bin.cpu().numpy()
    tokens = np.full(windows, float(scored))
    return ItemSums(nats, entropy, top1, margin, rank, count, confidence, right, tokens)


def item_rows(sums: ItemSums, members: Members, documents: Sequence[str]) -> Rows:
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
    sums: ItemSums, members: Members, owners: Indices, statistics: Statistics
) -> Rows:
    """Rows of the table `calibration_bin`, without probe and severity, of bins with a token.
    `owners` (w,): index of each window's document, from 0. The interval is over documents, by
    `share_interval`; it is None with fewer than two documents that have a token in the bin."""
    grouped = summed([sums], owners)
    documents = grouped.tokens.size
    count, confidence, right = (
        sums.sum(0) for sums in (grouped.count, grouped.confidence, grouped.right)
    )
    weights = document_weights(documents, statistics.resamples, statistics.seed)
    tokens, hits = (
        (weights @ sums.reshape(documents, -1)).T for sums in (grouped.count, grouped.right)
    )
    resamples = np.divide(hits, tokens, out=np.full(hits.shape, np.nan), where=tokens > 0)
    resamples = resamples.reshape(*count.shape, -1)
    rows = []
    for i, member in enumerate(members):
        for k in np.flatnonzero(count[i]):
            sizes = grouped.count[:, i, k]
            accuracy = share_interval(
                right[i, k] / count[i, k],
                standard_error(resamples[i, k], sizes),
                float(effective_documents(sizes)),
                statistics.confidence,
            )
            rows.append(
                {"model": member.model, "bin": int(k)}
                | finite_columns(confidence=confidence[i, k] / count[i, k])
                | interval_columns(accuracy, "accuracy")
                | {"tokens": int(count[i, k])}
                | document_columns(sizes)
            )
    return rows
