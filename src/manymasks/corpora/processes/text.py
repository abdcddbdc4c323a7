"""Documents of a known process as text: the names of their tokens, separated by spaces.

BOS is left out: in a stream of documents it is the end of text, which precedes each document.
"""

from collections.abc import Iterator

import numpy as np

from manymasks.config.corpora import ProcessCorpus
from manymasks.corpora.documents import Raw
from manymasks.corpora.processes.registry import process_of_corpus

SHARD = 4096
"""Documents drawn at once. Changing this changes all documents."""


def read_process(settings: ProcessCorpus) -> Iterator[Raw]:
    """Documents of a process, one shard of them in memory. Each shard has its own random generator
    and is always drawn whole, so the first n documents do not depend on how many are drawn. Raises
    ValueError if a document has BOS, or no token, after its first position."""
    process = process_of_corpus(settings)
    names = np.array(process.vocabulary, dtype=object)
    for shard, first in enumerate(range(0, settings.documents, SHARD)):
        tokens = process.draw(SHARD, np.random.default_rng([settings.seed, shard]))[:, 1:]
        # Text has no end inside it, and a negative number would index a name from the back.
        if tokens.min() < 1:
            raise ValueError(f"{settings.process}: token {tokens.min()} after the first position")
        for index, document in enumerate(tokens[: settings.documents - first], first):
            text = " ".join(names[document])
            yield Raw(f"{settings.process}-{index:08d}", settings.process, text)
