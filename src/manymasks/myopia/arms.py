"""Comparison of all arms, variants and n-gram baselines, and the parts of the gap between two."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np

from manymasks.arrays import Floats, Indices, Row, Rows
from manymasks.config.analyses import Contrast, Statistics
from manymasks.kinds.gradient_flows import GRADIENTS
from manymasks.statistics.bootstrap import document_columns, document_weights, ratio_interval
from manymasks.statistics.comparisons import Comparison, contrast_row
from manymasks.statistics.intervals import NO_ERROR, Interval, finite, interval_columns
from manymasks.statistics.model_classes import (
    Members,
    arm_positions,
    one_corpus,
    paired_arms,
    seeds_of,
)
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
class ScoredArms:
    """Members of one corpus on the documents of the measure split. `nats` (m, D) are sums over the
    tokens of each document, `tokens` (D,); `ngrams` has the sums (D,) of each n-gram baseline on
    the same documents."""

    members: Members
    nats: Floats
    tokens: Floats
    arms: Mapping[str, Arm]
    ngrams: Mapping[str, Floats]

    @property
    def sizes(self) -> list[str]:
        """Sizes in order of appearance."""
        return list(dict.fromkeys(member.size for member in self.members))

    def paired(self, size: str, *variants: str) -> tuple[Indices, ...]:
        """Positions of the members of each variant whose seeds occur in all of them."""
        return paired_arms(self.members, size, *variants)

    def weights(self, statistics: Statistics) -> Floats:
        """Weights of the bootstrap over documents."""
        return document_weights(self.tokens.size, statistics.resamples, statistics.seed)


def baseline_of(arms: Mapping[str, Arm], contrasts: Sequence[Contrast]) -> str | None:
    """The causal variant for comparison: that of a contrast, else the first by name."""
    causal = sorted(name for name, arm in arms.items() if arm.gradient == "causal")
    named = [contrast.baseline for contrast in contrasts if contrast.baseline in causal]
    return next(iter(named + causal), None)


def arm_rows(scored: ScoredArms, baseline: str | None, statistics: Statistics) -> Rows:
    """Rows of myopia_arm: variants and n-gram baselines of each size, with gaps to the baseline.

    Intervals join the error over models with the bootstrap over documents. That of the loss of an
    n-gram baseline is over documents only; its gap is the one to the members of the baseline arm.
    """
    weights, rows = scored.weights(statistics), []
    corpus = one_corpus(scored.members)
    for size in scored.sizes:
        variants = [v for v in scored.arms if arm_positions(scored.members, size, v)]
        rows += [
            {
                "corpus": corpus,
                "size": size,
                "arm": name,
                "is_ngram": name in scored.ngrams,
                "gradient": None if name in scored.ngrams else scored.arms[name].gradient,
                "gamma": None if name in scored.ngrams else scored.arms[name].reach,
                "split": "measure",
                **_loss(scored, size, name, weights, statistics),
                **_gap(scored, size, name, baseline, weights, statistics),
                **document_columns(scored.tokens),
            }
            for name in [*variants, *scored.ngrams]
        ]
    return rows


def _loss(scored: ScoredArms, size: str, name: str, weights: Floats, statistics: Statistics) -> Row:
    if name in scored.ngrams:
        nats = scored.ngrams[name]
        ends = ratio_interval(nats, scored.tokens, weights, statistics.confidence)
        interval = Interval(*ends, None, 0)
        models = None
    else:
        members = arm_positions(scored.members, size, name)
        nats = scored.nats[members]
        seeds = seeds_of(scored.members, members)
        interval = mean_over_seeds(nats, seeds, scored.tokens, weights, statistics.confidence)
        models = len(members)
    return interval_columns(interval, "nats", "nats_") | {"models": models}


def _gap(
    scored: ScoredArms,
    size: str,
    name: str,
    baseline: str | None,
    weights: Floats,
    statistics: Statistics,
) -> Row:
    positions: Sequence[int] | Indices = []
    differences = np.zeros((0, scored.tokens.size))
    if baseline is not None and name in scored.ngrams:
        positions = arm_positions(scored.members, size, baseline)
        differences = scored.ngrams[name] - scored.nats[positions]
    elif baseline is not None and name != baseline:
        positions, of_variant = scored.paired(size, baseline, name)
        differences = scored.nats[of_variant] - scored.nats[positions]
    if not len(differences):
        gap = 0.0 if name == baseline else None
        return {"gap": gap, "gap_low": gap, "gap_high": gap, "seeds": 0}
    seeds = seeds_of(scored.members, positions)
    interval = mean_over_seeds(differences, seeds, scored.tokens, weights, statistics.confidence)
    return interval_columns(interval, "gap", "gap_") | {"seeds": len(seeds)}


def part_rows(scored: ScoredArms, statistics: Statistics) -> dict[str, Rows]:
    """Rows of myopia_part and contrast: the local myopia bonus and malus.

    In a local variant each position minimises its loss while all earlier positions stay those of a
    causal member. bonus = L(causal) - L(local) is the loss that the causal member accepts at a
    position for the sake of later ones; malus = L(myopic) - L(local) is the loss from earlier
    positions trained only for themselves; gap = malus - bonus, over the same seeds. A local variant
    with a past that is not causal has only a bonus. Contrasts are exploratory.
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
                positions = scored.paired(size, *named)
                seeds = seeds_of(scored.members, positions[0])
                if not seeds:
                    continue
                losses = [scored.nats[arm_members] for arm_members in positions]
                labels: Row = {"corpus": corpus, "size": size, "local": local, "past": arm.past}
                labels |= {"myopic": other, "split": "measure"}
                for part, differences in _parts(*losses):
                    interval = mean_over_seeds(
                        differences, seeds, scored.tokens, weights, statistics.confidence
                    )
                    units = {"p": finite(interval.p), "seeds": len(seeds)}
                    row = labels | {"part": part} | interval_columns(interval, "nats") | units
                    row |= document_columns(scored.tokens)
                    tables["myopia_part"].append(row)
                    if part != "gap":
                        subject = arm.past if other is None or part == "bonus" else other
                        comparison = Comparison(part, corpus, subject, local, size)
                        # The bonus is the same for all myopic variants.
                        if comparison in tested:
                            continue
                        tested.add(comparison)
                        row = contrast_row(comparison, interval, seeds, scored.tokens)
                        tables["contrast"].append(row)
    return tables


