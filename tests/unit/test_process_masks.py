"""`masks` and the single chains: exact laws against sums over paths, and the numbers they have."""

import functools
import itertools
import math
from collections.abc import Callable

import numpy as np
import pytest
from example_masks import balanced, mask_known
from example_processes import joint_law, latent_law

from manymasks.arrays import Floats, Ints
from manymasks.corpora.processes import chains
from manymasks.corpora.processes import masks as of_masks
from manymasks.corpora.processes.machine import (
    Machine,
    divergence,
    entropy,
    losses,
    machine_from_matrices,
)
from manymasks.corpora.processes.masks import (
    ABLATED,
    EMISSIONS,
    FIRST_LETTER,
    FIRST_PREMISE,
    LENGTH,
    MASKS,
    MOVES,
    OPENING,
    PREMISES,
    PRIOR,
    VOCABULARY,
    masks,
)

# ------------------------------------------------------------------------------ by hand

STEPS = {
    "sticky": (0.90, 0.05, 0.05),
    "clockwise": (0.05, 0.90, 0.05),
    "anticlockwise": (0.05, 0.05, 0.90),
    "jitter": (0.10, 0.45, 0.45),
}


def likelihood(letters: tuple[int, ...], mask: str, last: int | None = None) -> float:
    """p(letters | mask), and that state `last` said the last one: a sum over all paths."""
    total = 0.0
    for path in itertools.product(range(3), repeat=len(letters) + 1):
        if last is not None and path[-1] != last:
            continue
        chance = 1 / 3
        for here, there, letter in zip(path, path[1:], letters, strict=False):
            chance *= STEPS[mask][(there - here) % 3] * (0.85 if letter == there else 0.075)
        total += chance
    return total


def spoken_first(letters: tuple[int, ...], mask: str) -> float:
    """The same, of a mask that says a letter first and moves then."""
    if not letters:
        return 1.0
    total = 0.0
    for path in itertools.product(range(3), repeat=len(letters)):
        chance = 1 / 3
        for here, letter in zip(path, letters, strict=True):
            chance *= 0.85 if letter == here else 0.075
        for here, there in itertools.pairwise(path):
            chance *= STEPS[mask][(there - here) % 3]
        total += chance
    return total


def premised(premise: int, mask: str) -> float:
    if premise == 4:
        return 0.25
    return 0.7 if mask == MASKS[premise] else 0.1


def document(premise: int, letters: tuple[int, ...]) -> Ints:
    return np.array([[0, 1 + premise, *(6 + letter for letter in letters)]])


@pytest.mark.parametrize("premise", range(5))
def test_laws_are_sums_over_paths_whichever_comes_first(premise: int) -> None:
    for letters in itertools.product(range(3), repeat=3):
        law = masks().laws(document(premise, letters))[0]
        np.testing.assert_allclose(law[0], np.eye(9)[0])
        np.testing.assert_allclose(law[1], [0, *[0.2] * 5, 0, 0, 0])
        for place in range(3):
            for speak in (likelihood, spoken_first):
                before, after = (
                    [
                        sum(premised(premise, mask) * speak(said, mask) for mask in MASKS)
                        for said in prefixes
                    ]
                    for prefixes in (
                        [letters[:place]],
                        [(*letters[:place], letter) for letter in range(3)],
                    )
                )
                expected = np.array(after) / before[0]
                np.testing.assert_allclose(law[OPENING + place, :6], 0, atol=1e-15)
                np.testing.assert_allclose(law[OPENING + place, 6:], expected, rtol=1e-12)


@pytest.mark.parametrize("letters", [(), (1,), (0, 0), (0, 1, 2, 0), (2, 1, 1, 0)])
def test_posteriors_of_the_latents(letters: tuple[int, ...]) -> None:
    for premise in (1, 4):
        *_, belief = masks().beliefs(document(premise, letters))
        joint = np.array(
            [
                [premised(premise, mask) * likelihood(letters, mask, last) for last in range(3)]
                for mask in MASKS
            ]
        )
        joint /= joint.sum()
        for latent, expected in (
            ("mask", joint.sum(1)),
            ("letter_state", joint.sum(0)),
            ("premise", np.eye(5)[premise]),
        ):
            law = latent_law(masks(), belief, latent)[0]
            np.testing.assert_allclose(law, [*expected, 0], atol=1e-12)


