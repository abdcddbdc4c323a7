"""tokens: the documents of each split as Arrow shards."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from manymasks.corpora.documents import read_split
from manymasks.store.job import Job
from manymasks.tokens.shards import write_shards
from manymasks.tokens.tokenizer import Tokenizer, load

SPLITS = ("train", "select", "measure")
ENCODED_AT_ONCE = 256


def make(job: Job) -> dict[str, Any]:
    """Write <split>/tokens-*.arrow; the figures are tokens and documents by split."""
    documents = job.input("corpus").file("documents.parquet")
    tokenizer = load(job.input("tokenizer").file("tokenizer.json"))
    total = job.input("corpus").figures["documents"]
    tokens: dict[str, int] = {}
    counts: dict[str, int] = {}
    unknown = done = 0
    for split in SPLITS:
        tokens[split] = counts[split] = 0

        def counted(
            encoded: Iterator[tuple[str, npt.NDArray[np.uint32], int]], split: str = split
        ) -> Iterator[tuple[str, npt.NDArray[np.uint32], int]]:
            nonlocal unknown, done
            for name, ids, size in encoded:
                tokens[split] += len(ids) + 1
                counts[split] += 1
                unknown += tokenizer.unknown(ids)
                done += 1
                job.report(done, total, "documents")
                yield name, ids, size

        write_shards(
            counted(_encoded(documents, split, tokenizer)),
            job.folder / split,
            vocabulary=tokenizer.vocabulary,
            end_of_text=tokenizer.end_of_text,
        )
    if unknown:
        job.say(f"{unknown} tokens are unknown: characters that the train split does not have")
    return {
        "tokens": tokens,
        "documents": counts,
        "unknown": unknown,
        "vocabulary": tokenizer.vocabulary,
        "end_of_text": tokenizer.end_of_text,
    }


def _encoded(
    path: Path, split: str, tokenizer: Tokenizer
) -> Iterator[tuple[str, npt.NDArray[np.uint32], int]]:
    waiting: list[tuple[str, str]] = []

    def flush() -> Iterator[tuple[str, npt.NDArray[np.uint32], int]]:
        encoded = tokenizer.encode([text for _, text in waiting])
        for (name, text), ids in zip(waiting, encoded, strict=True):
            yield name, ids, len(text.encode())
        waiting.clear()

    for document in read_split(path, split):
        waiting.append(document)
        if len(waiting) == ENCODED_AT_ONCE:
            yield from flush()
    yield from flush()
