"""What fine-tuning changed in the laws of a member: the probabilities of the masks, or the rest.

F is the law of three letters of a fine-tuned member after a prompt, B that of the member that it
started from, M_z the exact laws of the masks, and w the weights of the mixture closest to a law.
What B says beside its masks is kept: the factor B / (w_B M), so that an unchanged member is
explained by unchanged weights. Then four fits, in nats a prompt:

- *one shift*: the weights w_B e^b with one b for all prompts. What it leaves of KL(F || B) is the
  change that no shift of the masks' log-weights explains.
- *free*: weights of the masks chosen for each prompt. They can say nothing else than masks.
- *residual*: KL(F || closest mixture), what no mixture of masks explains, beside that of the exact
  law of the changed documents, the floor.
- *reading*: F ~ sum_z softmax_z(gamma ln prior_z(premise) + alpha E_z + b_z) M_z, by how much of
  the exact evidence E and of the premise is still read, and how far the prior has moved. Bayes is
  alpha 1, gamma 1, b 0; under another prior that no premise changes alpha 1, gamma 0, b its
  logarithm.

Shares cannot tell a shifted prior from evidence that is no longer read: a law stuck on one mask is
a re-weighting as well. Alpha can, where its profile rises on both sides.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from manymasks.arrays import Floats, Ints
from manymasks.config.mask_law import MaskLaw
from manymasks.corpora.processes.machine import divergence
from manymasks.corpora.processes.masks import (
    ALL_MASKS,
    ALL_MOVES,
    BOS,
    EMISSIONS,
    FIRST_LETTER,
    FIRST_PREMISE,
    LENGTH,
    MASKS,
    OPENING,
    PREMISES,
    PRIOR,
    STATES,
    changed_prior,
    draw_letters,
)
from manymasks.truth.mask_logits import LogitFit, LogitProblem, closest_logits
from manymasks.truth.mixtures import closest, mixed
from manymasks.truth.spectroscopy import laws_of_three

SMALLEST_WEIGHT = 1e-9
"""Weights of the base below it count as this much: the closest mixture often gives none, and what
has none cannot be re-weighted."""
LARGEST_SHIFT = 60.0
"""Bound of the shifts, nats: beyond what 56 letters can say for a mask."""
READINGS = (-1.0, 3.0)
"""Bounds of alpha and gamma."""
RISE = 1.2
"""Alpha is identified where the divergence left rises to this many times the least on both
sides, and by more than `FLAT`."""
FLAT = 1e-6
"""Nats."""
UNCHANGED = 1e-9
"""Divergence from the base, nats, below which there is no change to explain."""


@dataclass(frozen=True)
class TuningPrompts:
    """Prompts of several lengths in documents of known masks, and what is exact about them."""

    tokens: Ints
    """(documents, length)."""
    letters: tuple[int, ...]
    """Length of each prompt in letters, ascending."""
    speaker: Ints
    """(documents,) the mask of the document."""
    premise: Ints
    """(documents,)."""
    evidence: Floats
    """(documents, prompts, all masks): ln p(letters | mask), nats."""
    masks: Floats
    """(documents, prompts, all masks, 27): the law of each mask."""

    @property
    def four(self) -> Floats:
        """The laws of the masks of the process, (documents, prompts, masks, 27)."""
        return self.masks[:, :, : len(MASKS)]

    def posterior(self, law: MaskLaw | None) -> Floats:
        """(documents, prompts, all masks): that of Bayes under a changed law, or that of the
        process."""
        with np.errstate(divide="ignore"):
            logits = self.evidence + np.log(changed_prior(law))[self.premise][:, None]
        weights = np.exp(logits - logits.max(-1, keepdims=True))
        return np.asarray(weights / weights.sum(-1, keepdims=True))

    def exact(self, law: MaskLaw | None) -> Floats:
        """(documents, prompts, 27): the law of Bayes."""
        return mixed(self.posterior(law), self.masks)


def tuning_prompts(documents: int, letters: Sequence[int], seed: int) -> TuningPrompts:
    """So many documents of each mask of the process, under premises in turn."""
    rng = np.random.default_rng(seed)
    speaker = np.repeat(np.arange(len(MASKS)), documents)
    premise = np.tile(np.arange(documents) % len(PREMISES), len(MASKS))
    opening = np.stack([np.full(len(speaker), BOS), FIRST_PREMISE + premise], 1)
    drawn = draw_letters(speaker, LENGTH - OPENING, rng)
    evidence, laws = _by_mask(drawn - FIRST_LETTER, letters)
    tokens = np.hstack([opening, drawn])
    return TuningPrompts(tokens, tuple(letters), speaker, premise, evidence, laws)


def _by_mask(letters: Ints, lengths: Sequence[int]) -> tuple[Floats, Floats]:
    """Evidence (documents, lengths, all masks) and laws of three letters (..., 27) of all masks
    after so many letters."""
    belief = np.full((len(ALL_MASKS), len(letters), STATES), 1 / STATES)
    evidence = np.zeros((len(ALL_MASKS), len(letters)))
    steps = laws_of_three(ALL_MOVES)
    after: list[tuple[Floats, Floats]] = []
    for count in range(max(lengths) + 1):
        if count in lengths:
            after.append((evidence.T, np.einsum("zdi,zic->dzc", belief, steps)))
        if count < max(lengths):
            joint = (belief @ ALL_MOVES) * EMISSIONS[:, letters[:, count]].T
            probability = joint.sum(-1)
            evidence = evidence + np.log(probability)
            belief = joint / probability[..., None]
    return np.stack([one for one, _ in after], 1), np.stack([law for _, law in after], 1)


@dataclass(frozen=True)
class BaseLaws:
    """The laws of the member that others started from."""

    laws: Floats
    """(documents, prompts, 27)."""
    weights: Floats
    """(documents, prompts, masks): of the closest mixture."""
    tilted: Floats
    """(documents, prompts, masks, 27): the laws of the masks times B / (w_B M), normalised."""
    offset: Floats
    """(documents, prompts, masks): logits of their weights, with which the mixture is B."""


def mask_weights(prompts: TuningPrompts, laws: Floats) -> Floats:
    """Weights (documents, prompts, masks) of the mixtures of the four masks closest to laws."""
    return _closest(laws, prompts.four)


def _closest(laws: Floats, components: Floats) -> Floats:
    documents, lengths, masks, values = components.shape
    weights, _ = closest(laws.reshape(-1, values), components.reshape(-1, masks, values))
    return weights.reshape(documents, lengths, masks)


def base_laws(prompts: TuningPrompts, laws: Floats) -> BaseLaws:
    """A member's laws (documents, prompts, 27) as what others start from."""
    weights = mask_weights(prompts, laws)
    raised = np.maximum(weights, SMALLEST_WEIGHT)
    raised /= raised.sum(-1, keepdims=True)
    joint = prompts.four * (laws / mixed(raised, prompts.four))[:, :, None]
    scale = joint.sum(-1)
    return BaseLaws(laws, weights, joint / scale[..., None], np.log(raised * scale))


