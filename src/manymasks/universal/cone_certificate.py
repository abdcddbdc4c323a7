"""Certified bounds for prefixes that end in a given token, where attention is all there is.

In one layer without an MLP, with positions only in the scores (rotary), each head adds a convex
mixture of values, one for every token of the vocabulary. So the residual stream before the final
norm lies in C_s = e_s + sum over heads of conv{v_y}, whatever the prefix that ends in s and however
long it is, and z is a positive multiple of a point of C_s. For every q, and every mu with
mu.x <= 0 on C_s,

    ln P(t | any prefix that ends in s)  <=  R |a_t - A'q - mu| - H(q).

A mu that misses mu.x <= 0 by a little is repaired by a direction w with w.x > 0 on C_s. With one
head, repetition brings attention as close as wanted to any mixture, so the bound is that of
prefixes of any length, and not only an upper bound of it. This module reads only weights, points
and directions, and holds no optimiser. It is about exact arithmetic: of float32, the final norm and
the unembedding are allowed for, and attention is not.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from manymasks.arrays import Floats
from manymasks.universal.certificate import OutputLayer, softmax_with_entropy

ROUNDING = 1e-12
"""Relative margin for the float64 evaluation of a support."""


@dataclass(frozen=True)
class AttentionValues:
    """What attention of a member can write, by token."""

    embeddings: Floats
    """(vocabulary, width)"""
    values: Floats
    """(heads, vocabulary, width) what a head adds for a token with all its attention."""

    @classmethod
    def of_weights(
        cls, weights: Mapping[str, npt.NDArray[Any]], heads: int, epsilon: float
    ) -> "AttentionValues":
        """From weights by name of a member of one layer. `epsilon`: of its norms."""
        exact = {name: np.asarray(weight, np.float64) for name, weight in weights.items()}
        embeddings = exact["W_E"]
        scale = np.sqrt((embeddings**2).mean(axis=1, keepdims=True) + epsilon)
        normalised = embeddings / scale * exact["blocks.0.norm_attention"]
        by_head = (normalised @ exact["blocks.0.W_V"].T).reshape(len(embeddings), heads, -1)
        writers = exact["blocks.0.W_O"].reshape(embeddings.shape[1], heads, -1)
        return cls(embeddings, np.einsum("vhk,dhk->hvd", by_head, writers))

    def support(self, last: int, direction: Floats) -> float:
        """Largest inner product with a point of C_s, for s = `last`, rounded up."""
        along = self.values @ direction
        terms = [float(self.embeddings[last] @ direction), *along.max(axis=1).tolist()]
        length = float(np.linalg.norm(direction))
        most = float(np.abs(self.embeddings[last]).sum() + np.abs(self.values).sum(axis=2).max())
        return float(sum(terms) + ROUNDING * length * most)


def cone_bound(
    layer: OutputLayer,
    attention: AttentionValues,
    token: int,
    last: int,
    point: Floats,
    polar: Floats,
    separator: Floats,
) -> float:
    """Bound of ln P of a token after prefixes that end in `last`, in nats. `point` (width,): gives
    q. `polar` (width,): mu. `separator` (width,): w, or zeros where C_s contains the origin, in
    which case mu must be 0."""
    q, negative_entropy = softmax_with_entropy(point[None] @ layer.rows.T)
    gradient = layer.rows[token] - q[0] @ layer.rows
    excess = max(attention.support(last, polar), 0.0) if polar.any() else 0.0
    length = float(np.linalg.norm(gradient - polar))
    if excess:
        # The least of w.x over C_s, per unit of w.
        norm = float(np.linalg.norm(separator))
        distance = -attention.support(last, -separator) / norm if norm else 0.0
        length = length + excess / distance if distance > 0 else float(np.linalg.norm(gradient))
    bound = layer.float_radius * length + float(negative_entropy[0])
    return min(bound + layer.margin + 2 * layer.logit_error, 0.0)
