"""All arms side by side: variants and floors, and what the gap between two of them is made of."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np

from manymasks.arrays import FloatArray, IndexArray, Rows
from manymasks.config.analyses import Contrast, Statistics
from manymasks.models.gradient_flow import GRADIENTS
from manymasks.statistics.bootstrap import (
    document_weights,
    percentile_interval,
    ratio,
    ratio_resamples,
)
from manymasks.statistics.claims import Comparison, contrast_row
from manymasks.statistics.intervals import Interval, finite
from manymasks.statistics.model_classes import Member, arm_positions, one_corpus, paired_by_seeds
from manymasks.statistics.paired import mean_over_seeds, paired_mean

Curve = Mapping[int, tuple[int, float]]
"""Step -> tokens seen and loss on the select split."""


@dataclass(frozen=True)
class Arm:
    """How gradients flow in a variant."""

    gradient: str
    gamma: float | None = None
    past: str | None = None
    """Variant whose member provides the past, if this one reads another's."""

    @property
    def is_discount(self) -> bool:
        """Whether it is a discount by a gamma of its own."""
        return GRADIENTS[self.gradient].takes_gamma

    @property
    def reach(self) -> float | None:
        """The equivalent discount: 1 for causal, 0 for myopic, None if there is none."""
        flow = GRADIENTS[self.gradient]
        if flow.is_control:
            return None
        return self.gamma if flow.takes_gamma else flow.keeps


@dataclass(frozen=True)
class Scored:
    """Members of one corpus on the documents of the measure split.

    `nats` (m, D) are sums over the tokens of each document, `tokens` (D,); `floors` has the
    sums (D,) of each floor on the same documents.
    """

    members: Sequence[Member]
    nats: FloatArray
    tokens: FloatArray
    arms: Mapping[str, Arm]
    floors: Mapping[str, FloatArray]

    @property
    def sizes(self) -> list[str]:
        """In order of appearance."""
        return list(dict.fromkeys(member.size for member in self.members))

    def paired(self, size: str, *variants: str) -> tuple[IndexArray, ...]:
        """Positions of the members of each variant that share their seeds with all others'."""
        return paired_by_seeds(
            self.members, *(arm_positions(self.members, size, v) for v in variants)
        )

    def weights(self, statistics: Statistics) -> FloatArray:
        """Of the bootstrap over documents."""
        return document_weights(self.tokens.size, statistics.resamples, statistics.seed)


def baseline_of(arms: Mapping[str, Arm], contrasts: Sequence[Contrast]) -> str | None:
    """The causal variant that others are held against: a contrast's, else the first by name."""
    causal = sorted(name for name, arm in arms.items() if arm.gradient == "causal")
    named = [each.baseline for each in contrasts if each.baseline in causal]
    return next(iter(named + causal), None)


def arm_rows(scored: Scored, baseline: str | None, statistics: Statistics) -> Rows:
    """Rows of myopia_arm: each variant and floor of each size, and its gap to the baseline.

    Intervals join the error over models with the bootstrap over documents; that of a floor's
    own loss is over documents alone, and its gap is that to each of the baseline's members.
    """
    weights, rows = scored.weights(statistics), []
    corpus = one_corpus(scored.members)
    for size in scored.sizes:
        own = [v for v in scored.arms if arm_positions(scored.members, size, v)]
        rows += [
            {
                "corpus": corpus,
                "size": size,
                "arm": name,
                "is_ngram": name in scored.floors,
                "gradient": None if name in scored.floors else scored.arms[name].gradient,
                "gamma": None if name in scored.floors else scored.arms[name].reach,
                "split": "measure",
                **_loss(scored, size, name, weights, statistics),
                **_gap(scored, size, name, baseline, weights, statistics),
                "documents": int((scored.tokens > 0).sum()),
            }
            for name in [*own, *scored.floors]
        ]
    return rows


def _loss(
    scored: Scored, size: str, name: str, weights: FloatArray, statistics: Statistics
) -> dict[str, Any]:
    if name in scored.floors:
        nats = scored.floors[name]
        low, high = percentile_interval(
            ratio_resamples(nats, scored.tokens, weights), statistics.confidence
        )
        estimate = float(ratio(nats, scored.tokens))
        found = Interval(estimate, float(low), float(high), None, 0)
        models = None
    else:
        chosen = arm_positions(scored.members, size, name)
        nats = scored.nats[chosen]
        found = mean_over_seeds(nats, scored.tokens, weights, statistics.confidence)
        models = len(chosen)
    return {
        "nats": finite(found.estimate),
        "nats_low": finite(found.low),
        "nats_high": finite(found.high),
        "models": models,
    }


