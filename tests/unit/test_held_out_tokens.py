"""Held-out documents: how much of a long one counts, and how windows are dealt to documents."""

from pathlib import Path
from typing import Any

import numpy as np
import pyarrow.parquet as pq
import pytest
import torch
from example_members import SIZES, VOCABULARY
from hypothesis import given
from hypothesis import strategies as st

import kit
from manymasks.config.corpora import PydocsCorpus
from manymasks.config.training import TokenizerSettings
from manymasks.corpora.documents import Raw, write_documents
from manymasks.models.transformer import Transformer, initialise
from manymasks.probes.windows import choose_windows, dealt
from manymasks.rashomon.measurement import position_blocks
from manymasks.stages import tokens
from manymasks.statistics.bootstrap import effective_documents
from manymasks.store.job import Job
from manymasks.tokens.shards import TokenStream
from manymasks.tokens.tokenizer import Tokenizer, train, word_tokenizer

TEXT = "Füße und Hände: 東京, or a naïve café. " * 30
SHORT, LONG = 20, 900
TOKENIZERS = [
    Tokenizer("bytes", 257, ""),
    train(TokenizerSettings(kind="characters"), [TEXT]),
    train(TokenizerSettings(kind="bpe", vocabulary=280), [TEXT]),
]


@pytest.mark.parametrize("tokenizer", TOKENIZERS, ids=lambda one: one.kind)
def test_bytes_of_the_first_tokens_add_up_to_the_text(tokenizer: Tokenizer) -> None:
    (ids,) = tokenizer.encode([TEXT])
    sizes = [tokenizer.bytes_of_first(TEXT, ids, count) for count in range(len(ids) + 1)]
    assert sizes[0] == 0
    assert sizes[-1] == len(TEXT.encode())
    assert (np.diff(sizes) >= 1).all()


def test_bytes_of_listed_words_are_those_of_their_text() -> None:
    tokenizer = word_tokenizer(["EOS", "a", "bcd"])
    (ids,) = tokenizer.encode(["bcd a bcd"])
    sizes = [tokenizer.bytes_of_first("bcd a bcd", ids, count) for count in range(4)]
    assert sizes == [0, 3, 5, 9]


@pytest.fixture
def corpus(tmp_path: Path) -> dict[str, Any]:
    """Short and long documents in all splits, and a tokenizer of their bytes."""
    raws = [
        Raw(f"d{i}", "here", f"{i:03d}" + "x" * ((SHORT if i % 4 else LONG) - 3), split=split)
        for i, split in enumerate(["train", "select", "measure"] * 6)
    ]
    (tmp_path / "corpus").mkdir()
    settings = PydocsCorpus(kind="pydocs")
    summary = write_documents(raws, tmp_path / "corpus/documents.parquet", settings)
    (tmp_path / "tokenizer").mkdir()
    Tokenizer("bytes", 257, "").save(tmp_path / "tokenizer/tokenizer.json")
    return {
        "corpus": kit.artifact("corpus", tmp_path / "corpus", figures=summary.figures()),
        "tokenizer": kit.artifact("tokenizer", tmp_path / "tokenizer"),
    }


def made(folder: Path, corpus: dict[str, Any], most: int | None) -> Job:
    job = kit.job(
        "tokens",
        {"held_out_tokens": most},
        {role: (artifact,) for role, artifact in corpus.items()},
        folder,
    )
    tokens.make(job)
    return job


@pytest.mark.parametrize("most", [None, 100, SHORT + 1, SHORT])
def test_only_the_beginning_of_a_long_held_out_document_counts(
    most: int | None, tmp_path: Path, corpus: dict[str, Any]
) -> None:
    made(tmp_path / "tokens", corpus, most)
    rows = {
        row["split"]: row
        for row in pq.read_table(tmp_path / "tokens/tables/split_tokens.parquet").to_pylist()
    }
    for split, row in rows.items():
        stream = TokenStream.open(sorted((tmp_path / "tokens" / split).glob("*.arrow")))
        limit = LONG + 1 if split == "train" or most is None else most
        expected = []
        for i, name in enumerate(stream.documents):
            whole = (LONG if int(name[1:]) % 4 == 0 else SHORT) + 1
            document = stream.document(i)
            expected.append(min(whole, limit))
            assert len(document) == expected[-1] == stream.lengths[i]
            # An end of text where the text was cut would be a wrong target.
            assert (document[-1] == stream.end_of_text) == (whole <= limit)
            assert stream.is_cut[i] == (whole > limit)
            assert stream.bytes[i] == len(document) - (whole <= limit)
            assert (document[:-1] != stream.end_of_text).all()
        assert row["tokens"] == sum(expected)
        assert row["documents"] == len(expected)
        assert row["cut_documents"] == stream.is_cut.sum()
        kish = effective_documents(np.array(expected, dtype=float))
        assert row["effective_documents"] == pytest.approx(float(kish))


@given(
    st.lists(st.integers(0, 30), min_size=1, max_size=20),
    st.integers(1, 60),
    st.integers(0, 99),
)
def test_windows_are_dealt_in_turn(windows_of: list[int], count: int, seed: int) -> None:
    generator = np.random.default_rng(seed)
    chosen = dealt(np.array(windows_of), count, generator)
    assert len(set(chosen.tolist())) == len(chosen) == min(count, sum(windows_of))
    owners = np.repeat(np.arange(len(windows_of)), windows_of)[chosen]
    counts = np.bincount(owners, minlength=len(windows_of))
    assert (counts <= windows_of).all()
    if len(chosen):
        # No document has two more than another that has text left.
        with_text_left = [n for n, most in zip(counts, windows_of, strict=True) if n < most]
        assert not with_text_left or counts.max() <= min(with_text_left) + 1


def test_long_documents_do_not_take_the_windows_of_others() -> None:
    generator = np.random.default_rng(0)
    lengths = np.concatenate([np.full(50, 40), np.full(5, 4000)])
    documents = [(f"d{i}", generator.integers(1, 9, size=n)) for i, n in enumerate(lengths)]
    windows = choose_windows(
        documents,
        48,
        context=20,
        end_of_text=0,
        seed=0,
        purpose="a test",
        windows_setting="windows",
    )
    assert len(windows.documents) == len(set(windows.documents)) == 48


def test_scored_positions_are_those_of_whole_windows() -> None:
    models = [Transformer(SIZES["tiny"], VOCABULARY, 12) for _ in range(2)]
    for seed, model in enumerate(models):
        initialise(model, [seed])
    generator = np.random.default_rng(0)
    windows = generator.integers(0, VOCABULARY, size=(5, 13))
    every = np.tile(np.arange(12), (5, 1))
    some = np.sort(generator.random((5, 12)).argsort(axis=1)[:, :4], axis=1)
    whole, part = (
        list(position_blocks(models, windows, scored, np.repeat(np.arange(5), scored.shape[1]), 2))
        for scored in (every, some)
    )
    assert [block.begin for block in part] == [0, 8, 16]
    logp = torch.cat([block.logp for block in whole], 1).reshape(2, 5, 12, VOCABULARY)
    rows = np.arange(5)[:, None]
    expected = logp[:, rows, some].flatten(1, 2)
    torch.testing.assert_close(torch.cat([block.logp for block in part], 1), expected)
    targets = torch.cat([block.targets for block in part]).numpy()
    np.testing.assert_array_equal(targets, windows[:, 1:][rows, some].ravel())
    assert np.concatenate([block.documents for block in part]).tolist() == [
        document for document in range(5) for _ in range(4)
    ]
