"""Rows on members of one layer of attention alone: bounds by last token, and prefixes near them."""

from collections.abc import Mapping, Sequence
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
from manymasks.universal.cone_certificate import AttentionValues
from manymasks.universal.elites import Elites, log_p_after
from manymasks.universal.mixture_prefix import attention_weights, mixture_prefix

REFINED = 200
"""Refinements of last tokens at most, for a token."""
SHARE = 1e-3
"""Least share of the attention of a token that counts as mixed."""


def is_attention_alone(size: Size) -> bool:
    """Whether members are of one layer without an MLP, whose values carry no position."""
    return size.layers == 1 and size.mlp == 0 and size.positions == "rotary"


def sampled_tokens(counts: Ints, number: int) -> Ints:
    """Tokens evenly spread over the ranks by frequency, from the most frequent one."""
    order: Ints = np.argsort(-counts, kind="stable")
    return np.asarray(
        order[np.unique(np.linspace(0, len(order) - 1, min(number, len(order))).astype(int))]
    )


def attention_rows(
    model: Transformer,
    weights: Mapping[str, npt.NDArray[Any]],
    points: npt.NDArray[np.floating],
    ball: Floats,
    counts: Ints,
    spelled: Sequence[str],
    settings: Universal,
    report: OnProgress = ignore_progress,
) -> tuple[Rows, dict[str, Elites]]:
    """Rows of `attention_bound` of one member, without its name, and by method the prefixes that
    approach the mixtures.

    `model`: a stack of one member whose context has the longest prefix. `weights`: its weights by
    name. `points` (vocabulary, width), `ball` (vocabulary,): of the bounds over the ball. `counts`
    (vocabulary,): of the train split. `spelled`: tokens as text. `report` takes the tokens done.
    """
    size = model.size
    layer = OutputLayer.of_weights(weights)
    attention = AttentionValues.of_weights(weights, size.heads, EPSILON)
    cones = [Cone(attention, last) for last in range(len(counts))]
    separated = float(np.mean([cone.separator.any() for cone in cones]))
    chosen = sampled_tokens(counts, settings.attention_tokens)
    rows: Rows = []
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
        rows.append(
            {
                "token_id": token,
                "token": spelled[token],
                "log_p_ball": float(ball[token]),
                "log_p_bound": min(maximum.bound, float(ball[token])),
                "log_p_attained": maximum.attained,
                "last_token": spelled[maximum.last],
                "separated": separated,
                "mixed_tokens": int((mixture >= SHARE).sum()),
            }
        )
        masses = attention_weights(
            weights, size.heads, size.rotary_base, EPSILON, maximum.last, longest
        )
        _approach(model, maximum, mixture, masses, token, settings, elites)
        report(done + 1, len(chosen))
    return rows, elites


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
