"""divergence: all members of a corpus on one probe, every pair from one pass."""

from typing import Any

import numpy as np
import torch
from torch import Tensor

from manymasks.config.analyses import Divergence, Statistics
from manymasks.divergence.pairs import (
    FloorSums,
    Sums,
    by_document,
    floor_sums,
    joined_members,
    pair_sums,
)
from manymasks.divergence.tables import divergence_rows
from manymasks.models.transformer import Transformer
from manymasks.stages.members import members_of
from manymasks.stages.weights import load_members
from manymasks.statistics.members import classes
from manymasks.store.job import Job
from manymasks.training.device import choose_device


def make(job: Job) -> dict[str, Any]:
    """Write `model_probe`, `pair_divergence`, `pool_divergence`, `noise_floor`, `contrast`."""
    settings: Divergence = job.setting("divergence", Divergence)
    artifacts = job.inputs["training"]
    found = members_of(artifacts, [each.key for each in artifacts], job.settings["members"])
    members = [member for _, member in found]
    pools = list(classes(members).values())
    device = choose_device(job.machine.device)
    models = [load_members([artifact], device) for artifact, _ in found]
    probe = job.input("probe")
    with np.load(probe.file("contexts.npz")) as saved:
        windows = torch.from_numpy(saved["tokens"]).to(device)
        documents = saved["documents"]
    scored = probe.figures["scored"]
    _, owners = np.unique(documents, return_inverse=True)

    sums: dict[int, Sums] = {}
    floors: dict[int, FloorSums] = {}
    total = windows.shape[0] * windows.shape[1]
    done = 0
    with torch.no_grad():
        for severity, tokens in enumerate(windows):
            parts = []
            for batch in torch.split(tokens, settings.batch):
                logp = _log_probabilities(models, batch, scored)
                parts.append(pair_sums(logp, batch[:, -scored:], pools))
                done += len(batch)
                job.report(done, total, f"windows, severity {severity}, {len(models)} members")
            sums[severity] = by_document(parts, owners)
            floor_tokens = tokens[: settings.floor_windows]
            floors[severity] = _floor(models, floor_tokens, scored, settings)
    tables = divergence_rows(
        sums,
        floors,
        members,
        probe.manifest.settings["name"],
        f"batch {settings.batch} -> {settings.floor_batch}"
        + (", threads 1 -> 2" if device.type == "cpu" else ""),
        job.setting("statistics", Statistics),
    )
    for name, rows in tables.items():
        job.write_table(name, rows)
    return {"members": len(members), "pairs": len(members) * (len(members) - 1) // 2}


def _log_probabilities(models: list[Transformer], windows: Tensor, scored: int) -> Tensor:
    """(members, windows, scored, vocabulary) of the last `scored` tokens of each window."""
    seen = windows[:, :-1].unsqueeze(0)
    return torch.stack([torch.log_softmax(model(seen, scored)[0].float(), -1) for model in models])


def _floor(
    models: list[Transformer], tokens: Tensor, scored: int, settings: Divergence
) -> FloorSums:
    """Every member against itself, computed in other batches and, on a CPU, by two threads."""
    targets = tokens[:, -scored:]
    by_member = []
    for model in models:
        once = _in_batches(model, tokens, scored, settings.batch)
        torch.set_num_threads(2)
        again = _in_batches(model, tokens, scored, settings.floor_batch)
        torch.set_num_threads(1)
        by_member.append(floor_sums(once, again, targets))
    return joined_members(by_member)


def _in_batches(model: Transformer, tokens: Tensor, scored: int, batch: int) -> Tensor:
    parts = torch.split(tokens, batch)
    return torch.cat([_log_probabilities([model], part, scored) for part in parts], dim=1)
