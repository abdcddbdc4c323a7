"""Documents of processes as text: the same for any number of them, and tokens again."""

import itertools
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
import pytest

from manymasks.arrays import Ints
from manymasks.config.corpora import ProcessCorpus
from manymasks.corpora.documents import Raw, write_documents
from manymasks.corpora.processes import fork, text
from manymasks.corpora.processes.registry import process
from manymasks.corpora.processes.text import SHARD, read_process
from manymasks.kinds.processes import PROCESSES
from manymasks.tokens.tokenizer import word_tokenizer

LENGTH = 5


@dataclass
class Counting:
    """A process that says its shard and row, and notes what is drawn of it."""

    vocabulary: tuple[str, ...] = ("BOS", *(f"w{i}" for i in range(1, 100)))
    drawn: list[int] = field(default_factory=list)
    spoiled: int | None = None
    """A token in the last place of the last document."""

    def draw(self, documents: int, rng: np.random.Generator) -> Ints:
        self.drawn.append(documents)
        tokens = rng.integers(1, len(self.vocabulary), size=(documents, LENGTH))
        tokens[:, 0] = 0
        if self.spoiled is not None:
            tokens[-1, -1] = self.spoiled
        return tokens


@pytest.fixture
def counting(monkeypatch: pytest.MonkeyPatch) -> Counting:
    found = Counting()
    monkeypatch.setattr(text, "process_of_corpus", lambda settings: found)
    return found


def settings(name: str = "masks", **other: object) -> ProcessCorpus:
    return ProcessCorpus.model_validate({"kind": "process", "process": name, **other})


# -------------------------------------------------------------------------------------- shards


def test_texts_are_the_names_of_all_tokens_but_bos(counting: Counting) -> None:
    found = list(read_process(settings(documents=SHARD + 3, seed=7)))
    assert len(found) == SHARD + 3
    for shard, place in ((0, 0), (0, SHARD - 1), (1, 0), (1, 2)):
        rng = np.random.default_rng([7, shard])
        tokens = rng.integers(1, 100, size=(SHARD, LENGTH))[place, 1:]
        index = shard * SHARD + place
        expected = " ".join(f"w{token}" for token in tokens)
        assert found[index] == Raw(f"masks-{index:08d}", "masks", expected)


@pytest.mark.parametrize("documents", [3, SHARD - 1, SHARD, SHARD + 1])
def test_the_first_documents_do_not_depend_on_how_many_there_are(
    counting: Counting, documents: int
) -> None:
    fewer = list(read_process(settings(documents=documents)))
    more = itertools.islice(read_process(settings(documents=2 * SHARD + 5)), documents)
    assert fewer == list(more)
    assert set(counting.drawn) == {SHARD}


def test_shards_are_drawn_lazily(counting: Counting) -> None:
    stream = read_process(settings(documents=10**9))
    assert counting.drawn == []
    for count, shards in ((1, 1), (SHARD - 1, 1), (1, 2), (SHARD, 3)):
        assert len(list(itertools.islice(stream, count))) == count
        assert counting.drawn == [SHARD] * shards


def test_seeds_and_shards_differ(counting: Counting) -> None:
    first, second = (
        [raw.text for raw in read_process(settings(documents=2 * SHARD, seed=seed))]
        for seed in (0, 1)
    )
    for one, other in ((first, second), (first[:SHARD], first[SHARD:]), (first[SHARD:], second)):
        # Equal texts by chance: 1 in 99^4.
        assert sum(a == b for a, b in zip(one, other, strict=False)) == 0


@pytest.mark.parametrize("token", [0, -1])
def test_rejects_tokens_that_text_cannot_hold(counting: Counting, token: int) -> None:
    counting.spoiled = token
    with pytest.raises(ValueError, match=f"masks: token {token} after the first position"):
        list(read_process(settings(documents=3)))


# ---------------------------------------------------------------------------- processes as they are


@pytest.mark.parametrize("name", PROCESSES)
def test_text_gives_the_drawn_tokens_again(name: str) -> None:
    chosen = process(name)
    expected = chosen.draw(SHARD, np.random.default_rng([3, 0]))[:50, 1:]
    found = list(read_process(settings(name, documents=50, seed=3)))
    assert [raw.id for raw in found] == [f"{name}-{index:08d}" for index in range(50)]
    assert {raw.source for raw in found} == {name}
    tokenizer = word_tokenizer(chosen.vocabulary)
    assert tokenizer.vocabulary == len(chosen.vocabulary)
    tokens = tokenizer.encode([str(raw.text) for raw in found])
    np.testing.assert_array_equal(np.stack(tokens), expected)
    assert expected.shape[1] == chosen.length - 1


def test_answered_reaches_fork() -> None:
    asked = []
    for answered in (0.0, 0.5):
        found = [
            str(raw.text)
            for raw in read_process(settings("fork", documents=2000, answered=answered))
        ]
        # Only BEFORE has a word at depth 0 after the brackets.
        before = [text for text in found if ")" in text and "M" in text.split(")")[1]]
        asked.append(sum("?h" in text for text in before) / len(before))
    sd = (0.25 / (2000 * fork.KINDS["BEFORE"])) ** 0.5
    assert asked[0] == 0
    assert abs(asked[1] - 0.5) < 4 * sd


def test_a_process_becomes_a_file_of_documents(tmp_path: Path) -> None:
    chosen = settings("markov", documents=300, select=0.2, measure=0.2)
    path = tmp_path / "d"
    raws = list(read_process(chosen))
    summary = write_documents(read_process(chosen), path, chosen)
    assert (summary.documents, summary.dropped) == (300, ())
    assert pq.read_table(path).column("text").to_pylist() == [raw.text for raw in raws]
