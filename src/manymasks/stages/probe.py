"""probe: contexts of one family at all its severities."""

from typing import Any

import numpy as np

from manymasks.config.analyses import Probe
from manymasks.probes.families import contexts
from manymasks.store.job import Job
from manymasks.tokens.shards import TokenStream


def make(job: Job) -> dict[str, Any]:
    """Write contexts.npz and the table `probe`."""
    settings: Probe = job.setting("probe", Probe)
    stream = TokenStream.open(job.input("tokens").files("measure/"))
    found = contexts(
        settings,
        [(name, stream.document(i)) for i, name in enumerate(stream.documents)],
        context=job.settings["context"],
        end_of_text=stream.end_of_text,
    )
    np.savez(job.folder / "contexts.npz", tokens=found.tokens, documents=np.array(found.documents))
    job.write_table(
        "probe",
        [
            {
                "probe": job.settings["name"],
                "severity": severity,
                "corpus": job.settings["corpus"],
                "family": settings.family,
                "description": description,
                "windows": found.tokens.shape[1],
                "scored": found.scored,
                "documents": len(set(found.documents)),
                "changed": changed,
            }
            for severity, (description, changed) in enumerate(
                zip(found.descriptions, found.changed(), strict=True)
            )
        ],
    )
    return {
        "severities": found.tokens.shape[0],
        "windows": found.tokens.shape[1],
        "scored": found.scored,
    }
