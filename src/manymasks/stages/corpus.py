"""corpus: documents as Parquet, split into train, select and measure."""

import shutil
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Annotated, Any

from pydantic import Field, TypeAdapter

from manymasks.config.corpora import FilesCorpus, TextCorpus
from manymasks.corpora.collect import collect, describe
from manymasks.corpora.documents import Raw, write_documents
from manymasks.corpora.paths import expand, names
from manymasks.downloads.download import file_sha256
from manymasks.errors import UserError
from manymasks.store.job import Job, JobReport


def make(job: Job) -> dict[str, Any]:
    """Write documents.parquet and the table `corpus`; the figures are its counts."""
    values = {**job.settings["corpus"], **job.operational}
    kinds = Annotated[TextCorpus, Field(discriminator="kind")]
    settings: TextCorpus = TypeAdapter(kinds).validate_python(values)
    base = Path()
    if isinstance(settings, FilesCorpus):
        _refuse_changed(settings, base, job.settings["sha256"])
    cache = job.folder / "datasets"
    documents = collect(
        settings,
        downloads=job.layout.downloads,
        base=base,
        cache=cache,
        report=job.progress("bytes downloaded"),
        say=job.say,
    )
    path = job.folder / "documents.parquet"
    summary = write_documents(_counted(documents, job.report), path, settings)
    shutil.rmtree(cache, ignore_errors=True)
    if dropped := summary.dropped_in_words():
        job.say(f"left out: {dropped}")
    corpus = job.label.partition("/")[2]
    figures = {
        "corpus": corpus,
        "kind": settings.kind,
        **summary.figures(),
        "source": describe(settings),
        "licence": getattr(settings, "licence", None),
    }
    job.write_table("corpus", [figures])
    job.write_table("dropped_documents", summary.dropped_rows(corpus))
    return figures


def _counted(documents: Iterable[Raw], report: JobReport) -> Iterator[Raw]:
    """The documents, reported as they are read; how many there are is not known before the end."""
    characters = 0
    for count, raw in enumerate(documents, 1):
        characters += len(raw.text or "")
        report(characters, None, f"characters, in {count} documents")
        yield raw


def _refuse_changed(settings: FilesCorpus, base: Path, planned: dict[str, str]) -> None:
    paths = expand(settings.paths, base)
    digests = {
        name: file_sha256(path) for name, path in zip(names(paths, base), paths, strict=True)
    }
    if digests != planned:
        changed = sorted(
            name
            for name in digests.keys() | planned.keys()
            if digests.get(name) != planned.get(name)
        )
        raise UserError(
            f"{', '.join(changed)}: changed after the run was planned. Start the run again."
        )
