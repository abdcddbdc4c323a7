"""Sets of models of a class that fit equally well: who is in them, and how surely.

Membership is decided on the select split; everything else about a set is measured on the
measure split, so that a loss that was low by luck is not measured where it was lucky. A reference
and a threshold are always those of the trained members of a class: a derived member is in a set
if it is as good as they are.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np

from manymasks.arrays import BoolArray, FloatArray, IndexArray, Rows
from manymasks.config.analyses import Statistics
from manymasks.config.rashomon import Epsilons, Rashomon, Reference
from manymasks.statistics.bootstrap import document_weights, ratio, ratio_resamples
from manymasks.statistics.intervals import finite
from manymasks.statistics.model_classes import Member, classes, one_corpus
from manymasks.statistics.proportions import wilson

Unit = Literal["nats", "percent", "seed_sd"]
Subsets = list[tuple[IndexArray, float]]


@dataclass(frozen=True)
class Losses:
    """Losses of members on the documents of one split.

    `nats` (m, D): sums over the tokens of each document; `tokens` (D,): tokens scored.
    """

    nats: FloatArray
    tokens: FloatArray


@dataclass(frozen=True)
class RashomonSet:
    """The candidates of one class and method, and which of them one threshold lets in.

    `candidates` (k,) are positions of members, `inside` (k,) is membership, `excess` (k,) the loss
    above the reference, `often` (k, B) membership in each document resample, the reference and
    the threshold found anew in each; B is 0 for a single document. `level` and `eps_nats` are in
    nats per token.
    """

    model_class: str
    method: str
    reference: str
    eps: float
    unit: Unit
    level: float
    eps_nats: float
    is_own: bool
    candidates: IndexArray
    inside: BoolArray
    excess: FloatArray
    often: BoolArray

    @property
    def name(self) -> str:
        """What it is called in all tables."""
        name = f"{self.model_class} | {self.reference} | {self.eps:g} {self.unit}"
        return name if self.method == TRAINED else f"{name} | {self.method}"

    @property
    def members(self) -> IndexArray:
        """Positions of those that are in, (members,), the best on select first."""
        return self._by_loss(self.inside)

    def resampled(self, most: int) -> Subsets:
        """The sets that document resamples give, the most frequent ones, with their shares.

        Each is (positions, the best on select first; share of resamples). An average over them
        counts each member by its probability of being one, and those together that are in
        together. Without resamples it is the set itself.
        """
        if not self.often.shape[1]:
            return [(self.members, 1.0)]
        patterns, counts = np.unique(self.often, axis=1, return_counts=True)
        order = np.argsort(-counts, kind="stable")[:most]
        return [
            (self._by_loss(patterns[:, i]), float(counts[i] / self.often.shape[1])) for i in order
        ]

    def _by_loss(self, chosen: BoolArray) -> IndexArray:
        own = np.flatnonzero(chosen)
        return np.asarray(self.candidates[own[np.argsort(self.excess[own], kind="stable")]])


TRAINED = "trained"


@dataclass(frozen=True)
class _Sample:
    """Losses per token with a trailing axis of resamples, (m, B): of candidates, of the trained
    members of their class, and of all trained members."""

    candidates: FloatArray
    members: FloatArray
    pool: FloatArray


def rashomon_sets(
    select: Losses, members: Sequence[Member], settings: Rashomon, statistics: Statistics
) -> Iterator[RashomonSet]:
    """Every set of every class and method, by reference and threshold.

    `members` are all of one corpus and none of them failed; row i of the losses is member i.
    A set whose threshold takes a standard deviation over seeds is left out for a class of one
    trained member, where there is none. Raises ValueError for members of several corpora or losses
    that do not fit them.
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
    everyone = np.flatnonzero(method == TRAINED)
    for label, of_class in classes(members).items():
        trained = of_class[method[of_class] == TRAINED]
        for how in dict.fromkeys(method[of_class]):
            pool = of_class[method[of_class] == how]
            once, often = (
                _Sample(each[pool], each[trained], each[everyone]) for each in (loss, resampled)
            )
            for name, reference in settings.references.items():
                for eps, unit in _thresholds(settings.eps):
                    level = reference_loss(once.members, once.pool, reference)
                    eps_nats = threshold_nats(once.members, level, eps, unit)
                    if not np.isfinite(level + eps_nats).all():
                        continue
                    yield RashomonSet(
                        label,
                        str(how),
                        name,
                        float(eps),
                        unit,
                        float(level[0]),
                        float(eps_nats[0]),
                        how == TRAINED and reference.kind != "absolute",
                        pool,
                        is_member(once, reference, eps, unit)[:, 0],
                        once.candidates[:, 0] - level[0],
                        is_member(often, reference, eps, unit),
                    )


