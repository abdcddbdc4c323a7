"""Certified bounds for prefixes that end in a given token, in one layer without an MLP.

With positions only in the scores (rotary), each head of attention adds a convex mixture of values,
one for every token of the vocabulary. So the residual stream before the final norm lies in
C_s = e_s + sum over heads of conv{v_y}, whatever the prefix that ends in s and however long it is;
some recurrences have such a set too (`recurrence_reach`). z is a positive multiple of a point of
C_s. For every q, and every mu with mu.x <= 0 on C_s,

    ln P(t | any prefix that ends in s)  <=  R |a_t - A'q - mu| - H(q).

A mu that misses mu.x <= 0 by a little is repaired by a direction w with w.x > 0 on C_s. With one
head, repetition brings attention as close as wanted to any mixture, so the bound is that of
prefixes of any length, and not only an upper bound of it. This module reads only weights, points
and directions, and holds no optimiser. It is about exact arithmetic: of float32, the final norm and
the unembedding are allowed for, and the layer is not.
"""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Protocol

import numpy as np
import numpy.typing as npt

from manymasks.arrays import Floats, Ints
from manymasks.errors import UserError
from manymasks.universal.certificate import (
    TOLERANCE,
    OutputLayer,
    softmax_with_entropy,
    token_blocks,
)

ROUNDING = 1e-12
"""Relative margin for the float64 evaluation of a support."""


class Reach(Protocol):
    """The sets C_s of a layer: a fixed point, and for each head the hull of some choices."""

    @property
    def fixed(self) -> Floats:
        """(vocabulary, width) by last token, without what the heads choose."""

    @property
    def choices(self) -> tuple[int, int]:
        """(heads, choices of a head)"""

    @property
    def digest(self) -> str:
        """SHA-256, by which a certificate names the weights of the layer."""

    def along(self, last: int, direction: Floats) -> tuple[npt.NDArray[np.intp], Floats]:
        """The choice by head (heads,) that leads furthest along a direction (width,), and the point
        of C_s there (width,)."""

    def supports(self, lasts: Ints, directions: Floats) -> Floats:
        """Largest inner product of directions (n, width) with a point of C_s, for each its s of
        `lasts` (n,), rounded up."""


@dataclass(frozen=True)
class AttentionValues:
    """What attention of a member can write: a choice is a token with all the attention."""

    fixed: Floats
    """(vocabulary, width) embeddings."""
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

    @property
    def choices(self) -> tuple[int, int]:
        """(heads, vocabulary)"""
        heads, vocabulary, _ = self.values.shape
        return heads, vocabulary

    @cached_property
    def digest(self) -> str:
        """SHA-256 of embeddings and values, by which a certificate names its weights."""
        shape = np.array(self.values.shape, "<i8").tobytes()
        arrays = (self.fixed.astype("<f8").tobytes(), self.values.astype("<f8").tobytes())
        return hashlib.sha256(shape + b"".join(arrays)).hexdigest()

    @cached_property
    def longest(self) -> Floats:
        """(vocabulary,) by last token: a bound of the sums that its support is rounded in."""
        most = np.abs(self.values).sum(axis=2).max()
        return np.asarray(np.abs(self.fixed).sum(axis=1) + most)

    def along(self, last: int, direction: Floats) -> tuple[npt.NDArray[np.intp], Floats]:
        """The token by head (heads,) whose values lead furthest along a direction (width,), and the
        point of C_s there (width,)."""
        tokens = (self.values @ direction).argmax(axis=1)
        return tokens, self.fixed[last] + self.values[np.arange(len(tokens)), tokens].sum(axis=0)

    def supports(self, lasts: Ints, directions: Floats) -> Floats:
        """Largest inner product of directions (n, width) with a point of C_s, for each its s of
        `lasts` (n,), rounded up."""
        along = (self.values @ directions.T).max(axis=1).sum(axis=0)
        along += (self.fixed[lasts] * directions).sum(axis=1)
        length = np.linalg.norm(directions, axis=1)
        return np.asarray(along + ROUNDING * length * self.longest[lasts])


