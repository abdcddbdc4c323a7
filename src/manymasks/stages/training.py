"""training: members from their two seeds to their weights."""

import shutil
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from manymasks.arrays import Rows
from manymasks.config.training import Size, Training, Variant
from manymasks.models.transformer import Transformer
from manymasks.stages.inputs.training_stack import prepare
from manymasks.store.canonical import digest
from manymasks.store.job import Artifact, Job
from manymasks.store.manifest import sha256_of
from manymasks.training.checkpoint import TrainingProgress, save_weights
from manymasks.training.loop import train


def make(job: Job) -> dict[str, Any]:
    """Write weights.safetensors and the tables `model` and `training_curve`.

    Weights from late in the training are written too, as weights-<step>.safetensors, where the
    setting `late` names shares of the steps; the figure `late` lists these steps. A member whose
    loss was not finite is complete too: it has no weights and its status is `failed`, which
    keeps it out of every set.
    """
    return make_many([job])[0]


def make_many(jobs: Sequence[Job]) -> Rows:
    """As `make`, for members of one shape and budget that are trained in one stack."""
    whole = {job.key for job in jobs if all(map(_is_trained, _built_on(job)))}
    ready = [job for job in jobs if job.key in whole]
    figures = dict(zip((job.key for job in ready), _trained(ready), strict=True))
    for job in jobs:
        if job.key not in whole:
            job.say("the member that it is built on failed in training: it fails too")
            figures[job.key] = _written(job, None, TrainingProgress(failed_step=0), _rate(job))
    return [figures[job.key] for job in jobs]


def _built_on(job: Job) -> Sequence[Artifact]:
    """The trained members of its past and of its first weights, where it has them."""
    return *job.inputs.get("past", ()), *job.inputs.get("start", ())


def _is_trained(training: Artifact) -> bool:
    return bool(training.figures["status"] == "trained")


def _trained(jobs: Sequence[Job]) -> Rows:
    if not jobs:
        return []
    first = jobs[0]
    # What differs within a stack is not the budget.
    named = {**first.settings["training"], "learning_rate": 1.0}
    settings = Training.model_validate(named)
    pasts = [job.input("past") for job in jobs if "past" in job.inputs]
    seeds = [(job.settings["seed_init"], job.settings["seed_order"]) for job in jobs]
    rates = [_rate(job) for job in jobs]
    ready = prepare(
        first.setting("size", Size),
        [job.setting("variant", Variant) for job in jobs],
        settings,
        first.input("tokens"),
        pasts,
        [job.input("start") for job in jobs if "start" in job.inputs],
        seeds,
        first.hardware,
        first.label,
    )
    states = [job.state / "training.safetensors" for job in jobs]
    for job, state in zip(jobs, states, strict=True):
        if state.exists():
            job.say("goes on from its last saved state")
    per_step = settings.batch * settings.context
    total = settings.steps * per_step * len(jobs)
    progress = train(
        ready.model,
        settings,
        rates,
        ready.text,
        ready.select,
        states=states,
        checkpoint_seconds=first.hardware.checkpoint_seconds,
        on_step=lambda steps, note: first.report(
            steps * per_step, total, f"tokens, step {steps // len(jobs)}, {note}"
        ),
        past=ready.past,
        late=[_late(job) for job in jobs],
    )
    return [
        _written(job, (ready.model, member), progress[member], rates[member])
        for member, job in enumerate(jobs)
    ]


def _rate(job: Job) -> float:
    """The peak learning rate: named by the study, or found by its tuning."""
    rate = job.settings["training"]["learning_rate"]
    return float(job.input("tuning").figures["learning_rate"] if rate == "tune" else rate)


def _late(job: Job) -> dict[int, Path]:
    """Steps after which weights are kept, and where: with the state, which outlives a kill."""
    last = job.settings["training"]["steps"]
    steps = {round(share * last) for share in job.settings["training"].get("late", ())}
    return {
        step: job.state / f"weights-{step}.safetensors" for step in sorted(steps) if 0 < step < last
    }


def _written(
    job: Job, slot: tuple[Transformer, int] | None, progress: TrainingProgress, rate: float
) -> dict[str, Any]:
    """Write a member's weights and tables; its figures. `slot` is the member of a stack."""
    failed = progress.failed_step is not None
    weights_sha256 = parameters = None
    late: dict[int, Path] = {}
    if slot is not None:
        parameters = sum(weight.numel() for weight in slot[0].weights_of(slot[1]).values())
    if slot is None or failed:
        job.say(f"failed: the loss or its gradient was not finite in step {progress.failed_step}")
    else:
        weights = job.folder / "weights.safetensors"
        save_weights(*slot, weights)
        weights_sha256 = sha256_of(weights)
        late = _late(job)
        for path in late.values():
            # A copy: whoever is killed before the manifest needs what is with the state again.
            shutil.copyfile(path, job.folder / path.name)
    corpus, size_name, variant_name = (*job.label.split("/"), "", "", "", "")[1:4]
    training, tokens = job.settings["training"], job.input("tokens")
    built_on = [each.manifest.settings for each in _built_on(job)]
    of_class = [_but_seeds(each) for each in (job.settings, *built_on)]
    parents = [each.key for each in job.inputs.get("start", ())]
    row = {
        "model": job.key,
        "model_class": digest([of_class, rate, tokens.manifest.digest])[:12],
        "corpus": corpus,
        "size": size_name,
        "variant": variant_name,
        "gradient": job.settings["variant"]["gradient"],
        "gamma": job.settings["variant"]["gamma"],
        "seed_init": job.settings["seed_init"],
        "seed_order": job.settings["seed_order"],
        "method": "fine-tuned" if parents else "trained",
        "parent": parents[0] if parents else None,
        "scale": None,
        "draw": None,
        "status": "failed" if failed else "trained",
        "failed_step": progress.failed_step,
        "parameters": parameters,
        "training_tokens": progress.step * training["batch"] * training["context"],
        "learning_rate": rate,
        "cost_seconds": round(progress.seconds, 3),
        "weights_sha256": weights_sha256,
    }
    job.write_table("model", [row])
    job.write_table("training_curve", [{"model": job.key, **point} for point in progress.curve])
    last = [point["nats"] for point in progress.curve if point["split"] == "select"]
    return {
        "status": row["status"],
        "vocabulary": None if slot is None else slot[0].W_U.shape[1],
        "parameters": parameters,
        "select_nats": last[-1] if last else None,
        "seconds": row["cost_seconds"],
        "tokens_per_second": round(row["training_tokens"] / max(progress.seconds, 1e-9)),
        "device": None if slot is None else str(slot[0].W_U.device),
        "earlier_seconds": progress.earlier_seconds,
        "late": list(late),
    }


def _but_seeds(settings: Mapping[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in settings.items() if not name.startswith("seed_")}
