"""Certified bounds of next-token probabilities over every prefix, re-derived from weights alone.

A member ends in a norm and an unembedding: its logits are A z + b, where z is the normalised
residual stream, A the unembedding times the gain of the norm, and b what biases add (0 in members
that are trained here). Whatever the prefix and whatever the blocks before the norm compute, z lies
in the ball |z| <= sqrt(width). For every probability vector q over the vocabulary, Gibbs'
inequality logsumexp(l) >= q.l + H(q) and Cauchy-Schwarz give

    ln P(t | any prefix)  <=  sqrt(width) |a_t - A'q| + b_t - q.b - H(q).

A certificate is a point z for every token, with q = softmax(A z + b). Any point gives a valid
bound, and the maximiser of ln P over the ball gives the best one (convex duality), so a reader
trusts neither the optimiser that returned the points nor its convergence. This module holds no
optimiser.

What is bounded: the softmax, in exact arithmetic, of the float32 logits of a forward pass, as long
as they are finite. The float32 norm returns a vector at most `NORM_SLACK` longer than sqrt(width),
and the float32 unembedding is off by at most `logit_error`; the bounds allow for both.
"""

import hashlib
import math
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
import numpy.typing as npt

from manymasks.arrays import Floats
from manymasks.errors import UserError

NORM_SLACK = 1e-4
"""Relative excess length of a vector normalised in float32, at widths up to `WIDEST`."""
ROUNDOFF = 2.0**-24
"""Unit roundoff of float32."""
WIDEST = 1600
"""At most (width + 16) roundoffs, in any order of summation, are within `NORM_SLACK`."""
MARGIN = 1e-9
"""Relative margin for the float64 arithmetic of a bound."""
TOLERANCE = 1e-8
"""Nats by which two evaluations of one bound may differ: sums are in another order."""
BLOCK = 1 << 22
"""Logits in memory at once, of float64."""


@dataclass(frozen=True)
class OutputLayer:
    """The final norm and the unembedding of a member, as the bounds see them."""

    rows: Floats
    """(vocabulary, width) gain times unembedding, exact in float64."""
    offsets: Floats | None = None
    """(vocabulary,) logits at the centre of the ball; None where all are 0."""
    slack: float = NORM_SLACK
    """Relative excess length of a vector normalised in float32."""
    error: float | None = None
    """Bound of the error of a float32 logit; None takes that of a norm and an unembedding without
    biases."""
    sha256: str | None = None
    """Digest of the weights that rows and offsets were computed from; None takes that of rows."""

    @classmethod
    def of_weights(cls, weights: Mapping[str, npt.NDArray[Any]]) -> "OutputLayer":
        """From weights by name, of which `norm` (width,) and `W_U` (vocabulary, width) are read.
        Raises ValueError for a width at which the allowance for float32 is not proved."""
        gain = np.asarray(weights["norm"], np.float64)
        if gain.size > WIDEST:
            raise ValueError(f"width {gain.size} is above {WIDEST}, the largest that is covered")
        return cls(np.asarray(weights["W_U"], np.float64) * gain)

    @property
    def radius(self) -> float:
        """Of the ball of normalised streams, in exact arithmetic."""
        return math.sqrt(self.rows.shape[1])

    @property
    def float_radius(self) -> float:
        """Of the ball of streams that are normalised in float32."""
        return self.radius * (1 + self.slack)

    @cached_property
    def longest_row(self) -> float:
        """Largest norm of a row."""
        return float(np.linalg.norm(self.rows, axis=1).max())

    @property
    def logit_error(self) -> float:
        """Bound of the error of a float32 logit: width products and sums, in any order, and the
        rounding of gain times unembedding."""
        if self.error is not None:
            return self.error
        terms = self.rows.shape[1] + 2
        relative = terms * ROUNDOFF / (1 - terms * ROUNDOFF)
        return float(relative * self.longest_row * self.float_radius)

    @property
    def margin(self) -> float:
        """Nats added to every bound for the float64 arithmetic of its evaluation."""
        largest = 0.0 if self.offsets is None else float(np.abs(self.offsets).max())
        return MARGIN * (1 + self.radius * self.longest_row + largest)

    @cached_property
    def digest(self) -> str:
        """SHA-256 of the rows, by which a certificate names its weights."""
        if self.sha256 is not None:
            return self.sha256
        shape = np.array(self.rows.shape, "<i8").tobytes()
        return hashlib.sha256(shape + self.rows.astype("<f8").tobytes()).hexdigest()

    def logits(self, points: Floats) -> Floats:
        """Logits (n, vocabulary) at points (n, width)."""
        logits = points @ self.rows.T
        return logits if self.offsets is None else logits + self.offsets

    def offsets_above(self, tokens: npt.NDArray[np.integer], q: Floats) -> Floats:
        """Offsets of tokens (n,) minus their means under q (n, vocabulary), (n,)."""
        if self.offsets is None:
            return np.zeros(len(tokens))
        return np.asarray(self.offsets[tokens] - q @ self.offsets)


