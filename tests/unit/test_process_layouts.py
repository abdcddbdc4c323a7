"""`recall` and the random hierarchy model: laws that are written down, against all documents."""

import itertools
import math
from collections.abc import Callable

import numpy as np
import pytest
from example_processes import grammar_entropy, recall_entropy

from manymasks.arrays import Floats, Ints
from manymasks.corpora.processes import hierarchy, recall
from manymasks.corpora.processes.machine import losses

SMALL = recall.Sizes(pairs=2, keys=3, values=4)


def ahead_by_hand(documents: Ints, prefix: Ints, steps: int, vocabulary: int) -> Floats:
    """The law of a token ahead, from a list of all documents, all equally likely."""
    agree = (documents[:, : len(prefix)] == prefix).all(1)
    tokens = documents[agree, len(prefix) + steps - 1]
    return np.bincount(tokens, minlength=vocabulary) / agree.sum()


def check_all_laws(
    documents: Ints, vocabulary: int, ahead: Callable[[Ints, int], Floats], most: int
) -> None:
    """Compares the laws after all prefixes of a list of all documents."""
    for said in range(documents.shape[1]):
        prefixes = np.unique(documents[:, :said], axis=0)
        for steps in range(1, min(most, documents.shape[1] - said) + 1):
            expected = [ahead_by_hand(documents, each, steps, vocabulary) for each in prefixes]
            np.testing.assert_allclose(ahead(prefixes, steps), expected, atol=1e-14)


# ------------------------------------------------------------------------------------- recall


def every_recall() -> Ints:
    found = []
    for keys in itertools.permutations(range(3), 2):
        for values in itertools.permutations(range(4), 2):
            written = [1 + keys[0], 4 + values[0], 1 + keys[1], 4 + values[1]]
            found.append([0, *written, *written])
            found.append([0, *written, *written[2:], *written[:2]])
    return np.array(found)


def test_recall_against_all_documents() -> None:
    documents = every_recall()
    assert SMALL.vocabulary == ("BOS", "K0", "K1", "K2", "V0", "V1", "V2", "V3")
    check_all_laws(documents, 8, lambda prefix, steps: recall.ahead(prefix, steps, SMALL), 9)
    surprise = losses(recall.laws(documents, SMALL), documents).sum(1)
    np.testing.assert_allclose(surprise, math.log(len(documents)))
    assert recall_entropy(SMALL) == pytest.approx(math.log(len(documents)))
    drawn = recall.draw(2000, np.random.default_rng(0), SMALL)
    assert set(map(tuple, drawn)) == set(map(tuple, documents))


def test_recall_numbers() -> None:
    sizes = recall.DEFAULT
    assert (sizes.length, len(sizes.vocabulary)) == (17, 17)
    assert recall_entropy(sizes) == pytest.approx(18.03, abs=5e-3)
    tokens = recall.draw(300, np.random.default_rng(1))
    np.testing.assert_allclose(losses(recall.laws(tokens), tokens).sum(1), recall_entropy(sizes))
    without = losses(recall.no_binding(tokens), tokens)
    expected = [math.log(4), math.log(3), math.log(2), 0]
    np.testing.assert_allclose(without[:, 10::2], np.tile(expected, (300, 1)), atol=1e-12)
    truth = recall.laws(tokens)
    np.testing.assert_array_equal(
        np.delete(recall.no_binding(tokens), [10, 12, 14, 16], axis=1),
        np.delete(truth, [10, 12, 14, 16], axis=1),
    )
    np.testing.assert_allclose(truth.sum(-1), 1)
    np.testing.assert_allclose(recall.no_binding(tokens).sum(-1), 1)


def test_recall_laws_are_nan_after_an_impossible_prefix() -> None:
    tokens = every_recall()[:1].copy()
    tokens[0, 3] = tokens[0, 1]
    for found in (recall.laws(tokens, SMALL), recall.no_binding(tokens, SMALL)):
        assert not np.isnan(found[0, :4]).any()
        assert np.isnan(found[0, 4:]).all()


