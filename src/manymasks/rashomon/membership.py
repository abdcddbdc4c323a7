"""Rashomon sets: models of a class that fit equally well, and the probability of membership.

Membership is decided on the select split; everything else about a set is measured on the measure
split, which avoids selection bias. Reference and threshold are always those of the trained members
of a class: a derived member belongs to a set if it is as good as they are.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np

from manymasks.arrays import Bools, Floats, Indices, Row, Rows
from manymasks.config.analyses import Statistics
from manymasks.config.rashomon import Epsilons, Rashomon, Reference
from manymasks.statistics.bootstrap import document_weights, ratio, ratio_resamples
from manymasks.statistics.intervals import finite_columns
from manymasks.statistics.model_classes import Members, classes, one_corpus
from manymasks.statistics.proportions import wilson

Unit = Literal["nats", "percent", "seed_sd"]
Subsets = list[tuple[Indices, float]]


@dataclass(frozen=True)
class Losses:
    """Losses of members on the documents of one split. `nats` (m, D): sums over the tokens of each
    document; `tokens` (D,): tokens scored."""

    nats: Floats
    tokens: Floats


@dataclass(frozen=True)
class RashomonSet:
    """The candidates of one class and method, and the members within one threshold.

    - `candidates` (k,): positions of models; `inside` (k,): membership
    - `excess` (k,): loss minus that of the reference
    - `resampled_inside` (k, B): membership in each document resample, with reference and threshold
      recomputed; B is 0 for a single document
    - `level`, `eps_nats`: loss of the reference and threshold, nats per token
    - `is_relative`: whether the reference is computed from the losses of the candidates
    """

    model_class: str
    method: str
    reference: str
    eps: float
    unit: Unit
    level: float
    eps_nats: float
    is_relative: bool
    candidates: Indices
    inside: Bools
    excess: Floats
    resampled_inside: Bools

    @property
    def name(self) -> str:
        """Its name in all tables."""
        name = f"{self.model_class} | {self.reference} | {self.eps:g} {self.unit}"
        return name if self.method == TRAINED else f"{name} | {self.method}"

    @property
    def members(self) -> Indices:
        """Positions of its members, the best on select first."""
        return self._by_loss(self.inside)

    def resampled(self, limit: int) -> Subsets:
        """The most frequent sets in document resamples: (positions by loss on select, share of
        resamples); without resamples the set itself. An average over these sets weights members by
        their probability of membership, jointly."""
        if not self.resampled_inside.shape[1]:
            return [(self.members, 1.0)]
        patterns, counts = np.unique(self.resampled_inside, axis=1, return_counts=True)
        order = np.argsort(-counts, kind="stable")[:limit]
        resamples = self.resampled_inside.shape[1]
        return [(self._by_loss(patterns[:, i]), float(counts[i] / resamples)) for i in order]

    def _by_loss(self, chosen: Bools) -> Indices:
        indices = np.flatnonzero(chosen)
        order = np.argsort(self.excess[indices], kind="stable")
        return np.asarray(self.candidates[indices[order]])


TRAINED = "trained"


@dataclass(frozen=True)
class _Sample:
    """Losses per token with a trailing axis of resamples, (m, B). Those of candidates, of the
    trained members of their class, and of all trained members."""

    candidates: Floats
    members: Floats
    pool: Floats


def rashomon_sets(
    select: Losses, members: Members, settings: Rashomon, statistics: Statistics
) -> Iterator[RashomonSet]:
    """Every set of every class and method, by reference and threshold.

    Row i of the losses is member i, of one corpus, that did not fail. Sets with a threshold in
    standard deviations over seeds are left out for classes of one trained member. Raises ValueError
    for members of several corpora or losses of another shape.
    """
    one_corpus(members)
    if select.nats.shape != (len(members), select.tokens.size):
        raise ValueError(
            f"select losses are {select.nats.shape}, expected "
            f"{(len(members), select.tokens.size)}: members by documents"
        )
    weights = document_weights(select.tokens.size, statistics.resamples, statistics.seed)
    loss = ratio(select.nats, select.tokens)[:, None]
    resampled = ratio_resamples(select.nats, select.tokens, weights)
    if not np.isfinite(resampled).any():
        resampled = resampled[:, :0]
    method = np.array([member.method for member in members])
    all_trained = np.flatnonzero(method == TRAINED)
    for label, in_class in classes(members).items():
        trained = in_class[method[in_class] == TRAINED]
        for pool_method in dict.fromkeys(method[in_class]):
            pool = in_class[method[in_class] == pool_method]
            sample, resamples = (
                _Sample(values[pool], values[trained], values[all_trained])
                for values in (loss, resampled)
            )
            for name, reference in settings.references.items():
                for eps, unit in _thresholds(settings.eps):
                    level = reference_loss(sample.members, sample.pool, reference)
                    eps_nats = threshold_nats(sample.members, level, eps, unit)
                    if not np.isfinite(level + eps_nats).all():
                        continue
                    yield RashomonSet(
                        label,
                        str(pool_method),
                        name,
                        float(eps),
                        unit,
                        float(level[0]),
                        float(eps_nats[0]),
                        pool_method == TRAINED and reference.kind != "absolute",
                        pool,
                        is_member(sample, reference, eps, unit)[:, 0],
                        sample.candidates[:, 0] - level[0],
                        is_member(resamples, reference, eps, unit),
                    )


def set_rows(sets: Sequence[RashomonSet], members: Members, confidence: float) -> dict[str, Rows]:
    """Rows of rashomon_set and rashomon_member. A share has a Wilson interval only if the reference
    does not depend on the candidates' losses. The probability of a member is the share of document
    resamples in which it is in the set; None for a single document."""
    tables: dict[str, Rows] = {"rashomon_set": [], "rashomon_member": []}
    for one in sets:
        count, candidates = int(one.inside.sum()), one.candidates.size
        low = high = float("nan")
        if not one.is_relative:
            low, high = wilson(count, candidates, confidence)
        row: Row = {"rashomon_set": one.name, "model_class": one.model_class, "method": one.method}
        row |= {"reference": one.reference, "reference_nats": one.level}
        row |= {"eps": one.eps, "eps_unit": one.unit, "eps_nats": one.eps_nats}
        row |= {"candidates": candidates, "members": count, "share": count / candidates}
        row |= finite_columns(share_low=low, share_high=high)
        tables["rashomon_set"].append(row)
        resamples = one.resampled_inside.shape[1]
        tables["rashomon_member"] += [
            {
                "rashomon_set": one.name,
                "model": members[i].model,
                "is_member": bool(one.inside[k]),
                "excess_nats": float(one.excess[k]),
                "probability": float(one.resampled_inside[k].mean()) if resamples else None,
            }
            for k, i in enumerate(one.candidates)
        ]
    return tables


def reference_loss(members: Floats, pool: Floats, reference: Reference) -> Floats:
    """Loss of the reference in nats per token, (B,), from the losses of a class and of all, (m, B).
    NaN for `mean_minus_sd` of one member."""
    if reference.kind == "best_of_class":
        return np.asarray(members.min(axis=0))
    if reference.kind == "best_of_pool":
        return np.asarray(pool.min(axis=0))
    if reference.kind == "absolute":
        return np.full(members.shape[1], float(reference.nats or 0))
    return np.asarray(members.mean(axis=0) - (reference.k or 0) * seed_sd(members))


def threshold_nats(members: Floats, reference: Floats, eps: float, unit: Unit) -> Floats:
    """eps in nats per token, (B,): see `Epsilons` for its units."""
    if unit == "percent":
        return reference * (eps / 100)
    if unit == "seed_sd":
        return eps * seed_sd(members)
    return np.full(reference.shape, float(eps))


def seed_sd(members: Floats) -> Floats:
    """Standard deviation over members, the first axis, divisor m - 1; NaN for m < 2."""
    if members.shape[0] < 2:
        return np.full(members.shape[1:], np.nan)
    return np.asarray(members.std(axis=0, ddof=1))


def is_member(sample: _Sample, reference: Reference, eps: float, unit: Unit) -> Bools:
    """Whether each candidate is within the threshold, (m, B)."""
    level = reference_loss(sample.members, sample.pool, reference)
    threshold = threshold_nats(sample.members, level, eps, unit)
    return np.asarray(sample.candidates - level <= threshold)


def _thresholds(eps: Epsilons) -> Iterator[tuple[float, Unit]]:
    yield from ((value, "nats") for value in eps.nats)
    yield from ((value, "percent") for value in eps.percent)
    yield from ((value, "seed_sd") for value in eps.seed_sd)
