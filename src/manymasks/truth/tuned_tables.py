"""Rows about fine-tuned members, from their laws after the same prompts."""

from collections.abc import Mapping, Sequence

import numpy as np

from manymasks.arrays import Floats, Row, Rows
from manymasks.config.mask_law import MaskLaw
from manymasks.corpora.processes.machine import divergence
from manymasks.corpora.processes.masks import MASKS, PREMISES, changed_prior
from manymasks.statistics.intervals import finite
from manymasks.truth.mixtures import mixed
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


def reference_of(law: MaskLaw | None) -> int:
    """The likeliest of the four masks under a law, the first of several: its shift is 0."""
    prior = changed_prior(law)
    row = PREMISES.index(law.premise) if law is not None and law.premise is not None else -1
    return int(prior[row, : len(MASKS)].argmax())


def state_rows(
    prompts: TuningPrompts,
    law: MaskLaw | None,
    base: BaseLaws | None,
    laws: Floats,
    alphas: Sequence[float],
) -> Mapping[str, Rows]:
    """Rows of each table about laws (documents, prompts, 27) at one step. `law`: of the documents
    that the member was trained on. `base`: where it started; None for a member that was trained
    from drawn weights, whose change has no beginning."""
    reference = reference_of(law)
    weights = mask_weights(prompts, laws)
    one_shift = None
    columns = {
        "residual": divergence(laws, mixed(weights, prompts.four)),
        "from_changed": divergence(prompts.exact(law), laws),
        "from_original": divergence(prompts.exact(None), laws),
        "floor": _floor(prompts, law),
    }
    absent = ("kl", "kl_one", "kl_free", "base_residual")
    if base is not None:
        change = reweighting(prompts, base, laws, reference)
        one_shift = change.shift
        columns |= {"kl": change.kl, "kl_one": change.one, "kl_free": change.free}
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
        "tuned_wake": _wake_rows(prompts, law, base, weights, reference),
        "tuned_premise": _premise_rows(prompts, law, base, weights, reference),
    }


def _floor(prompts: TuningPrompts, law: MaskLaw | None) -> Floats:
    """What no mixture of the four masks explains of the exact law of the documents."""
    exact = prompts.exact(law)
    return divergence(exact, mixed(mask_weights(prompts, exact), prompts.four))


def _wake_rows(
    prompts: TuningPrompts,
    law: MaskLaw | None,
    base: BaseLaws | None,
    weights: Floats,
    reference: int,
) -> Rows:
    """The weight of the mask of the document, by mask and length of the prompt."""
    exact, before = prompts.posterior(law), prompts.posterior(None)
    rows = []
    for z, mask in enumerate(MASKS):
        mine = prompts.speaker == z
        for place, letters in enumerate(prompts.letters):
            rows.append(
                {
                    "mask": mask,
                    "is_reference": z == reference,
                    "letters": letters,
                    "weight": float(weights[mine, place, z].mean()),
                    "base_weight": None
                    if base is None
                    else float(base.weights[mine, place, z].mean()),
                    "bayes": float(exact[mine, place, z].mean()),
                    "bayes_before": float(before[mine, place, z].mean()),
                }
            )
    return rows


def _premise_rows(
    prompts: TuningPrompts,
    law: MaskLaw | None,
    base: BaseLaws | None,
    weights: Floats,
    reference: int,
) -> Rows:
    """The weight of the reference after the shortest prompt, by premise."""
    exact = prompts.posterior(law)
    rows = []
    for number, premise in enumerate(PREMISES):
        mine = prompts.premise == number
        rows.append(
            {
                "premise": premise,
                "is_changed": law is not None and law.premise in (None, premise),
                "letters": prompts.letters[0],
                "weight": float(weights[mine, 0, reference].mean()),
                "base_weight": None
                if base is None
                else float(base.weights[mine, 0, reference].mean()),
                "bayes": float(exact[mine, 0, reference].mean()),
            }
        )
    return rows
