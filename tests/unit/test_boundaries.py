"""Cuts of long texts: the pieces have the tokens of the whole, and bounded length."""

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from manymasks.config.training import TokenizerSettings
from manymasks.tokens import boundaries, tokenizer
from manymasks.tokens.boundaries import pieces
from manymasks.tokens.tokenizer import train

WORDS = (
    "the", "it's", "'s", "x", "123", "4a", "  ", "\n", "\t", " ", "\r\n", "\u00a0", "\u3000", "é",
    "_x1(", "a1", "'", "'ll", "\x00", "-",
    "日本語", "!?", "...", "😀", "\x1c", "\x85", "\u200b", "\u180e", "<|endoftext|>",
)  # fmt: skip
# Trained on all pairs of words, so that a token which crosses a wrong cut exists.
BPE = train(
    TokenizerSettings(vocabulary=600), [a + b + c for a in WORDS for b in WORDS for c in WORDS]
)


@settings(max_examples=300, deadline=None)
@example([" "], 1)
@example([], 1)
@given(st.lists(st.sampled_from(WORDS), max_size=30), st.integers(1, 5))
def test_pieces_have_the_tokens_of_the_whole(words: list[str], length: int) -> None:
    text = "".join(words)
    cut = list(pieces(text, length, 10**6))
    assert "".join(cut) == text
    (whole,) = BPE.encode([text])
    np.testing.assert_array_equal(np.concatenate(BPE.encode(cut)), whole)
    (by_words,) = BPE.encode_long([text])
    np.testing.assert_array_equal(by_words, whole)


def test_pieces_are_bounded_without_white_space() -> None:
    cut = list(pieces("a" * 1000, 100, 50))
    assert "".join(cut) == "a" * 1000
    assert max(map(len, cut)) <= 150
    assert list(pieces("", 100)) == [""]


@pytest.mark.parametrize("at_once", [1, 100, 10**6])
def test_long_texts_are_encoded_in_order(monkeypatch: pytest.MonkeyPatch, at_once: int) -> None:
    texts = ["short", "a long text " * 50, "", "word " * 100, "end"]
    expected = BPE.encode(texts)
    cut = boundaries.pieces
    monkeypatch.setattr(tokenizer, "PIECES_AT_ONCE", at_once)
    monkeypatch.setattr(tokenizer, "pieces", lambda text: cut(text, 40, 100))
    for ids, whole in zip(BPE.encode_long(texts), expected, strict=True):
        np.testing.assert_array_equal(ids, whole)
