"""control: the myopia gap of a process beyond that of its control."""

from typing import Any

import numpy as np

from manymasks.config.analyses import Contrast
from manymasks.myopia.control import ScoredCorpus, control_rows
from manymasks.stages.inputs.members import members_of
from manymasks.store.job import Job


def make(job: Job) -> dict[str, Any]:
    """Write `contrast`."""
    evaluations, members = members_of(job, "evaluation")
    contrasts: tuple[Contrast, ...] = job.setting("contrasts", tuple[Contrast, ...])
    scored = []
    for corpus in dict.fromkeys(name["corpus"] for name in job.settings["members"]):
        positions = [i for i, member in enumerate(members) if member.corpus == corpus]
        sums = [np.load(evaluations[i].file("sums.npz")) for i in positions]
        if not sums:
            # All of them failed in training, which the report says.
            job.write_tables({"contrast": []})
            return {"members": len(members), "contrasts": 0}
        nats = np.stack([arrays["measure_nats"].sum(axis=1) for arrays in sums])
        tokens = sums[0]["measure_tokens"].astype(float).sum(axis=1)
        scored.append(ScoredCorpus([members[i] for i in positions], nats, tokens))
    process, control = scored
    rows = control_rows(process, control, contrasts, job.statistics)
    job.write_tables({"contrast": rows})
    return {"members": len(members), "contrasts": len(rows)}
