"""explorer: the laws of all members at the tokens of a few contexts of a probe."""

from typing import Any

import numpy as np

from manymasks.arrays import Rows
from manymasks.config.analyses import Explorer
from manymasks.explorer.context_laws import (
    Context,
    chosen_items,
    continuations,
    parts,
    text_laws,
)
from manymasks.explorer.explorer_tables import ExplorerRows, joined
from manymasks.stages.inputs.members import members_of
from manymasks.stages.inputs.models import load_models
from manymasks.store.job import Artifact, Job
from manymasks.tokens.tokenizer import load
from manymasks.training.device import choose_device


def make(job: Job) -> dict[str, Any]:
    """Write the tables of tokens, laws and pairs; of a probe without severities, also what members
    write after its contexts."""
    settings: Explorer = job.setting("explorer", Explorer)
    trainings, members = members_of(job)
    probe = job.input("probe")
    scored = min(settings.scored, probe.figures["scored"])
    contexts = _contexts(probe, settings)
    is_written = all(context.severity == 0 for context in contexts)
    device = choose_device(job.hardware.device)
    longest = max(len(context.tokens) for context in contexts) - 1
    models = [load_models([training], device, context=longest) for training in trainings]
    tokenizer = load(job.input("tokenizer").file("tokenizer.json"))
    rows = ExplorerRows(members, settings.ranks, tokenizer.end_of_text, tokenizer.decode)
    tables: list[dict[str, Rows]] = []
    size = len(models), scored, int(models[0].W_U.shape[1])
    done = 0
    for part in parts(contexts, *size, settings):
        tables.append(rows.of_text(part, text_laws(models, part, scored)))
        if is_written:
            written = continuations(models, part, scored)
            tables.append(rows.of_continuations(part, written))
        done += len(part)
        job.report(done, len(contexts), f"contexts, {len(models)} members")
    job.write_tables(joined(tables, probe.manifest.settings["name"]))
    return {"members": len(models), "contexts": len(contexts)}


def _contexts(probe: Artifact, settings: Explorer) -> list[Context]:
    """Chosen windows at every severity; one with shorter windows has the ends of them."""
    with np.load(probe.file("contexts.npz")) as saved:
        tokens, documents = saved["tokens"], saved["documents"]
        lengths = saved["lengths"] if "lengths" in saved else [tokens.shape[2] - 1] * len(tokens)
    severities, windows = tokens.shape[:2]
    items = chosen_items(windows, severities, settings)
    return [
        Context(
            severity,
            int(item),
            str(documents[item]),
            tokens[severity, item, -(int(length) + 1) :].astype(np.int64),
        )
        for severity, length in enumerate(lengths)
        for item in items
    ]
