"""severity: what turning probes from text away does to divergence, and to loss beside text's."""

from typing import Any

import numpy as np
import pyarrow.parquet as pq

from manymasks.arrays import FloatArray, Rows
from manymasks.divergence.line import OnProbe, line_rows
from manymasks.divergence.trend import ProbeSeverities, trend_rows
from manymasks.stages.inputs.members import named
from manymasks.statistics.model_classes import Member
from manymasks.store.job import Artifact, Job

DISTANCES = "tables/probe_distance.parquet"


def make(job: Job) -> dict[str, Any]:
    """Write the tables `severity_trend`, `line_fit`, `line_residual` and `contrast`.

    Members on a probe are those its divergence has: of a search, half of them.
    """
    statistics = job.statistics
    probes = {probe.key: probe for probe in job.inputs["probe"]}
    tables: dict[str, Rows] = {
        name: [] for name in ("severity_trend", "line_fit", "line_residual", "contrast")
    }
    tried: list[tuple[str, int, OnProbe]] = []
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
                turned = ProbeSeverities(
                    name,
                    members,
                    tokens,
                    sums["kl"],
                    sums["entropy"],
                    _ngram_nats(probe, len(tokens)),
                )
                for table, rows in trend_rows(turned, statistics).items():
                    tables[table] += rows
            scored = [
                OnProbe(members, sums["documents"], tokens[severity], -log_p)
                for severity, log_p in enumerate(sums["log_p"])
            ]
        if text is None and probe.manifest.settings["probe"]["family"] == "held-out":
            text, *scored = scored
            tried += [(name, severity, each) for severity, each in enumerate(scored, 1)]
        else:
            tried += [(name, severity, each) for severity, each in enumerate(scored)]
    if text is not None:
        for name, severity, each in tried:
            for table, rows in line_rows(name, severity, each, text, statistics).items():
                tables[table] += rows
    job.write_tables(tables)
    return {
        "probes": total,
        "trends": len(tables["severity_trend"]),
        "lines": len(tables["line_fit"]),
    }


def _members(divergence: Artifact, models: list[str]) -> list[Member]:
    """The members of a divergence, in the order of its sums, as the study calls them."""
    references = divergence.manifest.inputs["training"]
    names = divergence.manifest.settings["members"]
    name_of = {each.key: name for each, name in zip(references, names, strict=True)}
    return [named(key, name_of[key]) for key in models]


def _ngram_nats(probe: Artifact, severities: int) -> FloatArray | None:
    """Mean n-gram surprise of each severity, (S,); None where there is one that has none."""
    if not any(file.path == DISTANCES for file in probe.manifest.files):
        return None
    rows = pq.read_table(probe.file(DISTANCES)).to_pylist()
    found = {row["severity"]: row["value"] for row in rows if row["measure"] == "ngram_nats"}
    if any(found.get(severity) is None for severity in range(severities)):
        return None
    return np.array([found[severity] for severity in range(severities)])
