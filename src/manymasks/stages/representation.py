"""representation: how similarly members represent the same tokens, layer by layer."""

from typing import Any

from manymasks.config.analyses import Representation
from manymasks.divergence.representations import Streams, matched_tokens, representation_rows
from manymasks.errors import UserError
from manymasks.evaluation.forward import streams
from manymasks.probes.windows import choose_windows
from manymasks.stages.inputs.members import members_of
from manymasks.stages.inputs.models import context_of, load_models
from manymasks.store.job import Job
from manymasks.tokens.shards import StreamDocuments, TokenStream
from manymasks.training.device import choose_device


def make(job: Job) -> dict[str, Any]:
    """Write `representation_similarity` and `representation_pool`. Raises UserError if all members
    failed, or the windows have too few tokens."""
    settings: Representation = job.setting("representation", Representation)
    trainings, members = members_of(job)
    context = context_of(trainings[0])
    measure = TokenStream.open(job.input("tokens").files("measure/"))
    windows = choose_windows(
        StreamDocuments(measure),
        settings.windows,
        context=context,
        end_of_text=measure.end_of_text,
        seed=settings.seed,
        purpose="representation",
        windows_setting="representation.windows",
    )
    count = len(windows.tokens)
    if settings.tokens > count * context:
        raise UserError(
            f"representation.tokens is {settings.tokens}, and {count} windows of {context} have "
            f"fewer: lower it to {count * context} at most, or raise representation.windows"
        )
    positions = matched_tokens(count, context, settings.tokens, settings.seed)
    documents = len({windows.documents[row] for row in positions[0]})
    tokens = windows.tokens[:, :-1]
    once: list[Streams] = []
    again: list[Streams] = []
    device = choose_device(job.hardware.device)
    for index, training in enumerate(trainings):
        job.report(index, len(members), "members")
        model = load_models([training], device)
        once.append(streams(model, tokens, settings.batch, positions))
        again.append(streams(model, tokens, settings.floor_batch, positions))
    tables = representation_rows(
        once, again, members, documents, settings, job.statistics, job.progress("layers compared")
    )
    job.write_tables(tables)
    return {"members": len(members), "tokens": settings.tokens, "documents": documents}
