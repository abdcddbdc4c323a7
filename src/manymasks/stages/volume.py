"""volume: how far the weights of each member can be moved before the loss rises by eps."""

from functools import partial
from typing import Any

import numpy as np
import torch
from torch import Tensor

from manymasks.arrays import Floats, Rows
from manymasks.config.rashomon import Volume
from manymasks.rashomon.volume import direction, local_volume, radii, size_contrasts, stacked_excess
from manymasks.stages.inputs.derived_members import empty_stack
from manymasks.stages.inputs.members import members_of
from manymasks.statistics.intervals import finite_columns
from manymasks.store.job import Artifact, Job
from manymasks.tokens.shards import TokenStream
from manymasks.training.checkpoint import read_weights, set_weights
from manymasks.training.device import choose_device


def make(job: Job) -> dict[str, Any]:
    """Write the tables `local_volume` and `contrast`."""
    settings: Volume = job.setting("volume", Volume)
    confidence = job.statistics.confidence
    trainings, members = members_of(job)
    device = choose_device(job.hardware.device)
    stream = TokenStream.open(job.input("tokens").files("select/"))
    context = trainings[0].manifest.settings["training"]["context"]
    windows = torch.from_numpy(stream.spread(settings.windows, context)).to(device)
    rows: Rows = []
    for index, (training, member) in enumerate(zip(trainings, members, strict=True)):
        job.report(index, len(members), "members")
        weights = int(training.figures["parameters"])
        volume = local_volume(_radii(training, windows, settings), weights, confidence)
        radius = volume.log_radius
        rows.append(
            {"model": member.model, "eps_nats": settings.eps, "log_radius": radius.estimate}
            | finite_columns(log_radius_low=radius.low, log_radius_high=radius.high)
            | {
                "log_volume": weights * radius.estimate,
                "log_volume_per_weight": radius.estimate,
                "log_volume_sampled": volume.log_sampled,
                "weights": weights,
                "directions": settings.directions,
                "windows": len(windows),
            }
        )
    log_radii = np.array([row["log_radius"] for row in rows])
    contrasts = size_contrasts(members, [row["weights"] for row in rows], log_radii, confidence)
    job.write_tables({"local_volume": rows, "contrast": contrasts})
    return {"members": len(members), "windows": len(windows)}


def _radii(training: Artifact, windows: Tensor, settings: Volume) -> Floats:
    """Radii of one member, (directions,); all directions are one stack."""
    weights = read_weights(training.file("weights.safetensors"))
    seeds = range(settings.seed, settings.seed + settings.directions)
    directions = [direction(weights, seed) for seed in seeds]
    single = empty_stack(training, 1).to(windows.device)
    set_weights(single, 0, weights)
    loss = single.nats(windows.unsqueeze(0)).double().item()
    stack = empty_stack(training, settings.directions).to(windows.device)
    stacked_windows = windows.expand(settings.directions, -1, -1)

    def losses() -> Floats:
        return np.asarray(stack.nats(stacked_windows).double().cpu().numpy())

    excess = stacked_excess(partial(set_weights, stack), losses, weights, directions, loss)
    return radii(excess, settings.eps, settings.directions)
