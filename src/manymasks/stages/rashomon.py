"""rashomon: which members of a corpus fit equally well, derived ones among them."""

import json
from typing import Any

import numpy as np

from manymasks.config.rashomon import Rashomon
from manymasks.rashomon.curve import curve_rows
from manymasks.rashomon.losses import loss_rows
from manymasks.rashomon.membership import Losses, rashomon_sets, set_rows
from manymasks.stages.inputs.members import derived_members, members_of
from manymasks.statistics.bootstrap import document_weights, ratio
from manymasks.store.job import Job

SUBSETS = 256
"""Sets of the resamples that are handed on, for each set."""


def make(job: Job) -> dict[str, Any]:
    """Write sets.json, and rashomon_set, _member, _metric, _curve_point and contrast."""
    statistics = job.statistics
    evaluations, trained = members_of(job, "evaluation")
    derived = derived_members(job.inputs.get("derived", ()), trained)
    members = trained + [member for _, _, member in derived]
    sums = [np.load(each.file("sums.npz")) for each in evaluations]
    candidates = {each.key: np.load(each.file("sums.npz")) for each, _, _ in derived}
    splits = {}
    for split in ("select", "measure"):
        nats = [each[f"{split}_nats"].sum(1) for each in sums]
        nats += [candidates[each.key][f"{split}_nats"][i].sum(1) for each, i, _ in derived]
        tokens = sums[0][f"{split}_tokens"].sum(1).astype(float)
        splits[split] = Losses(np.stack(nats), tokens)

    settings: Rashomon = job.setting("rashomon", Rashomon)
    sets = list(rashomon_sets(splits["select"], members, settings, statistics))
    tables = set_rows(sets, members, statistics.confidence)
    documents = splits["measure"].tokens.size
    weights = document_weights(documents, statistics.resamples, statistics.seed)
    tables["rashomon_metric"] = [
        row
        for each in sets
        for row in loss_rows(each, splits["measure"], weights, statistics.confidence)
    ]
    loss = ratio(splits["select"].nats[: len(trained)], splits["select"].tokens)
    # Members come from small to large.
    sizes = list(dict.fromkeys(member.size for member in trained))
    tables |= curve_rows(loss, trained, sizes, statistics.confidence)
    job.write_tables(tables)
    # What the members of a set are is needed where these are held against each other.
    described = [
        {
            "rashomon_set": each.name,
            "model_class": each.model_class,
            "method": each.method,
            "members": [members[i].model for i in each.members],
            "resampled": [
                {"members": [members[i].model for i in subset], "share": share}
                for subset, share in each.resampled(SUBSETS)
            ],
        }
        for each in sets
    ]
    select = {member.model: float(each) for member, each in zip(trained, loss, strict=True)}
    content = json.dumps({"select_nats": select, "sets": described})
    (job.folder / "sets.json").write_text(content, encoding="utf-8")
    return {"members": len(trained), "derived": len(derived), "sets": len(sets)}
