"""Tokenizers: text comes back as it was, whatever it spells, and files are the same each time."""

import json
import random
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from manymasks.config import study
from manymasks.errors import UserError
from manymasks.tokens.tokenizer import Tokenizer, load, train, word_tokenizer

WORDS = ["the", "model", "reads", "text", "naïve", "été", "42", "(x)", "😀", "\n\n", "\t", "mask's"]


def corpus(seed: int = 0) -> list[str]:
    rng = random.Random(seed)
    return [" ".join(rng.choices(WORDS, k=rng.randint(1, 40))) for _ in range(200)]


def made(kind: str, vocabulary: int = 300) -> Tokenizer:
    settings = study.TokenizerSettings.model_validate({"kind": kind, "vocabulary": vocabulary})
    return train(settings, corpus())


BPE, BYTES, CHARACTERS = made("bpe"), made("bytes"), made("characters")
ALL = pytest.mark.parametrize("tokenizer", [BPE, BYTES, CHARACTERS], ids=lambda t: t.kind)
NAMES = ("BOS", "P0", "?t", "(", "a", "é", "n10", "n1")
LISTED = word_tokenizer(NAMES)
EVERY = pytest.mark.parametrize("tokenizer", [BPE, BYTES, CHARACTERS, LISTED], ids=lambda t: t.kind)
TEXT = st.text(st.characters(exclude_categories=["Cs"]))


@given(TEXT)
@pytest.mark.parametrize("tokenizer", [BPE, BYTES], ids=lambda t: t.kind)
def test_any_text_comes_back(tokenizer: Tokenizer, text: str) -> None:
    (ids,) = tokenizer.encode([text])
    assert ids.dtype == np.uint32
    assert tokenizer.decode(ids) == text
    assert not (ids == tokenizer.end_of_text).any()
    assert ids.size == 0 or int(ids.max()) < tokenizer.vocabulary


@given(st.text(st.sampled_from(CHARACTERS.definition)))
def test_text_of_known_characters_comes_back(text: str) -> None:
    (ids,) = CHARACTERS.encode([text])
    assert CHARACTERS.decode(ids) == text
    assert CHARACTERS.unknown(ids) == 0


