"""swap: what predictions follow when a part of the past is a donor's."""

from typing import Any

import numpy as np

from manymasks.config.analyses import Statistics, Swap
from manymasks.corpora.processes import masks
from manymasks.errors import UserError
from manymasks.models.attention import Route
from manymasks.stages.members import members_of
from manymasks.stages.weights import load_members
from manymasks.store.job import Job
from manymasks.training.device import choose_device
from manymasks.truth.swap import pairs, swap_row, swapped


def make(job: Job) -> dict[str, Any]:
    """Write `mask_swap`."""
    settings: Swap = job.setting("swap", Swap)
    statistics: Statistics = job.setting("statistics", Statistics)
    most = masks.LENGTH - masks.OPENING - 1
    if max(settings.letters) > most:
        raise UserError(
            f"swap.letters has {max(settings.letters)}: the next letter must be in the document, "
            f"so at most {most}"
        )
    artifacts = job.inputs["training"]
    found = members_of(artifacts, [each.key for each in artifacts], job.settings["members"])
    device = choose_device(job.machine.device)
    rng = np.random.default_rng(settings.seed)
    recipients, donors = pairs(settings.documents, max(settings.letters), rng)
    rows = []
    for place, (training, member) in enumerate(found):
        job.report(place, len(found), "members")
        own = load_members([training], device)
        local = load_members([training], device, route=Route("local"))
        for letters in sorted(set(settings.letters)):
            seen = slice(masks.OPENING + letters)
            several = swapped(own, local, recipients[:, seen], donors[:, seen], settings.batch)
            for each in several:
                row = {"model": member.model, "letters": letters, **swap_row(each, statistics)}
                rows.append(row)
    job.write_table("mask_swap", rows)
    return {"members": len(found), "documents": settings.documents}
