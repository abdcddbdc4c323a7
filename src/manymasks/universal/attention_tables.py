"""Rows on members of one layer of attention alone: bounds by last token, and prefixes near them."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from manymasks.arrays import Floats, Ints, Rows
from manymasks.callbacks import OnProgress, ignore_progress
from manymasks.config.analyses import Universal
from manymasks.config.training import Size
from manymasks.models.parts import EPSILON
from manymasks.models.transformer import Transformer
from manymasks.universal.certificate import OutputLayer
from manymasks.universal.cone import Cone, ConeMaximum, cone_maximum
from manymasks.universal.cone_certificate import (
    AttentionValues,
    LastTokenCertificate,
    attention_alone,
)
from manymasks.universal.elites import Elites, log_p_after
from manymasks.universal.mixture_prefix import attention_weights, mixture_prefix
from manymasks.universal.statement_tables import sampled_tokens

REFINED = 200
"""Refinements of last tokens at most, for a token."""
SHARE = 1e-3
"""Least share of the attention of a token that counts as mixed."""


def is_attention_alone(size: Size) -> bool:
    """Whether members are of one layer without an MLP, whose values carry no position."""
    is_rotary = size.mixer == "attention" and size.positions == "rotary"
    return size.layers == 1 and size.mlp == 0 and is_rotary


@dataclass(frozen=True)
class AttentionBounds:
    """Bounds by last token of sampled tokens of one member, with what proves and what attains
    them."""

    rows: Rows
    """Of `attention_bound`, without the member."""
    last_rows: Rows
    """Of `last_token_bound`, without the member."""
    certificate: LastTokenCertificate
    witnesses: dict[str, Elites]
    """By method the prefixes that approach the mixtures."""


def attention_bounds(
    model: Transformer,
    weights: Mapping[str, npt.NDArray[Any]],
    points: npt.NDArray[np.floating],
    ball: Floats,
    counts: Ints,
    spelled: Sequence[str],
    settings: Universal,
    report: OnProgress = ignore_progress,
) -> AttentionBounds:
    """Bound sampled tokens of one member after prefixes of any length.

    `model`: a stack of one member whose context has the longest prefix. `weights`: its weights by
    name. `points` (vocabulary, width), `ball` (vocabulary,): of the bounds over the ball. `counts`
    (vocabulary,): of the train split. `spelled`: tokens as text. `report` takes the tokens done.
    """
    size = model.size
    layer = OutputLayer.of_weights(weights)
    attention = attention_alone(weights, size.heads, EPSILON, "a member")
    cones = [Cone(attention, last) for last in range(len(counts))]
    separated = float(np.mean([cone.separator.any() for cone in cones]))
    chosen = sampled_tokens(counts, settings.attention_tokens)
    maxima: list[ConeMaximum] = []
    elites = {f"mixture {n}": Elites.empty(len(counts)) for n in settings.attention_lengths}
    longest = max(settings.attention_lengths)
    for done, token in enumerate(chosen.tolist()):
        maximum = cone_maximum(
            layer,
            attention,
            cones,
            token,
            points[token].astype(np.float64),
            tolerance=settings.attention_gap,
            limit=REFINED,
        )
        mixture = maximum.mixture.mean(axis=0)
        maxima.append(maximum)
        masses = attention_weights(
            weights, size.heads, size.rotary_base, EPSILON, maximum.last, longest
        )
        _approach(model, maximum, mixture, masses, token, settings, elites)
        report(done + 1, len(chosen))
    certificate = _certificate(layer, attention, chosen, maxima)
    rows: Rows = []
    last_rows: Rows = []
    for index, (token, maximum) in enumerate(zip(chosen.tolist(), maxima, strict=True)):
        by_last = np.minimum(certificate.bounds[index], ball[token])
        rows.append(
            {
                "token_id": token,
                "token": spelled[token],
                "log_p_ball": float(ball[token]),
                "log_p_bound": float(by_last.max()),
                "log_p_attained": maximum.attained,
                "last_token": spelled[maximum.last],
                "separated": separated,
                "mixed_tokens": int((maximum.mixture.mean(axis=0) >= SHARE).sum()),
            }
        )
        last_rows += [
            {
                "token_id": token,
                "token": spelled[token],
                "last_id": last,
                "last_token": spelled[last],
                "log_p_bound": float(bound),
            }
            for last, bound in enumerate(by_last)
        ]
    return AttentionBounds(rows, last_rows, certificate, elites)


def _certificate(
    layer: OutputLayer, attention: AttentionValues, tokens: Ints, maxima: Sequence[ConeMaximum]
) -> LastTokenCertificate:
    """The proofs in float32, with the bounds that they prove in this precision."""
    proofs = [proof for maximum in maxima for proof in maximum.proofs]
    lasts = len(attention.embeddings)
    width = layer.rows.shape[1]
    points, point_of = np.unique(
        np.array([proof.point for proof in proofs], np.float32), axis=0, return_inverse=True
    )
    polars = np.array([proof.polar for proof in proofs], np.float32)
    separators = np.array([proof.separator for proof in maxima[0].proofs], np.float32)
    certificate = LastTokenCertificate(
        (layer.digest, attention.digest),
        tokens,
        points,
        point_of.reshape(len(tokens), lasts),
        polars.reshape(len(tokens), lasts, width),
        separators,
        np.empty((len(tokens), lasts)),
    )
    for index in range(len(tokens)):
        certificate.bounds[index] = certificate.proved(layer, attention, index)
    return certificate


def _approach(
    model: Transformer,
    maximum: ConeMaximum,
    mixture: Floats,
    masses: Floats,
    token: int,
    settings: Universal,
    elites: Mapping[str, Elites],
) -> None:
    """Prefixes of each length whose attention is near the mixture, with ln P after them."""
    for length in settings.attention_lengths:
        prefix = mixture_prefix(mixture, masses, maximum.last, length)
        best = elites[f"mixture {length}"]
        best.prefixes[token] = prefix
        best.log_p[token] = log_p_after(model, [prefix], np.array([token]), 1)[0]