def _parts(
    past: Floats, local: Floats, myopic: Floats | None = None
) -> Iterator[tuple[Literal["bonus", "malus", "gap"], Floats]]:
    yield "bonus", past - local
    if myopic is not None:
        yield "malus", myopic - local
        yield "gap", myopic - past


def curve_contrasts(
    arms: Mapping[str, Arm], baseline: str | None, contrasts: Sequence[Contrast]
) -> list[Contrast]:
    """The contrasts of a study, then every other arm against the baseline."""
    pairs = {(contrast.baseline, contrast.variant) for contrast in contrasts}
    others = [name for name in arms if name != baseline and (baseline, name) not in pairs]
    if baseline is None:
        return list(contrasts)
    return [*contrasts, *(Contrast(baseline=baseline, variant=name) for name in others)]


def curve_rows(
    curves: Sequence[Curve], members: Members, contrasts: Sequence[Contrast], statistics: Statistics
) -> Rows:
    """Rows of myopia_curve: the gap on the select split by tokens seen, paired over seeds. All
    members and steps use the same windows; intervals are over seeds only."""
    rows, corpus = [], one_corpus(members)
    for contrast in contrasts:
        for size in dict.fromkeys(member.size for member in members):
            pair = paired_arms(members, size, contrast.baseline, contrast.variant)
            labels = {"corpus": corpus, "size": size, **contrast.model_dump()}
            paired = [(curves[i], curves[j], members[i].seeds) for i, j in zip(*pair, strict=True)]
            shared = [baseline.keys() & variant.keys() for baseline, variant, _ in paired]
            for step in sorted({step for steps in shared for step in steps}):
                points = [
                    (baseline[step], variant[step], seeds)
                    for baseline, variant, seeds in paired
                    if step in baseline and step in variant
                ]
                differences = np.array([variant[1] - base[1] for base, variant, _ in points])
                seeds = [pair_seeds for _, _, pair_seeds in points]
                gap = paired_mean(differences, seeds, NO_ERROR, statistics.confidence)
                point = {"step": step, "tokens": points[0][0][0], "seeds": len(points)}
                rows.append(labels | point | interval_columns(gap, "gap"))
    return rows
