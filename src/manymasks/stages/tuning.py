"""tuning: the peak learning rate of an arm, from a grid.

A trial is a training with seeds that no member of the study has. Its score is the last point of its
select curve: the mean loss over the `training.curve_windows` windows of the select split, the same
for all trials. So the rate is chosen on the split that decides membership; the measure split plays
no part.
"""

import gc
from collections.abc import Sequence
from typing import Any

import torch

from manymasks.config.study import Hardware
from manymasks.config.training import Size, Training, Tune, Variant
from manymasks.errors import UserError
from manymasks.stages.inputs.training_stack import can_resume, prepare
from manymasks.statistics.intervals import finite
from manymasks.store.job import Job
from manymasks.store.sealed import read_sealed, write_sealed
from manymasks.training.device import choose_device
from manymasks.training.loop import train
from manymasks.training.memory import is_out_of_memory
from manymasks.training.tuning import Trial, choose, messages, trial_rows

GPU_STACK = 32
"""Trials in a stack where `hardware.stack` is `auto`; on a CPU one at a time is faster."""
Slot = tuple[float, int, int]
"""A trial before it runs: rate, seed_init, seed_order."""
Results = dict[Slot, dict[str, Any]]
"""The loss of each trial, None if it failed, and its seconds."""


def make(job: Job) -> dict[str, Any]:
    """Write the table `tuning`, one row a trial; the figure `learning_rate` is the choice. Raises
    UserError if every rate has a trial that failed."""
    tune: Tune = job.setting("tune", Tune)
    for past in job.inputs.get("past", ()):
        if not past.is_trained:
            raise UserError(
                f"{job.label}: {past.manifest.label}, whose earlier positions its trials keep, "
                "failed in training. Lower that member's learning rate."
            )
    device = choose_device(job.hardware.device)
    results, earlier = _run_trials(job, tune, device)
    trials = [Trial(*slot, nats=result["nats"]) for slot, result in results.items()]
    choice = choose(trials)
    if choice is None:
        rates = ", ".join(f"{rate:g}" for rate in tune.rates)
        raise UserError(
            f"{job.label}: each learning rate of tune.rates ({rates}) had a trial that failed: "
            "the loss became infinite or not a number. Add lower ones to tune.rates."
        )
    for message in messages(choice, tune.rates):
        job.say(message)
    job.write_table("tuning", [{**job.arm, **row} for row in trial_rows(trials, choice)])
    lead = choice.lead
    return {
        "learning_rate": choice.rate,
        "select_nats": choice.nats,
        "on_edge": choice.edge is not None,
        "edge": choice.edge,
        "runner_up": choice.runner_up,
        "lead_nats": None if lead is None else finite(lead.estimate),
        "lead_low": None if lead is None else finite(lead.low),
        "lead_high": None if lead is None else finite(lead.high),
        "trials": len(trials),
        "failed": sum(trial.nats is None for trial in trials),
        "seconds": round(sum(result["seconds"] for result in results.values()), 3),
        "device": str(device),
        "earlier_seconds": earlier,
    }


def _run_trials(job: Job, tune: Tune, device: torch.device) -> tuple[Results, float]:
    """All trials, in the order of the grid, and the seconds that earlier runs spent on them."""
    slots = [(rate, *pair) for rate in tune.rates for pair in tune.seeds.pairs]
    results: Results = {}
    for slot in slots:
        path = job.state / f"{_name(slot)}.json"
        if path.exists():
            try:
                results[slot] = read_sealed(path)
            except (OSError, ValueError) as error:
                job.say(f"a trial begins again, as {path.name} is damaged ({error})")
                path.unlink()
    if results:
        job.say(f"{len(results)} of {len(slots)} trials are done already")
    earlier = sum(result["seconds"] for result in results.values())
    remaining = [slot for slot in slots if slot not in results]
    hardware, width = job.hardware, _stack_width(job.hardware, device)
    while remaining:
        stack = remaining[:width]
        try:
            finished, seconds = _run_stack(job, stack, len(results), len(slots), hardware)
        except Exception as error:
            if len(stack) == 1 or not is_out_of_memory(error):
                raise
            width = (len(stack) + 1) // 2
            hardware = hardware.model_copy(update={"stack": width})
            job.say(f"out of memory with {len(stack)} trials at once; goes on with {width}")
            continue
        finally:
            # Free the memory of an attempt before the next one.
            gc.collect()
        results |= finished
        earlier += seconds
        remaining = remaining[len(stack) :]
    return {slot: results[slot] for slot in slots}, earlier


def _run_stack(
    job: Job, stack: Sequence[Slot], done: int, trials: int, hardware: Hardware
) -> tuple[Results, float]:
    """The results of some trials, trained at once, and the seconds that earlier runs spent on them.
    Each result is saved beside the artifact, so that a killed tuning resumes at the next trial."""
    settings: Training = job.setting("training", Training)
    prepared = prepare(
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
    step_tokens = settings.batch * settings.context
    states = [job.state / f"{_name(slot)}.safetensors" for slot in stack]
    for state in states:
        can_resume(state, job.say)
    names = f"trials {done + 1} to {done + len(stack)}" if stack[1:] else f"trial {done + 1}"

    def on_step(step: int, note: str) -> None:
        job.report(
            (done * settings.steps + step) * step_tokens,
            trials * settings.steps * step_tokens,
            f"tokens, {names} of {trials}, {note}",
        )

    progress = train(
        prepared.model,
        settings,
        [rate for rate, _, _ in stack],
        prepared.windows,
        prepared.select,
        states=states,
        checkpoint_seconds=job.hardware.checkpoint_seconds,
        on_step=on_step,
        past=prepared.past,
    )
    results: Results = {}
    for slot, trial in zip(stack, progress, strict=True):
        nats = None if trial.failed_step is not None else trial.select_nats
        results[slot] = {"nats": nats, "seconds": trial.seconds}
        write_sealed(job.state / f"{_name(slot)}.json", results[slot])
        (job.state / f"{_name(slot)}.safetensors").unlink(missing_ok=True)
        if nats is None:
            rate, seed_init, seed_order = slot
            job.say(
                f"the trial of {rate:g} with seeds {seed_init} and {seed_order} failed: the loss "
                f"or its gradient was not finite in step {trial.failed_step}"
            )
    return results, sum(trial.earlier_seconds for trial in progress)


def _name(slot: Slot) -> str:
    return "{!r}-{}-{}".format(*slot)


def _stack_width(hardware: Hardware, device: torch.device) -> int:
    """Trials trained at once; it changes no result."""
    if hardware.stack != "auto":
        return hardware.stack
    return GPU_STACK if device.type == "cuda" else 1
