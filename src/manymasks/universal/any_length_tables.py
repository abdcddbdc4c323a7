"""Rows on members of one layer without an MLP: bounds by last token, and prefixes near them."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from manymasks.arrays import Floats, Ints, Rows
from manymasks.callbacks import OnProgress, ignore_progress
from manymasks.config.analyses import Universal
from manymasks.models.parts import EPSILON
from manymasks.models.transformer import Transformer
from manymasks.universal.certificate import OutputLayer
from manymasks.universal.cone import Cone, ConeMaximum, cone_maximum
from manymasks.universal.cone_certificate import LastTokenCertificate, Reach
from manymasks.universal.elites import Elites, log_p_after
from manymasks.universal.lone_layer import lone_reach
from manymasks.universal.mixture_prefix import attention_weights, mixture_prefix
from manymasks.universal.recurrence_reach import RecurrenceReach, decaying_prefix
from manymasks.universal.statement_tables import sampled_tokens

REFINED = 200
"""Refinements of last tokens at most, for a token."""
SHARE = 1e-3
"""Least share of a head, of attention or of a state, that counts as mixed."""
REPEATED = 4
"""Tokens of a mixture of states that are tried by themselves, each repeated."""


@dataclass(frozen=True)
class AnyLengthBounds:
    """Bounds by last token of sampled tokens of one member, with what proves and what attains
    them."""

    rows: Rows
    """Of `attention_bound`, without the member."""
    last_rows: Rows
    """Of `last_token_bound`, without the member."""
    certificate: LastTokenCertificate
    witnesses: dict[str, Elites]
    """By method the prefixes that approach the mixtures."""


def any_length_bounds(
    model: Transformer,
    weights: Mapping[str, npt.NDArray[Any]],
    points: npt.NDArray[np.floating],
    ball: Floats,
    counts: Ints,
    spelled: Sequence[str],
    settings: Universal,
    report: OnProgress = ignore_progress,
) -> AnyLengthBounds:
    """Bound sampled tokens of one member after prefixes of any length.

    `model`: a stack of one member whose context has the longest prefix. `weights`: its weights by
    name. `points` (vocabulary, width), `ball` (vocabulary,): of the bounds over the ball. `counts`
    (vocabulary,): of the train split. `spelled`: tokens as text. `report` takes the tokens done.
    """
    layer = OutputLayer.of_weights(weights)
    reach = lone_reach(weights, model.size, "a member")
    cones = [Cone(reach, last) for last in range(len(counts))]
    separated = float(np.mean([cone.separator.any() for cone in cones]))
    chosen = sampled_tokens(counts, settings.attention_tokens)
    maxima: list[ConeMaximum] = []
    elites = {f"mixture {n}": Elites.empty(len(counts)) for n in settings.attention_lengths}
    for done, token in enumerate(chosen.tolist()):
        maximum = cone_maximum(
            layer,
            reach,
            cones,
            token,
            points[token].astype(np.float64),
            tolerance=settings.attention_gap,
            limit=REFINED,
        )
        maxima.append(maximum)
        for length, prefixes in _near(model, weights, reach, maximum, settings).items():
            log_p = log_p_after(model, prefixes, np.full(len(prefixes), token), len(prefixes))
            best = int(log_p.argmax())
            elites[f"mixture {length}"].prefixes[token] = prefixes[best]
            elites[f"mixture {length}"].log_p[token] = log_p[best]
        report(done + 1, len(chosen))
    certificate = _certificate(layer, reach, chosen, maxima)
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
    return AnyLengthBounds(rows, last_rows, certificate, elites)


def _certificate(
    layer: OutputLayer, reach: Reach, tokens: Ints, maxima: Sequence[ConeMaximum]
) -> LastTokenCertificate:
    """The proofs in float32, with the bounds that they prove in this precision."""
    proofs = [proof for maximum in maxima for proof in maximum.proofs]
    lasts = len(reach.fixed)
    width = layer.rows.shape[1]
    points, point_of = np.unique(
        np.array([proof.point for proof in proofs], np.float32), axis=0, return_inverse=True
    )
    polars = np.array([proof.polar for proof in proofs], np.float32)
    separators = np.array([proof.separator for proof in maxima[0].proofs], np.float32)
    certificate = LastTokenCertificate(
        (layer.digest, reach.digest),
        tokens,
        points,
        point_of.reshape(len(tokens), lasts),
        polars.reshape(len(tokens), lasts, width),
        separators,
        np.empty((len(tokens), lasts)),
    )
    for index in range(len(tokens)):
        certificate.bounds[index] = certificate.proved(layer, reach, index)
    return certificate


def _near(
    model: Transformer,
    weights: Mapping[str, npt.NDArray[Any]],
    reach: Reach,
    maximum: ConeMaximum,
    settings: Universal,
) -> dict[int, list[Ints]]:
    """Prefixes that come near what attains a bound, by length. Of a recurrence, whose states need
    not be all of the hull, also those that repeat one token of the mixture."""
    lengths, last = settings.attention_lengths, maximum.last
    mixture = maximum.mixture.mean(axis=0)
    if isinstance(reach, RecurrenceReach):
        forgotten = reach.forgotten.mean(axis=0)
        most = np.argsort(-mixture[:-1])[:REPEATED]
        repeated = most[mixture[most] >= SHARE].tolist()
        return {
            n: [
                decaying_prefix(mixture, forgotten, last, n),
                *(np.array([token] * (n - 1) + [last]) for token in repeated),
            ]
            for n in lengths
        }
    size = model.size
    masses = attention_weights(weights, size.heads, size.rotary_base, EPSILON, last, max(lengths))
    return {n: [mixture_prefix(mixture, masses, last, n)] for n in lengths}
