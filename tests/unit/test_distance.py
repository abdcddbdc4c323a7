"""Distance from training: the count model against a dictionary, closed forms, and the rows."""

import math
from collections import Counter
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from manymasks.config.analyses import Statistics
from manymasks.probes.contexts import Contexts
from manymasks.probes.distance import (
    STRENGTH,
    distance_rows,
    ngram_surprise,
    ngrams,
    train_counts,
    unigram_kl,
)
from manymasks.probes.windows import Tokens

V = 7


def cut(stream: Tokens, piece: int) -> list[Tokens]:
    return [stream[i : i + piece] for i in range(0, len(stream), piece)]


def naive(stream: list[int], window: list[int], vocabulary: int) -> list[float]:
    """The count model with dictionaries, one token at a time."""
    found = [Counter(zip(*(stream[i:] for i in range(k)), strict=False)) for k in (1, 2, 3)]

    def law(past: tuple[int, ...], token: int) -> float:
        if not past:
            return (found[0][token,] + 1) / (len(stream) + vocabulary)
        counts = found[len(past)]
        begun = sum(count for gram, count in counts.items() if gram[:-1] == past)
        below = law(past[1:], token)
        return (counts[*past, token] + STRENGTH * below) / (begun + STRENGTH)

    return [
        -math.log(law(tuple(window[max(i - 2, 0) : i]), window[i])) for i in range(1, len(window))
    ]


@settings(max_examples=40, deadline=None)
@given(
    st.lists(st.integers(0, V - 1), min_size=1, max_size=60),
    st.lists(st.lists(st.integers(0, V - 1), min_size=6, max_size=6), min_size=1, max_size=4),
    st.integers(1, 20),
)
def test_surprise_equals_a_dictionary_of_counts(
    stream: list[int], windows: list[list[int]], piece: int
) -> None:
    pieces, tokens = cut(np.array(stream), piece), np.array(windows)
    unigrams = train_counts(pieces, V)
    surprise = ngram_surprise(tokens, unigrams, ngrams(pieces, tokens, V))
    expected = [naive(stream, window, V) for window in windows]
    np.testing.assert_allclose(surprise, expected, rtol=1e-12)


def test_the_trigram_model_is_normalised() -> None:
    stream = np.random.default_rng(0).integers(V, size=200)
    for past in ((1, 2), (6, 6)):
        tokens = np.array([[*past, token] for token in range(V)])
        nats = ngram_surprise(tokens, train_counts([stream], V), ngrams([stream], tokens, V))
        assert np.exp(-nats[:, -1]).sum() == pytest.approx(1, rel=1e-12)


def test_closed_forms_of_the_surprise() -> None:
    # Nothing was trained on: all tokens are as likely.
    nothing, tokens = np.zeros(0, dtype=np.int64), np.array([[1, 2, 3, 4]])
    nats = ngram_surprise(tokens, np.zeros(V, dtype=np.int64), ngrams([nothing], tokens, V))
    np.testing.assert_allclose(nats, math.log(V))
    # One token alone, n times: each order adds its count.
    n, same = 100, np.zeros((1, 3), dtype=np.int64)
    stream = np.zeros(n, dtype=np.int64)
    nats = ngram_surprise(same, train_counts([stream], V), ngrams([stream], same, V))
    one = (n + 1) / (n + V)
    two = (n - 1 + STRENGTH * one) / (n - 1 + STRENGTH)
    three = (n - 2 + STRENGTH * two) / (n - 2 + STRENGTH)
    np.testing.assert_allclose(nats, [[-math.log(two), -math.log(three)]])


def test_unigram_kl_has_its_closed_form() -> None:
    law = np.array([0.5, 0.25, 0.25])
    assert unigram_kl(np.array([8.0, 4.0, 4.0]), law) == pytest.approx(0, abs=1e-15)
    assert unigram_kl(np.array([0.0, 0.0, 3.0]), law) == pytest.approx(math.log(4))


def test_a_vocabulary_that_numbers_cannot_hold() -> None:
    with pytest.raises(ValueError, match="have no 64-bit numbers"):
        ngrams([], np.zeros((1, 3), dtype=np.int64), 2**21)


