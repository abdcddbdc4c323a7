"""belief: what linear maps read off the residual stream of members."""

from typing import Any

import numpy as np
import numpy.typing as npt

from manymasks.arrays import Rows
from manymasks.config.analyses import Belief
from manymasks.errors import UserError
from manymasks.evaluation.forward import streams
from manymasks.models.transformer import initialise
from manymasks.stages.inputs.member_models import member_models
from manymasks.stages.inputs.members import members_of
from manymasks.stages.inputs.process_documents import documents, process_of
from manymasks.store.job import Job
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

Streams = list[npt.NDArray[np.float32]]


def make(job: Job) -> dict[str, Any]:
    """Write `belief_fit`, `belief_point`, `speculation` and `speculation_auc`.

    Raises:
        UserError: if all members failed, or the measure split has too few documents.
    """
    settings: Belief = job.setting("belief", Belief)
    statistics = job.statistics
    _, members = members_of(job)
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

    def read(levels: Streams, control: str) -> dict[str, Rows]:
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
    tables: dict[str, Rows] = {}
    # Members that share their initial weights share what they were before training.
    untrained: dict[tuple[str, int], dict[str, Rows]] = {}
    shown = first_of_each_class(members)
    for member, model in member_models(job):
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
        before = member.size, member.seed_init
        if before not in untrained:
            initialise(model, [member.seed_init])
            levels = streams(model, tokens, settings.batch)
            untrained[before] = read(levels, "untrained")
        parts.append(untrained[before])
        for part in parts:
            for table, rows in part.items():
                of = tables.setdefault(table, [])
                of += [{"model": member.model, **row} for row in rows]
    job.write_tables(tables)
    return {"members": len(members), "documents": len(tokens)}
