"""What was predicted of members of `lag` before they were trained, and what answers it.

Losses are means over the members of a class with t intervals over their seeds. Differences are
between members with the same seeds.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np

from manymasks.arrays import Rows
from manymasks.corpora.processes.lag import ladder
from manymasks.statistics.intervals import NO_ERROR, Interval
from manymasks.statistics.model_classes import Members, classes, paired_by_seeds, seeds_of
from manymasks.statistics.paired import paired_mean
from manymasks.statistics.predictions import Prediction, prediction_rows
from manymasks.statistics.seed_design import Seeds

_EARLIER = "one seed, before this study"
_NO_GRADIENT = "no gradient tells a myopic position what a later one will need"
_LOCAL = "a proof: each step is the loss of its own position"
TWO_BOUND = 0.965
"""Nats of an answer with two of four pairs bound, rounded."""

LOSS = "answer after free steps, nats"
FORMED = "tokens until half the prior, millions"
GAP = "myopic minus causal, nats"
HELP = "filler minus direct, nats"
PRICE = "tokens of filler over direct until half the prior"

_LEARNED = (Prediction(LOSS, None, 0.05, _EARLIER), Prediction(FORMED, None, 0.5, _EARLIER))
PREDICTIONS: Mapping[tuple[str, str], tuple[Prediction, ...]] = {
    ("steps", "causal"): _LEARNED,
    ("steps", "myopic"): (*_LEARNED, Prediction(GAP, -0.05, 0.05, _LOCAL)),
    ("direct", "causal"): (Prediction(LOSS, None, 0.2, _EARLIER),),
    ("direct", "myopic"): (
        Prediction(LOSS, TWO_BOUND, None, _NO_GRADIENT), Prediction(GAP, 0.3, None, _NO_GRADIENT),
    ),
    ("filler", "causal"): (
        Prediction(LOSS, None, 0.2, _EARLIER),
        Prediction(HELP, -0.05, 0.05, _EARLIER),
        Prediction(PRICE, 1.0, None, f"not ahead at any of five sizes, {_EARLIER}"),
    ),
    ("filler", "myopic"): (
        Prediction(LOSS, TWO_BOUND, None, _NO_GRADIENT),
        Prediction(GAP, 0.3, None, _NO_GRADIENT),
        Prediction(HELP, -0.05, None, _NO_GRADIENT),
    ),
    ("mixed", "myopic"): (Prediction(LOSS, TWO_BOUND, None, _EARLIER),),
}  # fmt: skip
"""By format of the corpus and gradient. Members of `mixed` are asked in fillers."""


@dataclass(frozen=True)
class Curve:
    """A member by the tokens it was trained on: loss of the answer with steps of its own."""

    tokens: Sequence[int]
    nats: Sequence[float]

    @property
    def last(self) -> float:
        return self.nats[-1]

    @property
    def has_half(self) -> bool:
        """Whether a state has at most half of the prior's loss."""
        return bool(min(self.nats) <= ladder()[0] / 2)

    @property
    def until_half(self) -> float:
        """Tokens of the first state with at most half of the prior's loss; all that it was trained
        on without one."""
        half = ladder()[0] / 2
        pairs = zip(self.tokens, self.nats, strict=True)
        return min((tokens for tokens, nats in pairs if nats <= half), default=self.tokens[-1])


def curves(rows: Rows, models: Sequence[str], answer_format: str) -> list[Curve]:
    """Curves of members from rows of `thinking_answer` in a format."""
    kept = []
    for model in models:
        mine = [r for r in rows if (r["model"], r["answer_format"]) == (model, answer_format)]
        mine.sort(key=lambda row: row["step"])
        kept.append(Curve([r["tokens"] for r in mine], [r["nats_free"] for r in mine]))
    return kept


@dataclass(frozen=True)
class ThinkingClass:
    """The members of a corpus, size and variant."""

    members: Members
    answer_format: str
    """That of the corpus."""
    gradient: str

    @property
    def seeds(self) -> Sequence[Seeds]:
        return seeds_of(self.members, range(len(self.members)))

    def curves(self, rows: Rows) -> list[Curve]:
        read_in = "filler" if self.answer_format == "mixed" else self.answer_format
        return curves(rows, [member.model for member in self.members], read_in)

    def paired(self, other: "ThinkingClass") -> tuple["ThinkingClass", "ThinkingClass"]:
        """The members of both whose seeds occur in both, in one order."""
        every = [*self.members, *other.members]
        mine = len(self.members)
        pair = paired_by_seeds(every, range(mine), range(mine, len(every)))
        first, second = ([every[i] for i in positions] for positions in pair)
        return replace(self, members=first), replace(other, members=second)


def rows_of_predictions(
    rows: Rows,
    members: Members,
    formats: Mapping[str, str],
    gradients: Mapping[str, str],
    confidence: float,
) -> Rows:
    """Rows of `prediction` of all classes. `rows`: of `thinking_answer`. `formats`: of each corpus.
    `gradients`: of each member by its key."""
    groups = []
    for positions in classes(members).values():
        first = members[positions[0]]
        form, gradient = formats[first.corpus], gradients[first.model]
        groups.append(ThinkingClass([members[i] for i in positions], form, gradient))
    table: Rows = []
    for group in groups:
        first = group.members[0]
        labels = {"corpus": first.corpus, "size": first.size, "variant": first.variant}
        predictions = PREDICTIONS.get((group.answer_format, group.gradient), ())
        seen = _quantities(rows, group, groups, confidence)
        table += prediction_rows("thinking", predictions, seen, labels)
    return table


def _quantities(
    rows: Rows, group: ThinkingClass, groups: Sequence[ThinkingClass], confidence: float
) -> dict[str, Interval]:
    """What came of a class, beside the causal one on its corpus and the one of direct answers."""
    mine = group.curves(rows)
    slowest = max(curve.until_half for curve in mine) / 1e6
    seen = {
        LOSS: _mean([curve.last for curve in mine], group.seeds, confidence),
        FORMED: Interval(slowest, slowest, slowest, None, 0.0),
    }
    for other in groups:
        if other.members[0].size != group.members[0].size:
            continue
        pair = group.paired(other)
        mine, others = (one.curves(rows) for one in pair)
        if not mine:
            continue
        differences = [a.last - b.last for a, b in zip(mine, others, strict=True)]
        is_causal = (group.gradient, other.gradient) == ("myopic", "causal")
        if group.members[0].corpus == other.members[0].corpus and is_causal:
            seen[GAP] = _mean(differences, pair[0].seeds, confidence)
        if group.gradient == other.gradient and other.answer_format == "direct":
            seen[HELP] = _mean(differences, pair[0].seeds, confidence)
            # Of two that never get there, the ratio is that of their budgets and says nothing.
            reached = [
                (a.until_half / b.until_half, seed)
                for a, b, seed in zip(mine, others, pair[0].seeds, strict=True)
                if a.has_half or b.has_half
            ]
            if reached:
                ratios, seeds = zip(*reached, strict=True)
                seen[PRICE] = _mean(ratios, seeds, confidence)
    return seen


def _mean(values: Sequence[float], seeds: Sequence[Seeds], confidence: float) -> Interval:
    return paired_mean(np.array(values, float), seeds, NO_ERROR, confidence)