# ---------------------------------------------------------------------------------- documents


def test_documents() -> None:
    assert VOCABULARY == ("BOS", "P0", "P1", "P2", "P3", "P4", "a", "b", "c")
    machine = masks()
    assert machine is masks()
    drawn = machine.draw(4000, LENGTH, np.random.default_rng(0))
    assert drawn.tokens.shape == (4000, 64)
    assert (drawn.tokens[:, 0] == 0).all()
    assert ((drawn.tokens[:, 1] >= 1) & (drawn.tokens[:, 1] <= 5)).all()
    assert ((drawn.tokens[:, 2:] >= 6) & (drawn.tokens[:, 2:] <= 8)).all()
    # Latents by place: nothing is decided before the premise, and then premise and mask stay.
    for latent in ("premise", "mask", "letter_state"):
        values = machine.latents[latent][drawn.states]
        assert (values[:, :2] == -1).all()
        assert (values[:, 2:] >= 0).all()
        if latent != "letter_state":
            assert (values[:, 2:] == values[:, 2:3]).all()
    premise, mask, state = (
        machine.latents[latent][drawn.states] for latent in ("premise", "mask", "letter_state")
    )
    np.testing.assert_array_equal(premise[:, -1], drawn.tokens[:, 1] - FIRST_PREMISE)
    # Shares: of each mask by premise, of each step by mask, of a state's own letter.
    for said in range(5):
        of = mask[premise[:, -1] == said, -1]
        assert len(of) == pytest.approx(800, abs=120)
        np.testing.assert_allclose(np.bincount(of, minlength=4) / len(of), PRIOR[said], atol=0.07)
    step = np.diff(state[:, 2:], axis=1) % 3
    for place, name in enumerate(MASKS):
        of = step[mask[:, -1] == place].ravel()
        np.testing.assert_allclose(np.bincount(of, minlength=3) / len(of), STEPS[name], atol=0.01)
    own = drawn.tokens[:, 2:] - FIRST_LETTER == state[:, 3:]
    assert own.mean() == pytest.approx(0.85, abs=0.005)


def test_balanced_documents() -> None:
    tokens, mask = balanced(2, np.random.default_rng(1))
    assert tokens.shape == (200, LENGTH)
    np.testing.assert_array_equal(np.bincount(tokens[:, 1], minlength=6), [0, *[40] * 5])
    for premise in range(5):
        found = np.bincount(mask[tokens[:, 1] == FIRST_PREMISE + premise], minlength=4)
        np.testing.assert_array_equal(found, np.round(40 * PRIOR[premise]))
    again, _ = balanced(2, np.random.default_rng(1))
    np.testing.assert_array_equal(tokens, again)
    assert balanced(1, np.random.default_rng(1), length=9)[0].shape == (100, 9)


# ------------------------------------------------------------------------------- the optimum


def after_all_prefixes(longest: int) -> Floats:
    """Mean entropy of each letter, exact: over every premise and every way to go on."""
    machine = masks()
    nats = np.zeros(longest)
    for premise in range(5):
        (*_, belief) = machine.beliefs(document(premise, ()))
        chance = np.full(1, 1 / 5)
        for place in range(longest):
            nats[place] += chance @ entropy(machine.ahead(belief))
            joint = np.stack([belief @ machine.token_transitions[letter] for letter in (6, 7, 8)])
            said = joint.sum(-1)
            belief = (joint / said[..., None]).reshape(-1, machine.states)
            chance = (chance * said).ravel()
    return nats


def test_the_optimum_of_the_first_letters_is_exact() -> None:
    nats = after_all_prefixes(7)
    assert nats[0] == pytest.approx(math.log(3))
    np.testing.assert_allclose(nats[[0, 1, 2, 4]], [1.099, 1.040, 0.987, 0.937], atol=6e-4)
    assert (np.diff(nats) < 0).all()


