"""`lag`: its law, the ladder of prices and the ablated predictors, by enumeration."""

import itertools

import numpy as np
import pytest
from numpy.testing import assert_allclose

from manymasks.arrays import Floats, Ints
from manymasks.corpora.processes import lag
from manymasks.corpora.processes.lag import FORMATS, LagData, LagSizes
from manymasks.corpora.processes.machine import divergence, entropy, losses
from manymasks.corpora.processes.process import ALL, Process
from manymasks.corpora.processes.registry import process
from manymasks.kinds.processes import PROCESSES

pytestmark = pytest.mark.unit

SMALL = LagSizes(pairs=2, lags=2, letters=2, questions=2)
LETTERS_ALONE = ("direct", "filler")
"""Formats in which nothing but the letters tells an answer."""


def every_data(sizes: LagSizes) -> LagData:
    """All letters and lags, once each; they are equally likely."""
    ranges = [range(sizes.letters)] * (sizes.pairs + sizes.seconds) + [
        range(sizes.lags)
    ] * sizes.questions
    values = np.array(list(itertools.product(*ranges)))
    ends = sizes.pairs, sizes.pairs + sizes.seconds
    return LagData(*np.split(values, ends, axis=1))


def every_document(answer_format: str, sizes: LagSizes = SMALL) -> Ints:
    """All documents of a format, equally likely."""
    data = every_data(sizes)
    if answer_format != "mixed":
        return lag.write(data, answer_format, sizes)
    no = np.zeros(len(data.x), bool)
    return np.concatenate([lag.write(data, "mixed", sizes, kind) for kind in (no, ~no)])


def made(answer_format: str, sizes: LagSizes = SMALL) -> Process:
    return lag.lag_process(answer_format, sizes)


def means_by_level(known: Process, tokens: Ints, values: Floats) -> dict[tuple[str, str], float]:
    """Means of values (documents, length) over the tokens of each level, and over all."""
    strata = known.strata(tokens)
    means = {ALL: float(values[strata["counted"] == 0].mean())}
    for stratum in ("role", "answers by turn"):
        for index, name in enumerate(known.levels[stratum]):
            means[stratum, name] = float(values[strata[stratum] == index].mean())
    return means


@pytest.mark.parametrize("answer_format", FORMATS)
def test_laws_are_those_of_all_documents(answer_format: str) -> None:
    """Counted over every document with the same prefix."""
    tokens = every_document(answer_format)
    exact = lag.laws(tokens, answer_format, SMALL)
    for t in range(tokens.shape[1]):
        _, group = np.unique(tokens[:, :t], axis=0, return_inverse=True)
        follows = np.zeros((group.max() + 1, len(SMALL.vocabulary)))
        np.add.at(follows, (group.ravel(), tokens[:, t]), 1)
        follows /= follows.sum(1, keepdims=True)
        assert_allclose(exact[:, t], follows[group.ravel()], atol=1e-12)


@pytest.mark.parametrize("answer_format", FORMATS)
@pytest.mark.parametrize("steps", [1, 2, 4, 7])
def test_laws_of_later_tokens_are_those_of_all_documents(answer_format: str, steps: int) -> None:
    tokens = every_document(answer_format)
    length = tokens.shape[1]
    for t in range(1, length):
        law = lag.ahead(tokens[:, :t], steps, answer_format, SMALL)
        if t + steps > length:
            assert (law == 0).all()
            continue
        _, group = np.unique(tokens[:, :t], axis=0, return_inverse=True)
        follows = np.zeros((group.max() + 1, len(SMALL.vocabulary)))
        np.add.at(follows, (group.ravel(), tokens[:, t + steps - 1]), 1)
        follows /= follows.sum(1, keepdims=True)
        assert_allclose(law, follows[group.ravel()], atol=1e-12)


def test_a_document_of_every_format() -> None:
    data = LagData(np.array([[0, 1, 1]]), np.array([[2, 1, 1, 1]]), np.array([[1]]))
    sizes = LagSizes(pairs=3, lags=2, letters=3, questions=1)
    texts = {
        "direct": "k1 = n2",
        "filler": "k1 . k1 . k1 . = n2",
        "steps": "k1 no k1 yes k1 yes = n2",
    }
    for answer_format, text in texts.items():
        tokens = lag.write(data, answer_format, sizes)
        words = " ".join(sizes.vocabulary[token] for token in tokens[0])
        assert words == f"BOS x0 x1 x1 y2 y1 y1 y1 {text}"


