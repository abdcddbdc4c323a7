"""Whether members lie on one line: loss on a probe against loss on text (Miller et al. 2021).

A straight line through members of several sizes has a high r2 because sizes differ much in both
losses. What is off the line beside what sampling of documents alone puts there is what tells
whether loss on text says all there is to say of loss elsewhere.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from manymasks.arrays import FloatArray, Rows
from manymasks.config.analyses import Statistics
from manymasks.statistics.bootstrap import (
    document_weights,
    percentile_interval,
    ratio,
    ratio_resamples,
    standard_error,
)
from manymasks.statistics.correlation import correlation
from manymasks.statistics.intervals import finite, joined
from manymasks.statistics.jackknife import jackknife_error
from manymasks.statistics.model_classes import Member

FEWEST = 3
"""Members that a line and what is off it can be told from."""


@dataclass(frozen=True)
class OnProbe:
    """Members on the windows of one probe at one severity."""

    members: Sequence[Member]
    documents: npt.NDArray[np.str_]
    """Names of the D documents, all different."""
    tokens: FloatArray
    """Scored tokens of each, (D,)."""
    nats: FloatArray
    """Loss of each of the m members, summed over the tokens of a document, (D, m)."""


@dataclass(frozen=True)
class Line:
    """Least squares of y on x; each part (...,), `residuals` (..., m). NaN where x is constant."""

    slope: FloatArray
    intercept: FloatArray
    residuals: FloatArray


def line_rows(
    probe: str, severity: int, scored: OnProbe, text: OnProbe, statistics: Statistics
) -> dict[str, Rows]:
    """Rows of line_fit and line_residual of one probe and severity.

    Takes the members of `scored` that are in `text` too; no rows for fewer than three, nor where
    all have the same loss on text. Documents are resampled by name, so that those which both
    share are taken or left in both.
    """
    place = {member.model: i for i, member in enumerate(text.members)}
    kept = [i for i, member in enumerate(scored.members) if member.model in place]
    members = [scored.members[i] for i in kept]
    if len(members) < FEWEST:
        return {"line_fit": [], "line_residual": []}
    on_text = text.nats[:, [place[member.model] for member in members]]
    on_probe = scored.nats[:, kept]
    x, y = ratio(on_text.T, text.tokens), ratio(on_probe.T, scored.tokens)
    line = fit(x, y)
    if not np.isfinite(line.slope):
        return {"line_fit": [], "line_residual": []}
    names = np.union1d(text.documents, scored.documents)
    weights = document_weights(names.size, statistics.resamples, statistics.seed)
    x_drawn = ratio_resamples(
        on_text.T, text.tokens, weights[:, np.searchsorted(names, text.documents)]
    )
    y_drawn = ratio_resamples(
        on_probe.T, scored.tokens, weights[:, np.searchsorted(names, scored.documents)]
    )
    drawn = fit(x_drawn.T, y_drawn.T).residuals.T
    r2, r2_low, r2_high = r_squared(x, y, statistics.confidence)
    low, high = percentile_interval(drawn, statistics.confidence)
    where = {"probe": probe, "severity": severity}
    of_class = [member.model_class for member in members]
    return {
        "line_fit": [
            where
            | {
                "slope": finite(float(line.slope)),
                "intercept": finite(float(line.intercept)),
                "r2": finite(r2),
                "r2_low": finite(r2_low),
                "r2_high": finite(r2_high),
                "residual_sd": finite(off_line(line.residuals)),
                "residual_sd_noise": finite(off_line_noise(drawn)),
                "class_share": finite(share_of_classes(line.residuals, of_class)),
                "models": len(members),
                "documents": int(scored.tokens.size),
            }
        ],
        "line_residual": [
            where
            | {
                "model": member.model,
                "text_nats": finite(x[i]),
                "nats": finite(y[i]),
                "residual": finite(line.residuals[i]),
                "low": finite(low[i]),
                "high": finite(high[i]),
            }
            for i, member in enumerate(members)
        ],
    }


def fit(x: FloatArray, y: FloatArray) -> Line:
    """Least squares of y (..., m) on x (..., m)."""
    around_x = x - x.mean(axis=-1, keepdims=True)
    around_y = y - y.mean(axis=-1, keepdims=True)
    spread = np.sum(around_x**2, axis=-1)
    slope = np.sum(around_x * around_y, axis=-1) / np.where(spread > 0, spread, np.nan)
    return Line(
        np.asarray(slope),
        np.asarray(y.mean(axis=-1) - slope * x.mean(axis=-1)),
        np.asarray(around_y - slope[..., None] * around_x),
    )


def r_squared(x: FloatArray, y: FloatArray, confidence: float) -> tuple[float, float, float]:
    """r2 of members (m,), and the ends of its interval over models, the documents given.

    The delete-one jackknife is of Fisher's z = atanh(r), which is nearer to normal than r (Fisher
    1921), with t(m - 2): a line has two parameters. The ends of r are squared; where they have
    both signs the lower end is 0. In a simulation with 6 to 16 normal models and r of 0.5 to 0.99 a
    nominal 95% covered 94 to 98%. Ends are NaN for fewer than 4 models, and where all but one lie
    on a line exactly.
    """
    r = float(correlation(x, y))
    without = np.array([correlation(np.delete(x, i), np.delete(y, i)) for i in range(x.size)])
    if x.size < FEWEST + 1 or not np.all(np.abs([r, *without]) < 1):
        return r**2, math.nan, math.nan
    error = jackknife_error(np.arctanh(without))
    around = joined(math.atanh(r), error, 0.0, x.size - 2, confidence)
    ends = math.tanh(around.low), math.tanh(around.high)
    low, high = sorted(end**2 for end in ends)
    return r**2, low if ends[0] * ends[1] > 0 else 0.0, high


def off_line(residuals: FloatArray) -> float:
    """Standard deviation of residuals (m,) around a line: m - 2 degrees; NaN below 3."""
    m = residuals.size
    return math.sqrt(float(np.sum(residuals**2)) / (m - 2)) if m > 2 else math.nan


def off_line_noise(drawn: FloatArray) -> float:
    """What sampling of documents alone puts into `off_line`, from residuals (m, B) of resamples.

    The line is fitted anew in each of B resamples. To first order residuals move by the projection
    of what documents do to the losses, in which whatever they do to all members alike, or by how
    they do on text, is taken out: the sum of the variances over m - 2 is what is added to the
    square of `off_line`. Members that lie on a line in the long run are as far off it as this, in
    the mean: what documents do to members has few directions, so with 26 to 47 unequal documents
    a simulated `off_line` of members on a line was a quarter of this to twice as much.
    """
    m = drawn.shape[0]
    return math.sqrt(sum(standard_error(each) ** 2 for each in drawn) / (m - 2))


def share_of_classes(residuals: FloatArray, labels: Sequence[str]) -> float:
    """Share of the variance of residuals (m,) that is between classes, in [0, 1].

    The estimator of a one-way layout with random classes of unequal sizes (Searle, Casella &
    McCulloch 1992): (MSB - MSW) / n0 beside MSW, cut where noise takes it below 0. Between the
    members of a class are seeds, and sampling of documents. The two degrees that the line took
    are not given back: with few classes it takes of what is between them. NaN for one class, for
    classes of one member each, and where nothing varies.
    """
    _, of, sizes = np.unique(labels, return_inverse=True, return_counts=True)
    groups, m = sizes.size, residuals.size
    if not 1 < groups < m:
        return math.nan
    means = np.bincount(of, residuals) / sizes
    within = float(np.sum((residuals - means[of]) ** 2)) / (m - groups)
    between = float(np.sum(sizes * (means - residuals.mean()) ** 2)) / (groups - 1)
    typical = (m - float(np.sum(sizes**2)) / m) / (groups - 1)
    of_classes = max((between - within) / typical, 0.0)
    return of_classes / (of_classes + within) if of_classes + within > 0 else math.nan
