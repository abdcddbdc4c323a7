"""Rows of a decomposition into ergodic parts: spectra, weights beside the truth, pairs, classes.

Weights are read in two ways. *operators*: as `ergodic_parts` finds them, without knowledge of the
process. *masks*: the closest mixture of the true masks to the law of the next three letters
(`spectroscopy`), which knows the parts. The first makes errors of its own, which predictors share;
so what members share is compared with noise by both.
"""

import itertools
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np

from manymasks.arrays import Floats, Row, Rows
from manymasks.config.analyses import Statistics
from manymasks.config.decomposition import Decomposition
from manymasks.statistics.bootstrap import document_weights, standard_error
from manymasks.statistics.intervals import Interval, finite, finite_columns, interval_columns
from manymasks.statistics.jackknife import pair_mean
from manymasks.statistics.paired import mean_over_seeds
from manymasks.statistics.seed_design import Seeds, share_nothing
from manymasks.truth.ergodic_parts import (
    LetterOperator,
    Parts,
    aligned,
    eigenvalue_errors,
    ergodic_parts,
    memory_letters,
)

LISTED = 8
"""Eigenvalues of a predictor that are listed."""
TIED = 1e-9
"""Probabilities that differ by no more are equal up to rounding."""


@dataclass(frozen=True)
class PartReading:
    """A predictor with its parts, and the weights of parts by way of reading."""

    predictor: str
    """bayes, window K, member, untrained, independent or exchanged."""
    model: str | None
    """The member that it is, or whose errors it has."""
    kl: float
    """Mean KL from the exact law of the letters that are read, nats."""
    parts: Parts
    weights: Mapping[str, Floats] = field(default_factory=dict)
    """By way of reading, (documents, prompts, parts)."""

    @property
    def labels(self) -> Row:
        """The columns that name it."""
        return {"predictor": self.predictor, "model": self.model}


def part_reading(
    predictor: str,
    model: str | None,
    laws: Floats,
    kl: float,
    letters: int,
    by_masks: Floats | None,
    settings: Decomposition,
) -> PartReading:
    """The parts of a predictor with laws (documents, prompts, letters^4). `by_masks`: weights of
    the true masks, where these are known."""
    parts = ergodic_parts(laws, letters, settings)
    weights = {"operators": parts.weights}
    if by_masks is not None:
        weights["masks"] = by_masks
    return PartReading(predictor, model, kl, parts, weights)


def spectrum_rows(reading: PartReading) -> Rows:
    """The first `LISTED` eigenvalues, by falling real part."""
    operator = reading.parts.operator
    return eigenvalue_rows(operator, eigenvalue_errors(operator), reading.labels)


def eigenvalue_rows(operator: LetterOperator, errors: Floats, labels: Row) -> Rows:
    """Columns of the first `LISTED` eigenvalues and their standard errors (rank,), with labels."""
    relative = operator.singular / operator.singular[0]
    return [
        {
            **labels,
            "number": number + 1,
            "re": float(real),
            "im": float(imaginary),
            "re_error": finite(errors[number]),
            "memory": finite(memory_letters(float(real))),
            "singular_value": float(relative[number]),
        }
        for number, (real, imaginary) in enumerate(operator.eigenvalues[:LISTED])
    ]


def part_count_row(reading: PartReading) -> Row:
    """How many parts a predictor has, and how clearly."""
    parts = reading.parts
    real = np.append(parts.operator.eigenvalues[:, 0], 0.0)
    return {
        **reading.labels,
        "parts": parts.count,
        "clocks": parts.clocks,
        "directions": len(parts.operator.matrix),
        "slowest": finite(real[parts.count - 1] if parts.count else None),
        "next_slowest": finite(real[parts.count]),
        "kl": finite(reading.kl),
    }


def weight_rows(reading: PartReading, truth: Floats, letters: Sequence[int]) -> Rows:
    """The weights beside the true posterior (documents, prompts, parts), at each length of prompt
    and over all (`letters` is None)."""
    rows = []
    for name, weights in reading.weights.items():
        ours, theirs = aligned(weights, truth)
        squares = ((ours - theirs) ** 2).sum(-1)
        # Ties of the posterior, up to rounding, count for either of the tied.
        likeliest = np.take_along_axis(theirs, ours.argmax(-1)[..., None], -1)[..., 0]
        same = likeliest >= theirs.max(-1) - TIED
        for number, length in enumerate([*letters, None]):
            at = slice(None) if length is None else slice(number, number + 1)
            spread = ((theirs[:, at] - theirs[:, at].mean((0, 1))) ** 2).sum(-1)
            rows.append(
                {
                    **reading.labels,
                    "reading": name,
                    "letters": length,
                    "r2": finite(1 - squares[:, at].sum() / spread.sum()),
                    "agree": float(same[:, at].mean()),
                    "documents": len(weights),
                }
            )
    return rows


# ------------------------------------------------------------------------------- pairs, classes


