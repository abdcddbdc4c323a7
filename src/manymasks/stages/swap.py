"""swap: what predictions follow when part of the past comes from a donor document."""

from typing import Any

import numpy as np

from manymasks.arrays import Rows
from manymasks.config.analyses import Swap
from manymasks.corpora.processes import masks
from manymasks.errors import UserError
from manymasks.models.attention import Route
from manymasks.stages.inputs.members import members_of
from manymasks.stages.inputs.weights import load_members
from manymasks.store.job import Job
from manymasks.training.device import choose_device
from manymasks.truth import swap


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
    recipients, donors = swap.recipients_and_donors(settings.documents, max(settings.letters), rng)
    prompts = {}
    for letters in sorted(set(settings.letters)):
        length = masks.OPENING + letters
        shorter = {kind: tokens[:, :length] for kind, tokens in donors.items()}
        prompts[letters] = recipients[:, :length], shorter
    rows: Rows = []
    for letters, prompt in prompts.items():
        for row in swap.swap_rows(swap.token_swaps(swap.bayes_law, *prompt), statistics):
            rows.append({"model": swap.BAYES, "letters": letters, **row})
    for index, (training, member) in enumerate(zip(trainings, members, strict=True)):
        job.report(index, len(members), "members")
        model = load_members([training], device)
        local = load_members([training], device, route=Route("local"))
        for letters, prompt in prompts.items():
            for row in swap.swap_rows(
                swap.member_swaps(model, local, *prompt, settings.batch), statistics
            ):
                rows.append({"model": member.model, "letters": letters, **row})
    job.write_table("mask_swap", rows)
    return {"members": len(members), "documents": settings.documents}
