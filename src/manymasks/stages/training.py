"""training: the weights of members, from their two seeds, and their loss curves."""

import shutil
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from manymasks.config.training import Size, Training, Variant
from manymasks.models.transformer import Transformer
from manymasks.stages.inputs.training_stack import can_resume, prepare
from manymasks.store.canonical import digest
from manymasks.store.job import Artifact, Job
from manymasks.store.manifest import sha256_of
from manymasks.training.checkpoint import TrainingProgress, save_weights
from manymasks.training.loop import train

Slot = tuple[Transformer, int]
"""A stack, and the index of a member in it."""


def make(job: Job) -> dict[str, Any]:
    """Write weights.safetensors and the tables `model` and `training_curve`.

    Weights from late in the training are written too, as weights-<step>.safetensors, where the
    setting `late` names shares of the steps; the figure `late` lists these steps. A member with a
    loss that was not finite is complete too: it has no weights, and its status `failed` keeps it
    out of every set.
    """
    return make_many([job])[0]


def make_many(jobs: Sequence[Job]) -> list[dict[str, Any]]:
    """As `make`, for members of one shape and budget that are trained in one stack."""
    trainable = [job for job in jobs if all(source.is_trained for source in _sources(job))]
    figures = dict(zip((job.key for job in trainable), _train(trainable), strict=True))
    for job in jobs:
        if job.key not in figures:
            job.say("the member that it is built on failed in training: it fails too")
            figures[job.key] = _write(job, None, TrainingProgress(failed_step=0), _rate(job))
    return [figures[job.key] for job in jobs]


def _sources(job: Job) -> Sequence[Artifact]:
    """The trained members of its past and of its first weights, where it has them."""
    return *job.inputs.get("past", ()), *job.inputs.get("start", ())


def _train(jobs: Sequence[Job]) -> list[dict[str, Any]]:
    if not jobs:
        return []
    first = jobs[0]
    # Learning rates may differ within a stack.
    settings = Training.model_validate({**first.settings["training"], "learning_rate": 1.0})
    rates = [_rate(job) for job in jobs]
    prepared = prepare(
        first.setting("size", Size),
        [job.setting("variant", Variant) for job in jobs],
        settings,
        first.input("tokens"),
        [job.input("past") for job in jobs if "past" in job.inputs],
        [job.input("start") for job in jobs if "start" in job.inputs],
        [(job.settings["seed_init"], job.settings["seed_order"]) for job in jobs],
        first.hardware,
        first.label,
    )
    states = [job.state / "training.safetensors" for job in jobs]
    for job, state in zip(jobs, states, strict=True):
        if can_resume(state, job.say):
            job.say("goes on from its last saved state")
    step_tokens = settings.batch * settings.context
    total = settings.steps * step_tokens * len(jobs)

    def on_step(steps: int, note: str) -> None:
        first.report(steps * step_tokens, total, f"tokens, step {steps // len(jobs)}, {note}")

    progress = train(
        prepared.model,
        settings,
        rates,
        prepared.windows,
        prepared.select,
        states=states,
        checkpoint_seconds=first.hardware.checkpoint_seconds,
        on_step=on_step,
        past=prepared.past,
        late=[_late(job) for job in jobs],
    )
    return [
        _write(job, (prepared.model, index), progress[index], rates[index])
        for index, job in enumerate(jobs)
    ]


def _rate(job: Job) -> float:
    """The peak learning rate: from the study, or from its tuning."""
    rate = job.settings["training"]["learning_rate"]
    return float(job.input("tuning").figures["learning_rate"] if rate == "tune" else rate)


def _late(job: Job) -> dict[int, Path]:
    """Steps after which weights are kept, and their files, in the state, which survives a kill."""
    last = job.settings["training"]["steps"]
    steps = {round(share * last) for share in job.settings["training"].get("late", ())}
    return {
        step: job.state / f"weights-{step}.safetensors" for step in sorted(steps) if 0 < step < last
    }


def _write(job: Job, slot: Slot | None, progress: TrainingProgress, rate: float) -> dict[str, Any]:
    """Write a member's weights and tables; its figures. `slot` is None where it did not train."""
    has_failed = slot is None or progress.failed_step is not None
    weights_sha256 = parameters = None
    late: dict[int, Path] = {}
    if slot is not None:
        model, index = slot
        parameters = sum(weight.numel() for weight in model.weights_of(index).values())
    if slot is None or has_failed:
        job.say(f"failed: the loss or its gradient was not finite in step {progress.failed_step}")
    else:
        weights = job.folder / "weights.safetensors"
        save_weights(*slot, weights)
        weights_sha256 = sha256_of(weights)
        late = _late(job)
        for path in late.values():
            # A copy: a run that is killed before the manifest resumes from the state again.
            shutil.copyfile(path, job.folder / path.name)
    row = {
        **_model_row(job, rate, progress),
        "status": "failed" if has_failed else "trained",
        "parameters": parameters,
        "weights_sha256": weights_sha256,
    }
    job.write_table("model", [row])
    job.write_table("training_curve", [{"model": job.key, **point} for point in progress.curve])
    return {
        "status": row["status"],
        "vocabulary": None if slot is None else slot[0].W_U.shape[1],
        "parameters": parameters,
        "select_nats": progress.select_nats,
        "seconds": row["cost_seconds"],
        "tokens_per_second": round(row["training_tokens"] / max(progress.seconds, 1e-9)),
        "device": None if slot is None else str(slot[0].W_U.device),
        "kernels": None if slot is None else slot[0].kernel_names,
        "earlier_seconds": progress.earlier_seconds,
        "late": list(late),
    }


def _model_row(job: Job, rate: float, progress: TrainingProgress) -> dict[str, Any]:
    """The columns of `model` that do not depend on the weights."""
    training, variant = job.settings["training"], job.settings["variant"]
    all_settings = (job.settings, *(source.manifest.settings for source in _sources(job)))
    shared = [
        {name: value for name, value in settings.items() if not name.startswith("seed_")}
        for settings in all_settings
    ]
    parents = [parent.key for parent in job.inputs.get("start", ())]
    return {
        "model": job.key,
        "model_class": digest([shared, rate, job.input("tokens").manifest.digest])[:12],
        **job.arm,
        "mixer": job.settings["size"].get("mixer", "attention"),
        "gradient": variant["gradient"],
        "gamma": variant["gamma"],
        "seed_init": job.settings["seed_init"],
        "seed_order": job.settings["seed_order"],
        "method": "fine-tuned" if parents else "trained",
        "parent": parents[0] if parents else None,
        "scale": None,
        "draw": None,
        "failed_step": progress.failed_step,
        "training_tokens": progress.step * training["batch"] * training["context"],
        "learning_rate": rate,
        "cost_seconds": round(progress.seconds, 3),
    }