@functools.cache
def sample() -> tuple[Ints, Ints, Floats]:
    """Documents, their masks and the truth about their letters."""
    tokens, mask = balanced(40, np.random.default_rng(2))
    return tokens, mask, masks().laws(tokens)[:, OPENING:]


def test_the_optimum_and_the_oracle() -> None:
    tokens, mask, truth = sample()
    nats = entropy(truth)
    assert nats.mean() == pytest.approx(0.878, abs=0.002)
    places = np.array([10, 20, 40, 62]) - 1
    np.testing.assert_allclose(nats.mean(0)[places], [0.894, 0.868, 0.860, 0.856], atol=0.006)
    # What is said costs what was expected.
    said = losses(masks().laws(tokens), tokens)[:, OPENING:]
    difference = (said - nats).mean(1)
    assert abs(difference.mean()) < 4 * difference.std() / math.sqrt(len(tokens))
    oracle = entropy(mask_known(tokens, mask))
    assert oracle.mean() == pytest.approx(0.861, abs=0.002)
    assert (nats.mean(0) > oracle.mean(0) - 1e-3).all()


def test_gain_of_the_oracle_is_the_information_of_letters_about_the_mask() -> None:
    tokens, mask, truth = sample()
    *_, belief = masks().beliefs(tokens)
    before = entropy(PRIOR).mean()
    left = entropy(latent_law(masks(), belief, "mask"))
    assert before == pytest.approx(1.0296, abs=1e-4)
    assert left.mean() == pytest.approx(0.0080, abs=0.002)
    information = before - left.mean()
    assert information == pytest.approx(1.021, abs=0.002)
    gained = (entropy(truth) - entropy(mask_known(tokens, mask))).sum(1)
    error = gained.std() / math.sqrt(len(tokens))
    assert gained.mean() == pytest.approx(information, abs=4 * error)


def by_place(machine: Machine, longest: int) -> Floats:
    """The entropy of each token given those before it, exact: differences of block entropies."""
    joint = [
        joint_law(machine, machine.start[None], n).reshape(1, -1) for n in range(1, longest + 1)
    ]
    return np.diff([0.0, *(entropy(law)[0] for law in joint)])


def test_three_masks_have_one_rate() -> None:
    nats = [
        by_place(machine_from_matrices("abc", MOVES[mask] * EMISSIONS.T[:, None, :]), 8)
        for mask in range(4)
    ]
    np.testing.assert_allclose(nats[1], nats[0], rtol=1e-10)
    np.testing.assert_allclose(nats[2], nats[0], rtol=1e-10)
    assert nats[0][-1] == pytest.approx(0.7935, abs=1e-4)
    assert nats[3][-1] == pytest.approx(1.048, abs=5e-4)


# ------------------------------------------------------------------------ ablated predictors


EVERY_LETTER, SECOND_HALF = slice(None), slice(31, None)
PRICED_OVER = {name: SECOND_HALF if "forget" in name else EVERY_LETTER for name in ABLATED}
PRICES = {
    "never-infer": (0.124, 0.0025),
    "forget-8": (0.056, 0.0025),
    "forget-16": (0.020, 0.002),
    "commit": (0.0081, 0.0005),
    "ignore-premise": (0.0057, 0.0003),
}
"""As published, and how far a mean over the sample may lie from them."""


@pytest.mark.parametrize("name", ABLATED)
def test_prices_of_ablated_predictors(name: str) -> None:
    tokens, _, truth = sample()
    laws = ABLATED[name](tokens)
    assert laws.shape == truth.shape == (len(tokens), LENGTH - OPENING, len(VOCABULARY))
    assert laws.dtype == np.float64
    np.testing.assert_allclose(laws.sum(-1), 1, rtol=1e-12)
    assert (laws[..., :FIRST_LETTER] == 0).all()
    assert (laws[..., FIRST_LETTER:] > 0).all()
    nats = divergence(truth, laws)
    assert nats.min() > -1e-12
    price, margin = PRICES[name]
    assert nats[:, PRICED_OVER[name]].mean() == pytest.approx(price, abs=margin)
    # It is also what is lost on the letters that were said, but for chance.
    of = slice(OPENING, None)
    said = (tokens[:, of], losses(laws, tokens[:, of]), losses(truth, tokens[:, of]))
    difference = (said[1] - said[2] - nats).mean(1)
    assert abs(difference.mean()) < 4 * difference.std() / math.sqrt(len(tokens))


