"""Count models: against dictionaries, as probabilities, and on a chain of known entropy."""

from collections import Counter, defaultdict
from itertools import pairwise
from typing import Any

import numpy as np
import pytest

from manymasks.evaluation.document_losses import windows_of
from manymasks.myopia.ngram_baselines import Counts, count, score

Pair = tuple[int, int]


def _text(n: int, vocabulary: int, seed: int = 0) -> np.ndarray[Any, np.dtype[np.int64]]:
    p = 1 / np.arange(1, vocabulary + 1)
    return np.random.default_rng(seed).choice(vocabulary, size=n, p=p / p.sum())


def _naive(text: list[int], vocabulary: int) -> tuple[dict[int, float], dict[Pair, float]]:
    """The two formulas over dictionaries, for all tokens and pairs."""
    tokens = Counter(text[1:])
    after: dict[int, Counter[int]] = defaultdict(Counter)
    for h, w in pairwise(text):
        after[h][w] += 1
    total = len(text) - 1
    one = {w: (tokens[w] + 1) / (total + vocabulary) for w in range(vocabulary)}
    two = {}
    for h in range(vocabulary):
        c, t = sum(after[h].values()), len(after[h])
        for w in range(vocabulary):
            two[h, w] = (after[h][w] + t * one[w]) / (c + t) if c else one[w]
    return one, two


def _all(counts: Counts) -> np.ndarray[Any, np.dtype[np.float64]]:
    v = counts.vocabulary
    h, w = np.divmod(np.arange(v * v), v)
    return counts.bigram(h, w).reshape(v, v)


def test_probabilities_are_those_of_the_formulas_and_sum_to_one() -> None:
    v = 23
    # The last three tokens never come.
    text = _text(400, v - 3)
    counts = count([text], v)
    one, two = _naive(text.tolist(), v)
    assert counts.unigram(np.arange(v)) == pytest.approx([one[w] for w in range(v)], rel=1e-14)
    found = _all(counts)
    expected = np.array([[two[h, w] for w in range(v)] for h in range(v)])
    np.testing.assert_allclose(found, expected, rtol=1e-14)
    np.testing.assert_allclose(found.sum(1), 1, rtol=1e-13)
    assert counts.unigram(np.arange(v)).sum() == pytest.approx(1, rel=1e-13)
    np.testing.assert_array_equal(found[-1], counts.unigram(np.arange(v)))


@pytest.mark.parametrize("run", [1, 7, 50, 1000])
def test_counts_do_not_depend_on_the_runs(run: int) -> None:
    text = _text(700, 12)
    whole = count([text], 12)
    parts = count((text[i : i + run + 1] for i in range(0, len(text) - 1, run)), 12)
    for name in ("tokens", "pairs", "pair_counts", "before", "followers"):
        np.testing.assert_array_equal(getattr(parts, name), getattr(whole, name))
    assert whole.tokens.sum() == whole.pair_counts.sum() == len(text) - 1


def test_counts_without_text_are_uniform() -> None:
    counts = count([], 8)
    np.testing.assert_allclose(_all(counts), 1 / 8)


def test_memory_grows_with_the_pairs_seen_not_the_vocabulary() -> None:
    v = 50_000
    counts = count([np.array([v - 1, 0, v - 1, v - 1])], v)
    assert counts.pairs.tolist() == [v - 1, (v - 1) * v, (v - 1) * v + v - 1]
    assert counts.bigram(np.array([v - 1]), np.array([v - 2]))[0] == pytest.approx(
        2 / (v + 3) / (2 + 2)
    )


def test_a_markov_chain_is_learnt_to_its_entropy() -> None:
    generator = np.random.default_rng(1)
    chain = np.array([[0.7, 0.2, 0.1], [0.1, 0.1, 0.8], [0.3, 0.4, 0.3]])
    vectors = np.linalg.eig(chain.T)
    stationary = np.real(vectors.eigenvectors[:, np.argmax(np.real(vectors.eigenvalues))])
    stationary /= stationary.sum()
    rate = float(-(stationary[:, None] * chain * np.log(chain)).sum())
    marginal = float(-(stationary * np.log(stationary)).sum())
    draws, states = generator.random(200_000), [0]
    for u in draws:
        states.append(int(np.searchsorted(np.cumsum(chain[states[-1]]), u)))
    text = np.array(states)
    counts = count([text[:150_000]], 3)
    nats, tokens = score(
        counts, [text[150_000:]], context=64, end_of_text=int(text[149_999]), edges=(0,)
    )
    assert nats["bigram"].sum() / tokens.sum() == pytest.approx(rate, abs=0.01)
    assert nats["unigram"].sum() / tokens.sum() == pytest.approx(marginal, abs=0.01)


def test_positions_are_those_of_the_evaluation() -> None:
    v, context, edges = 9, 5, (0, 1, 3)
    counts = count([_text(300, v)], v)
    documents = [_text(n, v, n) for n in (1, 4, 5, 11, 23)]
    nats, tokens = score(counts, documents, context=context, end_of_text=0, edges=edges)
    rows, lengths, owners = windows_of(documents, context, 0)
    expected = {floor: np.zeros((5, 3)) for floor in nats}
    scored = np.zeros((5, 3))
    for row, length, owner in zip(rows, lengths, owners, strict=True):
        for position in range(length):
            k = sum(position >= edge for edge in edges) - 1
            scored[owner, k] += 1
            h, w = row[position : position + 1], row[position + 1 : position + 2]
            expected["unigram"][owner, k] -= np.log(counts.unigram(w)[0])
            expected["bigram"][owner, k] -= np.log(counts.bigram(h, w)[0])
    np.testing.assert_array_equal(tokens, scored)
    for floor, values in expected.items():
        np.testing.assert_allclose(nats[floor], values, rtol=1e-12)


def test_rejects_tokens_outside_the_vocabulary() -> None:
    with pytest.raises(ValueError, match="outside the vocabulary of 4"):
        count([np.array([0, 4])], 4)