@dataclass(frozen=True)
class Reweighting:
    """The change of a member, and what weights of the masks leave of it, (documents, prompts)
    nats."""

    kl: Floats
    """KL(F || B)."""
    one: Floats
    """With one shift for all prompts."""
    free: Floats
    """With weights chosen for each prompt."""
    shift: Floats
    """(masks,): the one shift, 0 for the reference."""


def reweighting(
    prompts: TuningPrompts, base: BaseLaws, laws: Floats, reference: int
) -> Reweighting:
    """How much of the change from a base to laws (documents, prompts, 27) weights explain.
    `reference`: the mask whose shift is 0."""
    kl = divergence(laws, base.laws)
    shift = np.zeros(len(MASKS))
    if kl.mean() < UNCHANGED:
        return Reweighting(kl, kl, kl, shift)
    others = _others(reference)
    problem = _problem(laws, base.tilted, base.offset, _shifts(laws.shape[:2], others))
    bounds = [(-LARGEST_SHIFT, LARGEST_SHIFT)] * len(others)
    fit = closest_logits(problem, [np.full(len(others), b) for b in (0.0, -4.0)], bounds)
    shift[others] = fit.parameters
    one = divergence(laws, problem.mixtures(fit.parameters).reshape(laws.shape))
    free = divergence(laws, mixed(_closest(laws, base.tilted), base.tilted))
    return Reweighting(kl, one, free, shift)