@dataclass(frozen=True)
class Bounds:
    """Bounds of the log probability of some tokens, in nats, (tokens,)."""

    exact: Floats
    """In exact arithmetic, plus the margin for float64."""
    float32: Floats
    """Of the float32 forward pass: the statement that is proved."""


def dual_bounds(
    layer: OutputLayer, tokens: npt.NDArray[np.integer], q: Floats, negative_entropy: Floats
) -> Bounds:
    """Bounds of tokens (n,) from probability vectors q (n, vocabulary), any of which is a proof.
    `negative_entropy` (n,): the sum of q ln q."""
    length = np.linalg.norm(layer.rows[tokens] - q @ layer.rows, axis=1)
    constant = negative_entropy + layer.offsets_above(tokens, q)
    exact = np.minimum(layer.radius * length + constant + layer.margin, 0)
    longer = layer.float_radius * length + constant
    float32 = np.minimum(longer + layer.margin + 2 * layer.logit_error, 0)
    return Bounds(exact, float32)


def softmax_with_entropy(logits: Floats) -> tuple[Floats, Floats]:
    """Softmax over the last axis of (n, vocabulary), and the sum of q ln q, (n,)."""
    shifted = logits - logits.max(axis=1, keepdims=True)
    weights = np.exp(shifted)
    total = weights.sum(axis=1, keepdims=True)
    q = weights / total
    return q, np.asarray((q * shifted).sum(axis=1) - np.log(total[:, 0]))


def bounds_of_points(layer: OutputLayer, points: npt.NDArray[np.floating]) -> Bounds:
    """The bounds that points (vocabulary, width), one for every token, prove."""
    parts = []
    for tokens in token_blocks(len(layer.rows)):
        q, negative_entropy = softmax_with_entropy(layer.logits(points[tokens].astype(np.float64)))
        parts.append(dual_bounds(layer, tokens, q, negative_entropy))
    return Bounds(
        np.concatenate([part.exact for part in parts]),
        np.concatenate([part.float32 for part in parts]),
    )


def attained_values(layer: OutputLayer, points: npt.NDArray[np.floating]) -> Floats:
    """ln P of every token at its point, moved into the ball where it lies outside, (vocabulary,):
    no bound over the ball can be lower."""
    values = np.empty(len(layer.rows))
    for tokens in token_blocks(len(layer.rows)):
        inside = points[tokens].astype(np.float64)
        length = np.linalg.norm(inside, axis=1, keepdims=True)
        inside *= np.minimum(1, layer.radius / np.maximum(length, 1e-300))
        logits = layer.logits(inside)
        peak = logits.max(axis=1)
        total = np.exp(logits - peak[:, None]).sum(axis=1)
        values[tokens] = logits[np.arange(len(tokens)), tokens] - peak - np.log(total)
    return values


def token_blocks(vocabulary: int) -> list[npt.NDArray[np.int64]]:
    """Tokens in blocks whose logits fit in memory."""
    size = max(BLOCK // vocabulary, 1)
    return [np.arange(start, min(start + size, vocabulary)) for start in range(0, vocabulary, size)]


@dataclass(frozen=True)
class Certificate:
    """Points for all tokens of a member, and the bounds that they are said to prove."""

    digest: str
    """Of the output layer that the bounds are about."""
    points: npt.NDArray[np.float32]
    """(vocabulary, width)"""
    bounds: Floats
    """(vocabulary,) ln P of the float32 forward pass."""


def check(certificate: Certificate, layer: OutputLayer, name: str) -> float:
    """Re-derive the bounds of a certificate; the largest excess of a claim over what is re-derived,
    in nats. `name`: of the certificate, for messages. Raises UserError if it belongs to other
    weights, has other shapes, or claims more than it proves."""
    if certificate.points.shape != layer.rows.shape:
        raise UserError(
            f"{name}: has points of shape {certificate.points.shape}, and the member has "
            f"{layer.rows.shape} (tokens, width): the certificate is of another member"
        )
    if certificate.bounds.shape != layer.rows.shape[:1]:
        raise UserError(
            f"{name}: has {certificate.bounds.size} bounds, and the member has "
            f"{len(layer.rows)} tokens"
        )
    if certificate.digest != layer.digest:
        raise UserError(
            f"{name}: is about an output layer with SHA-256 {certificate.digest}, and that of the "
            f"member has {layer.digest}: the weights have changed, and nothing is proved of them"
        )
    if not np.isfinite(certificate.points).all() or not np.isfinite(certificate.bounds).all():
        raise UserError(f"{name}: has points or bounds that are not finite")
    proved = bounds_of_points(layer, certificate.points).float32
    excess = proved - certificate.bounds
    worst = int(excess.argmax())
    if excess[worst] > TOLERANCE:
        raise UserError(
            f"{name}: claims ln P <= {certificate.bounds[worst]:.9f} for token {worst}, and its "
            f"point proves {proved[worst]:.9f}: {int((excess > TOLERANCE).sum())} of "
            f"{excess.size} claims are not proved"
        )
    return float(excess[worst])
