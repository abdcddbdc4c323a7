"""severity: how divergence changes with severity, and loss on probes compared with text."""

from typing import Any

import numpy as np
import pyarrow.parquet as pq

from manymasks.arrays import Floats, Rows
from manymasks.divergence.line import OnProbe, line_rows
from manymasks.divergence.trend import ProbeSeverities, trend_rows
from manymasks.stages.inputs.members import named
from manymasks.statistics.model_classes import Member
from manymasks.store.job import Artifact, Job

DISTANCES = "tables/probe_distance.parquet"


def make(job: Job) -> dict[str, Any]:
    """Write the tables `severity_trend`, `line_fit`, `line_residual` and `contrast`. The members on
    a probe are those of its divergence, which for a search are half of all."""
    statistics = job.statistics
    probes = {probe.key: probe for probe in job.inputs["probe"]}
    tables: dict[str, Rows] = {
        name: [] for name in ("severity_trend", "line_fit", "line_residual", "contrast")
    }
    probe_losses: list[tuple[str, int, OnProbe]] = []
    text: OnProbe | None = None
    total = len(job.inputs["divergence"])
    for done, divergence in enumerate(job.inputs["divergence"]):
        (reference,) = divergence.manifest.inputs["probe"]
        probe = probes[reference.key]
        name = str(probe.manifest.settings["name"])
        job.report(done, total, f"probes, {name}")
        with np.load(divergence.file("sums.npz")) as sums:
            members = _members(divergence, sums["models"].tolist())
            tokens = sums["tokens"].astype(np.float64)
            if len(tokens) > 1:
                severities = ProbeSeverities(
                    name,
                    members,
                    tokens,
                    sums["kl"],
                    sums["entropy"],
                    _ngram_nats(probe, len(tokens)),
                )
                for table, rows in trend_rows(severities, statistics).items():
                    tables[table] += rows
            losses = [
                OnProbe(members, sums["documents"], tokens[severity], -log_p)
                for severity, log_p in enumerate(sums["log_p"])
            ]
        if text is None and probe.manifest.settings["probe"]["family"] == "held-out":
            text = losses[0]
            probe_losses += [(name, i, loss) for i, loss in enumerate(losses) if i > 0]
        else:
            probe_losses += [(name, i, loss) for i, loss in enumerate(losses)]
    if text is not None:
        for name, severity, loss in probe_losses:
            for table, rows in line_rows(name, severity, loss, text, statistics).items():
                tables[table] += rows
    job.write_tables(tables)
    return {
        "probes": total,
        "trends": len(tables["severity_trend"]),
        "lines": len(tables["line_fit"]),
    }


def _members(divergence: Artifact, models: list[str]) -> list[Member]:
    """The members of a divergence, in the order of its sums, with their names in the study."""
    references = divergence.manifest.inputs["training"]
    names = divergence.manifest.settings["members"]
    by_key = {reference.key: name for reference, name in zip(references, names, strict=True)}
    return [named(key, by_key[key]) for key in models]


def _ngram_nats(probe: Artifact, severities: int) -> Floats | None:
    """Mean n-gram surprise of each severity, (S,); None if a severity has none."""
    if not any(file.path == DISTANCES for file in probe.manifest.files):
        return None
    rows = pq.read_table(probe.file(DISTANCES)).to_pylist()
    values = {row["severity"]: row["value"] for row in rows if row["measure"] == "ngram_nats"}
    if any(values.get(severity) is None for severity in range(severities)):
        return None
    return np.array([values[severity] for severity in range(severities)])
