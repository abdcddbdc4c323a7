"""Documents of a known process as the stages read them."""

import numpy as np

from manymasks.arrays import IntArray
from manymasks.config.corpora import ProcessCorpus
from manymasks.corpora.processes.process import Process
from manymasks.corpora.processes.registry import process_of_corpus
from manymasks.store.job import Job
from manymasks.tokens.shards import TokenStream


def process_of(job: Job) -> tuple[str, Process]:
    """The process that a job's text was drawn from, with its name."""
    settings: ProcessCorpus = job.setting("process", ProcessCorpus)
    return settings.process, process_of_corpus(settings)


def documents(job: Job, split: str, most: int) -> IntArray:
    """The first documents of a split, (documents, length), each behind its end of text."""
    stream = TokenStream.open(job.input("tokens").files(f"{split}/"))
    several = [stream.document(i)[:-1] for i in range(min(most, len(stream.documents)))]
    return np.insert(np.stack(several), 0, stream.end_of_text, axis=1)
