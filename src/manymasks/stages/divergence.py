"""divergence: all members of a corpus on one probe, everything from one pass."""

from collections.abc import Sequence
from functools import partial
from typing import Any

import numpy as np
import torch

from manymasks.arrays import FloatArray, Rows
from manymasks.config.analyses import Divergence, Statistics
from manymasks.divergence.anova import Crossing, component_rows, crossing
from manymasks.divergence.calibration import calibration_rows, item_rows
from manymasks.divergence.pair_tables import divergence_rows, floor_means
from manymasks.divergence.probe_pass import AtSeverity, ProbePass, ProbeWindows
from manymasks.stages.inputs.members import members_of
from manymasks.stages.inputs.weights import load_members
from manymasks.statistics.bootstrap import document_weights, ratio_interval
from manymasks.statistics.intervals import finite
from manymasks.statistics.model_classes import Member, classes
from manymasks.store.job import Artifact, Job
from manymasks.tokens.tokenizer import load
from manymasks.training.device import choose_device


def make(job: Job) -> dict[str, Any]:
    """Write sums.npz and the tables of how members behave at each severity.

    They are model_probe, pair_divergence, pool_divergence, noise_floor, behaviour_component,
    probe_item, calibration_bin, position_divergence, contrast and, where there are reference seeds,
    rows of probe_distance. sums.npz is for what compares severities.
    """
    settings: Divergence = job.setting("divergence", Divergence)
    statistics = job.statistics
    trainings, members = members_of(job)
    crossed = crossing(members)
    probe = job.input("probe")
    windows = _windows(probe)
    device = choose_device(job.hardware.device)
    references = job.inputs.get("reference", ())
    models, judges = (
        [load_members([each], device, context=windows.longest) for each in several]
        for several in (
            trainings,
            [each for each in references if each.figures["status"] == "trained"],
        )
    )
    at_all = ProbePass(
        windows,
        models,
        judges,
        list(classes(members).values()),
        crossed,
        settings,
        statistics.seed,
        load(job.input("tokenizer").file("tokenizer.json")).decode,
    )
    count, severities = windows.owners.size, len(windows.levels)

    def report(severity: int, done: int) -> None:
        what = f"windows, severity {severity}, {len(members)} members"
        job.report(severity * count + done, severities * count, what)

    with torch.no_grad():
        found = [at_all.severity(each, partial(report, each)) for each in range(severities)]

    name = probe.manifest.settings["name"]
    tables: dict[str, Rows] = divergence_rows(
        {severity: each.sums for severity, each in enumerate(found)},
        {severity: each.floor for severity, each in enumerate(found)},
        members,
        name,
        at_all.perturbation,
        statistics,
        {severity: each.sampled for severity, each in enumerate(found)},
    )
    for severity, each in enumerate(found):
        where = {"probe": name, "severity": severity}
        for table, rows in _own_rows(each, members, crossed, windows, statistics).items():
            tables.setdefault(table, []).extend(where | row for row in rows)
    job.write_tables(tables)
    np.savez(
        job.folder / "sums.npz",
        documents=windows.names,
        models=np.array([member.model for member in members]),
        **{  # type: ignore[arg-type]
            column: np.stack([getattr(each.sums, column) for each in found])
            for column in ("tokens", "kl", "entropy", "log_p")
        },
    )
    return {"members": len(members), "pairs": len(members) * (len(members) - 1) // 2}


def _windows(probe: Artifact) -> ProbeWindows:
    """What the probe saved; where its severities have lengths, each sees the end of its windows."""
    with np.load(probe.file("contexts.npz")) as saved:
        tokens = saved["tokens"]
        lengths = saved["lengths"] if "lengths" in saved else [tokens.shape[2] - 1] * len(tokens)
        names, owners = np.unique(saved["documents"], return_inverse=True)
    levels = [level[:, -(length + 1) :] for level, length in zip(tokens, lengths, strict=True)]
    return ProbeWindows(levels, names, owners, probe.figures["scored"])


def _own_rows(
    found: AtSeverity,
    members: Sequence[Member],
    crossed: Crossing | None,
    windows: ProbeWindows,
    statistics: Statistics,
) -> dict[str, Rows]:
    """Rows, without probe and severity, of what does not come from sums over pairs."""
    tables = {
        "probe_item": item_rows(found.items, members, windows.documents),
        "calibration_bin": calibration_rows(found.items, members, windows.owners, statistics),
        "position_divergence": found.shown,
    }
    if crossed is not None and found.anova is not None:
        kl_floor = float(floor_means(found.floor)["kl"][crossed.members.ravel()].mean())
        tables["behaviour_component"] = component_rows(found.anova, crossed, kl_floor, statistics)
    if found.reference is not None:
        tables["probe_distance"] = [_reference_row(found.reference, found.sums.tokens, statistics)]
    return tables


def _reference_row(nats: FloatArray, tokens: FloatArray, statistics: Statistics) -> dict[str, Any]:
    """Loss of the reference seeds, which are given: its interval is over documents (D,)."""
    weights = document_weights(tokens.size, statistics.resamples, statistics.seed)
    value, low, high = ratio_interval(nats, tokens, weights, statistics.confidence)
    return {
        "measure": "reference_nats",
        "value": finite(value),
        "low": finite(low),
        "high": finite(high),
        "documents": int(tokens.size),
    }
