"""Documents of a known process as text: the names of their tokens, with spaces between.

BOS is left out. In a stream of documents it is the end of text, which stands before each of them.
"""

from collections.abc import Iterator

import numpy as np

from manymasks.config.corpora import ProcessCorpus
from manymasks.corpora.documents import Raw
from manymasks.corpora.processes.registry import process_of_corpus

SHARD = 4096
"""Documents drawn at once. To change it is to change all documents."""


def read_process(settings: ProcessCorpus) -> Iterator[Raw]:
    """Documents of a process, one shard of them in memory.

    Each shard has a random generator of its own and is always drawn whole. So the first n
    documents are the same however many are asked for.

    Raises:
        ValueError: where a drawn document has BOS, or no token, after its first place.
    """
    chosen = process_of_corpus(settings)
    names = np.array(chosen.vocabulary, dtype=object)
    for shard, first in enumerate(range(0, settings.documents, SHARD)):
        tokens = chosen.draw(SHARD, np.random.default_rng([settings.seed, shard]))[:, 1:]
        # Text cannot say where it ends. A number below 0 would name a token from the back.
        if tokens.min() < 1:
            raise ValueError(f"{settings.process}: token {tokens.min()} after the first place")
        for index, said in enumerate(tokens[: settings.documents - first], first):
            yield Raw(f"{settings.process}-{index:08d}", settings.process, " ".join(names[said]))
