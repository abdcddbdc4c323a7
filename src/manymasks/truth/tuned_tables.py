"""Rows about fine-tuned members, from their laws after the same prompts."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from manymasks.arrays import Floats, Row, Rows
from manymasks.config.mask_law import MaskLaw
from manymasks.config.rewards import Reward
from manymasks.corpora.processes.machine import divergence
from manymasks.corpora.processes.masks import MASKS, PREMISES, changed_prior
from manymasks.statistics.intervals import finite
from manymasks.truth.mixtures import mixed
from manymasks.truth.reward_optimum import RewardOptimum
from manymasks.truth.spectroscopy import AHEAD
from manymasks.truth.tuned_laws import (
    BaseLaws,
    TuningPrompts,
    mask_weights,
    reading,
    reweighting,
)


def arm_of(law: MaskLaw | None, *, has_start: bool) -> str:
    """What documents of a law, or of the process, are to members with or without a start."""
    if law is None:
        return "revived" if has_start else "fresh"
    if law.premise is not None:
        return "one premise"
    if law.prior is not None:
        return "prior"
    return "one mask" if law.only in MASKS else "new mask"


def arm_of_reward(reward: Reward, *, imitates: bool) -> str:
    """What members are that were trained by a reward, or on documents of its optimum."""
    rewarded = "letter" if reward.mask is None else "mask"
    return f"{rewarded} {'optimum' if imitates else 'reward'}"


def reference_of(law: MaskLaw | None) -> int:
    """The likeliest of the four masks under a law, the first of several: its shift is 0."""
    prior = changed_prior(law)
    row = PREMISES.index(law.premise) if law is not None and law.premise is not None else -1
    return int(prior[row, : len(MASKS)].argmax())


@dataclass(frozen=True)
class TuningGoal:
    """The exact law that a fine-tuning leads to, where members reach it."""

    exact: Floats
    """(documents, prompts, 27)."""
    posterior: Floats
    """(documents, prompts, masks): of the four masks."""
    reference: int
    """The mask whose shift is 0."""
    changed: tuple[bool, ...]
    """(premises,): whether the law under them is changed."""

    floor: Floats
    """(documents, prompts) nats: what no mixture of the four masks explains of it."""


def _floor(prompts: TuningPrompts, exact: Floats) -> Floats:
    return divergence(exact, mixed(mask_weights(prompts, exact), prompts.four))


def goal_of_law(prompts: TuningPrompts, law: MaskLaw | None) -> TuningGoal:
    """The law of Bayes for documents of a changed law, or of the process."""
    changed = [law is not None and law.premise in (None, premise) for premise in PREMISES]
    exact, four = prompts.exact(law), prompts.posterior(law)[..., : len(MASKS)]
    return TuningGoal(exact, four, reference_of(law), tuple(changed), _floor(prompts, exact))


def goal_of_reward(prompts: TuningPrompts, optimum: RewardOptimum) -> TuningGoal:
    """The optimum of a reward. Its reference is the likeliest mask after the shortest prompt."""
    posterior = optimum.weights(prompts.tokens, prompts.letters)
    exact = optimum.laws(prompts.tokens, prompts.letters, AHEAD)
    reference = int(posterior[:, 0].mean(0).argmax())
    changed = (True,) * len(PREMISES)
    return TuningGoal(exact, posterior, reference, changed, _floor(prompts, exact))


def state_rows(
    prompts: TuningPrompts,
    goal: TuningGoal,
    base: BaseLaws | None,
    laws: Floats,
    alphas: Sequence[float],
) -> Mapping[str, Rows]:
    """Rows of each table about laws (documents, prompts, 27) at one step. `base`: where the member
    started; None for a member that was trained from drawn weights, whose change has no
    beginning."""
    reference = goal.reference
    weights = mask_weights(prompts, laws)
    one_shift = None
    columns = {
        "residual": divergence(laws, mixed(weights, prompts.four)),
        "from_changed": divergence(goal.exact, laws),
        "from_original": divergence(prompts.exact(None), laws),
        "floor": goal.floor,
    }
    absent = ("kl", "kl_one", "kl_free", "base_residual", "goal_kl", "goal_kl_one")
    if base is not None:
        change = reweighting(prompts, base, laws, reference)
        one_shift = change.shift
        columns |= {"kl": change.kl, "kl_one": change.one, "kl_free": change.free}
        whole = reweighting(prompts, base, goal.exact, reference)
        columns |= {"goal_kl": whole.kl, "goal_kl_one": whole.one}
        columns["base_residual"] = divergence(base.laws, mixed(base.weights, prompts.four))
    laws_rows = [
        {
            "letters": letters,
            **dict.fromkeys(absent),
            **{name: finite(values[:, place].mean()) for name, values in columns.items()},
            "documents": len(laws),
        }
        for place, letters in enumerate(prompts.letters)
    ]
    read = reading(prompts, laws, reference, alphas)
    reading_row: Row = {
        "reference": MASKS[reference],
        "alpha": read.alpha,
        "alpha_low": read.low,
        "alpha_high": read.high,
        "is_identified": read.is_identified,
        "gamma": read.gamma,
        "shift": float(np.delete(read.shift, reference).mean()),
        "left_over": read.left,
        "documents": len(laws),
    }
    shifts = [
        {
            "mask": mask,
            "shift": float(read.shift[z]),
            "one_shift": None if one_shift is None else float(one_shift[z]),
        }
        for z, mask in enumerate(MASKS)
    ]
    profile = [
        {"alpha": float(alpha), "left_over": float(left)}
        for alpha, left in zip(alphas, read.profile, strict=True)
    ]
    return {
        "tuned_law": laws_rows,
        "tuned_reading": [reading_row],
        "tuned_shift": shifts,
        "tuned_profile": profile,
        "tuned_wake": _wake_rows(prompts, goal, base, weights),
        "tuned_premise": _premise_rows(prompts, goal, base, weights),
    }


def _wake_rows(
    prompts: TuningPrompts,
    goal: TuningGoal,
    base: BaseLaws | None,
    weights: Floats,
) -> Rows:
    """The weight of the mask of the document, by mask and length of the prompt."""
    before = prompts.posterior(None)
    rows = []
    for z, mask in enumerate(MASKS):
        mine = prompts.speaker == z
        for place, letters in enumerate(prompts.letters):
            rows.append(
                {
                    "mask": mask,
                    "is_reference": z == goal.reference,
                    "letters": letters,
                    "weight": float(weights[mine, place, z].mean()),
                    "base_weight": None
                    if base is None
                    else float(base.weights[mine, place, z].mean()),
                    "bayes": float(goal.posterior[mine, place, z].mean()),
                    "bayes_before": float(before[mine, place, z].mean()),
                }
            )
    return rows


def _premise_rows(
    prompts: TuningPrompts,
    goal: TuningGoal,
    base: BaseLaws | None,
    weights: Floats,
) -> Rows:
    """The weight of the reference after the shortest prompt, by premise."""
    reference = goal.reference
    rows = []
    for number, premise in enumerate(PREMISES):
        mine = prompts.premise == number
        rows.append(
            {
                "premise": premise,
                "is_changed": goal.changed[number],
                "letters": prompts.letters[0],
                "weight": float(weights[mine, 0, reference].mean()),
                "base_weight": None
                if base is None
                else float(base.weights[mine, 0, reference].mean()),
                "bayes": float(goal.posterior[mine, 0, reference].mean()),
            }
        )
    return rows