def last_token_bounds(
    layer: OutputLayer,
    reach: Reach,
    token: int,
    lasts: Ints,
    points: Floats,
    polars: Floats,
    separators: Floats,
) -> Floats:
    """Bounds of ln P of a token after prefixes that end in each of `lasts` (n,), in nats, (n,).
    `points` (n, width): give q. `polars` (n, width): mu. `separators` (n, width): w, or zeros where
    C_s contains the origin, in which case mu must be 0."""
    bounds = np.empty(len(lasts))
    # One point usually serves many last tokens.
    distinct, point_of = np.unique(points, axis=0, return_inverse=True)
    gradients, entropies = np.empty_like(distinct), np.empty(len(distinct))
    for rows in np.array_split(np.arange(len(distinct)), len(token_blocks(len(layer.rows)))):
        q, entropies[rows] = softmax_with_entropy(distinct[rows] @ layer.rows.T)
        gradients[rows] = layer.rows[token] - q @ layer.rows
    gradient, entropy = gradients[point_of.ravel()], entropies[point_of.ravel()]
    is_turned = polars.any(axis=1)
    excess = np.where(is_turned, np.maximum(reach.supports(lasts, polars), 0), 0)
    # The least of w.x over C_s, per unit of w.
    norms = np.linalg.norm(separators, axis=1)
    distance = -reach.supports(lasts, -separators) / np.where(norms > 0, norms, 1)
    is_separated = (norms > 0) & (distance > 0)
    length = np.linalg.norm(gradient - polars, axis=1)
    repaired = length + excess / np.where(is_separated, distance, 1)
    unturned = np.linalg.norm(gradient, axis=1)
    length = np.where(excess > 0, np.where(is_separated, repaired, unturned), length)
    bounds = layer.float_radius * length + entropy + layer.margin + 2 * layer.logit_error
    return np.asarray(np.minimum(bounds, 0))


def cone_bound(
    layer: OutputLayer,
    reach: Reach,
    token: int,
    last: int,
    point: Floats,
    polar: Floats,
    separator: Floats,
) -> float:
    """`last_token_bounds` of a single last token, whose arrays are (width,)."""
    parts = point[None], polar[None], separator[None]
    return float(last_token_bounds(layer, reach, token, np.array([last]), *parts)[0])


@dataclass(frozen=True)
class LastTokenCertificate:
    """Points and directions for some tokens after every last token, and the bounds that they are
    said to prove."""

    digests: tuple[str, str]
    """Of the output layer, and of what the layer can write."""
    tokens: Ints
    """(n,) whose probability is bounded."""
    points: npt.NDArray[np.float32]
    """(points, width)"""
    point_of: Ints
    """(n, vocabulary) the point of each token and last token."""
    polars: npt.NDArray[np.float32]
    """(n, vocabulary, width)"""
    separators: npt.NDArray[np.float32]
    """(vocabulary, width) by last token."""
    bounds: Floats
    """(n, vocabulary) ln P after prefixes that end in each last token."""

    def proved(self, layer: OutputLayer, reach: Reach, index: int) -> Floats:
        """What is proved of token number `index`, (vocabulary,) by last token."""
        return last_token_bounds(
            layer,
            reach,
            int(self.tokens[index]),
            np.arange(len(self.separators)),
            self.points[self.point_of[index]].astype(np.float64),
            self.polars[index].astype(np.float64),
            self.separators.astype(np.float64),
        )


def check_last_tokens(
    certificate: LastTokenCertificate, layer: OutputLayer, reach: Reach, name: str
) -> float:
    """Re-derive the bounds of a certificate; the largest excess of a claim over what is re-derived,
    in nats. `name`: of the certificate, for messages. Raises UserError if it belongs to other
    weights, has other shapes, or claims more than it proves."""
    vocabulary, width = layer.rows.shape
    count = len(certificate.tokens)
    shapes = {
        "polars": (certificate.polars.shape, (count, vocabulary, width)),
        "separators": (certificate.separators.shape, (vocabulary, width)),
        "point_of": (certificate.point_of.shape, (count, vocabulary)),
        "bounds": (certificate.bounds.shape, (count, vocabulary)),
        "points": (certificate.points.shape[1:], (width,)),
    }
    for array, (present, expected) in shapes.items():
        if present != expected:
            raise UserError(
                f"{name}: has {array} of shape {present}, and the member needs {expected}: the "
                "certificate is of another member"
            )
    if certificate.digests != (layer.digest, reach.digest):
        raise UserError(
            f"{name}: is about weights with SHA-256 {' and '.join(certificate.digests)}, and those "
            f"of the member have {layer.digest} and {reach.digest}: the weights have changed, "
            "and nothing is proved of them"
        )
    arrays = certificate.points, certificate.polars, certificate.separators, certificate.bounds
    if not all(np.isfinite(array).all() for array in arrays):
        raise UserError(f"{name}: has points, directions or bounds that are not finite")
    largest = -np.inf
    for index, token in enumerate(certificate.tokens.tolist()):
        proved = certificate.proved(layer, reach, index)
        excess = proved - certificate.bounds[index]
        worst = int(excess.argmax())
        if excess[worst] > TOLERANCE:
            raise UserError(
                f"{name}: claims ln P <= {certificate.bounds[index, worst]:.9f} for token {token} "
                f"after {worst}, and its point proves {proved[worst]:.9f}"
            )
        largest = max(largest, float(excess[worst]))
    return largest
