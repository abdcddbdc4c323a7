"""Sets of members by a price, and how much of each capability a member has.

A threshold in nats is hard to interpret. As a share of the price of the cheapest capability it
tells which capabilities a member of the set may lack: those with a price of at most the threshold.
Which capabilities a member does have is measured on its laws, one by one.
"""

from collections.abc import Iterable, Mapping

import numpy as np
import numpy.typing as npt

from manymasks.arrays import Bools, Floats, Rows
from manymasks.config.analyses import Statistics
from manymasks.statistics.bootstrap import (
    document_columns,
    document_weights,
    interval_over_documents,
    ratio,
    ratio_resamples,
)
from manymasks.statistics.intervals import finite, finite_columns
from manymasks.statistics.model_classes import Members, classes, one_corpus
from manymasks.truth.excess import ROUNDING
from manymasks.truth.prices import Price

EDGE = 0.05
"""Probability of the less likely side, from which on membership counts as undecided."""


def priced_rows(
    select: tuple[Floats, Floats],
    measure: tuple[Floats, Floats],
    members: Members,
    price: tuple[str, Price] | None,
    shares: Iterable[float],
    statistics: Statistics,
) -> dict[str, Rows]:
    """Rows of priced_set and priced_member, for every class and share; no rows without a price.

    Price and excess loss are means over all counted tokens, so a capability that matters at few
    tokens makes both small. The select split decides. `probability` is the share of document
    resamples in which the member is in the set, where each resample draws the threshold too, normal
    with the standard error of the price. A member is at the edge if this is neither below `EDGE`
    nor above 1 - `EDGE`: membership is then a matter of the documents. `select`, `measure`: sums of
    the excess loss over the tokens of each document (members, documents), and the number of those
    tokens. `price`: the cheapest capability and its price. `shares`: thresholds as shares of it.
    """
    tables: dict[str, Rows] = {"priced_set": [], "priced_member": []}
    if price is None or not members:
        return tables
    corpus = one_corpus(members)
    capability, whole = price
    generator = np.random.default_rng([statistics.seed, 1])
    weights = document_weights(len(select[1]), statistics.resamples, statistics.seed)
    select_nats, measure_nats = ratio(*select), ratio(*measure)
    resamples = ratio_resamples(*select, weights)
    noise: Floats = generator.normal(size=(resamples.shape[1],))
    for share in sorted(set(shares)):
        eps = share * whole.nats
        inside = select_nats <= eps
        probabilities = _share_within(resamples, eps + share * whole.error * noise)
        at_edge = (probabilities >= EDGE) & (probabilities <= 1 - EDGE)
        for pool in classes(members).values():
            first = members[pool[0]]
            row = {"corpus": corpus, "size": first.size, "variant": first.variant, "share": share}
            row |= {"eps": eps, "cheapest": capability}
            row |= {"members": int(inside[pool].sum()), "at_edge": int(at_edge[pool].sum())}
            row |= {"candidates": len(pool)}
            tables["priced_set"].append(row)
        tables["priced_member"] += [
            {"model": member.model, "share": share, "eps": eps}
            | finite_columns(select_nats=select_nats[i], measure_nats=measure_nats[i])
            | {"is_member": bool(inside[i]), "probability": finite(float(probabilities[i]))}
            | {"is_at_edge": bool(at_edge[i])}
            for i, member in enumerate(members)
        ]
    return tables


def _share_within(resamples: Floats, eps: Floats) -> Floats:
    """Share of finite resamples (members, B) that are at most eps (B,), (members,); NaN without
    any."""
    usable = np.isfinite(resamples)
    total = usable.sum(1)
    return np.where(total, (usable & (resamples <= eps)).sum(1) / np.maximum(total, 1), np.nan)


def kept_rows(
    laws: Floats,
    ablated: Mapping[str, Floats],
    logs: npt.NDArray[np.float32],
    counted: Bools,
    members: Members,
    statistics: Statistics,
) -> Rows:
    """Rows of capability_kept: how much of each capability each member has, from the laws of the
    truth (documents, length, vocabulary), those without each capability, and the log-probabilities
    of the members (members, documents, length, vocabulary)."""
    weights = document_weights(len(laws), statistics.resamples, statistics.seed)
    rows = []
    for capability, without in ablated.items():
        differs = counted & (np.abs(laws - without).max(-1) > ROUNDING)
        for member, log_probs in zip(members, logs, strict=True):
            sums = kept_sums(laws, without, np.exp(log_probs, dtype=np.float64), differs)
            kept, resamples = float(ratio(*sums)), ratio_resamples(*sums, weights)
            rows.append(
                {"model": member.model, "capability": capability}
                | interval_over_documents("kept", kept, resamples, sums[1], statistics.confidence)
                | {"tokens": int(differs.sum())}
                | document_columns(differs.sum(1).astype(np.float64))
            )
    return rows


def kept_sums(
    truth: Floats, without: Floats, member: Floats, selected: Bools
) -> tuple[Floats, Floats]:
    """By document, (documents,), the numerator and denominator of how much of a capability is kept.

    With p the truth, a the truth without the capability and q the member, (documents, length,
    vocabulary) each, they are the sums over the selected tokens and the vocabulary of (p - a)(q -
    a) / (p + a) and of (p - a)^2 / (p + a). The ratio is the weighted least-squares share of p in a
    mixture of p and a fitted to q: 1 for p, 0 for a; a deviation orthogonal to the line from a to p
    adds nothing.

    The fit is on probabilities: where the truth is certain, as for every answer of `tally` and
    `recall`, a slope of log-probabilities under the truth is 0 / 0. The weights keep the sums
    bounded, without skipping or clipping entries where only one of the laws is 0. Where p and a are
    close, the second sum is the KL between them and the ratio the slope of log-probabilities.
    """
    gap, total = truth - without, truth + without
    # Where both laws are 0, the gap is 0 too.
    weighted = np.where(selected[..., None], gap / np.where(total > 0, total, 1.0), 0.0)
    deviation = np.where(selected[..., None], member - without, 0.0)
    gap = np.where(selected[..., None], gap, 0.0)
    return (weighted * deviation).sum((1, 2)), (weighted * gap).sum((1, 2))