def test_a_window_costs_nothing_until_it_is_full() -> None:
    tokens, _, truth = sample()
    tokens, truth = tokens[:200], truth[:200]
    np.testing.assert_allclose(of_masks.forget(tokens, 62), truth, atol=1e-12)
    laws = of_masks.forget(tokens, 8)
    np.testing.assert_allclose(laws[:, :8], truth[:, :8], atol=1e-12)
    nats = divergence(truth, of_masks.forget(tokens, 8)).mean(0)
    assert nats[8] > 0.005
    # The premise and the letters before the window are gone.
    other = tokens.copy()
    other[:, 1] = FIRST_PREMISE + (tokens[:, 1] - FIRST_PREMISE + 1) % 5
    other[:, 2:22] = FIRST_LETTER + (tokens[:, 2:22] - FIRST_LETTER + 1) % 3
    np.testing.assert_array_equal(of_masks.forget(other, 8)[:, 28:], laws[:, 28:])
    assert (of_masks.forget(other, 8)[:, 27] != laws[:, 27]).any()


def test_other_predictors_mix_the_laws_of_the_masks() -> None:
    tokens, _, truth = sample()
    tokens, truth = tokens[:200], truth[:200]
    premise = tokens[:, 1] - FIRST_PREMISE
    voices = np.stack([mask_known(tokens, np.full(200, mask)) for mask in range(4)], 2)
    weights = np.stack(
        [latent_law(masks(), b, "mask")[:, :4] for b in masks().beliefs(tokens)][2:-1], 1
    )
    np.testing.assert_allclose((weights[..., None] * voices).sum(2), truth, atol=1e-12)
    never = (PRIOR[premise][:, None, :, None] * voices).sum(2)
    np.testing.assert_allclose(of_masks.never_infer(tokens), never, atol=1e-12)
    # Who commits speaks with the voice of the likeliest mask, and of one alone.
    laws = of_masks.commit(tokens)
    ranked = np.sort(weights, -1)
    clear = ranked[..., -1] > ranked[..., -2] + 1e-9
    assert clear.mean() > 0.95
    chosen = np.take_along_axis(voices, weights.argmax(-1)[:, :, None, None], 2)[:, :, 0]
    np.testing.assert_allclose(laws[clear], chosen[clear], atol=1e-12)
    # Of equally likely ones the first: here all four, after P4 and one letter.
    tied = premise == 4
    np.testing.assert_allclose(laws[tied, 1], voices[tied, 1, 0], atol=1e-12)
    # To whom the premise says nothing all premises are P4.
    none = tokens.copy()
    none[:, 1] = FIRST_PREMISE + PREMISES.index("P4")
    ignoring = of_masks.ignore_premise(tokens)
    np.testing.assert_allclose(ignoring, masks().laws(none)[:, OPENING:], atol=1e-12)


@pytest.mark.parametrize("name", [*ABLATED, "truth"])
def test_no_letter_is_special(name: str) -> None:
    tokens = sample()[0][::80]
    turned = tokens.copy()
    turned[:, OPENING:] = FIRST_LETTER + (tokens[:, OPENING:] - FIRST_LETTER + 1) % 3
    predictor: Callable[[Ints], Floats] = ABLATED.get(
        name, lambda tokens: masks().laws(tokens)[:, OPENING:]
    )
    before, after = (predictor(each)[..., FIRST_LETTER:] for each in (tokens, turned))
    np.testing.assert_allclose(np.roll(before, 1, axis=-1), after, atol=1e-12)


