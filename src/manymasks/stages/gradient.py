"""gradient: the present and the future in the gradients of causal members."""

from typing import Any

import torch

from manymasks.config.training import Size
from manymasks.models.attention import Route
from manymasks.models.transformer import Transformer
from manymasks.myopia.gradients import gradient_rows, products
from manymasks.stages.inputs.members import members_of
from manymasks.store.job import Job
from manymasks.tokens.shards import TokenStream
from manymasks.training.checkpoint import load_weights
from manymasks.training.device import choose_device


def make(job: Job) -> dict[str, Any]:
    """Write the table `myopia_gradient`; nothing where all causal members failed."""
    artifacts = job.inputs["training"]
    if all(each.figures["status"] != "trained" for each in artifacts):
        job.say("all of its members failed: there are no gradients to look at")
        return {"members": 0}
    trainings, members = members_of(job)
    gammas = sorted({0.0, 1.0, *job.setting("gammas", tuple[float, ...])})
    routes = [Route("discount", gamma) for gamma in gammas]
    device = choose_device(job.hardware.device)
    stream = TokenStream.open(job.input("tokens").files("train/"))
    context = trainings[0].manifest.settings["training"]["context"]
    # The same for all members.
    spread = stream.spread(job.setting("gradient_windows", int), context)
    windows = torch.from_numpy(spread).to(device)
    rows = []
    for place, (training, member) in enumerate(zip(trainings, members, strict=True)):
        size = Size.model_validate(training.manifest.settings["size"])
        model = Transformer(size, stream.vocabulary, context, routes)
        for slot in range(len(gammas)):
            load_weights(model, slot, training.file("weights.safetensors"))
        levels = products(
            model.to(device),
            windows,
            lambda done, total, place=place: job.report(  # type: ignore[misc]
                place * total + done, len(members) * total, "windows of all members"
            ),
        )
        for level, each in zip(("mean", "window"), levels, strict=True):
            mine = {"model": member.model, "level": level, "windows": len(spread)}
            rows += [{**mine, **row} for row in gradient_rows(each, gammas)]
    job.write_table("myopia_gradient", rows)
    return {"members": len(members), "windows": len(spread), "gammas": gammas}
