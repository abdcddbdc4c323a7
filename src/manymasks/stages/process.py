"""process: documents drawn from a known process, split into train, select and measure."""

from typing import Any

from manymasks.config.corpora import ProcessCorpus
from manymasks.config.mask_law import MaskLaw
from manymasks.corpora.documents import write_documents
from manymasks.corpora.processes.text import read_process
from manymasks.kinds.processes import PROCESSES
from manymasks.store.job import Job


def make(job: Job) -> dict[str, Any]:
    """Write documents.parquet and the table `corpus`; the figures are its counts."""
    settings: ProcessCorpus = job.setting("corpus", ProcessCorpus)
    summary = write_documents(read_process(settings), job.folder / "documents.parquet", settings)
    values = {name: getattr(settings, name) for name in PROCESSES[settings.process].parameters}
    parameters = "".join(f", {name} {_shown(value)}" for name, value in values.items() if value)
    corpus = job.label.partition("/")[2]
    figures = {
        "corpus": corpus,
        "kind": settings.kind,
        **summary.figures(),
        "source": f"process {settings.process}{parameters}, seed {settings.seed}",
        "licence": None,
    }
    job.write_table("corpus", [figures])
    job.write_table("dropped_documents", summary.dropped_rows(corpus))
    return figures


def _shown(value: MaskLaw | str | float) -> str:
    return str(value) if isinstance(value, MaskLaw | str) else f"{value:g}"
