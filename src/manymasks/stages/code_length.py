"""code_length: the fewest bits that describe each member within a rise of its loss."""

from typing import Any

import numpy as np
import torch

from manymasks.arrays import Floats, Rows
from manymasks.config.rashomon import CodeLength
from manymasks.rashomon.code_length import CodePoint, bits_at, code_constant, code_points
from manymasks.rashomon.code_predictions import PREDICTIONS, quantities
from manymasks.stages.inputs.derived_members import empty_stack, loss_on
from manymasks.stages.inputs.members import members_of
from manymasks.statistics.intervals import finite
from manymasks.statistics.model_classes import classes, seeds_of
from manymasks.statistics.predictions import prediction_rows
from manymasks.store.job import Job
from manymasks.tokens.shards import TokenStream
from manymasks.training.checkpoint import read_weights
from manymasks.training.device import choose_device

SPLITS = ("select", "measure")


def make(job: Job) -> dict[str, Any]:
    """Write `code_length`, `code_constant`, `code_bits` and `prediction`. Raises UserError if all
    members failed."""
    settings: CodeLength = job.setting("code_length", CodeLength)
    trainings, members = members_of(job)
    device = choose_device(job.hardware.device)
    context = trainings[0].manifest.settings["training"]["context"]
    windows = {
        split: torch.from_numpy(
            TokenStream.open(job.input("tokens").files(f"{split}/")).spread(
                settings.windows, context
            )
        ).to(device)
        for split in SPLITS
    }
    tables: dict[str, Rows] = {
        name: [] for name in ("code_length", "code_constant", "code_bits", "prediction")
    }
    constants: dict[str, Floats] = {}
    for index, (training, member) in enumerate(zip(trainings, members, strict=True)):
        job.report(index, len(members), "members")
        weights = read_weights(training.file("weights.safetensors"))
        count = sum(weight.numel() for weight in weights.values())
        single = empty_stack(training, 1).to(device)
        losses = {split: loss_on(single, windows[split]) for split in SPLITS}
        points = code_points(
            weights, settings.excess, losses["select"], losses["measure"], settings.seed
        )
        mine = {"model": member.model}
        tables["code_length"] += [{**mine, **_point_columns(point, count)} for point in points]
        bits = np.array([point.bits for point in points])
        excess = np.array([point.select_excess for point in points])
        constant = code_constant(bits / count, excess)
        constants[member.model] = np.array([constant.constant, constant.slope])
        tables["code_constant"].append(
            {
                **mine,
                "constant": finite(constant.constant),
                "constant_lowest": finite(constant.lowest),
                "constant_highest": finite(constant.highest),
                "slope": finite(constant.slope),
                "points": constant.points,
                "weights": count,
                **{f"{split}_nats": loss(weights) for split, loss in losses.items()},
            }
        )
        for eps in settings.eps:
            fewest = bits_at(bits, excess, eps)
            row = {
                "eps_nats": eps,
                "bits": finite(fewest),
                "bits_per_weight": finite(fewest / count),
            }
            tables["code_bits"].append({**mine, **row})
    for positions in classes(members).values():
        first = members[positions[0]]
        labels = {"corpus": first.corpus, "size": first.size, "variant": first.variant}
        values = np.stack([constants[members[i].model] for i in positions])
        seeds = seeds_of(members, positions)
        seen = quantities(first.model_class, values, seeds, job.statistics)
        predictions = [prediction for prediction in PREDICTIONS if prediction.quantity in seen]
        tables["prediction"] += prediction_rows("code_length", predictions, seen, labels)
    job.write_tables(tables)
    return {"members": len(members), "windows": settings.windows}


def _point_columns(point: CodePoint, count: int) -> dict[str, Any]:
    return {
        "aimed_excess": point.aimed,
        "rounding_offset": point.offset,
        "bits": point.bits,
        "bits_per_weight": point.bits / count,
        "select_excess": finite(point.select_excess),
        "measure_excess": finite(point.measure_excess),
    }
