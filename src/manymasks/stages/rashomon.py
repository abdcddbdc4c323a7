"""rashomon: which members of a corpus fit equally well, derived members included."""

import json
from collections.abc import Sequence
from typing import Any

import numpy as np

from manymasks.arrays import Rows
from manymasks.config.rashomon import Rashomon
from manymasks.rashomon.curve import curve_rows
from manymasks.rashomon.losses import loss_rows
from manymasks.rashomon.membership import Losses, RashomonSet, rashomon_sets, set_rows
from manymasks.stages.inputs.members import derived_members, members_of
from manymasks.statistics.bootstrap import document_weights, ratio
from manymasks.statistics.model_classes import Member, Members
from manymasks.store.job import Artifact, Job

SUBSETS = 256
"""Distinct sets of the document resamples that are passed on, for each set."""


def make(job: Job) -> dict[str, Any]:
    """Write sets.json, and rashomon_set, _member, _metric, _curve_point and contrast."""
    settings: Rashomon = job.setting("rashomon", Rashomon)
    statistics = job.statistics
    evaluations, trained = members_of(job, "evaluation")
    derived = derived_members(job.inputs.get("derived", ()), trained)
    members = trained + [member for _, _, member in derived]
    select = _losses(evaluations, derived, "select")
    measure = _losses(evaluations, derived, "measure")
    sets = list(rashomon_sets(select, members, settings, statistics))
    tables = set_rows(sets, members, statistics.confidence)
    weights = document_weights(measure.tokens.size, statistics.resamples, statistics.seed)
    seeds = [member.seeds for member in members]
    tables["rashomon_metric"] = [
        row
        for rashomon_set in sets
        for row in loss_rows(rashomon_set, seeds, measure, weights, statistics.confidence)
    ]
    nats = ratio(select.nats[: len(trained)], select.tokens)
    # Members come from small to large.
    sizes = list(dict.fromkeys(member.size for member in trained))
    tables |= curve_rows(nats, trained, sizes, statistics.confidence)
    job.write_tables(tables)
    content = {
        "select_nats": {
            member.model: float(loss) for member, loss in zip(trained, nats, strict=True)
        },
        "sets": _set_records(sets, members),
    }
    (job.folder / "sets.json").write_text(json.dumps(content), encoding="utf-8")
    return {"members": len(trained), "derived": len(derived), "sets": len(sets)}


def _losses(
    evaluations: Sequence[Artifact], derived: Sequence[tuple[Artifact, int, Member]], split: str
) -> Losses:
    """Losses of trained members, then of derived ones, on the documents of a split."""
    sums = [np.load(evaluation.file("sums.npz")) for evaluation in evaluations]
    nats = [arrays[f"{split}_nats"].sum(1) for arrays in sums]
    derived_nats = {
        artifact.key: np.load(artifact.file("sums.npz"))[f"{split}_nats"]
        for artifact in {artifact.key: artifact for artifact, _, _ in derived}.values()
    }
    nats += [derived_nats[artifact.key][index].sum(1) for artifact, index, _ in derived]
    return Losses(np.stack(nats), sums[0][f"{split}_tokens"].sum(1).astype(float))


def _set_records(sets: Sequence[RashomonSet], members: Members) -> Rows:
    """The members of each set, for the stage `multiplicity`."""
    return [
        {
            "rashomon_set": rashomon_set.name,
            "model_class": rashomon_set.model_class,
            "method": rashomon_set.method,
            "members": [members[i].model for i in rashomon_set.members],
            "resampled": [
                {"members": [members[i].model for i in subset], "share": share}
                for subset, share in rashomon_set.resampled(SUBSETS)
            ],
        }
        for rashomon_set in sets
    ]
