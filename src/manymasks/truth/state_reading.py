"""Posteriors read from a member at matched dimension: ridge after principal components.

A site is what a member holds at a position: the last residual stream, the streams of all levels,
the read-outs of a recurrence, or its whole state. The same number of principal components of each
is fitted to the same exact posteriors, on the first half of the documents, and tested on the other
half: so a site with more values has no advantage but a better choice of directions. A small MLP on
as many components as the width shows whether posteriors are held otherwise than linearly (Csordas
et al. 2024).
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy import linalg

from manymasks.arrays import Floats, Rows
from manymasks.config.analyses import Recurrence, Statistics
from manymasks.truth.belief import errors_of, first_half, held_out_weights, r2_columns

Site = npt.NDArray[np.floating]
"""(documents, positions, values)."""

SMALLEST = 1e-10
"""Share of the largest variance below which a component is rounding."""
HIDDEN, STEPS, RATE = 64, 200, 1e-2
"""Units, steps and learning rate of the MLP."""


@dataclass(frozen=True)
class PrincipalComponents:
    """Principal components of a site in the documents of the fit. `axes` (values, components), from
    the largest variance, whose sums over rows are `squares`."""

    centre: Floats
    axes: Floats
    squares: Floats

    @classmethod
    def of_rows(cls, rows: Floats, most: int) -> "PrincipalComponents":
        """At most `most` of them, from (rows, values)."""
        centre = rows.mean(0)
        x = rows - centre
        is_wide = x.shape[1] > x.shape[0]
        squares, vectors = linalg.eigh(x @ x.T if is_wide else x.T @ x)
        kept = np.flatnonzero(squares > SMALLEST * max(squares[-1], 1e-300))[::-1][:most]
        squares, vectors = squares[kept], vectors[:, kept]
        return cls(centre, x.T @ vectors / np.sqrt(squares) if is_wide else vectors, squares)

    def scores(self, rows: Floats) -> Floats:
        return np.asarray((rows - self.centre) @ self.axes)


@dataclass(frozen=True)
class ReadingFit:
    """A ridge regression on the first components, as (values, outputs) weights of the site."""

    centre: Floats
    weights: Floats
    mean: Floats

    def __call__(self, rows: Floats) -> Floats:
        return np.asarray((rows - self.centre) @ self.weights + self.mean)


def fit_on_components(
    components: PrincipalComponents, rows: Floats, targets: Floats, count: int, ridge: float
) -> ReadingFit:
    """Ridge of targets (rows, outputs) on the first `count` components, whose penalty is `ridge`
    times their mean variance: in closed form, as components are orthogonal."""
    squares, axes = components.squares[:count], components.axes[:, :count]
    mean = targets.mean(0)
    penalty = ridge * float(squares.mean()) if squares.size else 1.0
    scores = (rows - components.centre) @ axes
    weights = axes @ (scores.T @ (targets - mean) / (squares + penalty)[:, None])
    return ReadingFit(components.centre, weights, mean)


def reading_rows(
    sites: Mapping[str, Site],
    posteriors: Mapping[str, Floats],
    control: str,
    settings: Recurrence,
    statistics: Statistics,
    width: int,
) -> Rows:
    """R2 of every posterior from every site by the number of components, and of an MLP on as many
    as the width. `posteriors`: by latent (documents, positions, values), NaN where undecided."""
    rows: Rows = []
    for site, values in sites.items():
        half, weights = first_half(len(values)), held_out_weights(len(values), statistics)
        flat = values.astype(np.float64)
        for latent, posterior in posteriors.items():
            decided = np.asarray(~np.isnan(posterior).any(-1))
            x, y = flat[:half][decided[:half]], posterior[:half][decided[:half]]
            if not len(x):
                continue
            components = PrincipalComponents.of_rows(x, len(x))
            available = len(components.squares)
            counts = [k for k in settings.components if k < available]
            for count in (*counts, available):
                fit = fit_on_components(components, x, y, count, settings.ridge)
                rows.append(
                    {
                        "site": site,
                        "dimension": values.shape[-1],
                        "components": count,
                        "is_whole": count == available,
                        "probe": "ridge",
                        "latent": latent,
                        "control": control,
                    }
                    | _r2(fit(flat[half:]), posterior, decided, fit.mean, weights, statistics)
                )
            if control == "none":
                count = min(width, available)
                fitted = _mlp(components, x, y, count, settings.seed)
                predicted = fitted(components.scores(flat[half:])[..., :count])
                rows.append(
                    {
                        "site": site,
                        "dimension": values.shape[-1],
                        "components": count,
                        "is_whole": False,
                        "probe": "mlp",
                        "latent": latent,
                        "control": control,
                    }
                    | _r2(predicted, posterior, decided, y.mean(0), weights, statistics)
                )
    return rows


def _r2(
    predicted: Floats,
    posterior: Floats,
    decided: npt.NDArray[np.bool_],
    mean: Floats,
    weights: Floats,
    statistics: Statistics,
) -> dict[str, object]:
    """Columns of R2 on the held-out documents."""
    half = first_half(len(posterior))
    predicted = np.where(decided[half:, :, None], predicted, np.nan)
    errors = errors_of(predicted, posterior[half:], mean)
    return r2_columns(errors, weights, statistics.confidence)


def _mlp(
    components: PrincipalComponents, x: Floats, y: Floats, count: int, seed: int
) -> Callable[[Floats], Floats]:
    """A hidden layer of tanh units on standardised scores, fitted to all rows at once by Adam."""
    scale, mean = np.sqrt(components.squares[:count] / len(x)), y.mean(0)
    inputs, targets = components.scores(x)[:, :count] / scale, y - mean
    rng = np.random.default_rng(seed)
    first = rng.standard_normal((count, HIDDEN)) / count**0.5
    second = rng.standard_normal((HIDDEN, y.shape[1])) / HIDDEN**0.5
    weights = [first, np.zeros(HIDDEN), second, np.zeros(y.shape[1])]
    moments = [(np.zeros_like(weight), np.zeros_like(weight)) for weight in weights]
    for step in range(1, STEPS + 1):
        hidden = np.tanh(inputs @ weights[0] + weights[1])
        error = 2 * (hidden @ weights[2] + weights[3] - targets) / targets.size
        back = (error @ weights[2].T) * (1 - hidden**2)
        gradients = [inputs.T @ back, back.sum(0), hidden.T @ error, error.sum(0)]
        for weight, gradient, (mean_of, square_of) in zip(weights, gradients, moments, strict=True):
            mean_of += 0.1 * (gradient - mean_of)
            square_of += 0.001 * (gradient**2 - square_of)
            size = np.sqrt(square_of / (1 - 0.999**step)) + 1e-8
            weight -= RATE * mean_of / (1 - 0.9**step) / size

    def fitted(scores: Floats) -> Floats:
        hidden = np.tanh(scores / scale @ weights[0] + weights[1])
        return np.asarray(hidden @ weights[2] + weights[3] + mean)

    return fitted


def even_positions(first: int, length: int, count: int) -> list[int]:
    """At most `count` positions from `first` to the last of a document, evenly."""
    return [int(at) for at in np.unique(np.linspace(first, length - 1, count).astype(int))]


def concatenated(levels: Sequence[Site]) -> Site:
    """Several sites as one."""
    return np.concatenate(levels, axis=-1)
