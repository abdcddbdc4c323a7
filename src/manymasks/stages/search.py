"""search: contexts evolved to make one half of the seeds disagree, for testing on the other."""

from typing import Any

import torch

from manymasks.config.probes import Probe
from manymasks.probes.distance import train_counts
from manymasks.probes.search import member_information, plausibility, search, step_rows
from manymasks.stages.inputs.members import members_of
from manymasks.stages.inputs.models import load_models
from manymasks.stages.inputs.probe_output import write_probe
from manymasks.statistics.model_classes import classes
from manymasks.store.job import Job, NothingToCompare
from manymasks.tokens.shards import StreamDocuments, TokenStream
from manymasks.training.device import choose_device


def make(job: Job) -> dict[str, Any]:
    """Write contexts.npz and the tables `probe`, `probe_distance` and `search_step`. Raises
    NothingToCompare if no class has two members in this half that did not fail."""
    settings: Probe = job.setting("probe", Probe)
    trainings, members = members_of(job)
    pools = {label: pool for label, pool in classes(members).items() if pool.size > 1}
    name = job.settings["name"]
    if not pools:
        raise NothingToCompare(
            f"the search {name} needs a class with two members in the half of the seeds that it "
            "queries, and too many failed in training: add initial seeds, or remove the probe"
        )
    tokens = job.input("tokens")
    train = TokenStream.open(tokens.files("train/"))
    unigrams = train_counts(train.pieces(), train.vocabulary)
    device = choose_device(job.hardware.device)
    stacks = [load_models([trainings[i] for i in pool], device) for pool in pools.values()]
    searched = {label: pool.size for label, pool in pools.items()}
    models = sum(searched.values())
    with torch.no_grad():
        contexts, steps = search(
            settings,
            StreamDocuments(TokenStream.open(tokens.files("measure/"))),
            member_information(stacks, settings.scored or 1, device),
            context=job.settings["context"],
            end_of_text=train.end_of_text,
            counts=unigrams,
            surprise=plausibility(train.pieces, unigrams),
            report=job.progress(f"generations, {models} members"),
        )
    figures = write_probe(job, settings, contexts, train, unigrams)
    rows = step_rows(name, steps, contexts.documents, searched, job.statistics)
    job.write_table("search_step", rows)
    return {**figures, "members": models, "evaluations": steps[-1].evaluations}
