"""The process of a corpus, and its documents as rectangular arrays."""

import numpy as np

from manymasks.arrays import Ints
from manymasks.config.corpora import ProcessCorpus
from manymasks.corpora.processes.process import Process
from manymasks.corpora.processes.registry import process_of_corpus
from manymasks.store.job import Job
from manymasks.tokens.shards import TokenStream


def process_of(job: Job) -> tuple[str, Process]:
    """The name of the process that a job's text was drawn from, and the process."""
    settings: ProcessCorpus = job.setting("process", ProcessCorpus)
    return settings.process, process_of_corpus(settings)


def process_documents(job: Job, split: str, most: int) -> Ints:
    """The first documents of a split, (documents, length): BOS, which is the end of text, first."""
    stream = TokenStream.open(job.input("tokens").files(f"{split}/"))
    documents = [stream.document(i)[:-1] for i in range(min(most, len(stream.documents)))]
    return np.insert(np.stack(documents), 0, stream.end_of_text, axis=1)
