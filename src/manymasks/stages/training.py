"""training: one member, from its two seeds to its weights."""

from typing import Any

import numpy as np
import torch

from manymasks.config.study import Size, Training, Variant
from manymasks.errors import UserError
from manymasks.models.transformer import Transformer, initialise
from manymasks.plan.canonical import digest
from manymasks.store.job import Job
from manymasks.store.manifest import sha256_of
from manymasks.tokens.order import starts_of_step
from manymasks.tokens.shards import TokenStream
from manymasks.training.checkpoint import save_weights
from manymasks.training.device import choose_device
from manymasks.training.loop import train


def make(job: Job) -> dict[str, Any]:
    """Write weights.safetensors and the tables `model` and `training_curve`.

    A member whose loss was not finite is complete too: it has no weights and its status is
    `failed`, which keeps it out of every set.
    """
    size: Size = job.setting("size", Size)
    variant: Variant = job.setting("variant", Variant)
    settings: Training = job.setting("training", Training)
    seed_init, seed_order = job.settings["seed_init"], job.settings["seed_order"]
    tokens = job.input("tokens")
    device = choose_device(job.machine.device)
    stream = TokenStream.open(tokens.files("train/"))
    select = TokenStream.open(tokens.files("select/"))
    for split, each in (("train", stream), ("select", select)):
        if each.tokens < 2 * settings.context:
            raise UserError(
                f"{job.label}: the {split} split has {each.tokens} tokens, too short for "
                f"training.context ({settings.context}), which needs {2 * settings.context}: "
                f"lower the context or give {split} more text"
            )

    model = Transformer(
        size, stream.vocabulary, settings.context, variant.gradient, variant.gamma or 0.0
    )
    initialise(model, seed_init)
    model.to(device)

    def windows_of(step: int) -> torch.Tensor:
        starts = starts_of_step(
            step,
            batch=settings.batch,
            context=settings.context,
            tokens=stream.tokens,
            seed_order=seed_order,
        )
        return torch.from_numpy(stream.gather(starts, settings.context + 1)).to(device)

    state = job.state / "training.safetensors"
    if state.exists():
        job.say("goes on from its last saved state")
    per_step = settings.batch * settings.context
    progressed = train(
        model,
        settings,
        windows_of,
        torch.from_numpy(_evenly(select, settings)).to(device),
        state=state,
        checkpoint_seconds=job.machine.checkpoint_seconds,
        on_step=lambda step, note: job.report(
            step * per_step, settings.steps * per_step, f"tokens, step {step}, {note}"
        ),
    )
    failed = progressed.failed_step is not None
    weights_sha256 = None
    if failed:
        job.say(f"failed: the loss or its gradient was not finite in step {progressed.failed_step}")
    else:
        weights = job.folder / "weights.safetensors"
        save_weights(model, weights)
        weights_sha256 = sha256_of(weights)
    parameters = sum(weight.numel() for weight in model.parameters())
    corpus, size_name, variant_name = (*job.label.split("/"), "", "", "", "")[1:4]
    everything_but_seeds = {k: v for k, v in job.settings.items() if not k.startswith("seed_")}
    row = {
        "model": job.key,
        "model_class": digest([everything_but_seeds, tokens.manifest.digest])[:12],
        "corpus": corpus,
        "size": size_name,
        "variant": variant_name,
        "seed_init": seed_init,
        "seed_order": seed_order,
        "method": "trained",
        "parent": None,
        "status": "failed" if failed else "trained",
        "failed_step": progressed.failed_step,
        "parameters": parameters,
        "training_tokens": progressed.step * per_step,
        "learning_rate": settings.learning_rate,
        "cost_seconds": round(progressed.seconds, 3),
        "weights_sha256": weights_sha256,
    }
    job.write_table("model", [row])
    job.write_table("training_curve", [{"model": job.key, **point} for point in progressed.curve])
    last = [point["nats"] for point in progressed.curve if point["split"] == "select"]
    return {
        "status": row["status"],
        "vocabulary": stream.vocabulary,
        "parameters": parameters,
        "select_nats": last[-1] if last else None,
        "seconds": row["cost_seconds"],
        "tokens_per_second": round(row["training_tokens"] / max(progressed.seconds, 1e-9)),
        "device": str(device),
        "earlier_seconds": progressed.earlier_seconds,
    }


def _evenly(stream: TokenStream, settings: Training) -> np.ndarray[Any, np.dtype[np.int64]]:
    """Windows of the select curve: the same for all members, spread evenly over the split."""
    possible = (stream.positions - 1) // settings.context
    count = min(settings.curve_windows, possible)
    starts = (np.arange(count) * possible // count) * settings.context
    return stream.gather(starts, settings.context + 1)
