"""divergence: all members of a corpus on one probe, measured in one pass."""

from functools import partial
from typing import Any

import numpy as np
import torch

from manymasks.arrays import Rows
from manymasks.config.analyses import Divergence
from manymasks.divergence.anova import crossing
from manymasks.divergence.pair_tables import divergence_rows
from manymasks.divergence.probe_pass import AtSeverity, ProbePass, ProbeWindows
from manymasks.divergence.severity_tables import severity_rows
from manymasks.stages.inputs.members import members_of
from manymasks.stages.inputs.models import is_pretrained, load_models
from manymasks.statistics.model_classes import Member, classes
from manymasks.store.job import Artifact, Job
from manymasks.tokens.tokenizer import load
from manymasks.training.device import choose_device


def make(job: Job) -> dict[str, Any]:
    """Write sums.npz, which `severity` reads, and the tables of how members behave at each
    severity."""
    statistics = job.statistics
    trainings, members = members_of(job)
    probe = job.input("probe")
    windows = _windows(probe)
    probe_pass = _probe_pass(job, windows, trainings, members)
    severities = _measure(job, probe_pass)
    name = probe.manifest.settings["name"]
    tables: dict[str, Rows] = divergence_rows(
        {severity: measured.sums for severity, measured in enumerate(severities)},
        {severity: measured.floor for severity, measured in enumerate(severities)},
        members,
        name,
        probe_pass.perturbation,
        statistics,
        {severity: measured.sampled for severity, measured in enumerate(severities)},
    )
    for severity, measured in enumerate(severities):
        labels = {"probe": name, "severity": severity}
        parts = severity_rows(measured, members, probe_pass.crossed, windows, statistics)
        for table, rows in parts.items():
            tables.setdefault(table, []).extend({**labels, **row} for row in rows)
    job.write_tables(tables)
    np.savez(
        job.folder / "sums.npz",
        documents=windows.names,
        models=np.array([member.model for member in members]),
        **{  # type: ignore[arg-type]
            column: np.stack([getattr(measured.sums, column) for measured in severities])
            for column in ("tokens", "kl", "entropy", "log_p")
        },
    )
    return {"members": len(members), "pairs": len(members) * (len(members) - 1) // 2}


def _windows(probe: Artifact) -> ProbeWindows:
    """The contexts of a probe; a severity with shorter ones has the ends of its windows."""
    with np.load(probe.file("contexts.npz")) as saved:
        tokens = saved["tokens"]
        lengths = saved["lengths"] if "lengths" in saved else [tokens.shape[2] - 1] * len(tokens)
        names, owners = np.unique(saved["documents"], return_inverse=True)
    levels = [level[:, -(length + 1) :] for level, length in zip(tokens, lengths, strict=True)]
    return ProbeWindows(levels, names, owners, probe.figures["scored"])


def _probe_pass(
    job: Job, windows: ProbeWindows, trainings: list[Artifact], members: list[Member]
) -> ProbePass:
    """The pass over a probe, with the models of members and reference seeds loaded."""
    settings: Divergence = job.setting("divergence", Divergence)
    device = choose_device(job.hardware.device)
    references = [seed for seed in job.inputs.get("reference", ()) if seed.is_trained]
    models, judges = (
        [load_models([training], device, context=windows.longest) for training in artifacts]
        for artifacts in (trainings, references)
    )
    return ProbePass(
        windows,
        models,
        judges,
        list(classes(members).values()),
        crossing(members, _labels(trainings)),
        settings,
        job.statistics.seed,
        load(job.input("tokenizer").file("tokenizer.json")).decode,
    )


def _labels(trainings: list[Artifact]) -> dict[str, dict[str, Any]]:
    """Further factors of pretrained members, by key."""
    return {
        training.key: training.manifest.settings["labels"]
        for training in trainings
        if is_pretrained(training)
    }


def _measure(job: Job, probe_pass: ProbePass) -> list[AtSeverity]:
    windows, severities = probe_pass.windows.owners.size, len(probe_pass.windows.levels)

    def report(severity: int, done: int) -> None:
        note = f"windows, severity {severity}, {len(probe_pass.models)} members"
        job.report(severity * windows + done, severities * windows, note)

    with torch.no_grad():
        return [
            probe_pass.severity(severity, partial(report, severity))
            for severity in range(severities)
        ]
