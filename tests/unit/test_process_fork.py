"""`fork`: laws against all layouts, entropies, the symmetry, and questions off the support."""

import itertools
import math
from collections.abc import Iterator
from dataclasses import replace

import numpy as np
import pytest
from example_fork import document_entropy, path_entropy
from example_processes import latent_law, swapped

from manymasks.corpora.processes import fork
from manymasks.corpora.processes.machine import (
    ENDED,
    divergence,
    entropy,
    losses,
)

FILLERS = {f"f{i}" for i in range(4)}


def templates(answered: float) -> Iterator[tuple[float, list[set[str]]]]:
    """All documents, but that a slot for a filler takes any: chance of each filling, and slots."""
    for i in range(6):
        for red, blue in itertools.permutations(range(8), 2):
            slots = [FILLERS] * 8
            slots[red], slots[blue] = {f"R{i}"}, {f"B{i}"}
            chance = 0.4 / 56 / 6 / 4**6
            yield chance, [{"BOS"}, *slots, {"?t"}, {f"A{i}"}, {"EOS"}]
        for before, after in itertools.product((1, 2, 3, 4), (1, 2, 3)):
            chance = 0.2 / 12 / 6 / 4 ** (before + after)
            slots = [{"BOS"}, *[FILLERS] * before, {f"M{i}"}, *[FILLERS] * after]
            yield chance, [*slots, {"?h"}, {f"A{i}"}, {"EOS"}]
        for j, keep in itertools.product(range(6), itertools.product((0, 1), repeat=5)):
            f = [[FILLERS] * each for each in keep]
            chance = 0.2 / 32 / 36 / 4 ** sum(keep)
            outer, inner = [{f"M{i}"}], [{f"M{j}"}]
            asked = [{"?h"}, {f"A{i}"}, {"EOS"}]
            slots = [{"BOS"}, *f[0], *outer, *f[1], {"("}, *f[2], *inner, *f[3], {")"}, *f[4]]
            yield chance, [*slots, *asked]
            slots = [{"BOS"}, *f[0], {"("}, *f[1], *inner, *f[2], {")"}, *f[3], *outer, *f[4]]
            yield chance * answered, [*slots, *asked]
            yield chance * (1 - answered), [*slots, {"."}, {"EOS"}]


def test_laws_are_those_of_all_layouts_enumerated() -> None:
    answered = 0.05
    machine = fork.fork(answered)
    tokens = machine.draw(60, fork.LENGTH, np.random.default_rng(0)).tokens
    every = list(templates(answered))
    # The chance of a whole template is that of a filling by the number of its fillings.
    joint = np.array([chance * math.prod(map(len, slots)) for chance, slots in every])
    assert joint.sum() == pytest.approx(1)
    # (templates, length, vocabulary): the law of each slot; all zero after the end.
    slots = np.zeros((len(every), fork.LENGTH, 35))
    for row, (_, each) in zip(slots, every, strict=True):
        for t, allowed in enumerate(each):
            row[t, [fork.TOKEN[name] for name in allowed]] = 1 / len(allowed)
    laws = machine.laws(tokens)
    for document, law in zip(tokens, laws, strict=True):
        weight = joint.copy()
        for t, token in enumerate(document):
            if token == ENDED:
                np.testing.assert_array_equal(law[t], 0)
                continue
            expected = weight @ slots[:, t] / weight.sum()
            np.testing.assert_allclose(law[t], expected, rtol=1e-11, atol=1e-15)
            weight = weight * slots[:, t, token]


@pytest.mark.parametrize(
    ("kind", "nats"),
    [
        ("TWIN", math.log(2.5) + math.log(56) + math.log(6) + 6 * math.log(4)),
        ("PLAIN", math.log(5) + math.log(12) + math.log(6) + 4.5 * math.log(4)),
        ("AFTER", math.log(5) + 5 * math.log(2) + 2 * math.log(6) + 2.5 * math.log(4)),
        ("BEFORE", math.log(5) + 5 * math.log(2) + 2 * math.log(6) + 2.5 * math.log(4)),
    ],
)
def test_entropy_of_a_kind(kind: str, nats: float) -> None:
    machine = fork.fork()
    share = fork.KINDS[kind]
    of_kind = machine.start * (machine.latents["kind"] == list(fork.KINDS).index(kind))
    alone = replace(machine, start=of_kind / share)
    assert path_entropy(alone) - math.log(share) == pytest.approx(nats, abs=1e-10)
    assert nats == pytest.approx(15.051 if kind == "TWIN" else 12.124, abs=5e-4)


def test_entropy_of_a_document() -> None:
    assert document_entropy() == pytest.approx(13.295, abs=5e-4)
    for answered in (0.005, 0.02, 0.1):
        more = document_entropy(answered) - document_entropy()
        assert more == pytest.approx(0.2 * entropy(np.array([answered, 1 - answered])), abs=1e-10)