# ---------------------------------------------------------------------------------- hierarchy


def every_tree(grammar: hierarchy.Grammar) -> list[list[tuple[int, ...]]]:
    """All trees of a grammar, each the symbols of its levels from the root."""
    trees = [[(root,)] for root in range(grammar.symbols)]
    for rules in grammar.rules:
        trees = [
            [*tree, tuple(int(symbol) for each in chosen for symbol in each)]
            for tree in trees
            for chosen in itertools.product(*(rules[symbol] for symbol in tree[-1]))
        ]
    return trees


@pytest.mark.parametrize(
    ("symbols", "rules", "children", "levels"), [(3, 2, 2, 2), (2, 2, 2, 3), (3, 2, 3, 1)]
)
def test_hierarchy_against_all_documents(
    symbols: int, rules: int, children: int, levels: int
) -> None:
    rng = np.random.default_rng(2)
    grammar = hierarchy.random_grammar(rng, symbols, rules, children, levels)
    trees = every_tree(grammar)
    documents = np.array([[0, *(leaf + 1 for leaf in tree[-1])] for tree in trees])
    assert len(np.unique(documents, axis=0)) == len(documents)
    assert grammar_entropy(grammar) == pytest.approx(math.log(len(documents)))
    check_all_laws(
        documents,
        1 + symbols,
        lambda prefix, steps: hierarchy.ahead(grammar, prefix, steps),
        3,
    )
    # The symbols above, given a part of a document.
    prefix = documents[5, :3]
    agree = (documents[:, :3] == prefix).all(1)
    for level, found in enumerate(hierarchy.posteriors(grammar, prefix[None])):
        symbols_there = np.array([tree[level] for tree in trees])[agree]
        expected = [np.bincount(each, minlength=symbols) / agree.sum() for each in symbols_there.T]
        np.testing.assert_allclose(found[0], expected, atol=1e-14)


def test_hierarchy_numbers() -> None:
    rng = np.random.default_rng(3)
    grammar = hierarchy.random_grammar(rng)
    assert grammar_entropy(grammar) == pytest.approx(math.log(8) + 15 * math.log(4))
    assert grammar_entropy(grammar) / 16 == pytest.approx(1.430, abs=5e-4)
    tokens, levels = hierarchy.draw(grammar, 50, rng)
    assert tokens.shape == (50, 17)
    assert [each.shape[1] for each in levels] == [1, 2, 4, 8, 16]
    laws = hierarchy.laws(grammar, tokens)
    np.testing.assert_allclose(laws.sum(-1), 1)
    np.testing.assert_allclose(losses(laws, tokens).sum(1), grammar_entropy(grammar))
    # A whole document can be read in one way only.
    for drawn, found in zip(levels, hierarchy.posteriors(grammar, tokens), strict=True):
        np.testing.assert_array_equal(found.argmax(-1), drawn)
        np.testing.assert_allclose(found.max(-1), 1)
    assert (hierarchy.ahead(grammar, tokens) == 0).all()


def test_hierarchy_laws_are_nan_after_an_impossible_prefix() -> None:
    grammar = hierarchy.random_grammar(np.random.default_rng(4))
    told = {tuple(each) for each in grammar.rules[-1].reshape(-1, 2)}
    never = next(each for each in itertools.product(range(8), repeat=2) if each not in told)
    laws = hierarchy.laws(grammar, np.array([[0, never[0] + 1, never[1] + 1, 1]]))
    assert not np.isnan(laws[0, :3]).any()
    assert laws[0, 2, never[1] + 1] == 0
    assert np.isnan(laws[0, 3, 1:]).all()


def test_rules_must_be_unambiguous() -> None:
    with pytest.raises(ValueError, match="tuples of children"):
        hierarchy.random_grammar(np.random.default_rng(0), symbols=3, rules=4)
    with pytest.raises(ValueError, match="same children"):
        hierarchy.Grammar(np.zeros((1, 2, 1, 2), dtype=np.int64))