@dataclass(frozen=True)
class PartPairSums:
    """Sums by document, from which statistics of pairs of predictors are ratios."""

    apart: Floats
    """(m, m, documents): squared differences of weights."""
    spread: Floats
    """(m, documents): squared deviations of weights from their mean."""
    errors: Floats
    """(m, m, documents): products of errors against the truth; zero without a truth."""

    def r2(self, counts: Floats) -> Floats:
        """1 - squared differences over the mean spread of the two, (..., m, m), for multiplicities
        of documents (..., documents)."""
        apart, spread = _summed(self.apart, counts), _summed(self.spread, counts)
        both = (spread[..., :, None] + spread[..., None, :]) / 2
        return 1 - apart / np.where(both > 0, both, np.nan)

    def error_correlation(self, counts: Floats) -> Floats:
        """Correlation of errors about 0, so that a common bias counts, (..., m, m)."""
        products = _summed(self.errors, counts)
        sizes = np.sqrt(np.einsum("...ii->...i", products))
        both = sizes[..., :, None] * sizes[..., None, :]
        return np.asarray(products / np.where(both > 0, both, np.nan))


def _summed(values: Floats, counts: Floats) -> Floats:
    """Sums over documents of values (..., documents), (resamples..., ...)."""
    return (
        np.moveaxis(np.tensordot(values, counts, ([-1], [-1])), -1, 0)
        if counts.ndim > 1
        else (np.asarray(values @ counts))
    )


def pair_sums(weights: Sequence[Floats], truth: Floats | None) -> PartPairSums:
    """Sums of predictors with weights (documents, prompts, parts) each, their numbers of parts
    possibly different; the truth as `weight_rows` takes it."""
    m, documents = len(weights), len(weights[0])
    apart, errors = np.zeros((m, m, documents)), np.zeros((m, m, documents))
    spread = np.stack([((w - w.mean((0, 1))) ** 2).sum((1, 2)) for w in weights])
    for a, b in itertools.combinations(range(m), 2):
        ours, theirs = aligned(weights[b], weights[a])
        apart[a, b] = apart[b, a] = ((ours - theirs) ** 2).sum((1, 2))
    if truth is not None:
        against = [np.subtract(*aligned(w, truth)) for w in weights]
        most = max(error.shape[-1] for error in against)
        # Parts beyond those of the truth are in no common order; few predictors have any.
        padded = [np.pad(e, ((0, 0), (0, 0), (0, most - e.shape[-1]))) for e in against]
        for a, b in itertools.combinations_with_replacement(range(m), 2):
            errors[a, b] = errors[b, a] = (padded[a] * padded[b]).sum((1, 2))
    return PartPairSums(apart, spread, errors)


def pair_rows(
    predictor: str, reading: str, models: Sequence[str], sums: PartPairSums, has_truth: bool
) -> Rows:
    """One row for every two predictors of a kind and class; the key that sorts first is
    `model_a`."""
    ones = np.ones(sums.spread.shape[1])
    r2, correlation = sums.r2(ones), sums.error_correlation(ones)
    return [
        {
            "predictor": predictor,
            "reading": reading,
            "model_a": models[a],
            "model_b": models[b],
            "r2": finite(r2[a, b]),
            "error_correlation": finite(correlation[a, b]) if has_truth else None,
        }
        for a, b in itertools.combinations(np.argsort(models), 2)
    ]


def class_intervals(
    weights: Sequence[Floats],
    sums: PartPairSums,
    truth: Floats | None,
    seeds: Sequence[Seeds],
    statistics: Statistics,
) -> dict[str, Interval]:
    """Means over the predictors of a class, or over their pairs, with intervals over members
    and documents: `r2` to the truth, `between` two predictors, and `error_correlation`. NaN where
    the weights of two predictors do not vary, as with one part each."""
    documents = sums.spread.shape[1]
    resamples = document_weights(documents, statistics.resamples, statistics.seed)
    ones = np.ones(documents)
    intervals = {}
    pairs = {"between": sums.r2}
    if truth is not None:
        pairs["error_correlation"] = sums.error_correlation
        spread = ((truth - truth.mean((0, 1))) ** 2).sum((1, 2))
        squares = np.stack([((np.subtract(*aligned(w, truth))) ** 2).sum((1, 2)) for w in weights])
        lost = mean_over_seeds(squares, seeds, spread, resamples, statistics.confidence)
        high = min(1 - lost.low, 1.0) if np.isfinite(lost.low) else lost.low
        intervals["r2"] = Interval(
            1 - lost.estimate, 1 - lost.high, high, None, lost.degrees, lost.standard_error
        )
    # Pairs that share a seed are left out of the mean, and so of its error over documents.
    first, second = np.nonzero(np.triu(share_nothing(seeds)))
    for name, statistic in pairs.items():
        drawn = statistic(resamples)[..., first, second].mean(-1) if len(first) else ones
        intervals[name] = pair_mean(statistic(ones), seeds).interval(
            standard_error(drawn, ones), statistics.confidence
        )
    return intervals


def class_row(
    predictor: str, reading: str, intervals: Mapping[str, Interval], members: int, documents: int
) -> Row:
    """The intervals of `class_intervals` as a row."""
    row: Row = {"predictor": predictor, "reading": reading}
    for name in ("r2", "between", "error_correlation"):
        if name in intervals:
            row |= interval_columns(intervals[name], name, f"{name}_")
        else:
            row |= finite_columns(**dict.fromkeys((name, f"{name}_low", f"{name}_high")))
    return {**row, "models": members, "documents": documents}