def _gap(
    scored: Scored,
    size: str,
    name: str,
    baseline: str | None,
    weights: FloatArray,
    statistics: Statistics,
) -> dict[str, Any]:
    differences = np.zeros((0, scored.tokens.size))
    if baseline is not None and name in scored.floors:
        differences = (
            scored.floors[name] - scored.nats[arm_positions(scored.members, size, baseline)]
        )
    elif baseline is not None and name != baseline:
        first, second = scored.paired(size, baseline, name)
        differences = scored.nats[second] - scored.nats[first]
    if not len(differences):
        known = 0.0 if name == baseline else None
        return {"gap": known, "gap_low": known, "gap_high": known, "seeds": 0}
    found = mean_over_seeds(differences, scored.tokens, weights, statistics.confidence)
    return {
        "gap": finite(found.estimate),
        "gap_low": finite(found.low),
        "gap_high": finite(found.high),
        "seeds": len(differences),
    }


def part_rows(scored: Scored, statistics: Statistics) -> dict[str, Rows]:
    """Rows of myopia_part and contrast: the local myopia bonus and malus.

    A local variant is the best that each position can do for itself while all earlier ones stay
    those of a causal member. bonus = L(causal) - L(local) is what the causal member gives up of
    its own predictions for later ones; malus = L(myopic) - L(local) is what is lost because the
    earlier positions were trained for themselves alone; gap = malus - bonus = L(myopic) -
    L(causal), over the same seeds. The local variant of a past that is not causal has a bonus
    only. Contrasts are exploratory.
    """
    tables: dict[str, Rows] = {"myopia_part": [], "contrast": []}
    tested: set[Comparison] = set()
    weights, corpus = scored.weights(statistics), one_corpus(scored.members)
    myopic = [name for name, arm in scored.arms.items() if arm.gradient == "myopic"]
    for size in scored.sizes:
        for local, arm in scored.arms.items():
            if arm.past is None or arm.past not in scored.arms:
                continue
            is_causal = scored.arms[arm.past].gradient == "causal"
            others: list[str | None] = [*myopic] if is_causal and myopic else [None]
            for other in others:
                named = [arm.past, local, *([other] if other else [])]
                found = scored.paired(size, *named)
                if not found[0].size:
                    continue
                losses = [scored.nats[each] for each in found]
                for part, differences in _parts(*losses):
                    each = mean_over_seeds(
                        differences, scored.tokens, weights, statistics.confidence
                    )
                    tables["myopia_part"].append(
                        {
                            "corpus": corpus,
                            "size": size,
                            "local": local,
                            "past": arm.past,
                            "myopic": other,
                            "part": part,
                            "split": "measure",
                            "nats": finite(each.estimate),
                            "low": finite(each.low),
                            "high": finite(each.high),
                            "p": finite(each.p),
                            "seeds": found[0].size,
                            "documents": int((scored.tokens > 0).sum()),
                        }
                    )
                    if part != "gap":
                        subject = arm.past if other is None or part == "bonus" else other
                        comparison = Comparison(part, corpus, subject, local, size)
                        # One bonus may stand beside several myopic variants.
                        if comparison in tested:
                            continue
                        tested.add(comparison)
                        models = 2 * found[0].size
                        row = contrast_row(comparison, each, models, int((scored.tokens > 0).sum()))
                        tables["contrast"].append(row)
    return tables


def _parts(
    past: FloatArray, local: FloatArray, myopic: FloatArray | None = None
) -> Iterator[tuple[Literal["bonus", "malus", "gap"], FloatArray]]:
    yield "bonus", past - local
    if myopic is not None:
        yield "malus", myopic - local
        yield "gap", myopic - past


def curve_rows(
    curves: Sequence[Curve],
    members: Sequence[Member],
    contrasts: Sequence[Contrast],
    statistics: Statistics,
) -> Rows:
    """Rows of myopia_curve: the gap on the select split by tokens seen, paired over seeds.

    The windows are the same for all members and steps, and intervals are over seeds alone: t
    with one degree less than their number.
    """
    rows, corpus = [], one_corpus(members)
    for contrast in contrasts:
        for size in dict.fromkeys(member.size for member in members):
            pair = paired_by_seeds(
                members,
                arm_positions(members, size, contrast.baseline),
                arm_positions(members, size, contrast.variant),
            )
            both = [(curves[one], curves[other]) for one, other in zip(*pair, strict=True)]
            for step in sorted({step for one, other in both for step in one.keys() & other.keys()}):
                known = [each for each in both if step in each[0] and step in each[1]]
                differences = np.array([other[step][1] - one[step][1] for one, other in known])
                gap = paired_mean(differences, 0.0, statistics.confidence)
                rows.append(
                    {
                        "corpus": corpus,
                        "size": size,
                        "baseline": contrast.baseline,
                        "variant": contrast.variant,
                        "step": step,
                        "tokens": known[0][0][step][0],
                        "gap": finite(gap.estimate),
                        "low": finite(gap.low),
                        "high": finite(gap.high),
                        "seeds": len(known),
                    }
                )
    return rows
