"""swap: what predictions follow when a part of the past is a donor's."""

from typing import Any

import numpy as np

from manymasks.config.analyses import Swap
from manymasks.corpora.processes import masks
from manymasks.errors import UserError
from manymasks.models.attention import Route
from manymasks.stages.inputs.members import members_of
from manymasks.stages.inputs.weights import load_members
from manymasks.store.job import Job
from manymasks.training.device import choose_device
from manymasks.truth.swap import BAYES, bayes, pairs, swap_rows, swapped, swapped_tokens


def make(job: Job) -> dict[str, Any]:
    """Write `mask_swap`."""
    settings: Swap = job.setting("swap", Swap)
    statistics = job.statistics
    most = masks.LENGTH - masks.OPENING - 1
    if max(settings.letters) > most:
        raise UserError(
            f"swap.letters has {max(settings.letters)}: the next letter must be in the document, "
            f"so at most {most}"
        )
    trainings, members = members_of(job)
    device = choose_device(job.hardware.device)
    rng = np.random.default_rng(settings.seed)
    recipients, donors = pairs(settings.documents, max(settings.letters), rng)
    prompts = {}
    for letters in sorted(set(settings.letters)):
        seen = slice(masks.OPENING + letters)
        of = {whose: tokens[:, seen] for whose, tokens in donors.items()}
        prompts[letters] = recipients[:, seen], of
    rows = []
    for letters, prompt in prompts.items():
        exact = swap_rows(swapped_tokens(bayes, *prompt), statistics)
        rows += [{"model": BAYES, "letters": letters, **row} for row in exact]
    for place, (training, member) in enumerate(zip(trainings, members, strict=True)):
        job.report(place, len(members), "members")
        own = load_members([training], device)
        local = load_members([training], device, route=Route("local"))
        for letters, prompt in prompts.items():
            several = swap_rows(swapped(own, local, *prompt, settings.batch), statistics)
            rows += [{"model": member.model, "letters": letters, **row} for row in several]
    job.write_table("mask_swap", rows)
    return {"members": len(members), "documents": settings.documents}
