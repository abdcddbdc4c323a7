"""The spectrum of what members on text carry from token to token, without a truth beside it.

With S the laws of the next token after prompts on their leading directions, without their mean, and
Q their means one token later by the member's own law, A = argmin |S A - Q| is the operator of one
token, as in `ergodic_parts`. If A r = x r, the coordinate S r of a prompt keeps x of its value with
every token: topic and layout are slow, grammar is fast. The constant, whose eigenvalue is 1, is
gone with the mean. What the law of the next token does not show has no eigenvalue, and few
directions have slow coordinates in part: eigenvalues rise with the directions. S is exact, so that
draws of the next token add errors to Q alone, which do not draw eigenvalues to 0.

Beside it: `exchanged`, where S is of another prompt with the same last token, so that its spectrum
is what the last token alone carries, with the errors of as many prompts; `independent`, where S has
log-normal noise as large as the divergence between two seeds, which shows how far such errors draw
eigenvalues to 0; and a member as initialised.
"""

from collections.abc import Sequence

import numpy as np

from manymasks.arrays import Floats, Ints
from manymasks.truth.ergodic_parts import LetterOperator, fitted_operator

SHOWN = 6
"""Tokens that a coordinate names at each of its ends."""
ROUNDING = 1e-9
"""Singular values below it, relative to the first, are those of rounding; so is what varies of laws
relative to their size. Rounding is much the same before and after a token: its eigenvalues are near
1."""
FLAT = 1e-9
"""Standard deviation below which a coordinate has no ends."""


def text_operator(before: Floats, after: Floats, directions: int) -> LetterOperator:
    """The operator of one token from laws before and after it, (windows, prompts, classes) each, on
    the leading directions of the first about their mean. Laws that are the same after all prompts
    have one coordinate of 0, whose eigenvalue is 0."""
    centred = [(laws - laws.mean((0, 1))).astype(np.float64) for laws in (before, after)]
    if np.linalg.norm(centred[0]) <= ROUNDING * np.linalg.norm(before):
        nothing = np.zeros((*before.shape[:-1], 1))
        return LetterOperator(np.ones(1), nothing, nothing, np.zeros((1, 1)))
    flat = centred[0].reshape(-1, before.shape[-1])
    # The Gram matrix of the classes is small where prompts are many.
    kept = np.linalg.eigh(flat.T @ flat)[1][:, ::-1][:, :directions]
    return fitted_operator(centred[0] @ kept, centred[1] @ kept, ROUNDING)


def held_out_slopes(operator: LetterOperator, documents: Ints) -> Floats:
    """For every eigenvalue (rank,), in their order: a coordinate is fitted on every other document,
    and the slope of its mean one token later on its value is taken on the other half; mean over the
    two halves. NaN where it is complex in either, and for a single document. `documents`: of each
    window, from 0."""
    rank = len(operator.matrix)
    if not documents.any():
        return np.full(rank, np.nan)
    slopes = []
    for half in (documents % 2 == 0, documents % 2 == 1):
        fitted, *_ = np.linalg.lstsq(
            operator.coordinates[half].reshape(-1, rank),
            operator.shifted[half].reshape(-1, rank),
            rcond=None,
        )
        values, vectors = np.linalg.eig(fitted)
        order = np.lexsort((values.imag, -values.real.round(12)))
        now = (operator.coordinates[~half].reshape(-1, rank) @ vectors[:, order]).real
        later = (operator.shifted[~half].reshape(-1, rank) @ vectors[:, order]).real
        now, later = now - now.mean(0), later - later.mean(0)
        variance = (now**2).sum(0)
        slope = (now * later).sum(0) / np.where(variance > 0, variance, np.nan)
        slopes.append(np.where(values[order].imag == 0, slope, np.nan))
    return np.asarray(np.mean(slopes, 0))


def exchanged_prompts(laws: Floats, last: Ints, rng: np.random.Generator) -> Floats:
    """Laws (windows, prompts, values), each from another prompt of any length with the same last
    token (windows, prompts). Prompts whose last token ends no other are exchanged with each
    other."""
    flat, ends = laws.reshape(-1, laws.shape[-1]), last.reshape(-1)
    exchanged = flat.copy()
    tokens, number, counts = np.unique(ends, return_inverse=True, return_counts=True)
    group = np.where(counts[number] > 1, number, len(tokens))
    for one in np.unique(group):
        rows = rng.permutation(np.flatnonzero(group == one))
        # A cycle through all of them leaves none in its place.
        exchanged[np.roll(rows, 1)] = flat[rows]
    return exchanged.reshape(laws.shape)


def token_ends(operator: LetterOperator, laws: Floats) -> dict[int, tuple[Ints, Ints]]:
    """The classes whose probability rises most with the coordinate of each real eigenvalue, and
    those whose probability falls most, by its number from 0, in the order of `eigenvalues`. Laws
    (windows, prompts, classes). The sign of a coordinate is such that the class that moves most
    rises."""
    values, vectors = np.linalg.eig(operator.matrix)
    flat = laws.reshape(-1, laws.shape[-1])
    centred = flat - flat.mean(0)
    ends = {}
    for number, index in enumerate(np.lexsort((values.imag, -values.real.round(12)))):
        if values[index].imag:
            continue
        coordinate = operator.coordinates.reshape(len(flat), -1) @ vectors[:, index].real
        coordinate = coordinate - coordinate.mean()
        if coordinate.std() < FLAT:
            continue
        moved = coordinate @ centred
        moved = moved * np.sign(moved[np.abs(moved).argmax()])
        order = np.argsort(-moved, kind="stable")
        ends[number] = order[:SHOWN], order[::-1][:SHOWN]
    return ends


def named_tokens(classes: Ints, names: Sequence[str]) -> str:
    """Names of classes, quoted: those of tokens, and `other` for the last class."""
    last = len(names)
    return " ".join("other" if one == last else repr(names[one]) for one in classes)