@given(st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\ufffd")))
def test_unknown_characters_are_marked_and_counted(text: str) -> None:
    (ids,) = CHARACTERS.encode([text])
    known = set(CHARACTERS.definition)
    expected = "".join(c if c in known else "\ufffd" for c in text)
    assert CHARACTERS.decode(ids) == expected
    assert CHARACTERS.unknown(ids) == expected.count("\ufffd")


@ALL
def test_text_that_spells_the_end_of_text_is_text(tokenizer: Tokenizer, tmp_path: Path) -> None:
    tokenizer.save(tmp_path / "tokenizer.json")
    for one in (tokenizer, load(tmp_path / "tokenizer.json")):
        (ids,) = one.encode(["the <|endoftext|> text"])
        assert one.end_of_text not in ids
        if one.kind != "characters":
            assert one.decode(ids) == "the <|endoftext|> text"
        end = np.array([one.end_of_text])
        both = one.encode(["the", "text"])
        spelled = one.decode(np.concatenate([end, both[0], end, end, both[1], end]))
        assert spelled == "<|endoftext|>the<|endoftext|><|endoftext|>text<|endoftext|>"


def test_text_of_the_end_of_text_in_training_is_text_too() -> None:
    settings = study.TokenizerSettings(kind="bpe", vocabulary=260)
    tokenizer = train(settings, ["<|endoftext|>" * 50 + "aaaa" * 50])
    assert tokenizer.encode(["<|endoftext|>"])[0].size > 1
    assert tokenizer.end_of_text not in tokenizer.encode(["<|endoftext|>"])[0]


@ALL
def test_batches_are_encoded_as_their_texts_alone(tokenizer: Tokenizer) -> None:
    texts = ["", *corpus(1)[:20]]
    for text, ids in zip(texts, tokenizer.encode(texts), strict=True):
        np.testing.assert_array_equal(ids, tokenizer.encode([text])[0])
    assert tokenizer.encode([""])[0].size == 0


def test_bytes_and_characters_by_hand() -> None:
    assert BYTES.vocabulary == 257
    assert BYTES.encode(["aé\0ÿ"])[0].tolist() == [98, 0xC3 + 1, 0xA9 + 1, 1, 0xC3 + 1, 0xBF + 1]
    assert BYTES.decode([256, 98]) == "\ufffda"
    tokenizer = train(study.TokenizerSettings(kind="characters"), ["ba", "c😀a"])
    assert tokenizer.definition == "abc😀"
    assert tokenizer.vocabulary == 6
    assert tokenizer.encode(["abd😀\U0001f601"])[0].tolist() == [2, 3, 1, 5, 1]
    assert tokenizer.decode([4, 1, 0]) == "c\ufffd<|endoftext|>"


def test_bpe_merges_what_is_frequent_and_keeps_all_bytes() -> None:
    assert BPE.vocabulary == 300
    assert BPE.encode([" model"])[0].size == 1
    unseen = "ж\u0000\U0010ffff"
    assert BPE.decode(BPE.encode([unseen])[0]) == unseen


@ALL
def test_files_are_the_same_for_any_order_and_load_again(
    tokenizer: Tokenizer, tmp_path: Path
) -> None:
    settings = study.TokenizerSettings(kind=tokenizer.kind, vocabulary=300)
    again = train(settings, iter(corpus()[::-1]))
    first, second = tmp_path / "a.json", tmp_path / "b.json"
    tokenizer.save(first)
    again.save(second)
    assert first.read_bytes() == second.read_bytes()
    loaded = load(first)
    assert loaded == tokenizer
    text = corpus(2)[0]
    np.testing.assert_array_equal(loaded.encode([text])[0], tokenizer.encode([text])[0])
    content = json.loads(first.read_text(encoding="utf-8"))
    assert (content["kind"], content["vocabulary"], content["end_of_text"]) == (
        tokenizer.kind,
        tokenizer.vocabulary,
        0,
    )


def test_rejects_a_vocabulary_too_large_for_the_text() -> None:
    with pytest.raises(UserError, match=r"5000 tokens were asked for.*at most (\d+)") as caught:
        made("bpe", 5000)
    reached = int(str(caught.value).split("at most ")[1].split(",")[0])
    assert made("bpe", reached).vocabulary == reached
    with pytest.raises(UserError, match="no characters"):
        train(study.TokenizerSettings(kind="characters"), [])


@EVERY
def test_rejects_tokens_outside_the_vocabulary(tokenizer: Tokenizer) -> None:
    for token in (-1, tokenizer.vocabulary):
        with pytest.raises(ValueError, match=f"0 to {tokenizer.vocabulary - 1}"):
            tokenizer.decode([token])


@EVERY
def test_damaged_files_are_explained(tokenizer: Tokenizer, tmp_path: Path) -> None:
    path = tmp_path / "tokenizer.json"
    with pytest.raises(UserError, match="cannot be read"):
        load(path)
    tokenizer.save(path)
    whole = path.read_text(encoding="utf-8")
    size = f'"vocabulary": {tokenizer.vocabulary}'
    for damaged in (whole[:-20], whole.replace(size, '"vocabulary": 99'), "[]", '{"format": 9}'):
        path.write_text(damaged, encoding="utf-8")
        with pytest.raises(UserError, match="is not a tokenizer of format 1"):
            load(path)


# --------------------------------------------------------------------------------- listed words


@given(st.lists(st.integers(1, len(NAMES) - 1)))
def test_tokens_of_listed_words_come_back(tokens: list[int]) -> None:
    text = LISTED.decode(tokens)
    assert text == " ".join(NAMES[token] for token in tokens)
    (ids,) = LISTED.encode([text])
    assert ids.dtype == np.uint32
    assert ids.tolist() == tokens
    assert LISTED.unknown(ids) == 0  # token 1 is a word here, not what is unknown


def test_listed_words_by_hand(tmp_path: Path) -> None:
    assert LISTED.definition == "BOS P0 ?t ( a é n10 n1"
    assert (LISTED.vocabulary, LISTED.end_of_text) == (8, 0)
    found = LISTED.encode(["n1 n10 P0", "", "é"])
    assert [ids.tolist() for ids in found] == [[7, 6, 1], [], [5]]
    assert LISTED.decode([0, 1, 4, 0]) == "<|endoftext|> P0 a <|endoftext|>"
    LISTED.save(tmp_path / "a.json")
    loaded = load(tmp_path / "a.json")
    assert loaded == LISTED
    loaded.save(tmp_path / "b.json")
    assert (tmp_path / "a.json").read_bytes() == (tmp_path / "b.json").read_bytes()


@pytest.mark.parametrize("word", ["b", "A", "n", "n1\n", "<|endoftext|>", "BOS", "", "\ud800"])
def test_rejects_unknown_words(word: str) -> None:
    # The word of token 0 too: a document that ended in its middle would be two.
    with pytest.raises(ValueError, match="is not a word") as caught:
        LISTED.encode(["a", f"a {word} a"])
    assert repr(word) in str(caught.value)


@pytest.mark.parametrize("names", [[], ["a", "b", "a"], ["a", ""], ["a", "b c"], ["a", "b\n"]])
def test_rejects_invalid_lists_of_words(names: list[str]) -> None:
    with pytest.raises(ValueError, match="distinct words without white space"):
        word_tokenizer(names)


def test_a_file_with_duplicate_words_is_explained(tmp_path: Path) -> None:
    path = tmp_path / "tokenizer.json"
    Tokenizer("words", 3, "a b b").save(path)
    with pytest.raises(UserError, match=r"not a tokenizer of format 1 .*distinct words"):
        load(path)
