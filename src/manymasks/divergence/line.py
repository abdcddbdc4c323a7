"""Accuracy on the line: loss on a probe against loss on text (Miller et al. 2021).

A line through members of several sizes has a high r2 because sizes differ much in both losses.
Whether the loss on text determines the loss elsewhere shows in the deviation from the line,
compared with the deviation expected from sampling of documents alone.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from manymasks.arrays import Floats, Rows
from manymasks.config.analyses import Statistics
from manymasks.statistics import bootstrap
from manymasks.statistics.correlation import correlation
from manymasks.statistics.intervals import NO_ERROR, finite_columns, joined
from manymasks.statistics.model_classes import Members
from manymasks.statistics.seed_design import Seeds, seed_error

FEWEST = 3
"""Members needed for a line and the deviation from it."""


@dataclass(frozen=True)
class OnProbe:
    """Members on the windows of one probe at one severity."""

    members: Members
    documents: npt.NDArray[np.str_]
    """Names of the D documents, all different."""
    tokens: Floats
    """Scored tokens of each document, (D,)."""
    nats: Floats
    """Loss of each of the m members, summed over the tokens of a document, (D, m)."""


@dataclass(frozen=True)
class Line:
    """Least squares of y on x: (...,) each, `residuals` (..., m). NaN if x is constant."""

    slope: Floats
    intercept: Floats
    residuals: Floats


def line_rows(
    probe: str, severity: int, scored: OnProbe, text: OnProbe, statistics: Statistics
) -> dict[str, Rows]:
    """Rows of line_fit and line_residual of one probe and severity. Uses the members of `scored`
    that are also in `text`; no rows for fewer than three, or if all have the same loss on text.
    Documents are resampled by name, so shared documents have the same weights in both."""
    position = {member.model: i for i, member in enumerate(text.members)}
    kept = [i for i, member in enumerate(scored.members) if member.model in position]
    members = [scored.members[i] for i in kept]
    if len(members) < FEWEST:
        return {"line_fit": [], "line_residual": []}
    on_text = text.nats[:, [position[member.model] for member in members]]
    on_probe = scored.nats[:, kept]
    x, y = bootstrap.ratio(on_text.T, text.tokens), bootstrap.ratio(on_probe.T, scored.tokens)
    line = fit(x, y)
    if not np.isfinite(line.slope):
        return {"line_fit": [], "line_residual": []}
    names = np.union1d(text.documents, scored.documents)
    weights = bootstrap.document_weights(names.size, statistics.resamples, statistics.seed)
    x_resamples = bootstrap.ratio_resamples(
        on_text.T, text.tokens, weights[:, np.searchsorted(names, text.documents)]
    )
    y_resamples = bootstrap.ratio_resamples(
        on_probe.T, scored.tokens, weights[:, np.searchsorted(names, scored.documents)]
    )
    residuals = fit(x_resamples.T, y_resamples.T).residuals.T
    seeds = [member.seeds for member in members]
    r2, r2_low, r2_high = r_squared(x, y, seeds, statistics.confidence)
    low, high = bootstrap.percentile_interval(residuals, statistics.confidence, scored.tokens)
    where = {"probe": probe, "severity": severity}
    labels = [member.model_class for member in members]
    fitted = finite_columns(
        slope=line.slope,
        intercept=line.intercept,
        residual_sd=residual_sd(line.residuals),
        residual_sd_noise=residual_sd_noise(residuals, scored.tokens),
        class_share=class_share(line.residuals, labels),
    )
    fitted |= finite_columns(r2=r2, r2_low=r2_low, r2_high=r2_high)
    units = {"models": len(members)} | bootstrap.document_columns(scored.tokens)
    return {
        "line_fit": [where | fitted | units],
        "line_residual": [
            where
            | {"model": member.model}
            | finite_columns(
                text_nats=x[i], nats=y[i], residual=line.residuals[i], low=low[i], high=high[i]
            )
            for i, member in enumerate(members)
        ],
    }


def fit(x: Floats, y: Floats) -> Line:
    """Least squares of y (..., m) on x (..., m)."""
    centred_x = x - x.mean(axis=-1, keepdims=True)
    centred_y = y - y.mean(axis=-1, keepdims=True)
    spread = np.sum(centred_x**2, axis=-1)
    slope = np.sum(centred_x * centred_y, axis=-1) / np.where(spread > 0, spread, np.nan)
    return Line(
        np.asarray(slope),
        np.asarray(y.mean(axis=-1) - slope * x.mean(axis=-1)),
        np.asarray(centred_y - slope[..., None] * centred_x),
    )


def r_squared(
    x: Floats, y: Floats, seeds: Sequence[Seeds], confidence: float
) -> tuple[float, float, float]:
    """r2 of members (m,), and the ends of its interval over seeds, given the documents and classes.

    A delete-one jackknife of Fisher's z = atanh(r), which is closer to normal than r (Fisher 1921).
    Members of several classes with the same seeds see the same data, so the seeds are the units.
    The ends of r are squared; if they differ in sign the lower end is 0. In a simulation with 6 to
    16 normal models and r of 0.5 to 0.99 a nominal 95% covered 94 to 98%. Ends are NaN for fewer
    than 4 models, or if all but one lie exactly on a line.
    """
    r = float(correlation(x, y))
    without = np.array([correlation(np.delete(x, i), np.delete(y, i)) for i in range(x.size)])
    if x.size < FEWEST + 1 or not np.all(np.abs([r, *without]) < 1):
        return r**2, math.nan, math.nan
    models = seed_error(np.arctanh(without), seeds)
    interval = joined(math.atanh(r), models, NO_ERROR, confidence)
    ends = math.tanh(interval.low), math.tanh(interval.high)
    low, high = sorted(end**2 for end in ends)
    return r**2, low if ends[0] * ends[1] > 0 else 0.0, high


def residual_sd(residuals: Floats) -> float:
    """Standard deviation of residuals (m,) with m - 2 degrees of freedom; NaN for m < 3."""
    m = residuals.size
    return math.sqrt(float(np.sum(residuals**2)) / (m - 2)) if m > 2 else math.nan


def residual_sd_noise(residuals: Floats, tokens: Floats) -> float:
    """`residual_sd` expected from sampling of documents alone, from residuals (m, B) of resamples
    of documents with these tokens (D,).

    The line is refitted in each of B resamples. To first order the residuals change by the effect
    of documents on the losses, without the part common to all members or linear in the loss on
    text: the sum of the variances over m - 2 is added to the square of `residual_sd`. This is the
    average for members that lie exactly on a line: with 26 to 47 unequal documents a simulated
    `residual_sd` of such members was between a quarter of this and twice as much.
    """
    m = residuals.shape[0]
    return math.sqrt(
        sum(bootstrap.standard_error(row, tokens).error ** 2 for row in residuals) / (m - 2)
    )


def class_share(residuals: Floats, labels: Sequence[str]) -> float:
    """Share of the variance of residuals (m,) that is between classes, in [0, 1].

    The estimator for a one-way layout with random classes of unequal sizes (Searle, Casella &
    McCulloch 1992): (MSB - MSW) / n0 relative to its sum with MSW, clipped at 0. It is not
    corrected for the two degrees of freedom of the line, which with few classes removes variance
    between them. NaN for one class, for classes of one member each, and without variance.
    """
    _, group, sizes = np.unique(labels, return_inverse=True, return_counts=True)
    groups, m = sizes.size, residuals.size
    if not 1 < groups < m:
        return math.nan
    means = np.bincount(group, residuals) / sizes
    within = float(np.sum((residuals - means[group]) ** 2)) / (m - groups)
    between = float(np.sum(sizes * (means - residuals.mean()) ** 2)) / (groups - 1)
    typical = (m - float(np.sum(sizes**2)) / m) / (groups - 1)
    variance = max((between - within) / typical, 0.0)
    return variance / (variance + within) if variance + within > 0 else math.nan
