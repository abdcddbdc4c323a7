"""belief: what linear maps read off the residual stream of members."""

from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
import torch

from manymasks.config.analyses import Belief, Statistics
from manymasks.errors import UserError
from manymasks.models.transformer import Transformer, initialise
from manymasks.plan.canonical import digest
from manymasks.stages.drawn import documents, process_of
from manymasks.stages.members import members_of
from manymasks.stages.weights import load_members
from manymasks.statistics.members import Member
from manymasks.store.job import Job
from manymasks.training.device import choose_device
from manymasks.truth.belief import last_token_rows, point_rows, probe_rows, shuffled
from manymasks.truth.speculation import auc_rows, pairs_of, questions, speculation_rows

FEWEST = 4
"""Documents without which neither half could have an interval."""

Row = dict[str, Any]
Streams = list[npt.NDArray[np.float32]]


def make(job: Job) -> dict[str, Any]:
    """Write `belief_probe`, `belief_point`, `speculation` and `speculation_auc`.

    Raises:
        UserError: if all members failed, or the measure split has too few documents.
    """
    settings: Belief = job.setting("belief", Belief)
    statistics: Statistics = job.setting("statistics", Statistics)
    artifacts = job.inputs["training"]
    found = members_of(artifacts, [each.key for each in artifacts], job.settings["members"])
    device = choose_device(job.machine.device)
    name, known = process_of(job)
    tokens = documents(job, "measure", settings.documents)
    if len(tokens) < FEWEST:
        raise UserError(
            f"the measure split has {len(tokens)} documents: a map is fitted on one half of them "
            f"and tested on the other, which takes {FEWEST}. Give the corpus more documents."
        )
    posteriors = known.posteriors(tokens)
    strangers = shuffled(posteriors, settings.seed)
    asked = questions(name, tokens, settings.ahead, settings.seed)
    pairs = pairs_of(name, tokens, settings.seed)
    ridge = settings.ridge

    def read(streams: Streams, control: str) -> dict[str, list[Row]]:
        """Rows by table."""
        return {
            "belief_probe": probe_rows(streams, posteriors, control, ridge, statistics),
            "speculation": speculation_rows(streams, asked, control, ridge, statistics),
            "speculation_auc": auc_rows(streams, pairs, control, ridge, statistics),
        }

    # It needs no model, so it is the same for all.
    told = last_token_rows(tokens, posteriors, settings.last_letters, ridge, statistics)
    tables: dict[str, list[Row]] = {}
    # Members that share their initial weights share what they were before training.
    untrained: dict[str, dict[str, list[Row]]] = {}
    shown = first_of_each_class(member for _, member in found)
    for place, (training, member) in enumerate(found):
        job.report(place, len(found), "members")
        model = load_members([training], device)
        streams = streams_of(model, tokens, settings.batch)
        parts = [read(streams, "none")]
        parts.append(
            {"belief_probe": told + probe_rows(streams, strangers, "shuffled", ridge, statistics)}
        )
        if member.model in shown:
            points = settings.points, ridge, settings.seed
            # The embedding knows the last token alone.
            for level, stream in enumerate(streams[1:], 1):
                parts.append({"belief_point": point_rows(stream, level, posteriors, *points)})
        before = digest([training.manifest.settings["size"], member.seed_init])
        if before not in untrained:
            initialise(model, [member.seed_init])
            streams = streams_of(model, tokens, settings.batch)
            untrained[before] = read(streams, "untrained")
        parts.append(untrained[before])
        for part in parts:
            for table, rows in part.items():
                of = tables.setdefault(table, [])
                of += [{"model": member.model, **row} for row in rows]
    for table, rows in tables.items():
        job.write_table(table, rows)
    return {"members": len(found), "documents": len(tokens)}


def first_of_each_class(members: Iterable[Member]) -> set[str]:
    """The models with the smallest seeds of each class."""
    by_class: dict[str, Member] = {}
    for member in members:
        other = by_class.setdefault(member.model_class, member)
        if member.seeds < other.seeds:
            by_class[member.model_class] = member
    return {member.model for member in by_class.values()}


def streams_of(model: Transformer, tokens: npt.NDArray[np.int64], batch: int) -> Streams:
    """The stream of a single model on documents, (documents, length, width) at each level."""
    device = model.W_E.device
    parts: list[Sequence[torch.Tensor]] = []
    with torch.no_grad():
        for part in torch.split(torch.from_numpy(tokens), batch):
            levels = model.streams(part.unsqueeze(0).to(device))
            parts.append([level[0].float().cpu() for level in levels])
    return [torch.cat(level).numpy() for level in zip(*parts, strict=True)]
