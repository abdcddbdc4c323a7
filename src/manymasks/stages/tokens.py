"""tokens: the documents of each split as token ids, in Arrow shards."""

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
CHARACTERS_AT_ONCE = 2**20
"""Characters that are encoded at once: BPE holds some hundred bytes for each."""

Encoded = tuple[str, npt.NDArray[np.uint32], int]
"""Name of a document, its token ids, its size in bytes."""


def make(job: Job) -> dict[str, Any]:
    """Write <split>/tokens-*.arrow; the figures are tokens and documents by split."""
    documents = job.input("corpus").file("documents.parquet")
    tokenizer = load(job.input("tokenizer").file("tokenizer.json"))
    total = job.input("corpus").figures["documents"]
    tokens = dict.fromkeys(SPLITS, 0)
    counts = dict.fromkeys(SPLITS, 0)
    unknown = 0

    def encoded(split: str) -> Iterator[Encoded]:
        """The documents of a split, counted on their way."""
        nonlocal unknown
        for document in _encoded(documents, split, tokenizer):
            _, ids, _ = document
            tokens[split] += len(ids) + 1
            counts[split] += 1
            unknown += tokenizer.unknown(ids)
            job.report(sum(counts.values()), total, "documents")
            yield document

    for split in SPLITS:
        write_shards(
            encoded(split),
            job.folder / split,
            vocabulary=tokenizer.vocabulary,
            end_of_text=tokenizer.end_of_text,
        )
    corpus = job.label.partition("/")[2]
    rows = [
        {"corpus": corpus, "split": split, "documents": counts[split], "tokens": tokens[split]}
        for split in SPLITS
    ]
    job.write_table("split_tokens", rows)
    if unknown:
        job.say(f"{unknown} tokens are unknown: characters that the train split does not have")
    return {
        "tokens": tokens,
        "documents": counts,
        "unknown": unknown,
        "vocabulary": tokenizer.vocabulary,
        "end_of_text": tokenizer.end_of_text,
    }


def _encoded(path: Path, split: str, tokenizer: Tokenizer) -> Iterator[Encoded]:
    """Documents of a split with their tokens; memory holds one batch of pieces of documents."""
    waiting: list[tuple[str, str]] = []
    size = 0
    for name, text in read_split(path, split):
        waiting.append((name, text))
        size += len(text)
        if size >= CHARACTERS_AT_ONCE:
            yield from _batch(waiting, tokenizer)
            waiting, size = [], 0
    yield from _batch(waiting, tokenizer)


def _batch(documents: list[tuple[str, str]], tokenizer: Tokenizer) -> Iterator[Encoded]:
    for (name, text), ids in zip(
        documents, tokenizer.encode_long([text for _, text in documents]), strict=True
    ):
        yield name, ids, len(text.encode())
