"""process: documents drawn from a known process, split into train, select and measure."""

from typing import Any

from manymasks.config.corpora import ProcessCorpus
from manymasks.corpora.documents import write_documents
from manymasks.corpora.processes.text import read_process
from manymasks.store.job import Job


def make(job: Job) -> dict[str, Any]:
    """Write documents.parquet and the table `corpus`; the figures are its counts."""
    settings: ProcessCorpus = job.setting("corpus", ProcessCorpus)
    summary = write_documents(read_process(settings), job.folder / "documents.parquet", settings)
    of = f" with eps {settings.eps:g}" if settings.eps else ""
    figures = {
        "corpus": job.label.partition("/")[2],
        "kind": settings.kind,
        **summary.figures(),
        "source": f"process {settings.process}{of}, seed {settings.seed}",
        "licence": None,
    }
    job.write_table("corpus", [figures])
    return figures