def set_rows(
    found: Sequence[RashomonSet], members: Sequence[Member], confidence: float
) -> dict[str, Rows]:
    """Rows of rashomon_set and rashomon_member.

    A share has an interval, Wilson's, where the reference is none of the candidates' own losses.
    A member's probability is the share of document resamples in which it is one; None for a
    single document.
    """
    tables: dict[str, Rows] = {"rashomon_set": [], "rashomon_member": []}
    for each in found:
        count, candidates = int(each.inside.sum()), each.candidates.size
        low = high = float("nan")
        if not each.is_own:
            low, high = wilson(count, candidates, confidence)
        tables["rashomon_set"].append(
            {
                "rashomon_set": each.name,
                "model_class": each.model_class,
                "method": each.method,
                "reference": each.reference,
                "reference_nats": each.level,
                "eps": each.eps,
                "eps_unit": each.unit,
                "eps_nats": each.eps_nats,
                "candidates": candidates,
                "members": count,
                "share": count / candidates,
                "share_low": finite(low),
                "share_high": finite(high),
            }
        )
        resamples = each.often.shape[1]
        tables["rashomon_member"] += [
            {
                "rashomon_set": each.name,
                "model": members[i].model,
                "is_member": bool(each.inside[k]),
                "excess_nats": float(each.excess[k]),
                "probability": float(each.often[k].mean()) if resamples else None,
            }
            for k, i in enumerate(each.candidates)
        ]
    return tables


def reference_loss(members: FloatArray, pool: FloatArray, reference: Reference) -> FloatArray:
    """Loss of the reference in nats per token, (B,), from those of a class and all, (m, B).

    NaN for `mean_minus_sd` of one member.
    """
    if reference.kind == "best_of_class":
        return np.asarray(members.min(axis=0))
    if reference.kind == "best_of_pool":
        return np.asarray(pool.min(axis=0))
    if reference.kind == "absolute":
        return np.full(members.shape[1], float(reference.nats or 0))
    return np.asarray(members.mean(axis=0) - (reference.k or 0) * seed_sd(members))


def threshold_nats(
    members: FloatArray, reference: FloatArray, eps: float, unit: Unit
) -> FloatArray:
    """The threshold eps in nats per token, (B,): see `Epsilons` for its units."""
    if unit == "percent":
        return reference * (eps / 100)
    if unit == "seed_sd":
        return eps * seed_sd(members)
    return np.full(reference.shape, float(eps))


def seed_sd(members: FloatArray) -> FloatArray:
    """Standard deviation over the first axis, members, divisor m - 1; NaN for m < 2."""
    if members.shape[0] < 2:
        return np.full(members.shape[1:], np.nan)
    return np.asarray(members.std(axis=0, ddof=1))


def is_member(sample: _Sample, reference: Reference, eps: float, unit: Unit) -> BoolArray:
    """Whether each candidate is within the threshold, (m, B)."""
    level = reference_loss(sample.members, sample.pool, reference)
    within = threshold_nats(sample.members, level, eps, unit)
    return np.asarray(sample.candidates - level <= within)


def _thresholds(eps: Epsilons) -> Iterator[tuple[float, Unit]]:
    yield from ((value, "nats") for value in eps.nats)
    yield from ((value, "percent") for value in eps.percent)
    yield from ((value, "seed_sd") for value in eps.seed_sd)
