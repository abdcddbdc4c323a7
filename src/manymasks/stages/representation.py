"""representation: how alike members represent the same tokens at each layer."""

from typing import Any

import numpy as np
import torch
from torch import Tensor

from manymasks.config.analyses import Representation, Statistics
from manymasks.divergence.representations import Streams, matched_tokens, representation_rows
from manymasks.errors import UserError
from manymasks.models.transformer import Transformer
from manymasks.probes.windows import choose
from manymasks.stages.members import members_of
from manymasks.stages.weights import load_members
from manymasks.store.job import Job
from manymasks.tokens.documents import Documents
from manymasks.tokens.shards import TokenStream
from manymasks.training.device import choose_device


def make(job: Job) -> dict[str, Any]:
    """Write `representation_similarity` and `representation_pool`.

    Raises:
        UserError: if all members failed, or the windows have too few tokens.
    """
    settings: Representation = job.setting("representation", Representation)
    artifacts = job.inputs["training"]
    found = members_of(artifacts, [each.key for each in artifacts], job.settings["members"])
    members = [member for _, member in found]
    context = job.settings["context"]
    measure = TokenStream.open(job.input("tokens").files("measure/"))
    windows = choose(
        Documents(measure),
        settings.windows,
        context=context,
        end_of_text=measure.end_of_text,
        seed=settings.seed,
        purpose="representation",
    )
    count = len(windows.tokens)
    if settings.tokens > count * context:
        raise UserError(
            f"representation.tokens is {settings.tokens}, and {count} windows of {context} have "
            f"fewer: lower it to {count * context} at most, or raise representation.windows"
        )
    rows, columns = matched_tokens(count, context, settings.tokens, settings.seed)
    documents = len({windows.documents[row] for row in rows})
    device = choose_device(job.machine.device)
    seen = torch.from_numpy(windows.tokens[:, :-1]).to(device)
    once: list[Streams] = []
    again: list[Streams] = []
    for done, (artifact, _) in enumerate(found):
        job.report(done, len(found), "members")
        model = load_members([artifact], device)
        for batch, streams in ((settings.batch, once), (settings.floor_batch, again)):
            streams.append(_streams(model, seen, batch, rows, columns))
    tables = representation_rows(
        once,
        again,
        members,
        documents,
        settings,
        job.setting("statistics", Statistics),
        lambda done, total: job.report(done, total, "layers compared"),
    )
    for table, found_rows in tables.items():
        job.write_table(table, found_rows)
    return {"members": len(members), "tokens": settings.tokens, "documents": documents}


def _streams(
    model: Transformer,
    seen: Tensor,
    batch: int,
    rows: np.ndarray[Any, Any],
    columns: np.ndarray[Any, Any],
) -> Streams:
    """The streams of a single model at the matched tokens, (tokens, width) at each level."""
    parts: list[list[Tensor]] = []
    with torch.no_grad():
        for begin in range(0, len(seen), batch):
            own = (rows >= begin) & (rows < begin + batch)
            levels = model.streams(seen[begin : begin + batch].unsqueeze(0))
            parts.append([level[0, rows[own] - begin, columns[own]].cpu() for level in levels])
    return [torch.cat(level).float().numpy() for level in zip(*parts, strict=True)]
