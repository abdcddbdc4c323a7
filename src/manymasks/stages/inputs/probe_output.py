"""Probes as the stages that make contexts write them."""

from typing import Any

import numpy as np

from manymasks.config.analyses import Statistics
from manymasks.config.probes import Probe
from manymasks.kinds.families import FAMILIES
from manymasks.probes.contexts import Contexts
from manymasks.probes.distance import distance_rows
from manymasks.probes.windows import Tokens
from manymasks.store.job import Job
from manymasks.tokens.shards import TokenStream


def write_probe(
    job: Job,
    name: str,
    settings: Probe,
    contexts: Contexts,
    train: TokenStream,
    unigrams: Tokens,
    statistics: Statistics,
) -> dict[str, Any]:
    """Write contexts.npz and the tables `probe` and `probe_distance`; return the figures.

    Args:
        job: of a stage that makes contexts, with the name of a corpus among its settings.
        name: of the probe in the study.
        settings: of the probe.
        contexts: its windows at all severities.
        train: the train split.
        unigrams: (vocabulary,) counts of its tokens.
        statistics: of the bootstrap over documents.
    """
    arrays = {"tokens": contexts.tokens, "documents": np.array(contexts.documents)}
    if contexts.lengths is not None:
        arrays["lengths"] = np.array(contexts.lengths)
    np.savez(job.folder / "contexts.npz", **arrays)  # type: ignore[arg-type]
    severities, windows = contexts.tokens.shape[:2]
    changed = contexts.changed()
    family = FAMILIES[settings.family]
    job.write_table(
        "probe",
        [
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
                "documents": len(set(contexts.documents)),
                "changed": changed[severity],
            }
            for severity in range(severities)
        ],
    )
    rows = distance_rows(name, contexts, train.pieces(), unigrams, statistics)
    job.write_table("probe_distance", rows)
    return {"severities": severities, "windows": windows, "scored": contexts.scored}
