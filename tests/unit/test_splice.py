"""Splices: documents of two masks, and when a predictor changes its mind."""

import itertools

import numpy as np
import pytest

from manymasks.arrays import Floats, Ints
from manymasks.config.analyses import Statistics
from manymasks.corpora.processes.masks import (
    EMISSIONS,
    FIRST_LETTER,
    LENGTH,
    LETTERS,
    MASKS,
    MOVES,
    OPENING,
    PRIOR,
    draw_letters,
)
from manymasks.corpora.processes.registry import process
from manymasks.truth.spectroscopy import mask_prompts
from manymasks.truth.splice import (
    inertia_row,
    letters_after_splice,
    letters_until_change,
    medians,
    spliced_documents,
)

STATISTICS = Statistics(resamples=200)


def test_spliced_documents_have_two_masks() -> None:
    cut = spliced_documents(2400, 16, np.random.default_rng(9))
    assert cut.tokens.shape == (2400, LENGTH)
    assert (cut.first != cut.second).all()
    assert np.unique(cut.first * 4 + cut.second, return_counts=True)[1].tolist() == [200] * 12
    assert (cut.tokens[:, 0] == 0).all()
    np.testing.assert_array_equal(cut.tokens[:, 1], 1 + cut.first)
    letters = cut.tokens[:, OPENING:] - 6
    assert set(np.unique(letters)) == set(range(len(LETTERS)))
    # How often a letter is followed by itself tells sticky, on both sides of the splice and
    # nowhere else.
    again = letters[:, 1:] == letters[:, :-1]
    for part, mask in ((again[:, :15], cut.first), (again[:, 16:], cut.second)):
        shares = [part[mask == z].mean() for z in range(4)]
        assert shares[0] > 0.6
        assert max(shares[1:]) < 0.3
    assert abs(again[:, 15].mean() - 1 / 3) < 0.04
    same = spliced_documents(2400, 16, np.random.default_rng(9))
    np.testing.assert_array_equal(same.tokens, cut.tokens)


def test_prompt_lengths_after_a_splice() -> None:
    assert letters_after_splice(49) == (0, 1, 2, 3, 4, 6, 8, 10)
    assert letters_after_splice(16)[-1] == 42
    assert letters_after_splice(57) == (0, 1, 2)
    assert letters_after_splice(58) == (0, 1)
    with pytest.raises(ValueError, match="at most 58"):
        letters_after_splice(59)


def test_a_change_must_persist() -> None:
    leads = np.array([[0, 1, 0, 1, 1], [1, 1, 0, 0, 0], [0, 0, 0, 0, 1], [0, 0, 0, 1, 1]])
    weights = np.zeros((4, 5, 4))
    first, second = np.array([0, 1, 2, 3]), np.array([1, 2, 3, 0])
    for document in range(4):
        weights[document, :, second[document]] = leads[document]
        weights[document, :, first[document]] = 0.5
    found = letters_until_change(weights, first, second, (0, 1, 2, 4, 6))
    np.testing.assert_array_equal(found, [4, 0, np.inf, 4])


def test_medians_include_documents_without_a_change() -> None:
    rng = np.random.default_rng(10)
    values = rng.integers(0, 20, 15).astype(np.float64)
    counts = rng.multinomial(15, np.full(15, 1 / 15), size=30).astype(np.float64)
    expected = [np.median(np.repeat(values, each.astype(int))) for each in counts]
    np.testing.assert_array_equal(medians(values, counts), expected)
    found = inertia_row(np.array([2.0, 4, 6, np.inf, np.inf]), 16, STATISTICS)
    assert (found["median"], found["changed"], found["documents"]) == (6, 0.6, 5)
    assert found["median_low"] >= 2
    assert found["median_high"] is None
    assert inertia_row(np.array([2.0, np.inf]), 16, STATISTICS)["median"] is None


def test_bayes_changes_after_as_many_letters() -> None:
    known = process("masks")
    for before, expected in ((8, 13), (16, 21)):
        cut = spliced_documents(1200, before, np.random.default_rng(11))
        after = letters_after_splice(before)
        two = mask_prompts(known, cut.tokens, [before + each for each in after], "spliced")
        found = inertia_row(
            letters_until_change(two.posterior, cut.first, cut.second, after), before, STATISTICS
        )
        assert found["median"] == pytest.approx(expected, abs=2)
        assert found["median_low"] <= found["median"] <= found["median_high"]


def likely(prior: Floats, letters: Ints) -> Floats:
    """Posterior of the masks after each of letters (documents, n), however many there are."""
    belief = np.repeat(prior[:, :, None] / 3, 3, 2)
    found = []
    for place in range(letters.shape[1]):
        if place:
            belief = np.einsum("dzi,zij->dzj", belief, MOVES)
        belief = belief * EMISSIONS[:, letters[:, place]].T[:, None]
        belief /= belief.sum((1, 2), keepdims=True)
        found.append(belief.sum(2))
    return np.stack(found, 1)


def test_bayes_changes_in_texts_longer_than_documents() -> None:
    known = process("masks")
    tokens = known.draw(20, np.random.default_rng(1))
    premise = PRIOR[tokens[:, 1] - 1]
    posterior = known.posteriors(tokens)["mask"][:, OPENING:]
    np.testing.assert_allclose(
        likely(premise, tokens[:, OPENING:] - FIRST_LETTER), posterior, atol=1e-12
    )
    rng = np.random.default_rng(12)
    pairs = np.array(list(itertools.permutations(range(len(MASKS)), 2)))
    first, second = np.repeat(pairs, 300, 0).T
    nothing = np.full((len(first), len(MASKS)), 1 / len(MASKS))
    for before, with_premise, without in ((16, 21, 16.5), (31, 35, 31)):
        texts = [draw_letters(first, before, rng), draw_letters(second, 140, rng)]
        letters = np.hstack(texts) - FIRST_LETTER
        for prior, expected in ((PRIOR[first], with_premise), (nothing, without)):
            weights = likely(prior, letters)[:, before - 1 :]
            found = letters_until_change(weights, first, second, tuple(range(141)))
            assert np.median(found) == pytest.approx(expected, abs=1.5)
