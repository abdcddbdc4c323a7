"""representation: how alike members represent the same tokens at each layer."""

from typing import Any

from manymasks.config.analyses import Representation, Statistics
from manymasks.divergence.representations import Streams, matched_tokens, representation_rows
from manymasks.errors import UserError
from manymasks.evaluation.forward import streams
from manymasks.probes.windows import choose
from manymasks.stages.inputs.members import members_of
from manymasks.stages.inputs.weights import load_members
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
    found = members_of(job)
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
    places = matched_tokens(count, context, settings.tokens, settings.seed)
    documents = len({windows.documents[row] for row in places[0]})
    device = choose_device(job.hardware.device)
    seen = windows.tokens[:, :-1]
    once: list[Streams] = []
    again: list[Streams] = []
    for done, (artifact, _) in enumerate(found):
        job.report(done, len(found), "members")
        model = load_members([artifact], device)
        once.append(streams(model, seen, settings.batch, places))
        again.append(streams(model, seen, settings.floor_batch, places))
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
