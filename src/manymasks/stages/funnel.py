"""funnel: how many members remain as constraints are added, and how diverse they are."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import pyarrow.parquet as pq

from manymasks.arrays import Floats
from manymasks.config.analyses import Contrast
from manymasks.config.rashomon import Funnel
from manymasks.rashomon.funnel import Constraint, funnel_rows, loss_rows, split_constraints
from manymasks.stages.inputs.members import members_of
from manymasks.store.job import Artifact, Job
from manymasks.store.manifest import read_manifest

PAIRS = "tables/pair_divergence.parquet"


def make(job: Job) -> dict[str, Any]:
    """Write the tables `funnel_loss`, `funnel_constraint`, `funnel_step` and `pattern`."""
    settings: Funnel = job.setting("funnel", Funnel)
    evaluations, members = members_of(job, "evaluation")
    models = [member.model for member in members]
    sums = [np.load(evaluation.file("sums.npz")) for evaluation in evaluations]
    nats = np.stack([arrays["measure_nats"].sum(1) for arrays in sums])
    tokens = sums[0]["measure_tokens"].sum(1).astype(float)
    constraints = split_constraints(nats, tokens, settings.splits)
    kl = None
    for divergence in job.inputs["divergence"]:
        constraints += _probe_constraints(divergence, models)
        if kl is None and _is_held_out(job, divergence):
            kl = _text_divergences(divergence, models)
    tables = funnel_rows(
        constraints,
        kl,
        members,
        job.setting("contrasts", tuple[Contrast, ...]),
        settings,
        job.statistics.confidence,
    )
    job.write_tables({"funnel_loss": loss_rows(constraints, models), **tables})
    return {"members": len(members), "constraints": len(constraints)}


def _probe_constraints(divergence: Artifact, models: Sequence[str]) -> list[Constraint]:
    """A constraint for each severity of a probe from 1 on. Severity 0 is unchanged text of the
    measure split. Parts of that split are constraints already, so it would agree with them by
    construction."""
    rows = pq.read_table(divergence.file("tables/model_probe.parquet")).to_pylist()
    nats = {(row["severity"], row["model"]): row["nats"] for row in rows}
    probe = rows[0]["probe"]
    return [
        Constraint(
            f"{probe} severity {severity}",
            "probe",
            np.array([nats.get((severity, model)) for model in models], dtype=np.float64),
        )
        for severity in sorted({row["severity"] for row in rows} - {0})
    ]


def _is_held_out(job: Job, divergence: Artifact) -> bool:
    """Whether the probe of a divergence is unchanged text."""
    (probe,) = divergence.manifest.inputs["probe"]
    settings = read_manifest(job.layout.manifest(probe.stage, probe.key)).settings
    return bool(settings["probe"]["family"] == "held-out")


def _text_divergences(divergence: Artifact, models: Sequence[str]) -> Floats:
    """Symmetric mean KL of every two models at severity 0, (m, m); NaN where it is unknown."""
    index = {model: i for i, model in enumerate(models)}
    kl = np.full((len(models), len(models)), np.nan)
    if not any(file.path == PAIRS for file in divergence.manifest.files):
        return kl  # One member has no pair.
    for row in pq.read_table(divergence.file(PAIRS)).to_pylist():
        a, b = index.get(row["model_a"]), index.get(row["model_b"])
        if row["severity"] == 0 and row["kl"] is not None and a is not None and b is not None:
            kl[a, b] = kl[b, a] = row["kl"]
    return kl
