"""Losses of a member or an n-gram baseline, by split and by position."""

import math
from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from manymasks.arrays import Floats, Row, Rows
from manymasks.config.analyses import Statistics
from manymasks.statistics.bootstrap import document_columns, document_weights, ratio_interval
from manymasks.statistics.intervals import finite


def split_loss(
    nats: Floats, tokens: npt.NDArray[Any], text_bytes: int, statistics: Statistics
) -> Row:
    """Loss of a split, in nats per token and bits per byte, with a bootstrap over documents. `nats`
    and `tokens` are sums (documents, buckets); `text_bytes` is the length of the text."""
    sums, counts = nats.sum(1), tokens.sum(1).astype(np.float64)
    weights = document_weights(len(sums), statistics.resamples, statistics.seed)
    loss, low, high = ratio_interval(sums, counts, weights, statistics.confidence)
    return {
        "nats": loss,
        "nats_low": finite(low),
        "nats_high": finite(high),
        "bits_per_byte": sums.sum() / math.log(2) / text_bytes,
        **document_columns(counts),
        "tokens": int(counts.sum()),
    }


def position_losses(
    nats: Floats, tokens: npt.NDArray[Any], edges: Sequence[int], context: int
) -> Rows:
    """Loss by bucket of positions; the last bucket ends with the context."""
    last = [edge - 1 for edge in edges[1:]] + [context - 1]
    sums, counts = nats.sum(0), tokens.sum(0)
    return [
        {
            "position_low": begin,
            "position_high": end,
            "nats": sums[k] / counts[k] if counts[k] else None,
            "tokens": int(counts[k]),
        }
        for k, (begin, end) in enumerate(zip(edges, last, strict=True))
    ]
