"""rashomon: which members of a corpus fit equally well."""

from typing import Any

import numpy as np

from manymasks.config.analyses import Rashomon, Statistics
from manymasks.rashomon.membership import Losses, rashomon_rows
from manymasks.stages.members import members_of
from manymasks.store.job import Job


def make(job: Job) -> dict[str, Any]:
    """Write the tables `rashomon_set`, `rashomon_member` and `rashomon_metric`."""
    evaluations = job.inputs["evaluation"]
    keys = [each.figures["model"] for each in evaluations]
    found = members_of(evaluations, keys, job.settings["members"])
    splits = {}
    for split in ("select", "measure"):
        sums = [np.load(each.file("sums.npz")) for each, _ in found]
        splits[split] = Losses(
            nats=np.stack([each[f"{split}_nats"].sum(1) for each in sums]),
            tokens=sums[0][f"{split}_tokens"].sum(1).astype(float),
        )
    tables = rashomon_rows(
        splits["select"],
        splits["measure"],
        [member for _, member in found],
        job.setting("rashomon", Rashomon),
        job.setting("statistics", Statistics),
    )
    for name, rows in tables.items():
        job.write_table(name, rows)
    return {"members": len(found), "sets": len(tables["rashomon_set"])}
