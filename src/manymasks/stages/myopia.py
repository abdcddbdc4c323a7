"""myopia: the gap between variants that differ in their gradients only."""

from typing import Any

import numpy as np

from manymasks.config.study import Contrast, Statistics
from manymasks.myopia.gap import myopia_rows
from manymasks.stages.members import members_of
from manymasks.store.job import Job


def make(job: Job) -> dict[str, Any]:
    """Write the tables `myopia_gap` and `contrast`."""
    evaluations = job.inputs["evaluation"]
    keys = [each.figures["model"] for each in evaluations]
    found = members_of(evaluations, keys, job.settings["members"])
    sums = [np.load(each.file("sums.npz")) for each, _ in found]
    tables = myopia_rows(
        np.stack([each["measure_nats"] for each in sums]),
        sums[0]["measure_tokens"].astype(float),
        sums[0]["edges"].tolist(),
        found[0][0].figures["context"],
        [member for _, member in found],
        job.setting("contrasts", tuple[Contrast, ...]),
        job.setting("statistics", Statistics),
    )
    for name, rows in tables.items():
        job.write_table(name, rows)
    return {"members": len(found), "gaps": len(tables["myopia_gap"])}
