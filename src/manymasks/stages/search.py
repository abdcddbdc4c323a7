"""search: contexts evolved to set one half of the seeds apart, to be tried on the other half."""

from typing import Any

import numpy as np
import torch

from manymasks.config.analyses import Statistics
from manymasks.config.probes import Probe
from manymasks.errors import UserError
from manymasks.models.transformer import Transformer
from manymasks.probes.distance import train_counts
from manymasks.probes.search import Floats, Measure, information, plausibility, search, step_rows
from manymasks.probes.windows import Tokens
from manymasks.stages.contexts import write_probe
from manymasks.stages.members import members_of
from manymasks.stages.weights import load_members
from manymasks.statistics.members import classes
from manymasks.store.job import Job
from manymasks.tokens.documents import Documents, pieces
from manymasks.tokens.shards import TokenStream
from manymasks.training.device import choose_device

AT_ONCE = {"cpu": 1 << 22, "cuda": 1 << 26}
"""Log-probabilities of a class that are held at once: 16 MiB on a CPU."""


def make(job: Job) -> dict[str, Any]:
    """Write contexts.npz and the tables `probe`, `probe_distance` and `search_step`.

    Raises:
        UserError: if no class has two members in this half that did not fail.
    """
    settings: Probe = job.setting("probe", Probe)
    statistics: Statistics = job.setting("statistics", Statistics)
    artifacts = job.inputs["training"]
    found = members_of(artifacts, [each.key for each in artifacts], job.settings["members"])
    pools = [pool for pool in classes([each for _, each in found]).values() if pool.size > 1]
    name = job.settings["name"]
    if not pools:
        raise UserError(
            f"the search {name} needs a class with two members in the half of the seeds that it "
            "looks at, and too many failed in training: add initial seeds, or take it away"
        )
    tokens = job.input("tokens")
    train = TokenStream.open(tokens.files("train/"))
    unigrams = train_counts(pieces(train), train.vocabulary)
    device = choose_device(job.machine.device)
    stacks = [load_members([found[i][0] for i in pool], device) for pool in pools]
    models = sum(pool.size for pool in pools)
    with torch.no_grad():
        contexts, steps = search(
            settings,
            Documents(TokenStream.open(tokens.files("measure/"))),
            disagreement(stacks, settings.scored or 1, device),
            context=job.settings["context"],
            end_of_text=train.end_of_text,
            counts=unigrams,
            surprise=plausibility(lambda: pieces(train), unigrams),
            tell=lambda done, total: job.report(done, total, f"generations, {models} members"),
        )
    figures = write_probe(job, name, settings, contexts, train, unigrams, statistics)
    job.write_table("search_step", step_rows(name, steps, contexts.documents, models, statistics))
    return {**figures, "members": models, "evaluations": steps[-1].evaluations}


def disagreement(stacks: list[Transformer], scored: int, device: torch.device) -> Measure:
    """Information of the law about which member of a class it is, nats a token, mean over classes.

    Args:
        stacks: the members of each class.
        scored: tokens at the end of a window that count.
        device: of the stacks.
    """

    def of(stack: Transformer, windows: torch.Tensor) -> torch.Tensor:
        size = stack.members * scored * stack.W_U.shape[1]
        batch = max(AT_ONCE[device.type] // size, 1)
        parts = [
            information(torch.log_softmax(stack(part[None, :, :-1], scored).float(), -1))
            for part in torch.split(windows, batch)
        ]
        return torch.cat(parts).double().mean(1)

    def mean(windows: Tokens) -> Floats:
        on_device = torch.from_numpy(windows).to(device)
        found = torch.stack([of(stack, on_device) for stack in stacks]).mean(0)
        return np.asarray(found.cpu().numpy(), dtype=np.float64)

    return mean