def test_entropy_is_that_of_the_documents() -> None:
    """The sum over templates, each by its number of fillings: nothing is drawn."""
    answered = 0.1
    nats = sum(-p * math.prod(map(len, slots)) * math.log(p) for p, slots in templates(answered))
    assert document_entropy(answered) == pytest.approx(nats, abs=1e-9)


def test_layouts_can_be_read_off_documents() -> None:
    seen = []
    for kind in fork.KINDS:
        found = fork.layouts(kind, 0.1)
        assert sum(found.values()) == pytest.approx(1)
        seen += [tuple("M" if slot == "m" else slot for slot in layout) for layout in found]
    assert len(seen) == len(set(seen)) == 56 + 12 + 32 + 2 * 32
    assert max(map(len, seen)) == fork.LENGTH


def test_documents_end() -> None:
    assert len(fork.VOCABULARY) == len(set(fork.VOCABULARY)) == 35
    tokens = fork.fork(0.5).draw(2000, fork.LENGTH + 1, np.random.default_rng(1)).tokens
    lengths = (tokens != ENDED).sum(1)
    assert lengths.max() == 13
    assert (tokens[np.arange(2000), lengths - 1] == fork.TOKEN["EOS"]).all()
    assert ((tokens == fork.TOKEN["EOS"]).sum(1) == 1).all()


@pytest.mark.parametrize("answered", [0.0, 0.02])
def test_red_and_blue_may_be_swapped(answered: float) -> None:
    machine = fork.fork(answered)
    tokens = machine.draw(200, fork.LENGTH, np.random.default_rng(2)).tokens
    other = swapped(tokens)
    np.testing.assert_array_equal(swapped(other), tokens)
    assert (other != tokens).any()
    one, two = (np.nansum(losses(machine.laws(each), each), 1) for each in (tokens, other))
    # The same products; rounding may differ, as the states are added up in another order.
    np.testing.assert_allclose(one, two, rtol=1e-14)
    # In full: with red for blue, layouts are layouts of exactly the same chance. Words are
    # uniform for both, and red and blue occur in TWIN alone.
    other_colour = {"R": "B", "B": "R"}
    twin = fork.layouts("TWIN")
    assert twin == {
        tuple(other_colour.get(slot, slot) for slot in layout): chance
        for layout, chance in twin.items()
    }
    for kind in ("PLAIN", "AFTER", "BEFORE"):
        assert not any({"R", "B"} & set(layout) for layout in fork.layouts(kind, answered))


def test_posteriors_of_the_latents() -> None:
    machine = fork.fork(0.02)
    drawn = machine.draw(500, fork.LENGTH, np.random.default_rng(3))
    beliefs = list(machine.beliefs(drawn.tokens))
    shares = list(fork.KINDS.values())
    for belief in beliefs[:2]:
        np.testing.assert_allclose(latent_law(machine, belief, "kind")[0, :4], shares)
    rows = np.arange(500)
    kind = machine.latents["kind"][drawn.states[:, 0]]
    np.testing.assert_allclose(latent_law(machine, beliefs[-1], "kind")[rows, kind], 1)
    # An answer that is said is the one that has been named.
    for t in range(fork.LENGTH):
        here = np.flatnonzero(drawn.tokens[:, t] >= fork.FIRST["A"])
        answer = drawn.tokens[here, t] - fork.FIRST["A"]
        known = latent_law(machine, beliefs[t], "answer")[here]
        np.testing.assert_allclose(known[np.arange(len(here)), answer], 1)


def test_answered_is_a_probability() -> None:
    with pytest.raises(ValueError, match="answered"):
        fork.fork(1.5)


# ------------------------------------------------------------------------- ablated predictors


def expected_price(laws: np.ndarray, other: np.ndarray) -> float:
    """Mean over documents of what a predictor costs, in nats a document."""
    return float(divergence(laws, other).sum(1).mean())


@pytest.mark.parametrize("answered", [0.0, 0.1])
def test_price_of_answers(answered: float) -> None:
    machine = fork.fork(answered)
    tokens = machine.draw(2000, fork.LENGTH, np.random.default_rng(6)).tokens
    laws = machine.laws(tokens)
    kl = divergence(laws, fork.guessed(laws, "A"))
    answers = tokens >= fork.FIRST["A"]
    # At each answer exactly ln 6, and nothing elsewhere.
    np.testing.assert_allclose(kl, np.where(answers, math.log(6), 0), atol=1e-12)
    share = 0.8 + 0.2 * answered
    assert answers.any(1).mean() == pytest.approx(share, abs=4 * math.sqrt(share * 0.2 / 2000))


