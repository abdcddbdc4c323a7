"""Single positions with their tokens, as readable examples of divergence."""

import json
from collections import Counter
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
from torch import Tensor

from manymasks.arrays import Indices, Rows
from manymasks.statistics.intervals import finite

CONTEXT = 24
"""Number of context tokens in an example."""

Decode = Callable[[npt.NDArray[Any]], str]


def position_rows(
    logp: Tensor,
    tokens: npt.NDArray[np.integer],
    scored: int,
    positions: Indices,
    documents: Sequence[str],
    decode: Decode,
) -> Rows:
    """Rows of the table `position_divergence`, without probe and severity.

    Computed in float64 from renormalised laws `logp` (m, k, V). The mean KL over ordered pairs is
    (m sum_i sum_v p_i log p_i - sum_v (sum_i p_i) (sum_j log p_j)) / (m (m - 1)), linear in the
    number of members; None for one member. `tokens`: all windows of the probe at this severity,
    `scored` tokens at the end of each. `positions` (k,): window * scored + offset.
    """
    log = logp.double().log_softmax(-1)
    members = len(log)
    p = log.exp()
    mean = p.mean(0)
    negentropy = (p * log).sum(-1)
    entropy = -mean.xlogy(mean).sum(-1)
    crossed = (p.sum(0) * log.sum(0)).sum(-1)
    kl = (members * negentropy.sum(0) - crossed) / max(members * (members - 1), 1)
    information = (entropy + negentropy.mean(0)).clamp_min(0)
    first = log.argmax(-1).T.cpu().numpy()
    rows = []
    for k, (window, offset) in enumerate(zip(*divmod(positions, scored), strict=True)):
        position = tokens.shape[1] - scored + int(offset)
        true = int(tokens[window, position])
        # By frequency, then by token id.
        counts = Counter(first[k].tolist())
        ranked = sorted(counts.items(), key=lambda count: (-count[1], count[0]))
        rows.append(
            {
                "item": int(window),
                "position": position,
                "document": str(documents[window]),
                "context": decode(tokens[window, max(position - CONTEXT, 0) : position]),
                "token": decode(np.array([true])),
                "information": finite(float(information[k])),
                "kl": finite(max(float(kl[k]), 0.0)) if members > 1 else None,
                "entropy": finite(float(entropy[k])),
                "nats": finite(-float(log[:, k, true].mean())),
                "distinct_top1": len(ranked),
                "first_tokens": ", ".join(
                    f"{json.dumps(decode(np.array([token])), ensure_ascii=False)} {number}"
                    for token, number in ranked
                ),
                "models": members,
            }
        )
    return rows


def prediction_rows(
    logp: Tensor,
    tokens: npt.NDArray[np.integer],
    scored: int,
    positions: Indices,
    decode: Decode,
) -> Rows:
    """Rows of the table `position_prediction`, without probe and severity, with the index of the
    member as `model`. Arguments as in `position_rows`."""
    log = logp.double().log_softmax(-1)
    first = log.argmax(-1).cpu().numpy()
    log_p = log.cpu().numpy()
    texts = {int(token): decode(np.array([token])) for token in np.unique(first)}
    rows = []
    for k, (window, offset) in enumerate(zip(*divmod(positions, scored), strict=True)):
        position = tokens.shape[1] - scored + int(offset)
        true = int(tokens[window, position])
        rows += [
            {
                "item": int(window),
                "position": position,
                "model": member,
                "first_token": texts[int(first[member, k])],
                "p_first": finite(float(np.exp(log_p[member, k, first[member, k]]))),
                "log_p": finite(float(log_p[member, k, true])),
            }
            for member in range(len(log))
        ]
    return rows
