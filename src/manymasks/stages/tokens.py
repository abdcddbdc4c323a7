"""tokens: the documents of each split as token ids, in Arrow shards."""

from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

from manymasks.corpora.documents import read_split
from manymasks.errors import UserError
from manymasks.statistics.bootstrap import document_columns
from manymasks.store.job import Job
from manymasks.tokens.document_lengths import Requirement, shortfalls, write_lengths
from manymasks.tokens.shards import EncodedDocument, TokenStream, write_shards
from manymasks.tokens.tokenizer import Tokenizer, load

SPLITS = ("train", "select", "measure")
CHARACTERS_AT_ONCE = 2**20
"""Characters that are encoded at once: BPE holds some hundred bytes for each."""


def make(job: Job) -> dict[str, Any]:
    """Write <split>/tokens-*.arrow, lengths.json and the table `split_tokens`; the figures are
    tokens and documents by split. Raises UserError, with a line for each, if the splits are too
    small for what the study asks of them."""
    held_out_tokens: int | None = job.setting("held_out_tokens", int | None)
    documents = job.input("corpus").file("documents.parquet")
    tokenizer = load(job.input("tokenizer").file("tokenizer.json"))
    total = job.input("corpus").figures["documents"]
    tokens = dict.fromkeys(SPLITS, 0)
    counts = dict.fromkeys(SPLITS, 0)
    lengths = {split: Counter[int]() for split in SPLITS}
    unknown = 0

    def encoded(split: str) -> Iterator[EncodedDocument]:
        """The documents of a split, counted on their way."""
        nonlocal unknown
        most = None if split == "train" else held_out_tokens
        for document in _encoded(documents, split, tokenizer, most):
            length = len(document.tokens) + (not document.is_cut)
            lengths[split][length] += 1
            tokens[split] += length
            counts[split] += 1
            unknown += tokenizer.unknown(document.tokens)
            job.report(sum(counts.values()), total, "documents")
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
        job.say(f"{unknown} tokens are unknown: characters that the train split does not have")
    return {
        "tokens": tokens,
        "documents": counts,
        "unknown": unknown,
        "vocabulary": tokenizer.vocabulary,
        "end_of_text": tokenizer.end_of_text,
    }


def _encoded(
    path: Path, split: str, tokenizer: Tokenizer, most: int | None
) -> Iterator[EncodedDocument]:
    """Documents of a split with their tokens, at most `most`, the end of text included; memory
    holds one batch of documents."""
    waiting: list[tuple[str, str]] = []
    size = 0
    for name, text in read_split(path, split):
        waiting.append((name, text))
        size += len(text)
        if size >= CHARACTERS_AT_ONCE:
            yield from _batch(waiting, tokenizer, most)
            waiting, size = [], 0
    yield from _batch(waiting, tokenizer, most)


def _batch(
    documents: list[tuple[str, str]], tokenizer: Tokenizer, most: int | None
) -> Iterator[EncodedDocument]:
    for (name, text), ids in zip(
        documents, tokenizer.encode_long([text for _, text in documents]), strict=True
    ):
        if most is None or len(ids) < most:
            yield EncodedDocument(name, ids, len(text.encode()))
        else:
            size = tokenizer.bytes_of_first(text, ids, most)
            yield EncodedDocument(name, ids[:most], size, is_cut=True)