@pytest.mark.parametrize("answer_format", FORMATS)
def test_formats_share_letters_lags_and_answers(answer_format: str) -> None:
    sizes, known = lag.DEFAULT, process("lag", answer_format=answer_format)
    tokens = known.draw(200, np.random.default_rng(4))
    direct = process("lag").draw(200, np.random.default_rng(4))
    assert tokens.shape[1] == PROCESSES["lag"].length_in(answer_format)
    np.testing.assert_array_equal(tokens[:, : sizes.data], direct[:, : sizes.data])
    for position in (sizes.begins, sizes.answers):
        np.testing.assert_array_equal(
            tokens[:, position(answer_format)], direct[:, position("direct")]
        )
    chance = {"mixed": np.log(2)}.get(answer_format, 0.0)
    letters = sizes.pairs + sizes.seconds
    expected = letters * np.log(3) + sizes.questions * np.log(4) + chance
    assert_allclose(losses(known.laws(tokens), tokens).sum(1), expected)


def test_an_unknown_format_is_refused() -> None:
    with pytest.raises(ValueError, match="'aloud' is not one of direct, filler, steps, mixed"):
        process("lag", answer_format="aloud")


# -------------------------------------------------------------------------------------- prices


def test_the_ladder_is_that_of_the_notes() -> None:
    """Entropies of Bin(j, 1/3), by enumeration of all letters of the compared pairs."""
    sizes = lag.DEFAULT
    assert_allclose(lag.ladder()[::-1], [0, 0.637, 0.965, 1.177, 1.331], atol=5e-4)
    for unbound in range(sizes.pairs + 1):
        pairs = np.array(list(itertools.product(range(3), repeat=2 * unbound)))
        pairs = pairs.reshape(9**unbound, -1)
        count = (pairs[:, :unbound] == pairs[:, unbound:]).sum(1)
        chance = np.bincount(count, minlength=unbound + 1) / len(count)
        assert_allclose(lag.binomial(unbound), chance, atol=1e-12)
        assert_allclose(lag.ladder()[sizes.pairs - unbound], entropy(chance), atol=1e-12)
    assert_allclose(lag.step_cost(), lag.ladder()[-2])
    assert_allclose(lag.pairing_cost(), 0.959, atol=5e-4)
    assert_allclose(lag.repeat_costs(), [lag.ladder()[0], 0.75 * lag.ladder()[0]])


@pytest.mark.parametrize("answer_format", FORMATS)
def test_closed_prices_are_means_over_all_documents(answer_format: str) -> None:
    known, tokens = made(answer_format), every_document(answer_format)
    exact = known.laws(tokens)
    assert known.prices.keys() == known.ablated.keys()
    for name, ablated in known.ablated.items():
        without = ablated(tokens)
        assert_allclose(without.sum(-1), 1)
        kl = divergence(exact, without)
        means = means_by_level(known, tokens, kl)
        for level, nats in known.prices[name].items():
            assert_allclose(means[level], nats, atol=1e-12, err_msg=f"{name} {level}")
        assert_allclose(kl.sum(), known.prices[name][ALL] * len(tokens) * (known.length - 1))


@pytest.mark.parametrize("answer_format", LETTERS_ALONE)
def test_repeats_price_the_second_answer_alone(answer_format: str) -> None:
    """At the size of the study: 1.331 and 0.998 nats, which are 1.165 on average."""
    known = process("lag", answer_format=answer_format)
    tokens = known.draw(4000, np.random.default_rng(0))
    nats = losses(known.ablated["repeats-only"](tokens), tokens)
    means = means_by_level(known, tokens, nats)
    assert_allclose(means["answers by turn", "1"], 1.331, atol=0.03)
    assert_allclose(means["answers by turn", "2"], 0.998, atol=0.03)


def test_steps_make_the_answer_a_matter_of_reading() -> None:
    """Each bit that is not bound costs the entropy of a match; an answer after bits costs nothing,
    so the sum exceeds what an answer alone costs."""
    prices = process("lag", answer_format="steps").prices
    assert prices["binds-0"]["role", "answer"] == 0
    assert_allclose(prices["binds-0"]["role", "filler or step"], lag.step_cost())
    assert lag.DEFAULT.pairs * lag.step_cost() > lag.ladder()[0]


@pytest.mark.parametrize("answer_format", FORMATS)
def test_exchanged_letters_change_nothing(answer_format: str) -> None:
    """A permutation of the letters, in x and y alike, keeps answers, laws and losses."""
    sizes, known = lag.DEFAULT, process("lag", answer_format=answer_format)
    tokens = known.draw(50, np.random.default_rng(3))
    order = np.array([2, 0, 1])
    mapping = np.arange(len(sizes.vocabulary))
    for name in ("x", "y"):
        mapping[sizes.first(name) + np.arange(3)] = sizes.first(name) + order
    exchanged = mapping[tokens]
    for capability in ("binds-0", "binds-2"):
        ablated = known.ablated[capability]
        assert_allclose(losses(ablated(exchanged), exchanged), losses(ablated(tokens), tokens))
    assert_allclose(
        known.laws(exchanged)[:, :, mapping], known.laws(tokens), atol=1e-12
    )  # fmt: skip
