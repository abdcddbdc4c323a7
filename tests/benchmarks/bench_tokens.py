"""Megabytes of text tokenized in a second at vocabulary 4,096, beside `tokenizers` and tiktoken.

    python tests/benchmarks/bench_tokens.py [MEGABYTES] [THREADS]

The text is that of docstrings of installed packages, repeated with other words in places until it
has the size. tiktoken is measured if it is installed: it encodes with the same merges. Rates are
of the wall clock and of the processor; each way gives the same tokens.
"""

import argparse
import os
import time
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import pyarrow as pa

from manymasks.config.corpora import PydocsCorpus
from manymasks.config.training import TokenizerSettings
from manymasks.corpora.pydocs import read_pydocs
from manymasks.stages.tokens import encoded_batches
from manymasks.tokens.tokenizer import Tokenizer, train

PACKAGES = ("numpy", "scipy", "torch", "matplotlib", "duckdb", "pyarrow")
VOCABULARY = 4096
SEED = 0


def texts_of(size: int) -> list[str]:
    """Documents of about `size` bytes together."""
    corpus = PydocsCorpus(kind="pydocs", packages=PACKAGES)
    source = [raw.text for raw in read_pydocs(corpus) if raw.text]
    words = [word for text in source for word in text.split()]
    generator = np.random.default_rng(SEED)
    texts: list[str] = []
    total = 0
    while total < size:
        for text in source:
            if texts[len(source) :] or total >= sum(map(len, source)):
                # Another copy: a tenth of the words are exchanged.
                parts = text.split(" ")
                for i in np.flatnonzero(generator.random(len(parts)) < 0.1):
                    parts[i] = words[generator.integers(len(words))]
                text = " ".join(parts)
            texts.append(text)
            total += len(text.encode())
            if total >= size:
                break
    return texts


def ways(tokenizer: Tokenizer, threads: int) -> Iterator[tuple[str, Callable[[list[str]], Any]]]:
    """Name and function of each way to encode documents."""
    library = tokenizer._library
    yield (
        "tokenizers, whole documents",
        lambda texts: [
            encoding.ids for encoding in library.encode_batch_fast(texts, add_special_tokens=False)
        ],
    )
    yield "one batch by words", lambda texts: tokenizer.encode_long(texts)
    for count in dict.fromkeys((1, threads)):
        yield (
            f"as the stage does, {count} threads",
            lambda texts, count=count: [
                ids
                for batch in encoded_batches(zip(texts, texts, strict=True), tokenizer, count)
                for _, _, ids in batch
            ],
        )
    encoding = tiktoken_of(tokenizer)
    if encoding is not None:
        yield (
            f"tiktoken, {threads} threads",
            lambda texts: encoding.encode_ordinary_batch(texts, num_threads=threads),
        )


def tiktoken_of(tokenizer: Tokenizer) -> Any:
    """The same merges in tiktoken; None if it is not installed."""
    try:
        import tiktoken
    except ImportError:
        return None
    from tokenizers import pre_tokenizers

    alphabet = bytes_by_character(pre_tokenizers.ByteLevel.alphabet())
    vocabulary = tokenizer._library.get_vocab()
    ranks = {
        bytes(alphabet[character] for character in name): number
        for name, number in vocabulary.items()
        if number != tokenizer.end_of_text
    }
    pattern = r"'(?:[sdmt]|ll|ve|re)| ?\p{L}++| ?\p{N}++| ?[^\s\p{L}\p{N}]++|\s++$|\s+(?!\S)|\s"
    return tiktoken.Encoding("same", pat_str=pattern, mergeable_ranks=ranks, special_tokens={})


def bytes_by_character(alphabet: list[str]) -> dict[str, int]:
    """The byte that each character of the byte-level alphabet stands for (GPT-2)."""
    printable = [*range(0x21, 0x7F), *range(0xA1, 0xAD), *range(0xAE, 0x100)]
    others = [code for code in range(256) if code not in printable]
    table = {chr(code): code for code in printable}
    table |= {chr(256 + i): code for i, code in enumerate(others)}
    assert set(alphabet) == table.keys()
    return table


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("megabytes", nargs="?", type=float, default=50.0)
    parser.add_argument("threads", nargs="?", type=int, default=len(os.sched_getaffinity(0)))
    options = parser.parse_args()
    texts = texts_of(int(options.megabytes * 1e6))
    size = sum(len(text.encode()) for text in texts)
    tokenizer = train(TokenizerSettings(vocabulary=VOCABULARY), texts[:2000])
    print(f"{len(texts)} documents, {size / 1e6:.1f} MB, {options.threads} threads")
    expected: list[list[int]] | None = None
    for name, encode in ways(tokenizer, options.threads):
        tokenizer.__dict__.pop("_words_seen", None)  # No way profits from the one before.
        wall, cpu = time.perf_counter(), time.process_time()
        ids = encode(texts)
        wall, cpu = time.perf_counter() - wall, time.process_time() - cpu
        print(f"{name:<34} {size / wall / 1e6:7.1f} MB/s  {size / cpu / 1e6:7.1f} MB/s of CPU")
        rows = [list(map(int, row)) for row in ids[:200]]
        expected = expected or rows
        assert rows == expected, name


if __name__ == "__main__":
    pa.set_cpu_count(1)
    main()