def test_price_of_cues() -> None:
    machine = fork.fork()
    tokens = machine.draw(4000, fork.LENGTH, np.random.default_rng(7)).tokens
    laws = machine.laws(tokens)
    kl = divergence(laws, fork.guessed(laws, "RB"))
    twin = (tokens == fork.TOKEN["?t"]).any(1)
    assert np.abs(kl[~twin]).max() < 1e-12
    # The second cue comes once, so the chances that it does add up to 1.
    assert kl[twin].sum(1).mean() == pytest.approx(math.log(6), abs=0.05)
    every = np.array(list(itertools.permutations(range(8), 2)))
    slots = np.full((56, 8), fork.TOKEN["f1"])
    for row, (red, blue) in enumerate(every):
        slots[row, red], slots[row, blue] = fork.TOKEN["R3"], fork.TOKEN["B3"]
    ends = [fork.TOKEN["BOS"]], [fork.TOKEN[name] for name in ("?t", "A3", "EOS")]
    whole = np.hstack([np.tile(ends[0], (56, 1)), slots, np.tile(ends[1], (56, 1))])
    laws = machine.laws(whole)
    assert expected_price(laws, fork.guessed(laws, "RB")) == pytest.approx(math.log(6))


def test_price_of_either_word() -> None:
    answered = 0.5
    machine = fork.fork(answered)
    tokens = machine.draw(4000, fork.LENGTH, np.random.default_rng(8)).tokens
    laws = machine.laws(tokens)
    other = fork.either_word(tokens, laws)
    np.testing.assert_allclose(other[tokens != ENDED].sum(-1), 1, rtol=1e-12)
    is_word = (tokens >= fork.FIRST["M"]) & (tokens < fork.FIRST["M"] + 6)
    opened = np.cumsum(tokens == fork.TOKEN["("], 1) > 0
    before = is_word.any(1) & opened[np.arange(4000), is_word.argmax(1)]
    for row, (document, law, found) in enumerate(zip(tokens, laws, other, strict=True)):
        asked = np.flatnonzero(document == fork.TOKEN["?h"])
        if not (before[row] and asked.size):
            np.testing.assert_array_equal(found, law)
            continue
        t = asked[0] + 1
        first, second = document[is_word[row]] - fork.FIRST["M"] + fork.FIRST["A"]
        expected = np.zeros(35)
        expected[[first, second]] += 0.5
        expected[first] += 0.5 * (first == second)
        np.testing.assert_allclose(found[t], expected, atol=1e-12)
    price = answered / 6 * math.log(2)
    assert expected_price(laws, other) == pytest.approx(price, rel=0.2)


# ---------------------------------------------------------------------- questions off the support


def names(tokens: np.ndarray) -> list[str]:
    return [fork.VOCABULARY[token] for token in tokens if token != ENDED]


def test_twin_conflicts() -> None:
    found = fork.twin_conflicts(400, np.random.default_rng(4))
    again = fork.twin_conflicts(400, np.random.default_rng(4))
    np.testing.assert_array_equal(found.tokens, again.tokens)
    assert found.tokens.shape == (400, 10)
    assert (found.lengths == 10).all()
    assert found.first.sum() == 200
    assert found.rules == ("red", "blue")
    for row, answers, first in zip(found.tokens, found.answers, found.first, strict=True):
        text = names(row)
        cues = [name for name in text[1:-1] if name[0] in "RB"]
        assert (text[0], text[-1], len(cues)) == ("BOS", "?t", 2)
        assert len(FILLERS & set(text)) > 0
        assert cues[0][0] == "RB"[first]
        red, blue = (next(cue for cue in cues if cue[0] == colour) for colour in "RB")
        assert [f"A{red[1]}", f"A{blue[1]}"] == names(answers)
        assert red[1] != blue[1]
    # All pairs of slots are used, and none of the texts can be said.
    is_cue = (found.tokens >= fork.FIRST["R"]) & (found.tokens < fork.FIRST["M"])
    assert len({tuple(np.flatnonzero(row)) for row in is_cue}) == 28
    machine = fork.fork(0.02)
    surprise = losses(machine.laws(found.tokens), found.tokens)
    assert (np.isinf(surprise).sum(1) == 1).all()


def test_before_questions() -> None:
    found = fork.before_questions(400, np.random.default_rng(5))
    assert found.rules == ("first", "depth 0")
    asked = found.lengths - 1
    rows = np.arange(400)
    assert (found.tokens[rows, asked] == fork.TOKEN["?h"]).all()
    assert ((found.tokens != ENDED).sum(1) == found.lengths).all()
    assert (found.lengths.min(), found.lengths.max()) == (6, 11)
    for row, answers in zip(found.tokens, found.answers, strict=True):
        text = names(row)
        inner, outer = (name for name in text if name[0] == "M")
        assert text.index("(") < text.index(inner) < text.index(")") < text.index(outer)
        assert [f"A{inner[1]}", f"A{outer[1]}"] == names(answers)
        assert inner != outer
    # Without answered questions the question is impossible; with them the second answer is exact.
    surprise = losses(fork.fork().laws(found.tokens), found.tokens)
    np.testing.assert_array_equal(np.nanargmax(np.isinf(surprise), 1), asked)
    machine = fork.fork(0.02)
    whole = np.pad(found.tokens, ((0, 0), (0, 1)), constant_values=ENDED)
    whole[rows, asked + 1] = found.answers[:, 1]
    surprise = losses(machine.laws(whole), whole)
    np.testing.assert_allclose(surprise[rows, asked + 1], 0, atol=1e-12)
    assert np.isfinite(surprise[whole != ENDED]).all()
