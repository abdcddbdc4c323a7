"""Bayesian beliefs in the residual stream: ridge fits of exact posteriors.

A process gives the posterior of its latents after every prefix. If a member represents a posterior
along directions of its stream, a ridge regression finds them (Shai et al. 2024, arXiv:2405.15943),
whether or not the member uses them. The fit uses the first half of the documents and is tested on
the other half. Controls are the stream of an untrained model, the posteriors of other documents,
and the last tokens, without and with the premise of the document.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
from scipy import linalg

from manymasks.arrays import Floats, Ints, Row, Rows
from manymasks.config.analyses import Statistics
from manymasks.corpora.processes.masks import MASKS, OPENING
from manymasks.statistics.bootstrap import (
    document_columns,
    document_weights,
    interval_over_documents,
    ratio_resamples,
)
from manymasks.statistics.model_classes import Member

Stream = npt.NDArray[np.floating[Any]]
"""(documents, length, width): the residual stream of a member at one level."""

TRIANGLE_LATENTS = ("letter_state", "state")
"""Latents for the triangles of beliefs: the first of them that has three values is drawn."""
CORNERS = "abc"


@dataclass(frozen=True)
class LinearFit:
    """(rows, width) -> (rows, values): (x - centre) @ weights + mean."""

    centre: Floats
    weights: Floats
    mean: Floats

    def __call__(self, features: Floats) -> Floats:
        return np.asarray((features - self.centre) @ self.weights + self.mean)


@dataclass(frozen=True)
class HeldOutErrors:
    """Predictions of a fit on the held-out documents, and their errors."""

    predicted: Floats
    """(documents, length, values); NaN where there is no posterior."""
    squared_errors: Floats
    """(documents,): sums over positions and values."""
    squared_deviations: Floats
    """(documents,): the squared errors of a constant prediction, the mean of the fit."""
    tokens: int
    documents: int


def first_half(documents: int) -> int:
    """The number of documents, the first ones, that are used for fits; the others are held out."""
    return documents // 2


def fit_ridge(features: Floats, targets: Floats, ridge: float) -> LinearFit:
    """Least squares of targets (rows, values) from features (rows, width), with a penalty.

    Both are centred, so the intercept is not penalised. The penalty on the squared weights is
    `ridge` times the mean variance of the features times the number of rows, so it depends neither
    on the unit of the features nor on the number of rows.
    """
    centre, mean = features.mean(0), targets.mean(0)
    x, y = features - centre, targets - mean
    gram = x.T @ x
    # Constant features carry no information: any penalty gives them no weight.
    penalty = ridge * float(np.trace(gram)) / len(gram) or 1.0
    factor = linalg.cho_factor(gram + penalty * np.eye(len(gram)))
    return LinearFit(centre, linalg.cho_solve(factor, x.T @ y), mean)


def held_out_errors(stream: Stream, posterior: Floats, ridge: float) -> HeldOutErrors:
    """A ridge regression from a stream (documents, length, width) to a posterior (documents,
    length, values), fitted on one half and tested on the other. Positions where the posterior is
    NaN are left out; ValueError where it is NaN in all documents of the fit."""
    half = first_half(len(stream))
    decided = np.asarray(~np.isnan(posterior).any(-1))
    if not decided[:half].any():
        raise ValueError(f"no posterior in the {half} documents of the fit")
    fit = fit_ridge(
        stream[:half][decided[:half]].astype(np.float64), posterior[:half][decided[:half]], ridge
    )
    predicted = np.full(posterior[half:].shape, np.nan)
    predicted[decided[half:]] = fit(stream[half:][decided[half:]].astype(np.float64))
    return errors_of(predicted, posterior[half:], fit.mean)


def errors_of(predicted: Floats, truth: Floats, mean: Floats) -> HeldOutErrors:
    """Errors of predictions (documents, length, values), beside those of the mean (values,)."""
    decided = np.asarray(~np.isnan(truth).any(-1))
    return HeldOutErrors(
        predicted=predicted,
        squared_errors=np.nansum((predicted - truth) ** 2, (1, 2)),
        squared_deviations=np.nansum((truth - mean) ** 2, (1, 2)),
        tokens=int(decided.sum()),
        documents=int(decided.any(1).sum()),
    )


def r2_columns(errors: HeldOutErrors, weights: Floats, confidence: float) -> Row:
    """R2 with its bootstrap over held-out documents, as a ratio of sums, and rmse. R2 is 1 minus
    the squared errors over those of the mean of the fit: negative where the fit does worse, None
    where the posterior never varies. `weights`: of `held_out_weights`."""
    values = errors.predicted.shape[-1]
    total = errors.squared_deviations.sum()
    squares = errors.squared_errors.sum()
    r2 = 1 - squares / total if total > 0 else float("nan")
    ratios = ratio_resamples(errors.squared_errors, errors.squared_deviations, weights)
    return {
        **interval_over_documents("r2", r2, 1 - ratios, errors.squared_deviations, confidence),
        "rmse": (squares / (errors.tokens * values)) ** 0.5 if errors.tokens else None,
        **document_columns(errors.squared_deviations),
        "documents": errors.documents,
        "tokens": errors.tokens,
    }


def held_out_weights(documents: int, statistics: Statistics) -> Floats:
    """Bootstrap weights of the held-out half of so many documents, (resamples, held-out)."""
    held_out = documents - first_half(documents)
    return document_weights(held_out, statistics.resamples, statistics.seed)


def fit_rows(
    streams: Sequence[Stream],
    posteriors: Mapping[str, Floats],
    control: str,
    ridge: float,
    statistics: Statistics,
) -> Rows:
    """The fit of each posterior at each level of the stream, from the embedding on. `posteriors`:
    by latent (documents, length, values), as in `Process`. `control`: a label."""
    weights = held_out_weights(len(streams[0]), statistics)
    return [
        {
            "layer": layer,
            "latent": latent,
            "control": control,
            **r2_columns(held_out_errors(stream, posterior, ridge), weights, statistics.confidence),
        }
        for layer, stream in enumerate(streams)
        for latent, posterior in posteriors.items()
    ]


# --------------------------------------------------------------------------------- controls


def shuffled(posteriors: Mapping[str, Floats], seed: int) -> dict[str, Floats]:
    """Posteriors permuted over documents, position by position; the same for all latents. A fit to
    them measures what the position alone tells. Each half of the documents is permuted as one
    random cycle: no document keeps its posteriors unless it is alone."""
    permuted = {}
    for latent, posterior in posteriors.items():
        rng = np.random.default_rng(seed)
        documents, half = len(posterior), first_half(len(posterior))
        order = np.arange(documents)
        for cycle in (rng.permutation(half), half + rng.permutation(documents - half)):
            order[cycle] = np.roll(cycle, 1)
        permuted[latent] = posterior[order]
    return permuted


def last_tokens(tokens: Ints, count: int) -> Ints:
    """The last `count` tokens up to each position as one number, (documents, length). Before the
    beginning of the document there is padding, which counts as one more token."""
    groups = np.zeros_like(tokens)
    for back in range(min(count, tokens.shape[1])):
        earlier = np.zeros_like(tokens)
        earlier[:, back:] = tokens[:, : tokens.shape[1] - back] + 1
        # Renumbered in every step, so that numbers never overflow.
        _, joint = np.unique(groups * (int(tokens.max()) + 2) + earlier, return_inverse=True)
        groups = joint.reshape(tokens.shape)
    return np.asarray(groups, dtype=np.int64)


def fit_ridge_of_groups(groups: Ints, targets: Floats, ridge: float) -> tuple[Floats, Floats]:
    """`fit_ridge` with groups (rows,) of 0, 1, ... as one-hot features, in closed form.

    The weight of a group is w = n (m - b) / (n + penalty), where n is its number of rows, m their
    mean and b the intercept that the same condition gives: without a matrix, for any number of
    groups. Returns the prediction for each group (groups, values), and the mean of the targets
    (values,), which is the prediction for an unseen group.
    """
    sizes = np.bincount(groups).astype(np.float64)
    sums = np.stack([np.bincount(groups, column, minlength=len(sizes)) for column in targets.T], 1)
    shares = sizes / len(groups)
    penalty = ridge * float((shares * (1 - shares)).mean()) * len(groups) or 1.0
    means = sums / np.maximum(sizes, 1)[:, None]
    pull = sizes * penalty / (sizes + penalty)
    intercept = pull @ means / pull.sum()
    weights = (sizes / (sizes + penalty))[:, None] * (means - intercept)
    return np.asarray(intercept + weights), targets.mean(0)


def with_premise(premise: Ints, groups: Ints) -> Ints:
    """Groups (documents, length) split by the premise of their document, (documents,)."""
    _, joint = np.unique(groups * (int(premise.max()) + 1) + premise[:, None], return_inverse=True)
    return np.asarray(joint.reshape(groups.shape), dtype=np.int64)


def group_fit_rows(
    groups: Ints,
    posteriors: Mapping[str, Floats],
    control: str,
    ridge: float,
    statistics: Statistics,
) -> Rows:
    """The fit of each posterior from any function of the group of a position, such as `last_tokens`
    (documents, length). For an unseen group the prediction is the mean. See `fit_rows`."""
    half, weights = first_half(len(groups)), held_out_weights(len(groups), statistics)
    rows = []
    for latent, posterior in posteriors.items():
        decided = np.asarray(~np.isnan(posterior).any(-1))
        seen, numbers = np.unique(groups[:half][decided[:half]], return_inverse=True)
        by_group, mean = fit_ridge_of_groups(numbers, posterior[:half][decided[:half]], ridge)
        number = np.minimum(np.searchsorted(seen, groups[half:]), len(seen) - 1)
        is_seen = seen[number] == groups[half:]
        predicted = np.where(is_seen[..., None], by_group[number], mean)
        predicted[~decided[half:]] = np.nan
        errors = errors_of(predicted, posterior[half:], mean)
        columns = r2_columns(errors, weights, statistics.confidence)
        rows.append({"layer": 0, "latent": latent, "control": control, **columns})
    return rows


# ------------------------------------------------------------------- points of the triangles


def triangle_latent(posteriors: Mapping[str, Floats]) -> str | None:
    """The latent with beliefs that are points of a triangle, or None."""
    for latent in TRIANGLE_LATENTS:
        if latent in posteriors and posteriors[latent].shape[-1] == len(CORNERS):
            return latent
    return None


def sampled_positions(posterior: Floats, points: int, seed: int) -> tuple[Ints, Ints]:
    """Held-out documents, numbered from the first, and positions in them; equal for all members."""
    half = first_half(len(posterior))
    document, position = np.nonzero(~np.isnan(posterior[half:]).any(-1))
    rng = np.random.default_rng(seed)
    chosen = np.sort(rng.choice(len(document), min(points, len(document)), replace=False))
    return document[chosen], position[chosen]


def point_rows(
    stream: Stream,
    level: int,
    posteriors: Mapping[str, Floats],
    points: int,
    ridge: float,
    seed: int,
) -> Rows:
    """Beliefs about the three states of a ring at sampled positions, exact and as fitted at a
    level; see `_belief_rows`."""
    latent = triangle_latent(posteriors)
    if latent is None:
        return []
    document, position = sampled_positions(posteriors[latent], points, seed)
    rows = _belief_rows(stream, level, posteriors, latent, ridge, document, position)
    return [{**row, "point": point} for point, row in enumerate(rows)]


def path_rows(
    stream: Stream,
    level: int,
    posteriors: Mapping[str, Floats],
    spelled: Sequence[Sequence[str]],
    ridge: float,
) -> Rows:
    """Beliefs after every letter of whole documents, as those of `point_rows`. `spelled`: tokens
    of the first held-out documents."""
    latent = triangle_latent(posteriors)
    if latent is None:
        return []
    half = first_half(len(posteriors[latent]))
    is_decided = ~np.isnan(posteriors[latent][half : half + len(spelled)]).any(-1)
    document, position = np.nonzero(is_decided)
    rows = _belief_rows(stream, level, posteriors, latent, ridge, document, position)
    return [
        {**row, "document": int(i), "token": spelled[int(i)][int(at)]}
        for row, i, at in zip(rows, document, position, strict=True)
        if row["letters"]
    ]


def _belief_rows(
    stream: Stream,
    level: int,
    posteriors: Mapping[str, Floats],
    latent: str,
    ridge: float,
    document: Ints,
    position: Ints,
) -> Rows:
    """Exact and fitted beliefs at positions of held-out documents. Where there are masks, a row has
    the likeliest mask and the number of letters since the premise, and the belief is about the
    state under any mask. A fitted belief may be negative."""
    truth = posteriors[latent]
    half = first_half(len(truth))
    fitted = held_out_errors(stream, truth, ridge).predicted[document, position]
    exact = truth[half:][document, position]
    if "mask" in posteriors:
        likeliest = posteriors["mask"][half:][document, position].argmax(-1)
        masks, letters = [MASKS[mask] for mask in likeliest], position - OPENING + 1
    else:
        masks, letters = ["chain"] * len(position), position
    return [
        {
            "layer": level,
            "mask": masks[row],
            "letters": int(letters[row]),
            **{f"truth_{corner}": float(exact[row, i]) for i, corner in enumerate(CORNERS)},
            **{f"read_{corner}": float(fitted[row, i]) for i, corner in enumerate(CORNERS)},
        }
        for row in range(len(position))
    ]


def first_of_each_class(members: Iterable[Member]) -> set[str]:
    """The model with the smallest seeds of each class: its beliefs are drawn."""
    by_class: dict[str, Member] = {}
    for member in members:
        other = by_class.setdefault(member.model_class, member)
        if member.seeds < other.seeds:
            by_class[member.model_class] = member
    return {member.model for member in by_class.values()}
