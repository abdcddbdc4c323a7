"""belief: what linear maps read off the residual stream of members."""

from typing import Any

import numpy as np
import numpy.typing as npt

from manymasks.config.analyses import Belief, Statistics
from manymasks.errors import UserError
from manymasks.evaluation.forward import streams
from manymasks.models.transformer import initialise
from manymasks.stages.inputs.members import members_of
from manymasks.stages.inputs.process_documents import documents, process_of
from manymasks.stages.inputs.weights import load_members
from manymasks.store.canonical import digest
from manymasks.store.job import Job
from manymasks.training.device import choose_device
from manymasks.truth.belief import (
    first_of_each_class,
    group_rows,
    last_tokens,
    point_rows,
    probe_rows,
    shuffled,
    with_premise,
)
from manymasks.truth.speculation import auc_rows, labelled_pairs, questions, speculation_rows

FEWEST = 4
"""Documents without which neither half could have an interval."""

Row = dict[str, Any]
Streams = list[npt.NDArray[np.float32]]


def make(job: Job) -> dict[str, Any]:
    """Write `belief_fit`, `belief_point`, `speculation` and `speculation_auc`.

    Raises:
        UserError: if all members failed, or the measure split has too few documents.
    """
    settings: Belief = job.setting("belief", Belief)
    statistics: Statistics = job.setting("statistics", Statistics)
    found = members_of(job)
    device = choose_device(job.hardware.device)
    _, known = process_of(job)
    tokens = documents(job, "measure", settings.documents)
    if len(tokens) < FEWEST:
        raise UserError(
            f"the measure split has {len(tokens)} documents: a map is fitted on one half of them "
            f"and tested on the other, which takes {FEWEST}. Give the corpus more documents."
        )
    posteriors = known.posteriors(tokens)
    strangers = shuffled(posteriors, settings.seed)
    asked = questions(known, tokens, settings.ahead, settings.seed)
    pairs = labelled_pairs(known, tokens, settings.seed)
    ridge = settings.ridge

    def read(levels: Streams, control: str) -> dict[str, list[Row]]:
        """Rows by table."""
        return {
            "belief_fit": probe_rows(levels, posteriors, control, ridge, statistics),
            "speculation": speculation_rows(levels, asked, control, ridge, statistics),
            "speculation_auc": auc_rows(levels, pairs, control, ridge, statistics),
        }

    # They need no model, so they are the same for all.
    last = last_tokens(tokens, settings.last_letters)
    groups = {"last-letters": last}
    if known.premise is not None:
        groups["premise+last-letters"] = with_premise(tokens[:, known.premise], last)
    told = [
        row
        for control, each in groups.items()
        for row in group_rows(each, posteriors, control, ridge, statistics)
    ]
    tables: dict[str, list[Row]] = {}
    # Members that share their initial weights share what they were before training.
    untrained: dict[str, dict[str, list[Row]]] = {}
    shown = first_of_each_class(member for _, member in found)
    for place, (training, member) in enumerate(found):
        job.report(place, len(found), "members")
        model = load_members([training], device)
        levels = streams(model, tokens, settings.batch)
        parts = [read(levels, "none")]
        parts.append(
            {"belief_fit": told + probe_rows(levels, strangers, "shuffled", ridge, statistics)}
        )
        if member.model in shown:
            points = settings.points, ridge, settings.seed
            # The embedding knows the last token alone.
            for level, stream in enumerate(levels[1:], 1):
                parts.append({"belief_point": point_rows(stream, level, posteriors, *points)})
        before = digest([training.manifest.settings["size"], member.seed_init])
        if before not in untrained:
            initialise(model, [member.seed_init])
            levels = streams(model, tokens, settings.batch)
            untrained[before] = read(levels, "untrained")
        parts.append(untrained[before])
        for part in parts:
            for table, rows in part.items():
                of = tables.setdefault(table, [])
                of += [{"model": member.model, **row} for row in rows]
    for table, rows in tables.items():
        job.write_table(table, rows)
    return {"members": len(found), "documents": len(tokens)}
