"""Beliefs that a linear map reads off the residual stream, beside what Bayes would believe.

A process says what the tokens so far tell of what is hidden: a posterior. If a member holds it
along directions of its stream, a ridge regression finds them (Shai et al. 2024, arXiv:2405.15943).
The map is fitted on the first half of the documents and tested on the other. What it finds is held
against controls: the stream of a model as drawn, the posteriors of other documents, the last tokens
alone, and in `masks` these together with the premise, which the posterior contains too.

A probe sees what is linear in the stream, whether or not the member uses it.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
from scipy import linalg

from manymasks.arrays import FloatArray, IntArray, Rows
from manymasks.config.analyses import Statistics
from manymasks.corpora.processes.masks import MASKS, OPENING
from manymasks.statistics.bootstrap import (
    document_weights,
    percentile_interval,
    ratio_resamples,
)
from manymasks.statistics.intervals import finite
from manymasks.statistics.model_classes import Member

Stream = npt.NDArray[np.floating[Any]]
"""(documents, length, width): what a member holds at each place, at one level."""

IN_THE_PICTURE = ("letter_state", "state")
"""The latents of which one with three values is drawn on a simplex, the first that there is."""
CORNERS = "abc"


@dataclass(frozen=True)
class LinearMap:
    """(rows, width) -> (rows, values): (x - centre) @ weights + mean."""

    centre: FloatArray
    weights: FloatArray
    mean: FloatArray

    def __call__(self, features: FloatArray) -> FloatArray:
        return np.asarray((features - self.centre) @ self.weights + self.mean)


@dataclass(frozen=True)
class Reading:
    """What a map reads on the documents that it has not seen."""

    read: FloatArray
    """(documents, length, values); NaN where there is no posterior."""
    squares: FloatArray
    """(documents,): squared errors, summed over places and values."""
    spread: FloatArray
    """(documents,): the same of a map that always says the mean of the fit."""
    tokens: int
    documents: int


def first_half(documents: int) -> int:
    """How many documents, from the first on, maps are fitted on; they are tested on the others."""
    return documents // 2


def ridge_map(features: FloatArray, targets: FloatArray, ridge: float) -> LinearMap:
    """Least squares of targets (rows, values) from features (rows, width), with a penalty.

    Features and targets are centred, so the mean costs nothing. The penalty on the squared weights
    is `ridge` times the mean variance of the features times the number of rows: it does not depend
    on the unit of the features nor on how many rows there are.
    """
    centre, mean = features.mean(0), targets.mean(0)
    x, y = features - centre, targets - mean
    gram = x.T @ x
    # Features that never vary tell nothing, and any penalty keeps them out.
    penalty = ridge * float(np.trace(gram)) / len(gram) or 1.0
    factor = linalg.cho_factor(gram + penalty * np.eye(len(gram)))
    return LinearMap(centre, linalg.cho_solve(factor, x.T @ y), mean)


def reading(stream: Stream, posterior: FloatArray, ridge: float) -> Reading:
    """A ridge regression from a stream to a posterior, fitted on one half and tested on the other.

    Args:
        stream: (documents, length, width).
        posterior: (documents, length, values); places where it is NaN are left out.
        ridge: as in `ridge_map`.

    Raises:
        ValueError: where nothing is left to fit on.
    """
    half = first_half(len(stream))
    known = np.asarray(~np.isnan(posterior).any(-1))
    if not known[:half].any():
        raise ValueError(f"no posterior in the {half} documents of the fit")
    fitted = ridge_map(
        stream[:half][known[:half]].astype(np.float64), posterior[:half][known[:half]], ridge
    )
    read = np.full(posterior[half:].shape, np.nan)
    read[known[half:]] = fitted(stream[half:][known[half:]].astype(np.float64))
    return scored(read, posterior[half:], fitted.mean)


def scored(read: FloatArray, truth: FloatArray, mean: FloatArray) -> Reading:
    """Errors of what was read, (documents, length, values), beside those of the mean (values,)."""
    known = np.asarray(~np.isnan(truth).any(-1))
    return Reading(
        read=read,
        squares=np.nansum((read - truth) ** 2, (1, 2)),
        spread=np.nansum((truth - mean) ** 2, (1, 2)),
        tokens=int(known.sum()),
        documents=int(known.any(1).sum()),
    )


def explained(found: Reading, weights: FloatArray, confidence: float) -> dict[str, Any]:
    """R2 with its bootstrap over the documents of the test, as a ratio of sums, and rmse.

    R2 is one less the squared errors over those of the mean of the fit; it is below 0 where the
    map does worse than this mean, and None where the posterior never varies.

    Args:
        weights: (resamples, documents of the test), of `bootstrap`.
    """
    values = found.read.shape[-1]
    total = found.spread.sum()
    row: dict[str, Any] = {
        "r2": finite(1 - found.squares.sum() / total) if total > 0 else None,
        "r2_low": None,
        "r2_high": None,
        "rmse": (found.squares.sum() / (found.tokens * values)) ** 0.5 if found.tokens else None,
        "documents": found.documents,
        "tokens": found.tokens,
    }
    # Of a single document no resample could differ.
    if found.documents > 1:
        resamples = 1 - ratio_resamples(found.squares, found.spread, weights)
        low, high = percentile_interval(resamples, confidence)
        row |= {"r2_low": finite(float(low)), "r2_high": finite(float(high))}
    return row


def bootstrap(documents: int, statistics: Statistics) -> FloatArray:
    """Resamples of those of so many documents that are tested on, (resamples, documents)."""
    tested = documents - first_half(documents)
    return document_weights(tested, statistics.resamples, statistics.seed)


def probe_rows(
    streams: Sequence[Stream],
    posteriors: Mapping[str, FloatArray],
    control: str,
    ridge: float,
    statistics: Statistics,
) -> Rows:
    """How well each posterior is read off each level of the stream.

    Args:
        streams: by level, from the embedding on.
        posteriors: by latent (documents, length, values), as in `Process`.
        control: what the rows are called by.
        ridge: as in `ridge_map`.
    """
    weights = bootstrap(len(streams[0]), statistics)
    return [
        {
            "layer": layer,
            "latent": latent,
            "control": control,
            **explained(reading(stream, posterior, ridge), weights, statistics.confidence),
        }
        for layer, stream in enumerate(streams)
        for latent, posterior in posteriors.items()
    ]


# --------------------------------------------------------------------------------- controls


def shuffled(posteriors: Mapping[str, FloatArray], seed: int) -> dict[str, FloatArray]:
    """Each document with the posteriors of another one, place by place.

    What is still read then can be told from the place alone. The documents of the fit and those of
    the test lie on a circle each, in random order, and each gets what its neighbour has: never its
    own, unless it is alone. All latents alike.
    """
    found = {}
    for latent, posterior in posteriors.items():
        rng = np.random.default_rng(seed)
        documents, half = len(posterior), first_half(len(posterior))
        order = np.arange(documents)
        for circle in (rng.permutation(half), half + rng.permutation(documents - half)):
            order[circle] = np.roll(circle, 1)
        found[latent] = posterior[order]
    return found


def last_tokens(tokens: IntArray, count: int) -> IntArray:
    """What the last `count` tokens up to each place are, (documents, length): a number for each.

    Which tokens they are and in which order; not at which place they lie. Before the document
    begins there is nothing, which is as good as one more token.
    """
    found = np.zeros_like(tokens)
    for back in range(min(count, tokens.shape[1])):
        one = np.zeros_like(tokens)
        one[:, back:] = tokens[:, : tokens.shape[1] - back] + 1
        # Numbers are made small again each time, so they never overflow.
        _, joint = np.unique(found * (int(tokens.max()) + 2) + one, return_inverse=True)
        found = joint.reshape(tokens.shape)
    return np.asarray(found, dtype=np.int64)


def ridge_of_groups(
    groups: IntArray, targets: FloatArray, ridge: float
) -> tuple[FloatArray, FloatArray]:
    """`ridge_map` from groups (rows,) of 0, 1, ... as one-hot features, in closed form.

    With a weight of its own for each group, w = n (m - b) / (n + penalty), where n are its rows, m
    their mean and b the intercept that the same condition gives: so no matrix is needed, however
    many groups there are.

    Returns:
        What is read in each group, (groups, values), and the mean of the targets, (values,): this
        is read where a group has no rows too.
    """
    sizes = np.bincount(groups).astype(np.float64)
    sums = np.stack([np.bincount(groups, of, minlength=len(sizes)) for of in targets.T], 1)
    shares = sizes / len(groups)
    penalty = ridge * float((shares * (1 - shares)).mean()) * len(groups) or 1.0
    means = sums / np.maximum(sizes, 1)[:, None]
    pull = sizes * penalty / (sizes + penalty)
    intercept = pull @ means / pull.sum()
    weights = (sizes / (sizes + penalty))[:, None] * (means - intercept)
    return np.asarray(intercept + weights), targets.mean(0)


def with_premise(premise: IntArray, groups: IntArray) -> IntArray:
    """Groups (documents, length) split by the premise of their document, (documents,)."""
    _, found = np.unique(groups * (int(premise.max()) + 1) + premise[:, None], return_inverse=True)
    return np.asarray(found.reshape(groups.shape), dtype=np.int64)


def group_rows(
    groups: IntArray,
    posteriors: Mapping[str, FloatArray],
    control: str,
    ridge: float,
    statistics: Statistics,
) -> Rows:
    """How well each posterior is told by the group of a place, whatever function of it.

    Each group is a feature of its own. One that the fit has not seen says nothing.

    Args:
        groups: (documents, length), such as `last_tokens`.
        posteriors, control, ridge: as in `probe_rows`.
    """
    half, weights = first_half(len(groups)), bootstrap(len(groups), statistics)
    rows = []
    for latent, posterior in posteriors.items():
        known = np.asarray(~np.isnan(posterior).any(-1))
        of_fit = groups[:half][known[:half]]
        seen, own = np.unique(of_fit, return_inverse=True)
        by_group, mean = ridge_of_groups(own, posterior[:half][known[:half]], ridge)
        place = np.minimum(np.searchsorted(seen, groups[half:]), len(seen) - 1)
        is_seen = seen[place] == groups[half:]
        read = np.where(is_seen[..., None], by_group[place], mean)
        read[~known[half:]] = np.nan
        found = explained(scored(read, posterior[half:], mean), weights, statistics.confidence)
        rows.append({"layer": 0, "latent": latent, "control": control, **found})
    return rows


# ------------------------------------------------------------------------------- the picture


def pictured(posteriors: Mapping[str, FloatArray]) -> str | None:
    """The latent whose beliefs are points of a triangle, or None."""
    for latent in IN_THE_PICTURE:
        if latent in posteriors and posteriors[latent].shape[-1] == len(CORNERS):
            return latent
    return None


def places(posterior: FloatArray, points: int, seed: int) -> tuple[IntArray, IntArray]:
    """Documents of the test, counted from its first, and places: drawn once for all members."""
    half = first_half(len(posterior))
    document, place = np.nonzero(~np.isnan(posterior[half:]).any(-1))
    rng = np.random.default_rng(seed)
    chosen = np.sort(rng.choice(len(document), min(points, len(document)), replace=False))
    return document[chosen], place[chosen]


def point_rows(
    stream: Stream,
    level: int,
    posteriors: Mapping[str, FloatArray],
    points: int,
    ridge: float,
    seed: int,
) -> Rows:
    """Beliefs in the three states of a ring, exact and as read off a stream, at some places.

    Where there are masks, each point has the likeliest one and the letters since the premise, and
    the belief is in the state whoever speaks. Nothing is clipped: a map may read less than 0.

    Args:
        stream: at `level`.
        posteriors, ridge: as in `probe_rows`.
        points, seed: how many places, and of which draw.
    """
    latent = pictured(posteriors)
    if latent is None:
        return []
    truth = posteriors[latent]
    half = first_half(len(truth))
    document, place = places(truth, points, seed)
    read = reading(stream, truth, ridge).read[document, place]
    exact = truth[half:][document, place]
    if "mask" in posteriors:
        likeliest = posteriors["mask"][half:][document, place].argmax(-1)
        masks, letters = [MASKS[each] for each in likeliest], place - OPENING + 1
    else:
        masks, letters = ["chain"] * len(place), place
    return [
        {
            "layer": level,
            "point": point,
            "mask": masks[point],
            "letters": int(letters[point]),
            **{f"truth_{corner}": float(exact[point, i]) for i, corner in enumerate(CORNERS)},
            **{f"read_{corner}": float(read[point, i]) for i, corner in enumerate(CORNERS)},
        }
        for point in range(len(place))
    ]


def first_of_each_class(members: Iterable[Member]) -> set[str]:
    """The models with the smallest seeds of each class: whose beliefs are drawn."""
    by_class: dict[str, Member] = {}
    for member in members:
        other = by_class.setdefault(member.model_class, member)
        if member.seeds < other.seeds:
            by_class[member.model_class] = member
    return {member.model for member in by_class.values()}
