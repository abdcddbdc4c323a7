"""What the stages that make contexts write."""

from typing import Any

import numpy as np

from manymasks.config.probes import Probe
from manymasks.kinds.families import FAMILIES
from manymasks.probes.contexts import Contexts
from manymasks.probes.distance import distance_rows
from manymasks.probes.windows import Tokens
from manymasks.statistics.bootstrap import document_columns
from manymasks.store.job import Job
from manymasks.tokens.shards import TokenStream


def write_probe(
    job: Job, settings: Probe, contexts: Contexts, train: TokenStream, unigrams: Tokens
) -> dict[str, Any]:
    """Write contexts.npz and the tables `probe` and `probe_distance`; return the figures.
    `contexts`: windows at all severities. `train`: the train split, with `unigrams` (vocabulary,)
    counts."""
    name = job.settings["name"]
    arrays = {"tokens": contexts.tokens, "documents": np.array(contexts.documents)}
    if contexts.lengths is not None:
        arrays["lengths"] = np.array(contexts.lengths)
    np.savez(job.folder / "contexts.npz", **arrays)  # type: ignore[arg-type]
    severities, windows = contexts.tokens.shape[:2]
    changed = contexts.changed()
    family = FAMILIES[settings.family]
    _, sizes = np.unique(contexts.documents, return_counts=True)
    units = document_columns(sizes.astype(np.float64))
    rows = [
        {
            "probe": name,
            "severity": severity,
            "corpus": job.settings["corpus"],
            "family": settings.family,
            "split": family.split,
            "is_synthetic": family.is_synthetic,
            "description": contexts.descriptions[severity],
            "windows": windows,
            "scored": contexts.scored,
            **units,
            "changed": changed[severity],
        }
        for severity in range(severities)
    ]
    distances = distance_rows(name, contexts, train.pieces(), unigrams, job.statistics)
    job.write_tables({"probe": rows, "probe_distance": distances})
    return {"severities": severities, "windows": windows, "scored": contexts.scored}
