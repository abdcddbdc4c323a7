"""Prefixes whose attention approaches a given mixture of tokens, in one layer of rotary attention.

Herding (Welling 2009): from the last token backwards, each position takes the token whose share of
the attention lags furthest behind the mixture. A token weighs exp(score) at its distance.
"""

from collections.abc import Mapping
from typing import Any

import numpy as np
import numpy.typing as npt

from manymasks.arrays import Floats, Ints


def attention_weights(
    weights: Mapping[str, npt.NDArray[Any]],
    heads: int,
    base: float,
    epsilon: float,
    last: int,
    distances: int,
) -> Floats:
    """exp(score) of every token at distances 0 to `distances` - 1 before the last token `last`,
    mean over heads, (distances, vocabulary). `weights`: by name, of a member of one layer. `base`:
    of the rotary positions. `epsilon`: of the norms."""
    exact = {name: np.asarray(weight, np.float64) for name, weight in weights.items()}
    embeddings = exact["W_E"]
    scale = np.sqrt((embeddings**2).mean(axis=1, keepdims=True) + epsilon)
    normalised = embeddings / scale * exact["blocks.0.norm_attention"]
    half = embeddings.shape[1] // heads // 2

    def pairs(rows: Floats, name: str) -> npt.NDArray[np.complex128]:
        by_head = (rows @ exact[f"blocks.0.{name}"].T).reshape(len(rows), heads, 2, half)
        return np.asarray(by_head[:, :, 0] + 1j * by_head[:, :, 1])

    keys, query = pairs(normalised, "W_K"), pairs(normalised[last : last + 1], "W_Q")[0]
    frequencies = base ** (-np.arange(half) / half)
    turned = query * np.exp(1j * frequencies * np.arange(distances)[:, None, None])
    scores = np.einsum("phn,vhn->hpv", turned, keys.conj()).real / np.sqrt(2 * half)
    peak = scores.max(axis=(1, 2), keepdims=True)
    return np.asarray(np.exp(scores - peak).mean(axis=0))


def mixture_prefix(mixture: Floats, attention: Floats, last: int, length: int) -> Ints:
    """A prefix of `length` tokens that ends in `last`, (length,). `mixture` (vocabulary,): shares
    of the attention. `attention` (at least length, vocabulary): of `attention_weights`."""
    tokens = np.full(length, last)
    mass = np.zeros(len(mixture))
    mass[last] = attention[0, last]
    used = np.flatnonzero(mixture > 0)
    for distance in range(1, length):
        # As if this position already had its mass, so that light tokens are not always behind.
        total = mass.sum() + attention[distance, used]
        lag = mixture[used] * total - mass[used]
        chosen = used[int(lag.argmax())]
        tokens[length - 1 - distance] = chosen
        mass[chosen] += attention[distance, chosen]
    return tokens
