"""gradient: how much of the gradient of causal members comes from later positions."""

from functools import partial
from typing import Any

import torch

from manymasks.arrays import Rows
from manymasks.config.training import Size
from manymasks.models.attention import Route
from manymasks.models.transformer import Transformer
from manymasks.myopia.gradients import gradient_rows, products
from manymasks.stages.inputs.members import members_of
from manymasks.store.job import Artifact, Job
from manymasks.tokens.shards import TokenStream
from manymasks.training.checkpoint import load_weights
from manymasks.training.device import choose_device


def make(job: Job) -> dict[str, Any]:
    """Write the table `myopia_gradient`; nothing where all causal members failed."""
    if not any(training.is_trained for training in job.inputs["training"]):
        job.say("all of its members failed: there are no gradients to compare")
        return {"members": 0}
    trainings, members = members_of(job)
    gammas = sorted({0.0, 1.0, *job.setting("gammas", tuple[float, ...])})
    device = choose_device(job.hardware.device)
    stream = TokenStream.open(job.input("tokens").files("train/"))
    context = trainings[0].manifest.settings["training"]["context"]
    # The same windows for all members.
    spread = stream.spread(job.setting("gradient_windows", int), context)
    windows = torch.from_numpy(spread).to(device)

    def report(index: int, done: int, total: int) -> None:
        job.report(index * total + done, len(members) * total, "windows of all members")

    rows: Rows = []
    for index, (training, member) in enumerate(zip(trainings, members, strict=True)):
        model = _stack(training, gammas).to(device)
        mean, window = products(model, windows, partial(report, index))
        for level, by_group in (("mean", mean), ("window", window)):
            labels = {"model": member.model, "level": level, "windows": len(spread)}
            rows += [{**labels, **row} for row in gradient_rows(by_group, gammas)]
    job.write_table("myopia_gradient", rows)
    return {"members": len(members), "windows": len(spread), "gammas": gammas}


def _stack(training: Artifact, gammas: list[float]) -> Transformer:
    """The weights of one member, once for each discount of its gradients."""
    settings = training.manifest.settings
    model = Transformer(
        Size.model_validate(settings["size"]),
        training.figures["vocabulary"],
        settings["training"]["context"],
        [Route("discount", gamma) for gamma in gammas],
    )
    for slot in range(len(gammas)):
        load_weights(model, slot, training.file("weights.safetensors"))
    return model