@dataclass(frozen=True)
class Reading:
    """How a member reads evidence and premise, and how far its prior has moved."""

    alpha: float
    low: float | None
    """The end of the range of alphas whose divergence stays below `RISE` times the least; None
    where it does not end within the profile."""
    high: float | None
    gamma: float
    shift: Floats
    """(masks,): 0 for the reference."""
    left: float
    """Mean divergence that the fit leaves, nats a prompt."""
    profile: Floats
    """The same with alpha at each of the values of the profile."""

    @property
    def is_identified(self) -> bool:
        return self.low is not None and self.high is not None


def reading(
    prompts: TuningPrompts, laws: Floats, reference: int, alphas: Sequence[float]
) -> Reading:
    """Alpha, gamma and the shifts of laws (documents, prompts, 27), with the profile of alpha."""
    others = _others(reference)
    shape = laws.shape[:2]
    prior = np.broadcast_to(np.log(PRIOR)[prompts.premise][:, None], (*shape, len(MASKS)))
    read = np.stack([prompts.evidence[..., : len(MASKS)], prior], -1)
    features = np.concatenate([read, _shifts(shape, others)], -1)
    problem = _problem(laws, prompts.four, np.zeros((*shape, len(MASKS))), features)
    bounds = [READINGS, READINGS, *[(-LARGEST_SHIFT, LARGEST_SHIFT)] * len(others)]
    starts = [
        np.array([1.0, 1.0, *np.zeros(len(others))]),
        np.array([1.0, 0.0, *np.full(len(others), -4.0)]),
        np.array([0.1, 0.2, *np.full(len(others), -3.0)]),
    ]
    fits = _profile(problem, alphas, starts, bounds)
    # A fit with alpha fixed may find a better valley than those from the starts.
    further = min(zip(fits, alphas, strict=True), key=lambda item: item[0].left)
    best = closest_logits(
        problem, [*starts, np.insert(further[0].parameters, 0, further[1])], bounds
    )
    shift = np.zeros(len(MASKS))
    alpha, gamma = float(best.parameters[0]), float(best.parameters[1])
    shift[others] = best.parameters[2:]
    left = np.array([fit.left for fit in fits])
    low, high = _range(np.array(alphas), left, alpha, best.left)
    return Reading(alpha, low, high, gamma, shift, best.left, left)


def _profile(
    problem: LogitProblem,
    alphas: Sequence[float],
    starts: Sequence[Floats],
    bounds: Sequence[tuple[float, float]],
) -> list[LogitFit]:
    """The best fit with alpha at each value, from the starts and from that of the value before."""
    fits: list[LogitFit] = []
    for alpha in alphas:
        begins = [start[1:] for start in starts]
        if fits:
            begins = [fits[-1].parameters, *begins[1:]]
        # A shift that no letters reach explains what any alpha does, if it does.
        begins.append(np.array([0.0, *np.full(len(bounds) - 2, -LARGEST_SHIFT / 2)]))
        fits.append(closest_logits(problem.fixed(0, alpha), begins, bounds[1:]))
    return fits


def _range(
    alphas: Floats, left: Floats, best: float, least: float
) -> tuple[float | None, float | None]:
    """Ends of the range around the best alpha in which the divergence left is below `RISE` times
    the least, between the values of the profile; None where it does not rise so far."""
    ends: list[float | None] = []
    threshold = max(RISE * least, least + FLAT)
    for side in (alphas < best, alphas > best):
        order = np.flatnonzero(side)
        order = order[::-1] if alphas[order].max(initial=best) <= best else order
        place, height = best, least
        end = None
        for index in order:
            if left[index] >= threshold and left[index] > height:
                share = max(threshold - height, 0) / (left[index] - height)
                end = float(place + share * (alphas[index] - place))
                break
            place, height = float(alphas[index]), float(left[index])
        ends.append(end)
    return ends[0], ends[1]


def _others(reference: int) -> Ints:
    return np.delete(np.arange(len(MASKS)), reference)


def _shifts(shape: tuple[int, ...], others: Ints) -> Floats:
    """(documents, prompts, masks, parameters): each parameter is the shift of one mask."""
    return np.broadcast_to(np.eye(len(MASKS))[:, others], (*shape, len(MASKS), len(others)))


def _problem(laws: Floats, components: Floats, offset: Floats, features: Floats) -> LogitProblem:
    """All prompts of all documents at once."""
    masks, values = components.shape[2:]
    return LogitProblem(
        laws.reshape(-1, values),
        components.reshape(-1, masks, values),
        offset.reshape(-1, masks),
        features.reshape(-1, masks, features.shape[-1]),
    )
