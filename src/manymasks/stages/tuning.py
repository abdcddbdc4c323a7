"""tuning: the peak learning rate of an arm, found on a grid.

A trial is a training like any other, with seeds of its own. It is scored by the last point of
its select curve: the mean loss over the `training.curve_windows` windows of the select split
that all trials share. So the rate is chosen on the text that decides membership, and on the
measure split nothing is.
"""

import gc
import json
from collections.abc import Sequence
from dataclasses import asdict
from itertools import product
from typing import Any

import torch

from manymasks.config.study import Hardware
from manymasks.config.training import Size, Training, Tune, Variant
from manymasks.errors import UserError
from manymasks.stages.inputs.training_stack import prepare
from manymasks.statistics.intervals import finite
from manymasks.store.atomic import write_json
from manymasks.store.job import Job
from manymasks.training.device import choose_device
from manymasks.training.loop import train
from manymasks.training.memory import is_out_of_memory
from manymasks.training.tuning import Choice, Trial, choose

ON_A_GPU = 32
"""Trials at once where `hardware.stack` leaves it open; on a CPU one after another is faster."""
Slot = tuple[float, int, int]
"""A trial before it is made: rate, seed_init, seed_order."""


def make(job: Job) -> dict[str, Any]:
    """Write the table `tuning`, one row a trial; the figure `learning_rate` is the choice.

    Raises:
        UserError: if no rate came through with all its seeds.
    """
    tune: Tune = job.setting("tune", Tune)
    _check_past(job)
    device = choose_device(job.hardware.device)
    done, earlier = _all_done(job, tune, device)
    trials = [Trial(*slot, nats=known["nats"]) for slot, known in done.items()]
    choice = choose(trials)
    rates = ", ".join(f"{rate:g}" for rate in tune.rates)
    if choice is None:
        raise UserError(
            f"{job.label}: each learning rate of tune.rates ({rates}) had a trial that failed: "
            "the loss became infinite or not a number. Add lower ones to tune.rates."
        )
    _say(job, choice, rates)
    corpus, size_name, variant_name = (*job.label.split("/"), "", "", "", "")[1:4]
    arm = {"corpus": corpus, "size": size_name, "variant": variant_name}
    rows = [
        {
            **arm,
            "learning_rate": trial.rate,
            "seed_init": trial.seed_init,
            "seed_order": trial.seed_order,
            "select_nats": trial.nats,
            "status": "failed" if trial.nats is None else "trained",
            "is_chosen": trial.rate == choice.rate,
        }
        for trial in trials
    ]
    job.write_table("tuning", rows)
    lead = asdict(choice.lead) if choice.lead else {}
    return {
        "learning_rate": choice.rate,
        "select_nats": choice.nats,
        "on_edge": choice.edge is not None,
        "edge": choice.edge,
        "runner_up": choice.runner_up,
        "lead_nats": finite(lead.get("estimate")),
        "lead_low": finite(lead.get("low")),
        "lead_high": finite(lead.get("high")),
        "trials": len(trials),
        "failed": sum(trial.nats is None for trial in trials),
        "seconds": round(sum(known["seconds"] for known in done.values()), 3),
        "device": str(device),
        "earlier_seconds": earlier,
    }


Done = dict[Slot, dict[str, Any]]
"""Loss, None if it failed, and seconds of trials."""


def _all_done(job: Job, tune: Tune, device: torch.device) -> tuple[Done, float]:
    """All trials, in the order of the grid, and the seconds that earlier runs spent on them."""
    settings: Training = job.setting("training", Training)
    seeds = list(product(tune.seeds.init, tune.seeds.order))
    slots = [(rate, *pair) for rate in tune.rates for pair in seeds]
    done = {slot: known for slot in slots if (known := _known(job, slot)) is not None}
    if done:
        job.say(f"{len(done)} of {len(slots)} trials are done already")
    earlier = sum(known["seconds"] for known in done.values())
    left, width = [slot for slot in slots if slot not in done], _width(job.hardware, device)
    hardware = job.hardware
    while left:
        stack = left[:width]
        try:
            found, before = _trained(job, settings, stack, len(done), len(slots), hardware)
        except Exception as error:
            if len(stack) == 1 or not is_out_of_memory(error):
                raise
            width = (len(stack) + 1) // 2
            hardware = hardware.model_copy(update={"stack": width})
            job.say(f"out of memory with {len(stack)} trials at once; goes on with {width}")
            continue
        finally:
            # What an attempt held is given back before the next.
            gc.collect()
        done |= found
        earlier += before
        left = left[len(stack) :]
    return {slot: done[slot] for slot in slots}, earlier