@pytest.mark.parametrize(
    "tokens",
    [
        [[1, 1, 6, 7]],
        [[0, 6, 6, 7]],
        [[0, 0, 6, 7]],
        [[0, 1, 6, 5]],
        [[0, 1, 6, 9]],
        [[0, 1, 6, -1]],
        [[0, 1, 6, 7], [0, 1, 2, 6]],
    ],
)
def test_rejects_tokens_that_are_not_a_document(tokens: list[list[int]]) -> None:
    for predictor in ABLATED.values():
        with pytest.raises(ValueError, match="a document is"):
            predictor(np.array(tokens))
    with pytest.raises(ValueError, match="a document is"):
        mask_known(np.array(tokens), np.zeros(len(tokens), dtype=np.int64))


# ------------------------------------------------------------------------------------- chains


def test_last_token_is_sufficient_in_a_markov_chain() -> None:
    machine = chains.markov()
    assert machine.vocabulary == tuple("01234567")
    drawn = machine.draw(3000, 30, np.random.default_rng(0))
    np.testing.assert_array_equal(drawn.tokens, drawn.states[:, 1:])
    laws = machine.laws(drawn.tokens)
    rows = machine.transition.toarray()
    np.testing.assert_allclose(laws[:, 1:], rows[drawn.tokens[:, :-1]], atol=1e-15)
    np.testing.assert_allclose(laws[:, 0], np.tile(machine.start, (3000, 1)), atol=1e-15)
    assert len(np.unique(rows)) == 64
    np.testing.assert_allclose(machine.start @ rows, machine.start, atol=1e-12)
    counts = np.zeros((8, 8))
    np.add.at(counts, (drawn.tokens[:, :-1], drawn.tokens[:, 1:]), 1)
    np.testing.assert_allclose(counts / counts.sum(1, keepdims=True), rows, atol=0.03)
    nats = by_place(machine, 4)
    np.testing.assert_allclose(nats[1:], machine.start @ entropy(rows), rtol=1e-10)


def test_rows_come_from_the_seed() -> None:
    assert chains.markov(3) is chains.markov(3)
    rows = [chains.markov(seed).transition.toarray() for seed in (0, 1)]
    assert not np.allclose(rows[0], rows[1])
    assert chains.markov(0, symbols=5).states == 5
    nats = [chains.markov(0, concentration=c) for c in (0.1, 1.0, 10.0)]
    assert np.all(np.diff([by_place(each, 2)[1] for each in nats]) > 0)


def test_mess3() -> None:
    nats = by_place(chains.mess3(), 9)
    np.testing.assert_allclose(nats[[0, 1, 4, 8]], [1.0986, 0.8577, 0.7947, 0.7935], atol=6e-5)
    assert (np.diff(nats) < 0).all()
    # Almost nothing to learn at the values that libraries have as their defaults.
    assert by_place(chains.mess3(0.15, 0.6), 6)[-1] == pytest.approx(1.0889, abs=6e-5)
    assert chains.mess3().latents["letter_state"].tolist() == [0, 1, 2]


def test_sticky_is_mess3() -> None:
    letters = np.random.default_rng(4).integers(0, 3, (50, 20))
    tokens = np.hstack([np.tile([0, 1], (50, 1)), FIRST_LETTER + letters])
    sticky = mask_known(tokens, np.zeros(50, dtype=np.int64))[..., FIRST_LETTER:]
    np.testing.assert_allclose(sticky, chains.mess3().laws(letters), atol=1e-12)


def test_rrxor() -> None:
    machine = chains.rrxor()
    nats = by_place(machine, 8)
    np.testing.assert_allclose(nats[[0, 1, 4]], [0.6931, 0.6931, 0.5987], atol=6e-5)
    np.testing.assert_allclose(machine.start @ machine.transition, machine.start, atol=1e-15)
    # The state follows from the last state and the token, so this is the rate.
    rate = machine.start @ entropy(machine.emission.toarray())
    assert rate == pytest.approx(2 * math.log(2) / 3, abs=1e-12)
    assert (nats > rate).all()
    drawn = machine.draw(600, 9, np.random.default_rng(0))
    places = machine.latents["phase"][drawn.states[:, 0]]
    assert set(places.tolist()) == {0, 1, 2}
    for tokens, place in zip(drawn.tokens, places, strict=True):
        whole = tokens[(3 - place) % 3 :]
        for first, second, third in whole[: len(whole) // 3 * 3].reshape(-1, 3):
            assert third == first ^ second
