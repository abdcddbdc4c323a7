"""tokens: the documents of each split as token ids, in Arrow shards."""

import dataclasses
import os
import threading
from collections import Counter, deque
from collections.abc import Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np

from manymasks.corpora.documents import read_split
from manymasks.errors import UserError
from manymasks.statistics.bootstrap import document_columns
from manymasks.store.job import Job
from manymasks.tokens.document_lengths import Requirement, shortfalls, write_lengths
from manymasks.tokens.shards import EncodedDocument, TokenStream, write_shards
from manymasks.tokens.tokenizer import Ids, Tokenizer, load

SPLITS = ("train", "select", "measure")
CHARACTERS_AT_ONCE = 2**21
"""Characters that are encoded at once by each thread, which holds some forty bytes for each."""
MOST_THREADS = 8
LARGE_CORPUS = 32 * 10**6
"""Bytes from which all cores of the job are used."""


def make(job: Job) -> dict[str, Any]:
    """Write <split>/tokens-*.arrow, lengths.json and the table `split_tokens`; the figures are
    tokens and documents by split. Raises UserError, with a line for each, if the splits are too
    small for what the study asks of them."""
    held_out_tokens: int | None = job.setting("held_out_tokens", int | None)
    documents = job.input("corpus").file("documents.parquet")
    tokenizer = load(job.input("tokenizer").file("tokenizer.json"))
    total = job.input("corpus").figures["bytes"]
    cores = min(len(os.sched_getaffinity(0)), MOST_THREADS)
    threads = cores if total >= LARGE_CORPUS else 1
    tokens = dict.fromkeys(SPLITS, 0)
    counts = dict.fromkeys(SPLITS, 0)
    lengths = {split: Counter[int]() for split in SPLITS}
    unknown = done = 0

    def encoded(split: str) -> Iterator[EncodedDocument]:
        """The documents of a split, counted on their way."""
        nonlocal unknown, done
        most = None if split == "train" else held_out_tokens
        for document in _encoded(documents, split, tokenizer, most, threads):
            length = len(document.tokens) + (not document.is_cut)
            lengths[split][length] += 1
            tokens[split] += length
            counts[split] += 1
            unknown += tokenizer.unknown(document.tokens)
            done += document.bytes
            job.report(done, total, "bytes")
            yield document

    corpus, rows = job.label.partition("/")[2], []
    for split in SPLITS:
        shards = write_shards(
            encoded(split),
            job.folder / split,
            vocabulary=tokenizer.vocabulary,
            end_of_text=tokenizer.end_of_text,
        )
        stream = TokenStream.open(shards)
        units = document_columns(stream.lengths.astype(np.float64))
        cut = int(stream.is_cut.sum())
        rows.append({"corpus": corpus, "split": split, **units, "cut_documents": cut})
        rows[-1]["tokens"] = tokens[split]
    write_lengths(lengths, job.folder)
    needed = [Requirement(**fields) for fields in job.operational.get("requirements", ())]
    problems = list(shortfalls(corpus, needed, lengths))
    if problems:
        raise UserError("\n".join(problems))
    job.write_table("split_tokens", rows)
    if unknown:
        job.say(f"{unknown} tokens are unknown: the tokenizer has none for what stands there")
    return {
        "tokens": tokens,
        "documents": counts,
        "unknown": unknown,
        "vocabulary": tokenizer.vocabulary,
        "end_of_text": tokenizer.end_of_text,
    }


def _encoded(
    path: Path, split: str, tokenizer: Tokenizer, most: int | None, threads: int
) -> Iterator[EncodedDocument]:
    """Documents of a split with their tokens, at most `most`, the end of text included; memory
    holds a batch of documents for each thread, and one more."""
    for batch in encoded_batches(read_split(path, split), tokenizer, threads):
        for name, text, ids in batch:
            if most is None or len(ids) < most:
                yield EncodedDocument(name, ids, len(text.encode()))
            else:
                size = tokenizer.bytes_of_first(text, ids, most)
                yield EncodedDocument(name, ids[:most], size, is_cut=True)


def encoded_batches(
    documents: Iterable[tuple[str, str]], tokenizer: Tokenizer, threads: int
) -> Iterator[list[tuple[str, str, Ids]]]:
    """Name, text and tokens of documents, in order, in batches. Each thread has a tokenizer of its
    own, because one remembers words."""
    local = threading.local()

    def encode(batch: list[tuple[str, str]]) -> list[tuple[str, str, Ids]]:
        if not hasattr(local, "tokenizer"):
            local.tokenizer = dataclasses.replace(tokenizer)
        ids = local.tokenizer.encode_long([text for _, text in batch])
        return [(name, text, row) for (name, text), row in zip(batch, ids, strict=True)]

    if threads == 1:
        yield from map(encode, _batches(documents))
        return
    with ThreadPoolExecutor(threads) as pool:
        running: deque[Future[list[tuple[str, str, Ids]]]] = deque()
        for batch in _batches(documents):
            running.append(pool.submit(encode, batch))
            if len(running) > threads:
                yield running.popleft().result()
        while running:
            yield running.popleft().result()


def _batches(documents: Iterable[tuple[str, str]]) -> Iterator[list[tuple[str, str]]]:
    waiting: list[tuple[str, str]] = []
    size = 0
    for document in documents:
        waiting.append(document)
        size += len(document[1])
        if size >= CHARACTERS_AT_ONCE:
            yield waiting
            waiting, size = [], 0
    if waiting:
        yield waiting
