"""corpus: documents as Parquet, split into train, select and measure."""

from pathlib import Path
from typing import Any

from pydantic import TypeAdapter

from manymasks.config.corpora import Corpus, FilesCorpus, HubCorpus, UrlCorpus
from manymasks.corpora.collect import collect, describe, names
from manymasks.corpora.documents import write_documents
from manymasks.corpora.download import file_sha256
from manymasks.corpora.files import expand
from manymasks.errors import UserError
from manymasks.store.job import Job


def make(job: Job) -> dict[str, Any]:
    """Write documents.parquet and the table `corpus`; the figures are its counts."""
    given = {**job.settings["corpus"], **job.operational}
    settings: Corpus = TypeAdapter(Corpus).validate_python(given)
    base = Path()
    if isinstance(settings, FilesCorpus):
        _refuse_changed(settings, base, job.settings["sha256"])
    documents = collect(
        settings,
        downloads=job.layout.downloads,
        base=base,
        report=lambda done, total: job.report(done, total, "bytes downloaded"),
    )
    summary = write_documents(documents, job.folder / "documents.parquet", settings)
    if dropped := summary.dropped():
        job.say(f"left out: {dropped}")
    figures = {
        "corpus": job.label.partition("/")[2],
        "kind": settings.kind,
        "documents": summary.documents,
        "train_documents": summary.train_documents,
        "select_documents": summary.select_documents,
        "measure_documents": summary.measure_documents,
        "characters": summary.characters,
        "bytes": summary.bytes,
        "empty_documents": summary.empty,
        "duplicate_documents": summary.duplicates,
        "undecodable_documents": summary.undecodable,
        "sha256": summary.sha256,
        "source": describe(settings),
        "licence": settings.licence if isinstance(settings, UrlCorpus | HubCorpus) else None,
    }
    job.write_table("corpus", [figures])
    return figures


def _refuse_changed(settings: FilesCorpus, base: Path, planned: dict[str, str]) -> None:
    paths = expand(settings.paths, base)
    found = {name: file_sha256(path) for name, path in zip(names(paths, base), paths, strict=True)}
    if found != planned:
        changed = sorted(
            name for name in found.keys() | planned.keys() if found.get(name) != planned.get(name)
        )
        raise UserError(
            f"{', '.join(changed)}: changed after the run was planned. Start the run again."
        )