def _trained(
    job: Job,
    settings: Training,
    stack: Sequence[Slot],
    done: int,
    trials: int,
    hardware: Hardware,
) -> tuple[Done, float]:
    """What became of some trials, trained at once, and the seconds earlier runs had spent on them.

    Each is kept beside the artifact, so that a killed tuning goes on with the next trial.
    """
    ready = prepare(
        job.setting("size", Size),
        [job.setting("variant", Variant)] * len(stack),
        settings,
        job.input("tokens"),
        # One past for all: no member of the study has the seeds of the trials.
        [*job.inputs.get("past", ())] * len(stack),
        [],
        [(seed_init, seed_order) for _, seed_init, seed_order in stack],
        hardware,
        job.label,
    )
    per_step = settings.batch * settings.context
    at_work = f"trials {done + 1} to {done + len(stack)}" if stack[1:] else f"trial {done + 1}"
    progressed = train(
        ready.model,
        settings,
        [rate for rate, _, _ in stack],
        ready.text,
        ready.select,
        states=[job.state / f"{_name(slot)}.safetensors" for slot in stack],
        checkpoint_seconds=job.hardware.checkpoint_seconds,
        on_step=lambda step, note: job.report(
            (done * settings.steps + step) * per_step,
            trials * settings.steps * per_step,
            f"tokens, {at_work} of {trials}, {note}",
        ),
        past=ready.past,
    )
    found: Done = {}
    for slot, each in zip(stack, progressed, strict=True):
        last = [point["nats"] for point in each.curve if point["split"] == "select"]
        nats = last[-1] if last and each.failed_step is None else None
        found[slot] = {"nats": nats, "seconds": each.seconds}
        write_json(job.state / f"{_name(slot)}.json", found[slot])
        (job.state / f"{_name(slot)}.safetensors").unlink(missing_ok=True)
        if nats is None:
            rate, seed_init, seed_order = slot
            job.say(
                f"the trial of {rate:g} with seeds {seed_init} and {seed_order} failed: the loss "
                f"or its gradient was not finite in step {each.failed_step}"
            )
    return found, sum(each.earlier_seconds for each in progressed)


def _known(job: Job, slot: Slot) -> dict[str, Any] | None:
    """What became of a trial in an earlier run."""
    path = job.state / f"{_name(slot)}.json"
    return dict(json.loads(path.read_text(encoding="utf-8"))) if path.exists() else None


def _name(slot: Slot) -> str:
    return "{!r}-{}-{}".format(*slot)


def _width(hardware: Hardware, device: torch.device) -> int:
    """Trials trained at once; it changes no result."""
    if hardware.stack != "auto":
        return hardware.stack
    return ON_A_GPU if device.type == "cuda" else 1


def _check_past(job: Job) -> None:
    for past in job.inputs.get("past", ()):
        if past.figures["status"] != "trained":
            raise UserError(
                f"{job.label}: {past.manifest.label}, whose earlier positions its trials keep, "
                "failed in training. Lower that member's learning rate."
            )


def _say(job: Job, choice: Choice, rates: str) -> None:
    text = f"the best learning rate of {rates} is {choice.rate:g}, {choice.nats:.4f} nats a token"
    if choice.lead is not None:
        text += f", {choice.lead.estimate:.4f}"
        if choice.lead.p is not None:
            text += f" ({choice.lead.low:.4f} to {choice.lead.high:.4f})"
        text += f" less than {choice.runner_up:g}"
    job.say(text)
    if choice.edge is not None:
        beyond = "lower" if choice.edge == "lowest" else "higher"
        job.say(
            f"warning: the best learning rate, {choice.rate:g}, is the {choice.edge} of the grid: "
            f"add {beyond} ones to tune.rates"
        )
