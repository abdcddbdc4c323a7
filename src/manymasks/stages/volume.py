"""volume: how far the weights of each member of a corpus can be moved before eps is lost."""

from typing import Any

import numpy as np
import torch
from torch import Tensor

from manymasks.arrays import FloatArray, Rows
from manymasks.config.rashomon import Volume
from manymasks.rashomon.volume import (
    direction,
    local_volume,
    pairs_of_sizes,
    radii,
    size_difference,
    stacked_excess,
)
from manymasks.stages.inputs.derived_members import empty_stack
from manymasks.stages.inputs.members import members_of
from manymasks.statistics.claims import Comparison, contrast_row
from manymasks.statistics.intervals import finite
from manymasks.statistics.model_classes import Member, arm_positions
from manymasks.store.job import Artifact, Job
from manymasks.tokens.shards import TokenStream
from manymasks.training.checkpoint import read_weights, set_weights
from manymasks.training.device import choose_device


def make(job: Job) -> dict[str, Any]:
    """Write the tables `local_volume` and `contrast`."""
    settings: Volume = job.setting("volume", Volume)
    statistics = job.statistics
    trainings, members = members_of(job)
    device = choose_device(job.hardware.device)
    stream = TokenStream.open(job.input("tokens").files("select/"))
    context = trainings[0].manifest.settings["training"]["context"]
    windows = torch.from_numpy(stream.spread(settings.windows, context)).to(device)
    rows = []
    for place, (training, member) in enumerate(zip(trainings, members, strict=True)):
        job.report(place, len(members), "members")
        weights = int(training.figures["parameters"])
        of_member = _radii(training, windows, settings)
        volume = local_volume(of_member, weights, statistics.confidence)
        radius = volume.log_radius
        rows.append(
            {
                "model": member.model,
                "eps_nats": settings.eps,
                "log_radius": radius.estimate,
                "log_radius_low": finite(radius.low),
                "log_radius_high": finite(radius.high),
                "log_volume": weights * radius.estimate,
                "log_volume_per_weight": radius.estimate,
                "log_volume_sampled": volume.log_sampled,
                "weights": weights,
                "directions": settings.directions,
                "windows": len(windows),
            }
        )
    job.write_table("local_volume", rows)
    job.write_table("contrast", _contrasts(members, rows, statistics.confidence))
    return {"members": len(members), "windows": len(windows)}


def _radii(training: Artifact, windows: Tensor, settings: Volume) -> FloatArray:
    """Radii of one member, (directions,): all directions are one stack."""
    weights = read_weights(training.file("weights.safetensors"))
    seeds = range(settings.seed, settings.seed + settings.directions)
    directions = [direction(weights, seed) for seed in seeds]
    single = empty_stack(training, 1).to(windows.device)
    set_weights(single, 0, weights)
    own = single.nats(windows.unsqueeze(0)).double().item()
    stack = empty_stack(training, settings.directions).to(windows.device)
    several = windows.expand(settings.directions, -1, -1)

    def losses() -> FloatArray:
        return np.asarray(stack.nats(several).double().cpu().numpy())

    def put(slot: int, moved: Any) -> None:
        set_weights(stack, slot, moved)

    excess = stacked_excess(put, losses, weights, directions, own)
    return radii(excess, settings.eps, settings.directions)


def _contrasts(members: list[Member], rows: Rows, confidence: float) -> Rows:
    """Every two sizes of a variant, the larger first."""
    radius = np.array([row["log_radius"] for row in rows])
    sized = [(row["weights"], member.size) for row, member in zip(rows, members, strict=True)]
    found = []
    for larger, smaller in pairs_of_sizes(sized):
        for variant in dict.fromkeys(member.variant for member in members):
            arms = [arm_positions(members, size, variant) for size in (larger, smaller)]
            if not all(arms):
                continue
            difference = size_difference(radius[arms[0]], radius[arms[1]], confidence)
            comparison = Comparison("volume", members[0].corpus, larger, smaller, variant)
            found.append(contrast_row(comparison, difference, sum(map(len, arms))))
    return found