def test_rows_by_hand() -> None:
    stream = np.array([0, 1, 2, 3, 4, 0, 1, 2, 5, 4, 0])
    clean = np.array([[0, 1, 2, 3, 9, 9], [0, 1, 2, 5, 9, 9], [1, 2, 3, 4, 9, 9]]) % 7
    changed = clean.copy()
    changed[:, :4] = clean[:, [0, 2, 1, 3]]
    contexts = Contexts(np.stack([clean, changed]), ("a", "a", "b"), 2, ("", ""))
    unigrams = train_counts([stream], V)
    given = Statistics(resamples=200)
    rows = list(distance_rows("p", contexts, iter(cut(stream, 4)), unigrams, given))
    table = {(row["severity"], row["measure"]): row for row in rows}
    assert len(table) == len(rows) == 6
    assert table[0, "unseen_share"]["value"] == 0
    assert table[1, "unseen_share"]["value"] == 1
    for severity, level in enumerate((clean, changed)):
        expected = [naive(stream.tolist(), row, V) for row in level[:, :4].tolist()]
        row = table[severity, "ngram_nats"]
        assert row["value"] == pytest.approx(np.mean(expected))
        # Two documents: a resample is one of them, or both.
        by_document = [np.mean(expected[:2]), np.mean(expected[2])]
        assert (row["low"], row["high"]) == pytest.approx((min(by_document), max(by_document)))
        assert row["documents"] == 2
        kl = table[severity, "unigram_kl"]
        counts = np.bincount(level[:, 1:4].ravel(), minlength=V).astype(float)
        law = (unigrams + 1) / (len(stream) + V)
        assert kl["value"] == pytest.approx(float(unigram_kl(counts, law)))
        assert 0 <= kl["low"] <= kl["value"] <= kl["high"]
    assert table[1, "ngram_nats"]["value"] > table[0, "ngram_nats"]["value"]


def test_distance_of_whole_windows_without_context() -> None:
    stream = np.arange(40) % V
    tokens = (np.arange(2 * 9).reshape(1, 2, 9)) % V
    for scored, length in ((8, 9), (7, 2), (6, 3)):
        contexts = Contexts(tokens, ("a", "b"), scored, ("",))
        rows = list(distance_rows("p", contexts, [stream], train_counts([stream], V), Statistics()))
        measures = ["ngram_nats", "unigram_kl"]
        if length > 2:
            measures.insert(1, "unseen_share")
        assert [row["measure"] for row in rows] == measures
        expected = [naive(stream.tolist(), w[:length], V) for w in tokens[0].tolist()]
        assert rows[0]["value"] == pytest.approx(np.mean(expected))


def test_each_severity_counts_its_tokens() -> None:
    generator = np.random.default_rng(2)
    stream, text = generator.integers(V, size=300), generator.integers(V, size=(4, 13))
    documents, lengths = ("a", "a", "b", "c"), (5, 8, 12)
    unigrams = train_counts([stream], V)
    long = Contexts(np.stack([text] * 3), documents, 2, ("",) * 3, lengths)
    found = list(distance_rows("p", long, [stream], unigrams, Statistics()))
    for severity, length in enumerate(lengths):
        alone = Contexts(text[None, :, -length - 1 :], documents, 2, ("",))
        expected = list(distance_rows("p", alone, [stream], unigrams, Statistics()))
        rows = [row for row in found if row["severity"] == severity]
        assert rows == [row | {"severity": severity} for row in expected]


def test_pieces_are_read_one_after_the_other() -> None:
    generator = np.random.default_rng(1)
    stream, tokens = generator.integers(V, size=500), generator.integers(V, size=(3, 9))
    whole = ngrams([stream], tokens, V)
    for piece in (1, 2, 3, 50):
        for a, b in zip(whole, ngrams(iter(cut(stream, piece)), tokens, V), strict=True):
            np.testing.assert_array_equal(a.counts, b.counts)
            np.testing.assert_array_equal(a.prefix_counts, b.prefix_counts)
    pairs = Counter(pairwise(stream.tolist()))
    assert whole[0].counts.tolist() == [pairs[divmod(int(k), V)] for k in whole[0].queries]
