"""Two more statements about every prefix, re-derived from weights alone, without an optimiser.

Never both: after no prefix are two tokens both more probable than a threshold. For every q, and
every l between 0 and 1,

    min(ln P(t), ln P(u))  <=  R |l a_t + (1 - l) a_u - A'q| + l b_t + (1 - l) b_u - q.b - H(q),

because a minimum is at most a weighted mean. For given q the best l has a closed form.

Never ahead: for every probability vector p over the other tokens, the lead of a token, its logit
minus the largest of all others, is at most

    l_t - p.l  <=  R |a_t - A'p| + b_t - p.b.

Without biases b all logits are equal where the normalised stream is 0, which the ball contains: no
bound of a lead is below 0, and a token inside the convex hull of all others is never ahead.
"""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from manymasks.arrays import Floats, Ints
from manymasks.errors import UserError
from manymasks.universal.certificate import TOLERANCE, OutputLayer, softmax_with_entropy


def both_bounds(layer: OutputLayer, pairs: Ints, points: npt.NDArray[np.floating]) -> Floats:
    """Bounds of the lesser ln P of pairs (n, 2), of the float32 forward pass, that points
    (n, width) prove, (n,)."""
    q, negative_entropy = softmax_with_entropy(layer.logits(points.astype(np.float64)))
    mean = q @ layer.rows
    first, second = (layer.rows[tokens] - mean for tokens in pairs.T)
    between = second - first
    squared = (between**2).sum(axis=1)
    weight = (second * between).sum(axis=1) / np.where(squared > 0, squared, 1)
    constant = negative_entropy
    if layer.offsets is not None:
        of_first, of_second = (layer.offsets_above(tokens, q) for tokens in pairs.T)
        nearest = second - weight[:, None] * between
        weight += _shift(layer.float_radius, nearest, squared, of_first - of_second)
        weight = np.clip(weight, 0, 1)
        constant = constant + weight * of_first + (1 - weight) * of_second
    weight = np.clip(weight, 0, 1)[:, None]
    length = np.linalg.norm(weight * first + (1 - weight) * second, axis=1)
    bounds = layer.float_radius * length + constant + layer.margin + 2 * layer.logit_error
    # Two probabilities add up to at most 1.
    return np.asarray(np.minimum(bounds, -np.log(2)))


def _shift(radius: float, nearest: Floats, squared: Floats, rise: Floats) -> Floats:
    """What offsets add to the weight of the first token, from that of the nearest point (n, width)
    of the line through both rows: the minimum of radius times distance plus rise times weight.
    `squared` (n,): squared distance of the two rows."""
    speed = np.sqrt(np.where(squared > 0, squared, 1))
    slope = -rise / (radius * speed)
    is_between = np.abs(slope) < 1
    inner = np.where(is_between, slope, 0)
    shift = inner * np.linalg.norm(nearest, axis=1) / np.sqrt(1 - inner**2) / speed
    # Otherwise the minimum is at one of the two tokens.
    return np.asarray(np.where(is_between, shift, np.sign(slope) * np.inf))


def both_attained(layer: OutputLayer, pairs: Ints, points: npt.NDArray[np.floating]) -> Floats:
    """The lesser ln P of pairs (n, 2) at points (n, width), moved into the ball, (n,): no such
    bound can be lower."""
    inside = points.astype(np.float64)
    length = np.linalg.norm(inside, axis=1, keepdims=True)
    inside *= np.minimum(1, layer.radius / np.maximum(length, 1e-300))
    logits = layer.logits(inside)
    lesser = np.take_along_axis(logits, pairs, axis=1).min(axis=1)
    peak = logits.max(axis=1)
    return np.asarray(lesser - peak - np.log(np.exp(logits - peak[:, None]).sum(axis=1)))


def lead_bounds(layer: OutputLayer, tokens: Ints, others: Ints, weights: Floats) -> Floats:
    """Bounds of the leads of tokens (n,), in nats, of the float32 logits, (n,). `others`,
    `weights` (n, k): tokens of p, none of which may be the token itself, and p up to a factor."""
    if (others == tokens[:, None]).any():
        raise ValueError("a token is among the others that it is compared with")
    p = weights / weights.sum(axis=1, keepdims=True)
    mean = (p[:, :, None] * layer.rows[others]).sum(axis=1)
    length = np.linalg.norm(layer.rows[tokens] - mean, axis=1)
    bounds = layer.float_radius * length + layer.margin + 2 * layer.logit_error
    if layer.offsets is not None:
        bounds += layer.offsets[tokens] - (p * layer.offsets[others]).sum(axis=1)
    return np.asarray(bounds)


@dataclass(frozen=True)
class StatementCertificate:
    """What proves statements on pairs and on leads of a member, and what they are said to prove."""

    digest: str
    """Of the output layer."""
    pairs: Ints
    """(pairs, 2)"""
    points: npt.NDArray[np.float32]
    """(pairs, width)"""
    both: Floats
    """(pairs,) bounds of the lesser ln P."""
    tokens: Ints
    """(n,)"""
    others: Ints
    """(n, k)"""
    weights: Floats
    """(n, k) not negative, with a positive sum."""
    leads: Floats
    """(n,) bounds of the lead, nats."""


def check_statements(certificate: StatementCertificate, layer: OutputLayer, name: str) -> float:
    """Re-derive the bounds of a certificate; the largest excess of a claim over what is re-derived,
    in nats. `name`: of the certificate, for messages. Raises UserError if it belongs to other
    weights, is not whole, or claims more than it proves."""
    if certificate.digest != layer.digest:
        raise UserError(
            f"{name}: is about an output layer with SHA-256 {certificate.digest}, and that of the "
            f"member has {layer.digest}: the weights have changed, and nothing is proved of them"
        )
    weights, points = certificate.weights, certificate.points
    is_vector = (weights >= 0).all() and (weights.sum(axis=1) > 0).all()
    is_other = (certificate.others != certificate.tokens[:, None]).all()
    if not np.isfinite(points).all() or not is_vector or not is_other:
        raise UserError(
            f"{name}: has points that are not finite, or weights that are no distribution over "
            "the other tokens"
        )
    excess = np.concatenate(
        [
            both_bounds(layer, certificate.pairs, points) - certificate.both,
            lead_bounds(layer, certificate.tokens, certificate.others, weights) - certificate.leads,
        ]
    )
    if not (excess <= TOLERANCE).all():
        raise UserError(
            f"{name}: claims {float(np.nanmax(excess)):.9f} nats more than it proves: "
            f"{int((~(excess <= TOLERANCE)).sum())} of {excess.size} claims are not proved"
        )
    return float(excess.max(initial=-np.inf))
